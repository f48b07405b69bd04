"""The list of stock by SKU and warehouse: counts in the cell, and the export."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote

from django.contrib import admin
from django.db.models import Case, DecimalField, F, Q, QuerySet, Sum, When
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.errors import CatalogueError, VariantChanged
from catalogue.pictures.lookup import thumbnails_of
from catalogue.search_text import found_variants
from catalogue.services.variants import edit_variant
from inventory.admin.adjust import AdjustPage
from inventory.admin.filters import WarehouseFilter
from inventory.admin.stock_detail import CHANGE, StockItemPage
from inventory.errors import StockChanged, StockError
from inventory.models import StockItem, StockMovement
from inventory.services import adjust as adjust_services
from oms.kit.admin.badges import NOTHING, badge, money, number, thumb
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.export.resources import ExportField, ExportResource
from oms.kit.admin.figures import Edit, Figure, FigureChanged, LastChange
from oms.kit.admin.filters import FlagFilter
from oms.kit.admin.lists import Empty, ListAdmin
from oms.kit.admin.rows import cell
from oms.kit.authors.audit import Event
from oms.kit.numbers import grouped

HISTORY_ROWS = 200


@dataclass(slots=True)
class WarehouseValue:
    """The stock of one warehouse: units, the cost of those that have one by currency, units without a cost."""

    name: str
    units: int = 0
    unpriced: int = 0
    worth: list[tuple[Decimal, str]] = field(default_factory=list)


def values_by_warehouse() -> list[WarehouseValue]:
    """Return the stock of each warehouse with its value at cost; amounts of different currencies are not added."""
    worth = Case(
        When(variant__cost__isnull=False, then=F("on_hand") * F("variant__cost")),
        output_field=DecimalField(max_digits=20, decimal_places=4),
    )
    rows = StockItem.objects.exclude(on_hand=0).values("warehouse", "warehouse__name", "variant__currency")
    found: dict[int, WarehouseValue] = {}
    for row in rows.annotate(
        units=Sum("on_hand"),
        worth=Sum(worth),
        unpriced=Sum("on_hand", filter=Q(variant__cost=None), default=0),
    ).order_by("warehouse__name", "warehouse", "variant__currency"):
        one = found.setdefault(row["warehouse"], WarehouseValue(row["warehouse__name"]))
        one.units += row["units"]
        one.unpriced += row["unpriced"]
        if row["worth"] is not None:
            one.worth.append((row["worth"], row["variant__currency"]))
    return list(found.values())


class StockWarehouseFilter(WarehouseFilter):
    field = "warehouse_id"


class LowFilter(FlagFilter):
    """The stock items of SKUs whose available units are at or below the reorder point."""

    title, parameter_name = _("Low stock only"), "low"

    def narrow(self, queryset: QuerySet[StockItem], value: str) -> QuerySet[StockItem]:
        return queryset.filter(pk__in=StockItem.objects.low().values("pk"))


class StockResource(ExportResource):
    sku = ExportField(attribute="variant__sku", column_name=_("SKU"))
    title = ExportField(attribute="variant__product__title", column_name=_("title"))
    warehouse = ExportField(attribute="warehouse__name", column_name=_("warehouse"))
    available = ExportField(attribute="available", column_name=_("available"))
    reorder_point = ExportField(attribute="variant__reorder_point", column_name=_("reorder point"))
    cost = ExportField(attribute="variant__cost", column_name=_("cost"))
    currency = ExportField(attribute="variant__currency", column_name=_("currency"))

    class Meta:
        model = StockItem
        fields = (
            "sku",
            "title",
            "warehouse",
            "on_hand",
            "allocated",
            "available",
            "reorder_point",
            "cost",
            "currency",
        )
        export_order = fields


def write_on_hand(item: StockItem, edit: Edit) -> None:
    """Save a count. Allocated units are never released by it; the page “Adjust stock” can do that."""
    try:
        adjust_services.adjust(
            variant=item.variant,
            warehouse=item.warehouse,
            set_to=edit.value,
            was=edit.was,
            reason=edit.reason,
            by=edit.by,
            kind=StockMovement.Kind.COUNT,
            release_allocated=False,
        )
    except StockChanged as changed:
        raise FigureChanged(changed.now) from changed


def write_reorder_point(item: StockItem, edit: Edit) -> None:
    """Save the reorder point of a variant."""
    try:
        edit_variant(item.variant, {"reorder_point": edit.value}, was={"reorder_point": edit.was})
    except VariantChanged as changed:
        raise FigureChanged(changed.now) from changed


def last_movement(item: StockItem) -> LastChange | None:
    """Return who changed the units on hand last, and when."""
    found = item.movements.select_related("author").order_by("-id").first()
    if found is None:
        return None
    who = gettext("The system") if found.actor == "system" else str(found.author or found.actor)
    return LastChange(who, found.at)


@admin.register(StockItem)
class StockItemAdmin(ListAdmin):
    """Stock by SKU and warehouse."""

    is_read_only = True  # of Django's forms: figures are changed by services
    change_list_template = "inventory/stock.html"
    title = _("Stock")
    object_page = StockItemPage
    list_display = (
        "sku",
        "warehouse",
        "on_hand",
        "allocated",
        "available",
        "reorder_point",
        "value",
        "adjust",
    )
    optional_columns = ("unusable", "cost", "barcode")
    sortable_by = ("sku",)
    default_sort = "variant__sku_key"
    is_search_sortable = True
    list_select_related: ClassVar[Any] = ("variant__product", "warehouse")
    list_filter: ClassVar[Any] = (StockWarehouseFilter, LowFilter)
    search_fields = ("^variant__sku_key",)
    search_help_text = _("Search SKU, barcode, brand or title")
    resource_classes = (StockResource,)
    editable: ClassVar[Any] = {
        "on_hand": Figure(
            label=_("on hand"),
            permission=CHANGE,
            read=lambda item: item.on_hand,
            write=write_on_hand,
            errors=(StockError,),
            reason=_("Counted"),
            is_checked_by_service=True,
            last_change=last_movement,
        ),
        "reorder_point": Figure(
            label=_("reorder point"),
            permission="catalogue.change_variant",
            read=lambda item: item.variant.reorder_point,
            write=write_reorder_point,
            errors=(CatalogueError,),
            is_checked_by_service=True,
        ),
    }

    def row_name(self, row: StockItem) -> str:
        return f"{row.variant.sku} · {row.warehouse.name}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockItem]:
        return super().get_queryset(request).select_related("variant__product", "warehouse")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find stock items by what finds their SKU."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(variant__in=found_variants(search_term).values("pk")), False

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """Set pictures (one statement), addresses and labels."""
        pictures = thumbnails_of(item.variant for item in rows)
        may_adjust = request.user.has_perm(CHANGE)
        base, adjust = reverse("admin:inventory_stockitem_changelist"), reverse("admin:stock_adjust")
        words = gettext("Adjust")
        for item in rows:
            item.adjust_words = words
            item.picture = pictures.get(item.variant_id)
            item.url = f"{base}{item.pk}/"
            item.adjust_url = adjust if may_adjust else ""
        return rows

    # --- columns ---

    @cell("lead", description=_("SKU"), ordering="variant__sku_key")
    def sku(self, item: Any) -> SafeString:
        product = item.variant.product.title
        about = " · ".join([product, *map(str, item.variant.options.values())])
        return format_html(
            '<div class="d-items">{}<div><a class="strong" href="{}">{}</a>'
            '<div class="small quiet d-cut d-second">{}</div></div></div>',
            thumb(item.picture, product),
            item.url,
            item.variant.sku,
            about,
        )

    @cell(description=_("warehouse"))
    def warehouse(self, item: Any) -> str:
        return str(item.warehouse.name)

    @cell("num", description=_("on hand"))
    def on_hand(self, item: Any) -> SafeString:
        return number(item.on_hand)

    @cell("num", description=_("allocated"))
    def allocated(self, item: Any) -> SafeString:
        return number(item.allocated)

    @cell("num", description=_("available"))
    def available(self, item: Any) -> SafeString:
        return badge(grouped(item.available), "warning") if self._is_low(item) else number(item.available)

    @cell("num", description=_("reorder at"))
    def reorder_point(self, item: Any) -> SafeString:
        return number(item.variant.reorder_point)

    @cell("num", description=_("value"))
    def value(self, item: Any) -> SafeString:
        cost = item.variant.cost
        return NOTHING if cost is None else money(item.on_hand * cost, item.variant.currency)

    @cell("num", description=_("adjust"))
    def adjust(self, item: Any) -> SafeString | str:
        if not item.adjust_url:
            return ""
        return format_html(
            '<a class="d-btn small" href="{}?sku={}&amp;warehouse={}">{}<span class="sr"> {}</span></a>',
            item.adjust_url,
            quote(item.variant.sku),
            item.warehouse_id,
            item.adjust_words,
            item.variant.sku,
        )

    @cell("num", description=_("unusable"))
    def unusable(self, item: Any) -> SafeString:
        return number(item.unusable)

    @cell("num", description=_("cost"))
    def cost(self, item: Any) -> SafeString:
        return money(item.variant.cost, item.variant.currency)

    @cell(description=_("barcode"))
    def barcode(self, item: Any) -> str:
        return item.variant.barcode or "–"

    @staticmethod
    def _is_low(item: Any) -> bool:
        point = item.variant.reorder_point
        return point is not None and item.available <= point

    # --- pages ---

    def get_urls(self) -> list[URLPattern]:
        adjust = self.admin_site.admin_view(AdjustPage.as_view(admin_site=self.admin_site))
        return [path("adjust/", adjust, name="stock_adjust"), *super().get_urls()]

    def list_context(self, request: HttpRequest, cl: KeysetChangeList) -> dict[str, Any]:
        return {
            "may_write": request.user.has_perm(CHANGE),
            "values": values_by_warehouse() if request.GET.get("value") else None,
        }

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if request.GET.get("low") and not cl.query:
            hint = gettext(
                "SKUs whose available units are at or below their reorder point are listed here. Set the reorder point in"
                " this list or on the page of the product."
            )
            return Empty(gettext("No low stock."), hint)
        if cl.is_narrowed or cl.is_beyond_first:
            return super().empty(request, cl)
        return Empty(
            gettext("No stock."),
            gettext("Stock is imported by the first sync of a store, or added with “Adjust stock”."),
        )

    def history_events(self, request: HttpRequest, row: StockItem) -> list[Event]:
        """Return the movements of a stock item: they are its history."""
        moves = row.movements.select_related("author").order_by("-id")[:HISTORY_ROWS]
        return [
            Event(
                move.at,
                str(move.author or move.actor),
                f"{move.before} → {move.after} ({move.quantity:+d}) · {move.get_kind_display()} · {move.reason}",
            )
            for move in moves
        ]
