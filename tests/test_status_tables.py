# long because: the four status tables of the requirements stand on one page, both ways.
"""The status tables (R-ORD-08): what each channel's status makes of an order here, and what each move here tells it.

Every case goes through the channel's real stream, client, outbox and sandbox, over HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from channels.contract.registry import specs
from channels.models import Budget, Connection, OutboxMessage, SyncStream
from channels.pull import runner
from channels.sandbox.server import Running
from channels.stores import connect, status_map
from inventory.models import StockItem, StockMovement
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Job, Problem
from orders.models import Allocation, Order, OrderEvent, OrderSettings, Shipment
from orders.services import carriers, completion, decisions, packing
from orders.services import problems as problems_services
from orders.services.handing_over import manifests
from tests.support.workers import work
from tests.test_main_flow import broken_invariants

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-ORD-08")]

CHANNELS = ("opencart", "bigcommerce", "onbuy", "etsy")
#: A status that no table knows.
UNKNOWN = {"opencart": "77", "bigcommerce": "99", "onbuy": "in_a_drawer", "etsy": "sleeping"}
#: The status in which a paid order arrives.
FRESH = {"opencart": "2", "bigcommerce": "11", "onbuy": "awaiting_dispatch", "etsy": "paid"}
CANCELLED = {"opencart": "7", "bigcommerce": "5", "onbuy": "cancelled", "etsy": "canceled"}
SHIPPED = {"opencart": "3", "bigcommerce": "2", "onbuy": "dispatched", "etsy": "completed"}

# ------------------------------------------------ the tables: from the channel to here
#: channel -> status there -> (state of an order that is first read in it, state of a New order that moves to it,
#: problems of the latter). None: the channel has no such way.
READ: dict[str, dict[str, tuple[str, str | None, tuple[str, ...]]]] = {
    "opencart": {
        "1": ("new", "new", ()),  # Pending; a store may read it as unpaid
        "2": ("new", "new", ()),  # Processing
        "15": ("packed", "packed", ()),  # Processed
        "3": ("in_transit", "in_transit", ()),  # Shipped
        "5": ("completed", "completed", ()),  # Complete
        "7": ("cancelled", "cancelled", ()),  # Canceled
        "8": ("cancelled", "cancelled", ()),  # Denied
        "10": ("cancelled", "cancelled", ()),  # Failed
        "14": ("cancelled", "cancelled", ()),  # Expired
        "16": ("cancelled", "cancelled", ()),  # Voided
        "9": ("new", "new", ()),  # Canceled Reversal: the order is live again
        "11": ("returned", "new", ("refunded_there",)),  # Refunded
        "77": ("new", "new", ("unknown_status",)),
    },
    "bigcommerce": {
        "7": ("unpaid", "new", ()),  # Awaiting Payment
        "1": ("draft", "new", ()),  # Pending
        "12": ("draft", "new", ()),  # Manual Verification Required
        "13": ("draft", "new", ()),  # Disputed
        "8": ("new", "new", ()),  # Awaiting Pickup
        "11": ("new", "new", ()),  # Awaiting Fulfillment
        "9": ("packed", "packed", ()),  # Awaiting Shipment
        "2": ("in_transit", "in_transit", ()),  # Shipped
        "10": ("completed", "completed", ()),  # Completed
        "5": ("cancelled", "cancelled", ()),  # Cancelled
        "6": ("cancelled", "cancelled", ()),  # Declined
        "4": ("cancelled", "cancelled", ()),  # Refunded before anything left
        "99": ("new", "new", ("unknown_status",)),
    },
    "onbuy": {
        "awaiting_dispatch": ("new", "new", ()),
        "dispatched": ("in_transit", "in_transit", ()),
        "complete": ("completed", "completed", ()),
        "cancelled": ("cancelled", "cancelled", ()),
        "cancelled_by_buyer": ("cancelled", "cancelled", ()),
        "cancelled_by_seller": ("cancelled", "cancelled", ()),
        "refunded": ("cancelled", "cancelled", ()),  # before dispatch
        "in_a_drawer": ("new", "new", ("unknown_status",)),
    },
    "etsy": {
        "open": ("unpaid", None, ()),
        "paid": ("new", "new", ()),
        "completed": ("in_transit", "in_transit", ()),
        "delivered": ("delivered", "delivered", ()),
        "canceled": ("cancelled", "cancelled", ()),
        "fully refunded": ("cancelled", "cancelled", ()),
        "sleeping": ("new", "new", ("unknown_status",)),
    },
}

# ------------------------------------------------ and from here to the channel
#: channel -> move -> (state here, status there afterwards, what the order says why the channel is not told of it).
WRITE: dict[str, dict[str, tuple[str, str, str]]] = {
    "opencart": {
        "release": ("rfp", "2", ""),
        "pack": ("packed", "2", ""),
        "ready_to_ship": ("rts", "2", ""),  # a comment with the tracking number under Processing
        "hand_over": ("in_transit", "3", ""),
        "mark_delivered": ("delivered", "3", ""),
        "complete": ("completed", "5", ""),
    },
    "bigcommerce": {
        "release": ("rfp", "11", ""),
        "pack": ("packed", "11", ""),
        "ready_to_ship": ("rts", "9", ""),
        "hand_over": ("in_transit", "2", ""),
        "mark_delivered": ("delivered", "2", ""),  # onto the list of what is noted there by hand (R-ORD-14)
        "complete": (
            "completed",
            "2",
            "Not sent to BigCommerce: it is switched off in the store's settings.",
        ),
    },
    "onbuy": {
        "release": ("rfp", "awaiting_dispatch", ""),
        "pack": ("packed", "awaiting_dispatch", ""),
        "ready_to_ship": ("rts", "dispatched", ""),
        "hand_over": (
            "in_transit",
            "dispatched",
            "Not sent to OnBuy: it is switched off in the store's settings.",
        ),
        "mark_delivered": ("delivered", "dispatched", ""),
        "complete": ("completed", "dispatched", "Not sent to OnBuy:"),
    },
    "etsy": {
        "release": ("rfp", "paid", ""),
        "pack": ("packed", "paid", ""),
        "ready_to_ship": ("rts", "completed", ""),  # Completed, pre-transit
        "hand_over": ("in_transit", "completed", "Not sent to Etsy:"),
    },
}
#: channel -> (state here after the seller's cancel, status there, what the order says why it is not told).
CANCEL = {
    "opencart": (
        "seller_cancel_in_process",
        "2",
        "Not sent to OpenCart: it is switched off in the store's settings.",
    ),
    "bigcommerce": ("cancelled_by_seller", "5", ""),
    "onbuy": ("cancelled_by_seller", "cancelled_by_seller", ""),
    "etsy": ("seller_cancel_in_process", "paid", "Not sent to Etsy:"),
}


# ------------------------------------------------ a store of each channel


@dataclass(slots=True)
class Shop:
    """A store that is connected to its channel's sandbox and sends; its products are read."""

    channel: str
    running: Running
    store: Connection

    @property
    def sandbox(self) -> Any:
        return self.running.sandbox

    def place(self) -> str:
        """A buyer orders one unit of something in stock; the order's id there."""
        placed = str(self.sandbox.place_order()["order_id"])
        if self.channel == "opencart":
            self.sandbox.set_status(placed, FRESH["opencart"])
            # Paid in advance: for cash on delivery no payment is awaited.
            paid = {"name": "Bank Transfer", "code": "bank_transfer.bank_transfer"}
            self.sandbox.shop.orders[int(placed)]["payment"].update(paid)
        return placed

    def says(self, number: str, status: str) -> None:
        """The channel, or somebody in it, puts the order into this status."""
        if self.channel == "etsy":
            receipt = self.sandbox.shop.receipts[number]
            if status == "open":
                receipt |= {"is_paid": False, "is_shipped": False}
            self.sandbox.shop.move(receipt, status.title())
        else:
            self.sandbox.set_status(number, status)

    def stands(self, number: str) -> str:
        """The status of the order there."""
        if self.channel == "onbuy":
            return str(self.sandbox.market.orders[number]["status"]).lower().replace(" ", "_")
        if self.channel == "etsy":
            return str(self.sandbox.shop.receipts[number]["status"]).lower()
        return str(self.sandbox.shop.orders[int(number)]["status_id"])

    def pull(self) -> None:
        """Every stream of orders runs once more, from the beginning."""
        streams = SyncStream.objects.filter(connection=self.store, name__startswith="orders.")
        streams = streams.exclude(name="orders.history")
        streams.update(due_at=timezone.now(), cursor_at=timezone.now() - timedelta(hours=2))
        for pk in streams.order_by("name").values_list("pk", flat=True):
            runner.run_stream(pk)

    def order(self, number: str) -> Order:
        return Order.objects.get(connection=self.store, external_id=number)

    def placed(self) -> Order:
        """An order that came in as New."""
        number = self.place()
        self.pull()
        order = self.order(number)
        assert (order.status, faults(order)) == ("new", [])
        return order


