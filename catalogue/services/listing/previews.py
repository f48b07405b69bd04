"""What a change will send to each store that lists a product, before it is saved: fields old and new, and the requests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import Listing, Product
from catalogue.push.listing_drafts import draft_of
from catalogue.services.listing.checks import label_of
from channels.contract.errors import ChannelError
from channels.contract.records.listings import PlannedRequest
from channels.contract.records.updates import ListingDraft
from channels.contract.spec import Capability
from channels.models import Connection
from channels.stores import listing_setup

LONGEST = 10.0  # seconds in which requests are planned; stores after that show their fields only
SHOWN = 600  # characters of a value


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that is sent: as the store has it, as far as this is known, and as it will be."""

    field: str
    old: str
    new: str

    @property
    def label(self) -> str:
        """The field as people read it."""
        return label_of(self.field)


@dataclass(slots=True)
class StorePreview:
    """What one store is sent. `why_not`: why nothing is sent, or why the requests are not shown."""

    listing: Listing
    fields: list[FieldChange] = field(default_factory=list)
    requests: Sequence[PlannedRequest] = ()
    why_not: str = ""

    @property
    def shown(self) -> list[tuple[PlannedRequest, str]]:
        """Each request with its body as text."""
        return [(one, body_text(one)) for one in self.requests]


def body_text(request: PlannedRequest) -> str:
    """Return the body of a planned request as a person reads it; "" without one."""
    if request.body is None:
        return ""
    return json.dumps(request.body, indent=2, ensure_ascii=False, default=str)


class _Undo(Exception):
    """Ends the transaction of a preview."""


def preview(product: Product, act: Callable[[], object]) -> list[StorePreview]:
    """Return what each store would be sent after `act`, which is undone. Nothing is saved or sent; channels may be read.

    Raise the `CatalogueError` that `act` raises.
    """
    before = {listing.pk: _draft(listing) for listing in _listings(product)}
    after: list[tuple[Listing, ListingDraft | str]] = []
    try:
        with transaction.atomic():
            act()
            after = [
                (listing, _draft(listing, listing.changed_fields))
                for listing in _listings(product)
                if listing.changed_fields
            ]
            raise _Undo
    except _Undo:
        pass
    until = time.monotonic() + LONGEST
    return [_preview(listing, before.get(listing.pk, ""), draft, until) for listing, draft in after]


def waiting(listing: Listing) -> StorePreview:
    """Return what a listing's saved changes will send to its store."""
    draft = _draft(listing, listing.changed_fields)
    return _preview(listing, draft, draft, time.monotonic() + LONGEST)


def _listings(product: Product) -> list[Listing]:
    rows = Listing.objects.filter(product=product).exclude(external_id="")
    rows = rows.exclude(state=Listing.State.REMOVED).exclude(connection__state=Connection.State.DISCONNECTED)
    return list(rows.select_related("connection", "product__brand").order_by("connection__name", "pk"))


def _draft(listing: Listing, changed: Sequence[str] = ()) -> ListingDraft | str:
    """Return the draft of a listing, or why there is none."""
    try:
        return draft_of(listing, changed=changed)[0]
    except CatalogueError as error:
        return str(error)


def _preview(
    listing: Listing, before: ListingDraft | str, draft: ListingDraft | str, until: float
) -> StorePreview:
    if isinstance(draft, str):
        return StorePreview(listing, why_not=draft)
    fields = [
        FieldChange(name, _old(listing, name, before), value_of(draft, name))
        for name in sorted(draft.changed)
    ]
    found = StorePreview(listing, [one for one in fields if one.old != one.new or one.field == "variants"])
    store = listing.connection
    if why := store.why_not(Capability.UPDATE_LISTING):
        found.why_not = str(why)
    elif time.monotonic() > until:
        found.why_not = _("The requests of this store are shown on the page of the listing.")
    else:
        try:
            found.requests = listing_setup.planned_changes(store, draft)
        except ChannelError as error:
            found.why_not = error.message
    return found


def _old(listing: Listing, name: str, before: ListingDraft | str) -> str:
    """Return a field as the store has it: its title by the last import, others as Manifold had them before."""
    if name == "title" and listing.remote_title:
        return listing.remote_title
    return "" if isinstance(before, str) else value_of(before, name)


def value_of(draft: ListingDraft, name: str) -> str:
    """Return a field of a draft as text."""
    if name == "variants":
        kept = [each for each in draft.variants if not each.is_removed]
        return ", ".join(
            f"{each.sku} ({_options(each.options)})" if each.options else each.sku for each in kept
        )
    value: Any = getattr(draft, name)
    if name == "attributes":
        text = "; ".join(f"{key}: {one}" for key, one in value.items())
    elif isinstance(value, tuple):
        text = "\n".join(value)
    else:
        text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _options(options: Any) -> str:
    return ", ".join(map(str, options.values()))
