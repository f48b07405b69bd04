"""The list of movements: every change of the units on hand, newest first; read-only (R-INV-05)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from catalogue.models import sku_key
from inventory.admin.filters import WarehouseFilter
from inventory.models import StockItem, StockMovement
from oms.kit.admin.badges import ago, link, number
from oms.kit.admin.export.resources import ExportField, ExportResource
from oms.kit.admin.filters import ChoiceFilter, SinceFilter, UntilFilter
from oms.kit.admin.lists import ListAdmin
from oms.kit.admin.rows import cell


class MovementWarehouseFilter(WarehouseFilter):
    field = "stock_item__warehouse_id"


class MovementKindFilter(ChoiceFilter):
    title, parameter_name = _("kind"), "kind"

    def options(self, request: HttpRequest) -> Sequence[tuple[Any, Any]]:
        return StockMovement.Kind.choices

    def narrow(self, queryset: QuerySet[StockMovement], value: str) -> QuerySet[StockMovement]:
        return queryset.filter(kind=value)


class MovedSince(SinceFilter):
    title, parameter_name, field = _("from"), "since", "at"


class MovedUntil(UntilFilter):
    title, parameter_name, field = _("to"), "until", "at"


class MovementResource(ExportResource):
    sku = ExportField(attribute="stock_item__variant__sku", column_name=_("SKU"))
    warehouse = ExportField(attribute="stock_item__warehouse__name", column_name=_("warehouse"))
    kind = ExportField(attribute="get_kind_display", column_name=_("kind of change"))
    by = ExportField(column_name=_("done by"))

    class Meta:
        model = StockMovement
        fields = ("at", "sku", "warehouse", "kind", "quantity", "before", "after", "reason", "by")
        export_order = fields

    def dehydrate_by(self, row: StockMovement) -> str:
        return str(row.author or row.actor)


@admin.register(StockMovement)
class StockMovementAdmin(ListAdmin):
    """Movements, newest first."""

    is_read_only = True
    title = _("Movements")
    list_display = ("when", "sku", "warehouse", "kind", "change", "before", "after", "why", "who")
    list_select_related: ClassVar[Any] = ("stock_item__variant", "stock_item__warehouse", "author")
    list_filter: ClassVar[Any] = (MovementWarehouseFilter, MovementKindFilter, MovedSince, MovedUntil)
    search_fields = ("=stock_item__variant__sku_key",)
    search_help_text = _("Search a whole SKU")
    resource_classes = (MovementResource,)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find the movements of one SKU, by its stock items, so that the index of the movements is used."""
        key = sku_key(search_term)
        if not key:
            return queryset, False
        stock_items = StockItem.objects.filter(variant__sku_key=key).values("pk")
        return queryset.filter(stock_item__in=stock_items), False

    def row_name(self, row: StockMovement) -> str:
        return f"{row.stock_item.variant.sku} {row.quantity:+d}"

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """Set addresses and the labels of the kinds, made once instead of once per row."""
        base = reverse("admin:inventory_stockitem_changelist")
        kinds = {value: str(words) for value, words in StockMovement.Kind.choices}
        for row in rows:
            row.item_url = f"{base}{row.stock_item_id}/"
            row.kind_words = kinds[row.kind]
        return rows

    @cell("lead nowrap", description=_("when"))
    def when(self, row: StockMovement) -> SafeString:
        return ago(row.at)

    @cell(description=_("SKU"))
    def sku(self, row: Any) -> SafeString:
        return link(row.item_url, row.stock_item.variant.sku)

    @cell(description=_("warehouse"))
    def warehouse(self, row: StockMovement) -> str:
        return row.stock_item.warehouse.name

    @cell(description=_("kind"))
    def kind(self, row: Any) -> str:
        return str(row.kind_words)

    @cell("num strong", description=_("change"))
    def change(self, row: StockMovement) -> str:
        return f"{row.quantity:+,d}"

    @cell("num quiet", description=_("before"))
    def before(self, row: StockMovement) -> SafeString:
        return number(row.before)

    @cell("num", description=_("after"))
    def after(self, row: StockMovement) -> SafeString:
        return number(row.after)

    @cell(description=_("reason"))
    def why(self, row: StockMovement) -> SafeString | str:
        if row.reference_kind in ("shipment", "order_line") and row.reference_id:
            order = reverse("admin:order_of", args=[row.reference_kind, row.reference_id])
            return format_html('<a class="oms-link" href="{}">{}</a>', order, row.reason)
        return row.reason or "–"

    @cell(description=_("by"))
    def who(self, row: StockMovement) -> str:
        return str(row.author or row.actor)
