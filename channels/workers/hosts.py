"""Heartbeats of hosts: the work of a host that is cut off or dead is taken over by the others within a minute.

A process on another machine cannot be seen, so its leases (150 s) would run to their end. Each lane of each host therefore notes
every 8 s that it reaches the database. Two limits keep two hosts from doing the same work:

- a host that has not reached the database for 20 s ends its own busy workers (`oms.cluster.beats`, by its monotonic clock);
- after 35 s without a heartbeat, by the database's clock, the others end its leases and take its work over.

Only on PostgreSQL: an SQLite file has one host.
"""

from __future__ import annotations

import logging
import multiprocessing
import socket
from datetime import timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from channels.models import HostBeat
from channels.workers import enqueue
from oms.kit.models import leases

log = logging.getLogger(__name__)

EVERY: Final = 8.0  # seconds between two heartbeats of a lane
ENDS_AFTER: Final = 20.0  # seconds without the database until a host ends its busy workers
GONE_AFTER: Final = 35.0  # seconds without a heartbeat until the others take its work over
REMEMBERED = timedelta(days=1)

_alive: Any = None  # how many hosts work this process's lane: shared by the processes of the lane; None outside of a lane

_BEAT = """
WITH before AS (SELECT is_gone FROM {table} WHERE key = %(key)s),
beat AS (
    INSERT INTO {table} (key, place, name, beat_at, is_gone)
    VALUES (%(key)s, %(place)s, %(name)s, clock_timestamp(), false)
    ON CONFLICT (key) DO UPDATE SET beat_at = excluded.beat_at, name = excluded.name, is_gone = false
),
gone AS (
    SELECT place FROM {table} WHERE place <> %(place)s GROUP BY place
    HAVING max(beat_at) < clock_timestamp() - %(after)s * interval '1 second' AND NOT bool_and(is_gone)
)
SELECT COALESCE((SELECT is_gone FROM before), false), ARRAY(SELECT place FROM gone),
    (SELECT count(*) FROM {table} WHERE key LIKE %(lane)s AND key <> %(key)s AND NOT is_gone)
"""

_GIVE_UP = """
UPDATE {table} SET is_gone = true WHERE place = %(place)s AND NOT is_gone AND NOT EXISTS (
    SELECT 1 FROM {table} b WHERE b.place = %(place)s AND b.beat_at >= clock_timestamp() - %(after)s * interval '1 second'
) RETURNING name
"""


def share_count() -> None:
    """Make the number that `alive` returns, before the processes of a lane are forked."""
    global _alive
    _alive = multiprocessing.Value("i", 1)


def alive() -> int:
    """Return how many hosts work the lane of this process, as its last heartbeat found; 1 outside of a lane. No statement."""
    return 1 if _alive is None else int(_alive.value)


def beat(lane: str) -> bool:
    """Note that this lane of this host reaches the database; take over the work of hosts that do not any more.

    Return False when this host itself had been given up meanwhile: others do its work now.
    """
    place = leases.place()
    if connection.vendor != "postgresql" or not place:
        return True
    values: dict[str, str | float] = {
        "key": f"{place}:{lane}",
        "place": place,
        "name": socket.gethostname()[:255],
        "after": GONE_AFTER,
        "lane": f"%:{lane}",
    }
    with connection.cursor() as cursor:
        cursor.execute(_BEAT.format(table=connection.ops.quote_name(HostBeat._meta.db_table)), values)
        was_gone, silent, others = cursor.fetchone()
    if _alive is not None:
        _alive.value = 1 + others
    for silent_place in silent:
        _give_up(silent_place)
    return not was_gone


def _give_up(place: str) -> None:
    """Mark a place as gone and wake every lane for its work; of several hosts that see it, one does.

    A host that has come back since it was seen stays.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _GIVE_UP.format(table=connection.ops.quote_name(HostBeat._meta.db_table)),
            {"place": place, "after": GONE_AFTER},
        )
        names = {row[0] for row in cursor.fetchall()}
    if names:
        log.warning("the host %s is gone: its work is taken over", ", ".join(sorted(names)))
        for lane in enqueue.LANES:
            enqueue.send_task("take_over", lane, lane=lane)


def gone() -> set[str]:
    """Return the places all of whose lanes are gone."""
    if connection.vendor != "postgresql":
        return set()
    rows = dict[str, bool]()
    for place, is_gone in HostBeat.objects.values_list("place", "is_gone"):
        rows[place] = is_gone and rows.get(place, True)
    return {place for place, is_gone in rows.items() if is_gone}


def leave(lane: str) -> None:
    """Forget a lane of this host that was asked to stop: it has given everything back."""
    if connection.vendor == "postgresql":
        HostBeat.objects.filter(key=f"{leases.place()}:{lane}").delete()


def prune() -> None:
    """Forget hosts that have been gone for a day."""
    HostBeat.objects.filter(is_gone=True, beat_at__lt=timezone.now() - REMEMBERED).delete()
