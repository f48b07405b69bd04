"""Our records -> the bodies that `oms_connect` takes: pure functions, no I/O (`contrib/opencart/CONTRACT.md` §5)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from channels.connectors.opencart import payloads
from channels.connectors.opencart.mapping import FOUR_PLACES, special_price
from channels.contract.errors import Rejected
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import (
    ListingDraft,
    ListingResult,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
    VariantDraft,
)
from channels.contract.values import money

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
COMMENTS = {
    FulfilmentEvent.READY_TO_SHIP: "Ready to ship",
    FulfilmentEvent.TRACKING: "Tracking",
    FulfilmentEvent.SHIPPED: "Shipped",
    FulfilmentEvent.COMPLETED: "Completed",
    FulfilmentEvent.CANCELLED: "Cancelled by the seller",
}


def reference(ref: str) -> str:
    """A ref in the letters that the shop takes: as it is where it fits, else its digest, always the same."""
    return ref if REF.fullmatch(ref) else f"h-{hashlib.blake2b(ref.encode(), digest_size=16).hexdigest()}"


def amount(value: Decimal) -> str:
    """Money as a plain decimal string with at most 4 places; raises `Rejected` when it is below zero."""
    if value < 0:
        raise Rejected("A price cannot be below zero.", field="price")
    rounded = value.quantize(FOUR_PLACES, ROUND_HALF_UP)
    return format(value if rounded == value else rounded, "f")


def target(external_id: str) -> dict[str, int]:
    """Which product, and which of its option values, an external id means ("42", or "42-31")."""
    product_id, _, option_value_id = external_id.partition("-")
    try:
        ids = {"product_id": int(product_id)}
        return {**ids, "option_value_id": int(option_value_id)} if option_value_id else ids
    except ValueError:
        raise Rejected(f"“{external_id}” is not an id of OpenCart.", field="product_id") from None


def _is_whole(quantity: object) -> bool:
    return isinstance(quantity, int) and not isinstance(quantity, bool) and quantity >= 0


def stock_item(update: StockUpdate) -> dict[str, Any]:
    """One item of `stock_price`: an absolute quantity. Raises `Rejected` when it is no whole number of 0 or more."""
    if not _is_whole(update.quantity):
        raise Rejected(
            f"The quantity of {update.sku} must be a whole number, 0 or more, not {update.quantity}.",
            field="quantity",
        )
    return {**target(update.external_id), "quantity": update.quantity}


def offer(update: PriceUpdate) -> Decimal | None:
    """The selling price, where it is an offer: none, or one not below the price, ends the special (§7)."""
    if update.selling_price is None or update.selling_price >= update.price:
        return None
    return update.selling_price


def special(update: PriceUpdate, zone: str) -> dict[str, Any] | None:
    """The special for a price update, with its days in the store's calendar; None removes it."""
    price = offer(update)
    if price is None:
        return None
    return {
        "price": amount(price),
        "date_from": day(update.sale_from, zone),
        "date_to": day(update.sale_until, zone, is_end=True),
    }


def day(moment: datetime | None, zone: str, *, is_end: bool = False) -> str | None:
    """The day of an instant in the store's time zone.

    OpenCart ends a special as its last day begins: an end within a day becomes the day after, so that it is not
    cut short.
    """
    if moment is None:
        return None
    local = moment.astimezone(ZoneInfo(zone) if zone else UTC)
    if is_end and local.time() != local.time().min:
        local += timedelta(days=1)
    return local.date().isoformat()


class GroupOffer:
    """The one special of a product with options, for the price updates of its SKUs in a batch.

    OpenCart adds the differences of the options to the special. So a new one is sent only when all SKUs of the
    product are there and agree on it; otherwise a SKU may only ask for what the product has already.
    `row` is the product as the shop has it, `item` what is to be sent (None: nothing), `refs` who asked for it.
    """

    def __init__(self, row: payloads.Product) -> None:
        self.product_id = row["product_id"]
        self.price = money(row["price"])
        self.current = special_price(row, None)
        self.has_special = row["special"] is not None
        self.keys = {child["key"] for child in row["children"]}
        self.is_agreed = False
        self.item: dict[str, Any] | None = None
        self.refs: list[str] = []

    def wanted(self, update: PriceUpdate) -> Decimal | None:
        """The product's special that would give this SKU its selling price."""
        price = offer(update)
        return None if price is None else price - (update.price - self.price)

    def plan(self, updates: Sequence[PriceUpdate], zone: str) -> None:
        specials = {self.wanted(update) for update in updates}
        if len(specials) != 1 or {update.external_id for update in updates} != self.keys:
            return
        price = specials.pop()
        if price is not None and price < 0:
            return
        self.is_agreed = True
        if price is None and not self.has_special:
            return
        self.refs = [update.ref for update in updates]
        days = {
            "date_from": day(updates[0].sale_from, zone),
            "date_to": day(updates[0].sale_until, zone, is_end=True),
        }
        special = None if price is None else {"price": amount(price), **days}
        self.item = {"product_id": self.product_id, "special": special}

    def check(self, update: PriceUpdate) -> None:
        """Raise `Rejected` when this SKU's selling price cannot be had without changing its neighbours'."""
        if not self.is_agreed and self.wanted(update) != self.current:
            raise Rejected(
                "OpenCart has one special price for all options of a product: give all its SKUs the same reduction, "
                "and send their prices together.",
                field="selling_price",
            )