@pytest.fixture
def open_shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Shop]]:
    contexts = []
    from channels.connectors.bigcommerce.sandbox import shop as bigcommerce
    from channels.connectors.onbuy.sandbox import market as onbuy

    monkeypatch.setitem(bigcommerce.STATUSES, 99, "In a drawer")
    monkeypatch.setitem(onbuy.LABELS, "in_a_drawer", "In A Drawer")

    def start(channel: str, **options: Any) -> Shop:
        make = specs()[channel].make_sandbox
        context = make(seed="empty", products=3).serve()
        contexts.append(context)
        running = context.__enter__()
        if channel == "opencart":
            running.sandbox.shop.statuses[77] = "In a drawer"
        store = connect.connect(channel=channel, name=channel.title(), credentials=running.credentials)
        Job.objects.all().delete()  # the first sync: its steps are made here, one by one
        Budget.objects.filter(connection=store).update(capacity=10_000, per_second=10_000, tokens=10_000)
        carrier = carriers.save_carrier(name="Royal Mail", by=SYSTEM)
        OrderSettings.objects.update_or_create(connection=store, defaults={"default_carrier": carrier})
        Connection.objects.filter(pk=store.pk).update(
            is_read_only=False, options={**store.options, **options}
        )
        store.refresh_from_db()
        products = SyncStream.objects.get(connection=store, name="products")
        SyncStream.objects.filter(pk=products.pk).update(due_at=timezone.now())
        runner.run_stream(products.pk)
        StockItem.objects.filter(on_hand__lt=5).update(on_hand=5)  # enough for what is opened in doubt
        return Shop(channel, running, store)

    yield start
    for context in reversed(contexts):
        context.__exit__(None, None, None)


