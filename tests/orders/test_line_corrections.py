"""Corrections of lines before packing: units, SKUs, added and removed lines (R-ORD-15)."""

from __future__ import annotations

import pytest
from django.test import Client

from channels.contract.adapter import ChannelAdapter
from channels.contract.records.orders import RemoteState
from channels.contract.records.updates import Outcome
from channels.models import OutboxMessage
from orders.models import Order, OrderEvent, OrderLine, OrderSettings
from orders.ops.doctor_checks import CHECKS
from orders.outbound.fulfilment_handler import FulfilmentHandler
from orders.services import carriers, decisions, packing
from orders.services.corrections.lines import correct_lines
from tests.orders.desk import (
    DESK,
    an_order,
    comes,
    counters,
    fingerprint,
    line,
    path,
    record,
    shelf,
    status,
    stocked,
    store,
)
from tests.orders.test_corrections import correct, units_of

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-ORD-15")]


@pytest.fixture
def shop():
    stocked("MUG", leeds=9)
    stocked("TEE", leeds=2)
    return store()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def test_fewer_units_release_stock_and_a_released_order_moves_back_to_new(owner, shop):
    order = an_order(shop, MUG=5)
    packing.release([order.pk], by=DESK)
    total = order.total

    said = correct(owner, order, "lines", **units_of(order, MUG=2))

    order.refresh_from_db()
    assert said == ["Corrected: MUG: 5 → 2 units. Shop was not sent the correction."]
    assert (order.status, order.units, order.total, counters(order)) == ("new", 2, total, [(5, 2, 0, 3)])
    assert shelf("MUG") == (9, 2)
    event = OrderEvent.objects.filter(order=order).latest("pk")
    assert (event.text, event.data) == (
        "Lines corrected: MUG: 5 → 2 units. buyer asked by phone",
        {"changes": ["MUG: 5 → 2 units"]},
    )
    assert path(order)[-1] == ("correct_lines", "rfp", "new")


def test_an_import_of_the_same_lines_does_not_bring_the_units_back(owner, shop):
    order = an_order(shop, MUG=5)
    correct(owner, order, "lines", **units_of(order, MUG=2))

    comes(shop, record(order.external_id, minutes=1, price="11", MUG=5))

    assert (status(order), counters(order), shelf("MUG")) == ("new", [(5, 2, 0, 3)], (9, 2))


def test_more_units_than_the_channel_has_are_a_line_that_it_does_not_know(owner, shop):
    order = an_order(shop, MUG=2)

    correct(owner, order, "lines", **units_of(order, MUG=4))
    comes(shop, record(order.external_id, minutes=1, price="11", MUG=2))

    added = order.lines.get(is_added=True)
    assert (added.quantity, added.allocated, bool(added.total), added.sku) == (2, 2, False, "MUG")
    assert (status(order), shelf("MUG")) == ("new", (9, 4))
    page = owner.get(f"/admin/orders/order/{order.pk}/").content.decode()
    assert "added in Manifold; Shop is sent no shipment of it" in page


def test_units_that_were_removed_can_be_put_back(owner, shop):
    order = an_order(shop, MUG=5)
    correct(owner, order, "lines", **units_of(order, MUG=2))

    correct(owner, order, "lines", **units_of(order, MUG=4))

    assert (counters(order), order.lines.get().dropped) == ([(5, 4, 0, 1)], 1)


def test_another_sku_is_shipped_in_place_of_the_one_that_was_sold(owner, shop):
    order = an_order(shop, MUG=1)
    pk = order.lines.get().pk

    said = correct(owner, order, "lines", **{f"sku-{pk}": "tee"})
    comes(shop, record(order.external_id, minutes=1, price="11", MUG=1))

    row = OrderLine.objects.select_related("variant").get(pk=pk)
    assert said == ["Corrected: MUG → TEE. Shop was not sent the correction."]
    assert (row.sku, str(row.variant), row.is_substituted, row.allocated) == ("MUG", "TEE", True, 1)
    assert (shelf("MUG"), shelf("TEE"), status(order)) == ((9, 0), (2, 1), "new")


