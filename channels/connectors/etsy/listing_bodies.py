"""The bodies of requests about listings, from listing drafts: pure functions, no I/O (`etsy.md` §5)."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

from channels.connectors.etsy import payloads
from channels.connectors.etsy.payloads import MOST_UNITS, live
from channels.connectors.etsy.stock_prices import properties_of
from channels.contract.errors import Rejected
from channels.contract.records.listings import refusals_of
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, VariantDraft
from channels.contract.translation import gettext as _
from channels.contract.translation import gettext_lazy
from channels.contract.values import text

TITLE = 140
TAGS, TAG = 13, 20
MOST_IMAGES = 20
MOST_VALUES = 70  # of one option
ONCE = "%:&+"
SHOWN = 12  # values named in a message
CUSTOM = (513, 514)  # property ids of options that Etsy's taxonomy does not have
#: Etsy takes these three only together.
MADE = {"who_made": "i_did", "when_made": "made_to_order", "is_supply": "false"}
#: Attributes of a draft that are fields of the listing; all others are properties of its category.
FIELDS = ("who_made", "when_made", "is_supply", "tags", "materials", "shop_section_id", "return_policy_id")
PROFILES = ("shipping_profile_id", "readiness_state_id")
CATEGORY = gettext_lazy("Choose a category of Etsy for this listing.")
SHIPPING_PROFILE = gettext_lazy("Choose a shipping profile for this listing.")
PROCESSING_PROFILE = gettext_lazy("Choose a processing profile for this listing.")
RETURN_POLICY = gettext_lazy("Choose a return policy for this listing.")
SECTION = gettext_lazy("Choose a section for this listing.")
_BREAK = re.compile(r"</(p|div|li|h\d|tr)>|<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"[^\W_](?:[^\W_]|[ '™©®-])*")
_MATERIAL = re.compile(r"(?:[^\W_]| )+")
_MARKUP = re.compile(r"</?[a-z][^>]*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)


def plain(text: str) -> str:
    """Return a description without markup, as Etsy takes it."""
    bare = html.unescape(_MARKUP.sub("", _BREAK.sub("\n", text)))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() for line in bare.splitlines())).strip()


def title(text: str) -> str:
    """Return the title; raise `Rejected` when Etsy would refuse it."""
    found = unicodedata.normalize("NFC", text.strip())
    if not 1 <= len(found) <= TITLE:
        raise Rejected(_("Etsy's title has 1 to %d characters.") % TITLE, field="title")
    for sign in ONCE:
        if found.count(sign) > 1:
            raise Rejected(_("Etsy allows “%s” only once in a title.") % sign, field="title")
    if strange := next((sign for sign in found if not is_for_titles(sign)), ""):
        raise Rejected(
            _("Etsy's titles have letters, digits, punctuation and signs of arithmetic only, not “%s”.")
            % strange,
            field="title",
        )
    return found


def is_for_titles(sign: str) -> bool:
    """Whether Etsy allows this character in a title."""
    kind = unicodedata.category(sign)
    return kind[0] in "LP" or kind in ("Nd", "Sm", "Zs") or sign in "™©®"


def tags(value: str) -> list[str]:
    """Return the tags of a comma-separated text; raise `Rejected` when Etsy would refuse one."""
    found = [tag.strip() for tag in value.split(",") if tag.strip()]
    if len(found) > TAGS or any(len(tag) > TAG for tag in found):
        raise Rejected(
            _("Etsy takes at most %(count)d tags of at most %(length)d characters.")
            % {"count": TAGS, "length": TAG},
            field="attributes",
        )
    for tag in found:
        if not _TAG.fullmatch(tag):
            raise Rejected(
                _("Etsy's tags have letters, digits, spaces and - ' ™ © ® only, unlike “%s”.") % tag,
                field="attributes",
            )
    return found


def materials(value: str) -> list[str]:
    """Return the materials of a comma-separated text; raise `Rejected` when Etsy would refuse one."""
    found = [material.strip() for material in value.split(",") if material.strip()]
    for material in found:
        if not _MATERIAL.fullmatch(material):
            raise Rejected(
                _("Etsy's materials have letters, digits and spaces only, unlike “%s”.") % material,
                field="attributes",
            )
    return found


def price_of(variant: VariantDraft) -> Decimal:
    """Return Etsy's one price: the selling price where there is one (R-PRICE-02); raise `Rejected` for 0 or less."""
    price = variant.price if variant.selling_price is None else variant.selling_price
    if price <= 0:
        raise Rejected(_("Etsy needs a price above zero."), field="price")
    return price.quantize(Decimal("0.01"), ROUND_HALF_UP)


