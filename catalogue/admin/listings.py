"""The list of listings: products by store, with their status. Listings are activated, deactivated and deleted in bulk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.admin import filters
from catalogue.admin.listing.detail import ListingPage
from catalogue.admin.resources import ListingResource
from catalogue.admin.store.columns import state_chips
from catalogue.models import Listing, ListingVariant, ProductImage
from catalogue.services import bulk_listings
from oms.kit.admin.actions import BulkAction, Outcome
from oms.kit.admin.badges import NOTHING, ago, badge, money, number, thumb
from oms.kit.admin.changelist import KeysetChangeList
from oms.kit.admin.lists import Empty, ListAdmin, Tab
from oms.kit.admin.rows import cell
from oms.kit.authors.actors import Author
from oms.kit.search.query import matching

CHANGE = "catalogue.change_listing"
DELETE = "catalogue.delete_listing"


def run_of(verb: str) -> Callable[[Sequence[int], Author, str], list[Outcome]]:
    """Return the bulk action that applies `verb` of `bulk_listings` to listings by their primary keys."""

    def run(pks: Sequence[int], by: Author, reason: str) -> list[Outcome]:
        rows = Listing.objects.filter(pk__in=pks).select_related("connection", "product").order_by("pk")
        return [
            Outcome(listing.pk, not refusal, refusal, name_of(listing))
            for listing, refusal in bulk_listings.act_on_each(verb, rows)
        ]

    return run


def name_of(listing: Listing) -> str:
    """Return a listing's name in messages: its title and its store."""
    return f"{listing.remote_title or listing.product.title} · {listing.connection.name}"


