"""The chips of the catalogue: the colour of each state of a listing, the same on every page."""

from __future__ import annotations

from django.utils.safestring import SafeString

from catalogue.models import Listing
from oms.kit.admin.badges import badge

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
