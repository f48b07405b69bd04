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


@transaction.atomic
def stop_selling(
    *,
    variants: Iterable[Variant] = (),
    listing_variants: Iterable[ListingVariant] = (),
    stopped: bool = True,
) -> None:
    """Offer 0 of these SKUs on every store, or of these listed SKUs on theirs, at once; or sell again (R-INV-07)."""
    everywhere, here = [row.pk for row in variants], list(listing_variants)
    Variant.objects.filter(pk__in=everywhere).update(is_stopped=stopped)
    ListingVariant.objects.filter(pk__in=[row.pk for row in here]).update(is_stopped=stopped)
    for row in here:
        row.is_stopped = stopped
    callbacks.call_availability({*everywhere, *(row.variant_id for row in here)})


@transaction.atomic
def list_on_store(
    product: Product, connection: Connection, *, category_external_ids: Sequence[str] = ()
) -> Listing:
    """Put a product on a store (R-CAT-08): a draft here, and the message that makes it there.

    Raises `CatalogueError` when the channel cannot make such a listing, the product is there already, or one of
    its SKUs is listed there under another product.
    """
    capability = (
        Capability.CREATE_LISTING_GROUP
        if product.kind == Product.Kind.GROUP
        else Capability.CREATE_LISTING_SINGLE
    )
    _must(connection, capability)
    Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=connection.pk)
    variants = list(product.variants.all())
    keys = {sku_key(variant.sku): variant for variant in variants}
    there = {
        row.sku_key: row
        for row in ListingVariant.objects.filter(connection=connection, sku_key__in=keys).select_related(
            "listing"
        )
    }
    for row in there.values():
        if row.listing.state != Listing.State.REMOVED and row.external_id:
            raise CatalogueError(
                _("%(sku)s is on %(store)s already.") % {"sku": row.external_sku, "store": connection.name}
            )
        if row.listing.state == Listing.State.DRAFT:
            raise CatalogueError(
                _("%(sku)s is being put on %(store)s already.")
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
        row = there.get(key) or ListingVariant(connection=connection, external_sku=variant.sku, sku_key=key)
        row.listing, row.variant, row.external_id = listing, variant, ""
        row.sent_quantity = row.sent_at = row.remote_quantity = None
        row.save()
    search_text.refresh_listings([listing.pk, *(row.listing_id for row in there.values())])
    outbox.touch(Topic.LISTING_CREATE, [(connection.pk, listing.pk)])
    request_attributes(connection, listing.category_external_ids)
    return listing


@transaction.atomic
def delete_listing(listing: Listing) -> None:
    """Take a product off a store (R-CAT-11); the product itself stays. A draft that was not sent is dropped here.

    Raises `CatalogueError` with the reason where the channel cannot delete.
    """
    _must(listing.connection, Capability.DELETE_LISTING)
    row = Listing.objects.select_for_update(of=("self",)).get(pk=listing.pk)
    if row.external_id:
        outbox.touch(Topic.LISTING_DELETE, [(row.connection_id, row.pk)])
    else:
        Listing.objects.filter(pk=row.pk).update(state=Listing.State.REMOVED)


def _must(connection: Connection, capability: Capability) -> None:
    offered: Mapping[str, str] = connection.account.get("offered", {})
    if not connection.spec.supports(capability) or capability in offered:
        reason = offered.get(capability) or connection.spec.reason(capability)
        raise CatalogueError(str(reason) or _("%s cannot do this.") % connection.spec.label)
