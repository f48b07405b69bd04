"""Tasks of the queue. They have ids as arguments and call services."""

from __future__ import annotations

from collections.abc import Sequence

from orders.services.stock import backorders


def refill(variant_ids: Sequence[int] | None = None) -> int:
    """Allocate arrived stock to waiting orders; start again after a full batch. Return how many orders got units."""
    count = backorders.refill(variant_ids, limit=backorders.BATCH_SIZE)
    if count >= backorders.BATCH_SIZE:
        backorders.enqueue_refill(variant_ids)
    return count


def map_waiting(sku_keys: Sequence[str] | None = None) -> int:
    """Map the lines of waiting orders to SKUs that were just mapped; start again after a full batch."""
    count = backorders.map_waiting(sku_keys, limit=backorders.BATCH_SIZE)
    if count >= backorders.BATCH_SIZE and sku_keys is not None:
        backorders.enqueue_task("orders.tasks.map_waiting", list(sku_keys))
    return count
