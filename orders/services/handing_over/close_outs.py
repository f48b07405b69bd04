"""The carriers' own manifests: asked for once, when ours is created, whatever fails on the way.

A close-out is written with our manifest, and a message in the outbox carries it out. From the first call on, the carrier is
asked whether it has these parcels on a manifest before it is asked to make one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.adapter import ChannelAdapter
from channels.contract.carriers.adapter import CarrierAdapter
from channels.contract.carriers.records import CarrierManifest, TrackedParcel
from channels.contract.carriers.spec import CarrierCapability
from channels.contract.errors import NotSupported, Rejected
from channels.contract.records.updates import Outcome
from channels.models import Connection, OutboxMessage
from channels.push import outbox
from channels.push.outbox import PlanLine
from channels.push.topics import Topic
from orders.choices import CloseOutState, LabelState
from orders.documents import files
from orders.errors import OrderError
from orders.models import CarrierAccount, CloseOut, LabelPurchase, Manifest

LEASE = timedelta(seconds=90)
#: Seconds until the paper of a manifest is asked for again, and until a close-out that another process works on is tried.
LATER, BUSY = 300.0, 15.0


def want(manifest: Manifest) -> list[CloseOut]:
    """Write the close-outs of a new manifest, in the caller's transaction: one for each account that sold its labels
    and whose carrier has manifests."""
    sold = LabelPurchase.objects.filter(
        shipment__manifest=manifest, state=LabelState.BOUGHT, is_return=False
    ).values_list("account", flat=True)
    accounts = CarrierAccount.objects.select_related("connection").filter(pk__in=set(sold)).order_by("pk")
    made = []
    for account in accounts:
        if account.spec.can(CarrierCapability.MANIFEST):
            row, is_new = CloseOut.objects.get_or_create(manifest=manifest, account=account)
            if is_new:
                outbox.touch(Topic.CARRIER_CLOSE_OUT, [(account.pk, manifest.pk)])
            made.append(row)
    return made


def try_again(*, manifest: Manifest) -> int:
    """Ask again for the close-outs of a manifest that the carrier refused; return how many. Raises `OrderError`."""
    rows = list(CloseOut.objects.filter(manifest=manifest, state=CloseOutState.REFUSED))
    if not rows:
        raise OrderError(_("No carrier has refused this manifest."))
    for row in rows:
        CloseOut.objects.filter(pk=row.pk).update(state=CloseOutState.WANTED, error="")
        outbox.touch(Topic.CARRIER_CLOSE_OUT, [(row.account_id, manifest.pk)])
    return len(rows)


def paper(row: CloseOut) -> bytes:
    """Return the PDF of a carrier's manifest. Raises `OrderError` where there is none."""
    if not row.content_hash:
        raise OrderError(_("The carrier has not sent the paper of this manifest yet."))
    return files.read(row.content_hash, suffix="pdf")


class CloseOutHandler:
    """Makes the carriers' manifests that are wanted, and fetches their papers."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        """Carry out the close-out of each manifest; a fault of the whole carrier is raised and tried again."""
        assert isinstance(adapter, CarrierAdapter)
        return [self._send(connection, message, adapter) for message in messages]

    def _send(self, connection: Connection, message: OutboxMessage, adapter: CarrierAdapter) -> Outcome:
        ref = str(message.pk)
        rows = CloseOut.objects.filter(manifest=message.subject, account=connection.pk)
        row = rows.exclude(state__in=(CloseOutState.DONE, CloseOutState.REFUSED)).first()
        if row is None:
            return Outcome(ref, note=_("The manifest needs nothing more."), is_written=False)
        rows.end_orphaned()
        token = rows.lease(LEASE)
        if not token:
            return Outcome(ref, wait=BUSY, step="busy", note=_("Another process is making the manifest."))
        try:
            found = self._ask(row, adapter)
        except (Rejected, NotSupported) as error:
            rows.release_lease(token, state=CloseOutState.REFUSED, error=error.message[:500])
            return Outcome(ref, note=error.message[:200])
        except Exception:
            rows.release_lease(token)
            raise
        content_hash = files.store(found.content, suffix="pdf") if found.content else ""
        is_done = bool(found.content) or not found.number
        rows.release_lease(
            token,
            state=CloseOutState.DONE if is_done else CloseOutState.NO_PAPER,
            number=found.number[:60],
            content_hash=content_hash,
            error="",
        )
        if not is_done:
            return Outcome(
                ref, wait=LATER, step="paper", note=_("The carrier makes the paper of its manifest.")
            )
        return Outcome(ref)

    def _ask(self, row: CloseOut, adapter: CarrierAdapter) -> CarrierManifest:
        if row.number:
            return adapter.close_out_file(row.number)
        labels = LabelPurchase.objects.filter(
            shipment__manifest=row.manifest_id,
            account=row.account_id,
            state=LabelState.BOUGHT,
            is_return=False,
        ).order_by("pk")
        parcels = [
            TrackedParcel(str(label.shipment_id), label.tracking_number, label.external_id, label.parcel_id)
            for label in labels
        ]
        was_asked = row.asked_at is not None
        CloseOut.objects.filter(pk=row.pk).update(asked_at=timezone.now())
        found = adapter.find_close_out(parcels) if was_asked else None
        return found or adapter.close_out(parcels)

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        """Return the manifests that the carrier would be asked to make."""
        manifests = Manifest.objects.in_bulk([message.subject for message in messages])
        return [
            PlanLine(
                message.pk, str(manifests.get(message.subject, "")), "", _("Make the carrier's manifest")
            )
            for message in messages
        ]
