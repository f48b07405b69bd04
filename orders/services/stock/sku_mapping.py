"""Map order lines with an unknown SKU to the variant that was sold."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import Variant, sku_key
from catalogue.services import sku_mapping as catalogue
from catalogue.services.kits import components_of
from catalogue.sku_resolution import variant_facts
from oms.kit.authors.actors import Author
from orders.domain.allocation import allocate, release_stock
from orders.domain.kits import add_components, end_components
from orders.domain.shipments import cancel_open_shipments
from orders.errors import OrderError
from orders.inbound.opening_stock import add_opening_stock, withdraw_opening_stock
from orders.models import OrderLine
from orders.problem_codes import UNKNOWN_SKU, unknown_sku_text
from orders.services.apply_moves import MoveOutcome
from orders.services.decisions import shortage_text
from orders.unit_of_work.order_state import is_before_packing
from orders.unit_of_work.unit_of_work import UnitOfWork


def map_line(*, line: OrderLine, variant: Variant, remember: bool, by: Author) -> MoveOutcome:
    """Map a line to the variant that was sold, and allocate stock to its order (R-ORD-07).

    `remember` stores the mapping for all orders of the store with this SKU, also those that wait. Raises `OrderError`
    when the order is packed or further.
    """
    with transaction.atomic():
        outcome = map_lines({line.pk: variant.pk}, by=by)[0]
        if not outcome.ok:
            raise OrderError(outcome.message)
        if remember and line.sku.strip():
            try:
                catalogue.map_sku(line.order.connection, line.sku, variant, by)
            except CatalogueError as error:
                raise OrderError(str(error)) from error
    return outcome


def map_lines(variant_of: dict[int, int], *, by: Author) -> list[MoveOutcome]:
    """Map lines (line id -> variant id); return one outcome per order. A constant number of statements.

    Stock that is allocated for another SKU is released first, and its opening stock is corrected. The units that the
    channel had deducted before it showed the stock of the new SKU are added to its opening stock (R-INV-06). Lines of
    orders that are packed or further do not change.
    """
    order_ids = OrderLine.objects.filter(pk__in=variant_of).values_list("order", flat=True)
    outcomes = []
    with transaction.atomic():
        unit = UnitOfWork.load(set(order_ids))
        facts = variant_facts(set(variant_of.values()))
        unit.variant_codes = {pk: variant[:2] for pk, variant in facts.items()}
        kits = components_of([pk for pk, variant in facts.items() if variant.is_kit])
        unit.know_components(kits)
        unit.stock(also=variant_of.values())
        changeable = [order_state for order_state in unit.order_states if is_before_packing(order_state)]
        moved = [
            (order_state, line)
            for order_state in changeable
            for line in order_state.lines
            if line.pk in variant_of and line.variant_id != variant_of[line.pk] and not line.is_component
        ]
        for order_state, line in moved:
            if line.allocated:
                cancel_open_shipments(order_state)
                release_stock(order_state, unit.stock(), unit.now, line=line)
            elif order_state.components_of(line):
                cancel_open_shipments(order_state)
                end_components(order_state, unit, line)
        withdraw_opening_stock(unit, moved)
        for _order_state, line in moved:
            line.variant_id = variant_of[line.pk]
            line.is_counted = facts[variant_of[line.pk]].is_counted
        for order_state in changeable:
            add_components(order_state, kits)
        add_opening_stock(unit, moved, by=by)
        for order_state in unit.order_states:
            wanted = [line for line in order_state.lines if line.pk in variant_of]
            if order_state not in changeable:
                reason = _("This order is already packed. Its lines cannot be changed.")
                outcomes.append(MoveOutcome(order_state.order.pk, False, reason, order_state.order.number))
                continue
            for line in wanted:
                order_state.close_line_problems(_("The SKU was mapped."), key=line.external_id)
            allocate(order_state, unit.stock(), unit.now)
            names = ", ".join(sorted({line.sku or line.title for line in wanted}))
            order_state.add_event("map_line", _("SKU mapped: %(names)s") % {"names": names})
            outcomes.append(
                MoveOutcome(order_state.order.pk, True, shortage_text(order_state), order_state.order.number)
            )
        unit.flush(by)
    return outcomes


def unmap_lines(line_ids: Collection[int], *, by: Author) -> int:
    """Take the variant from these lines again: their SKU is unknown, as before it was mapped. Return how many lines.

    Allocated stock is released, a shipment that has not left is cancelled, and the order waits with the problem “Unknown
    SKU”. Lines of orders that are packed or further do not change. A constant number of statements.
    """
    order_ids = OrderLine.objects.filter(pk__in=list(line_ids)).values_list("order", flat=True)
    with transaction.atomic():
        unit = UnitOfWork.load(set(order_ids))
        unit.stock()
        moved = [
            (order_state, line)
            for order_state in unit.order_states
            if is_before_packing(order_state)
            for line in order_state.lines
            if line.pk in line_ids and line.variant_id and not line.is_component
        ]
        for order_state, line in moved:
            if line.allocated:
                cancel_open_shipments(order_state)
                release_stock(order_state, unit.stock(), unit.now, line=line)
            elif order_state.components_of(line):
                cancel_open_shipments(order_state)
                end_components(order_state, unit, line)
        withdraw_opening_stock(unit, moved)
        for order_state, line in moved:
            line.variant_id = None
            line.is_counted = True
            order_state.open_problem(
                UNKNOWN_SKU,
                unknown_sku_text(line.sku, line.title),
                key=line.external_id,
                sku=line.sku,
                sku_key=sku_key(line.sku),
            )
        for order_state in dict.fromkeys(order_state for order_state, _line in moved):
            names = ", ".join(
                sorted({line.sku or line.title for state, line in moved if state is order_state})
            )
            order_state.add_event("map_line", _("SKU mapping undone: %(names)s") % {"names": names})
        unit.flush(by)
    return len(moved)
