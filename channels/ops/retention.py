"""What is kept of reading a store, and for how long: runs, refused records and the documents in them.

A refused order's document has people in it like any order's: it goes with theirs, and sooner once it went in.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from channels.models import RejectedRecord, SyncRun
from channels.pull.page_writer import packed

SOLVED = timedelta(days=30)
RUNS = timedelta(days=90)
NOTHING = packed({})


def prune(limit: int = 5000) -> int:
    """Let go of what is past its time, at most `limit` of each kind; returns how many, call again until it is 0."""
    now = timezone.now()
    solved = RejectedRecord.objects.filter(resolved_at__lt=now - SOLVED)
    # By their keys: the oldest stand first, so that no index on their end is needed.
    ended = SyncRun.objects.filter(finished_at__lt=now - RUNS).order_by("pk")
    done = 0
    for rows in (solved, ended):
        ids = list(rows.values_list("pk", flat=True)[:limit])
        rows.model._base_manager.filter(pk__in=ids).delete()
        done += len(ids)
    before = now - timedelta(days=settings.OMS_PERSONAL_DATA_DAYS)
    kept = RejectedRecord.objects.open().filter(stream__startswith="orders.", first_seen_at__lt=before)
    ids = list(kept.exclude(native=NOTHING).values_list("pk", flat=True)[:limit])
    RejectedRecord.objects.filter(pk__in=ids).update(native=NOTHING)
    return done + len(ids)
