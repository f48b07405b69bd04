"""Every request that our client sends to BigCommerce's sandbox, and every answer it gives, held to the official files."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from channels.connectors.bigcommerce.adapter import BigCommerceAdapter
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
from tests.support import specs
from tests.support.shops import unsaved_store
from tests.support.spec_exceptions import BIGCOMMERCE, EXCEPTIONS, SELF_CONTRADICTIONS

V2 = ("orders.v2.oas2.yml", "store_information.v2.yml", "currencies.v2.yml")
V3 = (
    "catalog/products_catalog.v3.yml", "catalog/product-variants_catalog.v3.yml",
    "catalog/product-variant-options_catalog.v3.yml", "catalog/brands_catalog.v3.yml", "catalog/category-trees_catalog.v3.yml",
    "inventory.v3.yml", "locations.v3.yml", "webhooks.v3.yml", "orders.v3.yml", "settings.v3.yml",
)  # fmt: skip


def scan(verb: Any, query: PullQuery) -> list[Any]:
    page, found = None, []
    while True:
        answer = verb(query, page)
        found += answer.records
        page = answer.next_page
        if page is None:
            return found


def every_verb(running: Any) -> None:
    """One day of a store: all that the adapter can do, and some of what it is refused."""
    sandbox = running.sandbox
    adapter = BigCommerceAdapter(
        unsaved_store(
            running,
            channel="bigcommerce",
            currency="GBP",
            options={"push_completed": True},
            account={"extra": {"storefront": 1}},
        )
    )
    adapter.verify()
    adapter.pull_statuses()
    adapter.pull_carriers()
    adapter.pull_choices()
    now = datetime.now(UTC)
    for verb in (adapter.pull_categories, adapter.pull_brands, adapter.pull_attributes):
        scan(verb, PullQuery())
    products = scan(adapter.pull_products, PullQuery())
    scan(adapter.pull_products, PullQuery(Window(now - timedelta(days=9), None)))
    scan(adapter.pull_products, PullQuery(ids=(products[0].external_id,)))
    many = sandbox.place_order([{"sku": "MUG-CRM", "quantity": 1}] * 60, addresses=2)
    sandbox.refund(many["order_id"], 12.5)
    scan(adapter.pull_orders, PullQuery(Window(now - timedelta(days=90), now), created=True))
    scan(adapter.pull_orders, PullQuery(Window(now - timedelta(hours=1), now)))
    scan(adapter.pull_orders, PullQuery(statuses=("12",)))
    scan(adapter.pull_orders, PullQuery(Window(now + timedelta(days=1), None)))  # nothing: 204
    scan(adapter.pull_orders, PullQuery(ids=(str(many["order_id"]), "999999")))
    # Asked where an answer has no consignments; the sandbox always has them.
    assert len(adapter.client.v2_all(f"/v2/orders/{many['order_id']}/shipping_addresses")) == 2
    goods = [(p, v) for p in products for v in p.variants]
    adapter.push_stock(
        [StockUpdate(str(n), p.external_id, v.external_id, v.sku, n) for n, (p, v) in enumerate(goods)]
    )
    first, of_it = goods[0]
    there = StockUpdate("l", first.external_id, of_it.external_id, of_it.sku, 7, remote_location="1")
    assert adapter.push_stock([there])[0].ok
    offers = [
        PriceUpdate(str(n), p.external_id, v.external_id, v.sku, Decimal(30 + n), Decimal(20) if n % 2 else None, "GBP")
        for n, (p, v) in enumerate(goods)
    ]  # fmt: skip
    assert all(outcome.ok for outcome in adapter.push_prices(offers))
    nowhere = [
        replace(offers[0], external_id="1", ref="x"),
        offers[1],
        replace(offers[2], ref="y", price=Decimal(-1)),
    ]
    adapter.push_prices(nowhere)
    listings(adapter)
    for event in (
        FulfilmentEvent.READY_TO_SHIP,
        FulfilmentEvent.TRACKING,
        FulfilmentEvent.SHIPPED,
        FulfilmentEvent.COMPLETED,
    ):
        update = ShipmentUpdate(
            "r1", event, str(many["order_id"]), carrier_name="Royal Mail", tracking_number="RM1GB"
        )
        assert adapter.push_fulfilment(update).ok
        adapter.look_up(update)
    plain = str(sandbox.place_order()["order_id"])
    adapter.push_fulfilment(ShipmentUpdate("c1", FulfilmentEvent.CANCELLED, plain))
    adapter.register_webhooks("https://oms.example.com/hooks/bigcommerce/1/", "s" * 32)
    sandbox.idle()
    adapter.register_webhooks("https://oms.example.com/hooks/bigcommerce/1/", "t" * 32)
    hook = {"scope": "store/order/created", "destination": "https://oms.example.com/hooks/bigcommerce/2/"}
    made = adapter.client.post("/v3/hooks", {**hook, "is_active": True})
    adapter.client.delete(f"/v3/hooks/{made['data']['id']}")


def listings(adapter: BigCommerceAdapter) -> None:
    single = VariantDraft("v1", "SPEC-1", Decimal("12.50"), Decimal("9.99"), 3)
    draft = ListingDraft(
        "d1", ProductKind.SINGLE, "Spec & Co", "<p>x</p>", "GBP", (single,), brand="Fernwerk", category_external_ids=("21",),
        attributes={"Care": "Dry"}, image_urls=("https://img.example.com/1.jpg",),
    )  # fmt: skip
    made = adapter.create_listing(draft)
    assert adapter.find_listing(draft) == made
    adapter.update_listing(
        replace(draft, external_id=made.external_id, attributes={"Care": "Wet", "Size": "5"})
    )
    adapter.set_listing_active(made.external_id, active=False)
    # A picture whose address is too long goes as a file. A GIF, since Prism hands bodies on as if they were text.
    shop = adapter.client.get("/v2/store")["secure_url"]
    far = replace(draft, image_urls=(*draft.image_urls, f"{shop}/image/{'x' * 250}.gif"))
    adapter.update_listing(
        replace(far, external_id=made.external_id, changed=frozenset({"image_urls", "warranty"}))
    )
    sizes = tuple(
        VariantDraft(
            f"g{n}", f"SPEC-G{n}", Decimal(20), None, n, {"Size": f"{n}"}, image_url=f"{shop}/image/{n}.gif"
        )
        for n in range(1, 4)
    )
    group = ListingDraft("d2", ProductKind.GROUP, "Spec group", "", "GBP", sizes)
    made = adapter.create_listing(group)
    more = (
        *[replace(v, external_id=made.variant_external_ids[v.ref]) for v in sizes],
        VariantDraft("g9", "SPEC-G9", Decimal(25), None, 1, {"Size": "9"}),
    )
    adapter.update_listing(
        replace(group, external_id=made.external_id, variants=more, changed=frozenset({"variants"}))
    )


@pytest.mark.req("R-CONN-01")
def test_client_and_sandbox_keep_to_the_official_files(serve_bigcommerce):
    folder = specs.folder("bigcommerce")
    running = serve_bigcommerce(seed="demo")
    every_verb(running)

    broken = []
    used: set[str] = set()
    checked = 0
    for version, names in (("/v2", V2), ("/v3", V3)):
        calls = [
            specs.Call(
                row["method"], row["path"].removeprefix(version), row["query"], row["body"], row["status"], row["answer"],
                row["headers"]["content-type"].partition(";")[0],
            )
            for row in running.sandbox.exchanges
            if row["path"].startswith(version)
        ]  # fmt: skip
        report = specs.check_calls("bigcommerce", [specs.load(folder / name) for name in names], calls)
        broken += report.violations
        used |= set(report.excused)
        checked += report.checked

    assert not broken, "\n".join(broken)
    assert checked > 80
    assert used == {known.pattern for known in EXCEPTIONS["bigcommerce"]}  # none is there for nothing


def test_what_a_document_contradicts_itself_in_is_quoted_as_it_stands_there():
    """The README names the others by their number; these are held to the documents' own words."""
    folder = specs.folder("bigcommerce")
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for known in BIGCOMMERCE:
        [number] = re.findall(r"\(item (\d+)\)", known.reason)
        assert re.search(rf"^{number}\. ", readme, re.MULTILINE)
    documents = " ".join(file.read_text(encoding="utf-8") for file in folder.rglob("*.yml"))
    for known in SELF_CONTRADICTIONS["bigcommerce"]:
        for quoted in re.findall(r"“([^”]+)”", known.reason):
            assert quoted in documents, quoted


def test_every_verb_can_be_spoken_to_the_sandbox(serve_bigcommerce):
    """The same day without the files, so that it is seen where they are not at hand."""
    running = serve_bigcommerce(seed="demo")
    every_verb(running)

    kinds = {row["headers"]["content-type"].partition(";")[0] for row in running.sandbox.exchanges}
    assert kinds == {"application/json", "multipart/form-data"}
    assert {row["headers"]["accept"] for row in running.sandbox.exchanges} == {"application/json"}
    assert not [row for row in running.sandbox.exchanges if row["status"] >= 500]
