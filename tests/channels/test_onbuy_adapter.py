# long because: the traps of the sheet, one after another, against one sandbox.
"""OnBuy's verbs against its sandbox over HTTP: every trap of the sheet (`onbuy.md` §2 to §10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from channels.connectors.onbuy import payloads, products
from channels.connectors.onbuy.adapter import OnBuyAdapter
from channels.connectors.onbuy.sandbox import make_sandbox
from channels.contract.errors import AuthError, NotSupported, RateLimited, Rejected, TemporaryError, Uncertain
from channels.contract.records.orders import FulfilmentEvent, RemoteState
from channels.contract.records.pages import PullQuery, Window
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import PriceUpdate, ShipmentUpdate, StockUpdate
from channels.sandbox.server import Running
from tests.channels.onbuy import adapter_for, draft, one, sent
from tests.support.shops import unsaved_store

E = FulfilmentEvent


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(make_sandbox(**options).serve())


@pytest.fixture
def running(serve: Callable[..., Running]) -> Running:
    return serve()


@pytest.fixture
def onbuy(running: Running) -> OnBuyAdapter:
    return adapter_for(running)


def scan(verb: Callable[..., Any], query: PullQuery | None = None) -> list[Any]:
    page, found = None, []
    for _ in range(500):
        answer = verb(query or PullQuery(), page)
        found += answer.records
        page = answer.next_page
        if page is None:
            return found
    raise AssertionError("the scan does not end")


def calls(running: Running, method: str) -> list[str]:
    return [row["target"] for row in running.sandbox.requests if row["method"] == method]


# ---------------------------------------------------------------- token


@pytest.mark.req("R-CONN-03")
def test_the_token_is_sent_bare_and_asked_for_once(running, onbuy):
    onbuy.verify()
    onbuy.pull_orders(PullQuery())
    headers = {
        request.headers.get("authorization", "")
        for request, _response in running.sandbox.exchanges
        if "request-token" not in request.path
    }
    assert len(headers) == 1
    assert not headers.pop().startswith("Bearer")
    assert running.sandbox.sign_ins == 1


def test_a_token_that_dies_in_the_middle_of_a_sweep_is_renewed_once(serve):
    running = serve(products=250)
    onbuy = adapter_for(running)
    first = onbuy.pull_products(PullQuery())
    running.sandbox.kill_tokens()
    rest = scan(lambda query, page: onbuy.pull_products(query, page or first.next_page))
    assert len({r.external_id for r in [*first.records, *rest]}) == 250 + 24
    assert running.sandbox.sign_ins == 2


def test_keys_that_were_changed_ask_for_the_seller(running, onbuy):
    onbuy.verify()
    running.sandbox.change_keys("another")
    with pytest.raises(AuthError, match="consumer key"):
        onbuy.pull_orders(PullQuery())
    assert running.sandbox.sign_ins == 1


@pytest.mark.req("R-CONN-07")
def test_whose_account_it_is(serve):
    running = serve(entity_id="001", name="Example Trading Ltd")
    account = adapter_for(running).verify()
    assert (account.identity, account.name) == ("2000:entity:001 example trading ltd", "Example Trading Ltd")
    assert (account.currency, account.country, account.product_count) == ("GBP", "GB", 25)
    store = unsaved_store(running, channel="onbuy", credentials={"seller_id": "4711"})
    assert OnBuyAdapter(store).verify().identity == account.identity
    for wrong in ("1", "x"):
        store = unsaved_store(running, channel="onbuy", credentials={"seller_id": wrong})
        with pytest.raises(Rejected) as caught:
            OnBuyAdapter(store).verify()
        assert caught.value.field == "seller_id"


# ---------------------------------------------------------------- limits and errors


@pytest.mark.parametrize(("says", "wait"), [(True, 3601), (False, 90)])
def test_the_limit_of_a_method(serve, says, wait):
    clock = [1_800_000_000.0]
    running = serve(clock=lambda: clock[0], limits={"GET": 2}, retry_after=says, token_seconds=10**9)
    onbuy = adapter_for(running)
    onbuy.pull_orders(PullQuery())
    onbuy.pull_orders(PullQuery())
    with pytest.raises(RateLimited) as caught:
        onbuy.pull_orders(PullQuery())
    assert caught.value.retry_after == wait


def test_keys_that_are_good_are_not_blamed_for_a_sign_in_that_is_not_taken(running, onbuy):
    """The token belongs to one address, and dies when another program signs in: the store is not stopped for it."""
    running.sandbox.configure(token_seconds=-1)
    with pytest.raises(TemporaryError, match="more than one IP address") as caught:
        onbuy.pull_orders(PullQuery())
    assert "copy" not in str(caught.value)
    assert running.sandbox.sign_ins == 2
    running.sandbox.configure(token_seconds=900)
    assert onbuy.pull_orders(PullQuery()).records


def test_a_call_that_is_refused_shows_onbuys_words_and_is_not_repeated(running, onbuy):
    with pytest.raises(Rejected, match="Invalid filter: colour"):
        onbuy.client.rows("/orders", site_id=2000, **{"filter[colour]": 1})
    with pytest.raises(Rejected, match="does not allow this account"):
        onbuy.client.get("/disputes", site_id=2000)
    assert len(calls(running, "GET")) == 2


# ---------------------------------------------------------------- lists


@pytest.mark.req("R-CAT-12")
def test_brands_are_searched_by_name_or_by_their_first_letter(running, onbuy):
    assert [each.name for each in scan(onbuy.pull_brands)] == [
        "Almhaus", "Fernwerk", "Kettle & Co", "Kiln Street", "Unbranded",
    ]  # fmt: skip
    assert [each.name for each in scan(onbuy.pull_brands, PullQuery(ids=("Fern", "ki")))] == [
        "Fernwerk",
        "Kiln Street",
    ]
    assert all("filter[name]=" in target for target in calls(running, "GET"))


def test_all_of_very_many_brands_are_read_only_where_the_store_wants_them(running, onbuy):
    brands = running.sandbox.market.brands
    brands |= {
        str(n): {"brand_id": str(n), "name": f"A{n}", "brand_type_id": "1", "type": "Standard"}
        for n in range(400)
    }
    assert scan(onbuy.pull_brands) == []
    assert len(calls(running, "GET")) == 1
    assert len(scan(adapter_for(running, all_brands=True).pull_brands)) == 405
    assert [each.name for each in scan(onbuy.pull_brands, PullQuery(ids=("Almhaus",)))] == ["Almhaus"]


def test_attributes_are_those_of_the_chosen_categories(running, onbuy):
    found = scan(onbuy.pull_attributes, PullQuery(ids=("2101",)))
    assert [(each.external_id, each.name, each.values) for each in found] == [
        ("2101:105", "Colour", ("Cream", "Moss", "Oak")),
        ("2101:9", "Material", ("Steel", "Enamel")),
        ("2101:detail:4", "Width", ()),
        ("2101:detail:5", "Height", ()),
    ]
    chosen = scan(adapter_for(running, attribute_categories="2102, 2103").pull_attributes)
    assert {each.external_id.partition(":")[0] for each in chosen} == {"2102", "2103"}


@pytest.mark.req("R-SHIP-01")
def test_carriers_come_from_either_list(running, onbuy):
    assert ("6", "Royal Mail") in [(each.external_id, each.name) for each in onbuy.pull_carriers()]
    running.sandbox.configure(has_tracking_providers=False)
    assert "Royal Mail" in [each.name for each in onbuy.pull_carriers()]


# ---------------------------------------------------------------- products


def test_a_short_page_in_the_middle_is_not_the_end(serve):
    running = serve(seed="empty", products=230)
    onbuy = adapter_for(running)
    first = onbuy.pull_products(PullQuery())
    running.sandbox.truncate(30)
    rest = scan(lambda query, page: onbuy.pull_products(query, page or first.next_page))
    assert len({each.external_id for each in [*first.records, *rest]}) == 230


def test_a_listing_that_vanishes_during_the_sweep_hides_no_other(serve):
    running = serve(seed="empty", products=230)
    onbuy = adapter_for(running)
    first = onbuy.pull_products(PullQuery())
    listings = running.sandbox.market.listings
    del listings[next(iter(listings))]
    rest = scan(lambda query, page: onbuy.pull_products(query, page or first.next_page))
    assert len({each.external_id for each in [*first.records, *rest]}) == 230


@pytest.mark.req("R-CAT-06")
def test_single_and_group_products_by_hand(onbuy):
    query = PullQuery(ids=("KNF-20", "group:MUG", "nothing"))
    single, group = scan(onbuy.pull_products, query)
    assert single.external_id == "KNF-20"
    assert {v.sku: v.options for v in group.variants} == {
        "MUG-CRM": {"Option": "Cream"},
        "MUG-MOS": {"Option": "Moss"},
    }


def test_the_demo_has_the_skus_of_the_other_demos(onbuy):
    from channels.connectors.opencart.sandbox.seed import GOODS

    skus = {v.sku for product in scan(onbuy.pull_products) for v in product.variants} - {""}
    assert len(skus) == 24
    assert len(skus & {row[1] for row in GOODS} | (skus & {"MUG-CRM", "MUG-MOS"})) == 24


# ---------------------------------------------------------------- orders


@pytest.mark.req("R-ORD-01", "R-ORD-02")
def test_the_status_is_always_asked_for_by_slug(running, onbuy):
    everything = scan(onbuy.pull_orders)
    assert {order.remote_state for order in everything} >= {
        RemoteState.NEW, RemoteState.READY, RemoteState.SHIPPED, RemoteState.CANCELLED, RemoteState.COMPLETED,
        RemoteState.RETURNED,
    }  # fmt: skip
    new = scan(onbuy.pull_orders, PullQuery(statuses=("awaiting_dispatch", "partially_refunded")))
    assert {order.status_id for order in new} == {"awaiting_dispatch"}
    asked = [target for target in calls(running, "GET") if target.startswith("/v2/orders")]
    assert all("filter[status]=" in target for target in asked)
    assert any("filter[status]=awaiting_dispatch" in target for target in asked)


def test_no_order_is_lost_while_others_change_during_the_scan(serve):
    running = serve(seed="empty", products=20, orders=350)
    onbuy = adapter_for(running)
    first = onbuy.pull_orders(PullQuery())
    for record in first.records[:5]:
        running.sandbox.set_status(record.external_id, "cancelled_by_buyer")
    rest = scan(lambda query, page: onbuy.pull_orders(query, page or first.next_page))
    found = {order.external_id: order for order in [*first.records, *rest]}
    assert len(found) == 350
    assert found[first.records[0].external_id].remote_state == RemoteState.CANCELLED


@pytest.mark.parametrize("leaves_out", [False, True])
def test_orders_of_one_second_are_all_read_though_one_of_them_changes_meanwhile(serve, leaves_out):
    clock = [1_800_000_000.0]
    running = serve(
        clock=lambda: clock[0], seed="empty", products=3, token_seconds=10**9, since_leaves_out=leaves_out
    )
    ids = {running.sandbox.place_order()["order_id"] for _ in range(150)}
    onbuy = adapter_for(running)
    query = PullQuery(Window(datetime.fromtimestamp(clock[0] - 5, UTC), None))
    first = onbuy.pull_orders(query)
    clock[0] += 60
    running.sandbox.set_status(first.records[0].external_id, "cancelled_by_buyer")
    rest = scan(lambda each, page: onbuy.pull_orders(each, page or first.next_page), query)
    assert {order.external_id for order in [*first.records, *rest]} == ids


@pytest.mark.req("R-ORD-05")
def test_orders_of_a_period_are_those_that_were_placed_in_it(onbuy):
    now = datetime.now(UTC)
    found = scan(onbuy.pull_orders, PullQuery(Window(now - timedelta(days=30), now), created=True))
    assert found
    assert all(order.placed_at >= now - timedelta(days=30) for order in found)


def test_british_times(serve):
    summer = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()
    running = serve(clock=lambda: summer, uk_times=True, token_seconds=10**9)
    order_id = running.sandbox.place_order()["order_id"]
    [wrong] = scan(adapter_for(running).pull_orders, PullQuery(ids=(order_id,)))
    [right] = scan(adapter_for(running, uk_times=True).pull_orders, PullQuery(ids=(order_id,)))
    assert (wrong.placed_at.hour, right.placed_at.hour) == (13, 12)
    since = PullQuery(Window(datetime(2026, 7, 1, 11, tzinfo=UTC), None))
    assert order_id in [
        order.external_id for order in scan(adapter_for(running, uk_times=True).pull_orders, since)
    ]


@pytest.mark.req("R-PRICE-02")
@pytest.mark.parametrize(("uk_times", "hour"), [(False, "12"), (True, "13")])
def test_a_sale_is_sent_and_read_by_the_clock_that_the_store_says(serve, uk_times, hour):
    clock = [datetime(2026, 7, 1, 11, tzinfo=UTC).timestamp()]
    running = serve(clock=lambda: clock[0], token_seconds=10**9)
    onbuy = adapter_for(running, uk_times=uk_times)
    begin, end = datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 7, 2, 12, tzinfo=UTC)
    update = PriceUpdate("r", "KNF-20", "KNF-20", "KNF-20", Decimal(80), Decimal(70), "GBP", begin, end)
    assert onbuy.push_prices([update])[0].ok
    row = running.sandbox.market.listing("KNF-20")
    assert (row["sale_start_date"], row["sale_end_date"]) == (
        f"2026-07-01 {hour}:00:00",
        f"2026-07-02 {hour}:00:00",
    )
    zone = payloads.UK if uk_times else UTC
    for at, price in ((end - timedelta(seconds=1), Decimal(70)), (end, None)):
        assert products.variant(row, at.astimezone(zone)).selling_price == price


# ---------------------------------------------------------------- stock and prices


@pytest.mark.req("R-INV-01")
def test_1001_skus_are_two_calls_and_each_sku_has_its_own_answer(serve):
    running = serve(seed="empty", products=1001)
    onbuy = adapter_for(running)
    skus = [row["sku"] for row in running.sandbox.market.listings.values()]
    running.sandbox.suspend(skus[1], "")
    running.sandbox.suspend(skus[1])
    updates = [StockUpdate(sku, sku, sku, sku, 7) for sku in [*skus[:1000], "GONE", skus[1000]]][:1002]
    outcomes = {outcome.ref: outcome for outcome in onbuy.push_stock(updates)}
    assert [len(body["listings"]) for body in sent(running, "PUT")] == [1000, 2]
    failed = {ref: str(outcome.error) for ref, outcome in outcomes.items() if not outcome.ok}
    assert set(failed) == {"GONE", skus[1]}
    assert "no listing with the SKU GONE" in failed["GONE"]
    assert "suspended" in failed[skus[1]]


@pytest.mark.req("R-INV-01", "R-ORD-07")
def test_a_sku_with_a_space_at_its_end_is_sent_and_sold_as_it_is(serve):
    running = serve(seed="empty")
    market = running.sandbox.market
    for sku in ("MUG ", "MUG"):
        market.add_listing(market.add_product(f"Mug “{sku}”", []), sku, "5.00", 3)
    onbuy = adapter_for(running)
    ids = [product.variants[0].external_id for product in scan(onbuy.pull_products)]
    assert ids == ["MUG ", "MUG"]
    assert [r.external_id for r in scan(onbuy.pull_products, PullQuery(ids=("MUG ",)))] == ["MUG "]
    assert onbuy.push_stock([StockUpdate("r", "MUG ", "MUG ", "MUG", 9)])[0].ok
    assert [market.listing(sku)["stock"] for sku in ids] == [9, 3]
    order = order_of(running, **{"MUG ": 2})
    [record] = scan(onbuy.pull_orders)
    assert (record.lines[0].variant_external_id, record.lines[0].sku) == ("MUG ", "MUG")
    line = str(order["products"][0]["onbuy_internal_reference"])
    assert onbuy.push_fulfilment(parcel(order, lines={line: 1}, is_whole_order=False)).ok
    assert order["products"][0]["quantity_dispatched"] == 1


def test_a_sku_that_is_not_answered_is_asked_again(onbuy, monkeypatch):
    monkeypatch.setattr(onbuy.client, "put", lambda path, body: {"success": True, "results": []})
    [outcome] = onbuy.push_stock([StockUpdate("r", "A", "A", "A", 1)])
    assert type(outcome.error) is TemporaryError


@pytest.mark.req("R-PRICE-02")
def test_a_sale_ends_by_a_window_in_the_past(running, onbuy):
    update = PriceUpdate("r", "KNF-20", "KNF-20", "KNF-20", Decimal(80), Decimal(70), "GBP")
    row = running.sandbox.market.listing("KNF-20")
    stock = row["stock"]
    assert onbuy.push_prices([update])[0].ok
    assert (row["price"], row["sale_price"], row["stock"]) == ("80.00", "70.00", stock)
    assert row["sale_end_date"] > row["sale_start_date"]
    assert onbuy.push_prices([replace(update, selling_price=None)])[0].ok
    assert running.sandbox.market.listing("KNF-20")["sale_end_date"] == "2000-01-02 00:00:00"


# ---------------------------------------------------------------- listings


@pytest.mark.req("R-CAT-08")
def test_a_new_product_goes_through_the_queue_and_is_made_live_by_price_and_stock(serve):
    clock = [1_800_000_000.0]
    running = serve(clock=lambda: clock[0], token_seconds=10**9)
    onbuy, pot = adapter_for(running), draft(one(barcode="5099999999999"), attributes={"Material": "enamel"})
    made = onbuy.create_listing(pot)
    assert (made.is_pending, made.external_id) == (True, "POT")
    assert sent(running, "POST", "/products")[0]["products"][0]["features"] == [
        {"option_id": 272, "name": "Enamel"}
    ]
    assert onbuy.listing_progress(pot, made.step).step == made.step  # pending
    clock[0] += 30
    made = onbuy.listing_progress(pot, made.step)
    assert (made.is_pending, made.step) == (True, "live")  # OnBuy does not know the SKU yet
    assert running.sandbox.market.listings[running.sandbox.market.by_sku["POT"]]["price"] == "0.00"
    clock[0] += 30
    made = onbuy.listing_progress(pot, "live")
    assert (made.is_pending, made.external_id, made.variant_external_ids) == (False, "POT", {"1": "POT"})
    row = running.sandbox.market.listing("POT")
    assert (row["price"], row["stock"]) == ("25.00", 6)


def test_a_barcode_that_is_in_the_catalogue_is_listed_on_that_product(running, onbuy):
    pot = draft(one(barcode="5000000000005"))
    made = onbuy.create_listing(pot)
    assert (made.is_pending, made.step) == (True, "live")
    assert not sent(running, "POST", "/products")
    running.sandbox.settle()
    assert not onbuy.listing_progress(pot, "live").is_pending
    assert running.sandbox.market.listing("POT")["name"] == "Porcelain Teapot, 1.2 l"


def test_a_barcode_is_compared_as_a_whole(running, onbuy):
    assert products.opc_of(onbuy.client, "500000000000") == ""
    assert products.opc_of(onbuy.client, "5000000000005")


def test_a_queue_that_finds_the_barcode_taken_leads_to_that_product(running, onbuy):
    pot = draft(one(barcode="5099999999999"))
    made = onbuy.create_listing(pot)
    running.sandbox.market.add_product("Somebody's", ["5099999999999"])
    running.sandbox.settle()
    made = onbuy.listing_progress(pot, made.step)
    running.sandbox.settle()
    assert not onbuy.listing_progress(pot, made.step).is_pending
    assert running.sandbox.market.listing("POT")["name"] == "Somebody's"


def test_a_group_is_made_with_its_options(running, onbuy):
    rows = [one(f"TEE-{c}", ref=c, options={"Colour": c}) for c in ("Red", "Blue")]
    tee = draft(*rows, kind=ProductKind.GROUP, title="Tee")
    made = onbuy.create_listing(tee)
    running.sandbox.settle()
    made = onbuy.listing_progress(tee, made.step)
    assert (made.is_pending, made.external_id[:10]) == (False, "group:TEE-")
    assert made.variant_external_ids == {"Red": "TEE-Red", "Blue": "TEE-Blue"}
    [record] = scan(onbuy.pull_products, PullQuery(ids=(made.external_id,)))
    assert [(v.sku, v.quantity, v.options) for v in record.variants] == [
        ("TEE-Red", 6, {"Option": "Red"}),
        ("TEE-Blue", 6, {"Option": "Blue"}),
    ]


@pytest.mark.parametrize("is_filtered", [True, False])
def test_a_creation_without_an_answer_is_found_by_our_reference(running, onbuy, is_filtered):
    running.sandbox.configure(filters_queue_ids=is_filtered)
    pot = draft(one())
    assert onbuy.find_listing(pot) is None
    running.sandbox.inject("no_answer", method="WRITE")
    with pytest.raises(Uncertain):
        onbuy.create_listing(pot)
    found = onbuy.find_listing(pot)
    assert found.step.startswith("queue:")
    assert onbuy.find_listing(replace(pot, ref="listing-8")) is None
    assert len(running.sandbox.market.queues) == 1


def test_creation_that_is_not_switched_on_says_so(serve):
    onbuy = adapter_for(serve(may_create=False))
    with pytest.raises(Rejected, match="not enabled for this account"):
        onbuy.create_listing(draft(one()))


def test_content_is_changed_through_the_queue_and_only_of_own_products(running, onbuy):
    mine = draft(
        one("MUG-CRM", external_id="MUG-CRM"),
        title="Tin mug",
        external_id="group:MUG",
        changed=frozenset({"title"}),
    )
    made = onbuy.update_listing(mine)
    assert made.step.startswith("update:")
    running.sandbox.settle()
    assert not onbuy.listing_progress(mine, made.step).is_pending
    assert running.sandbox.market.listing("MUG-CRM")["name"] == "Tin mug"
    theirs = replace(mine, variants=(one("KNF-20", external_id="KNF-20"),), external_id="KNF-20")
    made = onbuy.update_listing(theirs)
    running.sandbox.settle()
    with pytest.raises(Rejected, match="only edit products that you have created"):
        onbuy.listing_progress(theirs, made.step)
    with pytest.raises(Rejected, match="no new options"):
        onbuy.update_listing(replace(mine, variants=(one("NEW"),)))


# ---------------------------------------------------------------- dispatch and cancel


def order_of(running: Running, **skus: int) -> dict[str, Any]:
    order_id = running.sandbox.place_order({sku.replace("_", "-"): n for sku, n in skus.items()})["order_id"]
    found: dict[str, Any] = running.sandbox.market.orders[order_id]
    return found


def parcel(order: dict[str, Any], event: FulfilmentEvent = E.READY_TO_SHIP, **fields: Any) -> ShipmentUpdate:
    base = {"carrier_name": "Royal Mail", "tracking_number": "AB1"}
    return ShipmentUpdate("ref", event, order["order_id"], **{**base, **fields})


@pytest.mark.req("R-SHIP-03")
def test_ready_to_ship_and_the_manifest_dispatch_whichever_the_store_sends(running, onbuy):
    order = order_of(running, KNF_20=1)
    assert onbuy.push_fulfilment(parcel(order, E.SHIPPED)).ok
    assert (order["status"], order["tracking"]["supplier_name"]) == ("Dispatched", "Royal Mail")
    other = order_of(running, KNF_20=1)
    assert onbuy.push_fulfilment(parcel(other)).ok
    assert other["status"] == "Dispatched"
    for event in (E.DELIVERED, E.COMPLETED):
        with pytest.raises(NotSupported):
            onbuy.push_fulfilment(parcel(other, event))


@pytest.mark.req("R-ORD-13")
def test_a_part_is_dispatched_and_the_rest_later(running, onbuy):
    order = order_of(running, KNF_20=2, PIN_B=1)
    knife, pin = (str(line["onbuy_internal_reference"]) for line in order["products"])
    part = parcel(order, lines={knife: 1}, is_whole_order=False)
    assert onbuy.look_up(part) is None
    assert onbuy.push_fulfilment(part).ok
    assert sent(running, "PUT", "/orders/dispatch")[0]["orders"][0]["products"] == [
        {"sku": "KNF-20", "quantity": 1}
    ]
    assert (order["status"], [line["quantity_dispatched"] for line in order["products"]]) == (
        "Partially Dispatched", [1, 0],
    )  # fmt: skip
    assert onbuy.look_up(part) is not None
    rest = parcel(order, lines={knife: 1, pin: 1}, is_whole_order=False, tracking_number="AB2")
    assert onbuy.look_up(rest) is None
    assert onbuy.push_fulfilment(rest).ok
    assert order["status"] == "Dispatched"
    [record] = scan(onbuy.pull_orders, PullQuery(ids=(order["order_id"],)))
    assert record.remote_state == RemoteState.SHIPPED


@pytest.mark.req("R-SHIP-07")
def test_a_late_tracking_number_is_sent_where_onbuy_takes_it(running, onbuy):
    order = order_of(running, KNF_20=1)
    onbuy.push_fulfilment(parcel(order, tracking_number=""))
    assert "tracking" not in sent(running, "PUT", "/orders/dispatch")[0]["orders"][0]
    with pytest.raises(Rejected, match="Enter it in the seller panel"):
        onbuy.push_fulfilment(parcel(order, E.TRACKING))
    running.sandbox.configure(takes_late_tracking=True)
    assert onbuy.push_fulfilment(parcel(order, E.TRACKING)).ok
    assert onbuy.look_up(parcel(order, E.TRACKING)) is not None


@pytest.mark.req("R-SHIP-07", "R-ORD-13")
def test_a_late_number_for_a_part_dispatches_no_further_units(running, onbuy):
    order = order_of(running, KNF_20=3)
    [line] = order["products"]
    key = str(line["onbuy_internal_reference"])
    part: dict[str, Any] = {"lines": {key: 1}, "is_whole_order": False}
    assert onbuy.push_fulfilment(parcel(order, tracking_number="", **part)).ok
    with pytest.raises(Rejected, match="Enter it in the seller panel"):
        onbuy.push_fulfilment(parcel(order, E.TRACKING, **part))
    assert (line["quantity_dispatched"], order["status"]) == (1, "Partially Dispatched")
    assert len(sent(running, "PUT", "/orders/dispatch")) == 1
    line["tracking"] = {"tracking_number": "AB1", "supplier_name": "Royal Mail", "tracking_url": ""}
    assert onbuy.push_fulfilment(parcel(order, E.TRACKING, **part)).ok  # the seller has entered it
    assert len(sent(running, "PUT", "/orders/dispatch")) == 1


def test_a_dispatch_that_is_refused_inside_http_200(running, onbuy):
    order = order_of(running, KNF_20=1)
    running.sandbox.set_status(order["order_id"], "cancelled_by_buyer")
    with pytest.raises(Rejected, match="its status is Cancelled By Buyer"):
        onbuy.push_fulfilment(parcel(order))


@pytest.mark.req("R-ORD-11")
def test_a_cancellation_is_confirmed_by_reading_the_order(running, onbuy):
    order = order_of(running, KNF_20=1)
    running.sandbox.configure(confirms_cancel=False)
    cancel = parcel(order, E.CANCELLED, reason="Out of stock")
    with pytest.raises(Uncertain):
        onbuy.push_fulfilment(cancel)
    assert onbuy.look_up(cancel) is None
    running.sandbox.configure(confirms_cancel=True)
    assert onbuy.push_fulfilment(cancel).ok
    assert order["status"] == "Cancelled By Seller"
    assert sent(running, "PUT", "/orders/cancel")[0]["orders"][0]["order_cancellation_reason_id"] == 1
    gone = order_of(running, KNF_20=1)
    running.sandbox.set_status(gone["order_id"], "dispatched")
    with pytest.raises(Rejected, match="cannot be cancelled"):
        onbuy.push_fulfilment(parcel(gone, E.CANCELLED))


def test_the_page_for_people(running):
    import urllib.request

    text = urllib.request.urlopen(running.url).read().decode()
    assert "KNF-20" in text
    assert "Awaiting Dispatch" in text
