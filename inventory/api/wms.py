"""Stock that a warehouse system reports: adjustments, counts, receipts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Schema
from pydantic import Field

from inventory.errors import StockError
from inventory.models import StockItem
from inventory.services import wms
from inventory.services.wms import Caller, Counted
from oms.kit.api.areas import Area
from oms.kit.api.auth import key_of
from oms.kit.api.errors import ApiError
from oms.kit.api.fields import Change, Code, Input, Instant, Sku, Text, Units

INVENTORY = Area("wms", prefix="/inventory", tag="Stock", secrets_of=wms.secrets_of)
RECEIPTS = Area("wms", prefix="/receipts", tag="Stock", secrets_of=wms.secrets_of)

MOST_LINES = 500


class AdjustmentLine(Input):
    """Units that were found (above 0), or lost or thrown away (below 0)."""

    sku: Sku
    delta: Change
    reason: Code


class AdjustmentsIn(Input):
    """Adjustments of one warehouse, all or none."""

    lines: Annotated[list[AdjustmentLine], Field(min_length=1, max_length=MOST_LINES)]


class CountLine(Input):
    """The units of a SKU that were counted: usable units in the warehouse, picked ones included."""

    sku: Sku
    quantity: Units


class CountsIn(Input):
    """A count. A SKU that moved after `counted_at` refuses all of it (409)."""

    counted_at: Instant
    lines: Annotated[list[CountLine], Field(min_length=1, max_length=MOST_LINES)]
    reason: Text = ""


class ReceiptLine(Input):
    """Units of a SKU that arrived: `received` are all, `damaged` those of them that cannot be sold."""

    sku: Sku
    received: Units
    damaged: Units = 0
    expected: Units | None = None


class ReceiptIn(Input):
    """A delivery that arrived. `reference` is its number."""

    reference: Code
    lines: Annotated[list[ReceiptLine], Field(min_length=1, max_length=MOST_LINES)]


class StockOut(Schema):
    """The stock of a SKU in the warehouse of the key."""

    sku: str
    on_hand: int
    allocated: int
    available: int


def caller(request: HttpRequest) -> Caller:
    """Return the WMS that calls; raises `ApiError` 403 for a warehouse without one."""
    try:
        return wms.caller_of(key_of(request))
    except wms.NoWms as error:
        raise ApiError(403, error) from error


def _done(book: Callable[[], Sequence[StockItem]]) -> list[dict[str, Any]]:
    try:
        items = book()
    except wms.TooOld as error:
        raise ApiError(409, error) from error
    except StockError as error:
        raise ApiError(422, error) from error
    rows = StockItem.objects.select_related("variant").in_bulk([item.pk for item in items])
    return [
        {
            "sku": row.variant.sku,
            "on_hand": row.on_hand,
            "allocated": row.allocated,
            "available": row.available,
        }
        for row in (rows[item.pk] for item in items)
    ]


@INVENTORY.write("POST", "/adjustments", response=list[StockOut], summary="Report adjustments")
def report_adjustments(request: HttpRequest, payload: AdjustmentsIn) -> list[dict[str, Any]]:
    """Add or remove units of SKUs in the warehouse of the key."""
    lines = [Counted(line.sku, line.delta, line.reason) for line in payload.lines]
    return _done(lambda: wms.adjust(caller=caller(request), lines=lines))


@INVENTORY.write("PUT", "/counts", response=list[StockOut], summary="Report a count")
def report_counts(request: HttpRequest, payload: CountsIn) -> list[dict[str, Any]]:
    """Set the units on hand to what was counted at an instant."""
    lines = [Counted(line.sku, line.quantity, payload.reason) for line in payload.lines]
    return _done(lambda: wms.count(caller=caller(request), counted_at=payload.counted_at, lines=lines))


@RECEIPTS.write("POST", "", response=list[StockOut], summary="Report a receipt")
def report_receipt(request: HttpRequest, payload: ReceiptIn) -> list[dict[str, Any]]:
    """Book the usable units of a delivery that arrived in the warehouse of the key."""
    for line in payload.lines:
        if line.damaged > line.received:
            raise ApiError(422, f"“{line.sku}”: more units are damaged than received.")
    lines = [Counted(line.sku, line.received - line.damaged) for line in payload.lines]
    return _done(lambda: wms.receive(caller=caller(request), reference=payload.reference, lines=lines))
