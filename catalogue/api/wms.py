"""The SKUs that a warehouse system needs to know."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Schema

from catalogue.models import Variant
from oms.kit.api.areas import Area
from oms.kit.api.paging import After, Limit, Page, answer, page_of

PRODUCTS = Area("wms", prefix="/products", tag="Products")


class SkuOut(Schema):
    """A SKU; weight in grams, null where it is not known."""

    sku: str
    title: str
    barcode: str
    options: dict[str, Any]
    weight_grams: int | None
    is_active: bool


@PRODUCTS.read("", response=Page[SkuOut], summary="List SKUs")
def list_skus(request: HttpRequest, after: After = "", limit: Limit = 100) -> dict[str, Any]:
    """Return the SKUs whose stock is tracked."""
    rows = Variant.objects.filter(is_counted=True).select_related("product")
    variants, following = page_of(rows, after, limit)
    items = [
        {
            "sku": row.sku,
            "title": row.product.title,
            "barcode": row.barcode,
            "options": row.options,
            "weight_grams": row.weight_grams,
            "is_active": not row.product.is_archived,
        }
        for row in variants
    ]
    return answer(items, following)
