"""Send due messages: one worker for each store and lane, in the order of priority, batch by batch.

For each claim: lease the rows and count the attempt, commit, call the handler batch by batch, then store the results of
rows whose lease is still valid. A claim is one batch, or several where the handler reads absolute figures in advance:
twice as many as the store accepted last time before they were too old. When the worker is killed, the rows become due
again when their lease ends, marked as uncertain. After a change during a send, `wanted` is above the version that was
read, so the row is due again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db import connection as database
from django.db.models import F
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
from channels.pull.runner import adapter_of
from channels.push import refresh_orders
from channels.push.outbox import ReadsAhead, Sending, can_send, handler_for
from channels.push.results import Answers, all_failed, finish, mark_failed, return_unsent
from channels.push.topics import RULES
from channels.push.waits import Waits, due, is_more_due
from channels.workers import enqueue, failures, locks
from channels.workers.seats import Seat
from oms.kit.bulk import among
from oms.kit.models.leases import new_token

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=150)
SLICE_SECONDS = 45.0
MAX_CRASHES = 3
MAX_UNANSWERED = 3  # batches in a row without an answer, until the slice ends
SHORT_WAIT = 3.0  # seconds: a wait of the store that the slice waits for
FRESH_SECONDS = 2.0  # figures that were read in advance are sent no later than this
MAX_CLAIMED = 2000  # messages that are claimed and read together
MAX_BATCHES = 64

#: Columns that sending does not use; each would have to be parsed as a date.
_UNUSED = (
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


def dispatch(
    connection_id: int, lane: str, *, must_stop: Callable[[], bool] | None = None, seat: Seat | None = None
) -> bool:
    """Send the due messages of one store in one lane, for at most a minute; return whether more are due now.

    `must_stop` is asked between two claims; the slice ends when it returns True. `seat` may have the lock of this work
    already; all of its leases are released with it. Safe to call at any time: a second worker for the same store and lane
    returns immediately.
    """
    key = enqueue.push_key(connection_id, lane)
    locked = seat.work if seat is not None and seat.work is not None else _lock(key)
    if locked is None:
        return False
    if seat is not None:
        seat.work = locked
    token = locked[1]
    waits = Waits()
    try:
        with call_log.collecting():
            more = _dispatch(connection_id, lane, key, token, waits, must_stop)
    finally:
        if seat is not None:
            seat.release()
        else:
            locks.release(key, token)
    # After the release: a message may have been written after the last query, while its task found the lock taken.
    return more or is_more_due(connection_id, lane, waits)


def _lock(key: str) -> tuple[str, str] | None:
    """Lock the store's lane; None when another worker has it.

    The wake-up counts as answered also then, as the other worker checks once more at its end: else no task would be
    enqueued for a minute. The second try is for a lock that was released before that.
    """
    token = locks.acquire(key)
    if token is None:
        enqueue.mark_answered(key)
        token = locks.acquire(key)
    return (key, token) if token is not None else None


def _dispatch(
    connection_id: int,
    lane: str,
    key: str,
    token: str,
    waits: Waits,
    must_stop: Callable[[], bool] | None = None,
) -> bool:
    started = _clock()
    unanswered, orders_are_fresh, batches = 0, False, 1
    adapter: ChannelAdapter | None = None
    while _clock() < started + SLICE_SECONDS:
        if must_stop is not None and must_stop():
            return True
        stores = refresh_orders.with_last_import(Connection.objects.select_related("budget"))
        connection = stores.filter(pk=connection_id).first()
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
        if not orders_are_fresh:
            orders_are_fresh = True
            if refresh_orders.refresh_orders(connection, lane):
                continue  # it may have stopped the store, or used its requests
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
        batches = min(count * 2, MAX_BATCHES)
        call_log.flush()
        if isinstance(stopped, AuthError):
            return False
        if isinstance(stopped, RateLimited) and stopped.scope:
            waits.note(connection, lane, claim[0], stopped)
        if isinstance(stopped, TemporaryError):
            unanswered += 1
            if stopped.maintenance or unanswered >= MAX_UNANSWERED:
                waits.is_unanswered = True
                return False
        elif stopped is None:
            unanswered = 0
            failures.record_success(connection)
            if waits.is_all:  # whether more is due meanwhile is asked after the lock is released
                return False
        if not locks.extend(key, token):
            return False
    return True


# ---------------------------------------------------------------- claiming


def lease(
    connection: Connection, lane: str, *, batches: int = 1, waits: Waits | None = None
) -> list[OutboxMessage]:
    """Claim the first due message and others of its topic: those of one call, or of several for figures read in advance.

    The attempt is counted before the work, in a transaction of its own. A message whose last worker was killed is
    uncertain and is sent alone, so that a message that kills its worker affects no others; after three such workers it
    fails. After a claim of many batches, it is first sent with one batch: sending all alone would need too many calls.
    """
    token = new_token()
    with transaction.atomic():
        rows_due = due(connection, lane).order_by("priority", "waiting_since", "id").defer(*_UNUSED)
        if waits is not None:
            rows_due = waits.without(rows_due)
        if database.vendor == "postgresql":
            rows_due = rows_due.select_for_update(skip_locked=True, of=("self",))
        found = list(rows_due[:2])
        if not found:
            return []
        first = found[0]
        crashed = bool(first.lease_token)
        is_ahead = _reader(first.topic) is not None
        size = _size(connection, first)
        if is_ahead and not crashed:
            size = max(min(size * batches, MAX_CLAIMED), size)
        if len(found) == 1:  # nothing else is due: no need to look for messages that are alike
            size = 1
        if waits is not None:
            waits.is_all = len(found) == 1 and first.kind == OutboxMessage.Kind.STATE
        rows = [first]
        alike = rows_due.filter(topic=first.topic, priority=first.priority).exclude(pk=first.pk)
        if not crashed:
            rows += list(alike.filter(lease_token="")[: size - 1]) if size > 1 else []
        elif is_ahead and first.crashes == 0 and size > 1:
            rows += list(alike.exclude(lease_token="").filter(crashes=0)[: size - 1])
        if crashed and first.crashes + 1 >= MAX_CRASHES:
            words = _("Failed: its worker was killed %d times while it was sent. Check the log, then retry.")
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
    """Return how many messages of this topic are sent in one call."""
    return max(connection.spec.batch_size(message.topic), 1)


# ---------------------------------------------------------------- sending


class _SendAll:
    """The `Sending` of a handler that reads in each call."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self.connection, self.topic = connection, topic

    def send(self, messages: Sequence[OutboxMessage], adapter: ChannelAdapter) -> Sequence[Outcome]:
        return handler_for(self.topic).send(self.connection, messages, adapter)

    def close(self) -> None:
        """Do nothing: nothing is left to store."""


