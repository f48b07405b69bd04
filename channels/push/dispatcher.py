"""Sending what is due: one worker per store and lane, in the order of priority, batch by batch.

For each claim: lease the rows and count the attempt, commit, ask the handler batch by batch, then write the answers
down against the lease. A claim is one batch, or several where the handler reads absolute figures ahead: twice as many
as the store took last time while they were fresh. Killed anywhere, the rows come back by themselves, marked as
uncertain. A change during a send leaves `wanted` above the version that was read, so the row is simply due again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import connection as database
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import (
    AuthError,
    ChannelError,
    NotSupported,
    RateLimited,
    Rejected,
    TemporaryError,
)
from channels.contract.records.updates import Outcome
from channels.http import call_log, rate_limit
from channels.models import Connection, OutboxMessage
from channels.models.querysets import OutboxQuerySet
from channels.pull.runner import adapter_of
from channels.push import refresh_orders
from channels.push.outbox import ReadsAhead, Sending, can_send, handler_for
from channels.push.results import Answers, all_failed, finish, mark_failed, return_unsent
from channels.push.topics import RULES
from channels.workers import enqueue, failures, locks
from oms.kit.bulk import among
from oms.kit.leases import new_token

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=150)
SLICE_SECONDS = 45.0
FAIR_SECONDS = 3.0  # of a slice, when another store of the lane waits for a worker
MAX_CRASHES = 3
GIVE_UP_AFTER = 3  # batches in a row to which the store gave no answer
REST = timedelta(seconds=30)  # before a store is tried again that gave none
SHORT_WAIT = 3.0
LONG_WAIT = 60.0  # seconds: a wait for the budget that is worth a row's `not_before`
FRESH = 2.0  # seconds: what was read ahead is sent no later than this
MOST_AHEAD = 2000  # messages that are claimed and read at once
MOST_BATCHES = 64

#: Columns that nobody looks at while sending; each would have to be made a date of.
_UNREAD = (
    "not_before",
    "lease_until",
    "parked_at",
    "skipped_at",
    "created_at",
    "changed_at",
    "sent_at",
)

_clock = time.monotonic
_sleep = time.sleep


def dispatch(connection_id: int, lane: str) -> bool:
    """Send what is due for one store in one lane, for at most a minute; returns whether more is due now.

    For some seconds only when another store of the lane waits for a worker: then they take turns.
    Safe to call at any time: a second worker on the same store and lane leaves at once.
    """
    key = f"drain:{connection_id}:{lane}"
    # Answered even when the turn is somebody else's, who looks once more after it: else no ring is heard for a minute.
    enqueue.mark_answered(key)
    turn = locks.acquire(key)
    if turn is None:
        return False
    waits = Waits()
    try:
        with call_log.collecting():
            more = _dispatch(connection_id, lane, key, turn, waits)
    finally:
        locks.release(key, turn)
    if more:
        return True
    # Written after our last look, while its ring found the turn taken: it must not wait for the tick.
    connection = Connection.objects.filter(pk=connection_id).first()
    if connection is None or not connection.may_push or failures.is_blocked(connection):
        return False
    if waits.gave_up:  # the others would hear no more: not through the whole queue without a pause
        enqueue.enqueue_at(lane, timezone.now() + REST)
        return False
    _enqueue_next(connection, lane)
    return waits.without(_due(connection, lane)).exists()


@dataclass(slots=True)
class Waits:
    """What is left alone for the rest of a drain, because it would only be told to wait: a rank and all below, topics."""

    rank: int | None = None
    topics: set[str] = field(default_factory=set)
    gave_up: bool = False  # the store answers nothing

    def note(self, connection: Connection, lane: str, first: OutboxMessage, error: RateLimited) -> None:
        """Leave alone what would hear the same, and wake the lane at the moment; a long wait is written on each row."""
        if error.scope == rate_limit.RANK:
            alike = Q(priority__gte=first.priority)
            self.rank = first.priority if self.rank is None else min(self.rank, first.priority)
        else:
            alike = Q(topic=first.topic)
            self.topics.add(first.topic)
        when = timezone.now() + timedelta(seconds=error.retry_after)
        enqueue.enqueue_at(lane, when)
        if error.retry_after >= LONG_WAIT:
            with transaction.atomic():
                ids = _due(connection, lane).filter(alike).lock_in_order()
                OutboxMessage.objects.filter(pk__in=among(ids)).update(not_before=when)

    def without(self, due: OutboxQuerySet) -> OutboxQuerySet:
        if self.rank is not None:
            due = due.filter(priority__lt=self.rank)
        return due.exclude(topic__in=self.topics) if self.topics else due


def _due(connection: Connection, lane: str) -> OutboxQuerySet:
    return OutboxMessage.objects.filter(connection=connection, lane=lane).due()


def _enqueue_next(connection: Connection, lane: str) -> None:
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
        enqueue.enqueue_at(lane, when)


def _dispatch(connection_id: int, lane: str, key: str, turn: str, waits: Waits) -> bool:
    begun = _clock()
    unanswered, is_read, batches = 0, False, 1
    adapter: ChannelAdapter | None = None
    while _clock() < begun + SLICE_SECONDS:
        if _clock() > begun + FAIR_SECONDS and locks.is_awaited(lane):
            return True
        connection = Connection.objects.filter(pk=connection_id).first()
        if connection is None or not connection.may_push:
            return False
        if failures.is_blocked(connection):
            wait = (
                (connection.blocked_until - timezone.now()).total_seconds() if connection.blocked_until else 0
            )
            if not 0 < wait <= SHORT_WAIT:
                if connection.blocked_until:
                    enqueue.enqueue_at(lane, connection.blocked_until)
                return False
            _sleep(wait)
            continue
        if not is_read:
            is_read = True
            if refresh_orders.refresh_orders(connection, lane):
                continue  # it may have stopped the store, or spent what there was
        claim = lease(connection, lane, batches=batches, waits=waits)
        if not claim:
            return False
        if adapter is None:
            try:
                adapter = adapter_of(connection)
            except NotSupported as error:
                finish(claim, all_failed(claim, error))
                continue
        with rate_limit.spending(claim[0].priority):
            stopped, count = _work(connection, claim, adapter)
        batches = min(count * 2, MOST_BATCHES)
        call_log.flush()
        if isinstance(stopped, AuthError):
            return False
        if isinstance(stopped, RateLimited) and stopped.scope:
            waits.note(connection, lane, claim[0], stopped)
        if isinstance(stopped, TemporaryError):
            unanswered += 1
            if stopped.maintenance or unanswered >= GIVE_UP_AFTER:
                waits.gave_up = True
                return False
        elif stopped is None:
            unanswered = 0
            failures.record_success(connection)
        if not locks.extend(key, turn):
            return False
    return True


# ---------------------------------------------------------------- taking


def lease(
    connection: Connection, lane: str, *, batches: int = 1, waits: Waits | None = None
) -> list[OutboxMessage]:
    """Claim the most urgent due message and others of its topic: one call's worth, or several where they are read ahead.

    The attempt is counted before the work, in a transaction of its own. A message whose last worker vanished
    is uncertain and goes alone, so that one which kills its worker takes nobody along; after three it is parked.
    Of a claim of many batches it goes with one batch first: to send them all alone would cost too many calls.
    """
    token = new_token()
    with transaction.atomic():
        due = _due(connection, lane).order_by("priority", "id").defer(*_UNREAD)
        if waits is not None:
            due = waits.without(due)
        if database.vendor == "postgresql":
            due = due.select_for_update(skip_locked=True, of=("self",))
        first = due.first()
        if first is None:
            return []
        crashed = bool(first.lease_token)
        is_ahead = _reader(first.topic) is not None
        size = _size(connection, first)
        rows = [first]
        alike = due.filter(topic=first.topic, priority=first.priority).exclude(pk=first.pk)
        if not crashed:
            size = max(min(size * batches, MOST_AHEAD), size) if is_ahead else size
            rows += list(alike.filter(lease_token="")[: size - 1]) if size > 1 else []
        elif is_ahead and first.crashes == 0 and size > 1:
            rows += list(alike.exclude(lease_token="").filter(crashes=0)[: size - 1])
        if crashed and first.crashes + 1 >= MAX_CRASHES:
            words = _("Parked: its worker died %d times while sending it. Look at the log, then retry.")
            mark_failed(first, words % MAX_CRASHES)
            return lease(connection, lane, batches=batches, waits=waits)
        OutboxMessage.objects.filter(pk__in=among([row.pk for row in rows])).update(
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


def _size(connection: Connection, message: OutboxMessage) -> int:
    """How many messages of this topic go in one call."""
    return max(connection.spec.batch_size(message.topic), 1)


# ---------------------------------------------------------------- sending


class _SendAll:
    """The `Sending` of a handler that reads and writes in each call."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self.connection, self.topic = connection, topic

    def send(self, messages: Sequence[OutboxMessage], adapter: ChannelAdapter) -> Sequence[Outcome]:
        return handler_for(self.topic).send(self.connection, messages, adapter)

    def close(self) -> None:
        """Nothing is left to write."""


