"""Products that their channel does not have any more (docs/remote-ids.md).

Their listing is deleted in Manifold; product, stock and orders stay. When a product comes back, under its old id or with
its SKUs under a new one, the listing is used again.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from catalogue.models import Listing, ListingVariant
from channels.models import Connection


def products_vanished(connection: Connection, external_ids: Sequence[str]) -> None:
    """Mark the listings of these products, or of these SKUs, as deleted, in the transaction of the page."""
    listings = Listing.objects.filter(
        connection=connection,
        external_id__in=list(external_ids),
        state__in=(Listing.State.ACTIVE, Listing.State.INACTIVE, Listing.State.PENDING),
    )
    ids = list(listings.order_by("pk").values_list("pk", flat=True))
    if ids:
        # Without its hash the next import compares the listing again.
        Listing.objects.filter(pk__in=ids).update(state=Listing.State.REMOVED, remote_hash="")
        ListingVariant.objects.filter(listing__in=ids).update(answer=_("No longer on the store."))
