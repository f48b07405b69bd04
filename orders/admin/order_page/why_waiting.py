"""Why a line of an order waits for stock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from inventory import callbacks
from inventory.models import StockItem
from oms.kit.admin.pages import Page, add
from orders.models import OrderLine
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

VIEW = "orders.view_order"


class WhyWaiting(Page):
    """Say why a line of an order has not all its units: the stock of each warehouse, and the orders that have it."""

    permission = VIEW
    template_name = "orders/why.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [
            (_("Orders"), reverse("admin:orders_order_changelist")),
            (f"#{self.line.order.number}", reverse("admin:orders_order_change", args=[self.line.order_id])),
        ]

    def get(self, request: HttpRequest, pk: int, line: int) -> HttpResponse:
        self.line = get_object_or_404(
            OrderLine.objects.select_related("order__connection", "variant__product"), pk=line, order=pk
        )
        self.title = _t("Why %s waits") % (self.line.variant or self.line.sku or self.line.title)
        works = UnitOfWork.load([pk], lock=False).works
        items = list(
            StockItem.objects.filter(variant=self.line.variant_id)
            .select_related("warehouse")
            .order_by("warehouse__name")
            if self.line.variant_id
            else []
        )
        serving = set(
            self.line.order.connection.warehouse_mappings.filter(warehouse__is_active=True).values_list(
                "warehouse_id", flat=True
            )
        )
        holders = callbacks.holders_of([item.pk for item in items if item.allocated]) if items else []
        rows = [(item, [holder for holder in holders if holder.stock_item_id == item.pk]) for item in items]
        here = [row for row in rows if row[0].warehouse_id in serving]
        free = sum(item.available for item, _holders in here)
        return self.render(
            line=self.line,
            order=self.line.order,
            here=here,
            elsewhere=[row for row in rows if row[0].warehouse_id not in serving],
            has_warehouse=bool(serving),
            free=free,
            sentence=self._sentence(works[0], free, bool(serving)),
        )

    def _sentence(self, work: OrderState, free: int, has_warehouse: bool) -> str:
        line = self.line
        if line.variant_id is None:
            return _t("The SKU is unknown. Map it to a product on the order; then stock is allocated.")
        if not line.missing:
            return _t("This line does not wait: every unit is allocated, shipped or cancelled.")
        if work.is_draft:
            return _t("The order is a draft. Stock is allocated when somebody approves it.")
        if not work.may_hold_stock():
            if not work.order.is_paid:
                return _t(
                    "The order is not paid, and the time for which stock is allocated to unpaid orders has passed."
                )
            return _t("The order is finished, or was shipped outside Manifold. No stock is allocated to it.")
        if not has_warehouse:
            return _t("No active warehouse is mapped to this store. Choose one on the store's page.")
        if free >= line.missing:
            return _t("%d units are available now. They are allocated to the order within a minute.") % free
        return _t("Missing: %(missing)d. Available: %(free)d. The order continues when stock arrives.") % {
            "missing": line.missing,
            "free": free,
        }


add(("orders/order/<int:pk>/lines/<int:line>/why/", WhyWaiting, "order_why"))
