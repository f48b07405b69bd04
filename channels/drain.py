"""Sending what is due: one worker per store and lane, in the order of priority, batch by batch.

For each batch: lease the rows and count the attempt, commit, ask the handler, then write each answer down against
the lease. Killed anywhere, the rows come back by themselves, marked as uncertain. A change during a send leaves
`wanted` above the version that was read, so the row is simply due again.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import connection as database
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from channels import ahead, budget, calllog, health, lanes
from channels.base import ChannelAdapter
from channels.errors import (
    AuthError,
    ChannelError,
    NotSupported,
    RateLimited,
    Rejected,
    TemporaryError,
    Uncertain,
)
from channels.models import Connection, OutboxMessage
from channels.outbox import RULES, can_tell, handler_for
from channels.pages import reason_of
from channels.querysets import OutboxQuerySet
from channels.records import Outcome
from channels.sync import adapter_of

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=150)
SLICE_SECONDS = 45.0
MAX_ATTEMPTS = 10
MAX_LOOKS = 1000  # at something that the channel is still doing
MAX_CRASHES = 3
GIVE_UP_AFTER = 3  # batches in a row to which the store gave no answer
SHORT_WAIT = 3.0

_clock = time.monotonic
_sleep = time.sleep


def drain(connection_id: int, lane: str) -> bool:
    """Send what is due for one store in one lane, for at most a minute; returns whether more is due now.

    Safe to call at any time: a second worker on the same store and lane leaves at once.
    """
    key = f"drain:{connection_id}:{lane}"
    # Answered even when the turn is somebody else's, who looks once more after it: else no ring is heard for a minute.
    lanes.hush(key)
    turn = lanes.take_turn(key)
    if turn is None:
        return False
    try:
        with calllog.collecting():
            more = _drain(connection_id, lane, key, turn)
    finally:
        lanes.give_back(key, turn)
    if more:
        return True
    # Written after our last look, while its ring found the turn taken: it must not wait for the tick.
    connection = Connection.objects.filter(pk=connection_id).first()
    if connection is None or not connection.may_push or health.is_blocked(connection):
        return False
    _ring_for_the_next(connection, lane)
    return _due(connection, lane).exists()


def _due(connection: Connection, lane: str) -> OutboxQuerySet:
    return OutboxMessage.objects.filter(connection=connection, lane=lane).due()


def _ring_for_the_next(connection: Connection, lane: str) -> None:
    """Have the lane wake at the earliest `not_before` of this store that lies ahead."""
    waiting = OutboxMessage.objects.filter(connection=connection, lane=lane, is_held=False)
    when = (
        waiting.waiting()
        .filter(not_before__gt=timezone.now())
        .order_by("not_before")
        .values_list("not_before", flat=True)
        .first()
    )
    if when is not None:
        lanes.ring_at(lane, when)


def _drain(connection_id: int, lane: str, key: str, turn: str) -> bool:
    until = _clock() + SLICE_SECONDS
    unanswered, is_read = 0, False
    adapter: ChannelAdapter | None = None
    while _clock() < until:
        connection = Connection.objects.filter(pk=connection_id).first()
        if connection is None or not connection.may_push:
            return False
        if health.is_blocked(connection):
            wait = (
                (connection.blocked_until - timezone.now()).total_seconds() if connection.blocked_until else 0
            )
            if not 0 < wait <= SHORT_WAIT:
                if connection.blocked_until:
                    lanes.ring_at(lane, connection.blocked_until)
                return False
            _sleep(wait)
            continue
        if not is_read:
            is_read = True
            if ahead.read_orders(connection, lane):
                continue  # it may have stopped the store, or spent what there was
        batch = lease_batch(connection, lane)
        if not batch:
            return False
        if adapter is None:
            try:
                adapter = adapter_of(connection)
            except NotSupported as error:
                _finish_all(connection, batch, error)
                continue
        with budget.spending(batch[0].priority):
            stopped = _send(connection, batch, adapter)
        calllog.flush()
        if isinstance(stopped, AuthError):
            return False
        if isinstance(stopped, RateLimited) and stopped.scope:
            _put_off(connection, lane, batch[0], stopped)
        if isinstance(stopped, TemporaryError):
            unanswered += 1
            if stopped.maintenance or unanswered >= GIVE_UP_AFTER:
                return False
        elif stopped is None:
            unanswered = 0
            health.note_success(connection)
        if not lanes.keep_turn(key, turn):
            return False
    return True


def _put_off(connection: Connection, lane: str, first: OutboxMessage, error: RateLimited) -> None:
    """What would only hear the same waits as long: all of this rank and below, or of a topic whose method is full."""
    alike = Q(priority__gte=first.priority) if error.scope == budget.RANK else Q(topic=first.topic)
    when = timezone.now() + timedelta(seconds=error.retry_after)
    OutboxMessage.objects.filter(pk__in=_due(connection, lane).filter(alike).values("pk")).update(
        not_before=when
    )


# ---------------------------------------------------------------- taking


def lease_batch(connection: Connection, lane: str) -> list[OutboxMessage]:
    """Take the next batch: the most urgent due message and others of its topic, as many as the channel takes.

    The attempt is counted before the work, in a transaction of its own. A message whose last worker vanished
    is uncertain and goes alone, so that one which kills its worker takes nobody along; after three it is parked.
    """
    token = secrets.token_hex(16)
    with transaction.atomic():
        due = _due(connection, lane).order_by("priority", "id")
        if database.vendor == "postgresql":
            due = due.select_for_update(skip_locked=True, of=("self",))
        first = due.first()
        if first is None:
            return []
        size = 1 if first.lease_token else max(connection.spec.batch_size(first.topic), 1)
        rows = [first]
        if size > 1:
            others = due.filter(topic=first.topic, priority=first.priority, lease_token="").exclude(
                pk=first.pk
            )
            rows += list(others[: size - 1])
        crashed = bool(first.lease_token)
        if crashed and first.crashes + 1 >= MAX_CRASHES:
            words = _("Parked: its worker died %d times while sending it. Look at the log, then retry.")
            _park(first, words % MAX_CRASHES)
            return lease_batch(connection, lane)
        OutboxMessage.objects.filter(pk__in=[row.pk for row in rows]).update(
            lease_token=token,
            lease_until=timezone.now() + LEASE,
            attempts=F("attempts") + 1,
            **({"is_uncertain": True, "crashes": F("crashes") + 1} if crashed else {}),
        )
        for row in rows:
            row.is_uncertain = row.is_uncertain or crashed
            row.lease_token = token
            row.attempts += 1
    return rows


# ---------------------------------------------------------------- sending


def _send(
    connection: Connection, batch: Sequence[OutboxMessage], adapter: ChannelAdapter
) -> ChannelError | None:
    """Send one batch and write its outcomes down; returns what stopped the whole call, if anything did.

    A call that was refused as a whole is made again in halves, until the guilty message stands alone.
    """
    topic = batch[0].topic
    if not can_tell(connection, topic):
        offered = connection.account.get("offered", {})
        capability = RULES[topic].capability
        words = offered.get(capability) or str(connection.spec.reason(capability)) or connection.spec.label
        _finish_all(connection, batch, NotSupported(words))
        return None
    try:
        outcomes = handler_for(topic).send(connection, batch, adapter)
    except (RateLimited, AuthError, TemporaryError) as error:
        health.note_failure(connection, error)
        _finish_all(connection, batch, error)
        return error
    except (Rejected, NotSupported) as error:
        return _split(connection, batch, adapter, error)
    except Exception as error:
        log.exception("telling %s about %s failed", connection, topic)
        return _split(connection, batch, adapter, error)
    answered = {outcome.ref: outcome for outcome in outcomes}
    return _finish(connection, batch, answered)


def _split(
    connection: Connection, batch: Sequence[OutboxMessage], adapter: ChannelAdapter, error: Exception
) -> ChannelError | None:
    if len(batch) == 1:
        _finish_all(connection, batch, error)
        return None
    middle = len(batch) // 2
    for half in (batch[:middle], batch[middle:]):
        stopped = _send(connection, half, adapter)
        if stopped is not None:
            if half[0].pk == batch[0].pk:  # nothing was said about the second half
                _finish_all(connection, batch[middle:], stopped)
            return stopped
    return None


def _finish_all(connection: Connection, batch: Sequence[OutboxMessage], error: Exception) -> None:
    _finish(connection, batch, {str(message.pk): Outcome(str(message.pk), error=error) for message in batch})


def _finish(
    connection: Connection, batch: Sequence[OutboxMessage], outcomes: Mapping[str, Outcome]
) -> ChannelError | None:
    """Write each message's outcome, if its lease is still ours; returns an error that concerns the whole store."""
    now = timezone.now()
    done: list[OutboxMessage] = []
    concerns: ChannelError | None = None
    failed: list[tuple[OutboxMessage, Exception]] = []
    waiting: list[tuple[OutboxMessage, Outcome]] = []
    for message in batch:
        outcome = outcomes.get(str(message.pk))
        if outcome is None:
            failed.append(
                (message, Uncertain(_("The channel said nothing about this one."), code="no_outcome"))
            )
        elif outcome.error is None and outcome.wait > 0:
            waiting.append((message, outcome))
        elif outcome.error is None:
            message.last_error = outcome.note[:500]
            done.append(message)
        else:
            failed.append((message, outcome.error))
            if isinstance(outcome.error, (RateLimited, AuthError)):
                concerns = outcome.error
    if concerns is not None:
        health.note_failure(connection, concerns)
    with transaction.atomic():
        if database.vendor == "postgresql":
            # The order in which `touch` writes: a change and an answer never wait for each other.
            list(
                OutboxMessage.objects.select_for_update()
                .filter(pk__in=[message.pk for message in batch])
                .order_by("connection_id", "topic", "subject", "pk")
                .values_list("pk", flat=True)
            )
        _write_sent(done, now)
        for message, outcome in waiting:
            _write_waiting(message, outcome, now)
        for message, error in failed:
            _write_failed(message, error, now)
    return concerns


