"""The methods that the adapter of every carrier implements."""

from __future__ import annotations

from collections.abc import Sequence

from channels.contract.adapter import ChannelAdapter
from channels.contract.carriers.records import (
    Bought,
    CancelAnswer,
    CarrierManifest,
    LabelFile,
    LabelFormat,
    LabelRequest,
    Service,
    Tracked,
    TrackedParcel,
)
from channels.contract.carriers.spec import CarrierCapability, CarrierSpec
from channels.contract.errors import ChannelError, NotSupported, Rejected
from channels.contract.translation import gettext as _


class CarrierAdapter(ChannelAdapter):
    """The base of a carrier's adapter: a subclass overrides the methods whose capabilities its spec declares.

    Every method raises one of the five errors of `channels.contract.errors`; a refusal has the carrier's own words, and
    the field that it names. `verify` and `read_webhook` are those of every adapter.
    """

    spec: CarrierSpec

    @property
    def is_test(self) -> bool:
        """Whether the account is a test account: nothing that costs money may be bought with it."""
        return bool(self.connection.options.get("is_test"))

    def cannot(self, capability: CarrierCapability) -> NotSupported:
        """Return the error of a method that the carrier does not have."""
        return NotSupported(self.spec.why_cannot(capability) or _("%s cannot do this.") % self.spec.label)

    def check_test(self, service: str) -> None:
        """Raise `Rejected` where a test account would buy a service that is not free."""
        if self.is_test and service != self.spec.free_service:
            raise Rejected(
                _("This is a test account: only the free service “%s” can be bought with it.")
                % self.spec.free_service
                if self.spec.free_service
                else _("This is a test account, and %s has no free labels.") % self.spec.label,
                code="test_account",
                field="service",
            )

    def services(self) -> Sequence[Service]:
        """Return the services of the account, without prices."""
        raise self.cannot(CarrierCapability.SERVICES)

    def rates(self, request: LabelRequest) -> Sequence[Service]:
        """Return the services that can carry this parcel, with their prices where the carrier has them."""
        raise self.cannot(CarrierCapability.RATES)

    def buy(self, request: LabelRequest) -> Bought:
        """Buy the label of one parcel. `Uncertain`: it may have been bought; `find` says so."""
        raise self.cannot(CarrierCapability.BUY)

    def find(self, request: LabelRequest) -> Bought | None:
        """Return the label that an earlier `buy` with this `reference` bought; None = none was bought."""
        raise self.cannot(CarrierCapability.FIND)

    def label(self, bought: Bought, label_format: LabelFormat) -> LabelFile:
        """Fetch the file of a bought label again."""
        raise self.cannot(CarrierCapability.BUY)

    def cancel(self, external_id: str) -> CancelAnswer:
        """Cancel a label; one that is cancelled already counts as cancelled."""
        raise self.cannot(CarrierCapability.CANCEL)

    def track(self, parcels: Sequence[TrackedParcel]) -> Sequence[Tracked | ChannelError]:
        """Return the events of these parcels, one answer for each in the order given."""
        raise self.cannot(CarrierCapability.TRACK)

    def close_out(self, parcels: Sequence[TrackedParcel]) -> CarrierManifest:
        """Make the carrier's own manifest of these parcels; some carriers take all of the account that are on none yet.

        `content` b"": the paper comes later (`close_out_file`). `Uncertain`: it may have been made.
        """
        raise self.cannot(CarrierCapability.MANIFEST)

    def find_close_out(self, parcels: Sequence[TrackedParcel]) -> CarrierManifest | None:
        """Return the manifest on which all these parcels are since an earlier, unanswered `close_out`; None = none.

        `number` "": they are on one, and the carrier does not tell which.
        """
        return None

    def close_out_file(self, number: str) -> CarrierManifest:
        """Fetch the paper of a manifest that was made; `content` b"" while the carrier makes it."""
        raise self.cannot(CarrierCapability.MANIFEST)
