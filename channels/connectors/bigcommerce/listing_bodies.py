"""The bodies of requests about listings, from listing drafts: pure functions, no I/O (`bigcommerce.md` §6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

from channels.contract.errors import Rejected
from channels.contract.records.listings import refusals_of
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, ListingResult, PriceUpdate, VariantDraft
from channels.contract.translation import gettext as _

NAME, SKU, URL, FIELD, WARRANTY = 250, 255, 255, 250, 65_535  # characters that BigCommerce allows
#: The fields that all SKUs of a product share (R-CAT-09), without its pictures.
COMMON = frozenset({"title", "description", "warranty", "brand", "category_external_ids", "attributes"})


def amount(value: Decimal, places: int = 2) -> float:
    """Return an amount as JSON number, rounded to `places` decimals; raise `Rejected` below zero."""
    if value < 0:
        raise Rejected(_("A price is zero or more."), field="price")
    return float(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def price_body(
    update: PriceUpdate, *, is_variant: bool, places: int, is_on_sale: bool = False
) -> dict[str, Any]:
    """Return price and sale price.

    No sale price is 0 on a product and null on a variant, which then has its product's: where the product has one
    (`is_on_sale`), the variant's own price is sent instead.
    """
    price = amount(update.price, places)
    if update.selling_price is not None:
        return {"price": price, "sale_price": amount(update.selling_price, places)}
    own = price if is_on_sale else None
    return {"price": price, "sale_price": own if is_variant else 0}


def new_product(draft: ListingDraft, *, places: int, with_stock: bool) -> dict[str, Any]:
    """Return the body of POST /v3/catalog/products: a single product, or a group with its variants in one call.

    `with_stock`: the opening figure is sent, which BigCommerce books to the default location. Raises `Rejected` for a
    draft that BigCommerce would refuse.
    """
    body = {
        "type": "physical",
        "weight": 0,
        "categories": [],
        **changed_product(draft, fields=COMMON if draft.warranty else COMMON - {"warranty"}),
        "is_visible": True,
    }
    if pictures := [image for image in images(draft) if not is_too_long(image)]:
        body["images"] = pictures
    first = draft.variants[0]
    if draft.kind != ProductKind.GROUP:
        if len(draft.variants) != 1:
            raise Rejected(_("A single product has exactly one SKU."), field="variants")
        body |= {
            "sku": _sku(first),
            "price": amount(first.price, places),
            "inventory_tracking": "product",
        }
        if first.selling_price is not None:
            body["sale_price"] = amount(first.selling_price, places)
        if with_stock:
            body["inventory_level"] = first.quantity
        return body | _barcode(first)
    if any(not variant.options for variant in draft.variants):
        raise Rejected(
            _("Each SKU of a group needs its options, such as a size or a colour."), field="variants"
        )
    body |= {
        "price": amount(min(variant.price for variant in draft.variants), places),
        "inventory_tracking": "variant",
        "variants": [_variant(variant, places, with_stock) for variant in draft.variants],
    }
    return body


def refusals(draft: ListingDraft, *, places: int) -> list[Rejected]:
    """Return what BigCommerce would refuse of a new listing, one refusal for each field."""
    return refusals_of(
        partial(changed_product, draft, fields=frozenset({"title"})),
        partial(changed_product, draft, fields=frozenset({"warranty"})),
        *(partial(_sku, variant) for variant in draft.variants),
        *(partial(amount, variant.price, places) for variant in draft.variants),
        partial(new_product, replace(draft, title="-", warranty=""), places=places, with_stock=False),
    )


def _variant(variant: VariantDraft, places: int, with_stock: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "sku": _sku(variant),
        "price": amount(variant.price, places),
        "option_values": [
            {"option_display_name": name, "label": value} for name, value in variant.options.items()
        ],
        **_barcode(variant),
    }
    if variant.selling_price is not None:
        body["sale_price"] = amount(variant.selling_price, places)
    if variant.image_url:
        body["image_url"] = variant.image_url
    if with_stock:
        body["inventory_level"] = variant.quantity
    return body


def one_variant(variant: VariantDraft, *, places: int) -> dict[str, Any]:
    """Return the body of a variant that is added to a group; its stock is sent separately."""
    return _variant(variant, places, with_stock=False)


def _sku(variant: VariantDraft) -> str:
    if not variant.sku or len(variant.sku) > SKU:
        raise Rejected(_("A SKU has 1 to %d characters in BigCommerce.") % SKU, field="sku")
    return variant.sku


def _barcode(variant: VariantDraft) -> dict[str, str]:
    return {"upc": variant.barcode} if variant.barcode and len(variant.barcode) <= 14 else {}


def changed_product(draft: ListingDraft, *, fields: frozenset[str]) -> dict[str, Any]:
    """Return the body with these fields of a product. The SKU in BigCommerce is never changed."""
    body: dict[str, Any] = {}
    if "title" in fields:
        if not draft.title or len(draft.title) > NAME:
            raise Rejected(_("A title has 1 to %d characters in BigCommerce.") % NAME, field="title")
        body["name"] = draft.title
    if "description" in fields:
        body["description"] = draft.description
    if "warranty" in fields:
        if len(draft.warranty) > WARRANTY:
            raise Rejected(
                _("A warranty has up to %d characters in BigCommerce.") % WARRANTY, field="warranty"
            )
        body["warranty"] = draft.warranty
    if "brand" in fields and draft.brand:
        body["brand_name"] = draft.brand
    elif "brand" in draft.changed:
        body["brand_id"] = 0  # it was removed in Manifold
    if "category_external_ids" in fields:
        body["categories"] = [int(number) for number in draft.category_external_ids]
    if "attributes" in fields and draft.attributes:
        body["custom_fields"] = [
            {"name": name[:FIELD], "value": value[:FIELD]}
            for name, value in draft.attributes.items()
            if name and value
        ]
    return body


def images(draft: ListingDraft) -> list[dict[str, Any]]:
    """Return the product's pictures by address, the main one first. Those with an address `is_too_long` go as files.

    A picture of a SKU belongs to its variant; a single product without other pictures shows it.
    """
    urls = draft.image_urls
    if not urls and draft.kind != ProductKind.GROUP:
        urls = tuple(variant.image_url for variant in draft.variants if variant.image_url)
    return [
        {"image_url": url, "is_thumbnail": number == 0, "sort_order": number}
        for number, url in enumerate(urls)
    ]


def is_too_long(image: Mapping[str, Any]) -> bool:
    """Whether the address of this picture is longer than BigCommerce allows."""
    return len(image["image_url"]) > URL


def result(draft: ListingDraft, row: Mapping[str, Any], base_url: str = "") -> ListingResult:
    """Return the listing that was made: each SKU of the draft with its variant (BigCommerce ignores case in SKUs)."""
    rows = row.get("variants") or []
    by_sku = {str(variant.get("sku") or "").casefold(): str(variant["id"]) for variant in rows}
    alone = str(rows[0]["id"]) if len(rows) == 1 else ""
    found = {v.ref: by_sku.get(v.sku.casefold()) or alone for v in draft.variants}
    path = (row.get("custom_url") or {}).get("url") or ""
    return ListingResult(
        external_id=str(row["id"]),
        variant_external_ids={ref: external_id for ref, external_id in found.items() if external_id},
        url=f"{base_url}{path}" if base_url and path else "",
    )