def _reader(topic: str) -> ReadsAhead | None:
    """Return the topic's handler, if it reads in advance; None otherwise. Without a handler, the send fails the message."""
    try:
        handler = handler_for(topic)
    except LookupError:
        return None
    return handler if isinstance(handler, ReadsAhead) else None


def _start_sending(connection: Connection, claim: Sequence[OutboxMessage]) -> Sending:
    topic = claim[0].topic
    reader = _reader(topic)
    if reader is not None:
        try:
            return reader.begin(connection, claim)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # One of them cannot be read: it is found batch by batch, and only that one fails.
            log.exception("reading %s for %s failed", topic, connection)
    return _SendAll(connection, topic)


def _work(
    connection: Connection, claim: Sequence[OutboxMessage], adapter: ChannelAdapter
) -> tuple[ChannelError | None, int]:
    """Send a claim batch by batch and store its outcomes; return the error that stopped it, and how many batches were sent.

    Figures that were read in advance are sent while they are fresh; the rest of the claim is released.
    """
    if not can_send(connection, claim[0].topic):
        topic = claim[0].topic
        offered = connection.account.get("offered", {})
        capability = RULES[topic].capability
        words = offered.get(capability) or str(connection.spec.reason(capability)) or connection.spec.label
        finish(claim, all_failed(claim, NotSupported(words)))
        return None, 1
    size = _size(connection, claim[0])
    until = _clock() + FRESH_SECONDS
    answers: Answers = {}
    stopped: ChannelError | None = None
    sending = _start_sending(connection, claim)
    sent = count = 0
    while sent < len(claim) and stopped is None and (sent == 0 or _clock() < until):
        stopped = _send(connection, claim[sent : sent + size], adapter, sending, answers)
        sent, count = sent + size, count + 1
    sending.close()
    finish(claim[:sent], answers)
    _note(connection, claim[:sent], answers, stopped, _clock() - until + FRESH_SECONDS)
    if sent < len(claim):
        return_unsent(claim[sent:])
    return stopped, count


def _note(
    connection: Connection,
    claim: Sequence[OutboxMessage],
    answers: Answers,
    stopped: ChannelError | None,
    seconds: float,
) -> None:
    """Write one line about a claim that was sent into the log, with the first refusal."""
    errors = [str(one.error) for one in answers.values() if one.error is not None]
    facts = {
        "store": connection.name,
        "topic": claim[0].topic,
        "sent": len(claim) - len(errors),
        "refused": len(errors),
        "seconds": round(seconds, 1),
    }
    words = " ".join(
        f"{name}={value!r}" if " " in str(value) else f"{name}={value}" for name, value in facts.items()
    )
    reason = str(stopped or (errors[0] if errors else ""))
    log.log(
        logging.WARNING if errors else logging.INFO,
        "sent %s%s",
        words,
        f": {reason}" if reason else "",
        extra={"facts": facts | ({"reason": reason} if reason else {})},
    )


def _send(
    connection: Connection,
    batch: Sequence[OutboxMessage],
    adapter: ChannelAdapter,
    sending: Sending,
    answers: Answers,
) -> ChannelError | None:
    """Send one batch and add its outcomes to `answers`; return the error that concerns the whole store, if any.

    A call that was refused as a whole is made again in halves, until the message that causes the refusal is alone.
    """
    try:
        outcomes = sending.send(batch, adapter)
    except (RateLimited, AuthError, TemporaryError) as error:
        failures.record_failure(connection, error)
        answers.update(all_failed(batch, error))
        return error
    except (Rejected, NotSupported) as error:
        return _split(connection, batch, adapter, sending, answers, error)
    except (OperationalError, InterfaceError):
        # Manifold's own database was away or full for a moment: no message is at fault. The task ends, and its messages
        # become due again as uncertain ones (`channels.workers.failed_tasks`).
        raise
    except Exception as error:
        log.exception("sending to %s failed: %s", connection, batch[0].topic)
        return _split(connection, batch, adapter, sending, answers, error)
    answers.update((outcome.ref, outcome) for outcome in outcomes)
    concerns = next(
        (one.error for one in outcomes if isinstance(one.error, (RateLimited, AuthError))), None
    )  # these errors concern the whole store, although one item has them
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
            if half[0].pk == batch[0].pk:  # the second half was not sent
                answers.update(all_failed(batch[middle:], stopped))
            return stopped
    return None
