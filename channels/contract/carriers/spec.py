"""The declaration of a carrier: what it can do and why not, credentials, limits, adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from channels.contract.spec import Capability, ChannelSpec, Support, no, yes
from channels.contract.translation import gettext_lazy as _


class CarrierCapability(StrEnum):
    """What a carrier may be able to do."""

    SERVICES = "services"
    RATES = "rates"
    BUY = "buy"
    PDF = "pdf"
    PNG = "png"
    ZPL = "zpl"
    CUSTOMS = "customs"
    CANCEL = "cancel"
    RETURNS = "returns"
    FIND = "find"
    TRACK = "track"
    WEBHOOKS = "webhooks"
    MANIFEST = "manifest"
    TEST_MODE = "test_mode"


LABELS: Mapping[CarrierCapability, Any] = {
    CarrierCapability.SERVICES: _("List of services"),
    CarrierCapability.RATES: _("Prices before buying"),
    CarrierCapability.BUY: _("Labels"),
    CarrierCapability.PDF: _("Label as PDF"),
    CarrierCapability.PNG: _("Label as PNG"),
    CarrierCapability.ZPL: _("Label as ZPL"),
    CarrierCapability.CUSTOMS: _("Customs data"),
    CarrierCapability.CANCEL: _("Cancel a label"),
    CarrierCapability.RETURNS: _("Return labels"),
    CarrierCapability.FIND: _("Look up a label by Manifold's reference"),
    CarrierCapability.TRACK: _("Tracking by request"),
    CarrierCapability.WEBHOOKS: _("Tracking by webhook"),
    CarrierCapability.MANIFEST: _("Manifest of the carrier"),
    CarrierCapability.TEST_MODE: _("Test labels"),
}

_NO_SHOP = _("A carrier is no sales channel.")


def channel_capabilities() -> dict[Capability, Support]:
    """Return the capabilities of a carrier as a channel: it ships, and nothing else."""
    return {each: yes() if each == Capability.SELF_SHIPPING else no(_NO_SHOP) for each in Capability}


@dataclass(frozen=True, slots=True)
class CarrierSpec(ChannelSpec):
    """The declaration of a carrier. `own_numbers`: Manifold makes its tracking numbers from a range, and its labels.

    `free_service`: the only service that a test account may buy, where the carrier has no test host.
    """

    carrier_capabilities: Mapping[CarrierCapability, Support] = field(default_factory=dict)
    own_numbers: bool = False
    free_service: str = ""

    def can(self, capability: CarrierCapability) -> bool:
        """Whether the carrier can do this."""
        return self.carrier_capabilities[capability].supported

    def why_cannot(self, capability: CarrierCapability) -> str:
        """Return why the carrier cannot do this; "" where it can."""
        found = self.carrier_capabilities[capability]
        return "" if found.supported else str(found.reason)

    def carrier_matrix(self) -> list[tuple[Any, bool, str]]:
        """Return (label, whether, reason) of each capability, for pages and docs."""
        return [
            (
                LABELS[each],
                self.carrier_capabilities[each].supported,
                str(self.carrier_capabilities[each].reason),
            )
            for each in CarrierCapability
        ]
