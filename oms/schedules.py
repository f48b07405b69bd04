"""The recurring tasks, declared here and upserted into django-q2 after every migration.

One tick per lane finds what is due from our own rows, so stores come and go without a schedule of their own.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django_q.models import Schedule

from channels.workers import schedule

#: Everything that a schedule of ours is named after; anything else in the table belongs to somebody else.
OURS = "manifold: "
DAILY = schedule.Tick("daily clean-up", "oms.tasks.daily", (), "default", minutes=24 * 60)


def declared() -> tuple[schedule.Tick, ...]:
    """Every recurring task."""
    return (*schedule.schedules(), DAILY)


def upsert(**_signal: Any) -> None:
    """Bring the schedules up to date: new ones are due now, known ones keep their turn, old ones go."""
    wanted = {f"{OURS}{tick.name}": tick for tick in declared()}
    Schedule.objects.filter(name__startswith=OURS).exclude(name__in=wanted).delete()
    for name, tick in wanted.items():
        fields = {
            "func": tick.func,
            "args": repr(tick.args) if tick.args else "",
            "schedule_type": Schedule.MINUTES,
            "minutes": tick.minutes,
            "repeats": -1,
            "cluster": tick.lane,
        }
        if not Schedule.objects.filter(name=name).update(**fields):
            Schedule.objects.create(name=name, next_run=timezone.now(), **fields)
