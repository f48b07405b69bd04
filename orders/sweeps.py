"""What the tick of the order lane looks for: work that a lost ring would have started, and time that has passed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from orders import refilling, shipping


def sweep() -> int:
    """One slice of each: stock for waiting orders, mapped SKUs, unpaid orders' stock, ended action windows."""
    return refilling.map_waiting() + refilling.refill() + refilling.release_unpaid() + shipping.complete_due()


def register(lane: str) -> None:
    """Have the lane's tick call `sweep`."""
    for module in ("channels.tasks", "channels.lanes"):
        try:
            hook: Callable[..., object] | None = getattr(import_module(module), "register_sweep", None)
        except ModuleNotFoundError:
            continue
        if hook is not None:
            hook(str(lane), sweep)
            return
