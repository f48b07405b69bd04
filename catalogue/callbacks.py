"""Functions that the apps above register, in their `ready()`, to follow the catalogue or to answer its questions.

What follows a change runs inside its transaction: light records or a wake-up after the commit, no work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from django.db.models import QuerySet

from channels.models import Connection
from oms.kit.actors import Author


@dataclass(frozen=True, slots=True)
class Imported:
    """One SKU as a store showed it. `quantity` None: the store keeps no count of it."""

    variant_id: int
    listing_variant_id: int
    quantity: int | None
    is_new_variant: bool
    is_new_listing: bool


class Units(NamedTuple):
    """Units of one SKU over all warehouses."""

    on_hand: int = 0
    allocated: int = 0

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated


class TrackingHook(Protocol):
    """Track the stock of these SKUs from now on, or stop; returns how many changed."""

    def __call__(self, variant_ids: Collection[int], *, is_counted: bool, by: Author) -> int: ...


ImportedHook = Callable[[Connection, Sequence[Imported], datetime, datetime], None]
MappedHook = Callable[["int | None", Collection[str]], None]
OfferedHook = Callable[[Connection, Collection[int]], "dict[int, int]"]
AvailabilityHook = Callable[[Collection[int]], None]
StockHook = Callable[[Collection[int]], "dict[int, Units]"]
LowHook = Callable[[], "QuerySet[Any, Any]"]

_imported: list[ImportedHook] = []
_mapped: list[MappedHook] = []
_offered: list[OfferedHook] = []
_availability: list[AvailabilityHook] = []
_stock: list[StockHook] = []
_low: list[LowHook] = []
_tracking: list[TrackingHook] = []


def on_imported(function: ImportedHook) -> ImportedHook:
    """Register `function(connection, rows, read_from, read_at)`: a page of products was stored.

    The quantities were read from the channel between the two instants.
    """
    if function not in _imported:
        _imported.append(function)
    return function


def on_mapped(function: MappedHook) -> MappedHook:
    """Register `function(connection_id, sku_keys)`: these SKUs now have a variant (None = on every store)."""
    if function not in _mapped:
        _mapped.append(function)
    return function


def register_offered(function: OfferedHook) -> OfferedHook:
    """Register `function(connection, listing_variant_ids)` -> units to show per id, for a new listing."""
    if function not in _offered:
        _offered.append(function)
    return function


def on_availability(function: AvailabilityHook) -> AvailabilityHook:
    """Register `function(variant_ids)`: what stores may show of these has changed for a reason of the catalogue."""
    if function not in _availability:
        _availability.append(function)
    return function


def call_imported(
    connection: Connection, rows: Sequence[Imported], read_from: datetime, read_at: datetime
) -> None:
    if rows:
        for function in _imported:
            function(connection, rows, read_from, read_at)


def call_mapped(connection_id: int | None, sku_keys: Collection[str]) -> None:
    if sku_keys:
        for function in _mapped:
            function(connection_id, sku_keys)


def offered(connection: Connection, listing_variant_ids: Collection[int]) -> dict[int, int]:
    """Units to show of each; 0 where nobody counts."""
    units = dict.fromkeys(listing_variant_ids, 0)
    for function in _offered:
        units.update(function(connection, listing_variant_ids))
    return units


def call_availability(variant_ids: Collection[int]) -> None:
    if variant_ids:
        for function in _availability:
            function(variant_ids)


def register_stock(units: StockHook, low: LowHook) -> None:
    """Register `units(variant_ids)` -> `Units` by variant, and `low()` -> the ids of variants at their reorder point."""
    if units not in _stock:
        _stock.append(units)
    if low not in _low:
        _low.append(low)


def stock_of(variant_ids: Collection[int]) -> dict[int, Units]:
    """Return the units of each variant; a variant without stock is absent. One statement."""
    found: dict[int, Units] = {}
    for function in _stock if variant_ids else ():
        found.update(function(variant_ids))
    return found


def low_stock() -> QuerySet[Any, Any] | None:
    """Return the ids of variants at or below their reorder point, as a subquery; None where nobody keeps stock."""
    return _low[0]() if _low else None


def register_tracking(function: TrackingHook) -> TrackingHook:
    """Register what starts and stops the tracking of a SKU's stock, with all that follows for open orders."""
    if function not in _tracking:
        _tracking.append(function)
    return function


def set_tracking(variant_ids: Collection[int], *, is_counted: bool, by: Author) -> int:
    """Track the stock of these SKUs from now on, or stop; returns how many changed."""
    return max((function(variant_ids, is_counted=is_counted, by=by) for function in _tracking), default=0)
