"""What the queue rings for; ids in, nothing decided here."""

from __future__ import annotations

from collections.abc import Sequence

from orders import refilling


def refill(variant_ids: Sequence[int] | None = None) -> int:
    """Stock has come: waiting orders take it, slice by slice, as long as there is a whole one."""
    got = refilling.refill(variant_ids, limit=refilling.SLICE)
    if got >= refilling.SLICE:
        refilling.ring_refill(variant_ids)
    return got


def map_waiting(sku_keys: Sequence[str] | None = None) -> int:
    """SKUs have been mapped: the lines that waited for them go on."""
    return refilling.map_waiting(sku_keys)
