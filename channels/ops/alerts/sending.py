"""Send the notices that are due: one message for each person and way, each notice at most once.

The notices of a message are leased and stored as `sending` in one statement before it leaves, so a second worker never
has the same ones. If the worker dies between that and the outcome, they become `unknown`: a message that was perhaps sent
is not sent again. What certainly failed is tried again, later each time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from channels.models import AlertNotice
from channels.models.querysets import AlertNoticeQuerySet
from channels.ops.alerts import mail, messages, webhook
from channels.ops.alerts.messages import Line
from channels.ops.alerts.outcomes import Outcome, failed
from channels.ops.alerts.people import MAIL, WEBHOOK, Person, by_id
from channels.stores import alert_kinds as kinds
from oms.kit.admin.pages import address
from oms.kit.models import PersonSettings

log = logging.getLogger(__name__)

Event, State = AlertNotice.Event, AlertNotice.State
Send = Callable[[Person, list[Line]], Outcome]

WAYS: Mapping[str, Send] = {MAIL: mail.send, WEBHOOK: webhook.send}
LEASE: Final = timedelta(seconds=150)  # longer than a task may run
SECONDS: Final = 40.0  # of one slice
MOST_ATTEMPTS: Final = 6
FIRST_WAIT: Final = timedelta(minutes=1)


def is_due() -> bool:
    """Whether a notice can be sent now, or was left by a worker that was killed."""
    return AlertNotice.objects.due().exists() or _left().exists()


def send_due(seconds: float = SECONDS) -> bool:
    """Send what is due until the time is up, e-mails first; return whether more is due."""
    _left().update(
        state=State.UNKNOWN,
        error=_("The worker was stopped while it was sent."),
        lease_token="",
        lease_until=None,
    )
    ends = time.monotonic() + seconds
    pairs = AlertNotice.objects.due().order_by("way", "user_id").values_list("way", "user_id").distinct()
    for way, user_id in list(pairs):
        if time.monotonic() > ends:
            return True
        send_to(user_id, way)
    return False


def _left() -> AlertNoticeQuerySet:
    """Return the notices whose worker was killed while it sent them."""
    return AlertNotice.objects.filter(state=State.SENDING).unleased()


def send_to(user_id: int, way: str) -> Outcome | None:
    """Send a person what is due by one way, in one message; return the outcome, None when nothing had to be sent."""
    due = AlertNotice.objects.filter(user=user_id, way=way).due()
    token = due.lease(LEASE, state=State.SENDING, attempts=F("attempts") + 1)
    if not token:
        return None
    rows = list(
        AlertNotice.objects.filter(lease_token=token).select_related("alert").order_by("alert_id", "pk")
    )
    person = by_id([user_id]).get(user_id)
    wanted = [row for row in rows if person is not None and is_wanted(row, person, rows)]
    _finish(token, [row.pk for row in rows if row not in wanted], Outcome(State.DROPPED))
    if not wanted or person is None:
        return None
    try:
        with override(PersonSettings.language_of(user_id) or settings.LANGUAGE_CODE):
            outcome = WAYS[way](person, [messages.line_of(row) for row in wanted])
    except Exception as error:
        log.exception("an alert could not be sent by %s", way)
        outcome = failed(str(error) or type(error).__name__)
    _finish(token, [row.pk for row in wanted], outcome)
    return outcome


def is_wanted(notice: AlertNotice, person: Person, together: list[AlertNotice]) -> bool:
    """Whether a notice is still to be sent. `together` are the notices that are sent at the same time.

    Not when the person may not see it any more or has switched it off; not the begin of an alert that has ended; not the
    end of one whose begin this person was not sent.
    """
    kind = kinds.all_kinds().get(notice.alert.kind)
    if kind is None or not person.may_see(kind) or notice.way not in person.possible_ways:
        return False
    if notice.event == Event.ESCALATED:
        return notice.alert.ended_at is None and person.settings.is_sent_escalations
    if notice.event == Event.OPENED:
        return notice.alert.ended_at is None and notice.way in person.ways(kind)
    begun = AlertNotice.objects.filter(
        alert=notice.alert_id,
        user=notice.user_id,
        way=notice.way,
        event__in=(Event.OPENED, Event.ESCALATED),
        state__in=(State.SENT, State.UNKNOWN, State.SENDING),
    )
    return begun.exclude(pk__in=[row.pk for row in together]).exists()


def _finish(token: str, ids: list[int], outcome: Outcome) -> None:
    """Store the outcome of these notices and end their lease; what can be tried again waits, at most six times."""
    now = timezone.now()
    rows = AlertNotice.objects.filter(lease_token=token, pk__in=ids)
    ended = {"lease_token": "", "lease_until": None, "error": outcome.error}
    if outcome.state == State.WAITING:
        rows.filter(attempts__gte=MOST_ATTEMPTS).update(state=State.FAILED, **ended)
        for attempts in sorted(set(rows.values_list("attempts", flat=True))):
            later: datetime = now + FIRST_WAIT * 2 ** (attempts - 1)
            rows.filter(attempts=attempts).update(state=State.WAITING, not_before=later, **ended)
        return
    rows.update(state=outcome.state, sent_at=now if outcome.state == State.SENT else None, **ended)


def send_test(person: Person, way: str) -> Outcome:
    """Send a person a test message by one way, now."""
    text = _("This is a test. Alerts of Manifold reach you by this way.")
    line = Line("test", "test", "test", text, address(messages.ACCOUNT), timezone.now())
    return WAYS[way](person, [line])
