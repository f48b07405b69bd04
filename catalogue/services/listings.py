"""List a product on a store, stop selling it, delete the listing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue import callbacks, search_text
from catalogue.errors import CatalogueError
from catalogue.inbound.reference_data import request_attributes
from catalogue.models import Listing, ListingVariant, Product, Variant, sku_key
from channels.contract.spec import Capability
from channels.models import Connection
from channels.push import outbox
from channels.push.topics import Topic
from oms.kit.authors import audit


@transaction.atomic
def stop_selling(
    *,
    variants: Iterable[Variant] = (),
    listing_variants: Iterable[ListingVariant] = (),
    stopped: bool = True,
) -> None:
    """Offer 0 of these SKUs on all stores, or of these listed SKUs on their store; or sell again (R-INV-07).

    A listed SKU that is sold again is not removed from its listing any more.
    """
    skus, listed = list(variants), list(listing_variants)
    everywhere = [row.pk for row in skus]
    audit.record_many("sku.stopped" if stopped else "sku.sold_again", [(row, {}) for row in (*skus, *listed)])
    Variant.objects.filter(pk__in=everywhere).update(is_stopped=stopped)
    again = {} if stopped else {"is_removed": False}
    ListingVariant.objects.filter(pk__in=[row.pk for row in listed]).update(is_stopped=stopped, **again)
    for row in listed:
        row.is_stopped = stopped
    callbacks.call_availability({*everywhere, *(row.variant_id for row in listed)})


@transaction.atomic
def list_on_store(
    product: Product, connection: Connection, *, category_external_ids: Sequence[str] = ()
) -> Listing:
    """List a product on a store (R-CAT-08): create a draft and the message that creates the listing on the store.

    Raise `CatalogueError` when the channel cannot create such a listing, or when one of the SKUs is on the store already.
    """
    listing = draft_on_store(product, connection, category_external_ids=category_external_ids)
    audit.record("listing.listed", listing)
    outbox.touch(Topic.LISTING_CREATE, [(connection.pk, listing.pk)])
    return listing


@transaction.atomic
def draft_on_store(
    product: Product, connection: Connection, *, category_external_ids: Sequence[str] = ()
) -> Listing:
    """Create the draft of a listing; nothing is sent. Raise `CatalogueError` as `list_on_store` does."""
    capability = (
        Capability.CREATE_LISTING_GROUP
        if product.kind == Product.Kind.GROUP
        else Capability.CREATE_LISTING_SINGLE
    )
    require_capability(connection, capability)
    Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=connection.pk)
    variants = list(product.variants.current())
    keys = {sku_key(variant.sku): variant for variant in variants}
    on_store = {
        row.sku_key: row
        for row in ListingVariant.objects.filter(connection=connection, sku_key__in=keys).select_related(
            "listing"
        )
    }
    for row in on_store.values():
        if row.listing.state != Listing.State.REMOVED and row.external_id:
            raise CatalogueError(
                _("%(sku)s is on %(store)s already.") % {"sku": row.external_sku, "store": connection.name}
            )
        if row.listing.state == Listing.State.DRAFT:
            raise CatalogueError(
                _("%(sku)s is already being listed on %(store)s.")
                % {"sku": row.external_sku, "store": connection.name}
            )
    listing = Listing.objects.create(
        product=product,
        connection=connection,
        state=Listing.State.DRAFT,
        remote_kind=product.kind,
        remote_title=product.title,
        category_external_ids=[str(each) for each in category_external_ids],
    )
    for key, variant in keys.items():
        row = on_store.get(key) or ListingVariant(
            connection=connection, external_sku=variant.sku, sku_key=key
        )
        row.listing, row.variant, row.external_id = listing, variant, ""
        row.sent_quantity = row.sent_at = row.remote_quantity = None
        row.save()
    search_text.refresh_listings([listing.pk, *(row.listing_id for row in on_store.values())])
    request_attributes(connection, listing.category_external_ids)
    return listing


@transaction.atomic
def delete_listing(listing: Listing) -> None:
    """Delete a listing from its store (R-CAT-11); the product stays. A draft that was not sent is deleted in Manifold only.

    Raise `CatalogueError` with the reason when the channel cannot delete listings.
    """
    require_capability(listing.connection, Capability.DELETE_LISTING)
    row = Listing.objects.select_for_update(of=("self",)).get(pk=listing.pk)
    audit.record("listing.deleted", row)
    if row.external_id:
        outbox.touch(Topic.LISTING_DELETE, [(row.connection_id, row.pk)])
    else:
        Listing.objects.filter(pk=row.pk).update(state=Listing.State.REMOVED)


def require_capability(connection: Connection, capability: Capability) -> None:
    """Raise `CatalogueError` with the reason when this store does not have the capability."""
    offered: Mapping[str, str] = connection.account.get("offered", {})
    if not connection.spec.supports(capability) or capability in offered:
        reason = offered.get(capability) or connection.spec.reason(capability)
        raise CatalogueError(str(reason) or _("%s cannot do this.") % connection.spec.label)
