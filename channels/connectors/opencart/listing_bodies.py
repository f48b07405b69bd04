"""Bodies of requests about listings, from drafts: pure functions, no I/O (`contrib/opencart/CONTRACT.md` §5)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

from channels.connectors.opencart.payloads import FOUR_PLACES
from channels.contract.errors import Rejected
from channels.contract.records.listings import refusals_of
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, ListingResult, VariantDraft
from channels.contract.translation import gettext as _
from oms.kit.numbers import is_whole_number

NAME = 255  # characters of a title (column `name` of OpenCart's table)
CHILDREN = 100  # SKUs of a group that `product_create` takes
REF = re.compile(r"[A-Za-z0-9._:-]{1,64}")
LISTING_FIELDS = (
    "title",
    "description",
    "brand",
    "category_external_ids",
    "attributes",
    "image_urls",
    "variants",
)


def refusals(draft: ListingDraft) -> list[Rejected]:
    """Return what the shop would refuse of a new listing, as far as no list of the shop is needed."""
    body = _group if draft.kind == ProductKind.GROUP else _single
    return refusals_of(
        partial(title, draft.title),
        *(partial(amount, variant.price) for variant in draft.variants),
        partial(body, draft),
    )


def title(text: str) -> str:
    """Return the title; raise `Rejected` when OpenCart's table has no room for it."""
    if not text.strip() or len(text) > NAME:
        raise Rejected(_("A title has 1 to %d characters in OpenCart.") % NAME, field="title")
    return text


def reference(ref: str) -> str:
    """Return a reference in the characters that the extension accepts: unchanged if it fits, else a hash of it."""
    return ref if REF.fullmatch(ref) else f"h-{hashlib.blake2b(ref.encode(), digest_size=16).hexdigest()}"


def amount(value: Decimal) -> str:
    """Return money as a plain decimal string with at most 4 places. Raise `Rejected` below zero."""
    if value < 0:
        raise Rejected(_("A price cannot be below zero."), field="price")
    rounded = value.quantize(FOUR_PLACES, ROUND_HALF_UP)
    return format(value if rounded == value else rounded, "f")


def target(external_id: str) -> dict[str, int]:
    """Return which product, and which of its option values, an external id means ("42", or "42-31")."""
    product_id, _dash, option_value_id = external_id.partition("-")
    try:
        ids = {"product_id": int(product_id)}
        return {**ids, "option_value_id": int(option_value_id)} if option_value_id else ids
    except ValueError:
        words = _("“%s” is not an ID of OpenCart.") % external_id
        raise Rejected(words, field="product_id") from None


def listing(
    draft: ListingDraft, attribute_ids: Mapping[str, int], *, fields: Sequence[str] = LISTING_FIELDS
) -> dict[str, Any]:
    """Return the body of `product_create`, or the part of it for `fields`; whether the product is on sale is not in it.

    `attribute_ids` has the shop's attributes, by casefolded name and by id as text.
    """
    body: dict[str, Any] = {}
    if "title" in fields:
        body["name"] = title(draft.title)
    if "description" in fields:
        body["description"] = draft.description
    if "brand" in fields and draft.brand:
        body["manufacturer"] = {"name": draft.brand}
    if "category_external_ids" in fields:
        body["category_ids"] = [int(external_id) for external_id in draft.category_external_ids]
    if "attributes" in fields:
        body["attributes"] = _attributes(draft.attributes, attribute_ids)
    if "image_urls" in fields:
        body |= {"image": next(iter(draft.image_urls), None), "images": list(draft.image_urls[1:])}
    if "variants" in fields:
        body |= _group(draft) if draft.kind == ProductKind.GROUP else _single(draft)
    return body


def new_listing(draft: ListingDraft, attribute_ids: Mapping[str, int]) -> dict[str, Any]:
    """Return the body of `product_create`."""
    kind = "options" if draft.kind == ProductKind.GROUP else "simple"
    return {"ref": reference(draft.ref), "kind": kind, **listing(draft, attribute_ids)}


