"""Every request that our client sends to Etsy's sandbox, and every answer it gives, held to Etsy's own document."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from channels.contract.errors import ChannelError
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.pages import PullQuery, Window
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import (
    ListingDraft,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
    VariantDraft,
)
from channels.contract.spec import Stream
from tests.support import specs
from tests.support.etsy import connected, shop


def scan(verb: Any, query: PullQuery) -> list[Any]:
    page, found = None, []
    while True:
        answer = verb(query, page)
        found += answer.records
        page = answer.next_page
        if page is None:
            return found


def every_verb(running: Any) -> None:
    """One day of a shop: all that the adapter can do, and some of what it is refused."""
    sandbox, now = running.sandbox, datetime.now(UTC)
    adapter = connected(running)
    adapter.verify()
    adapter.pull_carriers()
    for verb in (adapter.pull_categories, adapter.pull_attributes):
        scan(verb, PullQuery())
    products = scan(adapter.pull_products, PullQuery())
    scan(adapter.pull_products, PullQuery(ids=(products[0].external_id, "999999")))
    for stream in (Stream.ORDERS_NEW, Stream.ORDERS_CHANGED, Stream.ORDERS_CANCELLED):
        scan(adapter.pull_orders, PullQuery(Window(now - timedelta(days=2), now), stream=stream))
    scan(adapter.pull_orders, PullQuery(Window(now - timedelta(days=90), now), created=True))
    order_id = str(sandbox.place_order()["order_id"])
    update = ShipmentUpdate("r", FulfilmentEvent.READY_TO_SHIP, order_id, "DHL", "dhl", "0012345")
    assert adapter.push_fulfilment(update).ok
    assert adapter.look_up(update) is not None
    more = replace(update, event=FulfilmentEvent.TRACKING, tracking_number="0012345,0067890")
    assert adapter.push_fulfilment(more).ok
    plain = ShipmentUpdate("p", FulfilmentEvent.READY_TO_SHIP, str(sandbox.place_order()["order_id"]))
    assert adapter.push_fulfilment(plain).ok
    scan(adapter.pull_orders, PullQuery(ids=(order_id, "999")))
    goods = [(p, v) for p in products for v in p.variants]
    stock = [
        StockUpdate(str(n), p.external_id, v.external_id, v.sku, 5 + n) for n, (p, v) in enumerate(goods)
    ]
    assert all(outcome.ok for outcome in adapter.push_stock(stock))
    adapter.push_stock([replace(stock[0], quantity=0)])
    adapter.push_stock([stock[0]])
    prices = [
        PriceUpdate(str(n), p.external_id, v.external_id, v.sku, Decimal("30.5") + n, None, "EUR")
        for n, (p, v) in enumerate(goods)
    ]
    assert all(outcome.ok for outcome in adapter.push_prices(prices))
    variants = tuple(
        VariantDraft(
            f"v{n}",
            f"NEW-{n}",
            Decimal("20.00"),
            None,
            3,
            options={"Size": size},
            image_url=f"{sandbox.url}/pictures/{size}.gif",  # lies on a host of ours, not in the API
        )
        for n, size in enumerate(("S", "M"))
    )
    draft = ListingDraft(
        "l:1", ProductKind.GROUP, "New Thing", "<p>x</p>", "EUR", variants, category_external_ids=("11",),
        attributes={
            "Primary color": "Moss", "tags": "one,two", "who_made": "i_did", "shipping_profile_id": "Standard",
            "shop_section_id": "Kitchen",
        },
        warranty="Two years",
    )  # fmt: skip
    assert set(adapter.pull_choices()) == {
        "shipping_profile_id", "readiness_state_id", "return_policy_id", "shop_section_id",
    }  # fmt: skip
    made = adapter.create_listing(draft)
    assert sandbox.shop.listings[made.external_id]["variation_images"]
    sandbox.refund(str(sandbox.place_order()["order_id"]), "3.00", "Scratched")
    scan(adapter.pull_orders, PullQuery(stream=Stream.ORDERS_NEW))
    adapter.find_listing(draft)
    adapter.set_listing_active(products[0].external_id, active=False)
    adapter.client.upload(
        f"/shops/{adapter.facts.shop_id}/listings/{made.external_id}/images", {"rank": 9, "overwrite": True}, b"x", "x.jpg", "image/jpeg"
    )  # fmt: skip
    fields = frozenset({"title", "attributes", "image_urls"})
    adapter.update_listing(replace(draft, external_id=made.external_id, changed=fields))
    assert len(sandbox.shop.listings[made.external_id]["images"]) == len(variants)
    with pytest.raises(ChannelError, match="developer portal"):
        adapter.register_webhooks("https://oms.example.com/hooks/etsy/1/", "s" * 32)
    with pytest.raises(ChannelError):
        adapter.client.get("/listings/1/inventory")


def calls(running: Any) -> list[specs.Call]:
    """What was said, without the token endpoint, which Etsy's document does not have."""
    return [
        specs.Call(
            request.method,
            request.path,
            request.query,
            request.body,
            answer.status,
            answer.body,
            request.headers.get("content-type", "application/json").partition(";")[0],
        )
        for request, answer in running.sandbox.exchanges
        if not request.path.endswith("/oauth/token")
    ]


def etsys() -> specs.Spec:
    return specs.load(specs.folder("etsy") / "oas-3.0.0.json")


def test_client_and_sandbox_keep_to_the_document():
    document = etsys()
    with shop("demo", per_second=10_000) as running:
        every_verb(running)
        report = specs.check_calls("etsy", [document], calls(running))

    assert report.violations == []
    assert report.checked > 70
    used = {
        (op.method, op.template) for call in calls(running) if (op := document.find(call.method, call.path))
    }
    assert len(used) >= 23


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "words"),
    [
        ("GET", "/v3/application/shops/1/receipts", [("limit", "500")], b"", "limit"),
        ("GET", "/v3/application/shops/1/receipts", [("was_paid", "True")], b"", "was_paid"),
        ("GET", "/v3/application/shops/1/receipts", [("min_created", "0")], b"", "min_created"),
        ("GET", "/v3/application/shipping-carriers", [], b"", "is required"),
        ("PUT", "/v3/application/listings/1/inventory", [], b'{"products":[{"sku":"A","property_values":[],"offerings":[{"price":{"amount":1},"quantity":1,"is_enabled":true,"readiness_state_id":1}]}]}', "price"),
        ("POST", "/v3/application/shops/1/receipts/2/tracking", [], b'{"tracking_code": 123}', "tracking_code"),
        ("GET", "/v3/application/nothing", [], b"", "not in the specs"),
    ],
)  # fmt: skip
def test_the_check_finds_what_is_wrong(method, path, query, body, words):
    call = specs.Call(method, path, query, body, 200, b"{}")

    report = specs.check_calls("etsy", [etsys()], [call])

    assert any(words in said for said in report.violations), report.violations
