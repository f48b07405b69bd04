"""Find events for the subscriptions, once a minute. Without a subscription it is one statement and nothing else.

Rows of the last two minutes are read again: a transaction with a lower key may have been saved after one with a higher key.
An event exists once for a subscription, so reading it again adds nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from channels.contract.spec import Lane
from channels.models import HookDelivery, HookSubscription
from channels.ops.hooks.sending import has_due
from channels.push.hook_kinds import kinds
from channels.workers import enqueue

#: Longer than a transaction that writes an order or stock may take.
SETTLED: Final = timedelta(minutes=2)
#: Rows of one source that are read at a time.
MOST: Final = 2_000
#: How long deliveries are kept.
KEPT: Final = timedelta(days=30)


def collect() -> None:
    """Store a delivery for each new event, and wake the worker of each subscription that has something to send."""
    for subscription in HookSubscription.objects.filter(is_active=True).order_by("pk"):
        _collect(subscription)
        if has_due(subscription):
            enqueue.send_task("send_hooks", subscription.pk, lane=Lane.DEFAULT)


def _collect(subscription: HookSubscription) -> None:
    settled = timezone.now() - SETTLED
    cursors: dict[str, Any] = dict(subscription.cursors)
    found: list[HookDelivery] = []
    for event in subscription.events:
        kind = kinds().get(event)
        for source in kind.sources if kind is not None else ():
            name = f"{event}/{source.name}"
            if name not in cursors:  # an event that was added now: only what comes from now on
                cursors[name] = source.newest()
                continue
            newest = source.newest()
            rows = source.read(cursors[name], MOST)
            found += [
                HookDelivery(
                    subscription=subscription,
                    event=event,
                    key=f"{event}-{one.key}"[:80],
                    subject=one.subject,
                    data=dict(one.data),
                    occurred_at=one.at,
                )
                for one in rows
            ]
            for one in rows:
                if one.at >= settled:
                    break
                cursors[name] = max(cursors[name], one.row)
            if len(rows) < MOST:
                _follow(cursors, name, newest)
    HookDelivery.objects.bulk_create(found, ignore_conflicts=True, batch_size=500)
    if cursors != subscription.cursors:
        HookSubscription.objects.filter(pk=subscription.pk).update(cursors=cursors)


def _follow(cursors: dict[str, Any], name: str, newest: int) -> None:
    """Move a cursor past rows that are no events, once they are two minutes old: `mark` has the newest row of an earlier run."""
    now = timezone.now().timestamp()
    row, at = cursors.get(f"{name}:mark", (newest, now))
    if now - at >= SETTLED.total_seconds():
        cursors[name] = max(cursors[name], row)
        row, at = newest, now
    cursors[f"{name}:mark"] = [row, at]


def start_cursors(events: list[str]) -> dict[str, int]:
    """Return the cursors of a new subscription: it is sent what happens from now on."""
    return {
        f"{event}/{source.name}": source.newest()
        for event in events
        if event in kinds()
        for source in kinds()[event].sources
    }


def prune(limit: int = 5_000) -> int:
    """Delete deliveries older than 30 days, at most `limit`; return how many."""
    old = HookDelivery.objects.filter(occurred_at__lt=timezone.now() - KEPT).order_by("occurred_at")
    ids = list(old.values_list("pk", flat=True)[:limit])
    return HookDelivery.objects.filter(pk__in=ids).delete()[0] if ids else 0
