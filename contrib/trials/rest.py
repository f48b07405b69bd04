"""Waiting until an installation has come to rest after its faults, and saying what is left where it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from contrib.trials.installation import Shops, refill_limits

PATIENCE = 300.0
T = TypeVar("T")


def patiently(act: Callable[[], T], default: T) -> T:
    """Call `act`; return `default` while the database cannot be reached or written."""
    from django.db import Error, connections

    try:
        return act()
    except Error:
        with suppress(Error):
            connections["default"].close()
        return default


def make_due(stores: list[Any]) -> None:
    """Make the order streams of these stores due now and wake the lane, as *Sync Orders* does."""
    from django.utils import timezone

    from channels.models import SyncStream
    from channels.workers import enqueue

    rows = SyncStream.objects.filter(connection__in=[store.pk for store in stores], lane="orders")
    for stream in rows.exclude(period=None):
        SyncStream.objects.filter(pk=stream.pk).update(due_at=timezone.now(), not_before=None)
        enqueue.enqueue_pull(stream.pk, stream.lane)


def left(shops: Shops) -> dict[str, int]:
    """Return what is still to be done, by name; empty when all is at rest."""
    from django.db.models import F

    from channels.models import OutboxMessage, SyncStream, WebhookEvent
    from oms.kit.models import Job
    from orders.models import Order

    stored = set(Order.objects.values_list("connection__name", "external_id"))
    counts = {
        "orders that are not stored": sum(
            (channel, number) not in stored for channel, rows in shops.placed.items() for number in rows
        ),
        "messages that are not sent": OutboxMessage.objects.filter(
            sent__lt=F("wanted"), parked_at=None, skipped_at=None
        ).count(),
        "webhooks": WebhookEvent.objects.filter(handled_at=None).count(),
        "jobs": Job.objects.live().count(),
        "streams that work": SyncStream.objects.filter(lease_until__isnull=False, lane="orders")
        .exclude(lease_token="")
        .count(),
    }
    return {name: count for name, count in counts.items() if count}


def wait_for(
    shops: Shops, stores: list[Any], each_round: Callable[[], object], patience: float = PATIENCE
) -> tuple[float, dict[str, int]]:
    """Wait until nothing is left to do; return the seconds it took, and what is left when the patience is over."""
    began = time.monotonic()
    patiently(lambda: make_due(stores), None)
    calm = 0
    found: dict[str, int] = {}
    while time.monotonic() - began < patience:
        each_round()
        patiently(refill_limits, None)
        found = patiently(lambda: left(shops), {"the database": 1})
        calm = 0 if found else calm + 1
        if calm >= 3:
            return time.monotonic() - began, {}
        time.sleep(0.5)
    return time.monotonic() - began, found
