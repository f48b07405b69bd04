"""Keep the roll-ups in step with the orders.

Nothing is added to an import or a move: every five minutes the days are marked stale whose orders were imported again
or got a timeline entry since the last look. A transaction may be visible later than its entry says, so each look
begins ten minutes before the end of the last one. A stale day is computed anew, from its orders, in one transaction.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _

from oms.kit.doctor import Finding
from orders.models import (
    DayFigures,
    Order,
    OrderEvent,
    ReportDay,
    ReportState,
    SkuFigures,
    WarehouseFigures,
)
from orders.ops.reports.figures import facts_of, rows_of

LOOK: Final = timedelta(minutes=5)
#: Longer than any transaction that writes orders.
OVERLAP: Final = timedelta(minutes=10)
#: Days that are computed in one step of the sweep.
BATCH: Final = 5
SLICE: Final = 1_000
TABLES: Final = (DayFigures, SkuFigures, WarehouseFigures)
#: Days that `doctor` compares.
CHECKED: Final = 31
#: First half of the key of the lock under which changes are looked for, and a day is computed.
LOCK: Final = 0x52455054


def sweep() -> int:
    """Mark stale days when it is time, and compute some of them; return how many days were computed."""
    state = ReportState.objects.filter(pk=1).first()
    if state is None or state.seen_at <= timezone.now() - LOOK or state.time_zone != settings.TIME_ZONE:
        mark()
    return build(BATCH)


@transaction.atomic
def mark() -> None:
    """Mark the days stale whose orders changed since the last look; the first time, and after a change of the
    installation's time zone, every day that has orders."""
    _lock(0)
    now, zone = timezone.now(), timezone.get_default_timezone()
    state = ReportState.objects.filter(pk=1).first()
    day = TruncDate("placed_at", tzinfo=zone)
    orders = Order.objects.order_by().annotate(day=day)
    if state is None or state.time_zone != settings.TIME_ZONE:
        for table in TABLES:
            table.objects.all().delete()
        ReportDay.objects.all().delete()
        state = ReportState(pk=1, time_zone=settings.TIME_ZONE)
        _mark(set(orders.values_list("day", flat=True).distinct()))
    else:
        imported = orders.filter(read_at__gte=state.seen_at - OVERLAP)
        changed = (
            OrderEvent.objects.filter(pk__gt=state.event_id)
            .order_by()
            .annotate(day=TruncDate("order__placed_at", tzinfo=zone))
        )
        _mark(
            {
                *imported.values_list("day", flat=True).distinct(),
                *changed.values_list("day", flat=True).distinct(),
            }
        )
    state.event_id = _seen_events(state.event_id, now - OVERLAP)
    state.seen_at = now
    state.save()


def _seen_events(after: int, before: object) -> int:
    """Return the newest timeline entry that is so old that no earlier one can still become visible."""
    rows = OrderEvent.objects.filter(pk__gt=after, at__lt=before).order_by()
    return int(rows.aggregate(newest=Max("pk"))["newest"] or after)


def _mark(days: set[date]) -> None:
    ReportDay.objects.bulk_create(
        [ReportDay(day=day) for day in sorted(days)],
        update_conflicts=True,
        unique_fields=["day"],
        update_fields=["is_stale"],
        batch_size=SLICE,
    )


def build(most: int) -> int:
    """Compute up to `most` stale days, the newest first; return how many. A day is computed once in five minutes."""
    rows = ReportDay.objects.filter(is_stale=True).order_by("-day")
    due = rows.filter(built_at=None) | rows.filter(built_at__lte=timezone.now() - LOOK)
    days = list(due.values_list("day", flat=True)[:most])
    for day in days:
        build_day(day)
    return len(days)


@transaction.atomic
def build_day(day: date) -> None:
    """Replace the figures of a day by those of its orders. Two workers do it one after the other.

    A change that is committed meanwhile is found at the next look, which marks the day again.
    """
    _lock(day.toordinal())
    ReportDay.objects.update_or_create(pk=day, defaults={"is_stale": False, "built_at": timezone.now()})
    rows = rows_of(day)
    for table in TABLES:
        table.objects.filter(day=day).delete()
        mine: list[Any] = [row for row in rows if isinstance(row, table)]
        table.objects.bulk_create(mine, batch_size=SLICE)


def _lock(number: int) -> None:
    """Lock until the commit. SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, number])


def built_days(since: date, until: date) -> QuerySet[ReportDay]:
    """Return the days from `since` to `until` whose figures were computed and not changed since."""
    return ReportDay.objects.filter(day__gte=since, day__lte=until, is_stale=False)


def differs(day: date) -> bool:
    """Return whether the stored figures of a day differ from those of its orders."""
    stored = {facts_of(row) for table in TABLES for row in table.objects.filter(day=day)}
    return stored != {facts_of(row) for row in rows_of(day)}


def equal_their_orders() -> Finding:
    """Check that the figures of the newest days are those of their orders. Days that wait to be computed are left out."""
    if not ReportState.objects.exists():
        return Finding(True)
    mark()
    days = ReportDay.objects.filter(is_stale=False).order_by("-day").values_list("day", flat=True)
    wrong = [day.isoformat() for day in days[:CHECKED] if differs(day)]
    if not wrong:
        return Finding(True)
    text = _(
        "the figures of reports differ from the orders of these days: %s. Run manage.py rebuild_reports."
    )
    return Finding(False, text % ", ".join(wrong[:5]))
