"""The list of brands. A brand is created by naming it on a product."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.models import Brand, Product, sku_key
from oms.kit.admin.badges import link, number
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.lists import Empty, ListAdmin
from oms.kit.admin.rows import cell


@admin.register(Brand)
class BrandAdmin(ListAdmin):
    """Brands with the number of their products."""

    is_read_only = True
    list_display = ("brand", "products")
    sortable_by = ("brand",)
    default_sort = "key"
    is_search_sortable = True
    search_fields = ("^key",)
    search_help_text = _("Search name")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        for word in search_term.split():
            queryset = queryset.filter(key__contains=sku_key(word))
        return queryset, False

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """Add the number of products to each brand. One statement."""
        found = Product.objects.filter(brand__in=rows, is_archived=False).order_by().values("brand")
        counts = {row["brand"]: row["n"] for row in found.annotate(n=Count("pk"))}
        base = reverse("admin:catalogue_product_changelist")
        for row in rows:
            row.product_count = counts.get(row.pk, 0)
            row.products_url = f"{base}?{urlencode({'brand': row.name})}"
        return rows

    @cell("lead", description=_("brand"), ordering="key")
    def brand(self, row: Any) -> SafeString:
        return link(row.products_url, row.name)

    @cell("num", description=_("products"))
    def products(self, row: Any) -> SafeString:
        return number(row.product_count)

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_narrowed or cl.is_beyond_first:
            return super().empty(request, cl)
        return Empty(gettext("No brands yet."), gettext("Name a brand on a product to create it."))
