"""The clock of the database is the clock of every process: a host whose own clock is wrong takes no lease and no schedule wrongly.

Leases, schedules and due times are compared between hosts. Each new connection to PostgreSQL asks for the database's time; a
difference of more than two seconds is logged and added to `django.utils.timezone.now`. SQLite has one host and so one clock.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.backends.signals import connection_created
from django.utils import timezone

log = logging.getLogger(__name__)

TOLERATED = timedelta(seconds=2)

_own_now = timezone.now
_offset = timedelta()


def now() -> datetime:
    """Return the present time of the database, to two seconds."""
    return _own_now() + _offset


def measure(*, connection: Any, **_signal: Any) -> None:
    """Compare this host's clock with that of the database to which a connection was made."""
    global _offset
    if connection.vendor != "postgresql":
        return
    before = _own_now()
    with connection.connection.cursor() as cursor:
        [theirs] = cursor.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
    own = before + (_own_now() - before) / 2
    found = datetime.fromtimestamp(float(theirs), UTC) - own
    found = found if abs(found) > TOLERATED else timedelta()
    if abs(found - _offset) > TOLERATED:
        log.warning(
            "the clock of this host differs from that of the database by %+.1f s: the database's time is used. Set the clock.",
            -found.total_seconds(),
        )
    _offset = found


def install() -> None:
    """Use the clock of the database in this process; called once at start-up."""
    vars(timezone).update(now=now)
    connection_created.connect(measure, dispatch_uid="oms.cluster.clock")
