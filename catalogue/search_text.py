"""What SKUs, products and listings are found by, and how that is kept true (`oms.kit.search`).

A product is found by the texts of its variants, stock too. A variant's text has its product's title and brand, a
listing's text those of the products of its SKUs: whoever changes one of them calls `refresh_after`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import Q, QuerySet

from catalogue.models import Listing, ListingVariant, SkuAlias, Variant
from oms.kit.bulk import among, set_to
from oms.kit.search.index import SearchIndex
from oms.kit.search.query import matching
from oms.kit.search.text import search_text, with_compact


def _product_words(variant: Variant) -> list[str]:
    brand = variant.product.brand
    return [variant.product.title, brand.name if brand else "", *variant.product.tags]


def variant_text(variant: Variant, aliases: Iterable[str] = ()) -> str:
    """Return the search text of a variant; `aliases` are its other SKUs. Reads its product and the product's brand."""
    parts = [variant.sku, variant.barcode, *sorted(aliases), *_product_words(variant)]
    return search_text([with_compact(variant.sku), *parts, *map(str, variant.options.values())])


def listing_text(listing: Listing, rows: Iterable[ListingVariant]) -> str:
    """Return the search text of a listing with its SKUs. Reads their variants with product and brand."""
    parts = [listing.external_id, listing.remote_title]
    for row in sorted(rows, key=lambda row: row.sku_key):
        variant = row.variant
        parts += [row.external_sku, row.external_id, variant.sku, variant.barcode, *_product_words(variant)]
    return search_text(parts)


# ------------------------------------------------ kept true


def refresh_after(*, variants: Collection[int] = (), products: Collection[int] = ()) -> None:
    """Write the texts of these variants, of all variants of these products, and of every listing that lists them.

    To be called in the transaction that changed a SKU, barcode, mapping, title or brand; seven statements at most.
    """
    if not (variants or products):
        return
    wanted = Variant.objects.filter(Q(pk__in=list(variants)) | Q(product__in=list(products)))
    ids = list(wanted.order_by().values_list("pk", flat=True))
    if not ids:
        return
    refresh_variants(ids)
    listed = ListingVariant.objects.filter(variant__in=ids).order_by()
    refresh_listings(set(listed.values_list("listing", flat=True)))


def refresh_variants(variant_ids: Collection[int]) -> int:
    """Write the texts of these variants from what the database has of them; returns how many were not true."""
    wrong = _differing_variants(variant_ids)
    set_to(Variant, ("search_text",), {row.pk: (text,) for row, text in wrong})
    return len(wrong)


def refresh_listings(listing_ids: Collection[int]) -> int:
    """Write the texts of these listings from what the database has of them; returns how many were not true."""
    wrong = _differing_listings(listing_ids)
    set_to(Listing, ("search_text",), {row.pk: (text,) for row, text in wrong})
    return len(wrong)


def _differing_variants(variant_ids: Collection[int]) -> list[tuple[Variant, str]]:
    ids = among(variant_ids)
    rows = Variant.objects.filter(pk__in=ids).select_related("product__brand").order_by("pk")
    aliases: dict[int, list[str]] = defaultdict(list)
    for pk, sku in SkuAlias.objects.filter(variant__in=ids).order_by().values_list("variant", "sku"):
        aliases[pk].append(sku)
    columns = ("sku", "barcode", "options", "search_text", "product__title", "product__brand__name")
    return [
        (row, text)
        for row in rows.only(*columns)
        if row.search_text != (text := variant_text(row, aliases[row.pk]))
    ]


def _differing_listings(listing_ids: Collection[int]) -> list[tuple[Listing, str]]:
    ids = among(listing_ids)
    listed: dict[int, list[ListingVariant]] = defaultdict(list)
    columns = ("variant__sku", "variant__barcode", "variant__product__title", "variant__product__brand__name")
    rows = ListingVariant.objects.filter(listing__in=ids).select_related("variant__product__brand").order_by()
    for row in rows.only("listing", "external_sku", "external_id", "sku_key", *columns):
        listed[row.listing_id].append(row)
    listings = (
        Listing.objects.filter(pk__in=ids).only("external_id", "remote_title", "search_text").order_by("pk")
    )
    return [(row, text) for row in listings if row.search_text != (text := listing_text(row, listed[row.pk]))]


VARIANTS = SearchIndex(
    model=Variant,
    column="search_text",
    bare=lambda: Variant.objects.filter(search_text=""),
    keys=Variant.objects.all,
    refresh=refresh_variants,
    wrong=lambda ids: [row.sku for row, _text in _differing_variants(ids)],
)
LISTINGS = SearchIndex(
    model=Listing,
    column="search_text",
    bare=lambda: Listing.objects.filter(search_text=""),
    keys=Listing.objects.all,
    refresh=refresh_listings,
    wrong=lambda ids: [row.remote_title or str(row.pk) for row, _text in _differing_listings(ids)],
)


# ------------------------------------------------ asked


def found_variants(text: str) -> QuerySet[Variant, Any]:
    """Return the variants that `text` finds, without order; to be used as a subquery by `values`."""
    return matching(Variant.objects.order_by(), text)
