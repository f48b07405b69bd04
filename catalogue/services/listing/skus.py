"""New and removed SKUs of a group reach the listings that the group has in its stores (R-CAT-05, R-CAT-09)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue import search_text
from catalogue.errors import CatalogueError
from catalogue.models import Listing, ListingVariant, Product, Variant
from catalogue.services.editing import groups, options
from catalogue.services.listings import stop_selling
from channels.contract.records.products import ProductKind
from channels.contract.spec import Capability
from channels.models import Connection
from channels.push import outbox
from channels.push.topics import Topic
from oms.kit.authors import audit


@dataclass(frozen=True, slots=True)
class Reached:
    """A listing and what happens in its store. `reason`: why the SKU is not added, or not deleted there; "" when it is."""

    listing: Listing
    reason: str = ""


def group_listings(product: Product) -> list[Reached]:
    """Return the listings of a product that exist in connected stores, each with why it takes no new SKU. One statement."""
    rows = (
        Listing.objects.filter(product=product)
        .exclude(external_id="")
        .exclude(state__in=[Listing.State.REMOVED, Listing.State.DRAFT])
        .exclude(connection__state=Connection.State.DISCONNECTED)
        .select_related("connection")
        .order_by("connection__name", "pk")
    )
    return [Reached(row, _why_no_new(row)) for row in rows]


def _why_no_new(listing: Listing) -> str:
    store = listing.connection
    if why := store.why_not(Capability.UPDATE_LISTING):
        return str(why)
    if listing.remote_kind == ProductKind.SINGLE:
        return _("The store lists it as a single product. List the group there.")
    return str(store.spec.listing_rules.no_new_skus)


@transaction.atomic
def generate(product: Product, pattern: str, *, lists: bool = True) -> tuple[list[Variant], list[Reached]]:
    """Make the missing SKUs of a product and add them to its listings (`lists`); return them, and what happens in each store.

    Raise `CatalogueError` as `options.generate` does.
    """
    made = options.generate(product, pattern)
    return made, add_to_listings(product, made) if lists else []


@transaction.atomic
def join(
    product: Product, variant: Variant, values: Mapping[str, str], *, lists: bool = True
) -> tuple[Variant, list[Reached]]:
    """Join a SKU to a group and add it to the group's listings; return it, and what happens in each store.

    Raise `CatalogueError` as `groups.join` does.
    """
    joined = groups.join(product, variant, values)
    return joined, add_to_listings(product, [joined]) if lists else []


@transaction.atomic
def add_to_listings(product: Product, variants: Sequence[Variant]) -> list[Reached]:
    """Add new SKUs of a group to each listing that the group has, and send them; return what happens in each store.

    A SKU that another listing of a store has stays there. The message of a listing is one, so a SKU is added once.
    """
    found = group_listings(product)
    reached = []
    for one in found:
        listing = one.listing
        have = set(listing.variants.values_list("variant_id", flat=True))
        if all(variant.pk in have for variant in variants):
            continue  # the single listing of a SKU that joined the group
        if one.reason:
            reached.append(one)
            continue
        keys = {variant.sku_key: variant for variant in variants}
        taken = ListingVariant.objects.filter(connection=listing.connection, sku_key__in=keys)
        for key in taken.values_list("sku_key", flat=True):
            keys.pop(key)
        if not keys:
            reached.append(Reached(listing, _("The store has a listing with this SKU already.")))
            continue
        ListingVariant.objects.bulk_create(
            ListingVariant(
                listing=listing,
                connection=listing.connection,
                variant=variant,
                external_sku=variant.sku,
                sku_key=key,
            )
            for key, variant in keys.items()
        )
        _send(listing)
        search_text.refresh_listings([listing.pk])
        reached.append(one)
    return reached


def _send(listing: Listing) -> None:
    row = Listing.objects.select_for_update(of=("self",)).get(pk=listing.pk)
    row.changed_fields = sorted({*row.changed_fields, "variants"})
    row.save(update_fields=["changed_fields"])
    outbox.touch(Topic.LISTING_UPDATE, [(row.connection_id, row.pk)])


def stores_that_list(variant: Variant) -> list[Reached]:
    """Return the listings that have this SKU with others, each with why the channel does not delete it there; "" when it does."""
    rows = (
        ListingVariant.objects.filter(variant=variant)
        .exclude(listing__state=Listing.State.REMOVED)
        .select_related("listing__connection")
        .order_by("connection__name", "pk")
    )
    return [Reached(row.listing, _why_not_deleted(row.listing)) for row in rows]


def _why_not_deleted(listing: Listing) -> str:
    if not listing.external_id:
        return ""
    why = listing.connection.why_not(Capability.UPDATE_LISTING)
    return str(why or listing.connection.spec.listing_rules.no_removed_skus)


@transaction.atomic
def remove_from_listings(variant: Variant) -> list[Reached]:
    """Remove a SKU from every listing that has it with other SKUs; return what happens in each store.

    Where the channel deletes SKUs of a group it is deleted; elsewhere it is offered 0 from now on. Raise `CatalogueError`
    when a listing has no other SKU: that listing is to be deleted instead.
    """
    rows = list(
        ListingVariant.objects.select_for_update(of=("self",))
        .filter(variant=variant)
        .exclude(listing__state=Listing.State.REMOVED)
        .select_related("listing__connection", "connection")
        .order_by("pk")
    )
    for row in rows:
        if not row.listing.variants.exclude(pk=row.pk).filter(is_removed=False).exists():
            raise CatalogueError(
                _("%(sku)s is the only SKU of its listing in %(store)s. Delete the listing instead.")
                % {"sku": variant.sku, "store": row.connection.name}
            )
    audit.record_many("sku.removed_from_listing", [(row, {}) for row in rows])
    ListingVariant.objects.filter(pk__in=[row.pk for row in rows]).update(is_removed=True)
    found = []
    unsent = [row.pk for row in rows if not row.external_id]
    for row in rows:
        reason = _why_not_deleted(row.listing)
        if not reason and row.external_id:
            _send(row.listing)
        found.append(Reached(row.listing, reason))
    stop_selling(listing_variants=[row for row in rows if row.external_id])
    _forget(unsent)
    return found


def _forget(listed: Iterable[int]) -> None:
    """Delete rows of SKUs that no store has yet."""
    rows = ListingVariant.objects.filter(pk__in=list(listed), external_id="")
    listings = list(rows.values_list("listing_id", flat=True))
    rows.delete()
    search_text.refresh_listings(listings)
