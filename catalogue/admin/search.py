"""Search functions of the catalogue lists, one for each list.

Each function takes rows and the typed text, and returns the rows that contain every word of it. Words are compared in the
form of `sku_key`, without regard to case. The indexes for these queries are in the migrations.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from catalogue.models import Brand, Category, Listing, ListingVariant, Product, Variant, sku_key

#: Words of a search beyond these are ignored.
MOST_WORDS = 6
#: Most categories that are searched for one text.
MOST_CATEGORIES = 50


def words_of(text: str) -> list[str]:
    """Return the words of a search."""
    return text.split()[:MOST_WORDS]


def variants_with(word: str) -> QuerySet[Variant]:
    """Return the variants that have `word` in their SKU or barcode."""
    return Variant.objects.filter(Q(sku_key__contains=sku_key(word)) | Q(barcode__icontains=word))


def brands_with(word: str) -> QuerySet[Brand]:
    """Return the brands that have `word` in their name."""
    return Brand.objects.filter(key__contains=sku_key(word))


def find_products(products: QuerySet[Product], text: str) -> QuerySet[Product]:
    """Find products by any part of title, brand, SKU or barcode."""
    for word in words_of(text):
        products = products.filter(
            Q(title__icontains=word)
            | Q(pk__in=variants_with(word).values("product"))
            | Q(brand__in=brands_with(word).values("pk"))
        )
    return products


def find_variants(variants: QuerySet[Variant], text: str) -> QuerySet[Variant]:
    """Find variants by any part of SKU, barcode, the product's title or its brand."""
    for word in words_of(text):
        products = Product.objects.filter(
            Q(title__icontains=word) | Q(brand__in=brands_with(word).values("pk"))
        )
        variants = variants.filter(
            Q(sku_key__contains=sku_key(word))
            | Q(barcode__icontains=word)
            | Q(product__in=products.values("pk"))
        )
    return variants


def find_listings(listings: QuerySet[Listing], text: str) -> QuerySet[Listing]:
    """Find listings by any part of title, SKU (Manifold's and the store's), barcode or brand, or by the whole channel id."""
    for word in words_of(text):
        listed = ListingVariant.objects.filter(
            Q(sku_key__contains=sku_key(word)) | Q(variant__in=variants_with(word).values("pk"))
        )
        products = Product.objects.filter(
            Q(title__icontains=word) | Q(brand__in=brands_with(word).values("pk"))
        )
        listings = listings.filter(
            Q(external_id=word)
            | Q(remote_title__icontains=word)
            | Q(product__in=products.values("pk"))
            | Q(pk__in=listed.values("listing"))
        )
    return listings


def find_brands(brands: QuerySet[Brand], text: str) -> QuerySet[Brand]:
    """Find brands by any part of their name."""
    for word in words_of(text):
        brands = brands.filter(key__contains=sku_key(word))
    return brands


def find_categories(categories: QuerySet[Category], text: str) -> QuerySet[Category]:
    """Find categories by any part of their path, or by the whole id of the channel."""
    for word in words_of(text):
        categories = categories.filter(Q(path__icontains=word) | Q(external_id=word))
    return categories


def in_category(listings: QuerySet[Listing], text: str) -> QuerySet[Any]:
    """Return the listings in the categories of their store that have this id, or this text in their name.

    The category ids of a listing are JSON, which SQLite cannot query: the text of the JSON is compared, for at most 50
    categories.
    """
    named = Category.objects.filter(Q(external_id=text) | Q(name__icontains=text)).order_by("pk")
    wanted = Q(pk=None)
    for store, external_id in named.values_list("connection_id", "external_id")[:MOST_CATEGORIES]:
        wanted |= Q(connection=store, categories_text__contains=f'"{external_id}"')
    return listings.annotate(categories_text=Cast("category_external_ids", TextField())).filter(wanted)
