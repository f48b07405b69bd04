"""Functions that the apps above register, to be called when stock changes.

They run in the transaction of the change, so they only write a row or start a task after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Holder:
    """Units of one stock item that are allocated to one order.

    `label` is the order's number. `is_deducted`: its store has deducted the units from its own figure.
    """

    stock_item_id: int
    order_id: int
    label: str
    units: int
    connection_id: int
    placed_at: datetime
    is_deducted: bool = True


MoreHook = Callable[[Collection[int]], None]
ShortHook = Callable[[Mapping[int, int]], None]
DeductedHook = Callable[[int, Collection[int], datetime], Mapping[int, int]]
HoldersHook = Callable[[Collection[int]], Iterable[Holder]]

SalesHook = Callable[[int, Collection[int], datetime], Sequence[tuple[int, datetime, int]]]
WmsHook = Callable[[int], None]

_more: list[MoreHook] = []
_short: list[ShortHook] = []
_holders: list[HoldersHook] = []
_deducted: list[DeductedHook] = []
_wms_ended: list[WmsHook] = []
_sales: list[SalesHook] = []


def on_more(function: MoreHook) -> MoreHook:
    """Register `function(variant_ids)`. It is called when more of these variants is available than before."""
    if function not in _more:
        _more.append(function)
    return function


def on_short(function: ShortHook) -> ShortHook:
    """Register `function({stock_item_id: units})`. It must release that many allocated units, newest orders first.

    It is called before a stock item is locked, because orders are locked first.
    """
    if function not in _short:
        _short.append(function)
    return function


def register_holders(function: HoldersHook) -> HoldersHook:
    """Register `function(stock_item_ids) -> Holder rows`: the orders to which units are allocated."""
    if function not in _holders:
        _holders.append(function)
    return function


def register_deducted(function: DeductedHook) -> DeductedHook:
    """Register `function(store id, variant_ids, before) -> {variant_id: units}`.

    It returns the units of the store's open orders that were placed before this time and that the store has deducted
    from its own figure: they are still in the warehouse, allocated or not.
    """
    if function not in _deducted:
        _deducted.append(function)
    return function


def register_sales(function: SalesHook) -> SalesHook:
    """Register `function(store id, variant_ids, since) -> (variant id, placed at, units)` of the store's own order lines."""
    if function not in _sales:
        _sales.append(function)
    return function


def own_sales(
    connection_id: int, variant_ids: Collection[int], since: datetime
) -> list[tuple[int, datetime, int]]:
    """Return what a store sold itself since a time: the rows of the functions of `register_sales`."""
    return [row for function in _sales for row in function(connection_id, variant_ids, since)]


def on_wms_ended(function: WmsHook) -> WmsHook:
    """Register `function(connection id)`. It is called when a warehouse system is disconnected, before it is."""
    if function not in _wms_ended:
        _wms_ended.append(function)
    return function


def wms_ended(connection_id: int) -> None:
    """Call the functions of `on_wms_ended`."""
    for function in _wms_ended:
        function(connection_id)


def deducted_units(connection_id: int, variant_ids: Collection[int], before: datetime) -> dict[int, int]:
    """Return the sum of the functions of `register_deducted`, by variant id."""
    found = dict.fromkeys(variant_ids, 0)
    for function in _deducted:
        for variant_id, units in function(connection_id, variant_ids, before).items():
            found[variant_id] += units
    return found


def stock_increased(variant_ids: Collection[int]) -> None:
    """Call the functions of `on_more`."""
    if variant_ids:
        for function in _more:
            function(variant_ids)


def reclaim(missing: Mapping[int, int]) -> None:
    """Have allocated units released: `missing` is stock item id -> units. Calls the functions of `on_short`."""
    for function in _short:
        function(missing)


def holders_of(stock_item_ids: Collection[int]) -> list[Holder]:
    """Return to which orders the allocated units of these stock items (ids) belong, oldest order first."""
    found = [holder for function in _holders for holder in function(stock_item_ids)]
    return sorted(found, key=lambda holder: (holder.placed_at, holder.order_id))
