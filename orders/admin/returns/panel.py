"""The card on the page of an order: its returns, and the button that starts one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.panels import panel
from orders.admin.returns.page import DECIDE, VIEW
from orders.choices import RETURN_COLOURS
from orders.models import Order


@panel(
    Order, "returns", label=_("Returns"), permission=VIEW, template="orders/returns_panel.html", position=20
)
def returns(request: HttpRequest, order: Order) -> dict[str, Any] | None:
    """Return the returns of an order; None where it has none and can have none."""
    found = list(order.returns.order_by("pk"))
    was_shipped = order.lines.filter(shipped__gt=0).exists()
    if not found and not was_shipped:
        return None
    return {
        "returns": found,
        "order": order,
        "colours": RETURN_COLOURS,
        "may_start": was_shipped
        and not order.completed_at
        and not order.returned_at
        and request.user.has_perm(DECIDE),
    }