def _reader(topic: str) -> ReadsAhead | None:
    """The topic's handler, if it reads ahead; one that is missing is found out by the send, which parks the message."""
    try:
        handler = handler_for(topic)
    except LookupError:
        return None
    return handler if isinstance(handler, ReadsAhead) else None


def _begin(connection: Connection, claim: Sequence[OutboxMessage]) -> Sending:
    topic = claim[0].topic
    reader = _reader(topic)
    if reader is not None:
        try:
            return reader.begin(connection, claim)
        except Exception:
            # One of them cannot be read: batch by batch it is found, and parked alone.
            log.exception("reading %s for %s failed", topic, connection)
    return _SendAll(connection, topic)


def _work(
    connection: Connection, claim: Sequence[OutboxMessage], adapter: ChannelAdapter
) -> tuple[ChannelError | None, int]:
    """Send a claim batch by batch and write its outcomes down; what stopped it, and how many batches were sent.

    What was read ahead is sent while it is fresh; the rest is given back, as if it had never been claimed.
    """
    if not can_send(connection, claim[0].topic):
        topic = claim[0].topic
        offered = connection.account.get("offered", {})
        capability = RULES[topic].capability
        words = offered.get(capability) or str(connection.spec.reason(capability)) or connection.spec.label
        finish(claim, all_failed(claim, NotSupported(words)))
        return None, 1
    size = _size(connection, claim[0])
    until = _clock() + FRESH
    answers: Answers = {}
    stopped: ChannelError | None = None
    sending = _begin(connection, claim)
    sent = count = 0
    while sent < len(claim) and stopped is None and (sent == 0 or _clock() < until):
        stopped = _send(connection, claim[sent : sent + size], adapter, sending, answers)
        sent, count = sent + size, count + 1
    sending.close()
    finish(claim[:sent], answers)
    if sent < len(claim):
        return_unsent(claim[sent:])
    return stopped, count


