"""Querysets of stores, streams and messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import connections, models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from oms.kit.models.leases import LeaseQuerySet

if TYPE_CHECKING:
    from datetime import datetime

    from channels.models import (  # noqa: F401
        Alert,
        AlertNotice,
        Connection,
        ConnectionToken,
        OutboxMessage,
        RejectedRecord,
        SyncStream,
        WakeUp,
    )


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def stores(self) -> Self:
        """Return the stores: connections that are not carriers or warehouse systems."""
        return self.filter(kind="store")

    def connected(self) -> Self:
        """Return the connections that are not disconnected."""
        return self.exclude(state="disconnected")

    def active(self) -> Self:
        """Return the connections from which data may be imported."""
        return self.filter(state="active")


class SyncStreamQuerySet(LeaseQuerySet["SyncStream"]):
    def due(self, lane: str) -> Self:
        """Return streams of active stores that are due, or have requested records, and have no valid lease."""
        now = timezone.now()
        return self.unleased().filter(
            Q(is_on=True, due_at__lte=now) | ~Q(wanted_ids=[]),
            Q(not_before=None) | Q(not_before__lte=now),
            Q(connection__blocked_until=None) | Q(connection__blocked_until__lte=now),
            lane=lane,
            connection__state="active",
        )


class OutboxQuerySet(LeaseQuerySet["OutboxMessage"]):
    def unsent(self) -> Self:
        """Return the messages that are not sent in their newest version and not skipped."""
        return self.filter(wanted__gt=F("sent"), skipped_at=None)

    def waiting(self) -> Self:
        """Return the unsent messages that have not failed, also those on hold."""
        return self.unsent().filter(parked_at=None)

    def parked(self) -> Self:
        """Return the failed messages."""
        return self.unsent().filter(parked_at__isnull=False)

    def due(self) -> Self:
        """Return messages that are waiting, past `not_before`, not held, without a valid lease, and first of their order.

        An event that has failed, is held or waits delays the later events of its own order, and no others.
        """
        now = timezone.now()
        earlier = self.model._default_manager.filter(
            connection_id=OuterRef("connection_id"),
            kind="event",
            group=OuterRef("group"),
            id__lt=OuterRef("id"),
            wanted__gt=F("sent"),
            skipped_at=None,
        )
        return (
            self.waiting()
            .unleased()
            .filter(
                Q(not_before=None) | Q(not_before__lte=now),
                Q(kind="state") | Q(group=None) | ~Exists(earlier),
                is_held=False,
            )
        )

    def held(self) -> Self:
        """Return the events that were recorded while the store was read-only: a person sends or skips each."""
        return self.waiting().filter(is_held=True)

    def lock_in_order(self) -> list[int]:
        """Lock these rows in the caller's transaction and return their ids.

        They are locked in the order in which `outbox.touch` writes, so that a change and an answer cannot deadlock.
        SQLite has one writer at a time anyway.
        """
        rows = self.order_by("connection_id", "topic", "subject", "pk")
        if connections[self.db].vendor == "postgresql":
            rows = rows.select_for_update(of=("self",))
        return list(rows.values_list("pk", flat=True))


class RejectedRecordQuerySet(models.QuerySet["RejectedRecord"]):
    def open(self) -> Self:
        """Return the records that are not imported yet."""
        return self.filter(resolved_at=None)


class ConnectionTokenQuerySet(LeaseQuerySet["ConnectionToken"]):
    """Access tokens; the lease is the right to renew one."""


class WakeUpQuerySet(LeaseQuerySet["WakeUp"]):
    """Wake-ups; the lease is the lock of who works on one."""

    def asked_since(self, instant: datetime) -> Self:
        """Return the wake-ups whose task is in the queue and not lost."""
        return self.filter(asked_at__gt=instant)


class AlertQuerySet(models.QuerySet["Alert"]):
    def open(self) -> Self:
        """Return the alerts whose cause has not ended."""
        return self.filter(ended_at=None)


class AlertNoticeQuerySet(LeaseQuerySet["AlertNotice"]):
    def due(self) -> Self:
        """Return the notices that may be sent now."""
        now = timezone.now()
        return self.filter(Q(not_before=None) | Q(not_before__lte=now), state="waiting").unleased()
