"""The page that moves an order, or one of its lines, to another warehouse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext

from inventory.models import StockItem
from oms.kit.admin.pages import Page, form_token, is_repeated
from oms.kit.authors.actors import person
from oms.kit.numbers import whole_number
from orders.admin.order_page.page import order_crumbs
from orders.domain.moves import WORK
from orders.errors import OrderError
from orders.models import Allocation, Order
from orders.services.corrections.seen import reason_against
from orders.services.stock.rerouting import move_to_warehouse, targets_of


class MoveWarehouse(Page):
    """Choose the warehouse that serves the order or one line; the available units of each are shown."""

    permission = WORK
    template_name = "orders/warehouse.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        yield from order_crumbs()
        yield f"#{self.order.number}", reverse("admin:orders_order_change", args=[self.order.pk])

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.order = get_object_or_404(
            Order.objects.select_related("connection", "warehouse"), pk=kwargs["pk"]
        )
        self.title = gettext("Move order %s to another warehouse") % self.order
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._show()

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        post = request.POST
        try:
            with transaction.atomic():
                if is_repeated(request):
                    raise OrderError(gettext("The order was already moved. Nothing was changed again."))
                text = move_to_warehouse(
                    order_id=pk,
                    warehouse_id=whole_number(post.get("warehouse", "")) or 0,
                    line_id=whole_number(post.get("line", "")),
                    reason=post.get("reason", "")[:120],
                    by=person(request.user),
                )
        except OrderError as error:
            messages.error(request, str(error))
            return self._show(post.get("warehouse", ""), post.get("line", ""), post.get("reason", ""))
        messages.success(request, text)
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[pk]))

    def _show(self, chosen: str = "", line: str = "", reason: str = "") -> HttpResponse:
        lines = list(
            self.order.lines.filter(variant__isnull=False, needs_stock=True).select_related("variant")
        )
        warehouses = targets_of(self.order)
        items = StockItem.objects.filter(
            variant__in={each.variant_id for each in lines}, warehouse__in=warehouses
        )
        free: dict[tuple[int, int], int] = {
            (item.variant_id, item.warehouse_id): item.on_hand - item.allocated for item in items
        }
        has: dict[tuple[int, int], int] = defaultdict(int)
        rows = Allocation.objects.filter(line__in=lines, state=Allocation.State.OPEN)
        for line_id, place, units in rows.values_list("line", "stock_item__warehouse", "quantity"):
            has[line_id, place] += units
        return self.render(
            order=self.order,
            off=reason_against(self.order),
            warehouses=warehouses,
            rows=[
                (
                    each,
                    [
                        (place, has[each.pk, place.pk], free.get((each.variant_id or 0, place.pk), 0))
                        for place in warehouses
                    ],
                )
                for each in lines
            ],
            chosen=chosen,
            chosen_line=line,
            reason=reason,
            form_token=form_token(),
        )