def _send(
    connection: Connection,
    batch: Sequence[OutboxMessage],
    adapter: ChannelAdapter,
    sending: Sending,
    answers: Answers,
) -> ChannelError | None:
    """Send one batch and gather its outcomes; returns what stopped the whole call, if anything did.

    A call that was refused as a whole is made again in halves, until the guilty message stands alone.
    """
    try:
        outcomes = sending.send(batch, adapter)
    except (RateLimited, AuthError, TemporaryError) as error:
        failures.record_failure(connection, error)
        answers.update(all_failed(batch, error))
        return error
    except (Rejected, NotSupported) as error:
        return _split(connection, batch, adapter, sending, answers, error)
    except Exception as error:
        log.exception("telling %s about %s failed", connection, batch[0].topic)
        return _split(connection, batch, adapter, sending, answers, error)
    answers.update((outcome.ref, outcome) for outcome in outcomes)
    concerns = next(
        (one.error for one in outcomes if isinstance(one.error, (RateLimited, AuthError))), None
    )  # the whole store, though one item said so
    if concerns is not None:
        failures.record_failure(connection, concerns)
    return concerns


def _split(
    connection: Connection,
    batch: Sequence[OutboxMessage],
    adapter: ChannelAdapter,
    sending: Sending,
    answers: Answers,
    error: Exception,
) -> ChannelError | None:
    if len(batch) == 1:
        answers.update(all_failed(batch, error))
        return None
    middle = len(batch) // 2
    for half in (batch[:middle], batch[middle:]):
        stopped = _send(connection, half, adapter, sending, answers)
        if stopped is not None:
            if half[0].pk == batch[0].pk:  # nothing was said about the second half
                answers.update(all_failed(batch[middle:], stopped))
            return stopped
    return None
