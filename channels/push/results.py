"""Store the results of a send: sent, wait, retry later, or failed with the channel's answer.

A worker that lost its lease stores nothing. Messages with the same result are stored in one statement.
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
MAX_CHECKS = 1000  # of a message that the channel is still working on

Answers = dict[str, Outcome]  # by the message's pk as text


def all_failed(batch: Sequence[OutboxMessage], error: Exception) -> Answers:
    """Return the same error as the outcome of each message."""
    return {str(message.pk): Outcome(str(message.pk), error=error) for message in batch}


def finish(batch: Sequence[OutboxMessage], outcomes: Answers) -> None:
    """Store the outcome of each message whose lease is still valid; a message without an outcome is uncertain."""
    now = timezone.now()
    done: list[OutboxMessage] = []
    failed: list[tuple[OutboxMessage, Exception]] = []
    waiting: list[tuple[OutboxMessage, Outcome]] = []
    unanswered = Uncertain(_("The channel did not answer for this message."), code="no_outcome")
    for message in batch:
        outcome = outcomes.get(str(message.pk))
        if outcome is None:
            failed.append((message, unanswered))
        elif outcome.error is not None:
            failed.append((message, outcome.error))
        elif outcome.wait > 0:
            waiting.append((message, outcome))
        else:
            message.last_error, message.is_written = outcome.note[:500], outcome.is_written
            done.append(message)
    with transaction.atomic():
        if len(batch) > 1:
            _rows(batch).lock_in_order()
        _write_sent(done, now)
        for message, outcome in waiting:
            _write_waiting(message, outcome, now)
        _write_failed(failed, now)


def _rows(messages: Sequence[OutboxMessage]) -> OutboxQuerySet:
    return OutboxMessage.objects.filter(pk__in=among([message.pk for message in messages]))


def _write_sent(messages: Sequence[OutboxMessage], now: datetime) -> None:
    """Set `sent` to the version that was read when the batch was claimed: one statement for each version and note."""
    groups: dict[tuple[int, str, str, bool], list[int]] = {}
    for message in messages:
        alike = (message.wanted, message.last_error, message.lease_token, message.is_written)
        groups.setdefault(alike, []).append(message.pk)
    for (version, note, token, is_written), ids in groups.items():
        OutboxMessage.objects.filter(pk__in=among(ids), lease_token=token).update(
            sent=version,
            sent_at=now,
            waiting_since=F("changed_at"),  # counts only for what changed during the send
            attempts=0,
            crashes=0,
            not_before=None,
            is_uncertain=False,
            step="",
            last_error=note,
            is_written=is_written,
            lease_token="",
            lease_until=None,
        )


def _write_waiting(message: OutboxMessage, outcome: Outcome, now: datetime) -> None:
    """Store that a message was accepted and is not done: it continues from its step later, and fails after too many checks."""
    row = OutboxMessage.objects.filter(pk=message.pk, lease_token=message.lease_token)
    fields: dict[str, object] = {
        "last_error": outcome.note[:500],
        "lease_token": "",
        "lease_until": None,
        "is_uncertain": False,
        "crashes": 0,
    }
    if message.attempts >= MAX_CHECKS:
        words = _("%(store)s has not finished it. Check the store, then retry.")
        fields |= {"parked_at": now, "last_error": words % {"store": message.connection.name}, "step": ""}
    else:
        fields |= {"not_before": now + timedelta(seconds=outcome.wait), "step": outcome.step[:40]}
    row.update(**fields)


def _write_failed(failed: Sequence[tuple[OutboxMessage, Exception]], now: datetime) -> None:
    """Store failures: wait, wait longer, or failed with the channel's answer; one statement for the same failure.

    A message whose subject changed while it was sent is due again: the channel refused an older version.
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
            has_changed = Q(wanted__gt=first.wanted)
            fields["parked_at"] = Case(
                When(has_changed, then=None), default=Value(now), output_field=DateTimeField()
            )
            fields["attempts"] = Case(
                When(has_changed, then=Value(0)), default=F("attempts"), output_field=IntegerField()
            )
        rows.update(**fields)


def _after(message: OutboxMessage, error: Exception, now: datetime) -> dict[str, object]:
    """Return the fields of a message after this error."""
    fields: dict[str, object] = {
        "last_error": reason_of(error)[:500],
        "lease_token": "",
        "lease_until": None,
    }
    if isinstance(error, (RateLimited, AuthError)):
        fields["attempts"] = max(message.attempts - 1, 0)  # the store waits; the message is not the cause
        if isinstance(error, RateLimited) and error.scope:
            fields["not_before"] = now + timedelta(seconds=error.retry_after)
    elif isinstance(error, TemporaryError) and error.maintenance:
        fields["attempts"] = max(message.attempts - 1, 0)
        fields["not_before"] = now + failures.MAINTENANCE_PAUSE
    elif isinstance(error, TemporaryError):
        fields["is_uncertain"] = message.is_uncertain or isinstance(error, Uncertain)
        is_last = message.attempts >= (MAX_CHECKS if message.step else MAX_ATTEMPTS)
        if is_last and not failures.is_unreachable(message.connection_id):
            fields["parked_at"] = now
        else:
            fields["not_before"] = now + failures.backoff(message.attempts)
    else:
        fields |= {"parked_at": now, "step": ""}  # a retry starts with the first step
        if not isinstance(error, ChannelError):
            fields["is_uncertain"] = True  # it is not known whether it was sent
    return fields


def return_unsent(rest: Sequence[OutboxMessage]) -> None:
    """Release messages that were claimed and not sent: they are due as before, and no attempt is counted."""
    with transaction.atomic():
        _rows(rest).lock_in_order()
        _rows(rest).filter(lease_token=rest[0].lease_token).update(
            attempts=Greatest(F("attempts") - 1, 0), lease_token="", lease_until=None
        )


def mark_failed(message: OutboxMessage, words: str) -> None:
    """Fail a message: it is not sent until a person retries it or its subject changes."""
    OutboxMessage.objects.filter(pk=message.pk).update(
        parked_at=timezone.now(),
        last_error=words[:500],
        is_uncertain=True,
        crashes=0,
        lease_token="",
        lease_until=None,
    )
