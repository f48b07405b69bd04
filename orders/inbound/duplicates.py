"""Which version of an order is here: the same document again, or one that was on its way, is no news."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from channels.contract.records.orders import OrderRecord, RemoteState
from channels.pull.page_writer import LEASE


class KnownVersion(NamedTuple):
    """An order that is here, as it was read last."""

    pk: int
    digest: str
    state: str
    changed_at: datetime
    read_at: datetime

    def matches(self, digest: str, state: RemoteState) -> bool:
        """Whether it is the same document, which means the same."""
        return self.digest == digest and self.state in (state, RemoteState.IGNORED)

    def is_newer(self, record: OrderRecord, now: datetime) -> bool:
        """Whether the record was on its way while a later version was stored, as by a webhook beside a poll.

        Only where that was a moment ago (no page is in a worker's hands for longer than its lease): a shop whose clock was put back goes on being believed.
        """
        return record.changed_at < self.changed_at and now - self.read_at < LEASE
