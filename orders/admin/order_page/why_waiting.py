"""The page that explains why units of an order line are missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inventory import callbacks
from inventory.models import StockItem
from oms.kit.admin.pages import Page, add
from orders.models import OrderLine
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

VIEW = "orders.view_order"


class WhyWaiting(Page):
    """Show why units of a line are missing: the stock of each warehouse, and the orders to which it is allocated."""

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
        self.title = gettext("Why %s is missing") % (self.line.variant or self.line.sku or self.line.title)
        order_states = UnitOfWork.load([pk], lock=False).order_states
        items = list(
            StockItem.objects.filter(variant=self.line.variant_id)
            .select_related("warehouse")
            .order_by("warehouse__name")
            if self.line.variant_id
            else []
        )
        warehouse_ids = set(
            self.line.order.connection.warehouse_mappings.filter(warehouse__is_active=True).values_list(
                "warehouse_id", flat=True
            )
        )
        holders = callbacks.holders_of([item.pk for item in items if item.allocated]) if items else []
        rows = [(item, [holder for holder in holders if holder.stock_item_id == item.pk]) for item in items]
        own_stock = [row for row in rows if row[0].warehouse_id in warehouse_ids]
        available = sum(item.available for item, _holders in own_stock)
        return self.render(
            line=self.line,
            order=self.line.order,
            own_stock=own_stock,
            other_stock=[row for row in rows if row[0].warehouse_id not in warehouse_ids],
            has_warehouse=bool(warehouse_ids),
            available=available,
            sentence=self._sentence(order_states[0], available, bool(warehouse_ids)),
        )

    def _sentence(self, order_state: OrderState, available: int, has_warehouse: bool) -> str:
        """Return the reason in one or two sentences."""
        line = self.line
        if line.variant_id is None:
            return gettext("No product has this SKU. Choose the product on the order.")
        if not line.missing:
            return gettext("Nothing is missing.")
        if order_state.is_draft:
            return gettext("The order is a draft. Approve it to allocate stock.")
        if not order_state.may_be_allocated():
            if not order_state.order.is_paid:
                return gettext(
                    "The order is not paid, and the time for which stock is allocated to unpaid orders has passed."
                )
            return gettext(
                "The order has ended, or was shipped outside Manifold. No stock is allocated to it."
            )
        if not has_warehouse:
            return gettext("The store has no active warehouse. Choose one on the page of the store.")
        if available >= line.missing:
            return (
                gettext("%d units are available now. They are allocated to the order within a minute.")
                % available
            )
        return gettext(
            "Missing: %(missing)d. Available: %(available)d. The order continues when stock arrives."
        ) % {
            "missing": line.missing,
            "available": available,
        }


add(("orders/order/<key:pk>/lines/<key:line>/why/", WhyWaiting, "order_why"))
