"""The list of warehouses. The page of a store shows which of them it sells from."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from inventory.models import Warehouse
from inventory.stock_changes import availability_changed
from oms.kit.admin.badges import badge, link
from oms.kit.admin.lists import ListAdmin
from oms.kit.admin.rows import cell


@admin.register(Warehouse)
class WarehouseAdmin(ListAdmin):
    """Warehouses."""

    list_display = ("name", "code", "country", "is_active")
    sortable_by = ("name", "code")
    default_sort = "name"
    search_fields = ("^name", "=code")
    search_help_text = _("Search name or code")
    fields = ("name", "code", "country", "is_active")

    @cell("lead", description=_("name"), ordering="name")
    def name(self, warehouse: Warehouse) -> Any:
        return link(self.row_url(warehouse), warehouse.name)

    @cell(description=_("active"))
    def is_active(self, warehouse: Warehouse) -> Any:
        return badge(_("Yes"), "success") if warehouse.is_active else badge(_("No"))

    def save_model(self, request: HttpRequest, obj: Warehouse, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data:  # its stores are offered another quantity
            availability_changed(set(obj.stock_items.exclude(on_hand=0).values_list("variant", flat=True)))
