"""The list of categories: each store has its own, imported from the channel."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.admin.filters import StoreFilter
from catalogue.models import Category
from oms.kit.admin.badges import badge, link
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.lists import Empty, ListAdmin, Tab
from oms.kit.admin.rows import cell


@admin.register(Category)
class CategoryAdmin(ListAdmin):
    """Categories of all stores."""

    is_read_only = True
    tabs = (
        Tab("all", _("All")),
        Tab("active", _("Active"), lambda rows: rows.filter(is_active=True)),
        Tab("inactive", _("Inactive"), lambda rows: rows.filter(is_active=False)),
    )
    list_display = ("category", "store", "channel_id", "state")
    sortable_by = ("category",)
    default_sort = "path"
    is_search_sortable = True
    list_select_related: ClassVar[Any] = ("connection",)
    list_filter: ClassVar[Any] = (StoreFilter,)
    search_fields = ("=external_id",)
    search_help_text = _("Search name or channel ID")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        rows = super().get_queryset(request).select_related("connection")
        return rows.defer("connection__credentials", "connection__webhook_secret")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        for word in search_term.split():
            queryset = queryset.filter(Q(path__icontains=word) | Q(external_id=word))
        return queryset, False

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """Add the address of the listings and the status badge to each row; made once a page. No statement."""
        base = reverse("admin:catalogue_listing_changelist")
        active, inactive = badge(gettext("active"), "success"), badge(gettext("inactive"))
        for row in rows:
            asked = {"category": row.external_id, "store": row.connection_id}
            row.listings_url = f"{base}?{urlencode(asked)}"
            row.chip = active if row.is_active else inactive
        return rows

    @cell("lead", description=_("category"), ordering="path")
    def category(self, row: Any) -> SafeString:
        return link(row.listings_url, row.path or row.name)

    @cell(description=_("store"))
    def store(self, row: Any) -> str:
        return str(row.connection.name)

    @cell(description=_("channel ID"))
    def channel_id(self, row: Any) -> str:
        return str(row.external_id)

    @cell(description=_("status"))
    def state(self, row: Any) -> SafeString:
        return SafeString(row.chip)

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_narrowed or cl.is_beyond_first:
            return super().empty(request, cl)
        return Empty(
            gettext("No categories yet."), gettext("They are imported with the products of a store.")
        )