def changed_listing(draft: ListingDraft, attribute_ids: Mapping[str, int]) -> dict[str, Any]:
    """Return the body of `product_update`: the changed fields only, all of them when none is named.

    Stock is sent separately, and what identifies a product in the shop (SKU, model) is never changed: only the seller does
    that. SKUs that the listing does not have yet are added; variants (products of their own) are not changed.
    """
    fields = [name for name in LISTING_FIELDS if not draft.changed or name in draft.changed]
    body = {**target(draft.external_id), **listing(draft, attribute_ids, fields=fields)}
    for name in ("quantity", "sku", "model", "ean", "mpn"):
        body.pop(name, None)
    if "children" not in body:
        return body
    if any(variant.external_id and "-" not in variant.external_id for variant in draft.variants):
        return {name: value for name, value in body.items() if name not in ("children", "price", "special")}
    for variant, child in zip(draft.variants, body["children"], strict=True):
        if variant.external_id:
            for name in ("quantity", "sku", "label"):
                child.pop(name)
            child["option_value_id"] = target(variant.external_id)["option_value_id"]
    return body


def _attributes(attributes: Mapping[str, str], known: Mapping[str, int]) -> list[dict[str, Any]]:
    for name in attributes:
        if name.casefold() not in known:
            words = _(
                "The shop has no attribute called %s. Create it in the shop, or remove it from the product."
            )
            raise Rejected(words % name, field="attributes")
    return [{"attribute_id": known[name.casefold()], "text": value} for name, value in attributes.items()]


def _single(draft: ListingDraft) -> dict[str, Any]:
    if len(draft.variants) != 1:
        raise Rejected(_("A single product has exactly one SKU."), field="variants")
    variant = draft.variants[0]
    body = {
        "sku": variant.sku,
        "model": variant.sku[:64],
        "price": amount(variant.price),
        "special": _special_of(variant),
        "quantity": variant.quantity,
    }
    return body | _barcode(variant.barcode)


def _barcode(barcode: str) -> dict[str, str]:
    """Return the field of a barcode: EAN for up to 14 digits, else part number."""
    if not barcode:
        return {}
    return {"ean" if is_whole_number(barcode) and len(barcode) <= 14 else "mpn": barcode}


def _group(draft: ListingDraft) -> dict[str, Any]:
    """Return the fields of a group. Several options are joined to one, because OpenCart has stock for one option only."""
    if not draft.variants or not all(variant.options for variant in draft.variants):
        raise Rejected(_("Each SKU of a group product needs its options, such as Size: M."), field="children")
    if len(draft.variants) > CHILDREN:
        raise Rejected(_("A group product in OpenCart has at most %d SKUs.") % CHILDREN, field="children")
    names = list(draft.variants[0].options)
    if any(set(variant.options) != set(names) for variant in draft.variants):
        raise Rejected(_("All SKUs of a group product need the same options."), field="children")
    base = min(variant.price for variant in draft.variants)
    specials = {_special_base(variant, base) for variant in draft.variants}
    if len(specials) > 1:
        raise Rejected(
            _(
                "OpenCart has one special price for all options of a product. "
                "Enter the same reduction for each SKU, or none."
            ),
            field="special",
        )
    reduced = specials.pop()
    return {
        "model": group_model([variant.sku for variant in draft.variants]),
        "price": amount(base),
        "special": None if reduced is None else amount(reduced),
        "children": [
            {
                "sku": variant.sku,
                "label": {" / ".join(names): " / ".join(variant.options[name] for name in names)},
                "quantity": variant.quantity,
                "price": amount(variant.price),
            }
            for variant in draft.variants
        ],
    }


def _special_of(variant: VariantDraft) -> str | None:
    is_offer = variant.selling_price is not None and variant.selling_price < variant.price
    return amount(variant.selling_price) if is_offer and variant.selling_price is not None else None


def _special_base(variant: VariantDraft, base: Decimal) -> Decimal | None:
    if variant.selling_price is None or variant.selling_price >= variant.price:
        return None
    return variant.selling_price - (variant.price - base)


def group_model(skus: Sequence[str]) -> str:
    """Return the model of a group product: the common beginning of its SKUs, else the first SKU."""
    shortest = min(skus, key=len)
    alike = [all(sku[: end + 1] == shortest[: end + 1] for sku in skus) for end in range(len(shortest))]
    common = shortest[: sum(alike)].rstrip("-_./ ")
    return (common if len(common) >= 3 else skus[0])[:64]


def listing_result(draft: ListingDraft, document: Mapping[str, Any], base_url: str) -> ListingResult:
    """Return the result for a draft, from the answer to `product_create` or from a product row."""
    product_id = str(document["product_id"])
    by_sku = {child["sku"].casefold(): child["key"] for child in document.get("children") or ()}
    ids = {
        variant.ref: by_sku.get(variant.sku.casefold(), "") if by_sku else product_id
        for variant in draft.variants
    }
    url = f"{base_url}/index.php?route=product/product&product_id={product_id}"
    return ListingResult(product_id, {ref: key for ref, key in ids.items() if key}, url)
