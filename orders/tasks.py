"""What the queue rings for; ids in, nothing decided here."""

from __future__ import annotations

from collections.abc import Sequence

from orders.services import backorders, completion, unpaid_stock


def refill(variant_ids: Sequence[int] | None = None) -> int:
    """Stock has come: waiting orders take it, slice by slice, as long as there is a whole one."""
    got = backorders.refill(variant_ids, limit=backorders.SLICE)
    if got >= backorders.SLICE:
        backorders.enqueue_refill(variant_ids)
    return got


def map_waiting(sku_keys: Sequence[str] | None = None) -> int:
    """SKUs have been mapped: the lines that waited for them go on."""
    return backorders.map_waiting(sku_keys)


def sweep() -> int:
    """One slice of each: stock for waiting orders, mapped SKUs, unpaid orders' stock, ended action windows."""
    return (
        backorders.map_waiting()
        + backorders.refill()
        + unpaid_stock.release_unpaid()
        + completion.complete_due()
    )
