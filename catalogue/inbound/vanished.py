"""Products that their channel does not have any more (docs/remote-ids.md).

Their listing is deleted in Manifold; product, stock and orders stay. When a product comes back, under its old id or with
its SKUs under a new one, the listing is used again.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from catalogue.inbound.import_problems import DUPLICATE_SKU
from catalogue.models import Listing, ListingVariant
from channels.contract.records.products import ProductKind
from channels.contract.spec import Capability
from channels.models import Connection, SyncRun
from channels.pull.single_records import request_products
from oms.kit.models import Problem

#: Listings that one complete import asks for by id. More are missing only when the channel left much out.
REQUESTED = 500


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
        _compare_again(connection, ids)
    if connection.spec.variants_by_id:
        ListingVariant.objects.filter(
            connection=connection, external_id__in=list(external_ids), listing__remote_kind=ProductKind.GROUP
        ).update(external_id="", answer=_("No longer on the store."))


def _compare_again(connection: Connection, listing_ids: Sequence[int]) -> None:
    """Remove the hash of listings that have the SKU of a deleted one: their next import takes that SKU over."""
    skus = ListingVariant.objects.filter(listing__in=listing_ids).values_list("external_sku", flat=True)
    problems = Problem.objects.open().filter(
        code=DUPLICATE_SKU.code, subject_kind="connection", subject_id=connection.pk, data__sku__in=list(skus)
    )
    others = {str(data.get("product_external_id")) for data in problems.values_list("data", flat=True)}
    if others:
        Listing.objects.filter(connection=connection, external_id__in=others).update(remote_hash="")


def request_unseen(connection: Connection, run: SyncRun) -> None:
    """Ask the channel, by id, for the listings that a complete import of all products did not have.

    Only the answer to that decides whether they are deleted: the channel may have left a page out. Of a channel that
    cannot import groups again these are not asked for, as a manual import leaves them out.
    """
    if run.window_start is not None:
        return
    live = (Listing.State.ACTIVE, Listing.State.INACTIVE)
    if connection.spec.variants_by_id:
        skus = ListingVariant.objects.filter(
            connection=connection, listing__state__in=live, read_at__lt=run.started_at
        ).exclude(external_id="")
        request_products(connection, skus.order_by("pk").values_list("external_id", flat=True)[:REQUESTED])
        return
    rows = Listing.objects.filter(connection=connection, state__in=live).exclude(external_id="")
    if not connection.spec.supports(Capability.PULL_GROUP_PRODUCT):
        rows = rows.exclude(remote_kind=ProductKind.GROUP)
    seen = ListingVariant.objects.filter(listing=OuterRef("pk"), read_at__gte=run.started_at)
    unseen = rows.filter(~Exists(seen)).order_by("pk").values_list("external_id", flat=True)[:REQUESTED]
    request_products(connection, unseen)
