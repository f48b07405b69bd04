"""Cancel some units of an order, by hand or after a partial refund; the rest is shipped."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from oms.kit.authors.actors import Author
from orders import problem_codes
from orders.domain.allocation import release_stock
from orders.domain.kits import follow_parents, open_units
from orders.domain.moves import BEFORE_PACKING
from orders.domain.shipments import cancel_open_shipments, update_shipped_at
from orders.errors import OrderError
from orders.models import OrderLine
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


def units_to_cancel(line: OrderLine, left: int) -> int:
    """Return the units of a line that the channel has refunded and of which `left` are still to be shipped: what the page offers."""
    return max(min(line.refunded - line.cancelled, left), 0)


def drop_units(unit: UnitOfWork, order_state: OrderState, line: OrderLine, units: int) -> None:
    """Cancel open units of a line in memory; their stock is released. The channel still lists them (`dropped`)."""
    left = open_units(order_state, line) - units
    if line.allocated > left:
        release_stock(order_state, unit.stock(), unit.now, line=line, units=line.allocated - left)
    line.cancelled += units
    line.dropped += units
    follow_parents(order_state, unit)
    order_state.order.units -= units
    if not left:
        order_state.close_line_problems(_("The line was cancelled."), key=line.external_id)


def cancel_units(*, order_id: int, units: Mapping[int, int], reason: str, by: Author) -> str:
    """Cancel units of an order before anything of it is packed (line id -> units); return what was cancelled.

    They are not shipped, the channel is sent no shipment of them, and their stock is available again. A released order
    moves back to New. The channel is sent nothing: it keeps the units until somebody refunds them there. A later import
    does not bring them back. The problem “Partly refunded” ends.

    Raises `OrderError` without a reason or units, for more units than are open, for all that is left of an order of
    which nothing was shipped (cancel the order instead), and for an order that is packed or further. Nothing is changed
    then.
    """
    wanted = {line_id: count for line_id, count in units.items() if count}
    if not reason.strip():
        raise OrderError(_("Enter the reason of the cancellation."))
    if not wanted or min(wanted.values()) < 0:
        raise OrderError(_("Enter how many units of which line are cancelled."))
    with transaction.atomic():
        unit = UnitOfWork.load([order_id])
        if not unit.order_states:
            raise OrderError(_("This order no longer exists."))
        order_state = unit.order_states[0]
        lines = _checked(order_state, wanted)
        cancel_open_shipments(order_state)
        for line in lines:
            drop_units(unit, order_state, line, wanted[line.pk])
        text = ", ".join(f"{wanted[line.pk]} × {line.sku or line.title}" for line in lines)
        order_state.close_problem(problem_codes.PARTLY_REFUNDED, _("Units were cancelled: %s") % text)
        update_shipped_at(order_state, unit.now)
        order_state.add_event(
            "cancel_units",
            _("Cancelled by seller: %(units)s. %(reason)s") % {"units": text, "reason": reason.strip()},
        )
        unit.flush(by)
    return text


def _checked(order_state: OrderState, wanted: Mapping[int, int]) -> list[OrderLine]:
    """Return the lines of which units are cancelled; raises `OrderError` where that is not possible."""
    if order_state.status not in BEFORE_PACKING:
        raise OrderError(_("This order is already packed or has ended. Its units cannot be cancelled."))
    lines = [line for line in order_state.sold_lines if line.pk in wanted]
    if any(line.is_component and line.pk in wanted for line in order_state.lines):
        raise OrderError(_("A component of a kit is not cancelled alone. Cancel units of the kit."))
    for line in lines:
        if wanted[line.pk] > open_units(order_state, line):
            raise OrderError(
                _("Only %(units)d units of %(sku)s can be cancelled.")
                % {"units": open_units(order_state, line), "sku": line.sku or line.title}
            )
    left = sum(open_units(order_state, line) for line in order_state.sold_lines) - sum(
        wanted[line.pk] for line in lines
    )
    if not left and not any(line.shipped for line in order_state.lines):
        raise OrderError(_("These are all units of the order. Use “Cancel order” instead."))
    return lines