def _write_sent(messages: Sequence[OutboxMessage], now: datetime) -> None:
    """`sent` becomes the version that was read when the batch was taken: one statement per version and note."""
    groups: dict[tuple[int, str, str], list[int]] = {}
    for message in messages:
        groups.setdefault((message.wanted, message.last_error, message.lease_token), []).append(message.pk)
    for (version, note, token), ids in groups.items():
        OutboxMessage.objects.filter(pk__in=ids, lease_token=token).update(
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


def _write_failed(message: OutboxMessage, error: Exception, now: datetime) -> None:
    """The table of errors: wait, wait longer, or park with the channel's words."""
    row = OutboxMessage.objects.filter(pk=message.pk, lease_token=message.lease_token)
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
        fields["not_before"] = now + health.MAINTENANCE_PAUSE
    elif isinstance(error, TemporaryError):
        fields["is_uncertain"] = message.is_uncertain or isinstance(error, Uncertain)
        if message.attempts >= (MAX_LOOKS if message.step else MAX_ATTEMPTS):
            fields["parked_at"] = now
        else:
            fields["not_before"] = now + health.backoff(message.attempts)
    else:
        fields |= {"parked_at": now, "step": ""}  # a retry begins anew
        if not isinstance(error, ChannelError):
            fields["is_uncertain"] = True  # nobody knows how far it came
    row.update(**fields)


def _park(message: OutboxMessage, words: str) -> None:
    OutboxMessage.objects.filter(pk=message.pk).update(
        parked_at=timezone.now(),
        last_error=words[:500],
        is_uncertain=True,
        crashes=0,
        lease_token="",
        lease_until=None,
    )
