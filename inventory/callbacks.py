"""How the layers above follow the stock: orders registers its functions here, in its `ready()`.

Every function runs inside the transaction of the change: a light record or a doorbell after commit, no work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Holder:
    """Units of one shelf that are promised, and to which order; whether its store has taken them off its own figure."""

    stock_item_id: int
    order_id: int
    label: str
    units: int
    connection_id: int
    placed_at: datetime
    is_deducted: bool = True


MoreHook = Callable[[Collection[int]], None]
ShortHook = Callable[[Mapping[int, int]], None]
HoldersHook = Callable[[Collection[int]], Iterable[Holder]]

_more: list[MoreHook] = []
_short: list[ShortHook] = []
_holders: list[HoldersHook] = []


def on_more(function: MoreHook) -> MoreHook:
    """Register `function(variant_ids)`: more of these variants is available somewhere than before."""
    if function not in _more:
        _more.append(function)
    return function


def on_short(function: ShortHook) -> ShortHook:
    """Register `function({stock_item_id: units})`: give back so many promised units, the youngest first.

    Called before any shelf is locked, so that the owner may lock its orders first and then the shelves.
    """
    if function not in _short:
        _short.append(function)
    return function


def register_holders(function: HoldersHook) -> HoldersHook:
    """Register `function(stock_item_ids) -> Holder rows`: which orders hold the allocated units."""
    if function not in _holders:
        _holders.append(function)
    return function


def stock_increased(variant_ids: Collection[int]) -> None:
    if variant_ids:
        for function in _more:
            function(variant_ids)


def reclaim(missing: Mapping[int, int]) -> None:
    for function in _short:
        function(missing)


def holders_of(stock_item_ids: Collection[int]) -> list[Holder]:
    """Who holds the allocated units of these shelves, oldest order first."""
    found = [holder for function in _holders for holder in function(stock_item_ids)]
    return sorted(found, key=lambda holder: (holder.placed_at, holder.order_id))
