"""When alerts are checked and sent: each minute, in the lane "default"; by another lane when that one is silent."""

from __future__ import annotations

from channels.contract.spec import Lane
from channels.ops.alerts import checks, sending
from channels.workers import enqueue, heartbeat


def sweep(lane: str = Lane.DEFAULT) -> None:
    """Check all causes, and put a task into the lane's queue when notices are due.

    Sending has a task of its own: a mail server or webhook that hangs holds up no other work of the tick.
    """
    checks.check()
    if sending.is_due():
        enqueue.send_task("send_alerts", str(lane), lane=str(lane))


def sweep_orders() -> None:
    """Check alerts in the lane "orders" while the lane "default" is silent."""
    _instead(Lane.ORDERS)


def sweep_stock() -> None:
    """Check alerts in the lane "stock" while the lane "default" is silent."""
    _instead(Lane.STOCK)


def _instead(lane: Lane) -> None:
    if str(Lane.DEFAULT) in heartbeat.dead_lanes():
        sweep(lane)
