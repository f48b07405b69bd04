"""Etsy's inventory document: read, changed, written whole (`etsy.md` §6). Pure functions.

A PUT replaces everything, so it is always made from a document that was read a moment ago.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, cast

from channels.connectors.etsy import payloads
from channels.connectors.etsy.mapping import live, money
from channels.connectors.etsy.units import MOST
from channels.contract.errors import Rejected
from channels.contract.values import text

CENTS = Decimal("0.01")
ON_PROPERTY = ("price_on_property", "quantity_on_property", "sku_on_property", "readiness_state_on_property")


def writable(document: payloads.Inventory) -> dict[str, Any]:
    """The document as a PUT takes it back: deleted products out, ids out, Money as a number, the four arrays as they are.

    Each product keeps its `product_id` under that key for our own use; `bare` takes it out before sending.
    """
    return {
        "products": [
            {
                "product_id": product["product_id"],
                "sku": product["sku"] or "",
                "property_values": [
                    {
                        "property_id": value["property_id"],
                        "property_name": value["property_name"],
                        "scale_id": value["scale_id"],
                        "value_ids": value["value_ids"],
                        "values": value["values"],
                    }
                    for value in product["property_values"]
                ],
                "offerings": [
                    {
                        "price": money(offering["price"]),
                        "quantity": offering["quantity"],
                        "is_enabled": offering["is_enabled"],
                        "readiness_state_id": offering["readiness_state_id"],
                    }
                    for offering in product["offerings"]
                    if not offering["is_deleted"]
                ],
            }
            for product in live(document)
        ],
        **{name: list(cast(Mapping[str, Any], document).get(name) or ()) for name in ON_PROPERTY},
    }


def bare(document: Mapping[str, Any]) -> dict[str, Any]:
    """The body to send: no ids, prices as numbers with two places."""
    products = []
    for product in document["products"]:
        offerings = [
            {**offering, "price": float(Decimal(offering["price"]).quantize(CENTS, ROUND_HALF_UP))}
            for offering in product["offerings"]
        ]
        kept = {name: value for name, value in product.items() if name != "product_id"}
        products.append({**kept, "offerings": offerings})
    return {**document, "products": products}


def find(document: Mapping[str, Any], external_id: str, sku: str) -> dict[str, Any]:
    """The product of an external id; Etsy gives products new ids when options are edited, so the SKU is the second way.

    Raises `Rejected` when neither finds exactly one.
    """
    products: list[dict[str, Any]] = document["products"]
    _, _, product_id = external_id.partition("-")
    found = [product for product in products if str(product["product_id"]) == product_id]
    if not found and sku:
        found = [product for product in products if text(product["sku"]).casefold() == sku.casefold()]
    if not found and not product_id and len(products) == 1:
        found = products
    if len(found) != 1:
        raise Rejected(
            f"Etsy's listing has no variation that is {sku or external_id}: read the product anew.",
            code="no_such_variant",
        )
    return found[0]


def set_quantity(product: dict[str, Any], quantity: int) -> str:
    """Show `quantity` units; answers what the seller should know, if anything. Raises `Rejected` below zero."""
    if quantity < 0:
        raise Rejected(f"The quantity must be a whole number, 0 or more, not {quantity}.", field="quantity")
    shown = min(quantity, MOST)
    for offering in product["offerings"]:
        offering["quantity"] = shown
    return f"Etsy shows at most {MOST} units; {quantity} are available." if quantity > MOST else ""


def set_price(product: dict[str, Any], price: Decimal) -> None:
    """Show this price; raises `Rejected` when it is not above zero."""
    if price <= 0:
        raise Rejected("Etsy needs a price above zero.", field="price")
    for offering in product["offerings"]:
        offering["price"] = price


def set_readiness(document: Mapping[str, Any], readiness_state_id: int) -> str:
    """Give every offering this processing profile; downloads have none. There is nothing that the seller should know."""
    for product in document["products"]:
        for offering in product["offerings"]:
            if offering["readiness_state_id"] is not None:
                offering["readiness_state_id"] = readiness_state_id
    return ""


def all_zero(document: Mapping[str, Any]) -> bool:
    """Whether nothing could be bought: Etsy refuses such a document."""
    return not any(
        offering["quantity"] > 0 and offering["is_enabled"]
        for product in document["products"]
        for offering in product["offerings"]
    )


def zero(document: dict[str, Any]) -> None:
    """Every figure to 0: what a listing holds that we took off sale, whatever Etsy's copy still says."""
    for product in document["products"]:
        for offering in product["offerings"]:
            offering["quantity"] = 0


def spread(document: dict[str, Any]) -> None:
    """Say by which options figures differ, where the document does not say it yet (else Etsy refuses it).

    An array that already explains its figures is left as it is.
    """
    for name, field in (("quantity_on_property", "quantity"), ("price_on_property", "price")):
        groups: dict[tuple[Any, ...], set[Any]] = {}
        for product in document["products"]:
            key = tuple(
                (value["property_id"], *value["values"])
                for value in product["property_values"]
                if value["property_id"] in document[name]
            )
            groups.setdefault(key, set()).update(offering[field] for offering in product["offerings"])
        if any(len(values) > 1 for values in groups.values()):
            document[name] = properties_of(document)


def properties_of(document: Mapping[str, Any]) -> list[int]:
    """All options of the listing, in their order."""
    ids = [value["property_id"] for product in document["products"] for value in product["property_values"]]
    return list(dict.fromkeys(ids))


def flags(document: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Query of the PUT: a listing with three options must say so."""
    return (("max_variations_supported", "3"),) if len(properties_of(document)) > 2 else ()
