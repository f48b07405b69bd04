"""Warehouses, and the ledger of the whole house. Stock itself has pages of its own (`oms.screens`)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from inventory.models import StockMovement, Warehouse
from inventory.stock_changes import availability_changed
from oms.kit.admin.badges import ago, link
from oms.kit.admin.base import ModelAdmin, display


@admin.register(Warehouse)
class WarehouseAdmin(ModelAdmin):
    """Places with stock. Which store sells from which is on the store's page."""

    list_display = ("name", "code", "country", "is_active")
    search_fields = ("^name", "=code")
    fields = ("name", "code", "country", "is_active")

    def save_model(self, request: HttpRequest, obj: Warehouse, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data:  # what its stores may show changes with it
            availability_changed(set(obj.stock_items.exclude(on_hand=0).values_list("variant", flat=True)))


@admin.register(StockMovement)
class MovementAdmin(ModelAdmin):
    """Every line of the ledger, newest first; never edited (R-INV-05)."""

    is_read_only = True
    list_display = ("when", "sku", "warehouse", "kind", "change", "before", "after", "why", "who")
    list_filter = ("kind", "stock_item__warehouse")
    search_fields = ("=stock_item__variant__sku_key",)
    list_select_related: ClassVar[Any] = ("stock_item__variant", "stock_item__warehouse", "author")
    search_help_text = _("A whole SKU")
    list_display_links = None

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        from catalogue.models import sku_key

        return super().get_search_results(request, queryset, sku_key(search_term))

    @display(description=_("when"))
    def when(self, row: StockMovement) -> Any:
        return ago(row.at)

    @display(description=_("SKU"))
    def sku(self, row: StockMovement) -> Any:
        page = reverse("admin:inventory_stockitem_change", args=[row.stock_item_id])
        return link(page, row.stock_item.variant.sku)

    @display(description=_("warehouse"))
    def warehouse(self, row: StockMovement) -> str:
        return row.stock_item.warehouse.name

    @display(description=_("change"))
    def change(self, row: StockMovement) -> str:
        return f"{row.quantity:+d}"

    @display(description=_("reason"))
    def why(self, row: StockMovement) -> Any:
        if row.reference_kind in ("shipment", "order_line") and row.reference_id:
            return link(reverse("admin:order_of", args=[row.reference_kind, row.reference_id]), row.reason)
        return row.reason or "–"

    @display(description=_("by"))
    def who(self, row: StockMovement) -> str:
        return str(row.author or row.actor)