def faults(order: Order) -> list[str]:
    rows = Problem.objects.open().filter(subject_kind="order", subject_id=order.pk)
    return sorted(rows.values_list("code", flat=True))


def made(outcomes: list[Any]) -> list[Any]:
    assert [outcome.message for outcome in outcomes if not outcome.ok] == []
    return outcomes


def hand_over(order: Order) -> list[Any]:
    parcel = order.shipments.get(state="ready")
    assert parcel.carrier is not None
    assert parcel.warehouse is not None
    return manifests.create_manifest(carrier=parcel.carrier, warehouse=parcel.warehouse, by=SYSTEM).outcomes


MOVES: dict[str, Callable[[Order], list[Any]]] = {
    "release": lambda order: packing.release([order.pk], by=SYSTEM),
    "pack": lambda order: packing.pack([order.pk], by=SYSTEM),
    "ready_to_ship": lambda order: packing.mark_ready_to_ship(
        [order.pk], tracking={order.pk: (None, f"RM{order.pk:06}GB")}, by=SYSTEM
    ),
    "hand_over": hand_over,
    "mark_delivered": lambda order: completion.mark_delivered([order.pk], by=SYSTEM),
    "complete": lambda order: completion.complete([order.pk], by=SYSTEM),
}


def move(order: Order, upto: str) -> None:
    """The order's way here, up to and with this move; the channel is told on the way."""
    for name, act in MOVES.items():
        made(act(order))
        work()
        if name == upto:
            break
    order.refresh_from_db()


