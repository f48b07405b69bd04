"""One store on the product page: the listing with its badge, the listed SKUs, and the buttons."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.models import Listing, ListingVariant, Product
from catalogue.services.details.store_differences import (
    Difference,
    details_that_differ,
    hash_of,
    price_difference,
)
from channels.contract.spec import Capability
from channels.models import Connection
from oms.kit.admin.badges import badge

LISTING = "catalogue.change_listing"
DELETE = "catalogue.delete_listing"


LISTING_COLOURS = {
    Listing.State.DRAFT: "default",
    Listing.State.PENDING: "info",
    Listing.State.ACTIVE: "success",
    Listing.State.INACTIVE: "warning",
    Listing.State.REMOVED: "default",
}


def state_chips() -> dict[str, SafeString]:
    """Return the badge of each status in the language of this request; call it once a page, not once a row."""
    return {state.value: badge(state.label, LISTING_COLOURS[state]) for state in Listing.State}


def store_chip(store: str, state: str, label: str) -> SafeString:
    """Return the name of a store in the colour of the listing's status; `label` is the status in words."""
    return badge(store, LISTING_COLOURS[Listing.State(state)], label)


class StoreColumn:
    """A store, the product's listing in it (None: never listed), and the listed SKUs by variant."""

    def __init__(
        self,
        store: Connection,
        product: Product,
        listing: Listing | None,
        rows: list[ListingVariant],
        text: str = "",
    ) -> None:
        self.store, self.product, self.listing = store, product, listing
        for row in rows:
            row.connection = store
        self.rows = {row.variant_id: row for row in rows}
        self.text = text  # hash of the product's description

    @cached_property
    def differences(self) -> list[Difference]:
        """Title and description that the store shows otherwise; [] where it does not list the product."""
        if self.listing is None or not self.is_listed or not self.listing.external_id:
            return []
        return details_that_differ(self.listing, self.product, list(self.rows.values()), text=self.text)

    @cached_property
    def price_differences(self) -> dict[int, str]:
        """How the price of a SKU (id of its row) in the store differs; empty for stores without an import or with drafts."""
        if not self.is_listed:
            return {}
        found = {row.pk: price_difference(row) for row in self.rows.values() if row.external_id}
        return {pk: sentence for pk, sentence in found.items() if sentence}

    @property
    def is_listed(self) -> bool:
        """Return whether the store lists the product, or the listing is being created."""
        return self.listing is not None and self.listing.state != Listing.State.REMOVED

    def off(self, capability: Capability) -> str:
        """Return why this store does not have the capability; "" when it has it."""
        if why := self.store.why_not(capability):
            return why
        if self.store.state == Connection.State.DISCONNECTED:
            return gettext("This store is disconnected.")
        return ""

    @property
    def buttons(self) -> list[tuple[str, Any, str, str]]:
        """Return (verb, label, why it is disabled, permission) of each button of the listing."""
        group = self.product.kind == Product.Kind.GROUP
        make = Capability.CREATE_LISTING_GROUP if group else Capability.CREATE_LISTING_SINGLE
        if not self.is_listed:
            return [("list", _("List"), self.off(make), LISTING)]
        has_id = self.listing is not None and bool(self.listing.external_id)
        waiting = "" if has_id else gettext("The listing is still being created in the store.")
        active_off = self.off(Capability.SET_LISTING_ACTIVE) or waiting
        is_off = self.listing is not None and self.listing.state == Listing.State.INACTIVE
        return [
            ("update", _("Send again"), self.off(Capability.UPDATE_LISTING) or waiting, LISTING),
            ("on", _("Activate"), active_off, LISTING)
            if is_off
            else ("off", _("Deactivate"), active_off, LISTING),
            ("withdraw", _("Withdraw"), "", LISTING)
            if self.listing is not None and self.listing.state == Listing.State.DRAFT
            else ("delete", _("Delete from store"), self.off(Capability.DELETE_LISTING), DELETE),
        ]


def columns_of(product: Product) -> list[StoreColumn]:
    """Return the stores of a product by name: connected stores, and others with a listing. Three statements."""
    stores = list(Connection.objects.stores().defer("credentials", "webhook_secret").order_by("name"))
    by_store: dict[int, list[ListingVariant]] = defaultdict(list)
    listed = ListingVariant.objects.filter(variant__product=product).select_related("listing", "variant")
    for row in listed.order_by("id"):
        by_store[row.connection_id].append(row)
    listings: dict[int, Listing] = {}
    for listing in Listing.objects.filter(product=product).order_by("id"):
        known = listings.get(listing.connection_id)
        if known is None or known.state == Listing.State.REMOVED:
            listings[listing.connection_id] = listing
    for store in stores:
        if store.pk in listings:
            listings[store.pk].connection = store
    text = hash_of(product)
    return [
        StoreColumn(store, product, listings.get(store.pk), by_store[store.pk], text)
        for store in stores
        if store.state != Connection.State.DISCONNECTED or store.pk in listings
    ]