def number(value: object, message: Any, field: str) -> int:
    """Return a chosen id as a number; raise `Rejected` with this message where none is chosen."""
    try:
        return int(str(value))
    except ValueError:
        raise Rejected(str(message), field=field) from None


def description(draft: ListingDraft) -> str:
    """Return the description, never empty; the warranty is at its end, since Etsy has no field for it (R-CAT-09)."""
    parts = [plain(draft.description) or draft.title]
    if draft.warranty.strip():
        parts.append(
            f"Warranty: {plain(draft.warranty)}"
        )  # read by buyers, so not in the language of the staff
    return "\n\n".join(parts)


def _id(message: Any) -> Callable[[str], int]:
    return lambda value: number(value, message, "attributes")


#: How the fields of a listing are read; the others are sent unchanged.
_READ: Mapping[str, Callable[[str], Any]] = {
    "tags": tags,
    "materials": materials,
    "is_supply": str.lower,
    "shipping_profile_id": _id(SHIPPING_PROFILE),
    "return_policy_id": _id(RETURN_POLICY),
    "shop_section_id": _id(SECTION),
}


def listing_fields(chosen: Mapping[str, str]) -> dict[str, Any]:
    """Return those of these attributes that are fields of the listing; empty ones are left out, except tags and materials."""
    return {
        name: _READ.get(name, str)(chosen[name].strip())
        for name in (*FIELDS, "shipping_profile_id")
        if chosen.get(name, "").strip() or (name in chosen and name in ("tags", "materials"))
    }


def new_listing(draft: ListingDraft, defaults: Mapping[str, str]) -> dict[str, Any]:
    """Return the form of `createDraftListing`; raise `Rejected` naming what is missing.

    `defaults` are the store's own: taxonomy_id, shipping_profile_id, readiness_state_id, return_policy_id.
    """
    category = next(iter(draft.category_external_ids), "") or defaults.get("taxonomy_id", "")
    chosen = chosen_for(draft, defaults)
    return {
        "quantity": min(max(sum(variant.quantity for variant in draft.variants), 1), MOST_UNITS),
        "title": title(draft.title),
        "description": description(draft),
        "price": min(price_of(variant) for variant in draft.variants),
        "taxonomy_id": number(category, CATEGORY, "category_external_ids"),
        **MADE,
        **listing_fields(chosen),
        "shipping_profile_id": number(chosen.get("shipping_profile_id", ""), SHIPPING_PROFILE, "attributes"),
        "readiness_state_id": readiness(chosen),
        "type": "physical",
    }


def refusals(draft: ListingDraft, defaults: Mapping[str, str], *, is_published: bool) -> list[Rejected]:
    """Return what Etsy would refuse of a new listing; `is_published`: it is put on sale at once, which needs a picture.

    A profile that is not chosen is no fault here: the shop may have only one.
    """
    category = next(iter(draft.category_external_ids), "") or defaults.get("taxonomy_id", "")
    chosen = chosen_for(draft, defaults)
    texts = {name: chosen[name] for name in ("tags", "materials") if name in chosen}
    return refusals_of(
        partial(title, draft.title),
        partial(number, category, CATEGORY, "category_external_ids"),
        *(partial(listing_fields, {name: value}) for name, value in texts.items()),
        *(partial(price_of, variant) for variant in draft.variants),
        partial(inventory, draft, None),
        partial(_check_picture, draft if is_published else None),
    )


def _check_picture(draft: ListingDraft | None) -> None:
    if draft is not None and not pictures(draft):
        raise Rejected(_("Etsy puts no listing on sale without a picture. Add one."), field="image_urls")


