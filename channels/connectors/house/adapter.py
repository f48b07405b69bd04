"""The adapter of own delivery. The tracking number is part of the request: it was taken from the range before."""

from __future__ import annotations

from collections.abc import Sequence

from channels.connectors.house.channel import SPEC
from channels.contract.carriers.adapter import CarrierAdapter
from channels.contract.carriers.records import Bought, CancelAnswer, LabelRequest, Service
from channels.contract.records.account import AccountRecord
from channels.contract.translation import gettext as _


class HouseAdapter(CarrierAdapter):
    """Own delivery: every answer is made here."""

    spec = SPEC

    def verify(self) -> AccountRecord:
        """Return the account: the name of the carrier."""
        return AccountRecord(self.connection.name, self.connection.name, "", "", "UTC")

    def services(self) -> Sequence[Service]:
        """Return the one service."""
        return [Service("standard", _("Own delivery"))]

    def buy(self, request: LabelRequest) -> Bought:
        """Return the number that was taken from the range."""
        return Bought(external_id=request.number, tracking_number=request.number)

    def find(self, request: LabelRequest) -> Bought | None:
        """Return the same as `buy`: nothing can be lost on the way."""
        return self.buy(request)

    def cancel(self, external_id: str) -> CancelAnswer:
        """Cancel: the number is not used again."""
        return CancelAnswer.CANCELLED
