"""The line that each run of an import leaves in the log."""

from __future__ import annotations

import logging

from django.utils import timezone

from channels.models import Connection, SyncRun

log = logging.getLogger(__name__)


def note(run: SyncRun, reason: str = "", *, connection: Connection | None = None) -> None:
    """Write the line of a run that ended into the log: store, stream, counts, seconds, and why it did not succeed.

    No data of a record is in it: a reason is our own sentence or the channel's.
    """
    if connection is None and "connection" in run._state.fields_cache:
        connection = run.connection  # never read for a line of the log
    facts = {
        "store": connection.name if connection is not None else run.connection_id,
        "stream": run.stream,
        "trigger": run.trigger,
        "state": str(run.state),
        "new": run.new,
        "changed": run.changed,
        "same": run.same,
        "refused": run.refused,
        "pages": run.pages,
        "seconds": round((timezone.now() - run.started_at).total_seconds(), 1),
    }
    words = " ".join(
        f"{name}={value!r}" if " " in str(value) else f"{name}={value}" for name, value in facts.items()
    )
    is_fault = run.state == SyncRun.State.FAILED
    log.log(
        logging.WARNING if is_fault else logging.INFO,
        "run %s%s",
        words,
        f": {reason}" if reason else "",
        extra={"facts": facts | ({"reason": reason} if reason else {})},
    )
