"""Send the deliveries of a subscription, signed as Standard Webhooks; retry what fails; switch off what fails for days.

One worker at a time sends for a subscription, oldest first. A delivery has the same `webhook-id` each time, so a receiver
recognises a repeated one. A slow or dead address delays no other one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.errors import ChannelError, RateLimited, Rejected, TemporaryError
from channels.http.response import Answer
from channels.http.session import ChannelSession
from channels.models import Connection, HookDelivery, HookSubscription
from channels.push.hook_kinds import kinds
from channels.workers import locks
from oms.kit.api import signatures
from oms.kit.numbers import whole_number

SECONDS: Final = 20.0  # of one slice
TIMEOUT: Final = (3.0, 8.0)
CALL_SECONDS: Final = 10.0
BATCH: Final = 20
MOST_ATTEMPTS: Final = 12
LONGEST_WAIT: Final = timedelta(hours=6)
#: An address that only fails for this long is switched off.
OFF_AFTER: Final = timedelta(days=3)
TEST: Final = "test"

State = HookDelivery.State


def due(subscription: HookSubscription) -> QuerySet[HookDelivery]:
    """Return the deliveries that may be sent now, oldest first."""
    ready = Q(not_before=None) | Q(not_before__lte=timezone.now())
    return HookDelivery.objects.filter(ready, subscription=subscription, state=State.WAITING).order_by("pk")


def has_due(subscription: HookSubscription) -> bool:
    """Whether something can be sent now."""
    waits = subscription.not_before is not None and subscription.not_before > timezone.now()
    return subscription.is_active and not waits and due(subscription).exists()


def send_due(subscription_id: int, seconds: float = SECONDS) -> bool:
    """Send what is due until the time is up; return whether more is due. A second worker returns at once."""
    key = f"hook:{subscription_id}"
    token = locks.acquire(key)
    if token is None:
        return False
    ends = time.monotonic() + seconds
    try:
        while time.monotonic() < ends and locks.extend(key, token):
            subscription = HookSubscription.objects.filter(pk=subscription_id).first()
            if subscription is None or not has_due(subscription):
                return False
            for delivery, data in _with_data(list(due(subscription)[:BATCH])):
                if not _deliver(subscription, delivery, data) or time.monotonic() > ends:
                    break
        return has_due(HookSubscription.objects.get(pk=subscription_id))
    finally:
        locks.release(key, token)


def _with_data(rows: list[HookDelivery]) -> list[tuple[HookDelivery, Mapping[str, Any]]]:
    """Return the deliveries with what is sent. One whose subject is gone is failed; nothing is sent of it."""
    found: list[tuple[HookDelivery, Mapping[str, Any]]] = []
    wanted: dict[str, set[int]] = {}
    for row in rows:
        wanted.setdefault(row.event, set()).add(row.subject)
    data = {
        event: kinds()[event].payload(subjects) if event in kinds() else {}
        for event, subjects in wanted.items()
    }
    for row in rows:
        content = data[row.event].get(row.subject)
        if content is None:
            HookDelivery.objects.filter(pk=row.pk).update(
                state=State.FAILED, answer=_("What it is about does not exist any more.")
            )
        else:
            found.append((row, {**content, **row.data}))
    return found


def _deliver(subscription: HookSubscription, delivery: HookDelivery, data: Mapping[str, Any]) -> bool:
    """Send one delivery and store the outcome; return whether the next one may follow at once."""
    error = call(
        subscription, delivery.event, f"{subscription.pk}-{delivery.key}", data, delivery.occurred_at
    )
    now = timezone.now()
    rows = HookDelivery.objects.filter(pk=delivery.pk)
    if error is None:
        rows.update(
            state=State.SENT,
            sent_at=now,
            attempts=delivery.attempts + 1,
            status=None,
            answer="",
            not_before=None,
        )
        HookSubscription.objects.filter(pk=subscription.pk).exclude(failing_since=None).update(
            failing_since=None, not_before=None
        )
        return True
    attempts = delivery.attempts + 1
    wait = min(timedelta(minutes=1) * 2 ** (attempts - 1), LONGEST_WAIT)
    is_last = attempts >= MOST_ATTEMPTS
    rows.update(
        attempts=attempts,
        state=State.FAILED if is_last else State.WAITING,
        not_before=None if is_last else now + wait,
        status=_status_of(error),
        answer=error.message[:300],
    )
    _note_failure(subscription, error, now, wait)
    return isinstance(error, Rejected) and error.code != "410"


def _note_failure(
    subscription: HookSubscription, error: ChannelError, now: datetime, wait: timedelta
) -> None:
    since = subscription.failing_since or now
    fields: dict[str, Any] = {"failing_since": since}
    if isinstance(error, TemporaryError | RateLimited):  # the next one would fail too
        fields["not_before"] = now + wait
    if error.code == "410":
        fields |= {"is_active": False, "off_reason": error.message[:300]}
    elif now - since >= OFF_AFTER:
        words = _("It only failed for three days. Last answer: %s")
        fields |= {"is_active": False, "off_reason": (words % error.message)[:300]}
    HookSubscription.objects.filter(pk=subscription.pk).update(**fields)


def call(
    subscription: HookSubscription, event: str, ref: str, data: Mapping[str, Any], at: datetime
) -> ChannelError | None:
    """Send one signed call; return its error, None when it was taken (any 2xx)."""
    url = str(subscription.secrets.get("url", ""))
    body = {"type": event, "timestamp": at.astimezone(UTC).isoformat(timespec="seconds"), "data": dict(data)}
    raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False, default=str).encode()
    host = urlsplit(url).hostname or ""
    try:
        signed = signatures.headers_for(str(subscription.secrets.get("secret", "")), ref, raw)
    except ValueError:
        return Rejected(_("It has no valid secret. Make a new one."), code="secret")
    with closing(ChannelSession(Connection(channel="", name=host))) as session:
        try:
            session.call(
                "POST",
                url,
                headers={"Content-Type": "application/json", **signed},
                body=raw,
                repeatable=False,
                classify=_error,
                timeout=TIMEOUT,
                total=CALL_SECONDS,
            )
        except ChannelError as error:
            return error
    return None


def send_test(subscription: HookSubscription) -> ChannelError | None:
    """Send a test event now; return its error. It is in the log of deliveries, and is not repeated."""
    now = timezone.now()
    key = f"{TEST}-{now.timestamp():.3f}"
    error = call(
        subscription, TEST, f"{subscription.pk}-{key}", {"text": "This is a test of Manifold OMS."}, now
    )
    HookDelivery.objects.create(
        subscription=subscription,
        event=TEST,
        key=key,
        subject=0,
        state=State.SENT if error is None else State.FAILED,
        attempts=1,
        status=None if error is None else _status_of(error),
        answer="" if error is None else error.message[:300],
        sent_at=now if error is None else None,
    )
    return error


def _error(answer: Answer) -> ChannelError | None:
    """Return the error of an answer: any 2xx is good, everything else is sent again."""
    if 200 <= answer.status < 300:
        return None
    host = urlsplit(answer.url).hostname or ""
    text = _("%(host)s refused the call (HTTP %(status)s).") % {"host": host, "status": answer.status}
    if answer.status == 429:
        return RateLimited(text, retry_after=60, code="429")
    if answer.status >= 500:
        return TemporaryError(text, code=str(answer.status))
    return Rejected(text, code=str(answer.status))


def _status_of(error: ChannelError) -> int | None:
    return whole_number(error.code)
