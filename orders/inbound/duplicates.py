"""Whether a record is a newer version of a stored order."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from channels.contract.records.orders import OrderRecord, RemoteState
from channels.pull.page_writer import LEASE


class KnownVersion(NamedTuple):
    """A stored order as it was imported last. `digest` is the hash of its document."""

    pk: int
    digest: str
    state: str
    changed_at: datetime
    read_at: datetime

    def matches(self, digest: str, state: RemoteState) -> bool:
        """Return whether the document is the same and its status has the same meaning."""
        return self.digest == digest and self.state in (state, RemoteState.IGNORED)

    def is_newer(self, record: OrderRecord, now: datetime) -> bool:
        """Return whether the stored version is newer than the record.

        This happens when a webhook and a scheduled import run at the same time. It counts only if the stored version was
        imported less than one lease ago, the longest time for which a worker has a page. So a store whose clock was set
        back is still imported.
        """
        return record.changed_at < self.changed_at and now - self.read_at < LEASE
