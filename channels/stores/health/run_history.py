"""The last 24 hours of each import schedule, in bars, and its age against its target."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels.models import Connection, SyncRun, SyncStream
from channels.pull import streams
from oms.kit.admin.badges import span_text

_COMPLETE = {"done", "running"}
BARS = 96
BAR = timedelta(minutes=15)
SLACK = 120  # seconds that a run may take before its stream counts as late (design §5)


@dataclass(frozen=True, slots=True)
class Freshness:
    """The age of a stream's last complete run in seconds (None = never), and its last 24 hours as coloured bars."""

    stream: SyncStream
    age: float | None
    is_late: bool
    cells: Sequence[tuple[str, str]]

    @property
    def target(self) -> int | None:
        """Seconds within which a complete run is expected; None where none is expected."""
        return self.stream.period + SLACK if self.stream.period and self.stream.is_on else None

    @property
    def title(self) -> str:
        """The name of the import in words."""
        return str(streams.title(self.stream.name))

    @property
    def text(self) -> str:
        """The age in words."""
        return _("never") if self.age is None else _("%s ago") % span_text(self.age)


def freshness(
    schedules: Iterable[SyncStream], runs: Mapping[tuple[int, str], Sequence[Any]]
) -> list[Freshness]:
    """Return each of the schedules with its age; late when older than its period and two minutes, while its store is active.

    `runs` are those of `recent_runs`.
    """
    now = timezone.now()
    found = []
    for stream in schedules:
        age = (now - stream.completed_at).total_seconds() if stream.completed_at else None
        waiting = (now - stream.connection.created_at).total_seconds()
        limit = (stream.period or 0) + SLACK
        is_late = bool(
            stream.period
            and stream.is_on
            and stream.connection.state != Connection.State.DISCONNECTED
            and (waiting if age is None else age) > limit
            and not (age is None and stream.due_at and stream.due_at > now)  # the first sync comes before it
        )
        expected = timedelta(seconds=limit) if stream.period and stream.is_on else None
        cells = bars(runs.get((stream.connection_id, stream.name), ()), now, expected)
        found.append(Freshness(stream, age, is_late, cells))
    return found


def recent_runs(
    connection_ids: Collection[int], streams: Collection[str]
) -> dict[tuple[int, str], list[Any]]:
    """Return the runs that started in the last 24 hours, as (started, state), by store and stream: one statement."""
    since = timezone.now() - BARS * BAR
    runs: dict[tuple[int, str], list[Any]] = defaultdict(list)
    rows = SyncRun.objects.filter(
        connection_id__in=connection_ids, stream__in=streams, started_at__gte=since
    ).values_list("connection_id", "stream", "started_at", "state")
    for connection_id, stream, began, state in rows.order_by():
        runs[connection_id, stream].append((began, state))
    return runs


def bars(
    runs: Iterable[tuple[datetime, str]], now: datetime, expected: timedelta | None = None
) -> list[tuple[str, str]]:
    """Return 24 hours in bars of 15 minutes: green where a run was complete, red where all failed, grey where none ran.

    A bar without a run is pale green while no run was due: `expected` is the longest time between two runs. So neither
    the running quarter of an hour nor an hourly import looks like an outage.
    """
    start = now - BARS * BAR
    complete: datetime | None = None
    last: list[datetime | None] = [None] * BARS
    states: list[set[str]] = [set() for _bar in range(BARS)]
    counts = [0] * BARS
    for began, state in runs:
        at = int((began - start) / BAR)
        if 0 <= at < BARS:
            states[at].add(state)
            counts[at] += 1
            if state in _COMPLETE:
                last[at] = max(began, last[at] or began)
    cells = []
    for i, seen in enumerate(states):
        begin = start + i * BAR
        colour = "success" if seen & _COMPLETE else "danger" if "failed" in seen else "default"
        if not seen and expected is not None and complete is not None and complete + expected >= begin:
            colour = "fresh"
        complete = last[i] or complete
        begins = timezone.localtime(begin)
        words = ngettext("%d run", "%d runs", counts[i]) % counts[i] if counts[i] else _("no run")
        cells.append((colour, f"{begins:%H:%M} {words}"))
    return cells
