"""Tasks that join apps."""

from __future__ import annotations

from catalogue.pictures import sweep
from channels.ops import retention as reading
from oms.accounts.sessions import SessionStore
from oms.kit.admin import export, pages
from orders.documents import files
from orders.ops import retention

SLICES = 20


def daily() -> None:
    """Let go of what is past its time, in slices; what is left over waits for tomorrow."""
    for _slice in range(SLICES):
        if reading.prune() == 0:
            break
    export.prune()
    files.prune()
    SessionStore.clear_expired()
    pages.prune_tokens()
    sweep.enqueue_tidy()
    for _slice in range(SLICES):
        if retention.retain() == retention.Retained(0, 0):
            break
