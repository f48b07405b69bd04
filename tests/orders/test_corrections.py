"""Corrections before packing: address, contact, shipping method, units, SKUs, lines (R-ORD-15)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from channels.contract.records.orders import AddressRecord, RemoteState
from channels.contract.records.updates import Outcome
from channels.models import OutboxMessage
from oms.kit.models import Problem
from orders.domain.addresses import faults_of
from orders.models import Order, OrderEvent, OrderLine, OrderSettings
from orders.ops.doctor_checks import CHECKS
from orders.outbound.fulfilment_handler import FulfilmentHandler
from orders.services import carriers, decisions, packing
from orders.services import problems as problem_services
from orders.services.corrections.lines import correct_lines
from tests import factories
from tests.orders.desk import (
    DESK,
    HOME,
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
from tests.orders.desk import problems as codes

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-ORD-15")]

NEW_HOME = {
    "to_name": "Jo Doe",
    "to_line1": "2 Low Street",
    "to_city": "York",
    "to_postcode": "yo1 7aa",
    "to_country": "gb",
}
CONTACT = {
    "customer_name": "Jo Doe",
    "customer_email": "jo@example.com",
    "customer_phone": "",
    "shipping_method": "Royal Mail",
}


@pytest.fixture
def shop():
    stocked("MUG", leeds=9)
    stocked("TEE", leeds=2)
    return store()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def address_of(order: Order) -> str:
    return f"/admin/orders/order/{order.pk}/correct/"


def shown(owner: Client, order: Order) -> dict[str, str]:
    """The hidden fields of the two forms."""
    context = owner.get(address_of(order)).context
    return {
        "contact": context["contact_seen"],
        "lines": context["lines_seen"],
        "token": context["form_token"],
    }


def correct(owner: Client, order: Order, what: str, **typed: object):
    """Send a form as the page has it; the messages of the answer."""
    hidden = shown(owner, order)
    data: dict[str, object] = {"what": what, "seen": hidden[what], "token": f"{hidden['token']}-{what}"}
    if what == "contact":
        now = {f"to_{part}": value for part, value in order.ship_to.items()}
        data |= {**now, **CONTACT}
    answer = owner.post(address_of(order), {**data, "reason": "buyer asked by phone", **typed}, follow=True)
    return [str(message) for message in answer.context["messages"]]


def units_of(order: Order, **skus: int) -> dict[str, int]:
    return {f"units-{row.pk}": skus[row.sku] for row in order.lines.all() if row.sku in skus}


# ------------------------------------------------ address and contact


def test_a_corrected_address_is_used_is_in_the_timeline_and_says_what_the_channel_is_not_sent(owner, shop):
    order = an_order(shop, MUG=1)

    said = correct(owner, order, "contact", **NEW_HOME)

    order.refresh_from_db()
    assert order.ship_to == {
        "name": "Jo Doe", "line1": "2 Low Street", "city": "York", "postcode": "YO1 7AA", "country": "GB",
    }  # fmt: skip
    old, new = "Jo Doe, 1 High Street, LS1 1AA, Leeds, GB", "Jo Doe, 2 Low Street, YO1 7AA, York, GB"
    assert said == [f"Corrected: Ship to: {old} → {new}. Shop was not sent the correction."]
    event = OrderEvent.objects.filter(order=order).latest("pk")
    assert event.text == f"Ship to corrected: {old} → {new}. buyer asked by phone"
    assert (event.kind, event.author.username) == ("contact", "owner")
    page = owner.get(f"/admin/orders/order/{order.pk}/").content.decode()
    assert "Corrected in Manifold: Ship to. Shop was not sent it." in " ".join(page.split())
    assert not OutboxMessage.objects.filter(kind="event", group=order.pk).exists()


def test_an_import_keeps_the_correction_until_the_channel_has_another_address(owner, shop):
    order = an_order(shop, MUG=1)
    correct(owner, order, "contact", **NEW_HOME)

    comes(shop, record(order.external_id, minutes=1, MUG=1, price="12"))
    order.refresh_from_db()
    assert (order.ship_to["city"], order.country, order.total) == ("York", "GB", 12)

    moved = AddressRecord(name="Jo Doe", line1="3 Side Road", city="Paris", postcode="75001", country="FR")
    comes(shop, replace(record(order.external_id, minutes=2, MUG=1), ship_to=moved))
    order.refresh_from_db()
    assert (order.ship_to["city"], order.country, order.corrected) == ("Paris", "FR", {})
    assert "2 Low Street" in OrderEvent.objects.filter(order=order, kind="contact").latest("pk").text


def test_the_channels_own_value_again_is_no_correction_any_more(owner, shop):
    order = an_order(shop, MUG=1)
    correct(owner, order, "contact", customer_phone="0113 1")
    order.refresh_from_db()
    assert list(order.corrected) == ["customer_phone"]

    correct(owner, order, "contact", customer_phone="")

    order.refresh_from_db()
    assert (order.corrected, order.customer_phone) == ({}, "")


def test_the_shipping_method_chooses_the_carrier_of_a_planned_shipment(owner, shop):
    carriers.save_carrier(name="DHL", tracking_url="", by=DESK)
    order = an_order(shop, MUG=1)
    packing.release([order.pk], by=DESK)

    correct(owner, order, "contact", shipping_method="DHL")

    assert str(order.shipments.get().carrier) == "DHL"
    assert status(order) == "rfp"


def test_nothing_is_corrected_without_a_reason_or_when_nothing_differs(owner, shop):
    order = an_order(shop, MUG=1)
    before = fingerprint()

    assert correct(owner, order, "contact", reason="", **NEW_HOME) == []
    assert correct(owner, order, "contact") == ["Nothing was changed: the order has these values already."]
    assert correct(owner, order, "contact", customer_email="no address") == []

    assert fingerprint() == before


@pytest.mark.parametrize("what", ["contact", "lines"])
def test_a_packed_order_is_not_corrected_and_says_what_to_do(owner, shop, what):
    order = an_order(shop, MUG=2)
    typed = {**NEW_HOME, **units_of(order, MUG=1)}
    packing.release([order.pk], by=DESK)
    packing.pack([order.pk], by=DESK)
    before = fingerprint()

    data = {"what": what, "reason": "late", **CONTACT, **typed}
    answer = owner.post(address_of(order), data)

    text = "This order is already packed. Undo packing first, then correct it."
    assert [str(message) for message in answer.context["messages"]] == [text]
    assert fingerprint() == before
    assert b"Correct address</button>" not in owner.get(address_of(order)).content
    assert b"/correct/" not in owner.get(f"/admin/orders/order/{order.pk}/").content


def test_two_people_cannot_correct_what_the_other_has_changed(owner, shop):
    order = an_order(shop, MUG=3)
    hidden = shown(owner, order)
    correct(owner, order, "lines", **units_of(order, MUG=2))
    before = fingerprint()

    data = {"what": "lines", "seen": hidden["lines"], "reason": "again", **units_of(order, MUG=1)}
    answer = owner.post(address_of(order), data)

    assert [str(message) for message in answer.context["messages"]] == [
        "The order was changed since you opened this page. Check it and enter your correction again."
    ]
    assert fingerprint() == before


def test_a_form_that_is_sent_twice_acts_once(owner, shop):
    order = an_order(shop, MUG=3)
    data = {
        "what": "lines", "token": "t-lines", "reason": "add one", "add-sku-1": "TEE", "add-units-1": "1",
    }  # fmt: skip

    owner.post(address_of(order), data)
    owner.post(address_of(order), data)

    assert counters(order) == [(3, 3, 0, 0), (1, 1, 0, 0)]


def test_a_role_that_may_not_work_orders_may_not_correct_them(client, shop):
    order = an_order(shop, MUG=1)
    person = factories.user("packer")
    person.groups.add(Group.objects.get(name="Warehouse"))
    client.force_login(person)

    assert client.get(address_of(order)).status_code == 403
    assert client.post(address_of(order), {"what": "contact", "reason": "x", **NEW_HOME}).status_code == 403
    assert b"/correct/" not in client.get(f"/admin/orders/order/{order.pk}/").content


# ------------------------------------------------ is the address complete?


@pytest.mark.parametrize(
    ("address", "faults"),
    [
        ({"name": "J", "line1": "1 A St", "city": "Leeds", "postcode": "LS1 1AA", "country": "GB"}, []),
        ({"name": "J", "line1": "1 A St", "city": "Leeds", "postcode": "ls11aa", "country": "gb"}, []),
        (
            {"name": "J", "line1": "1 A St", "city": "Leeds", "postcode": "75001", "country": "GB"},
            ["“75001” is not a postcode of GB."],
        ),
        (
            {"name": "J", "line1": "1 A St", "country": "GB"},
            ["The town is missing.", "The postcode is missing."],
        ),
        ({"company": "C", "line1": "1", "city": "Wien", "postcode": "A-1010", "country": "AT"}, []),
        ({"name": "J", "line1": "1", "city": "Riga", "postcode": "LV-1010", "country": "LV"}, []),
        (
            {"name": "J", "line1": "1", "city": "Reno", "postcode": "89501-1234", "country": "US"},
            ["The state or province is missing."],
        ),
        ({"name": "J", "line1": "1", "city": "Cork", "country": "IE"}, []),
        ({"name": "J", "line1": "1", "city": "Dubai", "country": "AE"}, []),
        ({"name": "J", "line1": "1", "postcode": "018956", "country": "SG"}, []),
        (
            {"city": "Leeds"},
            ["The name is missing.", "The street is missing.", "The country is missing."],
        ),
        (
            {"name": "J", "line1": "1", "city": "X", "country": "England"},
            ["“ENGLAND” is not a country code of two letters."],
        ),
    ],
)
def test_the_parts_of_an_address(address, faults):
    assert faults_of(address) == faults


def test_an_incomplete_address_is_a_problem_that_blocks_packing_and_not_the_release(owner, shop):
    where = replace(HOME, postcode="1234", city="")
    comes(shop, replace(record("77", MUG=1), ship_to=where))
    order = Order.objects.get(number="77")

    page = owner.get(f"/admin/orders/order/{order.pk}/").content.decode()

    assert codes(order) == ["address_invalid"]
    assert "The town is missing. “1234” is not a postcode of GB. Correct the address" in page
    assert packing.release([order.pk], by=DESK)[0].ok
    (packed,) = packing.pack([order.pk], by=DESK)
    assert (packed.ok, packed.message) == (False, "Resolve “Address is not complete” first.")

    correct(owner, order, "contact", to_city="Leeds", to_postcode="LS1 1AA")

    assert codes(order) == []
    assert packing.pack([order.pk], by=DESK)[0].ok


def test_a_correction_that_is_wrong_itself_opens_the_problem(owner, shop):
    order = an_order(shop, MUG=1)

    correct(owner, order, "contact", **{**NEW_HOME, "to_postcode": "no"})

    assert codes(order) == ["address_invalid"]


def test_a_dismissed_address_stays_dismissed_until_it_changes(shop):
    where = replace(HOME, postcode="1234")
    comes(shop, replace(record("77", MUG=1), ship_to=where))
    order = Order.objects.get(number="77")
    (problem,) = Problem.objects.filter(subject_id=order.pk, resolved_at=None)
    problem_services.dismiss_problem(problem=problem, how="the buyer says it is right", by=DESK)

    comes(shop, replace(record("77", minutes=1, price="11", MUG=1), ship_to=where))
    assert codes(order) == []
    comes(shop, replace(record("77", minutes=2, MUG=1), ship_to=replace(where, postcode="9")))
    assert codes(order) == ["address_invalid"]
    comes(shop, replace(record("77", minutes=3, MUG=1), ship_to=HOME))
    assert codes(order) == []


def test_an_address_that_staff_entered_ends_the_problem_that_it_is_missing(owner, shop):
    comes(shop, replace(record("77", MUG=1), ship_to=AddressRecord()))
    order = Order.objects.get(number="77")
    assert codes(order) == ["address_missing"]

    correct(owner, order, "contact", **NEW_HOME)
    comes(shop, replace(record("77", minutes=1, price="11", MUG=1), ship_to=AddressRecord()))

    order.refresh_from_db()
    assert (codes(order), order.ship_to["city"]) == ([], "York")


# ------------------------------------------------ lines


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
    assert (added.quantity, added.allocated, added.total, added.sku) == (2, 2, 0, "MUG")
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
    assert (row.sku, row.variant.sku, row.is_substituted, row.allocated) == ("MUG", "TEE", True, 1)
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

    FulfilmentHandler().send(shop, list(OutboxMessage.objects.filter(group=order.pk)), Adapter())

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
