"""Bodies of requests about products and listings, from drafts: pure functions, no I/O (`onbuy.md` §6 and §7)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

from channels.connectors.onbuy.payloads import GROUP, NO_SKU, moment, text
from channels.contract.errors import Rejected
from channels.contract.records.listings import refusals_of
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, VariantDraft
from channels.contract.translation import gettext as _

TITLE = 150
IMAGES = 9  # besides the first
PAST = ("2000-01-01 00:00:00", "2000-01-02 00:00:00")
YEAR = timedelta(days=365)
PENNY = Decimal("0.01")
BARCODE = re.compile(r"\d{8,14}")


def amount(value: Decimal, field: str = "price") -> float:
    """Return an amount as JSON number, rounded to pence. Raise `Rejected` below zero."""
    if value < 0:
        raise Rejected(_("A price cannot be below zero."), field=field)
    return float(value.quantize(PENNY, ROUND_HALF_UP))


def sku_of(external_id: str) -> str:
    """Return the SKU of an external id. Raise `Rejected` for a listing that has none."""
    if not external_id or external_id.startswith((NO_SKU, GROUP)):
        raise Rejected(_("This listing has no SKU on OnBuy. Add one in the seller panel."), field="sku")
    return external_id


def sale(
    price: Decimal, selling: Decimal | None, begin: datetime | None, end: datetime | None, now: datetime
) -> dict[str, Any]:
    """Return a sale with its dates, in the zone of `now`.

    A sale that is over, or not below the price, is ended by dates in the past, with a sale price below the price: OnBuy
    may refuse any other.
    """
    begin = begin or now
    is_lower = selling is not None and amount(selling, "selling_price") < amount(price)
    if selling is None or not is_lower or (end is not None and end <= begin):
        was = selling if selling is not None and is_lower else max(price - PENNY, Decimal(0))
        return {"sale_price": amount(was), "sale_start_date": PAST[0], "sale_end_date": PAST[1]}
    return {
        "sale_price": amount(selling),
        "sale_start_date": moment(begin, now.tzinfo),
        "sale_end_date": moment(end or begin + YEAR, now.tzinfo),
    }


def live_item(variant: VariantDraft, now: datetime) -> dict[str, Any]:
    """Return price and stock of one SKU, which make a new listing live."""
    item: dict[str, Any] = {
        "sku": variant.sku,
        "price": amount(variant.price),
        "stock": max(variant.quantity, 0),
    }
    if variant.selling_price is not None and variant.selling_price < variant.price:
        item |= sale(variant.price, variant.selling_price, None, None, now)
    return item


def new_product(
    draft: ListingDraft,
    *,
    terms: Mapping[str, Any],
    features: Sequence[Mapping[str, Any]],
    details: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the body of `POST /products`. Raise `Rejected` with the field for values that OnBuy would refuse."""
    _check_brand(draft)
    body: dict[str, Any] = {
        "uid": draft.ref,
        "category_id": category_id(draft),
        "published": 1,
        **content(draft, ("title", "description", "brand", "image_urls")),
    }
    if features:
        body["features"] = [dict(feature) for feature in features]
    if details:
        body["technical_detail"] = [dict(detail) for detail in details]
    if draft.kind == ProductKind.GROUP:
        return body | variants(draft, terms)
    [variant] = draft.variants if len(draft.variants) == 1 else [None]
    if variant is None:
        raise Rejected(_("A single product has exactly one SKU."), field="variants")
    return body | codes(variant) | {"listings": {"new": offer(variant, terms)}}


def refusals(draft: ListingDraft, terms: Mapping[str, Any]) -> list[Rejected]:
    """Return what OnBuy would refuse of a new listing, one refusal for each field."""
    whole = replace(draft, title="-", description="-", brand="-", category_external_ids=("0",))
    return refusals_of(
        partial(category_id, draft),
        partial(_check_brand, draft),
        partial(content, draft, ("title",)),
        partial(content, draft, ("description",)),
        *(partial(codes, variant) for variant in draft.variants),
        *(partial(offer, variant, terms) for variant in draft.variants),
        partial(new_product, whole, terms=terms, features=()),
    )


def category_id(draft: ListingDraft) -> int:
    """Return the number of the draft's category; raise `Rejected` without one."""
    if not draft.category_external_ids:
        raise Rejected(
            _("OnBuy needs a category. Choose one for this listing."), field="category_external_ids"
        )
    return int(draft.category_external_ids[0])


def _check_brand(draft: ListingDraft) -> None:
    if not draft.brand:
        raise Rejected(_("OnBuy needs a brand. Enter the brand of the product."), field="brand")


