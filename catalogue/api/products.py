"""Products with their SKUs, and the prices that each store is sent."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from ninja import Path, Schema

from catalogue.models import ListingVariant, Product, Variant, sku_key
from catalogue.pricing import price_for
from oms.kit.api.areas import Area
from oms.kit.api.errors import not_found
from oms.kit.api.fields import Key, Text
from oms.kit.api.paging import After, Limit, Page, answer, page_of

PRODUCTS = Area("catalogue", prefix="/products", tag="Products")
PRICES = Area("catalogue", prefix="/prices", tag="Prices")


class VariantOut(Schema):
    """A SKU of a product, with its default prices."""

    id: int
    sku: str
    barcode: str
    options: dict[str, Any]
    price: Decimal | None
    selling_price: Decimal | None
    currency: str
    weight_grams: int | None
    is_stopped: bool
    is_counted: bool


class ProductOut(Schema):
    """A product."""

    id: int
    title: str
    kind: str
    brand: str
    is_archived: bool
    updated_at: datetime
    variants: list[VariantOut]


class PriceOut(Schema):
    """The price that a store is sent for a SKU."""

    id: int
    store: int
    sku: str
    price: Decimal
    selling_price: Decimal | None
    currency: str


def _as_out(product: Product) -> dict[str, Any]:
    return {
        "id": product.pk,
        "title": product.title,
        "kind": product.kind,
        "brand": product.brand.name if product.brand else "",
        "is_archived": product.is_archived,
        "updated_at": product.updated_at,
        "variants": list(product.variants.all()),
    }


@PRODUCTS.read("", response=Page[ProductOut], summary="List products")
def list_products(
    request: HttpRequest, sku: Text = "", after: After = "", limit: Limit = 50
) -> dict[str, Any]:
    """Return the products with their SKUs; with `sku` the one that has this SKU."""
    rows = Product.objects.select_related("brand").prefetch_related("variants")
    if sku:
        rows = rows.filter(pk__in=Variant.objects.filter(sku_key=sku_key(sku)).values("product"))
    products, following = page_of(rows, after, limit)
    return answer([_as_out(product) for product in products], following)


@PRODUCTS.read("/{pk}", response=ProductOut, summary="Read a product")
def read_product(request: HttpRequest, pk: Path[Key]) -> dict[str, Any]:
    """Return one product."""
    rows = Product.objects.select_related("brand").prefetch_related("variants")
    product = rows.filter(pk=pk).first()
    if product is None:
        raise not_found()
    return _as_out(product)


@PRICES.read("", response=Page[PriceOut], summary="List prices")
def list_prices(
    request: HttpRequest, store: Key | None = None, sku: Text = "", after: After = "", limit: Limit = 50
) -> dict[str, Any]:
    """Return the price of each listed SKU in each store. SKUs without a price are left out."""
    rows = ListingVariant.objects.live().select_related("variant", "connection")
    if store is not None:
        rows = rows.filter(connection=store)
    if sku:
        rows = rows.filter(variant__sku_key=sku_key(sku))
    listed, following = page_of(rows, after, limit)
    items = []
    for row in listed:
        if row.price is None and row.variant.price is None:
            continue
        price = price_for(row)
        items.append(
            {
                "id": row.pk,
                "store": row.connection_id,
                "sku": row.variant.sku,
                "price": price.price,
                "selling_price": price.selling_price,
                "currency": row.connection.currency,
            }
        )
    return answer(items, following)
