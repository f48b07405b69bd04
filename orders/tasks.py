"""Tasks of the queue, and the sweep. They have ids as arguments and call services."""

from __future__ import annotations

from collections.abc import Sequence

from orders.services import backorders, completion, unpaid_stock


def refill(variant_ids: Sequence[int] | None = None) -> int:
    """Allocate arrived stock to waiting orders; start again after a full batch. Return how many orders got units."""
    count = backorders.refill(variant_ids, limit=backorders.BATCH_SIZE)
    if count >= backorders.BATCH_SIZE:
        backorders.enqueue_refill(variant_ids)
    return count


def map_waiting(sku_keys: Sequence[str] | None = None) -> int:
    """Map the lines of waiting orders to SKUs that were just mapped."""
    return backorders.map_waiting(sku_keys)


def sweep() -> int:
    """Do one batch of each: map SKUs, allocate stock, release stock of unpaid orders, complete delivered orders."""
    return (
        backorders.map_waiting()
        + backorders.refill()
        + unpaid_stock.release_unpaid()
        + completion.complete_due()
    )
