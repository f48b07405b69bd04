"""Build the draft of a listing, as it is to be on its store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from catalogue import callbacks
from catalogue.descriptions import clean
from catalogue.models import Attribute, Listing, ListingVariant
from catalogue.pictures.originals import public_address
from catalogue.pricing import Price, price_for
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, VariantDraft


def draft_of(
    listing: Listing, *, changed: Sequence[str] = (), known_prices: Mapping[int, Price] | None = None
) -> tuple[ListingDraft, list[ListingVariant]]:
    """Return the draft of a listing, and the rows of its SKUs (`VariantDraft.ref` is their id).

    `changed` are the fields that were edited. The listing's own title and attributes have priority over the product's;
    attributes of the product that the store does not have are left out, if the store's were imported. Of description and
    warranty the safe HTML is sent, whoever wrote them. A SKU that is removed from the listing is marked where the channel can
    delete it. `known_prices` has the
    prices by the id of the SKU's row; otherwise they are computed. Raise `CatalogueError` when a SKU has no price for the store.
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
    deletes = not connection.spec.listing_rules.no_removed_skus
    prices = {row.pk: price_for(row) for row in rows} if known_prices is None else known_prices
    draft = ListingDraft(
        ref=f"{connection.birthmark}-listing-{listing.pk}",
        kind=kind,
        title=listing.own_title or (_title(listing, rows) if kind == ProductKind.SINGLE else product.title),
        description=clean(product.description).html,
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
                attributes=_sku_attributes(row),
                is_removed=row.is_removed and deletes,
            )
            for row in rows
        ),
        brand=product.brand.name if product.brand else "",
        category_external_ids=tuple(listing.category_external_ids),
        attributes=_attributes(listing),
        warranty=clean(product.warranty).html,
        image_urls=image_urls,
        external_id=listing.external_id,
        changed=frozenset(changed),
    )
    return draft, rows


def _sku_attributes(row: ListingVariant) -> dict[str, str]:
    """Return the attributes of one SKU: its options, and what was entered for it in the listing."""
    own = {name: value for name, value in row.own_attributes.items() if value}
    taken = {name.casefold() for name in own}
    options = {
        str(name): str(value) for name, value in row.variant.options.items() if name.casefold() not in taken
    }
    return options | own


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


def _attributes(listing: Listing) -> dict[str, str]:
    own = {name: value for name, value in listing.own_attributes.items() if value}
    taken = {name.casefold() for name in own}
    more = {name: value for name, value in listing.product.attributes.items() if name.casefold() not in taken}
    if not more:
        return own
    known = _known_names(listing)
    return own | {name: value for name, value in more.items() if not known or name.casefold() in known}


def _known_names(listing: Listing) -> set[str]:
    """Return the names of attributes that the listing may have, casefolded; empty when they are not known.

    Where attributes depend on the category, they are those of the listing's category, once these were imported.
    """
    rules = listing.connection.spec.listing_rules
    rows = Attribute.objects.filter(connection=listing.connection)
    if rules.by_category and listing.category_external_ids:
        of_category = rows.filter(external_id__startswith=f"{listing.category_external_ids[0]}:")
        names = {name.casefold() for name in of_category.values_list("name", flat=True)}
        if names:
            return names | {field.name for field in rules.fields}
    return {name.casefold() for name in rows.values_list("name", flat=True)}
