"""Product records as a connector returns them, and a function that stores a page of them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalogue.inbound import products
from channels.contract.records.products import ProductKind, ProductRecord, VariantRecord
from channels.models import Connection, SyncRun
from channels.pull.streams import Counts


def variant_record(
    external_id: str, sku: str, quantity: int | None = 5, price: str | None = "10.00", **fields: Any
) -> VariantRecord:
    amount = None if price is None else Decimal(price)
    return VariantRecord(external_id=external_id, sku=sku, quantity=quantity, price=amount, **fields)


def record(external_id: str, sku: str = "", quantity: int | None = 5, **fields: Any) -> ProductRecord:
    """Return a product record, single unless `variants` are given; `native` changes with its content."""
    price = fields.pop("price", "10.00")
    variants = fields.pop("variants", None) or (variant_record(external_id, sku, quantity, price),)
    fields.setdefault("kind", ProductKind.GROUP if len(variants) > 1 else ProductKind.SINGLE)
    fields.setdefault("title", f"Product {external_id}")
    fields.setdefault("currency", "GBP")
    fields.setdefault("native", {"id": external_id, "variants": repr(variants), "title": fields["title"]})
    return ProductRecord(external_id=external_id, variants=tuple(variants), **fields)


def pull(connection: Connection, *records: ProductRecord, seconds: int = 5) -> Counts:
    """Store one page of a run that started `seconds` ago."""
    started = timezone.now() - timedelta(seconds=seconds)
    run = SyncRun(connection=connection, stream="products", started_at=started)
    with transaction.atomic():
        return products.store_products(connection, records, run)
