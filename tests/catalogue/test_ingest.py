"""Products of a store become ours: one page, its rows, its problems, its queries."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from catalogue import ingest
from catalogue.models import Variant
from channels.models import Connection, SyncRun
from channels.records import ProductKind, ProductRecord, VariantRecord
from inventory.models import StockItem
from tests import factories

pytestmark = pytest.mark.django_db


def variant_record(
    external_id: str, sku: str, quantity: int | None = 5, price: str = "10.00", **fields: Any
) -> VariantRecord:
    return VariantRecord(external_id=external_id, sku=sku, quantity=quantity, price=Decimal(price), **fields)


def record(external_id: str, sku: str = "", quantity: int | None = 5, **fields: Any) -> ProductRecord:
    """A single product; `native` follows the content, as a channel's document does."""
    price = fields.pop("price", "10.00")
    variants = fields.pop("variants", None) or (variant_record(external_id, sku, quantity, price),)
    fields.setdefault("kind", ProductKind.GROUP if len(variants) > 1 else ProductKind.SINGLE)
    fields.setdefault("title", f"Product {external_id}")
    fields.setdefault("currency", "GBP")
    fields.setdefault("native", {"id": external_id, "v": repr(variants), "t": fields["title"]})
    return ProductRecord(external_id=external_id, variants=tuple(variants), **fields)


def pull(connection: Connection, *records: ProductRecord, started_ago: int = 5) -> Any:
    run = SyncRun(
        connection=connection, stream="products", started_at=timezone.now() - timedelta(seconds=started_ago)
    )
    return ingest.products(connection, records, run)


@pytest.mark.req("R-CAT-01")
def test_new_product_smoke() -> None:
    shop = factories.store(maps={"leeds": 1})
    counts = pull(
        shop,
        record(
            "7",
            "MUG",
            4,
            brand="Acme",
            image_urls=("https://shop.example/a.jpg", "https://shop.example/b.jpg"),
        ),
    )
    assert (counts.new, counts.changed, counts.same, counts.refused) == (1, 0, 0, ())
    mug = Variant.objects.get()
    assert (mug.sku, mug.price, mug.selling_price, mug.currency) == ("MUG", Decimal("10.00"), None, "GBP")
    assert StockItem.objects.get().on_hand == 4
