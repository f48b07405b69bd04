"""The list of SKUs with their stock; prices and reorder points are edited in the row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue import callbacks
from catalogue.admin import filters
from catalogue.admin.figures import figure_of
from catalogue.admin.resources import VariantResource
from catalogue.models import Variant
from catalogue.pictures.lookup import thumbnails_of
from catalogue.services.listings import stop_selling
from oms.kit.admin.actions import BulkAction, Outcome
from oms.kit.admin.badges import badge, money, number, thumb
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.lists import Empty, ListAdmin, Tab
from oms.kit.admin.pages import Page
from oms.kit.admin.rows import cell
from oms.kit.authors.actors import Author
from oms.kit.search.query import matching

CHANGE = "catalogue.change_variant"
FIGURES = ("price", "selling_price", "reorder_point")


class VariantPage(Page):
    """Redirect to the row of the SKU on the page of its product: a SKU has no page of its own."""

    permission = "catalogue.view_variant"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        variant = get_object_or_404(Variant, pk=pk)
        page = reverse("admin:catalogue_product_change", args=[variant.product_id])
        return HttpResponseRedirect(f"{page}#sku-{pk}")


def set_stopped(pks: Sequence[int], *, is_stopped: bool) -> list[Outcome]:
    """Stop selling these SKUs in every store, or sell them again."""
    rows = list(Variant.objects.filter(pk__in=pks).order_by("pk"))
    stop_selling(variants=rows, stopped=is_stopped)
    return [Outcome(row.pk, True, "", row.sku) for row in rows]


def stop(pks: Sequence[int], by: Author, reason: str) -> list[Outcome]:
    return set_stopped(pks, is_stopped=True)


def sell(pks: Sequence[int], by: Author, reason: str) -> list[Outcome]:
    return set_stopped(pks, is_stopped=False)


def same_row(row: Variant) -> Variant:
    return row


@admin.register(Variant)
class VariantAdmin(ListAdmin):
    """SKUs with their default prices and their stock."""

    is_read_only = True  # of Django's forms: figures are changed by services
    title = _("SKUs")
    object_page = VariantPage
    tabs = (
        Tab("all", _("SKUs"), lambda rows: rows.filter(product__is_archived=False)),
        Tab(
            "unpriced", _("Without a price"), lambda rows: rows.filter(price=None, product__is_archived=False)
        ),
        Tab("stopped", _("Not sold"), lambda rows: rows.filter(is_stopped=True)),
        Tab("archived", _("Archived"), lambda rows: rows.filter(product__is_archived=True)),
    )
    list_display = (
        "sku",
        "barcode",
        "price",
        "selling_price",
        "on_hand",
        "allocated",
        "available",
        "reorder_point",
        "state",
    )
    optional_columns = ("brand", "cost", "weight")
    sortable_by = ("sku",)
    default_sort = "sku_key"
    is_search_sortable = True
    list_select_related: ClassVar[Any] = ("product__brand",)
    list_filter: ClassVar[Any] = (
        filters.VariantStoreFilter,
        filters.VariantBrandFilter,
        filters.VariantLowFilter,
        filters.VariantKitFilter,
        filters.VariantDiffersFilter,
    )
    search_fields = ("^sku_key",)
    search_help_text = _("Search SKU, barcode, brand or title")
    resource_classes = (VariantResource,)
    bulk_actions = (
        BulkAction("stop", _("Stop selling"), run=stop, permission=CHANGE, goes_to="stopped", undo="sell"),
        BulkAction("sell", _("Sell again"), run=sell, permission=CHANGE, undo="stop"),
    )
    editable: ClassVar[Any] = {
        name: figure_of(name, permission=CHANGE, variant_of=same_row) for name in FIGURES
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Variant]:
        return super().get_queryset(request).filter(merged_into=None).select_related("product__brand")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return matching(queryset, search_term), False

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """Add pictures and stock to the rows of a page. Two statements."""
        pictures = thumbnails_of(rows)
        stock = callbacks.stock_of([row.pk for row in rows])
        stopped, untracked = badge(gettext("stopped"), "warning"), badge(gettext("stock not tracked"))
        kit = badge(gettext("kit"), "info")
        base = reverse("admin:catalogue_product_changelist")
        for row in rows:
            row.picture = pictures.get(row.pk)
            row.units = stock.get(row.pk, callbacks.Units())
            row.url = f"{base}{row.product_id}/#sku-{row.pk}"
            row.state_chips = [
                chip
                for is_so, chip in (
                    (row.is_kit, kit),
                    (row.is_stopped, stopped),
                    (not row.is_counted, untracked),
                )
                if is_so
            ]
        return rows

    # --- columns ---

    @cell("lead", description=_("SKU"), ordering="sku_key")
    def sku(self, row: Any) -> SafeString:
        about = " · ".join([row.product.title, *map(str, row.options.values())])
        return format_html(
            '<div class="d-items">{}<div><a class="strong" href="{}">{}</a>'
            '<div class="small quiet d-cut d-second">{}</div></div></div>',
            thumb(row.picture, row.product.title),
            row.url,
            row.sku,
            about,
        )

    @cell(description=_("barcode"))
    def barcode(self, row: Any) -> str:
        return str(row.barcode)

    @cell("num", description=_("price"))
    def price(self, row: Any) -> SafeString:
        return money(row.price, row.currency)

    @cell("num", description=_("selling price"))
    def selling_price(self, row: Any) -> SafeString:
        return money(row.selling_price, row.currency)

    @cell("num", description=_("on hand"))
    def on_hand(self, row: Any) -> SafeString:
        return number(None if row.is_kit else row.units.on_hand)

    @cell("num", description=_("allocated"))
    def allocated(self, row: Any) -> SafeString:
        return number(None if row.is_kit else row.units.allocated)

    @cell("num strong", description=_("available"))
    def available(self, row: Any) -> SafeString:
        if row.is_kit:
            return number(None)
        units = row.units.available
        is_low = row.reorder_point is not None and units <= row.reorder_point
        return badge(f"{units:,}", "warning") if is_low else number(units)

    @cell("num", description=_("reorder point"))
    def reorder_point(self, row: Any) -> SafeString:
        return number(row.reorder_point)

    @cell(description=_("status"))
    def state(self, row: Any) -> SafeString:
        return format_html_join(" ", "{}", ((chip,) for chip in row.state_chips))

    @cell(description=_("brand"))
    def brand(self, row: Any) -> str:
        return str(row.product.brand or "")

    @cell("num", description=_("cost"))
    def cost(self, row: Any) -> SafeString:
        return money(row.cost, row.currency)

    @cell("num", description=_("weight (g)"))
    def weight(self, row: Any) -> SafeString:
        return number(row.weight_grams)

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if request.GET.get("low") and not cl.query:
            return Empty(
                gettext("No SKUs with low stock."),
                gettext("A SKU is listed here when its available units are at or below its reorder point."),
            )
        if cl.is_narrowed or cl.is_beyond_first:
            return super().empty(request, cl)
        if cl.tab is not None and cl.tab.key != "all":
            return Empty(gettext("No SKUs in this tab."))
        return Empty(
            gettext("No SKUs yet."),
            gettext("The first sync of a store imports its products with their SKUs."),
        )
