"""Build the draft of a listing, as it is to be on its store."""

from __future__ import annotations

from collections.abc import Sequence

from catalogue import callbacks
from catalogue.models import Attribute, Listing, ListingVariant
from catalogue.pictures.originals import public_address
from catalogue.pricing import price_for
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, VariantDraft
from channels.models import Connection


def draft_of(listing: Listing, *, changed: Sequence[str] = ()) -> tuple[ListingDraft, list[ListingVariant]]:
    """Return the draft of a listing, and the rows of its SKUs (`VariantDraft.ref` is their id).

    `changed` are the fields that were edited. Attributes that the store does not have are left out, if its attributes
    were imported. Raise `CatalogueError` when a SKU has no price for the store.
    """
    connection, product = listing.connection, listing.product
    rows = list(
        listing.variants.select_related("variant", "connection").order_by("variant__position", "variant_id")
    )
    units = callbacks.offered(connection, [row.pk for row in rows])
    pictures = list(product.images.all())
    of_variant = {
        image.variant_id: public_address(image.url) for image in reversed(pictures) if image.variant_id
    }
    image_urls = tuple(public_address(image.url) for image in pictures if not image.variant_id)
    kind = _kind(listing)
    prices = {row.pk: price_for(row) for row in rows}
    draft = ListingDraft(
        ref=f"{connection.birthmark}-listing-{listing.pk}",
        kind=kind,
        title=_title(listing, rows) if kind == ProductKind.SINGLE else product.title,
        description=product.description,
        currency=connection.currency,
        variants=tuple(
            VariantDraft(
                ref=str(row.pk),
                sku=row.external_sku,
                price=prices[row.pk].price,
                selling_price=prices[row.pk].selling_price,
                quantity=units[row.pk],
                options=row.variant.options,
                barcode=row.variant.barcode,
                image_url=of_variant.get(row.variant_id, ""),
                external_id=row.external_id,
            )
            for row in rows
        ),
        brand=product.brand.name if product.brand else "",
        category_external_ids=tuple(listing.category_external_ids),
        attributes=_attributes(connection, product.attributes),
        warranty=product.warranty,
        image_urls=image_urls,
        external_id=listing.external_id,
        changed=frozenset(changed),
    )
    return draft, rows


def _kind(listing: Listing) -> ProductKind:
    """Return the kind that the listing has in its store: a SKU that joined a group keeps its single listing."""
    product = listing.product
    if listing.external_id and listing.remote_kind == ProductKind.SINGLE:
        return ProductKind.SINGLE
    return ProductKind.GROUP if product.kind == product.Kind.GROUP else ProductKind.SINGLE


def _title(listing: Listing, rows: Sequence[ListingVariant]) -> str:
    """Return the title of a single listing; that of a SKU of a group has its options too: "T-shirt – M, Red"."""
    product = listing.product
    if product.kind != product.Kind.GROUP or len(rows) != 1:
        return product.title
    options = ", ".join(map(str, rows[0].variant.options.values()))
    return f"{product.title} – {options}" if options else product.title


def _attributes(connection: Connection, attributes: dict[str, str]) -> dict[str, str]:
    if not attributes:
        return {}
    known = {
        name.casefold()
        for name in Attribute.objects.filter(connection=connection).values_list("name", flat=True)
    }
    return {name: value for name, value in attributes.items() if not known or name.casefold() in known}
