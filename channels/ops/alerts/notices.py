"""Write the notices of alerts: one row for each person, way and event. Sending them is another step (`sending`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction

from channels.models import Alert, AlertNotice
from channels.ops.alerts.people import Person, by_id, everybody, not_before
from channels.stores import alert_kinds as kinds

Event, State = AlertNotice.Event, AlertNotice.State

#: Alerts that get their notices in one transaction.
SLICE: Final = 500


def write_opened(now: datetime) -> int:
    """Write the notices of new alerts; return how many alerts had none yet.

    The alerts are locked, and the database has each notice once: two workers write no notice twice, and a worker that
    is killed leaves the work to the next one.
    """
    with transaction.atomic():
        rows = Alert.objects.open().filter(noticed_at=None).select_for_update().order_by("pk")
        alerts = list(rows[:SLICE])
        if not alerts:
            return 0
        people = everybody()
        found = [notice for alert in alerts for notice in _of(alert, Event.OPENED, people, now)]
        AlertNotice.objects.bulk_create(found, ignore_conflicts=True)
        Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(noticed_at=now)
    return len(alerts)


def write_escalated(now: datetime) -> int:
    """Write a notice to the owners for each urgent alert that is not resolved in time; return for how many alerts."""
    minutes = settings.OMS_ALERT_ESCALATION_MINUTES
    if not minutes:
        return 0
    urgent = [kind.key for kind in kinds.all_kinds().values() if kind.is_urgent]
    with transaction.atomic():
        rows = Alert.objects.open().filter(
            kind__in=urgent,
            missing_since=None,
            escalated_at=None,
            noticed_at__isnull=False,
            opened_at__lte=now - timedelta(minutes=minutes),
        )
        alerts = list(rows.select_for_update().order_by("pk")[:SLICE])
        if not alerts:
            return 0
        owners = [person for person in everybody() if person.is_owner and person.settings.is_sent_escalations]
        found = [notice for alert in alerts for notice in _of(alert, Event.ESCALATED, owners, now)]
        AlertNotice.objects.bulk_create(found, ignore_conflicts=True)
        Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(escalated_at=now)
    return len(alerts)


def _of(alert: Alert, event: str, people: Collection[Person], now: datetime) -> Iterator[AlertNotice]:
    """Return the notices of one alert: an escalation goes every way that a person has, other events as they chose."""
    kind = kinds.all_kinds().get(alert.kind)
    if kind is None:
        return
    for person in people:
        if not person.may_see(kind):
            continue
        wanted = person.possible_ways
        if event != Event.ESCALATED:
            wanted &= person.ways(kind)
        for way in sorted(wanted):
            yield AlertNotice(
                alert=alert,
                user=person.user,
                way=way,
                event=event,
                not_before=not_before(person, kind, now),
                created_at=now,
            )


def write_ended(alert_ids: Collection[int], now: datetime) -> None:
    """Write the notices that these alerts are resolved, to those who were sent that they began, or may have been.

    Call it in the transaction that ends them. A notice of a begin that was not sent until then is dropped when its
    turn comes, and the notice of the end with it.
    """
    begun = AlertNotice.objects.filter(
        alert__in=list(alert_ids),
        event__in=(Event.OPENED, Event.ESCALATED),
        state__in=(State.WAITING, State.SENDING, State.SENT, State.UNKNOWN),
    )
    rows = sorted(set(begun.values_list("alert_id", "alert__kind", "user_id", "way")))
    people = by_id({user_id for _alert, _kind, user_id, _way in rows})
    known = kinds.all_kinds()
    AlertNotice.objects.bulk_create(
        [
            AlertNotice(
                alert_id=alert_id,
                user_id=user_id,
                way=way,
                event=Event.ENDED,
                not_before=not_before(people[user_id], known.get(kind), now),
                created_at=now,
            )
            for alert_id, kind, user_id, way in rows
            if user_id in people
        ],
        ignore_conflicts=True,
        batch_size=SLICE,
    )
