"""BigCommerce's account, orders and products over real HTTP: the traps of the sheet (`bigcommerce.md` §2, §4, §11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache

from channels.connectors.bigcommerce.sandbox import rows
from channels.contract.errors import Uncertain
from channels.contract.records.orders import RemoteState
from channels.contract.records.pages import PullQuery, Window
from channels.contract.spec import Stream
from tests.channels.bigcommerce import E, connected, native, orders, product, sent, told


@pytest.fixture
def running(serve_bigcommerce):
    return serve_bigcommerce()


@pytest.fixture(autouse=True)
def _nothing_believed():
    cache.clear()


# ---------------------------------------------------------------- orders


def test_nothing_is_204_and_an_empty_page(running):
    page = connected(running).pull_orders(PullQuery())

    assert (list(page.records), page.next_page) == ([], None)
    assert running.sandbox.exchanges[-1]["status"] == 204


def test_an_order_that_changes_during_the_scan_hides_no_other(serve_bigcommerce):
    """Offset paging by modification time would lose a row; ids stay where they are."""
    running = serve_bigcommerce(products=3, orders=600)
    adapter = connected(running)
    first = adapter.pull_orders(PullQuery())
    for record in first.records[:20]:
        running.sandbox.set_status(record.external_id, 9)
    rest: list[Any] = []
    page = first.next_page
    while page:
        answer = adapter.pull_orders(PullQuery(), page)
        rest += answer.records
        page = answer.next_page

    ids = [record.external_id for record in [*first.records, *rest]]
    assert len(ids) == len(set(ids)) == 600


@pytest.mark.req("R-ORD-01")
def test_the_scan_goes_by_bigcommerces_clock_and_leaves_the_end_open(serve_bigcommerce):
    running = serve_bigcommerce(clock_offset=-1800)  # ours is half an hour ahead
    product(running)
    order = running.sandbox.place_order()
    now = datetime.now(UTC)

    found = orders(connected(running), PullQuery(Window(now - timedelta(minutes=10), now)))

    assert [record.external_id for record in found] == [str(order["order_id"])]
    query = dict(sent(running, "GET", "/v2/orders")[-1]["query"])
    assert "max_date_modified" not in query
    assert query["min_date_modified"].endswith("+00:00")
    assert (query["sort"], query["limit"]) == ("id:asc", "250")


def test_lines_beyond_50_come_by_the_other_call(running):
    row = product(running, quantity=500)
    order = running.sandbox.place_order([{"product_id": row["id"], "quantity": 1}] * 260)

    [record] = orders(connected(running))

    assert len(record.lines) == 260
    assert record.external_id == str(order["order_id"])
    assert len(sent(running, "GET", "/products")) == 2  # 250 and 10


def test_up_to_49_lines_come_with_the_list(running):
    row = product(running, quantity=500)
    running.sandbox.place_order([{"product_id": row["id"], "quantity": 1}] * 49)

    [record] = orders(connected(running))

    assert len(record.lines) == 49
    assert not sent(running, "GET", "/products")


@pytest.mark.req("R-ORD-01")
def test_an_order_that_cannot_be_read_stops_no_other(running, monkeypatch):
    """Whatever is wrong with it: in the list, or in what must be asked for it."""
    product(running)
    placed = [running.sandbox.place_order()["order_id"] for _ in range(3)]
    shown = rows.order

    def order(shop: Any, row: Any, *, with_lines: bool) -> Any:
        odd = {"date_created": "soon", "date_modified": "later"} if row["id"] == placed[1] else {}
        return {**shown(shop, row, with_lines=with_lines), **odd}

    monkeypatch.setattr(rows, "order", order)

    page = connected(running).pull_orders(PullQuery())

    assert [record.external_id for record in page.records] == [str(placed[0]), str(placed[2])]
    [refused] = page.refused
    assert (refused.external_id, refused.reason) == (
        str(placed[1]),
        "BigCommerce's data could not be read: the order has no date that can be read.",
    )


@pytest.mark.parametrize(
    "items", [[], [{"url": "/v2/orders/1/products/2", "resource": "/orders/1/products/2"}]]
)
def test_lines_that_the_list_only_links_to_are_asked_for(running, monkeypatch, items):
    product(running)
    running.sandbox.place_order()
    shown = rows.consignments

    def consignments(*given: Any) -> Any:
        parts = shown(*given)
        parts["shipping"][0]["line_items"] = items
        return parts

    monkeypatch.setattr(rows, "consignments", consignments)

    [record] = orders(connected(running))

    assert [line.sku for line in record.lines] == ["TEA"]
    assert record.ship_to.city == "Bristol"


@pytest.mark.req("R-ORD-01")
def test_new_orders_are_11_and_8_and_the_poll_for_them_brings_the_others_too(running):
    product(running)
    placed = {status: running.sandbox.place_order(status_id=status) for status in (0, 11, 8, 2, 5)}
    query = PullQuery(statuses=("8", "11"), stream=Stream.ORDERS_NEW)

    states = {record.status_id: record.remote_state for record in orders(connected(running), query)}

    assert states == {
        "11": RemoteState.NEW,
        "8": RemoteState.NEW,
        "2": RemoteState.SHIPPED,
        "5": RemoteState.CANCELLED,
    }
    assert native(running, placed[0])["status_id"] == 0  # an unfinished checkout stays there


@pytest.mark.req("R-CONN-08")
def test_a_long_reading_says_how_much_there_is(serve_bigcommerce):
    running = serve_bigcommerce(products=3, orders=300)
    running.sandbox.place_order(status_id=0)
    adapter = connected(running)
    window = Window(datetime.now(UTC) - timedelta(days=400), None)

    first = adapter.pull_orders(PullQuery(window, created=True))
    second = adapter.pull_orders(PullQuery(window, created=True), first.next_page)

    assert (first.total, second.total) == (300, None)  # an unfinished checkout is no order
    assert len(first.records) + len(second.records) == 300
    some = adapter.pull_orders(PullQuery(window, created=True, statuses=("11", "9")))
    assert some.total == sum(r.status_id in ("11", "9") for r in (*first.records, *second.records))
    assert adapter.pull_orders(PullQuery()).total is None  # a poll is one page


def test_statuses_are_asked_for_one_by_one_or_filtered_here(running):
    product(running)
    for status in (11, 9, 5):
        running.sandbox.place_order(status_id=status)
    adapter = connected(running)

    assert {r.status_id for r in orders(adapter, PullQuery(statuses=("9",)))} == {"9"}
    assert {r.status_id for r in orders(adapter, PullQuery(statuses=("9", "5")))} == {"9", "5"}


def test_refunds_come_from_v3_because_the_orders_own_figure_is_always_0(running):
    product(running)
    order = running.sandbox.place_order()
    running.sandbox.refund(order["order_id"], 3.25)

    [record] = orders(connected(running))

    assert record.native["refunded_amount"] == "0.0000"
    assert [row["total_amount"] for row in record.native["refunds"]] == ["3.25"]


def test_what_was_paid_back_is_a_figure_of_the_order(running):
    """By several refunds, and where the seller has moved the status on meanwhile; no refund is no figure."""
    product(running)
    order, plain = running.sandbox.place_order(), running.sandbox.place_order()
    running.sandbox.refund(order["order_id"], 3.25)
    running.sandbox.refund(order["order_id"], 1.1)
    running.sandbox.set_status(order["order_id"], 10)

    paid_back = {record.external_id: record.refunded_total for record in orders(connected(running))}

    assert paid_back == {str(order["order_id"]): Decimal("4.35"), str(plain["order_id"]): None}
    assert len(sent(running, "GET", "/payment_actions/refunds")) == 1


def ship_there(running: Any, order: Any, units: int, **more: Any) -> None:
    """Somebody sends a part of an order from the control panel."""
    row = native(running, order)
    items = [{"order_product_id": row["lines"][0]["id"], "quantity": units}]
    body = {"order_address_id": row["addresses"][0]["id"], "items": items, **more}
    running.sandbox.shop.ship(row, body)
    row["modified"] -= 120
    running.sandbox.touch()


@pytest.mark.req("R-ORD-16")
def test_a_part_that_was_shipped_there_is_given_with_its_lines(running):
    row = product(running, quantity=50)
    order = running.sandbox.place_order([{"product_id": row["id"], "quantity": 3}])
    ship_there(running, order, 2, tracking_number="T1", shipping_provider="royalmail")
    line = str(native(running, order)["lines"][0]["id"])

    [record] = orders(connected(running))

    assert (record.status_id, record.remote_state) == ("3", RemoteState.READY)
    [part] = record.shipments
    assert (part.external_id, part.carrier, part.tracking_number) == ("1", "royalmail", "T1")
    assert part.lines == {line: 2}
    ship_there(running, order, 1)
    [record] = orders(connected(running))
    assert (record.status_id, [s.lines for s in record.shipments]) == ("2", [{line: 2}, {line: 1}])


def test_shipments_cost_a_call_only_where_something_was_shipped_and_once(running):
    row = product(running, quantity=50)
    running.sandbox.place_order()
    order = running.sandbox.place_order([{"product_id": row["id"], "quantity": 3}])
    ship_there(running, order, 2)
    adapter = connected(running)

    first, again = orders(adapter), orders(adapter)

    assert len(sent(running, "GET", "/shipments")) == 1
    assert [r.content_hash() for r in first] == [r.content_hash() for r in again]
    ship_there(running, order, 1)
    assert len(orders(adapter)[1].shipments) == 2  # it says that it has changed, so it is asked again


def test_the_history_asks_how_an_order_left_only_where_some_of_it_is_still_here(running):
    row = product(running, quantity=50)
    gone, part = (running.sandbox.place_order([{"product_id": row["id"], "quantity": 3}]) for _ in "ab")
    ship_there(running, gone, 3)
    ship_there(running, part, 1)
    native(running, gone)["modified"] -= 3600

    found = orders(connected(running), PullQuery(created=True))

    assert [len(record.shipments) for record in found] == [0, 1]
    assert len(sent(running, "GET", "/shipments")) == 1


@pytest.mark.req("R-ORD-16")
def test_no_pull_takes_our_own_shipment_at_ready_to_ship_for_shipped(running):
    """Its status could not be put back yet: neither a poll nor a sync of a period reads that it has left."""
    product(running)
    order = running.sandbox.place_order()
    adapter = connected(running)
    running.sandbox.inject("server_error", match=f"/v2/orders/{order['order_id']}", method="PUT")
    with pytest.raises(Uncertain):
        adapter.push_fulfilment(told(E.READY_TO_SHIP, order))
    assert native(running, order)["status_id"] == 2

    for query in (PullQuery(), PullQuery(created=True), PullQuery(ids=(str(order["order_id"]),))):
        [record] = orders(adapter, query)
        assert (record.status_id, record.remote_state) == ("2", RemoteState.READY)


def test_our_own_shipments_are_no_news(running):
    row = product(running, quantity=50)
    order = running.sandbox.place_order([{"product_id": row["id"], "quantity": 3}])
    adapter = connected(running)
    birthmark = adapter.connection.birthmark
    ship_there(running, order, 1, comments=f"Manifold ref. {birthmark}-ship-7")
    ship_there(running, order, 1, comments="Manifold ref. 00000000-ship-7")  # of another house

    [record] = orders(adapter)

    assert [s.external_id for s in record.shipments] == ["2"]
    assert record.own_refs == (f"{birthmark}-ship-7", "00000000-ship-7")


def test_downloads_and_pickups(running):
    row = product(running)
    running.sandbox.place_order([{"product_id": row["id"], "quantity": 1, "type": "digital"}])
    running.sandbox.place_order(
        [{"product_id": row["id"], "quantity": 1, "pickup": 3}, {"product_id": row["id"], "quantity": 1}]
    )
    running.sandbox.place_order([{"product_id": row["id"], "quantity": 1, "pickup": 3}], addresses=0)

    digital, mixed, collected = orders(connected(running))

    assert (digital.ship_to.line1, [line.needs_parcel for line in digital.lines]) == ("", [False])
    assert digital.remote_state == RemoteState.COMPLETED
    assert len(mixed.lines) == 2
    assert (mixed.ship_to.line1, "collects at Harbour shop" in mixed.buyer_note) == ("3 Harbour Row", True)
    assert (collected.ship_to.name, collected.ship_to.line1) == ("Harbour shop", "1 Quay Street")


def test_an_order_that_is_gone_is_not_found_and_does_no_harm(running):
    product(running)
    order = running.sandbox.place_order()

    found = orders(connected(running), PullQuery(ids=("999999", "x1", str(order["order_id"]))))

    assert [record.external_id for record in found] == [str(order["order_id"])]


def test_seller_names_of_statuses_are_shown_and_never_matched(serve_bigcommerce):
    running = serve_bigcommerce(labels={"11": "À préparer"})
    product(running)
    running.sandbox.place_order()

    [record] = orders(connected(running))

    assert (record.status_name, record.remote_state) == ("À préparer", RemoteState.NEW)
    assert {s.external_id: s.name for s in connected(running).pull_statuses()}["11"] == "À préparer"


# ---------------------------------------------------------------- products


@pytest.mark.req("R-CAT-01")
def test_products_by_id_keyset_each_once(serve_bigcommerce):
    running = serve_bigcommerce(products=520)
    adapter, page, seen = connected(running), None, []
    while True:
        answer = adapter.pull_products(PullQuery(), page)
        seen += [record.external_id for record in answer.records]
        page = answer.next_page
        if page is None:
            break

    assert len(seen) == len(set(seen)) == 520
    assert len(sent(running, "GET", "/catalog/products")) == 3


@pytest.mark.req("R-INV-03")
def test_stock_is_read_at_the_stores_location(running):
    row = product(running, quantity=10)
    running.sandbox.shop.locations[2] = {"id": 2, "code": "B", "label": "Barn", "enabled": True}
    running.sandbox.set_stock(row["variants"][0]["id"], 4, location_id=2)

    default = connected(running).pull_products(PullQuery()).records[0]
    barn = connected(running, options={"location": "2"}).pull_products(PullQuery()).records[0]

    assert (default.variants[0].quantity, barn.variants[0].quantity) == (10, 4)


@pytest.mark.req("R-INV-06")
def test_what_was_never_at_the_stores_location_is_none_there(running):
    """The catalogue's own figure is the default location's: taken for another one, it would be offered twice."""
    product(running, quantity=10)
    running.sandbox.shop.locations[2] = {"id": 2, "code": "B", "label": "Barn", "enabled": True}

    [tea] = connected(running, options={"location": "2"}).pull_products(PullQuery()).records

    assert [variant.quantity for variant in tea.variants] == [0]


def test_pictures_of_the_demo_have_whole_addresses(serve_bigcommerce):
    running = serve_bigcommerce(seed="demo")

    [url] = connected(running).pull_products(PullQuery()).records[0].image_urls

    assert url == f"{running.url}/image/ket-en-15.jpg"