def facts(order: Order) -> dict[str, Any]:
    """What an echo may not change."""
    order.refresh_from_db()
    return {
        "status": order.status,
        "events": OrderEvent.objects.filter(order=order).count(),
        "parcels": list(Shipment.objects.filter(order=order).order_by("pk").values()),
        "held": list(Allocation.objects.filter(line__order=order).order_by("pk").values()),
        "lines": list(order.lines.order_by("pk").values("quantity", "allocated", "shipped", "cancelled")),
        "moved": StockMovement.objects.count(),
        "told": OutboxMessage.objects.filter(kind="event", group=order.pk).count(),
        "problems": faults(order),
    }


# ------------------------------------------------ from the channel to here

FIRST = [
    (channel, status, row[0], row[2]) for channel, table in READ.items() for status, row in table.items()
]
THEN = [
    (channel, status, row[1], row[2])
    for channel, table in READ.items()
    for status, row in table.items()
    if row[1] is not None
]


@pytest.mark.parametrize(("channel", "status", "state", "problems"), FIRST)
@pytest.mark.req("R-ORD-02", "R-ORD-09", "R-ORD-16")
def test_an_order_that_is_first_imported_in_a_status(open_shop, channel, status, state, problems):
    shop = open_shop(channel)
    number = shop.place()
    shop.says(number, status)

    shop.pull()

    order = shop.order(number)
    assert (order.status, order.remote_status_id) == (state, status)
    assert ("unknown_status" in faults(order)) == ("unknown_status" in problems)
    assert broken_invariants() == []


@pytest.mark.parametrize(("channel", "status", "state", "problems"), THEN)
@pytest.mark.req("R-ORD-02", "R-ORD-11")
def test_a_new_order_that_moves_to_a_status(open_shop, channel, status, state, problems):
    shop = open_shop(channel)
    order = shop.placed()

    shop.says(order.external_id, status)
    shop.pull()

    order.refresh_from_db()
    assert (order.status, faults(order)) == (state, list(problems))
    assert not OutboxMessage.objects.filter(kind="event").exists()  # news is never told back
    held = sum(order.lines.values_list("allocated", flat=True))
    assert held == (1 if state in ("new", "packed") else 0)
    assert broken_invariants() == []
    shop.pull()
    assert (order.status, faults(order)) == (state, list(problems))


def test_the_tables_name_every_status_that_a_channel_has():
    """Statuses that need more than themselves (parts shipped, refunded in part) have tests of their own below."""
    apart = {
        "opencart": {"0", "12", "13"},  # unfinished checkouts are never listed; 12 and 13 as 11
        "bigcommerce": {"0", "3", "14"},
        "onbuy": {
            "partially_dispatched",
            "partially_refunded",
            "partially_refunded_after_dispatch",
            "refunded_after_dispatch",
        },
        "etsy": {"payment processing", "partially refunded"},
    }
    for channel in CHANNELS:
        known = set(READ[channel]) - {UNKNOWN[channel]}
        assert known | apart[channel] == set(specs()[channel].statuses), channel


