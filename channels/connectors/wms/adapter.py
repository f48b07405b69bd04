"""The adapter of a warehouse system. It delegates."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from channels.connectors.wms.channel import SPEC
from channels.connectors.wms.client import WmsClient
from channels.contract.adapter import ChannelAdapter
from channels.contract.records.updates import Notice
from channels.http.session import ChannelSession


class WmsAdapter(ChannelAdapter):
    """One warehouse system: signed calls of `{type, timestamp, data}`."""

    spec = SPEC

    @cached_property
    def client(self) -> WmsClient:
        """Client for this warehouse system."""
        return WmsClient(self.connection, self.session or ChannelSession(self.connection))

    def send_notice(self, notice: Notice) -> None:
        self.client.send(
            notice.ref,
            {
                "type": notice.kind,
                "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
                "data": dict(notice.data),
            },
        )
