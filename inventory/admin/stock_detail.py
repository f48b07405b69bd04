"""The page of one stock item: its figures, the orders that have its units, its stores, its history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalogue.models import ListingVariant
from inventory import callbacks
from inventory.errors import StockError
from inventory.models import StockItem
from inventory.services import bins
from oms.kit.admin.pages import Page
from oms.kit.admin.panels import panels_of

VIEW = "inventory.view_stockitem"
CHANGE = "inventory.change_stockitem"
HISTORY_ROWS = 100


class StockItemPage(Page):
    """The stock of a SKU in a warehouse: figures, allocated orders, stores, and movements."""

    permission = VIEW
    write_permission = CHANGE
    template_name = "inventory/stock_item.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Stock"), reverse("admin:inventory_stockitem_changelist"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        item = get_object_or_404(StockItem.objects.select_related("variant__product", "warehouse"), pk=pk)
        self.title = str(item)
        serves = Exists(item.warehouse.mappings.filter(connection=OuterRef("connection")))
        movements = list(item.movements.select_related("author").order_by("-id")[: HISTORY_ROWS + 1])
        return self.render(
            item=item,
            holders=callbacks.holders_of([item.pk]) if item.allocated else [],
            shown=list(
                ListingVariant.objects.filter(serves, variant=item.variant).select_related(
                    "connection", "listing"
                )
            ),
            panels=panels_of(request, item),
            others=list(item.variant.stock_items.exclude(pk=item.pk).select_related("warehouse")),
            movements=movements[:HISTORY_ROWS],
            more=len(movements) > HISTORY_ROWS,
            most_bin=bins.MOST,
            units=ngettext("%d unit", "%d units", item.on_hand) % item.on_hand,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Set the bin."""
        item = get_object_or_404(StockItem, pk=pk)
        try:
            code = bins.set_bin(item.pk, request.POST.get("bin_code", ""))
            text = gettext("The bin is %s.") % code if code else gettext("The bin was removed.")
            messages.success(request, text)
        except StockError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:inventory_stockitem_change", args=[item.pk]))
