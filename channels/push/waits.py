"""What is due to be sent to a store in a lane, and what waits: for its rate limit, or for its time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, Q, Subquery
from django.utils import timezone

from channels.contract.errors import RateLimited
from channels.http import rate_limit
from channels.models import Connection, OutboxMessage
from channels.models.querysets import OutboxQuerySet
from channels.workers import enqueue, failures
from oms.kit.bulk import among

LONG_WAIT = 60.0  # seconds: a wait for the rate limit that is stored on each row (`not_before`)
UNANSWERED_PAUSE = timedelta(seconds=30)  # before the next try at a store without an answer


@dataclass(slots=True)
class Waits:
    """Messages that are not sent in this slice, as the rate limit would refuse them: a priority and all lower ones, topics."""

    rank: int | None = None
    topics: set[str] = field(default_factory=set)
    is_unanswered: bool = False  # the store does not answer
    is_all: bool = False  # the last claim had all that was due, and the next event of no order waited for it

    def note(self, connection: Connection, lane: str, first: OutboxMessage, error: RateLimited) -> None:
        """Skip messages that would wait too, and wake the lane when the wait ends; a long wait is stored on each row."""
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
                ids = due(connection, lane).filter(alike).lock_in_order()
                OutboxMessage.objects.filter(pk__in=among(ids)).update(not_before=when)

    def without(self, messages: OutboxQuerySet) -> OutboxQuerySet:
        """Return those of these due messages that do not wait."""
        if self.rank is not None:
            messages = messages.filter(priority__lt=self.rank)
        return messages.exclude(topic__in=self.topics) if self.topics else messages


def due(connection: Connection, lane: str) -> OutboxQuerySet:
    """Return the messages of a store's lane that may be sent now."""
    return OutboxMessage.objects.filter(connection=connection, lane=lane).due()


def is_more_due(connection_id: int, lane: str, waits: Waits) -> bool:
    """Return whether the store may be sent more messages now; otherwise wake the lane when the first of them is due."""
    rows = OutboxMessage.objects.filter(connection=connection_id, lane=lane)
    later = rows.waiting().filter(is_held=False, not_before__gt=timezone.now()).order_by("not_before")
    stores = Connection.objects.filter(pk=connection_id).only("state", "is_read_only", "blocked_until")
    found = stores.annotate(
        has_due=Exists(waits.without(rows.due())), next_at=Subquery(later.values("not_before")[:1])
    ).first()
    if found is None or not found.may_push or failures.is_blocked(found):
        return False
    if waits.is_unanswered:  # the other messages would get no answer either: pause first
        enqueue.enqueue_at(lane, timezone.now() + UNANSWERED_PAUSE)
        return False
    next_at: datetime | None = getattr(found, "next_at", None)
    if next_at is not None:
        enqueue.enqueue_at(lane, next_at)
    return bool(getattr(found, "has_due", False))
