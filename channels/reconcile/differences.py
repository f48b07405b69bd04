"""The rows of differences: written when they are found, closed when they agree again, counted for the trend."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.utils import timezone

from channels.models import Connection, Difference, DifferenceDay
from channels.reconcile import parts
from channels.reconcile.parts import Found
from oms.kit.authors.actors import Author

#: A repaired difference is not opened again so soon: what was sent or requested needs its time.
REPAIR_TIME = timedelta(minutes=15)
#: How long closed differences and the trend are stored.
STORED_FOR = timedelta(days=90)
TREND_DAYS = 30

_COLUMNS = (
    "kind",
    "name",
    "ours",
    "theirs",
    "subject_id",
    "data",
    "found_at",
    "seen_at",
    "closed_at",
    "ended",
)


def write(connection: Connection, part: str, found: Sequence[Found]) -> int:
    """Write what a comparison found; return how many are open. Two statements, none for nothing.

    An open difference keeps its age. One that was kept is not opened while the store shows the same; one that was
    repaired only after `REPAIR_TIME`.
    """
    unique = {(one.key[:255], one.field): one for one in found}
    if not unique:
        return 0
    now = timezone.now()
    too_early = now - REPAIR_TIME - timedelta(seconds=connection.spec.shown_after)
    known = {
        (row.key, row.field): row
        for row in Difference.objects.filter(
            connection=connection, part=part, key__in={key for key, _field in unique}
        )
    }
    rows = []
    opened = 0
    for place, one in unique.items():
        old = known.get(place)
        is_kept = old is not None and old.ended == Difference.End.KEPT and old.theirs == one.theirs[:300]
        is_repaired = (
            old is not None
            and old.ended == Difference.End.REPAIRED
            and old.closed_at is not None
            and old.closed_at > too_early
        )
        stays_closed = old is not None and (is_kept or is_repaired)
        opened += not stays_closed
        rows.append(
            Difference(
                connection=connection,
                part=part,
                key=place[0],
                field=one.field,
                kind=one.kind,
                name=one.name[:300],
                ours=one.ours[:300],
                theirs=one.theirs[:300],
                subject_id=one.subject_id,
                data=one.data,
                found_at=old.found_at if old is not None and (stays_closed or not old.closed_at) else now,
                seen_at=now,
                closed_at=old.closed_at if old is not None and stays_closed else None,
                ended=old.ended if old is not None and stays_closed else "",
            )
        )
    Difference.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["connection", "part", "key", "field"],
        update_fields=list(_COLUMNS),
    )
    return opened


def close_agreeing(connection: Connection, part: str, *, before: datetime) -> int:
    """Close the open differences of a part that a comparison since `before` did not find again. One statement."""
    rows = Difference.objects.filter(connection=connection, part=part, closed_at=None, seen_at__lt=before)
    return rows.update(closed_at=timezone.now(), ended=Difference.End.AGREES)


def close(rows: Sequence[Difference], how: str, *, by: Author) -> int:
    """Close these differences as repaired or kept. One statement."""
    found = Difference.objects.filter(pk__in=[row.pk for row in rows], closed_at=None)
    return found.update(closed_at=timezone.now(), ended=how, closed_by=by.user_id)


def record_day(connection: Connection) -> None:
    """Write how many differences of each part are open today."""
    today = timezone.localdate()
    rows = [
        DifferenceDay(connection=connection, day=today, part=part, count=count)
        for part, count in parts.counts(connection).items()
    ]
    DifferenceDay.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["connection", "day", "part"], update_fields=["count"]
    )


def trend(connection: Connection) -> list[tuple[date, int]]:
    """Return how many differences were open on each compared day of the last `TREND_DAYS`, the oldest first."""
    since = timezone.localdate() - timedelta(days=TREND_DAYS)
    found: dict[date, int] = {}
    rows = DifferenceDay.objects.filter(connection=connection, day__gt=since).order_by("day")
    for day, count in rows.values_list("day", "count"):
        found[day] = found.get(day, 0) + count
    return list(found.items())


def prune(limit: int = 5_000) -> int:
    """Delete what was closed more than 90 days ago, at most `limit` rows; return how many."""
    old = timezone.now() - STORED_FOR
    ids = Difference.objects.filter(closed_at__lt=old).order_by("closed_at").values_list("pk", flat=True)
    DifferenceDay.objects.filter(day__lt=old.date()).delete()
    return Difference.objects.filter(pk__in=list(ids[:limit])).delete()[0]
