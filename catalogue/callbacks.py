"""Functions that other apps register: called after a change of the catalogue, or to read data of those apps.

A function that is called after a change runs in the transaction of the change. It may write a few rows or enqueue a task
after the commit, no more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from django.db.models import QuerySet

from channels.models import Connection
from oms.kit.authors.actors import Author


@dataclass(frozen=True, slots=True)
class Imported:
    """One imported SKU of a store. `quantity` None: the store does not track its stock."""

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
    """Start or stop tracking the stock of SKUs; return how many changed."""

    def __call__(self, variant_ids: Collection[int], *, is_counted: bool, by: Author) -> int: ...


ImportedHook = Callable[[Connection, Sequence[Imported], datetime, datetime], None]
MappedHook = Callable[["int | None", Collection[str]], None]
OfferedHook = Callable[[Connection, Collection[int]], "dict[int, int]"]
AvailabilityHook = Callable[[Collection[int]], None]
RecodedHook = Callable[[int], None]
KitsMadeHook = Callable[[Collection[int], Author], None]
StockHook = Callable[[Collection[int]], "dict[int, Units]"]
LowHook = Callable[[], "QuerySet[Any, Any]"]

_imported: list[ImportedHook] = []
_mapped: list[MappedHook] = []
_offered: list[OfferedHook] = []
_availability: list[AvailabilityHook] = []
_recoded: list[RecodedHook] = []
_kits_made: list[KitsMadeHook] = []
_stock: list[StockHook] = []
_low: list[LowHook] = []
_tracking: list[TrackingHook] = []


def on_imported(function: ImportedHook) -> ImportedHook:
    """Register `function(connection, rows, read_from, read_at)`, called when a page of products was stored.

    The quantities were read from the channel between the two instants.
    """
    if function not in _imported:
        _imported.append(function)
    return function


def on_mapped(function: MappedHook) -> MappedHook:
    """Register `function(connection_id, sku_keys)`, called when SKUs of a store (None: of all stores) have a variant now."""
    if function not in _mapped:
        _mapped.append(function)
    return function


def register_offered(function: OfferedHook) -> OfferedHook:
    """Register `function(connection, listing_variant_ids)`, which returns the units that a store is offered, by id."""
    if function not in _offered:
        _offered.append(function)
    return function


def on_availability(function: AvailabilityHook) -> AvailabilityHook:
    """Register `function(variant_ids)`, called when the offered units of these variants change with the catalogue."""
    if function not in _availability:
        _availability.append(function)
    return function


def on_recoded(function: RecodedHook) -> RecodedHook:
    """Register `function(variant_id)`: the SKU or barcode of this variant was changed."""
    if function not in _recoded:
        _recoded.append(function)
    return function


def on_kits_made(function: KitsMadeHook) -> KitsMadeHook:
    """Register `function(variant_ids, by)`: these SKUs have just become kits.

    It raises `CatalogueError` where one cannot be a kit; nothing is changed then.
    """
    if function not in _kits_made:
        _kits_made.append(function)
    return function


def call_kits_made(variant_ids: Collection[int], by: Author) -> None:
    """Call the functions of `on_kits_made`."""
    for function in _kits_made if variant_ids else ():
        function(variant_ids, by)


def call_recoded(variant_id: int) -> None:
    for function in _recoded:
        function(variant_id)


def call_imported(
    connection: Connection, rows: Sequence[Imported], read_from: datetime, read_at: datetime
) -> None:
    """Call the functions of `on_imported`."""
    if rows:
        for function in _imported:
            function(connection, rows, read_from, read_at)


def call_mapped(connection_id: int | None, sku_keys: Collection[str]) -> None:
    """Call the functions of `on_mapped`."""
    if sku_keys:
        for function in _mapped:
            function(connection_id, sku_keys)


def offered(connection: Connection, listing_variant_ids: Collection[int]) -> dict[int, int]:
    """Return the units that a store is offered of each listed SKU, by id; 0 where no app tracks stock."""
    units = dict.fromkeys(listing_variant_ids, 0)
    for function in _offered:
        units.update(function(connection, listing_variant_ids))
    return units


def call_availability(variant_ids: Collection[int]) -> None:
    """Call the functions of `on_availability`."""
    if variant_ids:
        for function in _availability:
            function(variant_ids)


def register_stock(units: StockHook, low: LowHook) -> None:
    """Register `units(variant_ids)`, which returns `Units` by variant, and `low()`, which returns ids of low variants."""
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
    """Return the ids of variants at or below their reorder point, as a subquery; None where no app tracks stock."""
    return _low[0]() if _low else None


def register_tracking(function: TrackingHook) -> TrackingHook:
    """Register the function that starts and stops tracking of stock, and updates the open orders of these SKUs."""
    if function not in _tracking:
        _tracking.append(function)
    return function


def set_tracking(variant_ids: Collection[int], *, is_counted: bool, by: Author) -> int:
    """Start or stop tracking the stock of SKUs; return how many changed."""
    return max((function(variant_ids, is_counted=is_counted, by=by) for function in _tracking), default=0)
