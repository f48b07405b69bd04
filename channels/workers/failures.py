"""What a failed call means for its store: wait, stop, or nothing; and what a later success ends."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from channels.contract.errors import AuthError, ChannelError, RateLimited, TemporaryError
from channels.contract.spec import Capability
from channels.models import Connection, OutboxMessage, SyncStream
from channels.workers import enqueue
from oms.kit.bulk import among

MAINTENANCE_PAUSE = timedelta(minutes=5)

FAULT_QUIET = timedelta(minutes=10)

_random = random.random


def backoff(failures: int, *, first: float = 15.0, limit: float = 3600.0) -> timedelta:
    """Doubling wait with up to a quarter of jitter: 15 s, 30 s, 1 min ... an hour."""
    wait = min(first * 2.0 ** max(min(failures, 30) - 1, 0), limit)
    return timedelta(seconds=wait * (1.0 + _random() / 4))


def record_failure(connection: Connection, error: ChannelError) -> None:
    """Write down what this failure means for the whole store; a refusal of one thing means nothing for it.

    `AuthError` stops every sync of this store (R-CONN-09) and no other store's; `RateLimited` and a shop in
    maintenance let it wait; a passing fault is shown with the time it began.
    """
    now = timezone.now()
    row = Connection.objects.filter(pk=connection.pk)
    if isinstance(error, AuthError):
        if _has_new_keys(connection):
            return  # somebody has reconnected the store while this was asked with the old ones
        row.filter(state=Connection.State.ACTIVE).update(
            state=Connection.State.NEEDS_SELLER, state_reason=error.message[:500], state_since=now
        )
    elif isinstance(error, RateLimited) and error.scope:
        return  # one kind of request waits, the store does not
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
    kept = Connection.objects.filter(pk=connection.pk).only("credentials").first()
    return kept is not None and dict(kept.credentials) != dict(connection.credentials)


def record_stopped_pull(connection: Connection, reason: str) -> None:
    """A whole pull was refused or could not be read: shown on the store with the time it began, like a passing fault."""
    Connection.objects.filter(pk=connection.pk).update(
        failing_since=Coalesce("failing_since", timezone.now()), failure=reason[:500]
    )
    connection.refresh_from_db(fields=["failing_since", "failure"])


def _block(connection: Connection, until: datetime) -> None:
    row = Connection.objects.filter(pk=connection.pk)
    if not row.filter(blocked_until=None).update(blocked_until=until):
        row.update(blocked_until=Greatest("blocked_until", until))


def record_success(connection: Connection) -> None:
    """The channel answers again. Costs nothing while nothing was wrong.

    After a long absence everything that waits because of it is due now: with waits of an hour at its end the stock
    that a store shows would be an hour old, and an hour is enough to sell it twice.
    """
    if connection.failing_since is None and not connection.failure:
        return
    was_away = _is_long(connection.failing_since)
    Connection.objects.filter(pk=connection.pk).update(
        failing_since=None, failure="", is_in_maintenance=False
    )
    connection.failing_since, connection.failure, connection.is_in_maintenance = None, "", False
    if was_away:
        _wake(connection)


def is_unreachable(connection_id: int) -> bool:
    """Whether the channel has answered nothing at all for so long that no single message is to blame."""
    since = Connection.objects.filter(pk=connection_id).values_list("failing_since", flat=True).first()
    return _is_long(since)


def _is_long(since: datetime | None) -> bool:
    """A fault of one kind of call alone ends with the next call of another kind."""
    return since is not None and timezone.now() - since >= FAULT_QUIET


def _wake(connection: Connection) -> None:
    """What waits after a fault is due: messages (those in several steps keep their own time) and streams."""
    now = timezone.now()
    waiting = OutboxMessage.objects.waiting().filter(
        connection=connection, not_before__gt=now, attempts__gt=0, step="", lease_token=""
    )
    rung = sorted(set(waiting.order_by().values_list("lane", flat=True)))
    with transaction.atomic():
        OutboxMessage.objects.filter(pk__in=among(waiting.lock_in_order())).update(not_before=None)
    late = SyncStream.objects.filter(connection=connection, not_before__gt=now, failures__gt=0)
    streams = list(late.values_list("pk", "lane"))
    late.update(not_before=None)
    for lane in rung:
        enqueue.enqueue_push(connection.pk, lane)
    for stream_id, lane in streams:
        enqueue.enqueue_pull(stream_id, lane)


def record_not_offered(connection: Connection, capability: Capability, reason: str) -> None:
    """The channel refused this store one of its abilities for good: it is not asked again, and the pages say why."""
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
    return connection.blocked_until is not None and connection.blocked_until > timezone.now()
