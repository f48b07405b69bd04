"""What came of a send, written down against the lease: sent, wait, wait longer, or parked with the channel's words.

A worker that lost its lease writes nothing. One statement for all that went alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, DateTimeField, F, IntegerField, Q, Value, When
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.errors import AuthError, ChannelError, RateLimited, TemporaryError, Uncertain
from channels.contract.records.updates import Outcome
from channels.models import OutboxMessage
from channels.models.querysets import OutboxQuerySet
from channels.pull.page_writer import reason_of
from channels.workers import failures
from oms.kit.bulk import among

MAX_ATTEMPTS = 10
MAX_LOOKS = 1000  # at something that the channel is still doing

Answers = dict[str, Outcome]  # by the message's pk as text


def all_failed(batch: Sequence[OutboxMessage], error: Exception) -> Answers:
    """The same error for each of them."""
    return {str(message.pk): Outcome(str(message.pk), error=error) for message in batch}


def finish(batch: Sequence[OutboxMessage], outcomes: Answers) -> None:
    """Write each message's outcome, if its lease is still ours."""
    now = timezone.now()
    done: list[OutboxMessage] = []
    failed: list[tuple[OutboxMessage, Exception]] = []
    waiting: list[tuple[OutboxMessage, Outcome]] = []
    unsaid = Uncertain(_("The channel said nothing about this one."), code="no_outcome")
    for message in batch:
        outcome = outcomes.get(str(message.pk))
        if outcome is None:
            failed.append((message, unsaid))
        elif outcome.error is not None:
            failed.append((message, outcome.error))
        elif outcome.wait > 0:
            waiting.append((message, outcome))
        else:
            message.last_error = outcome.note[:500]
            done.append(message)
    with transaction.atomic():
        _rows(batch).lock_in_order()
        _write_sent(done, now)
        for message, outcome in waiting:
            _write_waiting(message, outcome, now)
        _write_failed(failed, now)


def _rows(messages: Sequence[OutboxMessage]) -> OutboxQuerySet:
    return OutboxMessage.objects.filter(pk__in=among([message.pk for message in messages]))


def _write_sent(messages: Sequence[OutboxMessage], now: datetime) -> None:
    """`sent` becomes the version that was read when the batch was taken: one statement per version and note."""
    groups: dict[tuple[int, str, str], list[int]] = {}
    for message in messages:
        groups.setdefault((message.wanted, message.last_error, message.lease_token), []).append(message.pk)
    for (version, note, token), ids in groups.items():
        OutboxMessage.objects.filter(pk__in=among(ids), lease_token=token).update(
            sent=version,
            sent_at=now,
            attempts=0,
            crashes=0,
            not_before=None,
            is_uncertain=False,
            step="",
            last_error=note,
            lease_token="",
            lease_until=None,
        )


def _write_waiting(message: OutboxMessage, outcome: Outcome, now: datetime) -> None:
    """Accepted and not done: it goes on from its step later, and is parked when that takes more than a day."""
    row = OutboxMessage.objects.filter(pk=message.pk, lease_token=message.lease_token)
    fields: dict[str, object] = {
        "last_error": outcome.note[:500],
        "lease_token": "",
        "lease_until": None,
        "is_uncertain": False,
        "crashes": 0,
    }
    if message.attempts >= MAX_LOOKS:
        words = _("%(store)s is still not done with it: look there, then retry.")
        fields |= {"parked_at": now, "last_error": words % {"store": message.connection.name}, "step": ""}
    else:
        fields |= {"not_before": now + timedelta(seconds=outcome.wait), "step": outcome.step[:40]}
    row.update(**fields)


def _write_failed(failed: Sequence[tuple[OutboxMessage, Exception]], now: datetime) -> None:
    """Wait, wait longer, or park with the channel's words: one statement for all that fail alike.

    What has changed while it was being sent is due again, not parked: the refusal was not of what it is now.
    """
    groups: dict[tuple[object, ...], list[tuple[OutboxMessage, Exception]]] = {}
    for message, error in failed:
        alike = (
            id(error),
            message.attempts,
            message.is_uncertain,
            bool(message.step),
            message.wanted,
            message.lease_token,
        )
        groups.setdefault(alike, []).append((message, error))
    for group in groups.values():
        first, error = group[0]
        rows = _rows([message for message, _error in group]).filter(lease_token=first.lease_token)
        fields = _after(first, error, now)
        if "parked_at" in fields:
            is_news = Q(wanted__gt=first.wanted)
            fields["parked_at"] = Case(
                When(is_news, then=None), default=Value(now), output_field=DateTimeField()
            )
            fields["attempts"] = Case(
                When(is_news, then=Value(0)), default=F("attempts"), output_field=IntegerField()
            )
        rows.update(**fields)


def _after(message: OutboxMessage, error: Exception, now: datetime) -> dict[str, object]:
    """The table of errors."""
    fields: dict[str, object] = {
        "last_error": reason_of(error)[:500],
        "lease_token": "",
        "lease_until": None,
    }
    if isinstance(error, (RateLimited, AuthError)):
        fields["attempts"] = max(message.attempts - 1, 0)  # the store waits; the message is not to blame
        if isinstance(error, RateLimited) and error.scope:
            fields["not_before"] = now + timedelta(seconds=error.retry_after)
    elif isinstance(error, TemporaryError) and error.maintenance:
        fields["attempts"] = max(message.attempts - 1, 0)
        fields["not_before"] = now + failures.MAINTENANCE_PAUSE
    elif isinstance(error, TemporaryError):
        fields["is_uncertain"] = message.is_uncertain or isinstance(error, Uncertain)
        is_last = message.attempts >= (MAX_LOOKS if message.step else MAX_ATTEMPTS)
        if is_last and not failures.is_unreachable(message.connection_id):
            fields["parked_at"] = now
        else:
            fields["not_before"] = now + failures.backoff(message.attempts)
    else:
        fields |= {"parked_at": now, "step": ""}  # a retry begins anew
        if not isinstance(error, ChannelError):
            fields["is_uncertain"] = True  # nobody knows how far it came
    return fields


def return_unsent(rest: Sequence[OutboxMessage]) -> None:
    """These were claimed and not sent: due as before, no attempt counted (a Retry may have taken that back already)."""
    with transaction.atomic():
        _rows(rest).lock_in_order()
        _rows(rest).filter(lease_token=rest[0].lease_token).update(
            attempts=Greatest(F("attempts") - 1, 0), lease_token="", lease_until=None
        )


def mark_failed(message: OutboxMessage, words: str) -> None:
    """Nothing of it is sent until somebody says so, or what it is about changes."""
    OutboxMessage.objects.filter(pk=message.pk).update(
        parked_at=timezone.now(),
        last_error=words[:500],
        is_uncertain=True,
        crashes=0,
        lease_token="",
        lease_until=None,
    )