@admin.register(Listing)
class ListingAdmin(ListAdmin):
    """Listings of all stores; details are changed on the product's page."""

    is_read_only = True
    object_page = ListingPage
    tabs = (
        Tab("all", _("Listings"), lambda rows: rows.exclude(state=Listing.State.REMOVED)),
        Tab("drafts", _("Drafts"), lambda rows: rows.filter(state=Listing.State.DRAFT)),
        Tab(
            "refused",
            _("Refused"),
            lambda rows: rows.exclude(refusal="").exclude(state=Listing.State.REMOVED),
            hint=_("The channel refused the listing or its last change."),
        ),
        Tab(
            "blocked",
            _("Stock not sent"),
            lambda rows: rows.exclude(stock_blocked="").exclude(state=Listing.State.REMOVED),
        ),
        Tab("deleted", _("Deleted"), lambda rows: rows.filter(state=Listing.State.REMOVED)),
    )
    list_display = (
        "listing",
        "store",
        "state",
        "skus",
        "price_in_store",
        "offered",
        "channel_id",
        "imported",
        "why_not",
    )
    optional_columns = ("brand", "view", "added")
    sortable_by = ("added",)
    list_select_related: ClassVar[Any] = ("connection", "product__brand")
    list_filter: ClassVar[Any] = (
        filters.StoreFilter,
        filters.ListingStateFilter,
        filters.CategoryFilter,
        filters.DiffersFilter,
    )
    search_fields = ("=external_id",)
    search_help_text = _("Search title, SKU, barcode, brand or channel ID")
    resource_classes = (ListingResource,)
    bulk_actions = (
        BulkAction(
            "publish",
            _("Publish"),
            run=run_of("publish"),
            permission=CHANGE,
            tabs=("drafts", "refused"),
        ),
        BulkAction(
            "switch_on",
            _("Activate"),
            run=run_of("on"),
            permission=CHANGE,
            tabs=("all", "blocked"),
            undo="switch_off",
        ),
        BulkAction(
            "switch_off",
            _("Deactivate"),
            run=run_of("off"),
            permission=CHANGE,
            tabs=("all", "blocked"),
            undo="switch_on",
        ),
        BulkAction(
            "delete",
            _("Delete from store"),
            run=run_of("delete"),
            permission=DELETE,
            tabs=("all", "blocked"),
            question=_(
                "Delete these listings from their stores? Their addresses and reviews are deleted with them."
                " The products, their SKUs and their stock stay in Manifold and can be listed again."
            ),
            is_dangerous=True,
        ),
    )

    def row_name(self, row: Listing) -> str:
        return name_of(row)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Listing]:
        images = ProductImage.objects.filter(product=OuterRef("product")).order_by("position", "id")
        rows: QuerySet[Listing] = super().get_queryset(request)
        return (
            rows.select_related("connection", "product__brand")
            .defer("connection__credentials", "connection__webhook_secret")
            .defer("product__description", "product__warranty", "product__attributes")
            .annotate(picture=Subquery(images.values("url")[:1]))
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return matching(queryset, search_term), False

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Listing]:
        """Return the rows of the list with their first SKU and the number of their SKUs."""
        listed = ListingVariant.objects.filter(listing=OuterRef("pk"))
        count = listed.order_by().values("listing").annotate(n=Count("pk")).values("n")
        rows: QuerySet[Listing] = super().get_export_queryset(request)
        return rows.annotate(
            first_sku=Subquery(listed.order_by("pk").values("external_sku")[:1]),
            sku_count=Subquery(count),
        )

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        """Add the listed SKUs, badges and addresses to the rows of a page. One statement."""
        listed: dict[int, list[ListingVariant]] = defaultdict(list)
        stores = {row.pk: row.connection for row in rows}
        for one in ListingVariant.objects.filter(listing__in=list(stores)).order_by("id"):
            one.connection = stores[one.listing_id]
            listed[one.listing_id].append(one)
        chips, differs = state_chips(), badge(gettext("differs"), "warning")
        view, base = gettext("View in store ↗"), reverse("admin:catalogue_product_changelist")
        own = reverse("admin:catalogue_listing_changelist")
        for row in rows:
            row.listed, row.chip = listed[row.pk], chips[row.state]
            row.differs_chip = differs if any(one.differs for one in row.listed) else ""
            is_of_product = row.state != Listing.State.DRAFT and not row.refusal
            row.product_url, row.view_label = f"{base}{row.product_id}/#stores", view
            row.page_url = row.product_url if is_of_product else f"{own}{row.pk}/"
        return rows

    # --- columns ---

    @cell("lead", description=_("listing"))
    def listing(self, row: Any) -> SafeString:
        title = row.remote_title or row.product.title
        return format_html(
            '<div class="d-items">{}<div><a class="strong" href="{}">{}</a></div></div>',
            thumb(row.picture or row.remote_image, title),
            row.page_url,
            title,
        )

    @cell(description=_("store"))
    def store(self, row: Any) -> str:
        return str(row.connection.name)

    @cell(description=_("status"))
    def state(self, row: Any) -> SafeString:
        return SafeString(row.chip)

    @cell(description=_("SKUs"))
    def skus(self, row: Any) -> SafeString:
        if not row.listed:
            return NOTHING
        more = len(row.listed) - 1
        return format_html(
            '<span class="nowrap">{}</span>{}',
            row.listed[0].external_sku,
            format_html(' <span class="quiet small">+{}</span>', more) if more else "",
        )

    @cell("num", description=_("price in store"))
    def price_in_store(self, row: Any) -> SafeString:
        shown = [one.shown_price.value for one in row.listed]
        found = [price for price in shown if price is not None]
        return money(min(found), row.connection.currency) if found else NOTHING

    @cell("num", description=_("offered"))
    def offered(self, row: Any) -> SafeString:
        sent = [one.sent_quantity for one in row.listed if one.sent_quantity is not None]
        units = number(sum(sent)) if sent else NOTHING
        return format_html("{} {}", units, row.differs_chip) if row.differs_chip else units

    @cell(description=_("channel ID"))
    def channel_id(self, row: Any) -> str:
        return str(row.external_id)

    @cell("nowrap", description=_("imported"))
    def imported(self, row: Any) -> SafeString:
        return ago(row.read_at)

    @cell(description=_("not sent because"))
    def why_not(self, row: Any) -> str:
        return str(row.refusal or row.stock_blocked)

    @cell(description=_("brand"))
    def brand(self, row: Any) -> str:
        return str(row.product.brand or "")

    @cell(description=_("in store"))
    def view(self, row: Any) -> SafeString:
        if not row.url.startswith(("https://", "http://")):
            return NOTHING
        return format_html('<a href="{}" rel="noreferrer">{}</a>', row.url, row.view_label)

    @cell("nowrap", description=_("added"), ordering="pk")
    def added(self, row: Any) -> SafeString:
        return ago(row.created_at)

    def empty(self, request: HttpRequest, cl: KeysetChangeList) -> Empty:
        if cl.is_narrowed or cl.is_beyond_first:
            return super().empty(request, cl)
        if cl.tab is not None and cl.tab.key != "all":
            return Empty(gettext("No listings in this tab."))
        return Empty(
            gettext("No listings yet."),
            gettext("The first sync of a store imports them. You can also list a product on its page."),
        )
