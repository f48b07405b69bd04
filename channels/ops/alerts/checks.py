"""Look for causes and open and end their alerts: each cause is opened once and ended once, whatever runs at the same time."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from channels.models import Alert, AlertCheck, AlertNotice
from channels.ops.alerts import notices
from channels.stores import alert_kinds as kinds
from channels.stores.alert_kinds import AlertKind, Cause

log = logging.getLogger(__name__)

#: A cause ends when it was not found for so long: one that comes and goes stays one alert.
CALM: Final = timedelta(minutes=2)
#: A tick is never exact: a kind that is due this soon is checked now.
EARLY: Final = timedelta(seconds=15)
SLICE: Final = 500
#: Ended alerts are kept for so long.
KEPT: Final = timedelta(days=180)


def check(now: datetime | None = None) -> int:
    """Check the kinds that are due, write notices for what began, escalates or ended; return how many alerts changed.

    A kind whose function fails is logged, and none of its alerts ends; the other kinds are checked all the same.
    """
    now = now or timezone.now()
    changed = 0
    for kind in _due(now):
        fault = ""
        try:
            causes = {cause.key: cause for cause in kind.find()}
            changed += store(kind, causes.values(), now)
        except Exception as error:
            log.exception("the alerts of the kind %s could not be checked", kind.key)
            fault = (str(error) or type(error).__name__)[:300]
        AlertCheck.objects.filter(pk=kind.key).exclude(fault=fault).update(fault=fault)
    while notices.write_opened(now):
        pass
    notices.write_escalated(now)
    return changed


def _due(now: datetime) -> list[AlertKind]:
    """Return the kinds that are due, and mark them as checked now."""
    known = kinds.all_kinds()
    checked = dict(AlertCheck.objects.values_list("kind", "checked_at"))
    if new := [AlertCheck(kind=key, checked_at=now) for key in known if key not in checked]:
        AlertCheck.objects.bulk_create(new, ignore_conflicts=True)
    due = [
        kind
        for key, kind in known.items()
        if key not in checked or checked[key] <= now - kind.every + EARLY or checked[key] > now
    ]
    AlertCheck.objects.filter(pk__in=[kind.key for kind in due]).update(checked_at=now)
    return due


@transaction.atomic
def store(kind: AlertKind, causes: Collection[Cause], now: datetime) -> int:
    """Store the causes of a kind that exist now: open new alerts, update changed texts, end what is over.

    Return how many alerts were opened or ended.
    """
    found = {cause.key[:120]: cause for cause in causes}
    rows = {row.key: row for row in Alert.objects.open().filter(kind=kind.key).select_for_update()}
    new = [_alert(kind, cause, now) for key, cause in found.items() if key not in rows]
    Alert.objects.bulk_create(new, ignore_conflicts=True, batch_size=SLICE)
    changed = []
    for key, row in rows.items():
        cause = found.get(key)
        if cause is not None and (row.text, row.link) != (cause.text[:500], cause.link[:300]):
            row.text, row.link = cause.text[:500], cause.link[:300]
            changed.append(row)
    Alert.objects.bulk_update(changed, ["text", "link"], batch_size=SLICE)
    gone = [row for key, row in rows.items() if key not in found]
    back = [row.pk for key, row in rows.items() if key in found and row.missing_since is not None]
    _mark(back, missing_since=None)
    _mark([row.pk for row in gone if row.missing_since is None], missing_since=now)
    over = [
        row.pk for row in gone if row.missing_since is not None and row.missing_since <= now - CALM + EARLY
    ]
    for ids in _slices(over):
        Alert.objects.filter(pk__in=ids, ended_at=None).update(ended_at=now)
        notices.write_ended(ids, now)
    return len(new) + len(over)


def _alert(kind: AlertKind, cause: Cause, now: datetime) -> Alert:
    return Alert(
        kind=kind.key,
        key=cause.key[:120],
        text=cause.text[:500],
        link=cause.link[:300],
        connection_id=cause.connection_id,
        opened_at=now,
    )


def _slices(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), SLICE):
        yield ids[start : start + SLICE]


def _mark(ids: list[int], **fields: datetime | None) -> None:
    for part in _slices(ids):
        Alert.objects.filter(pk__in=part).update(**fields)


def prune(now: datetime | None = None) -> int:
    """Delete alerts that ended half a year ago, with their notices, at most 5,000 at a time; return how many."""
    before = (now or timezone.now()) - KEPT
    old = list(
        Alert.objects.filter(ended_at__lt=before).order_by("ended_at").values_list("pk", flat=True)[:5000]
    )
    for ids in _slices(old):
        AlertNotice.objects.filter(alert__in=ids).delete()
        Alert.objects.filter(pk__in=ids).delete()
    return len(old)
