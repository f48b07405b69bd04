"""Hand shipments over to a carrier."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from secrets import token_hex

from django.db import transaction
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent
from channels.contract.spec import Capability
from inventory.models import Warehouse
from oms.kit.actors import Author
from orders import problem_codes
from orders.choices import ShipmentState
from orders.domain import shipments as domain_shipments
from orders.domain.moves import not_sent_reason, refusal
from orders.models import Carrier, Manifest, Shipment
from orders.services.apply_moves import MoveOutcome
from orders.services.packing import announce_shipments, with_reason
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ManifestResult:
    """A manifest, and what came of each order asked for; `manifest` is None when every parcel was left off."""

    manifest: Manifest | None
    outcomes: list[MoveOutcome] = field(default_factory=list)


def create_manifest(
    *, carrier: Carrier, warehouse: Warehouse, by: Author, shipment_ids: Collection[int] | None = None
) -> ManifestResult:
    """Put ready parcels of one carrier at one warehouse on a manifest and hand them over (R-SHIP-04).

    Their units leave the shelves, their orders are in transit, the channel is told. Parcels that may not leave
    (cancelled meanwhile, on hold, with a problem, another carrier or warehouse) are left off, each with its
    sentence. `shipment_ids` None = every parcel that is ready there.
    """
    outcomes: list[MoveOutcome] = []
    with transaction.atomic():
        wanted = (
            Shipment.objects.filter(pk__in=shipment_ids)
            if shipment_ids is not None
            else (
                Shipment.objects.filter(
                    state=ShipmentState.READY, manifest=None, carrier=carrier, warehouse=warehouse
                )
            )
        )
        pairs = dict(wanted.values_list("pk", "order"))
        work_set = UnitOfWork.load(set(pairs.values()))
        leaving: list[tuple[OrderState, list[Shipment]]] = []
        for work in work_set.works:
            rows = [row for row in work.shipments if row.pk in pairs]
            said = refusal(work, "hand_over") or _why_not(rows, carrier, warehouse)
            if said:
                outcomes.append(MoveOutcome(work.order.pk, False, said, work.order.number))
            else:
                leaving.append((work, rows))
        manifest = None
        if leaving:
            manifest = Manifest.objects.create(
                number=token_hex(12), carrier=carrier, warehouse=warehouse, author_id=by.user_id
            )
            # The key's sequence gives the number: two manifests made at once never share one.
            manifest.number = f"M{manifest.pk:06d}"
            manifest.save(update_fields=["number"])
        for work, rows in leaving:
            short = 0
            for row in rows:
                row.manifest = manifest
                short += domain_shipments.hand_over(work, row, work_set.stock(), work_set.now)
            if short:
                work.open_problem(
                    problem_codes.SHIPPED_SHORT,
                    _("%(units)d units left in its parcel that are not in stock here: count the stock.")
                    % {"units": short},
                    units=short,
                )
            whole = not work.open_shipments
            text = _("Handed over to %(carrier)s on manifest %(manifest)s") % {
                "carrier": carrier,
                "manifest": manifest,
            }
            work.add_event("hand_over", with_reason(text, work, "hand_over"))
            if whole or work.connection.spec.supports(Capability.SPLIT_SHIPMENTS):
                announce_shipments(work, rows, FulfilmentEvent.SHIPPED)
            outcomes.append(
                MoveOutcome(work.order.pk, True, not_sent_reason(work, "hand_over"), work.order.number)
            )
        work_set.flush(by)
    return ManifestResult(manifest, outcomes)


def _why_not(rows: Collection[Shipment], carrier: Carrier, warehouse: Warehouse) -> str:
    for row in rows:
        if row.state != ShipmentState.READY or row.manifest_id is not None:
            return _("This parcel is not waiting to be handed over.")
        if row.carrier_id != carrier.pk:
            return _("This parcel goes with another carrier.")
        if row.warehouse_id not in (warehouse.pk, None):
            return _("This parcel leaves from another warehouse.")
    return ""
