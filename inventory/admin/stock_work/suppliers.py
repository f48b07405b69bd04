"""The list of suppliers, with Django's form for each."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from inventory.models import Supplier
from oms.kit.admin.badges import NOTHING, badge, link
from oms.kit.admin.lists import ListAdmin
from oms.kit.admin.rows import cell
from oms.kit.numbers import grouped


@admin.register(Supplier)
class SupplierAdmin(ListAdmin):
    """Suppliers."""

    title = _("Suppliers")
    list_display = ("name", "email", "lead_days", "cover_days", "skus", "is_active")
    default_sort = "name"
    sortable_by = ("name",)
    search_fields = ("^name",)
    search_help_text = _("Search name")
    fields = ("name", "email", "lead_days", "cover_days", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Supplier]:
        rows: QuerySet[Supplier] = super().get_queryset(request).annotate(sku_count=Count("skus"))
        return rows

    @cell("lead", description=_("name"), ordering="name")
    def name(self, row: Supplier) -> Any:
        return link(self.row_url(row), row.name)

    @cell(description=_("mail address"))
    def email(self, row: Supplier) -> Any:
        return row.email or NOTHING

    @cell("num", description=_("lead time (days)"))
    def lead_days(self, row: Supplier) -> str:
        return str(row.lead_days)

    @cell("num", description=_("order for (days)"))
    def cover_days(self, row: Supplier) -> str:
        return str(row.cover_days)

    @cell("num", description=_("SKUs"))
    def skus(self, row: Any) -> Any:
        url = f"{reverse('admin:reorder')}?supplier={row.pk}&all=1"
        return format_html('<a class="oms-link" href="{}">{}</a>', url, grouped(row.sku_count))

    @cell(description=_("active"))
    def is_active(self, row: Supplier) -> Any:
        return badge(_("Yes"), "success") if row.is_active else badge(_("No"))
