"""Pictures of SKUs for lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from catalogue.models import ProductImage, Variant


def thumbnails_of(variants: Iterable[Variant]) -> dict[int, str]:
    """Return the address of each variant's picture by primary key: its own, else the first of its product.

    Variants without a picture are absent. One statement, however many variants.
    """
    wanted = {variant.pk: variant.product_id for variant in variants}
    if not wanted:
        return {}
    images = ProductImage.objects.filter(
        Q(variant__in=list(wanted)) | Q(variant=None, product__in=set(wanted.values()))
    ).order_by("position", "id")
    own: dict[int, str] = {}
    shared: dict[int, str] = {}
    for image in images.only("variant", "product", "url"):
        if image.variant_id is None:
            shared.setdefault(image.product_id, image.url)
        else:
            own.setdefault(image.variant_id, image.url)
    found = {pk: own.get(pk) or shared.get(product) for pk, product in wanted.items()}
    return {pk: url for pk, url in found.items() if url}


def picture_of(data: Mapping[str, Any]) -> str:
    """Return the address of the picture of a product that was not imported, from the data of its problem; "" for none."""
    record: Mapping[str, Any] = data.get("record") or {}
    variant: Mapping[str, Any] = next(iter(record.get("variants") or ()), {})
    addresses = [variant.get("image_url"), *(record.get("image_urls") or ())]
    return next((str(one) for one in addresses if one), "")