@pytest.mark.parametrize("channel", ["bigcommerce", "onbuy"])
@pytest.mark.req("R-ORD-16")
def test_a_part_shipped_on_the_channel_is_in_transit_and_the_rest_stays_open(open_shop, channel):
    shop = open_shop(channel)
    sandbox = shop.sandbox
    if channel == "bigcommerce":
        sku = next(iter(sandbox.shop.products.values()))["variants"][0]["sku"]
        number = str(sandbox.place_order([{"sku": sku, "quantity": 2}])["order_id"])
        shop.pull()
        row = sandbox.shop.orders[int(number)]
        line = row["lines"][0]
        body = {
            "order_address_id": line["order_address_id"],
            "items": [{"order_product_id": line["id"], "quantity": 1}],
        }
        sandbox.shop.ship(row, {**body, "tracking_number": "T1"})
        sandbox.touch()
    else:
        sku = next(row["sku"] for row in sandbox.market.listings.values() if row["sku"])
        number = str(sandbox.place_order({sku: 2})["order_id"])
        shop.pull()
        line = sandbox.market.orders[number]["products"][0]
        sandbox.dispatch_in_panel(number, line["onbuy_internal_reference"], 1, "T1")
    before = StockItem.objects.get(variant=shop.order(number).lines.get().variant).on_hand

    shop.pull()
    shop.pull()

    order = shop.order(number)
    counted = order.lines.values_list("quantity", "allocated", "shipped").get()
    assert (order.status, counted) == ("new", (2, 1, 1))
    assert [(row.state, row.is_external, row.tracking_number) for row in order.shipments.all()] == [
        ("handed_over", True, "T1")
    ]
    assert StockItem.objects.get(variant=order.lines.get().variant).on_hand == before - 1
    move(order, "hand_over" if channel == "bigcommerce" else "ready_to_ship")  # the rest goes its way here
    assert shop.stands(number) == SHIPPED[channel]
    assert broken_invariants() == []


@pytest.mark.req("R-ORD-08", "R-ORD-10")
def test_a_store_can_import_pending_as_unpaid(open_shop):
    shop = open_shop("opencart", pending_as_unpaid=True)
    number = shop.place()
    shop.says(number, "1")
    shop.pull()
    assert shop.order(number).status == "unpaid"

    shop.says(number, "2")
    shop.pull()

    assert shop.order(number).status == "new"


@pytest.mark.parametrize(("channel", "waiting", "state"), [("bigcommerce", "7", "unpaid"), ("bigcommerce", "1", "draft"), ("etsy", "open", "unpaid")])  # fmt: skip
@pytest.mark.req("R-ORD-10")
def test_an_order_that_waits_on_the_channel_continues_with_it(open_shop, channel, waiting, state):
    shop = open_shop(channel)
    number = shop.place()
    shop.says(number, waiting)
    shop.pull()
    assert shop.order(number).status == state

    shop.says(number, FRESH[channel])
    shop.pull()

    assert shop.order(number).status == "new"
    assert sum(shop.order(number).lines.values_list("allocated", flat=True)) == 1


# ------------------------------------------------ from here to the channel


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.req("R-SHIP-03", "R-SHIP-04")
def test_each_move_sends_what_the_table_lists_and_shows_what_is_not_sent(open_shop, channel):
    shop = open_shop(channel)
    order = shop.placed()
    number = order.external_id

    for name, (state, there, untold) in WRITE[channel].items():
        before = OutboxMessage.objects.filter(kind="event").count()
        made(MOVES[name](order))
        queued = OutboxMessage.objects.filter(kind="event").count() - before
        work()
        order.refresh_from_db()
        assert (name, order.status, shop.stands(number)) == (name, state, there)
        text = OrderEvent.objects.filter(order=order, kind=name).latest("pk").text
        assert (untold in text) if untold else ("Not sent" not in text), text
        if untold:
            assert queued == 0
        shop.pull()  # the echo of what was just written
        order.refresh_from_db()
        assert (name, order.status, faults(order)) == (name, state, [])
    assert not OutboxMessage.objects.exclude(parked_at=None).exists()
    assert broken_invariants() == []


