"""The time that is left to ship an order, and when an order is late: one rule for lists, Home and reports.

Only an order that may be shipped and is not can be late. Unpaid orders and drafts may not be shipped; orders that are
ready to ship wait for the carrier, orders in cancellation for an answer; an order on hold waits because a person wants it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from orders.choices import TO_SHIP_STATUSES

LATE: Final = "late"
#: Hours left to ship, from and to; None = no bound. Without an end, orders without a ship-by belong to it too.
RANGES: Final[dict[str, tuple[int | None, int | None]]] = {
    LATE: (None, 0),
    "1h": (0, 1),
    "4h": (1, 4),
    "24h": (4, 24),
    "later": (24, None),
}


def may_be_shipped() -> Q:
    """Return the orders that may be shipped and are not; only these can be late."""
    return Q(status__in=TO_SHIP_STATUSES, holds_open=0)


def due_within(key: str, now: datetime) -> Q:
    """Return the orders of one of `RANGES` at the instant `now` (UTC)."""
    start, end = RANGES[key]
    bounds = {"ship_by_at__gte": start, "ship_by_at__lt": end}
    within = Q(**{name: now + timedelta(hours=hours) for name, hours in bounds.items() if hours is not None})
    return may_be_shipped() & (within if end is not None else within | Q(ship_by_at=None))
