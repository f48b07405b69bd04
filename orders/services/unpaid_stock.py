"""Unpaid orders give their stock back after the store's time."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from oms.kit.actors import SYSTEM
from orders.choices import OrderStatus
from orders.domain.allocation import release_stock
from orders.models import Order
from orders.services.backorders import SLICE
from orders.unit_of_work.unit_of_work import UnitOfWork


def release_unpaid(limit: int = SLICE) -> int:
    """Unpaid orders hold stock no longer than their store's setting (R-ORD-10); returns how many let go."""
    unpaid = (OrderStatus.UNPAID, OrderStatus.DRAFT)
    rows = Order.objects.filter(
        status__in=unpaid,
        is_paid=False,
        hold_stock_until__lte=timezone.now(),
        lines__allocated__gt=0,
    )
    order_ids = list(rows.order_by("pk").distinct().values_list("pk", flat=True)[:limit])
    if not order_ids:
        return 0
    done = 0
    with transaction.atomic():
        work_set = UnitOfWork.load(order_ids)
        for work in work_set.works:
            if (
                work.status in unpaid
                and not work.order.is_paid
                and release_stock(work, work_set.stock(), work_set.now)
            ):
                done += 1
                work.add_event("unpaid", _("Not paid in time: its stock is free again"))
        work_set.flush(SYSTEM)
    return done