@pytest.mark.req("R-ORD-14")
def test_only_etsy_reports_delivered(open_shop):
    shop = open_shop("etsy")
    order = shop.placed()
    move(order, "hand_over")

    [refused] = completion.mark_delivered([order.pk], by=SYSTEM)
    assert not refused.ok
    assert refused.message
    shop.says(order.external_id, "delivered")
    shop.pull()

    order.refresh_from_db()
    assert order.status == "delivered"


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.req("R-ORD-11")
def test_a_sellers_cancel(open_shop, channel):
    state, there, untold = CANCEL[channel]
    shop = open_shop(channel)
    order = shop.placed()

    [outcome] = made(decisions.cancel([order.pk], reason="out of stock", by=SYSTEM))
    work()

    order.refresh_from_db()
    assert (order.status, shop.stands(order.external_id)) == (state, there)
    text = OrderEvent.objects.get(order=order, kind="cancel").text
    assert (untold in text and untold in outcome.message) if untold else "Not sent" not in text
    held = sum(order.lines.values_list("allocated", flat=True))
    assert held == (1 if state == "seller_cancel_in_process" else 0)
    shop.says(order.external_id, CANCELLED[channel])  # seen there, or our own echo
    shop.pull()
    order.refresh_from_db()
    assert (order.status, faults(order)) == ("cancelled_by_seller", [])
    assert broken_invariants() == []


# ------------------------------------------------ the rules of both ways


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_poll_never_moves_a_status_back(open_shop, channel):
    shop = open_shop(channel)
    order = shop.placed()
    move(order, "hand_over")
    shop.pull()
    before = facts(order)
    back = [status for status, row in READ[channel].items() if row[0] in ("new", "unpaid", "draft", "packed")]
    back = [status for status in back if status != UNKNOWN[channel]]
    assert back

    for status in back:
        if channel == "etsy":
            shop.sandbox.shop.receipts[order.external_id]["is_shipped"] = False
        shop.says(order.external_id, status)
        shop.pull()
        assert (status, facts(order)) == (status, before)


#: channel -> status there -> (state here, what a person does, status there afterwards). `bigcommerce.md` §10, RFP and Draft.
ACCEPTED = [
    ("bigcommerce", "1", "draft", decisions.approve, "11"),
    ("bigcommerce", "7", "unpaid", decisions.mark_paid, "11"),
    (
        "bigcommerce",
        "12",
        "draft",
        decisions.approve,
        "12",
    ),  # held for a look there: that is for people there to end
    ("bigcommerce", "13", "draft", decisions.approve, "13"),
    ("opencart", "1", "unpaid", decisions.mark_paid, "1"),  # its table writes nothing before ready to ship
]


@pytest.mark.parametrize(("channel", "status", "state", "act", "afterwards"), ACCEPTED)
@pytest.mark.req("R-ORD-02", "R-ORD-10")
def test_an_order_accepted_in_manifold_is_set_to_be_fulfilled_on_the_channel(
    open_shop, channel, status, state, act, afterwards
):
    shop = open_shop(channel, **({"pending_as_unpaid": True} if channel == "opencart" else {}))
    number = shop.place()
    shop.says(number, status)
    shop.pull()
    order = shop.order(number)
    assert order.status == state

    made(act([order.pk], by=SYSTEM))
    work()

    assert shop.stands(number) == afterwards
    order.refresh_from_db()
    assert (order.status, OutboxMessage.objects.filter(kind="event").unsent().count()) == ("new", 0)
    shop.pull()
    order.refresh_from_db()
    assert (order.status, faults(order)) == ("new", [])
    if afterwards == "11":
        move(order, "hand_over")
        assert shop.stands(number) == "2"


