"""Our records -> the bodies that OnBuy takes: pure functions, no I/O (`onbuy.md` §6 to §8)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from channels.connectors.onbuy.mapping import CURRENCY, GROUP, NO_SKU, moment
from channels.connectors.onbuy.statuses import OTHER_REASON, reason_id
from channels.contract.errors import Rejected
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import (
    ListingDraft,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
    VariantDraft,
)

TITLE = 150
IMAGES = 9  # besides the first
UNKNOWN_CARRIER = 16
PAST = ("2000-01-01 00:00:00", "2000-01-02 00:00:00")
YEAR = timedelta(days=365)
PENNY = Decimal("0.01")
BARCODE = re.compile(r"\d{8,14}")

#: Carriers by the number that OnBuy has given them (no list is documented any more).
PROVIDERS: Mapping[str, str] = {
    "1": "DPD", "3": "DHL", "4": "Parcelforce", "6": "Royal Mail", "7": "myHermes", "8": "Yodel", "11": "UPS",
    "12": "TNT", "13": "FedEx", "15": "APC Overnight", "17": "DX", "18": "GLS", "20": "DPD Local", "34": "Whistl",
    "42": "Amazon Logistics UK",
}  # fmt: skip
ALIASES = {"evri": "myHermes", "hermes": "myHermes", "royalmail": "Royal Mail", "apc": "APC Overnight"}


def amount(value: Decimal, field: str = "price") -> float:
    """Money as the JSON number that OnBuy takes, in whole pence. Raises `Rejected` below zero."""
    if value < 0:
        raise Rejected("A price cannot be below zero.", field=field)
    return float(value.quantize(PENNY, ROUND_HALF_UP))


def sku_of(external_id: str) -> str:
    """The SKU that OnBuy's calls go by. Raises `Rejected` for a row that has none."""
    if not external_id or external_id.startswith((NO_SKU, GROUP)):
        raise Rejected("This listing has no SKU on OnBuy: give it one in the seller panel.", field="sku")
    return external_id


def stock_item(update: StockUpdate, now: datetime) -> dict[str, Any]:
    """Stock, with the price where both are known: it is not known whether OnBuy keeps what is left out (§7).

    A price that goes along unchanged leaves a sale alone that is not ours.
    """
    item, price = _stock(update), update.price
    if price is None:
        return item
    if update.is_price_new:
        return {**price_item(price, now), **item}
    item["price"] = amount(price.price)
    if price.selling_price is not None:
        item |= sale(price.price, price.selling_price, price.sale_from, price.sale_until, now)
    return item


def _stock(update: StockUpdate) -> dict[str, Any]:
    quantity: object = update.quantity
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 0:
        raise Rejected(
            f"The quantity of {update.sku} must be a whole number, 0 or more, not {quantity}.",
            field="quantity",
        )
    return {"sku": sku_of(update.external_id), "stock": quantity}


def price_item(update: PriceUpdate, now: datetime) -> dict[str, Any]:
    """Price, and the sale with its two dates. No sale is one that lies in the past."""
    if update.currency != CURRENCY:
        raise Rejected(f"OnBuy keeps its prices in {CURRENCY}, not in {update.currency}.", field="currency")
    return {
        "sku": sku_of(update.external_id),
        "price": amount(update.price),
        **sale(update.price, update.selling_price, update.sale_from, update.sale_until, now),
        **({} if update.quantity is None else {"stock": max(update.quantity, 0)}),
    }


def sale(
    price: Decimal, selling: Decimal | None, begin: datetime | None, end: datetime | None, now: datetime
) -> dict[str, Any]:
    """A sale with its dates, on the clock that `now` is told by. One that is over, or not below the price, is ended by a
    window in the past, with a sale price that is below the price all the same: OnBuy may take no other."""
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
    """What makes a new listing live: price and stock together, after it is there."""
    item: dict[str, Any] = {
        "sku": variant.sku,
        "price": amount(variant.price),
        "stock": max(variant.quantity, 0),
    }
    if variant.selling_price is not None and variant.selling_price < variant.price:
        item |= sale(variant.price, variant.selling_price, None, None, now)
    return item


# ---------------------------------------------------------------- products


