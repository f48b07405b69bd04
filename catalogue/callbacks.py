"""How the layers above follow the catalogue: they register here, in their `ready()`.

Every function runs inside the transaction of the change: light records or a doorbell after commit, no work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from channels.models import Connection


@dataclass(frozen=True, slots=True)
class Imported:
    """One SKU as a store showed it. `quantity` None: the store keeps no count of it."""

    variant_id: int
    listing_variant_id: int
    quantity: int | None
    is_new_variant: bool
    is_new_listing: bool


ImportedHook = Callable[[Connection, Sequence[Imported], datetime, datetime], None]
MappedHook = Callable[["int | None", Collection[str]], None]
OfferedHook = Callable[[Connection, Collection[int]], "dict[int, int]"]
AvailabilityHook = Callable[[Collection[int]], None]

_imported: list[ImportedHook] = []
_mapped: list[MappedHook] = []
_offered: list[OfferedHook] = []
_availability: list[AvailabilityHook] = []


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