def chosen_for(draft: ListingDraft, defaults: Mapping[str, str]) -> dict[str, str]:
    """Return the draft's own values, and the store's where it has none."""
    both = (defaults, draft.attributes)
    return {name: value for given in both for name, value in given.items() if value.strip()}


def readiness(chosen: Mapping[str, str]) -> int:
    """Return the processing profile's id; raise `Rejected` where none is chosen."""
    return number(chosen.get("readiness_state_id", ""), PROCESSING_PROFILE, "attributes")


def changed_listing(draft: ListingDraft) -> dict[str, Any]:
    """Return the form of `updateListing`: the changed fields. Price, stock, SKU and processing are in the inventory."""
    form: dict[str, Any] = {}
    if is_wanted(draft, "title"):
        form["title"] = title(draft.title)
    if is_wanted(draft, "description") or is_wanted(draft, "warranty"):
        form["description"] = description(draft)
    if is_wanted(draft, "category_external_ids") and draft.category_external_ids:
        form["taxonomy_id"] = number(draft.category_external_ids[0], CATEGORY, "category_external_ids")
    if is_wanted(draft, "attributes"):
        fields = listing_fields(draft.attributes)
        form |= (MADE if MADE.keys() & fields else {}) | fields
    return form


def is_wanted(draft: ListingDraft, name: str) -> bool:
    """Whether an update sends this field; one that names no field sends all."""
    return not draft.changed or name in draft.changed


def properties(
    draft: ListingDraft, rows: Sequence[payloads.TaxonomyProperty]
) -> list[tuple[int, dict[str, Any]]]:
    """Return (property, form) of each attribute that is a property of the category; `rows` are its properties.

    Raises `Rejected` for one that the category does not have, and for a value that Etsy does not have of it.
    """
    known = {text(row["display_name"]).casefold(): row for row in rows if row["supports_attributes"]}
    found = []
    for name, value in properties_wanted(draft).items():
        row = known.get(name.casefold())
        if row is None:
            raise Rejected(_("This category of Etsy has no attribute called %s.") % name, field="attributes")
        values = [one.strip() for one in (value.split(",") if row["is_multivalued"] else [value])]
        allowed = {text(one["name"]).casefold(): one for one in row["possible_values"]}
        if strange := [one for one in values if allowed and one.casefold() not in allowed]:
            known_values = ", ".join(text(one["name"]) for one in row["possible_values"][:SHOWN])
            raise Rejected(
                _("Etsy's %(name)s has no “%(value)s”; it has: %(known)s")
                % {
                    "name": name,
                    "value": strange[0],
                    "known": known_values + (" …" if len(allowed) > SHOWN else "."),
                },
                field="attributes",
            )
        ids = [allowed[one.casefold()]["value_id"] for one in values if allowed]
        found.append((row["property_id"], {"value_ids": ids, "values": values}))
    return found


def properties_wanted(draft: ListingDraft) -> dict[str, str]:
    """Return the attributes that are no field of the listing, by name, without empty ones."""
    return {k: v for k, v in draft.attributes.items() if k not in (*FIELDS, *PROFILES) and v.strip()}


