"""Every request that our client sends to OnBuy's sandbox, and every answer it gives, held to `openapi.yaml`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from channels.connectors.onbuy.adapter import OnBuyAdapter
from channels.connectors.onbuy.sandbox import make_sandbox
from channels.contract.errors import ChannelError
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.pages import PullQuery, Window
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import (
    ListingDraft,
    ListingJob,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
    VariantDraft,
)
from tests.support import specs
from tests.support.shops import unsaved_store

E = FulfilmentEvent


def scan(verb: Any, query: PullQuery) -> list[Any]:
    page, found = None, []
    while True:
        answer = verb(query, page)
        found += answer.records
        page = answer.next_page
        if page is None:
            return found


def finish(adapter: OnBuyAdapter, running: Any, draft: ListingDraft, made: Any) -> None:
    while made.is_pending:
        running.sandbox.settle()
        made = adapter.listing_progress(draft, made.step)


def every_verb(running: Any) -> None:
    """One day of a store: all that the adapter can do, and some of what it is refused."""
    store = unsaved_store(running, channel="onbuy", currency="GBP", credentials={"seller_id": "4711"})
    adapter, now = OnBuyAdapter(store), datetime.now(UTC)
    adapter.verify()
    for verb in (
        adapter.pull_categories,
        adapter.pull_brands,
        adapter.pull_attributes,
        adapter.pull_products,
    ):
        scan(verb, PullQuery())
    scan(adapter.pull_products, PullQuery(ids=("KNF-20", "group:MUG")))
    adapter.pull_carriers()
    adapter.find_brands("fern")
    adapter.pull_choices()
    adapter.client.get("/carriers", site_id=2000)  # read where the list above is gone
    scan(adapter.pull_orders, PullQuery(Window(now - timedelta(days=90), now), created=True))
    scan(
        adapter.pull_orders, PullQuery(Window(now - timedelta(days=9), now), statuses=("awaiting_dispatch",))
    )
    adapter.push_stock([StockUpdate(s, s, s, s, 5) for s in ("KNF-20", "GONE")])
    price = PriceUpdate("p", "KNF-20", "KNF-20", "KNF-20", Decimal(80), Decimal(70), "GBP")
    adapter.push_prices([price])
    adapter.push_prices([replace(price, selling_price=None)])
    _listings(adapter, running)
    _orders(adapter, running)


def _listings(adapter: OnBuyAdapter, running: Any) -> None:
    one = VariantDraft("1", "POT", Decimal("25.00"), Decimal("20.00"), 6, barcode="5099999999999")
    pot = ListingDraft(
        "listing-7", ProductKind.SINGLE, "Teapot", "<p>x</p>", "GBP", (one,), brand="Kiln Street",
        category_external_ids=("2102",), attributes={"Material": "Enamel", "Width": "12 cm"}, image_urls=("https://x.example/1.jpg",),
    )  # fmt: skip
    finish(adapter, running, pot, adapter.create_listing(pot))
    known = replace(pot, ref="listing-8", variants=(replace(one, sku="POT-2", barcode="5000000000005"),))
    finish(adapter, running, known, adapter.create_listing(known))
    rows = tuple(
        VariantDraft(c, f"TEE-{c}", Decimal(9), None, 2, options={"Colour": c, "Size": "M"})
        for c in ("Red", "Blue")
    )
    tee = replace(pot, ref="listing-9", kind=ProductKind.GROUP, title="Tee", variants=rows)
    finish(adapter, running, tee, adapter.create_listing(tee))
    adapter.find_listing(replace(pot, ref="listing-10", variants=(replace(one, sku="NEW"),)))
    changed = replace(
        pot, external_id="POT", variants=(replace(one, external_id="POT"),), changed=frozenset({"title"})
    )
    finish(adapter, running, changed, adapter.update_listing(changed))
    new = [
        ListingJob(replace(pot, ref=f"n{n}", variants=(replace(one, sku=f"N{n}", barcode=""),)))
        for n in "123"
    ]
    new[1] = replace(new[1], draft=replace(new[1].draft, category_external_ids=("2001",)))
    answers = adapter.make_listings(new)
    assert [isinstance(answer, ChannelError) for answer in answers] == [False, True, False]
    open_ones = [replace(new[n], step=answers[n].step) for n in (0, 2)]  # type: ignore[union-attr]
    adapter.make_listings([*open_ones, replace(new[1], is_uncertain=True)])
    running.sandbox.settle()
    adapter.make_listings(open_ones)
    adapter.change_listings([ListingJob(changed), ListingJob(replace(changed, ref="listing-12"))])


def _orders(adapter: OnBuyAdapter, running: Any) -> None:
    orders = [running.sandbox.place_order({"PIN-B": 2})["order_id"] for _ in range(3)]
    whole = ShipmentUpdate("a", E.READY_TO_SHIP, orders[0], carrier_name="DPD", tracking_number="1")
    adapter.push_fulfilment(whole)
    adapter.push_fulfilment(whole)
    line = str(running.sandbox.market.orders[orders[1]]["products"][0]["onbuy_internal_reference"])
    part = replace(
        whole, order_external_id=orders[1], lines={line: 1}, is_whole_order=False, carrier_name="Bob",
        tracking_url="https://bob.example/1",
    )  # fmt: skip
    adapter.push_fulfilment(part)
    adapter.look_up(part)
    adapter.push_fulfilment(ShipmentUpdate("c", E.CANCELLED, orders[2], reason="Lost"))
    assert len(scan(adapter.pull_orders, PullQuery(ids=(*orders, "NOWHERE")))) == 3
    with pytest.raises(ChannelError):
        adapter.push_fulfilment(ShipmentUpdate("c", E.CANCELLED, orders[0], reason="Lost"))
    assert adapter.look_up(replace(whole, order_external_id="NOWHERE")) is None
    running.sandbox.kill_tokens()
    adapter.look_up(whole)


def one_that_is_wrong(running: Any) -> None:
    """A call that the document forbids; not part of the day, which must be clean."""
    adapter = OnBuyAdapter(unsaved_store(running, channel="onbuy", currency="GBP"))
    with pytest.raises(ChannelError):
        adapter.client.rows(
            "/orders",
            site_id=2000,
            **{"filter[status]": "awaiting_dispatch", "sort[modified]": "up"},
            limit=101,
        )


def test_calls_and_answers_are_as_the_document_says():
    folder = specs.folder("onbuy")
    with make_sandbox().serve() as running:
        every_verb(running)
        one_that_is_wrong(running)
        calls = [
            specs.Call(
                request.method,
                request.path.removeprefix("/v2"),
                request.query,
                request.body,
                response.status,
                response.body,
                request.headers.get("content-type", "application/json"),
            )
            for request, response in running.sandbox.exchanges
        ]
    broken = [call for call in calls if ("limit", "101") in call.query]
    report = specs.check_calls(
        "onbuy", [specs.load(folder / "openapi.yaml")], [c for c in calls if c not in broken]
    )
    assert len(broken) == 1
    assert report.checked > 60
    assert {call.method for call in calls} == {"GET", "POST", "PUT"}
    assert "\n".join(report.violations) == ""


def test_the_check_finds_what_is_wrong():
    spec = specs.load(specs.folder("onbuy") / "openapi.yaml")
    call = specs.Call(
        "GET", "/orders", [("site_id", "2000"), ("filter[colour]", "1")], b"", 200, b'{"results": []}'
    )
    stock = specs.Call(
        "PUT",
        "/listings/by-sku",
        [],
        b'{"site_id": 2000, "listings": [{"sku": "A", "stock": -1}]}',
        200,
        b"{}",
    )
    assert specs.check_calls("onbuy", [spec], [call]).violations
    assert specs.check_calls("onbuy", [spec], [stock]).violations
