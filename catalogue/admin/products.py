"""The list of products, with the addresses of the product page and of the form for a new product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, Max, Min, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join, strip_tags
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue import callbacks
from catalogue.admin import filters
from catalogue.admin.editor.actions import CHANGE, ProductAct
from catalogue.admin.editor.forms import NewProduct
from catalogue.admin.editor.page import ProductPage
from catalogue.admin.figures import figure_of
from catalogue.admin.listing.form_page import ListOnStore
from catalogue.admin.listing.many import ListMany
from catalogue.admin.listing.product_card import ProductAttributes, SetCategory
from catalogue.admin.product_rows import SkusAndStores, skus_and_stores
from catalogue.admin.resources import ProductResource
from catalogue.admin.store.columns import LISTING, store_chip
from catalogue.errors import CatalogueError
from catalogue.models import Listing, Product, ProductImage, Variant
from catalogue.search_text import found_variants
from catalogue.services.variants import archive_product
from oms.kit.admin import figures
from oms.kit.admin.actions import BulkAction, Outcome
from oms.kit.admin.badges import NOTHING, ago, badge, money, number, thumb
from oms.kit.admin.changelist import TAB, KeysetChangeList
from oms.kit.admin.lists import Empty, ListAdmin, Tab
from oms.kit.admin.rows import Show, cell, show_of
from oms.kit.authors.actors import Author

SHOWN_SKUS = 3
SHOWN_STORES = 2


def only_variant(product: Product) -> Variant:
    """Return the SKU of a single product; raises `CatalogueError` for a group."""
    if product.kind == Product.Kind.GROUP:
        raise CatalogueError(gettext("This product has several SKUs. Edit their prices on its page."))
    return product.variants.current().order_by("position", "pk")[0]


def row_variant(product: Any) -> Variant:
    """Return the SKU of a single product: the one that the list has read, else from the database."""
    shown: Variant | None = getattr(product, "only_sku", None)
    return shown if shown is not None else only_variant(product)


def set_archived(pks: Sequence[int], by: Author, reason: str, *, is_archived: bool) -> list[Outcome]:
    """Archive these products, or restore them."""
    outcomes = []
    for product in Product.objects.filter(pk__in=pks).order_by("pk"):
        try:
            archive_product(product, archived=is_archived)
        except CatalogueError as error:
            outcomes.append(Outcome(product.pk, False, str(error), product.title))
        else:
            outcomes.append(Outcome(product.pk, True, "", product.title))
    return outcomes


def archive(pks: Sequence[int], by: Author, reason: str) -> list[Outcome]:
    return set_archived(pks, by, reason, is_archived=True)


def restore(pks: Sequence[int], by: Author, reason: str) -> list[Outcome]:
    return set_archived(pks, by, reason, is_archived=False)


def choose_store(model_admin: Any, request: HttpRequest, pks: Sequence[int]) -> HttpResponse:
    """Answer List on a store with the choice of the store."""
    page = ListMany(admin_site=model_admin.admin_site)
    page.setup(request)
    return page.choose(pks)


def choose_category(model_admin: Any, request: HttpRequest, pks: Sequence[int]) -> HttpResponse:
    """Answer Set category with its form."""
    page = SetCategory(admin_site=model_admin.admin_site)
    page.setup(request)
    return page.choose(pks)


def nothing(pks: Sequence[int], by: Author, reason: str) -> list[Outcome]:
    """Do nothing: the action answers with a page of its own."""
    return []


@admin.register(Product)
class ProductAdmin(ListAdmin):
    """Products with their SKUs, prices, stock and stores."""

    object_page = ProductPage
    tabs = (
        Tab("all", _("Products"), lambda rows: rows.filter(is_archived=False)),
        Tab(
            "unlisted",
            _("Not in a store"),
            lambda rows: rows.filter(is_archived=False).exclude(
                pk__in=filters.shown_listings().values("product")
            ),
        ),
        Tab("archived", _("Archived"), lambda rows: rows.filter(is_archived=True)),
    )
    list_display = (
        "product",
        "skus",
        "price",
        "selling_price",
        "on_hand",
        "allocated",
        "available",
        "stores",
    )
    optional_columns = ("brand_name", "added", "updated")
    sortable_by = ("product", "added")
    default_sort = "title"
    is_search_sortable = True
    list_select_related: ClassVar[Any] = ("brand",)
    list_filter: ClassVar[Any] = (
        filters.ProductStoreFilter,
        filters.ProductStateFilter,
        filters.BrandFilter,
        filters.ProductLowFilter,
        filters.ProductKitFilter,
        filters.ProductCategoryFilter,
        filters.ProductDiffersFilter,
    )
    search_fields = ("=title",)
    search_help_text = _("Search title, SKU, barcode or brand")
    resource_classes = (ProductResource,)
    bulk_actions = (
        BulkAction(
            "list_on_store",
            _("List on a store"),
            run=nothing,
            permission=LISTING,
            tabs=("all", "unlisted"),
            respond=choose_store,
        ),
        BulkAction(
            "set_category",
            _("Set category"),
            run=nothing,
            permission=CHANGE,
            tabs=("all", "unlisted"),
            respond=choose_category,
        ),
        BulkAction(
            "archive",
            _("Archive"),
            run=archive,
            permission=CHANGE,
            tabs=("all", "unlisted"),
            goes_to="archived",
            undo="restore",
        ),
        BulkAction(
            "restore",
            _("Restore"),
            run=restore,
            permission=CHANGE,
            tabs=("archived",),
            goes_to="all",
            undo="archive",
        ),
    )
    editable: ClassVar[Any] = {
        name: figure_of(name, permission=CHANGE, variant_of=row_variant)
        for name in ("price", "selling_price")
    }

    # --- rows ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        images = ProductImage.objects.filter(product=OuterRef("pk")).order_by("position", "id")
        rows: QuerySet[Product] = super().get_queryset(request)
        return rows.annotate(picture=Subquery(images.values("url")[:1]))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=found_variants(search_term).values("product")), False

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        """Return the rows of the list with the SKU columns of the export."""
        skus = Variant.objects.current().filter(product=OuterRef("pk"))
        first, every = skus.order_by("position", "pk"), skus.order_by().values("product")
        same = skus.filter(currency=OuterRef("first_currency")).order_by().values("product")
        rows: QuerySet[Product] = super().get_export_queryset(request)
        return (
            rows.select_related("brand")
            .annotate(
                first_sku=Subquery(first.values("sku")[:1]),
                first_barcode=Subquery(first.values("barcode")[:1]),
                first_currency=Subquery(first.values("currency")[:1]),
                sku_count=Subquery(every.annotate(n=Count("pk")).values("n")),
            )
            .annotate(  # of the SKUs in that currency: amounts of two currencies are not compared
                lowest_price=Subquery(same.annotate(n=Min("price")).values("n")),
                highest_price=Subquery(same.annotate(n=Max("price")).values("n")),
                lowest_selling_price=Subquery(same.annotate(n=Min("selling_price")).values("n")),
            )
        )

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """Add SKUs, stores and stock to the rows of a page. Two statements."""
        near = skus_and_stores([product.pk for product in rows])
        stock = callbacks.stock_of([sku[0] for one in near.values() for sku in one.skus])
        labels = {state.value: str(state.label) for state in Listing.State}
        stopped = badge(gettext("stopped"), "warning")
        base = reverse("admin:catalogue_product_changelist")
        for product in rows:
            one = near.get(product.pk) or SkusAndStores()
            units = [stock[sku[0]] for sku in one.skus if sku[0] in stock]
            product.on_hand = sum(each.on_hand for each in units)
            product.allocated = sum(each.allocated for each in units)
            product.available = product.on_hand - product.allocated
            product.shown = one.stores
            product.chips = [store_chip(store, state, labels[state]) for store, state in one.stores]
            product.shown_skus, product.stopped_chip, product.url = one, stopped, f"{base}{product.pk}/"
            product.only_sku = None
            if product.kind == Product.Kind.SINGLE and one.skus:
                pk, sku, price, selling, currency, _stopped = one.skus[0]
                product.only_sku = Variant(
                    pk=pk, sku=sku, price=price, selling_price=selling, currency=currency
                )
        return rows

    def shows(self, request: HttpRequest, names: Iterable[str] | None = None) -> dict[str, Show]:
        """Return the functions of the cells; a price is edited in the row of a single product only."""
        found = super().shows(request, names)
        for name in figures.editable_for(self, request):
            if name in found:
                found[name] = self._for_single(found[name], show_of(self, name))
        return found

    @staticmethod
    def _for_single(button: Show, plain: Show) -> Show:
        return lambda product: (button if product.only_sku is not None else plain)(product)

    # --- columns ---

    @cell("lead", description=_("product"), ordering="title")
    def product(self, product: Any) -> SafeString:
        return format_html(
            '<div class="d-items">{}<div><a class="strong" href="{}">{}</a>'
            '<div class="small quiet d-cut d-second">{}</div></div></div>',
            thumb(product.picture, product.title),
            product.url,
            product.title,
            product.brand or "",
        )

    @cell(description=_("SKUs"))
    def skus(self, product: Any) -> SafeString:
        skus = product.shown_skus.skus
        shown = format_html_join(
            "",
            '<div class="nowrap">{} {}</div>',
            ((sku[1], product.stopped_chip if sku[5] else "") for sku in skus[:SHOWN_SKUS]),
        )
        more = len(skus) - SHOWN_SKUS
        return format_html(
            "<div>{}{}</div>",
            shown,
            format_html('<span class="quiet small">+{}</span>', more) if more > 0 else "",
        )

    @cell("num", description=_("price"))
    def price(self, product: Any) -> SafeString:
        return self._range(product.shown_skus.ranges(2))

    @cell("num", description=_("selling price"))
    def selling_price(self, product: Any) -> SafeString:
        return self._range(product.shown_skus.ranges(3))

    @staticmethod
    def _range(ranges: dict[str, tuple[Decimal, Decimal]]) -> SafeString:
        """Return the lowest and highest amount, a line for each currency: they are never compared with each other."""
        if not ranges:
            return NOTHING
        parts = []
        for currency, (lowest, highest) in ranges.items():
            low, high = money(lowest, currency), money(highest, currency)
            parts.append(
                low if low == high else format_html('{}<div class="small quiet">– {}</div>', low, high)
            )
        return (
            parts[0] if len(parts) == 1 else format_html_join("", "<div>{}</div>", ((one,) for one in parts))
        )

    @cell("num", description=_("on hand"))
    def on_hand(self, product: Any) -> SafeString:
        return number(product.on_hand)

    @cell("num", description=_("allocated"))
    def allocated(self, product: Any) -> SafeString:
        return number(product.allocated)

    @cell("num strong", description=_("available"))
    def available(self, product: Any) -> SafeString:
        return number(product.available)

    @cell("stores", description=_("stores"))
    def stores(self, product: Any) -> SafeString | str:
        """The first two stores; how many more there are, with their names on hover: one line a row."""
        if not product.chips:
            return ""
        shown, more = product.chips[:SHOWN_STORES], product.chips[SHOWN_STORES:]
        if more:
            shown = [*shown, badge(f"+{len(more)}", title=", ".join(map(strip_tags, more)))]
        return format_html(
            '<span class="d-row nowrap">{}</span>', format_html_join("", "{}", ((chip,) for chip in shown))
        )

    @cell(description=_("brand"))
    def brand_name(self, product: Any) -> str:
        return str(product.brand or "")

    @cell("nowrap", description=_("added"), ordering="pk")
    def added(self, product: Any) -> SafeString:
        return ago(product.created_at)

    @cell("nowrap", description=_("changed"))
    def updated(self, product: Any) -> SafeString:
        return ago(product.updated_at)

    # --- pages ---

    def get_urls(self) -> list[URLPattern]:
        act = self.admin_site.admin_view(ProductAct.as_view(admin_site=self.admin_site))
        form = self.admin_site.admin_view(ListOnStore.as_view(admin_site=self.admin_site))
        attributes = self.admin_site.admin_view(ProductAttributes.as_view(admin_site=self.admin_site))
        return [
            path("<key:pk>/do/<slug:what>/", act, name="product_act"),
            path("<key:pk>/list/<key:store>/", form, name="product_list_on"),
            path("<key:pk>/attributes/", attributes, name="product_attributes"),
            *super().get_urls(),
        ]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        return NewProduct.as_view(admin_site=self.admin_site)(request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list. `?archived=1` was the address of the archived products: it shows their tab."""
        if "archived" in request.GET and TAB not in request.GET:
            asked = request.GET.copy()
            asked.pop("archived")
            asked[TAB] = "archived"
            request.GET = asked  # type: ignore[assignment]
        return super().changelist_view(request, extra_context)

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_narrowed or cl.is_beyond_first:
            return super().empty(request, cl)
        if cl.tab is not None and cl.tab.key == "unlisted":
            return Empty(gettext("Every product is listed in a store."))
        if cl.tab is not None and cl.tab.key == "archived":
            return Empty(gettext("No archived products."))
        return Empty(
            gettext("No products yet."),
            gettext("The first sync of a store imports its products. You can also add one."),
            reverse("admin:catalogue_product_add") if self.has_add_permission(request) else "",
            gettext("Add product"),
        )