def pictures(draft: ListingDraft) -> list[str]:
    """Return the addresses of all pictures, the listing's own first; those of variations take up to half of the places."""
    own = list(dict.fromkeys(url for url in draft.image_urls if url))
    more = [
        url for url in dict.fromkeys(v.image_url for v in draft.variants if v.image_url) if url not in own
    ]
    more = more[: max(MOST_IMAGES // 2, MOST_IMAGES - len(own))]
    return own[: MOST_IMAGES - len(more)] + more


def has_pictured_options(draft: ListingDraft) -> bool:
    """Whether variations of a group have pictures of their own."""
    return draft.kind == ProductKind.GROUP and any(variant.image_url for variant in draft.variants)


def pictured_options(draft: ListingDraft, document: payloads.Inventory) -> list[tuple[int, int, str]]:
    """Return (property, value, address of its picture) of one option: Etsy shows pictures by one option (`etsy.md` §5).

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


def change_variants(document: dict[str, Any], draft: ListingDraft) -> str:
    """Remove and add the draft's SKUs in an inventory document, once; return no note. Raises `Rejected` for other options."""
    gone = {variant.sku.casefold() for variant in draft.variants if variant.is_removed}
    products = [one for one in document["products"] if text(one["sku"]).casefold() not in gone]
    if not products:
        raise Rejected(_("A listing needs at least one SKU."), field="variants")
    have = {text(one["sku"]).casefold() for one in products}
    pattern = products[0]
    for variant in draft.variants:
        if variant.external_id or variant.is_removed or variant.sku.casefold() in have:
            continue
        options = {name.casefold(): sku_value(variant, name) for name in variant.options}
        names = [text(value["property_name"]).casefold() for value in pattern["property_values"]]
        if not names or sorted(names) != sorted(options):
            raise Rejected(
                _("The listing at Etsy has the options %(known)s; %(sku)s has %(own)s.")
                % {"known": ", ".join(names) or "–", "sku": variant.sku, "own": ", ".join(options) or "–"},
                field="variants",
            )
        values = [
            _value_of(products, one, options[name])
            for one, name in zip(pattern["property_values"], names, strict=True)
        ]
        offering = {**pattern["offerings"][0], "price": price_of(variant), "is_enabled": True}
        offering["quantity"] = min(max(variant.quantity, 0), MOST_UNITS)
        products.append(
            {"product_id": None, "sku": variant.sku, "property_values": values, "offerings": [offering]}
        )
    document["products"] = products
    document["sku_on_property"] = properties_of(document)
    return ""


def sku_value(variant: VariantDraft, name: str) -> str:
    """Return the value of an option of a SKU as this store has it."""
    own = {key.casefold(): value for key, value in variant.attributes.items()}
    return own.get(name.casefold()) or variant.options[name]


def _value_of(products: Sequence[Any], pattern: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    """Return the value of an option as the listing has it already, else a new one."""
    wanted = wanted.replace("(", "").replace(")", "")
    for product in products:
        for value in product["property_values"]:
            is_same = [text(one).casefold() for one in value["values"]] == [wanted.casefold()]
            if value["property_id"] == pattern["property_id"] and is_same:
                return dict(value)
    return {**pattern, "value_ids": [], "values": [wanted]}


def inventory(
    draft: ListingDraft, readiness_state_id: int | None, rows: Sequence[payloads.TaxonomyProperty] = ()
) -> dict[str, Any]:
    """Return a whole inventory document; `rows` are the category's properties. Raise `Rejected` for options that Etsy cannot have."""
    names = list(draft.variants[0].options) if draft.kind == ProductKind.GROUP else []
    if draft.kind == ProductKind.GROUP and not names:
        raise Rejected(_("Each SKU of a group product needs its options, such as Size: M."), field="variants")
    if len(names) > len(CUSTOM):
        raise Rejected(_("A new listing can have at most two options."), field="variants")
    for name in names:
        if len({variant.options.get(name) for variant in draft.variants}) > MOST_VALUES:
            raise Rejected(
                _("Etsy takes at most %(most)d values of one option (%(name)s).")
                % {"most": MOST_VALUES, "name": name},
                field="variants",
            )
    if any(list(variant.options) != names for variant in draft.variants) and names:
        raise Rejected(_("All SKUs of a group product need the same options."), field="variants")
    products = [
        {
            "sku": variant.sku,
            "property_values": [
                payloads.option_value(rows, custom, name, sku_value(variant, name))
                for custom, name in zip(CUSTOM, names, strict=False)
            ],
            "offerings": [
                {
                    "price": price_of(variant),
                    "quantity": min(max(variant.quantity, 0), MOST_UNITS),
                    "is_enabled": True,
                    "readiness_state_id": readiness_state_id,
                }
            ],
        }
        for variant in draft.variants
    ]
    ids = properties_of({"products": products})
    prices = {str(product["offerings"][0]["price"]) for product in products}  # type: ignore[index]
    return {
        "products": products,
        "price_on_property": ids if len(prices) > 1 else [],
        "quantity_on_property": ids,
        "sku_on_property": ids,
        "readiness_state_on_property": [],
    }
