"""One store beside a product: its listing and its chip, its listed SKUs, and what can be done in it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from catalogue.models import Listing, ListingVariant, Product
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
    """Return the chip of each state in the words of this request; made once a page, not once a row."""
    return {state.value: badge(state.label, LISTING_COLOURS[state]) for state in Listing.State}


def store_chip(store: str, state: str, label: str) -> SafeString:
    """Return the name of a store in the colour of the listing's state; `label` is the state in words."""
    return badge(store, LISTING_COLOURS[Listing.State(state)], label)


class StoreColumn:
    """A store, the listing of the product in it (None: never listed), its listed SKUs by variant."""

    def __init__(
        self, store: Connection, product: Product, listing: Listing | None, rows: list[ListingVariant]
    ) -> None:
        self.store, self.product, self.listing = store, product, listing
        for row in rows:
            row.connection = store
        self.rows = {row.variant_id: row for row in rows}

    @property
    def is_listed(self) -> bool:
        """Whether the store lists the product, or is about to."""
        return self.listing is not None and self.listing.state != Listing.State.REMOVED

    def off(self, capability: Capability) -> str:
        """Return why this store cannot do it; empty when it can."""
        if why := self.store.why_not(capability):
            return why
        if self.store.state == Connection.State.DISCONNECTED:
            return _t("This store is disconnected.")
        return ""

    @property
    def buttons(self) -> list[tuple[str, Any, str, str]]:
        """(verb, words, why it is off, permission) for each thing that can be done with the listing."""
        group = self.product.kind == Product.Kind.GROUP
        make = Capability.CREATE_LISTING_GROUP if group else Capability.CREATE_LISTING_SINGLE
        if not self.is_listed:
            return [("list", _("List"), self.off(make), LISTING)]
        has_id = self.listing is not None and bool(self.listing.external_id)
        waiting = "" if has_id else _t("The listing is still being created in the store.")
        switch = self.off(Capability.SET_LISTING_ACTIVE) or waiting
        is_off = self.listing is not None and self.listing.state == Listing.State.INACTIVE
        return [
            ("update", _("Update"), self.off(Capability.UPDATE_LISTING) or waiting, LISTING),
            ("on", _("Activate"), switch, LISTING) if is_off else ("off", _("Deactivate"), switch, LISTING),
            ("withdraw", _("Withdraw"), "", LISTING)
            if self.listing is not None and self.listing.state == Listing.State.DRAFT
            else ("delete", _("Delete"), self.off(Capability.DELETE_LISTING), DELETE),
        ]


def columns_of(product: Product) -> list[StoreColumn]:
    """Return the stores of a product by name: every connected one, and others that have a listing. Three statements."""
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
    return [
        StoreColumn(store, product, listings.get(store.pk), by_store[store.pk])
        for store in stores
        if store.state != Connection.State.DISCONNECTED or store.pk in listings
    ]