def new_product(
    draft: ListingDraft,
    *,
    terms: Mapping[str, Any],
    features: Sequence[Mapping[str, Any]],
    details: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The body of `POST /products`. Raises `Rejected`, naming the field, for what OnBuy would refuse."""
    if not draft.category_external_ids:
        raise Rejected("OnBuy needs a category: choose one for this listing.", field="category_external_ids")
    if not draft.brand:
        raise Rejected("OnBuy needs a brand: give the product one.", field="brand")
    body: dict[str, Any] = {
        "uid": draft.ref,
        "category_id": int(draft.category_external_ids[0]),
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
        raise Rejected("A single product has exactly one SKU.", field="variants")
    return body | codes(variant) | {"listings": {"new": offer(variant, terms)}}


def content(draft: ListingDraft, fields: Sequence[str]) -> dict[str, Any]:
    """The fields of a product that these names of ours stand for."""
    body: dict[str, Any] = {}
    if "title" in fields:
        if len(draft.title) > TITLE:
            raise Rejected(f"OnBuy takes titles of at most {TITLE} letters.", field="title")
        body["product_name"] = draft.title
    if "description" in fields:
        if not draft.description.strip():
            raise Rejected("OnBuy needs a description.", field="description")
        body["description"] = draft.description
    if "brand" in fields and draft.brand:
        body["brand_name"] = draft.brand
    if "image_urls" in fields and draft.image_urls:
        body["default_image"] = draft.image_urls[0]
        if len(draft.image_urls) > 1:
            body["additional_images"] = list(draft.image_urls[1 : 1 + IMAGES])
    return body


def variants(draft: ListingDraft, terms: Mapping[str, Any]) -> dict[str, Any]:
    names = list(dict.fromkeys(name for variant in draft.variants for name in variant.options))
    if not 1 <= len(names) <= 2:
        raise Rejected(
            "OnBuy takes one or two options for a group, such as Colour and Size.", field="variants"
        )
    rows = []
    for variant in draft.variants:
        if set(variant.options) != set(names):
            raise Rejected(f"{variant.sku} needs a value for {' and '.join(names)}.", field="variants")
        row: dict[str, Any] = {
            f"variant_{place}": {"name": variant.options[name]} for place, name in enumerate(names, 1)
        }
        row |= codes(variant)
        if variant.image_url:
            row["default_image"] = variant.image_url
        row["listings"] = {"new": {**offer(variant, terms), "group_sku": group_sku(draft)}}
        rows.append(row)
    return {**{f"variant_{place}": {"name": name} for place, name in enumerate(names, 1)}, "variants": rows}


def codes(variant: VariantDraft) -> dict[str, Any]:
    code = variant.barcode.strip()
    if not code:
        return {}
    if not BARCODE.fullmatch(code):
        raise Rejected(f"“{code}” is no EAN, UPC or ISBN: OnBuy takes 8 to 14 digits.", field="barcode")
    return {"product_codes": [code]}


def offer(variant: VariantDraft, terms: Mapping[str, Any]) -> dict[str, Any]:
    return {"sku": variant.sku, "price": amount(variant.price), "stock": max(variant.quantity, 0), **terms}


def group_sku(draft: ListingDraft) -> str:
    """The group's own SKU: what its SKUs begin with alike, and a mark of the listing. Two groups may begin alike
    (ACME-01 and ACME-02, ACME-03 and ACME-04), and with one group SKU they would be one group."""
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
    """The external ids that a draft has once it is there: of itself, and per `VariantDraft.ref`."""
    ids = {variant.ref: variant.sku for variant in draft.variants}
    if draft.kind == ProductKind.GROUP:
        return GROUP + group_sku(draft), ids
    return draft.variants[0].sku, ids


# ---------------------------------------------------------------- orders


def tracking(update: ShipmentUpdate) -> dict[str, Any]:
    """The carrier by OnBuy's own name or number where it is known; nothing at all without a number of the parcel."""
    if not update.tracking_number:
        return {}
    code = update.carrier_code
    is_listed = code.isascii() and code.isdigit() and int(code) != UNKNOWN_CARRIER
    name = PROVIDERS.get(code) or ("" if is_listed else known_carrier(update.carrier_name))
    if name:
        place: dict[str, Any] = {"supplier_name": name}
    elif is_listed:
        place = {"tracking_id": int(code)}
    elif update.tracking_url:
        place = {"tracking_id": UNKNOWN_CARRIER, "url": update.tracking_url}
    else:
        place = {"supplier_name": update.carrier_name or "Other"}
    return {"tracking": {**place, "number": update.tracking_number}}


def known_carrier(name: str) -> str:
    wanted = re.sub(r"[^a-z0-9]", "", name.casefold())
    for known in PROVIDERS.values():
        if wanted == re.sub(r"[^a-z0-9]", "", known.casefold()):
            return known
    return ALIASES.get(wanted, "")


def dispatch(update: ShipmentUpdate) -> dict[str, Any]:
    """The whole order, or the units of this parcel, by OnBuy's number of the line."""
    row: dict[str, Any] = {"order_id": update.order_external_id, **tracking(update)}
    if not update.is_whole_order and update.lines:
        row["products"] = [
            {"onbuy_internal_reference": int(line), "quantity": units} for line, units in update.lines.items()
        ]
    return {"orders": [row]}


def cancel(update: ShipmentUpdate) -> dict[str, Any]:
    reason = reason_id(update.reason)
    row: dict[str, Any] = {"order_id": update.order_external_id, "order_cancellation_reason_id": reason}
    if update.reason or reason == OTHER_REASON:
        row["cancel_order_additional_info"] = update.reason or "Cancelled by the seller"
    return {"orders": [row]}
