"""Clean-up of import data: runs, rejected records and their documents.

The document of a rejected order has personal data: it is deleted after the same time as that of an order, and earlier when
the record is resolved.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from channels.models import RejectedRecord, SyncRun
from channels.pull.page_writer import packed

RESOLVED_STORED_FOR = timedelta(days=30)
RUNS_STORED_FOR = timedelta(days=90)
NOTHING = packed({})


def prune(limit: int = 5000) -> int:
    """Delete what is older than its time, at most `limit` of each kind; return how many. Call it until it returns 0."""
    now = timezone.now()
    resolved = RejectedRecord.objects.filter(resolved_at__lt=now - RESOLVED_STORED_FOR)
    ended = SyncRun.objects.filter(finished_at__lt=now - RUNS_STORED_FOR).order_by("finished_at")
    done = 0
    for rows in (resolved, ended):
        ids = list(rows.values_list("pk", flat=True)[:limit])
        rows.model._base_manager.filter(pk__in=ids).delete()
        done += len(ids)
    before = now - timedelta(days=settings.OMS_PERSONAL_DATA_DAYS)
    old = RejectedRecord.objects.open().filter(stream__startswith="orders.", first_seen_at__lt=before)
    ids = list(old.exclude(native=NOTHING).values_list("pk", flat=True)[:limit])
    RejectedRecord.objects.filter(pk__in=ids).update(native=NOTHING)
    return done + len(ids)
