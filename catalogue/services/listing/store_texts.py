"""The part of reconcile for descriptions and pictures (R-PLUS-05, R-CAT-07): compared as each page of a store is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.html import strip_tags
from django.utils.translation import gettext_lazy, ngettext

from catalogue.descriptions import clean
from catalogue.errors import CatalogueError
from catalogue.models import Listing, ProductImage
from catalogue.models.keys import text_hash
from catalogue.pictures.originals import public_address
from catalogue.services.products import edit_product
from channels.contract.records.products import ProductRecord
from channels.contract.spec import Capability
from channels.models import Connection, Difference
from channels.push import outbox
from channels.push.topics import Topic
from channels.reconcile import parts, repairs
from channels.reconcile.parts import Found, Kind, Part, Repair
from oms.kit.authors.actors import Author

_LIVE = (Listing.State.ACTIVE, Listing.State.INACTIVE)
#: The fields of the part, with their names in `Listing.changed_fields` and in `edit_product`.
SENT = {"description": "description", "images": "image_urls"}


class TextsPart(Part):
    """Descriptions and pictures of listings that are not Manifold's.

    Descriptions are compared by what a reader sees. Stores give pictures other addresses, so pictures are compared by their
    number, and by their addresses where all of Manifold's are the store's own.
    """

    key = "texts"
    position = 45
    title = gettext_lazy("Descriptions and pictures")
    stream = parts.PRODUCTS
    needs = (Capability.PULL_PRODUCTS,)
    fields = {"description": gettext_lazy("Description"), "images": gettext_lazy("Pictures")}
    repairs = (
        Repair(
            "send",
            gettext_lazy("Send Manifold's"),
            frozenset({Kind.DIFFERS}),
            needs=Capability.UPDATE_LISTING,
        ),
        Repair("accept", gettext_lazy("Accept the store's"), frozenset({Kind.DIFFERS})),
    )

    def compare_page(
        self, connection: Connection, records: Sequence[ProductRecord], read_from: datetime
    ) -> list[Found]:
        """Return the fields that differ. Two statements."""
        by_id = {record.external_id: record for record in records if not record.is_part}
        listings = list(
            Listing.objects.filter(connection=connection, state__in=_LIVE, external_id__in=by_id)
            .select_related("product")
            .order_by("pk")
        )
        own: dict[int, list[str]] = {}
        with_variants: set[int] = set()
        pictures = ProductImage.objects.filter(product__in={each.product_id for each in listings})
        for picture in pictures.order_by("position", "pk"):
            if picture.variant_id is None:
                own.setdefault(picture.product_id, []).append(public_address(picture.url))
            else:
                with_variants.add(picture.product_id)
        found: list[Found] = []
        for listing in listings:
            listing.connection = connection
            record = by_id[listing.external_id]
            found += _description(listing, record)
            if listing.product_id not in with_variants:
                found += _pictures(listing, record, own.get(listing.product_id, []))
        return found

    def repair(self, connection: Connection, rows: Sequence[Difference], how: str, by: Author) -> list[str]:
        """Send Manifold's, or use the store's as those of the product, which the other stores are sent too."""
        listings = Listing.objects.select_related("product", "connection").in_bulk(
            [row.subject_id for row in rows]
        )
        changed: dict[int, Listing] = {}
        refused = []
        for row in rows:
            listing = listings.get(row.subject_id or 0)
            if listing is None or row.field not in SENT:
                continue
            if how == "send":
                listing.changed_fields = sorted({*listing.changed_fields, SENT[row.field]})
                changed[listing.pk] = listing
            elif "value" in row.data:
                try:
                    edit_product(listing.product, {row.field: row.data["value"]})
                except CatalogueError as error:
                    refused.append(f"{row}: {error}")
        if changed:
            Listing.objects.bulk_update(changed.values(), ["changed_fields"])
            outbox.touch(Topic.LISTING_UPDATE, [(connection.pk, pk) for pk in changed])
        return refused


def _found(listing: Listing, field: str, ours: str, theirs: str, value: object) -> Found:
    return Found(
        listing.external_id,
        Kind.LAG if SENT[field] in listing.changed_fields else Kind.DIFFERS,
        listing.product.title,
        ours=ours,
        theirs=theirs,
        field=field,
        subject_id=listing.pk,
        data={"value": value},
    )


def _description(listing: Listing, record: ProductRecord) -> list[Found]:
    product = listing.product
    ours = clean(product.description).html
    # As connectors send it: without a description the title, the warranty at its end where it has no field.
    sent = {ours or product.title, f"{ours or product.title} Warranty: {product.warranty}"}
    if not record.description or text_hash(record.description) in set(map(text_hash, sent)):
        return []
    return [_found(listing, "description", _plain(ours), _plain(record.description), record.description)]


def _plain(text: str) -> str:
    return " ".join(strip_tags(text.replace("<", " <")).split())[:300]


def _pictures(listing: Listing, record: ProductRecord, ours: list[str]) -> list[Found]:
    """Return whether the pictures differ; a product without pictures in Manifold, and a store that shows none, are left out."""
    theirs = [url for url in record.image_urls if url]
    most = listing.connection.spec.listing_rules.pictures
    expected = ours[:most] if most else ours
    if not ours or not theirs:
        return []
    is_same_place = set(ours) <= set(theirs) or set(theirs) <= set(ours)
    if theirs == expected or (len(theirs) == len(expected) and not is_same_place):
        return []
    return [_found(listing, "images", _count(expected), _count(theirs), theirs)]


def _count(urls: Sequence[str]) -> str:
    count = ngettext("%d picture", "%d pictures", len(urls)) % len(urls)
    return f"{count}: {', '.join(urls)}"[:300] if urls else count


def accept(listing: Listing, *, by: Author) -> tuple[int, list[str]]:
    """Use the store's value of each open difference of a listing; return how many, and why others were refused."""
    done, refused = 0, []
    rows = of_listing(listing)
    for part in dict.fromkeys(row.part for row in rows):
        count, sentences = repairs.repair(
            listing.connection, [row for row in rows if row.part == part], "accept", by=by
        )
        done += count
        refused += sentences
    return done, refused


def of_listing(listing: Listing) -> list[Difference]:
    """Return the open differences of title, description and pictures of one listing."""
    rows = Difference.objects.filter(
        connection=listing.connection_id,
        part__in=["details", TextsPart.key],
        key=listing.external_id,
        closed_at=None,
        kind=Kind.DIFFERS,
    )
    return list(rows.order_by("part", "field"))