@pytest.mark.req("R-ORD-10")
def test_an_order_cancelled_on_the_channel_meanwhile_is_not_accepted_again(open_shop):
    shop = open_shop("bigcommerce")
    number = shop.place()
    shop.says(number, "1")
    shop.pull()
    order = shop.order(number)
    made(decisions.approve([order.pk], by=SYSTEM))
    shop.says(number, "5")

    shop.pull()
    work()

    assert (shop.stands(number), shop.order(number).status) == ("5", "cancelled")


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("upto", ["ready_to_ship", "hand_over"])
def test_importing_a_status_that_manifold_sent_changes_nothing(open_shop, channel, upto):
    shop = open_shop(channel)
    order = shop.placed()
    move(order, upto)
    before = facts(order)

    shop.pull()
    shop.pull()

    assert facts(order) == before
    assert order.remote_status_id == shop.stands(order.external_id)
    assert broken_invariants() == []


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_unmapped_status_is_a_problem(open_shop, channel):
    shop = open_shop(channel)
    order = shop.placed()
    move(order, "release")

    shop.says(order.external_id, UNKNOWN[channel])
    shop.pull()

    order.refresh_from_db()
    assert (order.status, order.remote_state, faults(order)) == ("rfp", "unknown", ["unknown_status"])
    assert not packing.pack([order.pk], by=SYSTEM)[0].ok
    shop.says(order.external_id, FRESH[channel])
    shop.pull()
    assert faults(order) == []
    made(packing.pack([order.pk], by=SYSTEM))


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("upto", ["pack", "ready_to_ship", "hand_over"])
@pytest.mark.req("R-ORD-11")
def test_a_cancellation_that_comes_too_late_is_a_problem(open_shop, channel, upto):
    shop = open_shop(channel)
    order = shop.placed()
    move(order, upto)
    before = facts(order)

    shop.says(order.external_id, CANCELLED[channel])
    shop.pull()

    after = facts(order)
    assert after.pop("problems") == ["late_cancel"]
    assert before.pop("problems") == []
    assert after == before
    assert not decisions.cancel([order.pk], reason="too late", by=SYSTEM)[0].ok


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_stores_status_map_overrides_the_default(open_shop, channel):
    shop = open_shop(channel)
    status_map.edit(connection=shop.store, external_id=FRESH[channel], remote_state="draft")
    number = shop.place()

    shop.pull()
    order = shop.order(number)
    assert order.status == "draft"
    assert sum(order.lines.values_list("allocated", flat=True)) == 1  # its channel has taken it off already

    status_map.edit(connection=shop.store, external_id=FRESH[channel], remote_state="new")
    problems_services.apply_status_map(connection_id=shop.store.pk, by=SYSTEM)
    order.refresh_from_db()
    assert order.status == "new"
    assert sum(order.lines.values_list("allocated", flat=True)) == 1


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_status_added_by_the_seller_is_mapped_by_the_store(open_shop, channel):
    shop = open_shop(channel)
    order = shop.placed()
    shop.says(order.external_id, UNKNOWN[channel])
    shop.pull()
    assert faults(order) == ["unknown_status"]
    if not shop.store.statuses.filter(external_id=UNKNOWN[channel]).exists():
        shop.store.statuses.create(
            external_id=UNKNOWN[channel], name="In a drawer", remote_state="unknown", events=[]
        )

    status_map.edit(connection=shop.store, external_id=UNKNOWN[channel], remote_state="shipped")
    problems_services.apply_status_map(connection_id=shop.store.pk, by=SYSTEM)

    order.refresh_from_db()
    assert (order.status, faults(order)) == ("in_transit", [])
    assert broken_invariants() == []


@pytest.mark.parametrize(("channel", "native"), [("opencart", "5"), ("bigcommerce", "10")])
def test_the_store_chooses_the_status_that_an_event_sends(open_shop, channel, native):
    shop = open_shop(channel)
    status_map.edit(connection=shop.store, external_id=native, events=["shipped"])
    order = shop.placed()

    move(order, "hand_over")

    assert (order.status, shop.stands(order.external_id)) == ("in_transit", native)