def content(draft: ListingDraft, fields: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a product for these names of draft fields."""
    body: dict[str, Any] = {}
    if "title" in fields:
        if len(draft.title) > TITLE:
            raise Rejected(_("A title has at most %d characters on OnBuy.") % TITLE, field="title")
        body["product_name"] = draft.title
    if "description" in fields:
        if not draft.description.strip():
            raise Rejected(_("OnBuy needs a description. Enter one for the product."), field="description")
        body["description"] = draft.description
    if "brand" in fields and draft.brand:
        body["brand_name"] = draft.brand
    if "image_urls" in fields and draft.image_urls:
        body["default_image"] = draft.image_urls[0]
        if len(draft.image_urls) > 1:
            body["additional_images"] = list(draft.image_urls[1 : 1 + IMAGES])
    return body


def variants(draft: ListingDraft, terms: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a group: its one or two options and its SKUs."""
    names = list(dict.fromkeys(name for variant in draft.variants for name in variant.options))
    if not 1 <= len(names) <= 2:
        raise Rejected(
            _("A group on OnBuy has one or two options, for example Colour and Size."), field="variants"
        )
    rows = []
    for variant in draft.variants:
        own = {name.casefold(): value for name, value in variant.attributes.items()}
        if set(variant.options) != set(names):
            raise Rejected(
                _("%(sku)s needs a value for %(options)s.")
                % {"sku": variant.sku, "options": _(" and ").join(names)},
                field="variants",
            )
        row: dict[str, Any] = {
            f"variant_{place}": {"name": own.get(name.casefold()) or variant.options[name]}
            for place, name in enumerate(names, 1)
        }
        row |= codes(variant)
        if variant.image_url:
            row["default_image"] = variant.image_url
        row["listings"] = {"new": {**offer(variant, terms), "group_sku": group_sku(draft)}}
        rows.append(row)
    return {**{f"variant_{place}": {"name": name} for place, name in enumerate(names, 1)}, "variants": rows}


def codes(variant: VariantDraft) -> dict[str, Any]:
    """Return the barcode field of a SKU. Raise `Rejected` for a barcode that OnBuy would refuse."""
    code = variant.barcode.strip()
    if not code:
        return {}
    if not BARCODE.fullmatch(code):
        words = _("“%s” is no EAN, UPC or ISBN. Enter a barcode of 8 to 14 digits.") % code
        raise Rejected(words, field="barcode")
    return {"product_codes": [code]}


def offer(variant: VariantDraft, terms: Mapping[str, Any]) -> dict[str, Any]:
    """Return SKU, price and stock of a new listing, with the store's terms."""
    return {"sku": variant.sku, "price": amount(variant.price), "stock": max(variant.quantity, 0), **terms}


def group_sku(draft: ListingDraft) -> str:
    """Return the group's own SKU: the common beginning of its SKUs, and a hash of the listing's reference.

    Without the hash two groups with the same beginning (ACME-01 and ACME-02, ACME-03 and ACME-04) would be one group.
    """
    if draft.external_id.startswith(GROUP):
        return draft.external_id.removeprefix(GROUP)
    head, *skus = [variant.sku[:60] for variant in draft.variants]
    for sku in skus:
        while not sku.startswith(head):
            head = head[:-1]
    head = head.rstrip("-_. ")
    mark = hashlib.blake2b(draft.ref.encode(), digest_size=4).hexdigest()
    return f"{head}-{mark}" if head else mark


def listed(draft: ListingDraft) -> tuple[str, dict[str, str]]:
    """Return the external ids of a created draft: its own, and one for each `VariantDraft.ref`."""
    ids = {variant.ref: variant.sku for variant in draft.variants}
    if draft.kind == ProductKind.GROUP:
        return GROUP + group_sku(draft), ids
    return draft.variants[0].sku, ids


def features(draft: ListingDraft, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the draft's attributes as options of the category's features (`rows`), by their names.

    A feature that is an option of a group has the values of all its SKUs: OnBuy's features are of the product.
    """
    wanted = {name: {value.casefold()} for name, value in _by_name(draft).items()}
    for variant in draft.variants if draft.kind == ProductKind.GROUP else ():
        for name, value in variant.attributes.items():
            wanted.setdefault(name.casefold(), set()).add(value.strip().casefold())
    return [
        {"option_id": int(option["option_id"]), "name": option["name"]}
        for row in rows
        for option in row.get("options") or ()
        if text(option["name"]).casefold() in wanted.get(text(row["name"]).casefold(), ())
    ]


def details(draft: ListingDraft, groups: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the draft's attributes as technical details of the category (`groups`), by their names."""
    wanted = _by_name(draft)
    return [
        _detail(row, wanted[name])
        for group in groups
        for row in group.get("options") or ()
        if (name := text(row["name"]).casefold()) in wanted
    ]


def _by_name(draft: ListingDraft) -> dict[str, str]:
    return {name.casefold(): value.strip() for name, value in draft.attributes.items() if value.strip()}


def _detail(row: Any, value: str) -> dict[str, Any]:
    """Return one technical detail; the unit of “12 cm” is a field of its own, where OnBuy has the unit."""
    found: dict[str, Any] = {"detail_id": int(row["detail_id"]), "value": value}
    for unit in sorted(map(text, row.get("units") or ()), key=len, reverse=True):
        number = value[: -len(unit)].rstrip() if unit else ""
        if value.casefold().endswith(unit.casefold()) and re.fullmatch(r"\d[\d.,]*", number):
            return {**found, "value": number, "unit": unit}
    return found
