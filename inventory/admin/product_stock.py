"""Cards on the page of a product: Stock, each SKU in each warehouse with what stores are offered, and its last movements."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from urllib.parse import urlencode

from django.db.models import F
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from catalogue.models import ListingVariant, Product
from inventory.admin.stock_detail import CHANGE, VIEW
from inventory.models import StockItem, StockMovement
from oms.kit.admin.panels import panel


@panel(
    Product,
    "stock",
    label=_("Stock"),
    permission=VIEW,
    template="inventory/product_stock.html",
    position=10,
)
def stock(request: HttpRequest, product: Product) -> dict[str, Any]:
    """Return one row per SKU and warehouse, and the offers of each SKU; three statements."""
    variants = list(product.variants.current().order_by("position", "id"))
    items: dict[int, list[tuple[StockItem, str]]] = defaultdict(list)
    found = StockItem.objects.filter(variant__product=product).select_related("warehouse")
    for item in found.order_by("warehouse__name"):
        items[item.variant_id].append((item, reverse("admin:inventory_stockitem_change", args=[item.pk])))
    offers: dict[int, list[tuple[ListingVariant, str]]] = defaultdict(list)
    listed = ListingVariant.objects.live().filter(variant__product=product).select_related("connection")
    for row in listed.defer("connection__credentials").order_by("connection__name"):
        offers[row.variant_id].append((row, reverse("admin:explain", args=[row.pk])))
    adjust = reverse("admin:stock_adjust") if request.user.has_perm(CHANGE) else ""
    return {
        "rows": [
            (
                variant,
                items[variant.pk],
                offers[variant.pk],
                f"{adjust}?{urlencode({'sku': variant.sku})}"
                if adjust and variant.is_counted and not variant.is_kit
                else "",
            )
            for variant in variants
        ]
    }


MOVEMENTS = 10


@panel(
    Product,
    "movements",
    label=_("Stock movements"),
    permission="inventory.view_stockmovement",
    template="inventory/product_movements.html",
    position=20,
)
def movements(request: HttpRequest, product: Product) -> dict[str, Any] | None:
    """Return the latest movements of all SKUs of the product; None when there are none. Two statements."""
    items = list(StockItem.objects.filter(variant__product=product).values_list("pk", flat=True))
    if not items:
        return None
    # By a sum, so that the database reads the movements of these items and not all movements from the newest back.
    rows = StockMovement.objects.filter(stock_item__in=items).annotate(place=F("pk") + 0).order_by("-place")
    shown = list(rows.select_related("stock_item__variant", "stock_item__warehouse")[: MOVEMENTS + 1])
    if not shown:
        return None
    return {
        "movements": [
            (row, reverse("admin:inventory_stockitem_change", args=[row.stock_item_id]))
            for row in shown[:MOVEMENTS]
        ],
        "has_more": len(shown) > MOVEMENTS,
    }