def listing(
    draft: ListingDraft, attribute_ids: Mapping[str, int], *, fields: Sequence[str] = LISTING_FIELDS
) -> dict[str, Any]:
    """The body of `product_create`, or the part of it that `fields` names. Whether it is on sale is never said.

    `attribute_ids` has the shop's attributes, by casefolded name and by id as text.
    """
    body: dict[str, Any] = {}
    if "title" in fields:
        body["name"] = draft.title
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
    """The body of `product_create`."""
    kind = "options" if draft.kind == ProductKind.GROUP else "simple"
    return {"ref": reference(draft.ref), "kind": kind, **listing(draft, attribute_ids)}


def changed_listing(draft: ListingDraft, attribute_ids: Mapping[str, int]) -> dict[str, Any]:
    """The body of `product_update`: the changed fields only, all of them when none is named.

    Stock goes its own way, and what the shop knows a product by (SKU, model) is never rewritten: that is for the
    seller. SKUs that the listing does not have yet are added; variants (products of their own) are left alone.
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
            raise Rejected(
                f"The shop has no attribute called {name}: make it in the shop, or take it off the product.",
                field="attributes",
            )
    return [{"attribute_id": known[name.casefold()], "text": value} for name, value in attributes.items()]


def _single(draft: ListingDraft) -> dict[str, Any]:
    if len(draft.variants) != 1:
        raise Rejected("A single product has exactly one SKU.", field="variants")
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
    """OpenCart's EAN takes 14 digits; whatever else is a part number."""
    if not barcode:
        return {}
    return {"ean" if barcode.isdigit() and len(barcode) <= 14 else "mpn": barcode}


def _group(draft: ListingDraft) -> dict[str, Any]:
    """One option for all SKUs: several dimensions are joined, for OpenCart keeps stock for one option alone."""
    if not draft.variants or not all(variant.options for variant in draft.variants):
        raise Rejected("Each SKU of a group product needs its options, such as Size: M.", field="children")
    names = list(draft.variants[0].options)
    if any(set(variant.options) != set(names) for variant in draft.variants):
        raise Rejected("All SKUs of a group product need the same options.", field="children")
    base = min(variant.price for variant in draft.variants)
    specials = {_special_base(variant, base) for variant in draft.variants}
    if len(specials) > 1:
        raise Rejected(
            "OpenCart has one special price for all options of a product: "
            "give each SKU the same reduction, or none of them.",
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
    """The model of a group product: what its SKUs have in common, else the first of them."""
    shortest = min(skus, key=len)
    alike = [all(sku[: end + 1] == shortest[: end + 1] for sku in skus) for end in range(len(shortest))]
    common = shortest[: sum(alike)].rstrip("-_./ ")
    return (common if len(common) >= 3 else skus[0])[:64]


def listing_result(draft: ListingDraft, document: Mapping[str, Any], base_url: str) -> ListingResult:
    """What the shop made of a draft: its answer to `product_create`, or a product row."""
    product_id = str(document["product_id"])
    by_sku = {child["sku"].casefold(): child["key"] for child in document.get("children") or ()}
    ids = {
        variant.ref: by_sku.get(variant.sku.casefold(), "") if by_sku else product_id
        for variant in draft.variants
    }
    url = f"{base_url}/index.php?route=product/product&product_id={product_id}"
    return ListingResult(product_id, {ref: key for ref, key in ids.items() if key}, url)


def history_item(
    update: ShipmentUpdate, *, status_id: str, expected: Sequence[str], notify: bool
) -> dict[str, Any]:
    """One item of `order_history`: the status, a comment with carrier and tracking, what must hold before."""
    item: dict[str, Any] = {
        "ref": reference(update.ref),
        "order_id": int(update.order_external_id),
        "order_status_id": int(status_id),
        "comment": update.reason or COMMENTS.get(update.event, ""),
        "notify": notify,
        "expect_status_ids": [int(expected_id) for expected_id in expected],
    }
    if update.tracking_number or update.tracking_url or update.carrier_name:
        item["tracking"] = {
            "carrier": update.carrier_name,
            "number": update.tracking_number,
            "url": update.tracking_url if update.tracking_url.startswith(("https://", "http://")) else "",
        }
    return item
