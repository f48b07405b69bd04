"""Release the stock of orders that were not paid in time."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from oms.kit.authors.actors import SYSTEM
from orders.choices import OrderStatus, PaymentStatus
from orders.domain.allocation import release_stock
from orders.models import Order
from orders.services.stock.backorders import BATCH_SIZE
from orders.unit_of_work.unit_of_work import UnitOfWork


def release_unpaid(limit: int = BATCH_SIZE) -> int:
    """Release the stock of orders that are unpaid for longer than their store allows (R-ORD-10); return how many.

    An order with a deposit (part-paid) keeps its stock.
    """
    unpaid = (OrderStatus.UNPAID, OrderStatus.DRAFT)
    rows = Order.objects.filter(
        status__in=unpaid,
        is_paid=False,
        hold_stock_until__lte=timezone.now(),
        lines__allocated__gt=0,
    ).exclude(payment_state=PaymentStatus.PART_PAID)
    order_ids = list(rows.order_by("pk").distinct().values_list("pk", flat=True)[:limit])
    if not order_ids:
        return 0
    count = 0
    with transaction.atomic():
        unit = UnitOfWork.load(order_ids)
        for order_state in unit.order_states:
            if (
                order_state.status in unpaid
                and not order_state.order.is_paid
                and release_stock(order_state, unit.stock(), unit.now)
            ):
                count += 1
                order_state.add_event("unpaid", _("Not paid in time. Its stock was released"))
        unit.flush(SYSTEM)
    return count
