"""What sending notes on a listed SKU for the exposure meter, in a column of the row that it writes anyway.

A line for each figure that a store took while it offered more than was available; the sweep of
`inventory.services.exposure` reads the lines and empties the column. No statement is added to sending.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from channels.models import Connection, OutboxMessage
from inventory.models.exposure import Exposure

#: The newest lines that are kept until the sweep has read them.
KEPT: Final = 20
#: A wait in the outbox that is longer than this is not the time of sending (seconds).
BUSY_AFTER: Final = 30.0
Cause = Exposure.Cause


@dataclass(frozen=True, slots=True)
class Noted:
    """One line: units offered and available, and seconds since 1970: since when, until when, when `shown` was sent."""

    shown: int
    available: int
    since: float
    until: float
    shown_since: float
    cause: str

    @property
    def started_at(self) -> datetime:
        """When the store's figure became too high."""
        return datetime.fromtimestamp(self.since, UTC)

    @property
    def ended_at(self) -> datetime:
        """When the store took the new figure."""
        return datetime.fromtimestamp(self.until, UTC)


def added(
    log: str, message: OutboxMessage, connection: Connection, *, shown: int | None, offer: Any, now: datetime
) -> str:
    """Return the column after a send: with one more line where the store offered more than is available.

    `shown` is what it offered until now; None: not known. The time begins with the oldest change that was not sent.
    """
    if shown is None or shown <= max(offer.available, 0):
        return log
    since = message.waiting_since
    noted = Noted(
        shown,
        max(offer.available, 0),
        round(since.timestamp(), 3),
        round(now.timestamp(), 3),
        round(offer.sent_at.timestamp(), 3) if offer.sent_at is not None else 0.0,
        cause_of(message, connection, since, now),
    )
    lines = [*log.splitlines(), " ".join(str(part) for part in astuple(noted))]
    return "\n".join(lines[-KEPT:])


def read(log: str) -> list[Noted]:
    """Return the lines of a column."""
    found = []
    for line in log.splitlines():
        shown, available, since, until, shown_since, cause = line.split(" ")
        found.append(Noted(int(shown), int(available), float(since), float(until), float(shown_since), cause))
    return found


def cause_of(message: OutboxMessage, connection: Connection, since: datetime, now: datetime) -> str:
    """Return why a message waited from `since` to `now`: the first cause that applies.

    Read before the send is stored: then the store still has the fault that it just came back from.
    """
    if connection.state_since > since:
        return Cause.PAUSED
    if connection.failing_since is not None or message.attempts > 1:
        return Cause.DOWN
    if connection.blocked_until is not None and connection.blocked_until > since:
        return Cause.LIMIT
    return Cause.BUSY if (now - since).total_seconds() > BUSY_AFTER else Cause.OUTBOX