def test_an_added_line_without_stock_makes_the_order_partial(owner, shop):
    order = an_order(shop, MUG=1)

    said = correct(owner, order, "lines", **{"add-sku-1": "TEE", "add-units-1": "3"})

    assert said == [
        (
            "Corrected: 3 × TEE added. 1 units are not in stock. The order continues when they arrive."
            " Shop was not sent the correction."
        )
    ]
    assert (status(order), counters(order)) == ("partial", [(1, 1, 0, 0), (3, 2, 0, 0)])


def test_a_removed_line_stays_removed(owner, shop):
    order = an_order(shop, MUG=1, TEE=1)

    correct(owner, order, "lines", **units_of(order, TEE=0))
    comes(shop, record(order.external_id, minutes=1, price="11", MUG=1, TEE=1))

    assert (counters(order), shelf("TEE")) == ([(1, 1, 0, 0), (1, 0, 0, 1)], (2, 0))


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"MUG": 0}, "No unit would be left. Use “Cancel order” instead."),
        ({"MUG": 100_001}, "Enter a number of units from 0 to 100,000."),
        ({"MUG": "two"}, "“two” is not a number of units."),
        ({"MUG": "-1"}, "“-1” is not a number of units."),
        ({"MUG": 3}, "Nothing was changed: the order has these lines already."),
        ({"add-sku-1": "NOPE"}, "No product has the SKU “NOPE”."),
        ({"add-sku-1": "TEE", "add-units-1": "0"}, "Enter at least one unit of each added line."),
    ],
)
def test_an_impossible_correction_is_one_sentence_and_changes_nothing(owner, shop, typed, sentence):
    order = an_order(shop, MUG=3)
    before = fingerprint()
    pk = order.lines.get().pk

    said = correct(
        owner,
        order,
        "lines",
        **{f"units-{pk}" if key == "MUG" else key: value for key, value in typed.items()},
    )

    assert said == [sentence]
    assert fingerprint() == before


def test_the_channel_is_sent_no_shipment_of_an_added_line():
    shop = store("Deals", channel="bigcommerce")
    OrderSettings.objects.filter(connection=shop).update(
        default_carrier=carriers.save_carrier(name="DHL", tracking_url="", by=DESK)
    )
    stocked("MUG", leeds=9)
    comes(shop, record("5", lines=(line("L1", "MUG", 2),)))
    order = Order.objects.get()
    correct_lines(
        order_id=order.pk, units={order.lines.get().pk: 3}, skus={}, added=[], reason="gift", by=DESK
    )
    for move in (packing.release, packing.pack, packing.mark_ready_to_ship):
        assert move([order.pk], by=DESK)[0].ok

    sent = []

    class Adapter:
        def push_fulfilment(self, update):
            sent.append((dict(update.lines), update.is_whole_order))
            return Outcome(update.ref)

    adapter: ChannelAdapter = Adapter()  # type: ignore[assignment]
    FulfilmentHandler().send(shop, list(OutboxMessage.objects.filter(group=order.pk)), adapter)

    assert sent == [({"L1": 2}, True)]


def test_the_figures_close_after_every_kind_of_correction(owner, shop):
    order = an_order(shop, MUG=3, TEE=1)
    rows = {row.sku: row.pk for row in order.lines.all()}

    correct(
        owner, order, "lines",
        **{f"units-{rows['MUG']}": 5, f"sku-{rows['TEE']}": "MUG", "add-sku-1": "TEE", "add-units-1": "2"},
    )  # fmt: skip
    comes(shop, record(order.external_id, minutes=1, price="11", MUG=2, TEE=1))
    decisions.cancel([order.pk], reason="no", by=DESK)
    comes(shop, record(order.external_id, RemoteState.CANCELLED, minutes=2, price="11", MUG=2, TEE=1))

    assert (status(order), shelf("MUG"), shelf("TEE")) == ("cancelled_by_seller", (9, 0), (2, 0))
    assert [name for name, check in CHECKS.items() if not check().ok] == []
