"""What a correction has in common: is it possible, and is the order still the one that the person saw."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from django.utils.translation import gettext as _

from orders.domain.corrected_columns import COLUMNS, digest_of
from orders.domain.moves import BEFORE_PACKING
from orders.errors import OrderError
from orders.models import Order, OrderLine
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


def contact_seen(order: Order) -> str:
    """Return a short text that changes when the address or the contact data of the order do."""
    return digest_of([getattr(order, name) for name in COLUMNS])


def lines_seen(lines: Iterable[OrderLine]) -> str:
    """Return a short text that changes when the units or the SKUs of these lines do."""
    rows = sorted(
        (line.pk, line.variant_id or 0, line.quantity, line.cancelled, line.shipped) for line in lines
    )
    return hashlib.blake2b(repr(rows).encode(), digest_size=12).hexdigest()


def reason_against(order: Order) -> str:
    """Return why an order cannot be corrected, in one sentence; "" when it can (R-ORD-15)."""
    if order.status in BEFORE_PACKING and not order.is_history:
        return ""
    if order.shipped_at or order.cancelled_at or order.returned_at or order.is_history:
        return _("This order has left or has ended. It cannot be corrected.")
    return _("This order is already packed. Undo packing first, then correct it.")


def load_for_correction(order_id: int, reason: str) -> tuple[UnitOfWork, OrderState]:
    """Lock an order for a correction. Raises `OrderError` without a reason, and where it cannot be corrected."""
    if not reason.strip():
        raise OrderError(_("Enter the reason of the correction."))
    unit = UnitOfWork.load([order_id])
    if not unit.order_states:
        raise OrderError(_("This order no longer exists."))
    order_state = unit.order_states[0]
    if why := reason_against(order_state.order):
        raise OrderError(why)
    return unit, order_state


def has_changed() -> OrderError:
    """Return the error for an order that another person or an import has changed since it was shown."""
    return OrderError(
        _("The order was changed since you opened this page. Check it and enter your correction again.")
    )
