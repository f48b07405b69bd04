"""When stores are compared: what the imports show once an hour, the whole store once a day, in hourly parts."""

from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache
from django.utils import timezone

from channels.models import Connection
from channels.reconcile import runs
from channels.stores.pull_jobs import CannotSync
from oms.kit.models import Job

HOUR, DAY = 3600, 24 * 3600


def compare_all_stored() -> int:
    """Compare what the imports show of each live store, once an hour; return 0, as nothing is left to do."""
    for connection in Connection.objects.stores().active().filter(is_read_only=False):
        if cache.add(f"reconcile_stored:{connection.pk}", 1, HOUR):
            chosen = [part for part in runs.comparable(connection) if not part.stream]
            if chosen:
                runs.finish(connection, chosen)
    return 0


def reconcile_all() -> int:
    """Start the daily comparison of each live store that had none for a day; return how many were started."""
    started = 0
    since = timezone.now() - timedelta(seconds=DAY)
    for connection in Connection.objects.stores().active().filter(is_read_only=False):
        if not cache.add(f"reconcile_started:{connection.pk}", 1, HOUR):
            continue
        recent = Job.objects.filter(
            kind=runs.KIND, subject_kind="connection", subject_id=connection.pk, created_at__gt=since
        )
        # A new store has been read by its first sync. A paced comparison may take longer than a day.
        if connection.created_at > since or recent.exists() or runs.live_jobs(connection).exists():
            continue
        try:
            runs.ask(connection=connection, paced=True)
        except CannotSync:
            continue
        started += 1
    return started
