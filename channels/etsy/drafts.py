"""Our listing drafts -> the forms that Etsy takes: pure functions (`etsy.md` §5)."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from channels.errors import Rejected
from channels.etsy import payloads
from channels.etsy.mapping import live, text
from channels.etsy.units import MOST
from channels.records import ListingDraft, ProductKind, VariantDraft

TITLE = 140
TAGS, TAG = 13, 20
MOST_IMAGES = 20
MOST_VALUES = 70  # of one option
ONCE = "%:&+"
CUSTOM = (513, 514)  # property ids of options that Etsy's taxonomy does not have
WHO_MADE, WHEN_MADE = "i_did", "made_to_order"
#: Attributes of a draft that are fields of the listing; all others are properties of its category.
FIELDS = ("who_made", "when_made", "is_supply", "tags", "materials", "shop_section_id", "return_policy_id")
PROFILES = ("shipping_profile_id", "readiness_state_id")
_BREAK = re.compile(r"</(p|div|li|h\d|tr)>|<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"[^\W_](?:[^\W_]|[ '™©®-])*")
_MATERIAL = re.compile(r"(?:[^\W_]| )+")
_MARKUP = re.compile(r"<[^>]+>")


def plain(text: str) -> str:
    """A description as Etsy takes it: text without markup."""
    bare = html.unescape(_MARKUP.sub("", _BREAK.sub("\n", text)))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() for line in bare.splitlines())).strip()


def title(text: str) -> str:
    """The title; raises `Rejected` when Etsy would not take it."""
    if not text.strip() or len(text) > TITLE:
        raise Rejected(f"Etsy's title has 1 to {TITLE} characters.", field="title")
    for sign in ONCE:
        if text.count(sign) > 1:
            raise Rejected(f"Etsy allows “{sign}” only once in a title.", field="title")
    return text.strip()


def tags(value: str) -> list[str]:
    found = [tag.strip() for tag in value.split(",") if tag.strip()]
    if len(found) > TAGS or any(len(tag) > TAG for tag in found):
        raise Rejected(f"Etsy takes at most {TAGS} tags of at most {TAG} characters.", field="attributes")
    for tag in found:
        if not _TAG.fullmatch(tag):
            raise Rejected(
                f"Etsy's tags have letters, digits, spaces and - ' ™ © ® only, unlike “{tag}”.",
                field="attributes",
            )
    return found


def materials(value: str) -> list[str]:
    found = [material.strip() for material in value.split(",") if material.strip()]
    for material in found:
        if not _MATERIAL.fullmatch(material):
            raise Rejected(
                f"Etsy's materials have letters, digits and spaces only, unlike “{material}”.",
                field="attributes",
            )
    return found


def price_of(variant: VariantDraft) -> Decimal:
    """Etsy has one price: the selling price where there is one (R-PRICE-02)."""
    price = variant.price if variant.selling_price is None else variant.selling_price
    if price <= 0:
        raise Rejected("Etsy needs a price above zero.", field="price")
    return price.quantize(Decimal("0.01"), ROUND_HALF_UP)


def number(value: object, what: str, field: str) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise Rejected(f"Choose {what} for this listing.", field=field) from None


def description(draft: ListingDraft) -> str:
    """The text of a listing, never empty; Etsy has no field for the warranty, so it stands at the end (R-CAT-09)."""
    parts = [plain(draft.description) or draft.title]
    if draft.warranty.strip():
        parts.append(f"Warranty: {plain(draft.warranty)}")
    return "\n\n".join(parts)


def new_listing(draft: ListingDraft, defaults: Mapping[str, str]) -> dict[str, Any]:
    """The form of `createDraftListing`. Raises `Rejected` naming what is missing.

    `defaults` are the store's own: taxonomy_id, shipping_profile_id, readiness_state_id, return_policy_id.
    """
    category = next(iter(draft.category_external_ids), "") or defaults.get("taxonomy_id", "")
    chosen = {**{k: v for k, v in defaults.items() if v}, **draft.attributes}
    policy = chosen.get("return_policy_id")
    return {
        "quantity": min(max(sum(variant.quantity for variant in draft.variants), 1), MOST),
        "title": title(draft.title),
        "description": description(draft),
        "price": min(price_of(variant) for variant in draft.variants),
        "who_made": chosen.get("who_made", WHO_MADE),
        "when_made": chosen.get("when_made", WHEN_MADE),
        "is_supply": str(chosen.get("is_supply", "false")).lower(),
        "taxonomy_id": number(category, "a category of Etsy", "category_external_ids"),
        "shipping_profile_id": number(
            chosen.get("shipping_profile_id", ""), "a shipping profile", "attributes"
        ),
        "readiness_state_id": number(
            chosen.get("readiness_state_id", ""), "a processing profile", "attributes"
        ),
        "return_policy_id": number(policy, "a return policy", "attributes") if policy else None,
        "shop_section_id": chosen.get("shop_section_id") or None,
        "tags": tags(chosen["tags"]) if chosen.get("tags") else None,
        "materials": materials(chosen["materials"]) if chosen.get("materials") else None,
        "type": "physical",
    }


def changed_listing(draft: ListingDraft) -> dict[str, Any]:
    """The form of `updateListing`: the changed fields only. Price, stock and SKU go by the inventory."""

    def is_wanted(name: str) -> bool:
        return not draft.changed or name in draft.changed

    form: dict[str, Any] = {}
    if is_wanted("title"):
        form["title"] = title(draft.title)
    if is_wanted("description") or is_wanted("warranty"):
        form["description"] = description(draft)
    if is_wanted("category_external_ids") and draft.category_external_ids:
        form["taxonomy_id"] = number(
            draft.category_external_ids[0], "a category of Etsy", "category_external_ids"
        )
    if is_wanted("attributes"):
        for name in (*FIELDS, "shipping_profile_id"):
            if name in draft.attributes:
                value: Any = draft.attributes[name]
                read = {"tags": tags, "materials": materials}.get(name)
                form[name] = read(value) if read else value
    return form


def properties(draft: ListingDraft) -> dict[str, str]:
    """Attributes that are properties of the category, by name."""
    return {k: v for k, v in draft.attributes.items() if k not in (*FIELDS, *PROFILES)}


def pictures(draft: ListingDraft) -> list[str]:
    """Addresses of all pictures, the listing's own first; those of variations take up to half of Etsy's places."""
    own = list(dict.fromkeys(url for url in draft.image_urls if url))
    more = [
        url for url in dict.fromkeys(v.image_url for v in draft.variants if v.image_url) if url not in own
    ]
    more = more[: max(MOST_IMAGES // 2, MOST_IMAGES - len(own))]
    return own[: MOST_IMAGES - len(more)] + more


def has_pictured_options(draft: ListingDraft) -> bool:
    return draft.kind == ProductKind.GROUP and any(variant.image_url for variant in draft.variants)


def pictured_options(draft: ListingDraft, document: payloads.Inventory) -> list[tuple[int, int, str]]:
    """(property, value, address of its picture) of one option: Etsy shows pictures by one option only (`etsy.md` §5).

    It is the first option each of whose values has one picture, else the first one, with the first picture of each
    value. The values' ids are those of the inventory document, never those of the taxonomy.
    """
    if not has_pictured_options(draft):
        return []
    urls = {variant.sku.casefold(): variant.image_url for variant in draft.variants if variant.image_url}
    found: dict[int, dict[int, list[str]]] = {}
    for product in live(document):
        url = urls.get(text(product["sku"]).casefold())
        for value in product["property_values"]:
            if url and value["value_ids"]:
                of_value = found.setdefault(value["property_id"], {}).setdefault(value["value_ids"][0], [])
                of_value.extend([] if url in of_value else [url])
    if not found:
        return []
    clear = [key for key, values in found.items() if all(len(urls) == 1 for urls in values.values())]
    chosen = clear[0] if clear else next(iter(found))
    return [(chosen, value_id, urls[0]) for value_id, urls in found[chosen].items()]


def inventory(draft: ListingDraft, readiness_state_id: int | None) -> dict[str, Any]:
    """A whole inventory document for a new listing, with SKUs; raises `Rejected` for options that Etsy cannot have."""
    names = list(draft.variants[0].options) if draft.kind == ProductKind.GROUP else []
    if draft.kind == ProductKind.GROUP and not names:
        raise Rejected("Each SKU of a group product needs its options, such as Size: M.", field="variants")
    if len(names) > len(CUSTOM):
        raise Rejected("A new listing can have two options at most here.", field="variants")
    for name in names:
        if len({variant.options.get(name) for variant in draft.variants}) > MOST_VALUES:
            raise Rejected(
                f"Etsy takes at most {MOST_VALUES} values of one option ({name}).", field="variants"
            )
    if any(list(variant.options) != names for variant in draft.variants) and names:
        raise Rejected("All SKUs of a group product need the same options.", field="variants")
    ids = list(CUSTOM[: len(names)])
    products = [
        {
            "sku": variant.sku,
            "property_values": [
                {
                    "property_id": ids[position],
                    "property_name": name,
                    "scale_id": None,
                    "value_ids": [],
                    "values": [variant.options[name].replace("(", "").replace(")", "")],
                }
                for position, name in enumerate(names)
            ],
            "offerings": [
                {
                    "price": price_of(variant),
                    "quantity": min(max(variant.quantity, 0), MOST),
                    "is_enabled": True,
                    "readiness_state_id": readiness_state_id,
                }
            ],
        }
        for variant in draft.variants
    ]
    prices = {str(product["offerings"][0]["price"]) for product in products}  # type: ignore[index]
    return {
        "products": products,
        "price_on_property": ids if len(prices) > 1 else [],
        "quantity_on_property": ids,
        "sku_on_property": ids,
        "readiness_state_on_property": [],
    }
