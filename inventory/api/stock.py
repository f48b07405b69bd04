"""Stock by SKU and warehouse: read, adjust, count."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Schema

from catalogue.models import Variant, sku_key
from inventory.errors import QuantityError, StockChanged, StockError
from inventory.models import StockItem, Warehouse
from inventory.models.querysets import StockItemQuerySet
from inventory.services import adjust
from oms.kit.api.areas import Area
from oms.kit.api.auth import author_of, key_of
from oms.kit.api.errors import ApiError, not_found
from oms.kit.api.fields import Change, Code, Input, Sku, Text, Units
from oms.kit.api.paging import After, Limit, Page, answer, page_of

WAREHOUSES = Area("stock", prefix="/warehouses", tag="Stock")
STOCK = Area("stock", prefix="/stock", tag="Stock")


class WarehouseOut(Schema):
    """A warehouse."""

    id: int
    code: str
    name: str
    country: str
    is_active: bool


class StockOut(Schema):
    """The stock of a SKU in a warehouse; `available` is on hand less allocated."""

    id: int
    sku: str
    warehouse: str
    on_hand: int
    allocated: int
    available: int
    unusable: int
    updated_at: datetime


class AdjustmentIn(Input):
    """A change by `delta` units."""

    sku: Sku
    warehouse: Code
    delta: Change
    reason: Text


class CountIn(Input):
    """A count. `was` are the units on hand that the caller saw: with another figure the count is refused (409)."""

    sku: Sku
    warehouse: Code
    quantity: Units
    was: Units | None = None
    reason: Text


def _out(item: StockItem) -> dict[str, Any]:
    return {
        "id": item.pk,
        "sku": item.variant.sku,
        "warehouse": item.warehouse.code,
        "on_hand": item.on_hand,
        "allocated": item.allocated,
        "available": item.available,
        "unusable": item.unusable,
        "updated_at": item.updated_at,
    }


def _rows(request: HttpRequest) -> StockItemQuerySet:
    rows = StockItem.objects.select_related("variant", "warehouse")
    limited_to = key_of(request).warehouse_id
    return rows if limited_to is None else rows.filter(warehouse=limited_to)


def _place(request: HttpRequest, sku: str, code: str) -> tuple[Variant, Warehouse]:
    """Return the SKU and the warehouse of a change; raise 404 for another warehouse than the key's, too."""
    warehouse = Warehouse.objects.filter(code=code).first()
    limited_to = key_of(request).warehouse_id
    if warehouse is None or limited_to not in (None, warehouse.pk):
        raise not_found()
    variant = Variant.objects.filter(sku_key=sku_key(sku)).first()
    if variant is None:
        raise ApiError(
            422, _("There is no SKU “%s”.") % sku, errors=[("/sku", str(_("There is no such SKU.")))]
        )
    return variant, warehouse


@WAREHOUSES.read("", response=Page[WarehouseOut], summary="List warehouses")
def list_warehouses(request: HttpRequest, after: After = "", limit: Limit = 50) -> dict[str, Any]:
    """Return the warehouses; for a key of one warehouse that one."""
    rows = Warehouse.objects.all()
    limited_to = key_of(request).warehouse_id
    if limited_to is not None:
        rows = rows.filter(pk=limited_to)
    return answer(*page_of(rows, after, limit))


@STOCK.read("", response=Page[StockOut], summary="List stock")
def list_stock(
    request: HttpRequest, sku: Text = "", warehouse: Text = "", after: After = "", limit: Limit = 50
) -> dict[str, Any]:
    """Return the stock of each SKU in each warehouse."""
    rows = _rows(request)
    if sku:
        rows = rows.filter(variant__sku_key=sku_key(sku))
    if warehouse:
        rows = rows.filter(warehouse__code=warehouse)
    items, following = page_of(rows, after, limit)
    return answer([_out(item) for item in items], following)


@STOCK.write("POST", "/adjustments", response=StockOut, summary="Adjust stock")
def adjust_stock(request: HttpRequest, payload: AdjustmentIn) -> dict[str, Any]:
    """Change the stock of a SKU in a warehouse by `delta` units, like “Adjust stock” on its page."""
    variant, warehouse = _place(request, payload.sku, payload.warehouse)
    return _adjust(request, variant, warehouse, delta=payload.delta, reason=payload.reason)


@STOCK.write("PUT", "/counts", response=StockOut, summary="Count stock")
def count_stock(request: HttpRequest, payload: CountIn) -> dict[str, Any]:
    """Set the units on hand of a SKU in a warehouse to what was counted."""
    variant, warehouse = _place(request, payload.sku, payload.warehouse)
    return _adjust(
        request,
        variant,
        warehouse,
        set_to=payload.quantity,
        was=payload.was,
        kind=adjust.Kind.COUNT,
        reason=payload.reason,
    )


def _adjust(request: HttpRequest, variant: Variant, warehouse: Warehouse, **change: Any) -> dict[str, Any]:
    try:
        item = adjust.adjust(variant=variant, warehouse=warehouse, by=author_of(request), **change)
    except StockChanged as error:
        raise ApiError(409, error) from error
    except (QuantityError, StockError) as error:
        raise ApiError(422, error) from error
    return _out(_rows(request).get(pk=item.pk))
