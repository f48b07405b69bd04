"""Read-only lists beside the products' own pages: listings, categories, brands."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from catalogue.models import Brand, Category, Listing
from catalogue.services import bulk_listings
from oms.kit.admin.badges import ago, badge, link
from oms.kit.admin.base import ModelAdmin, action, display

STATE_COLOURS = {
    "draft": "default",
    "pending": "info",
    "active": "success",
    "inactive": "warning",
    "removed": "default",
}


@admin.register(Listing)
class ListingAdmin(ModelAdmin):
    """Which product stands on which store, and in what state; it is changed on the product's page."""

    is_read_only = True
    list_display = ("title", "store", "chip", "id_there", "when_read", "why_not")
    list_display_links = None
    fields = (
        "product",
        "connection",
        "external_id",
        "state",
        "remote_title",
        "url",
        "stock_blocked",
        "read_at",
    )
    list_filter = ("connection", "state")
    search_fields = ("=external_id", "^remote_title")
    list_select_related: ClassVar[Any] = ("connection", "product")
    ordering = ("-id",)
    actions = ("switch_on", "switch_off")

    def has_switch_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalogue.change_listing")

    @action(description=_("Activate"), permissions=["switch"])
    def switch_on(self, request: HttpRequest, listings: QuerySet[Listing]) -> None:
        self._act(request, "on", listings)

    @action(description=_("Deactivate"), permissions=["switch"])
    def switch_off(self, request: HttpRequest, listings: QuerySet[Listing]) -> None:
        self._act(request, "off", listings)

    def _act(self, request: HttpRequest, verb: str, listings: QuerySet[Listing]) -> None:
        tally = bulk_listings.act_on_listings(verb, listings)
        if tally.done:
            text = ngettext(
                "%d listing is told to its store.", "%d listings are told to their stores.", tally.done
            )
            self.message_user(request, text % tally.done, messages.SUCCESS)
        for reason, count in tally.refused.most_common(5):
            self.message_user(request, reason if count == 1 else f"{reason} ({count:,})", messages.ERROR)

    @display(description=_("product"))
    def title(self, listing: Listing) -> Any:
        page = reverse("admin:catalogue_product_change", args=[listing.product_id])
        return link(f"{page}#stores", listing.remote_title or listing.product.title)

    @display(description=_("store"))
    def store(self, listing: Listing) -> Any:
        return listing.connection

    @display(description=_("id on the channel"))
    def id_there(self, listing: Listing) -> str:
        return listing.external_id or "–"

    @display(description=_("why its stock is not sent"))
    def why_not(self, listing: Listing) -> str:
        return listing.stock_blocked or "–"

    @display(description=_("state"))
    def chip(self, listing: Listing) -> Any:
        return badge(listing.get_state_display(), STATE_COLOURS[listing.state])

    @display(description=_("read"))
    def when_read(self, listing: Listing) -> Any:
        return ago(listing.read_at)


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    """The categories of each store, as it has them."""

    is_read_only = True
    list_display = ("path", "store", "id_there", "is_active")
    list_display_links = None
    list_filter = ("connection", "is_active")
    search_fields = ("=external_id", "^name")
    list_select_related: ClassVar[Any] = ("connection",)

    @display(description=_("store"))
    def store(self, category: Category) -> Any:
        return category.connection

    @display(description=_("id on the channel"))
    def id_there(self, category: Category) -> str:
        return category.external_id


@admin.register(Brand)
class BrandAdmin(ModelAdmin):
    """The brands that products name; a brand is made by naming it on a product."""

    is_read_only = True
    list_display = ("name",)
    list_display_links = None
    search_fields = ("^name",)
