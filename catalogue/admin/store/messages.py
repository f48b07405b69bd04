"""Names and addresses of SKUs and listings in the list of messages."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse

from catalogue.models import Listing, ListingVariant
from channels.admin.message_text import LISTING, SKU, subjects


def product_url(product: int | None) -> str:
    """Return the address of a product's page; "" for none."""
    return reverse("admin:catalogue_product_change", args=[product]) if product else ""


@subjects(SKU)
def skus(keys: Collection[int]) -> dict[int, tuple[str, str]]:
    """Return the SKU and the address of its product, by the primary key of the listed SKU."""
    rows = ListingVariant.objects.filter(pk__in=keys)
    found = rows.values_list("pk", "external_sku", "variant__product_id")
    return {pk: (sku, product_url(product)) for pk, sku, product in found}


@subjects(LISTING)
def listings(keys: Collection[int]) -> dict[int, tuple[str, str]]:
    """Return the title and the address of the product of each listing, by primary key."""
    rows = Listing.objects.filter(pk__in=keys).values_list("pk", "product__title", "product_id")
    return {pk: (title, product_url(product)) for pk, title, product in rows}
