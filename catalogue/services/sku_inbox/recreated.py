"""Source of the SKU inbox: a product that its store deleted and created again under another SKU.

Under its old SKU a new product is used again by itself (`catalogue.inbound.vanished`). Under another SKU it is a new
product in Manifold; stock and orders are still at the old one. Nothing is merged by itself: a person compares the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.errors import CatalogueError
from catalogue.models import Listing, ListingVariant, SkuDecision, Variant
from catalogue.services.sku_inbox import rows
from catalogue.services.sku_inbox.rows import Accepted, Row
from oms.kit.authors.actors import Author

#: Deleted listings that are looked at for one answer, the newest first.
LOOKED_AT = 300
_LIVE = (Listing.State.ACTIVE, Listing.State.INACTIVE)


class Recreated:
    """A SKU of a store whose title or barcode is that of a SKU that the store does not have any more."""

    kind = rows.RECREATED

    def rows(self, *, store: int | None, text: str, start: int, limit: int) -> list[Row]:
        """Return the new SKUs, each with the deleted SKU as the one to merge into. Three statements at most."""
        gone = _gone()
        if store is not None:
            gone = gone.filter(connection=store)
        found = _pairs(gone[:LOOKED_AT])
        if text:
            part = text.casefold()
            found = [row for row in found if part in row.sku.casefold() or part in row.title.casefold()]
        return found[start : start + limit]

    def count(self, *, store: int | None, text: str) -> int:
        return len(self.rows(store=store, text=text, start=0, limit=rows.COUNTED))

    def find(self, ref: int) -> Row | None:
        new = ListingVariant.objects.filter(pk=ref).select_related("variant__product").first()
        if new is None:
            return None
        same = Q(variant__product__title=new.variant.product.title)
        if new.variant.barcode:
            same |= Q(variant__barcode=new.variant.barcode)
        gone = _gone().filter(same, connection=new.connection_id)
        return next((row for row in _pairs(gone[:LOOKED_AT]) if row.ref == ref), None)

    def accept(self, row: Row, variant: Variant, by: Author) -> Accepted:
        raise CatalogueError(_("Merge %s on its own page: it shows what moves.") % row.sku)

    def undo(self, decision: SkuDecision, by: Author) -> None:
        raise CatalogueError(_("Undo the merge on the page of the product."))


def _gone() -> QuerySet[ListingVariant]:
    """Return the SKUs of deleted listings that their store does not list otherwise, the newest first."""
    elsewhere = ListingVariant.objects.filter(
        variant=OuterRef("variant"), connection=OuterRef("connection"), listing__state__in=_LIVE
    )
    return (
        ListingVariant.objects.filter(listing__state=Listing.State.REMOVED, variant__merged_into=None)
        .exclude(Exists(elsewhere))
        .select_related("variant__product")
        .only("connection", "variant__sku", "variant__barcode", "variant__options", "variant__product__title")
        .order_by("-listing_id", "pk")
    )


def _pairs(gone: QuerySet[ListingVariant] | Sequence[ListingVariant]) -> list[Row]:
    """Return one row for each live SKU that looks like a deleted one of its store."""
    old = list(gone)
    if not old:
        return []
    by_title: dict[tuple[int, str], ListingVariant] = {}
    by_barcode: dict[tuple[int, str], ListingVariant] = {}
    for one in reversed(old):
        by_title[one.connection_id, one.variant.product.title] = one
        if one.variant.barcode:
            by_barcode[one.connection_id, one.variant.barcode] = one
    same = Q(variant__product__title__in={title for _store, title in by_title}) | Q(
        variant__barcode__in={code for _store, code in by_barcode}
    )
    live = (
        ListingVariant.objects.filter(
            same,
            connection__in={one.connection_id for one in old},
            listing__state__in=_LIVE,
            variant__merged_into=None,
        )
        .exclude(rows.is_dismissed(rows.RECREATED, connection="connection", key="external_id"))
        .select_related("variant__product", "listing")
        .defer("answer")
        .order_by("-pk")[:LOOKED_AT]
    )
    found = []
    used: dict[int, set[int]] = defaultdict(set)
    for new in live:
        store, variant = new.connection_id, new.variant
        why = gettext_lazy("same barcode")
        match = by_barcode.get((store, variant.barcode)) if variant.barcode else None
        if match is None:
            why, match = gettext_lazy("same title"), by_title.get((store, variant.product.title))
        if match is None or match.variant_id == variant.pk or variant.pk in used[store]:
            continue
        if match.variant.options != variant.options:
            continue  # another size or colour of one product
        used[store].add(variant.pk)
        found.append(
            Row(
                kind=rows.RECREATED,
                ref=new.pk,
                key=new.external_id,
                connection_id=store,
                sku=variant.sku,
                title=variant.product.title,
                message=_("The store deleted %(old)s and has this product under another SKU.")
                % {"old": match.variant.sku},
                image=new.listing.remote_image,
                barcode=variant.barcode,
                options=variant.options,
                external_id=new.external_id,
                since=variant.created_at,
                possible=[(match.variant_id, why)],
            )
        )
    return found
