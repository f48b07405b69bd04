"""What killed workers held is free at once: nobody waits until their leases run out.

Looked for when a worker of a lane starts, which the queue's guard sees to within a second of the other's death, and
with each tick. A process on another machine or in another container cannot be seen: what it held is free when its whole place
is gone (`channels.workers.hosts`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import reduce
from operator import or_
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from channels.models import ConnectionToken, OutboxMessage, SyncStream, WakeUp
from channels.workers import hosts
from oms.kit.bulk import among
from oms.kit.models import Job, leases
from oms.kit.models.leases import LeaseQuerySet

log = logging.getLogger(__name__)


def release() -> int:
    """End every lease and turn of a process that is known to be dead; returns how many processes that were.

    Messages are leased under the turn of a store's lane or within a job, so they are looked through only when one of
    those was left. Each counts as one whose worker vanished: it is sent as uncertain, and alone the second time.
    """
    orphaned: set[str] = set()
    gone_places = hosts.gone()
    for rows in _leased():
        orphaned |= rows.end_orphaned(gone_places)
    WakeUp.objects.filter(lease_token__in=orphaned).update(lease_token="", lease_until=None)
    processes = {leases.process_of(token) for token in orphaned}
    if processes:
        _end_messages(reduce(or_, (Q(lease_token__startswith=process) for process in processes)))
        log.warning("%d workers died in the middle: what they held goes on", len(processes))
    return len(processes)


def release_tokens(tokens: Collection[str]) -> None:
    """End the leases of these tokens, as if their process had died: the task that took them has failed."""
    for rows in _leased():
        rows.filter(lease_token__in=tokens).update(lease_until=timezone.now())
    WakeUp.objects.filter(lease_token__in=tokens).update(lease_token="", lease_until=None)
    _end_messages(Q(lease_token__in=tokens))


def _leased() -> tuple[LeaseQuerySet[Any], ...]:
    return WakeUp.objects.all(), SyncStream.objects.all(), ConnectionToken.objects.all(), Job.objects.live()


def _end_messages(theirs: Q) -> None:
    now = timezone.now()
    held = OutboxMessage.objects.waiting().filter(theirs, lease_until__gt=now)
    with transaction.atomic():
        OutboxMessage.objects.filter(pk__in=among(held.lock_in_order())).update(lease_until=now)
