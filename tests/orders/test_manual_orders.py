"""Orders that people enter: the same sink, stock and statuses as the orders of a channel (R-OFF-01, R-CONN-05)."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels.contract.records.orders import AddressRecord, PaymentState
from channels.models import OutboxMessage
from oms.kit.authors.actors import Author
from orders.domain.manual.checks import ManualLine, ManualOrder
from orders.domain.manual.totals import Discount
from orders.errors import OrderError
from orders.models import Order, OrderEvent, Shipment
from orders.services import carriers, decisions, manual_orders, packing
from orders.services.buyers.redaction import redact
from orders.services.stock import unpaid_stock
from tests import factories
from tests.orders import desk

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-OFF-01", "R-CONN-05")]
D = Decimal
HOME = AddressRecord(name="Jo Doe", line1="1 High Street", city="Leeds", postcode="LS1 1AA", country="GB")


@pytest.fixture
def stall():
    """An offline store that sells from Leeds: 5 mugs at 12.00 and 2 tees at 24.00."""
    store = desk.store("Stall", channel="offline", options={"tax_rate": "20"})
    for sku, units, price in (("MUG", 5, "12.00"), ("TEE", 2, "24.00")):
        variant = desk.stocked(sku, leeds=units)
        variant.price, variant.currency = D(price), "GBP"
        variant.save(update_fields=["price", "currency"])
    return store


def an_entry(*lines: ManualLine, **more) -> ManualOrder:
    more.setdefault("reference", "form-1")
    return ManualOrder(
        lines=lines or (ManualLine("MUG", 2),),
        customer_name="Jo Doe",
        ship_to=more.pop("ship_to", HOME),
        **more,
    )


def enter(store, order: ManualOrder, by: Author = desk.DESK) -> Order:
    outcome = manual_orders.enter_order(order, connection=store, by=by)
    assert outcome.errors == {}
    assert outcome.order_id is not None
    return Order.objects.get(pk=outcome.order_id)


def test_an_order_takes_stock_and_is_shipped_like_any_other(stall):
    anna = factories.user("anna")
    royal_mail = carriers.save_carrier(name="Royal Mail", by=desk.DESK)
    entry = an_entry(
        ManualLine("MUG", 2), ManualLine("TEE", 1, D("20")), carrier="royal mail", shipping=D("3.95")
    )
    order = enter(stall, entry, Author("person", anna.pk, "anna"))

    assert (order.number, order.status, order.is_paid, order.payment_state) == ("M-1", "new", True, "paid")
    assert (order.items_total, order.tax_total, order.total) == (D("44"), D("7.99"), D("47.95"))
    assert (desk.shelf("MUG"), desk.shelf("TEE")) == ((5, 2), (2, 1))
    placed = OrderEvent.objects.get(order=order, kind="placed")
    assert (placed.text, placed.actor, placed.author) == ("Entered by hand", "person", anna)
    assert desk.problems(order) == []

    for move in (packing.release, packing.pack, packing.mark_ready_to_ship):
        assert [outcome.ok for outcome in move([order.pk], by=desk.DESK)] == [True]
    assert desk.status(order) == "rts"
    assert Shipment.objects.get(order=order).carrier == royal_mail
    assert OutboxMessage.objects.filter(kind="event", group=order.pk).count() == 0


def test_another_store_is_offered_less_at_once(stall):
    web = desk.store("Web")
    factories.listed("MUG", web)
    OutboxMessage.objects.all().delete()

    enter(stall, an_entry(ManualLine("MUG", 2)))

    assert OutboxMessage.objects.filter(connection=web, topic="stock").count() == 1


def test_what_is_sent_twice_is_entered_once(stall):
    first = enter(stall, an_entry())
    before = desk.fingerprint()

    again = manual_orders.enter_order(
        replace(an_entry(), customer_name="Somebody else"), connection=stall, by=desk.DESK
    )

    assert (again.order_id, again.number, again.is_new) == (first.pk, "M-1", False)
    assert desk.fingerprint() == before


def test_numbers_count_up_and_a_refused_order_takes_none(stall):
    refused = manual_orders.enter_order(
        an_entry(ManualLine("MUGG"), reference="a"), connection=stall, by=desk.DESK
    )
    numbers = [enter(stall, an_entry(reference=key)).number for key in "bc"]

    assert refused.errors == {"lines.0.sku": "No product has the SKU “MUGG”. Search for another one."}
    assert refused.order_id is None
    assert numbers == ["M-1", "M-2"]
    assert Order.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"customer_name": " "}, "customer_name"),
        ({"customer_email": "jo at home"}, "customer_email"),
        ({"customer_phone": "call me"}, "customer_phone"),
        ({"ship_to": AddressRecord(city="Leeds", country="GB")}, "line1"),
        ({"ship_to": AddressRecord(line1="1 High Street", country="GB")}, "city"),
        ({"ship_to": AddressRecord(line1="1 High Street", city="Leeds", country="uk?")}, "country"),
        ({"lines": ()}, "lines"),
        ({"lines": (ManualLine("MUG", 0),)}, "lines.0.quantity"),
        ({"lines": (ManualLine("MUG", 2_000_000),)}, "lines.0.quantity"),
        ({"lines": (ManualLine("MUG", 1, D(-1)),)}, "lines.0.price"),
        ({"lines": (ManualLine("MUG", 1, D(10) ** 9),)}, "lines.0.price"),
        ({"lines": (ManualLine("MUG", 1, D(5), Discount(D(6))),)}, "lines.0.discount"),
        ({"discount": Discount(D("24.01"))}, "discount"),
        ({"shipping": D(-1)}, "shipping"),
        ({"tax_rate": D(101)}, "tax_rate"),
        ({"carrier": "Nobody"}, "carrier"),
        ({"payment": PaymentState.PART_PAID}, "paid"),
        ({"payment": PaymentState.PART_PAID, "paid": D(24)}, "paid"),
        ({"payment": PaymentState.UNKNOWN}, "payment"),
    ],
)
def test_what_is_wrong_is_named_by_its_field_and_nothing_is_stored(stall, change, field):
    outcome = manual_orders.enter_order(replace(an_entry(), **change), connection=stall, by=desk.DESK)

    assert list(outcome.errors) == [field]
    assert Order.objects.count() == 0
    assert desk.shelf("MUG") == (5, 0)


def test_a_sku_without_a_price_needs_one(stall):
    desk.stocked("NEW", leeds=1)
    entry = an_entry(ManualLine("NEW"))

    assert manual_orders.enter_order(entry, connection=stall, by=desk.DESK).errors == {
        "lines.0.price": "NEW has no price in this store. Enter one."
    }
    assert enter(stall, replace(entry, lines=(ManualLine("NEW", 1, D(0)),))).total == 0


def test_the_price_is_that_of_the_store_and_the_lower_selling_price_counts(stall):
    factories.listed("MUG", stall, price=D("11"), selling_price=D("9.50"))

    assert enter(stall, an_entry(ManualLine("MUG", 2))).total == D("19.00")


def test_prices_without_tax(stall):
    order = enter(stall, an_entry(ManualLine("MUG", 2), tax_rate=D("5.5"), prices_include_tax=False))

    assert (order.prices_include_tax, order.tax_total, order.total) == (False, D("1.32"), D("25.32"))
    assert desk.problems(order) == []


@pytest.mark.parametrize(
    ("payment", "paid", "status", "paid_total"),
    [
        (PaymentState.PAID, None, "new", D(24)),
        (PaymentState.ON_ACCOUNT, None, "new", D(0)),
        (PaymentState.PART_PAID, D(10), "unpaid", D(10)),
        (PaymentState.UNPAID, None, "unpaid", D(0)),
    ],
)
def test_how_it_is_paid_decides_whether_it_waits(stall, payment, paid, status, paid_total):
    order = enter(stall, an_entry(payment=payment, paid=paid))

    assert (order.status, order.payment_state, order.paid_total) == (status, str(payment), paid_total)
    assert desk.shelf("MUG") == (5, 2)
    if status == "unpaid":
        decisions.mark_paid([order.pk], by=desk.DESK)
        assert desk.status(order) == "new"
        assert (order.payment_state, order.paid_total) == ("paid", D(24))


def test_a_deposit_keeps_its_stock_and_an_unpaid_order_does_not(stall):
    old = timezone.now() - timedelta(days=30)
    deposit = an_entry(
        ManualLine("MUG", 1), reference="a", payment=PaymentState.PART_PAID, paid=D(5), placed_at=old
    )
    unpaid = an_entry(ManualLine("MUG", 3), reference="b", payment=PaymentState.UNPAID, placed_at=old)
    enter(stall, deposit)
    enter(stall, unpaid)

    unpaid_stock.release_unpaid()

    assert desk.shelf("MUG") == (5, 1)


def test_what_is_not_in_stock_makes_it_partial(stall):
    order = enter(stall, an_entry(ManualLine("TEE", 3)))

    assert order.status == "partial"
    assert desk.counters(order) == [(3, 2, 0, 0)]


def test_a_quote_waits_for_approval(stall):
    order = enter(stall, an_entry(is_draft=True))
    assert order.status == "draft"

    decisions.approve([order.pk], by=desk.DESK)

    assert desk.status(order) == "new"


def test_an_order_that_is_collected_needs_no_address_and_no_carrier_is_missing(stall):
    order = enter(stall, an_entry(is_collected=True, ship_to=AddressRecord()))

    assert desk.problems(order) == []
    assert order.ship_to["line1"] == "Collected by the customer"
    for move in (packing.release, packing.pack, packing.mark_ready_to_ship):
        assert [outcome.message for outcome in move([order.pk], by=desk.DESK) if not outcome.ok] == []
    assert desk.status(order) == "rts"


def test_the_note_is_internal_and_the_store_releases_by_itself_if_it_is_set_so():
    store = desk.store("Stall", channel="offline", settings={"auto_release": True})
    desk.stocked("MUG", leeds=5)
    order = enter(store, an_entry(ManualLine("MUG", 1, D(1)), note="Ring first", buyer_note="Gift"))

    assert (order.status, order.buyer_note) == ("rfp", "Gift")
    assert list(order.notes.values_list("text", flat=True)) == ["Ring first"]


def test_a_store_of_another_channel_refuses():
    web = desk.store("Web")

    with pytest.raises(OrderError, match="use an offline store"):
        manual_orders.enter_order(an_entry(), connection=web, by=desk.DESK)
    assert manual_orders.stores_with_manual_orders() == []


def test_many_orders_of_a_file_cost_the_same_and_one_wrong_order_stops_no_other(stall):
    def entries(name: str, count: int) -> list[ManualOrder]:
        return [
            an_entry(ManualLine("MUG", 1), ManualLine("TEE", 1), reference=f"{name}{n}") for n in range(count)
        ]

    counts = []
    for name, count in (("a", 2), ("b", 12)):
        with CaptureQueriesContext(
            database,
        ) as queries:
            outcomes = manual_orders.enter_orders(
                [*entries(name, count), an_entry(ManualLine("?"), reference=f"{name}-wrong")],
                connection=stall,
                by=Author("command", None, "manage.py import_excel"),
            )
        counts.append(len(queries))
        assert [outcome.is_new for outcome in outcomes] == [True] * count + [False]
        assert outcomes[-1].errors
    assert counts[0] == counts[1]
    assert Order.objects.count() == 14
    assert OrderEvent.objects.filter(text="Entered by manage.py import_excel").count() == 14


def test_the_same_order_twice_in_one_file_is_entered_once(stall):
    outcomes = manual_orders.enter_orders([an_entry(), an_entry()], connection=stall, by=desk.DESK)

    assert [outcome.is_new for outcome in outcomes] == [True, False]
    assert len({outcome.order_id for outcome in outcomes}) == Order.objects.count() == 1


def test_its_document_loses_the_buyer_and_nothing_else(stall):
    order = enter(stall, an_entry(note="Ring Jo", customer_email="jo@example.com"))

    redact(order, "Erased")

    order.refresh_from_db()
    document = zlib.decompress(bytes(order.native.document)).decode()
    assert "Jo" not in document
    assert "High Street" not in document
    assert json.loads(document)["lines"][0]["sku"] == "MUG"
