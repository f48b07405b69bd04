"""The effects of failed calls on their store (wait, stop, or none), and the end of these effects after a success."""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from channels.contract.errors import AuthError, ChannelError, RateLimited, TemporaryError
from channels.contract.spec import Capability
from channels.models import Connection, OutboxMessage, SyncStream
from channels.workers import enqueue
from oms.kit.bulk import among

MAINTENANCE_PAUSE = timedelta(minutes=5)  # before the next try at a shop in maintenance

FAULT_QUIET = timedelta(minutes=10)  # a shorter fault raises no alarm

_random = random.random


def backoff(failures: int, *, first: float = 15.0, limit: float = 3600.0) -> timedelta:
    """Return the wait after a number of failures: it doubles from `first` to `limit` seconds, with up to 25 % of jitter."""
    wait = min(first * 2.0 ** max(min(failures, 30) - 1, 0), limit)
    return timedelta(seconds=wait * (1.0 + _random() / 4))


def record_failure(connection: Connection, error: ChannelError) -> None:
    """Store the effect of this failure on the whole store; the refusal of one record or message has none.

    `AuthError` stops every sync of this store (R-CONN-09), and of no other store. With `RateLimited` and a shop in
    maintenance the store waits. A temporary fault is shown with its start time.
    """
    now = timezone.now()
    row = Connection.objects.filter(pk=connection.pk)
    if isinstance(error, AuthError):
        if _has_new_keys(connection):
            return  # a person reconnected the store while this call used the old keys
        row.filter(state=Connection.State.ACTIVE).update(
            state=Connection.State.NEEDS_SELLER, state_reason=error.message[:500], state_since=now
        )
    elif isinstance(error, RateLimited) and error.scope:
        return  # one kind of request waits, not the whole store
    elif isinstance(error, RateLimited):
        _block(connection, now + timedelta(seconds=error.retry_after))
    elif isinstance(error, TemporaryError):
        row.update(
            failing_since=Coalesce("failing_since", now),
            failure=error.message[:500],
            is_in_maintenance=error.maintenance,
        )
        if error.maintenance:
            _block(connection, now + MAINTENANCE_PAUSE)
        elif error.retry_after:
            _block(connection, now + timedelta(seconds=error.retry_after))
    else:
        return
    connection.refresh_from_db(
        fields=["state", "state_reason", "failing_since", "failure", "is_in_maintenance", "blocked_until"]
    )


def _has_new_keys(connection: Connection) -> bool:
    stored = Connection.objects.filter(pk=connection.pk).only("credentials").first()
    return stored is not None and dict(stored.credentials) != dict(connection.credentials)


def record_stopped_pull(connection: Connection, reason: str) -> None:
    """Store that an import was refused or could not be read: shown on the store like a temporary fault."""
    Connection.objects.filter(pk=connection.pk).update(
        failing_since=Coalesce("failing_since", timezone.now()), failure=reason[:500]
    )
    connection.refresh_from_db(fields=["failing_since", "failure"])


def _block(connection: Connection, until: datetime) -> None:
    row = Connection.objects.filter(pk=connection.pk)
    if not row.filter(blocked_until=None).update(blocked_until=until):
        row.update(blocked_until=Greatest("blocked_until", until))


def record_success(connection: Connection) -> None:
    """Store that the channel answers again; makes no statement while the store has no fault.

    After a long fault all messages and streams that wait because of it become due now: otherwise the stock in the store
    could be an hour old, and units could be sold twice.
    """
    if connection.failing_since is None and not connection.failure:
        return
    was_long = _is_long(connection.failing_since)
    Connection.objects.filter(pk=connection.pk).update(
        failing_since=None, failure="", is_in_maintenance=False
    )
    connection.failing_since, connection.failure, connection.is_in_maintenance = None, "", False
    if was_long:
        _end_waits(connection)


def try_at_once(connection_ids: Collection[int]) -> None:
    """End the pauses after a fault of these stores (ids), because a person asks for a try now.

    The person may know that the shop is open again. A pause that an API limit needs stays.
    """
    rows = Connection.objects.filter(pk__in=list(connection_ids), failing_since__isnull=False)
    rows.filter(blocked_until__isnull=False).update(blocked_until=None)


def is_unreachable(connection_id: int) -> bool:
    """Whether the channel has not answered for so long that no single message is the cause."""
    since = Connection.objects.filter(pk=connection_id).values_list("failing_since", flat=True).first()
    return _is_long(since)


def _is_long(since: datetime | None) -> bool:
    """Whether a fault lasts 10 minutes or more. A fault of one kind of call ends with the next good call of another kind."""
    return since is not None and timezone.now() - since >= FAULT_QUIET


def _end_waits(connection: Connection) -> None:
    """Make messages (not those with several steps) and streams due that wait after a fault, and wake the workers."""
    now = timezone.now()
    waiting = OutboxMessage.objects.waiting().filter(
        connection=connection, not_before__gt=now, attempts__gt=0, step="", lease_token=""
    )
    lanes = sorted(set(waiting.order_by().values_list("lane", flat=True)))
    with transaction.atomic():
        OutboxMessage.objects.filter(pk__in=among(waiting.lock_in_order())).update(not_before=None)
    late = SyncStream.objects.filter(connection=connection, not_before__gt=now, failures__gt=0)
    streams = list(late.values_list("pk", "lane"))
    late.update(not_before=None)
    for lane in lanes:
        enqueue.enqueue_push(connection.pk, lane)
    for stream_id, lane in streams:
        enqueue.enqueue_pull(stream_id, lane)


def record_not_offered(connection: Connection, capability: Capability, reason: str) -> None:
    """Store that the channel permanently refused a capability for this store; the pages show the reason."""
    if not connection.pk:
        return
    with transaction.atomic():
        row = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        row.account = {
            **row.account,
            "offered": {**row.account.get("offered", {}), str(capability): reason},
        }
        row.save(update_fields=["account"])
    connection.account = row.account


def is_blocked(connection: Connection) -> bool:
    """Whether the store must wait because its channel asked for it."""
    return connection.blocked_until is not None and connection.blocked_until > timezone.now()
