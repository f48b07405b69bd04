"""Load and lock one return: its order first, then the return itself."""

from __future__ import annotations

from django.utils.translation import gettext as _

from orders.errors import OrderError
from orders.models import Return
from orders.unit_of_work.unit_of_work import UnitOfWork


def load_return(return_id: int) -> tuple[Return, UnitOfWork | None]:
    """Return a return, locked, with the unit of work of its order; None where it has no order.

    Call it in a transaction. The order is locked before the return, as everywhere. Raises `OrderError` for an unknown one.
    """
    order_id = Return.objects.filter(pk=return_id).values_list("order", flat=True).first()
    unit = UnitOfWork.load([order_id]) if order_id else None
    found = Return.objects.select_for_update(of=("self",)).filter(pk=return_id).first()
    if found is None:
        raise OrderError(_("This return no longer exists."))
    return found, unit
