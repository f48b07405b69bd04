"""Explain this number: an offered quantity, or a line that waits, opened into its sum."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from catalogue.models import ListingVariant
from inventory import callbacks
from inventory.admin.stock_detail import VIEW as VIEW_STOCK
from inventory.models import StockItem
from inventory.offers.explain import explain
from oms.kit.admin.pages import Page
from oms.screens.orders import VIEW as VIEW_ORDERS
from orders.models import OrderLine
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork


def differs(listed: ListingVariant) -> bool:
    """Whether the store showed another quantity than it was sent, when it was read after the sending could be seen."""
    if listed.sent_at is None or listed.read_at is None:
        return False
    if listed.read_at < listed.sent_at + timedelta(seconds=listed.connection.spec.shown_after):
        return False
    return listed.remote_quantity is not None and listed.remote_quantity != listed.sent_quantity


class ExplainPage(Page):
    permission = VIEW_STOCK
    template_name = "inventory/explain.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Stock"), reverse("admin:inventory_stockitem_changelist"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        listed = get_object_or_404(
            ListingVariant.objects.select_related("connection", "variant__product", "listing"), pk=pk
        )
        told = explain(listed)
        self.title = _t("%(sku)s on %(store)s: %(units)d") % {
            "sku": listed.external_sku,
            "store": listed.connection.name,
            "units": told.offer.quantity,
        }
        return self.render(
            listed=listed, told=told, offer=told.offer, differs=differs(listed), steps=told.steps[1:]
        )


class WhyWaiting(Page):
    """Why a line of an order has not all its units: each shelf that serves its store, and who holds what."""

    permission = VIEW_ORDERS
    template_name = "inventory/why.html"

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
            return _t(
                "Its SKU is not known here: say on the order which product it is, and it asks for stock."
            )
        if not line.missing:
            return _t("It does not wait: every unit is held, shipped or cancelled.")
        if work.is_draft:
            return _t("The order is a draft: it asks for stock when somebody approves it.")
        if not work.may_hold_stock():
            if not work.order.is_paid:
                return _t("The order is not paid, and the time for which its store holds stock has passed.")
            return _t("The order is over or was shipped elsewhere: it asks for no stock.")
        if not has_warehouse:
            return _t("No active warehouse serves this store: choose one on the store's page.")
        if free >= line.missing:
            return _t("There are %d free units now: the order takes them by itself within a minute.") % free
        return _t("Missing: %(missing)d. Free now: %(free)d. It goes on by itself when stock comes in.") % {
            "missing": line.missing,
            "free": free,
        }


ROUTES = [
    ("inventory/explain/<int:pk>/", ExplainPage, "explain"),
    ("orders/order/<int:pk>/lines/<int:line>/why/", WhyWaiting, "order_why"),
]
