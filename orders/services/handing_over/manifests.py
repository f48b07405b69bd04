"""Hand shipments over to a carrier."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from secrets import token_hex

from django.db import transaction
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent
from channels.contract.spec import Capability
from inventory.models import Warehouse
from oms.kit.authors.actors import Author
from orders import problem_codes
from orders.choices import ShipmentState
from orders.domain import shipments as domain_shipments
from orders.domain.announcing import announce_shipments, with_reason
from orders.domain.lifecycle import auto_release
from orders.domain.moves import not_sent_reason, refusal
from orders.models import Carrier, Manifest, Shipment
from orders.services.apply_moves import MoveOutcome
from orders.services.handing_over import close_outs, last_look
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ManifestResult:
    """A manifest, and one outcome for each order. `manifest` is None when no shipment could be handed over."""

    manifest: Manifest | None
    outcomes: list[MoveOutcome] = field(default_factory=list)


def create_manifest(
    *,
    carrier: Carrier,
    warehouse: Warehouse,
    by: Author,
    shipment_ids: Collection[int] | None = None,
    left_out: Mapping[int, str] | None = None,
) -> ManifestResult:
    """Create a manifest for shipments of one carrier in one warehouse, and hand them over (R-SHIP-04).

    Their units leave the stock, their orders change to In transit, and the channels are sent “shipped”. Shipments that
    cannot leave (cancelled, on hold, with a problem, another carrier or warehouse) are not included; their outcomes say
    why. `shipment_ids` None means all that are ready. `left_out` are orders (ids) that may not leave, with the reason
    (`last_look.reasons`).
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
        unit = UnitOfWork.load(set(pairs.values()))
        leaving: list[tuple[OrderState, list[Shipment]]] = []
        for order_state in unit.order_states:
            rows = [row for row in order_state.shipments if row.pk in pairs]
            reason = (
                refusal(order_state, "hand_over")
                or (left_out or {}).get(order_state.order.pk)
                or _why_not(order_state, rows, carrier, warehouse)
            )
            if reason:
                outcomes.append(MoveOutcome(order_state.order.pk, False, reason, order_state.order.number))
            else:
                leaving.append((order_state, rows))
        manifest = None
        if leaving:
            manifest = Manifest.objects.create(
                number=token_hex(12), carrier=carrier, warehouse=warehouse, author_id=by.user_id
            )
            # The number comes from the primary key, so two manifests created at the same time differ.
            manifest.number = f"M{manifest.pk:06d}"
            manifest.save(update_fields=["number"])
        for order_state, rows in leaving:
            short = 0
            for row in rows:
                row.manifest = manifest
                short += domain_shipments.hand_over(order_state, row, unit.stock(), unit.now)
            if short:
                order_state.open_problem(
                    problem_codes.SHIPPED_SHORT,
                    _("%(units)d units were shipped that are not in stock in Manifold. Count the stock.")
                    % {"units": short},
                    units=short,
                )
            whole = not order_state.open_shipments
            text = _("Handed over to %(carrier)s on manifest %(manifest)s") % {
                "carrier": carrier,
                "manifest": manifest,
            }
            order_state.add_event("hand_over", with_reason(text, order_state, "hand_over"))
            if whole or order_state.connection.spec.supports(Capability.SPLIT_SHIPMENTS):
                announce_shipments(order_state, rows, FulfilmentEvent.SHIPPED)
            outcomes.append(
                MoveOutcome(
                    order_state.order.pk,
                    True,
                    not_sent_reason(order_state, "hand_over"),
                    order_state.order.number,
                )
            )
        # The rest of an order whose part has left: its stock may be there already.
        auto_release(unit, [order_state for order_state, _rows in leaving if order_state.rest_waits])
        unit.flush(by)
        if manifest is not None:
            close_outs.want(manifest)
    return ManifestResult(manifest, outcomes)


def hand_over(order_ids: Collection[int], *, by: Author) -> list[MoveOutcome]:
    """Put all ready shipments of these orders on manifests: one for each carrier and warehouse.

    The channels are asked first (`last_look`): an order that was cancelled or changed, or has no answer where its store
    requires one, is not handed over. Return one outcome for each order, in the order given. All manifests are created,
    or none.
    """
    wanted = list(dict.fromkeys(order_ids))
    answers = last_look.look(wanted)
    left_out = last_look.reasons(answers)
    outcomes: dict[int, MoveOutcome] = {}
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    with transaction.atomic():
        for order_state in UnitOfWork.load(wanted).order_states:
            order = order_state.order
            rows = [
                row
                for row in order_state.shipments
                if row.state == ShipmentState.READY and row.manifest_id is None
            ]
            reason = refusal(order_state, "hand_over")
            if not reason and not rows:
                reason = _("No shipment of this order is waiting for a manifest.")
            if not reason and any(row.carrier_id is None or row.warehouse_id is None for row in rows):
                reason = _("A shipment has no carrier or no warehouse. Create its manifest under Manifests.")
            if reason:
                outcomes[order.pk] = MoveOutcome(order.pk, False, reason, order.number)
                continue
            for row in rows:
                groups[row.carrier_id or 0, row.warehouse_id or 0].append(row.pk)
        carriers = Carrier.objects.in_bulk({carrier for carrier, _place in groups})
        warehouses = Warehouse.objects.in_bulk({place for _carrier, place in groups})
        for (carrier, place), shipment_ids in sorted(groups.items()):
            made = create_manifest(
                carrier=carriers[carrier],
                warehouse=warehouses[place],
                by=by,
                shipment_ids=shipment_ids,
                left_out=left_out,
            )
            if made.manifest is not None:
                last_look.use(
                    last_look.record(made.manifest.carrier, made.manifest.warehouse, answers, by=by),
                    made.manifest,
                )
            for outcome in made.outcomes:
                earlier = outcomes.get(outcome.order_id)
                if earlier is None or earlier.ok:
                    outcomes[outcome.order_id] = outcome
    missing = _("This order no longer exists.")
    return [outcomes.get(pk) or MoveOutcome(pk, False, missing) for pk in wanted]


def _why_not(
    order_state: OrderState, rows: Collection[Shipment], carrier: Carrier, warehouse: Warehouse
) -> str:
    """Return why these shipments of an order cannot be on the manifest; "" when they can."""
    for row in rows:
        if row.state != ShipmentState.READY or row.manifest_id is not None:
            return _("The shipment is not ready, or is on another manifest.")
        if row.carrier_id != carrier.pk:
            return _("The shipment has another carrier.")
        if row.warehouse_id not in (warehouse.pk, None):
            return _("The shipment is in another warehouse.")
        if order_state.settings.require_tracking and not row.tracking_number:
            return _("No tracking number. This store requires one: enter it first.")
    return ""
