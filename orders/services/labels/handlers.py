"""The outbox handlers for carriers: labels that are wanted or cancelled, and parcels whose events are due."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q
from django.utils.translation import gettext as _

from channels.contract.adapter import ChannelAdapter
from channels.contract.carriers.adapter import CarrierAdapter
from channels.contract.carriers.records import Tracked, TrackedParcel
from channels.contract.carriers.spec import CarrierCapability
from channels.contract.errors import AuthError, NotSupported, RateLimited, TemporaryError
from channels.contract.records.updates import Outcome
from channels.models import Connection, OutboxMessage
from channels.push.outbox import PlanLine
from oms.kit.authors.actors import Author
from orders.choices import LabelState
from orders.inbound import parcels
from orders.models import LabelPurchase, Parcel
from orders.services.labels import buying

#: Seconds until a label is tried again that another process works on, or whose cancellation the carrier has queued.
BUSY, QUEUED = 15.0, 3600.0


def _open(connection: Connection, shipment_id: int) -> list[LabelPurchase]:
    rows = LabelPurchase.objects.live().filter(account=connection.pk, shipment=shipment_id)
    undone = (LabelState.WANTED, LabelState.ASKED, LabelState.UNKNOWN, LabelState.CANCELLING)
    return list(rows.filter(Q(state__in=undone) | Q(cancel_wanted_at__isnull=False)).order_by("pk"))


class LabelHandler:
    """Continues purchases and cancellations whose process was killed, or whose carrier did not answer."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        """Do what the labels of each shipment still need; a fault of the whole carrier is raised."""
        return [self._send(connection, message) for message in messages]

    def _send(self, connection: Connection, message: OutboxMessage) -> Outcome:
        ref, done = str(message.pk), False
        for row in _open(connection, message.subject):
            if row.state == LabelState.UNKNOWN and not row.account.spec.can(CarrierCapability.FIND):
                continue  # a person decides
            token = buying.lease(row.pk)
            if not token:
                return Outcome(ref, wait=BUSY, step="busy", note=_("Another process is buying the label."))
            buying.carry_out(row.pk, token)
            row.refresh_from_db()
            done = True
            if row.state == LabelState.CANCELLING:
                return Outcome(
                    ref, wait=QUEUED, step="queued", note=_("The carrier has queued the cancellation.")
                )
        return Outcome(ref, note="" if done else _("The label needs nothing more."), is_written=done)

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        """Return what would be bought or cancelled; nothing is changed."""
        lines = []
        for message in messages:
            for row in _open(connection, message.subject):
                new = _("Cancel label") if row.cancel_wanted_at else _("Buy label")
                lines.append(
                    PlanLine(message.pk, str(row.shipment), row.get_state_display(), f"{new}: {row}")
                )
        return lines


class TrackingHandler:
    """Asks a carrier for the events of parcels, and records them."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        """Read the events of the parcels of these messages; one fault of a parcel does not stop the others."""
        assert isinstance(adapter, CarrierAdapter)
        refs = {message.subject: str(message.pk) for message in messages}
        labels = LabelPurchase.objects.filter(
            account=connection.pk, shipment__in=refs, state=LabelState.BOUGHT, is_return=False
        )
        asked = [
            TrackedParcel(str(row.shipment_id), row.tracking_number, row.external_id, row.parcel_id)
            for row in labels
        ]
        answers = dict(zip((each.ref for each in asked), adapter.track(asked), strict=True)) if asked else {}
        outcomes = []
        for shipment_id, ref in refs.items():
            answer = answers.get(str(shipment_id))
            if answer is None:
                Parcel.objects.filter(shipment=shipment_id).update(poll_at=None)
                outcomes.append(Outcome(ref, note=_("The parcel has no label any more."), is_written=False))
            elif isinstance(answer, Tracked):
                by = Author("carrier", None, str(connection)[:60])
                new = parcels.record(
                    shipment_id=shipment_id,
                    events=answer.events,
                    expected=answer.expected,
                    source=str(connection)[:60],
                    by=by,
                )
                parcels.plan_next(shipment_id)
                outcomes.append(Outcome(ref, is_written=new > 0))
            elif isinstance(answer, RateLimited | AuthError | TemporaryError | NotSupported):
                outcomes.append(Outcome(ref, error=answer))
            else:  # the carrier does not know it (yet): asked again later
                parcels.plan_next(shipment_id)
                outcomes.append(Outcome(ref, note=answer.message[:200], is_written=False))
        return outcomes

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        """Return nothing: reading changes nothing at the carrier."""
        return []
