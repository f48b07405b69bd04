"""What the tick of the order lane looks for: work that a lost ring would have started, and time that has passed."""

from __future__ import annotations

from channels import tasks
from orders import refilling, shipping


def sweep() -> int:
    """One slice of each: stock for waiting orders, mapped SKUs, unpaid orders' stock, ended action windows."""
    return refilling.map_waiting() + refilling.refill() + refilling.release_unpaid() + shipping.complete_due()


def register(lane: str) -> None:
    """Have the lane's tick call `sweep`."""
    tasks.register_sweep(lane, sweep)
