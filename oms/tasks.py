"""Tasks that join apps."""

from __future__ import annotations

from catalogue.pictures import sweep
from channels.ops import retention as reading
from channels.ops.alerts import checks as alerts
from channels.reconcile import differences
from channels.workers import failed_tasks
from oms.accounts import throttle
from oms.accounts.sessions import SessionStore
from oms.kit.admin import pages
from oms.kit.admin.export import resources as list_exports
from oms.kit.api import keys
from oms.kit.background import jobs
from oms.kit.imports import services as imports
from orders.documents import files
from orders.ops import retention

SLICES = 20


def daily() -> None:
    """Delete what is past its time, in slices; what is left over waits for tomorrow."""
    for prune in (reading.prune, jobs.prune, differences.prune):
        for _slice in range(SLICES):
            if prune() == 0:
                break
    alerts.prune()
    list_exports.prune()
    imports.prune()
    files.prune()
    SessionStore.clear_expired()
    pages.prune_tokens()
    throttle.prune()
    failed_tasks.prune()
    while keys.prune():
        pass
    sweep.enqueue_tidy()
    for _slice in range(SLICES):
        if retention.retain() == retention.Retained(0, 0):
            break
