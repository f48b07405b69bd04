"""Give order lines the variant that was sold."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import Variant
from catalogue.services import sku_mapping as catalogue
from catalogue.sku_resolution import variant_facts
from oms.kit.actors import Author
from orders import problem_codes
from orders.domain.allocation import allocate, release_stock
from orders.domain.shipments import cancel_open_shipments
from orders.errors import OrderError
from orders.models import OrderLine
from orders.services.apply_moves import MoveOutcome
from orders.services.decisions import shortage_text
from orders.unit_of_work.order_state import is_before_packing
from orders.unit_of_work.unit_of_work import UnitOfWork


def map_line(*, line: OrderLine, variant: Variant, remember: bool, by: Author) -> MoveOutcome:
    """A line gets the SKU that it was sold for, and its order asks for the stock (R-ORD-07).

    `remember` keeps the mapping for the store's next orders (and for those waiting with the same SKU). Raises
    `OrderError` when the order is packed or further.
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
    """Give these lines (line id -> variant id) their SKU; constant queries.

    Units held under another SKU go back first. Lines of orders that are packed or further stay as they are.
    """
    order_ids = OrderLine.objects.filter(pk__in=variant_of).values_list("order", flat=True)
    outcomes = []
    with transaction.atomic():
        work_set = UnitOfWork.load(set(order_ids))
        work_set.stock(also=variant_of.values())
        facts = variant_facts(set(variant_of.values()))
        work_set.codes = {pk: (variant.sku, variant.barcode) for pk, variant in facts.items()}
        for work in work_set.works:
            wanted = [line for line in work.lines if line.pk in variant_of]
            if not is_before_packing(work):
                said = _("This order is packed or further: its lines stay as they are.")
                outcomes.append(MoveOutcome(work.order.pk, False, said, work.order.number))
                continue
            for line in wanted:
                if line.variant_id != variant_of[line.pk]:
                    if line.allocated:
                        cancel_open_shipments(work)
                        release_stock(work, work_set.stock(), work_set.now, line=line)
                    line.variant_id = variant_of[line.pk]
                    line.is_counted = facts[line.variant_id].is_counted
                work.close_problem(problem_codes.UNKNOWN_SKU, _("The SKU was mapped."), key=line.external_id)
            allocate(work, work_set.stock(), work_set.now)
            names = ", ".join(sorted({line.sku or line.title for line in wanted}))
            work.add_event("map_line", _("SKU mapped: %(names)s") % {"names": names})
            outcomes.append(MoveOutcome(work.order.pk, True, shortage_text(work), work.order.number))
        work_set.flush(by)
    return outcomes
