"""The fields of Etsy's documents that are used, and how their values are read: pure, no I/O (`etsy.md` §2 to §7).

External ids: a listing is its `listing_id`; its SKU is the same id for a listing without variations, else
"<listing_id>-<product_id>".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, NotRequired, TypedDict, cast

from channels.contract.translation import gettext as _
from channels.contract.validation.record_limits import MOST_AMOUNT, shown
from channels.contract.validation.schema import NEEDED, Notes
from channels.contract.values import text

LABEL = "Etsy"
MOST_UNITS = 999  # of one offering that Etsy shows (`etsy.md` §6)
EARLIEST = 946_684_800  # Etsy refuses filters before the year 2000


class Money(TypedDict):
    """value = amount / divisor, and the divisor is not always 100."""

    amount: int
    divisor: int
    currency_code: str


class Offering(TypedDict):
    offering_id: int
    quantity: int
    is_enabled: bool
    is_deleted: bool
    price: Money | None
    readiness_state_id: int | None


class PropertyValue(TypedDict):
    property_id: int
    property_name: str | None
    scale_id: int | None
    scale_name: str | None
    value_ids: list[int]
    values: list[str]


class Product(TypedDict):
    product_id: Annotated[int, NEEDED]
    sku: str | None
    is_deleted: bool
    offerings: list[Offering]
    property_values: list[PropertyValue]


class Inventory(TypedDict):
    products: list[Product]
    price_on_property: list[int]
    quantity_on_property: list[int]
    sku_on_property: list[int]
    readiness_state_on_property: list[int]


class Image(TypedDict):
    listing_image_id: NotRequired[int]
    rank: int
    url_570xN: NotRequired[str]
    url_fullxfull: str


class Listing(TypedDict):
    listing_id: Annotated[int, NEEDED]
    title: str
    description: str
    state: str
    quantity: int
    url: str
    updated_timestamp: int | str | None
    taxonomy_id: int | None
    tags: list[str]
    materials: list[str]
    who_made: str | None
    when_made: str | None
    is_supply: bool | None
    item_weight: NotRequired[float | str | None]
    item_weight_unit: NotRequired[str | None]
    price: Money
    images: list[Image] | None
    inventory: Inventory | None


class Variation(TypedDict):
    property_id: int
    value_id: int | None
    formatted_name: str
    formatted_value: str
    question_id: int | None


class Transaction(TypedDict):
    transaction_id: Annotated[int, NEEDED]
    title: str | None
    quantity: Annotated[int | str, NEEDED]
    price: Money
    is_digital: bool
    listing_id: int | None
    product_id: int | None
    sku: str | None
    variations: list[Variation]
    expected_ship_date: int | str | None
    shipping_method: str | None
    shipping_upgrade: str | None


class Shipment(TypedDict):
    receipt_shipping_id: int | None
    shipment_notification_timestamp: int | str | None
    carrier_name: str
    tracking_code: str


class Refund(TypedDict):
    amount: Money
    created_timestamp: int | str | None
    reason: str | None
    note_from_issuer: str | None
    status: str | None


class Receipt(TypedDict):
    receipt_id: Annotated[int, NEEDED]
    status: str
    is_paid: bool
    is_shipped: bool
    created_timestamp: int | str | None
    updated_timestamp: int | str | None
    name: str | None
    first_line: str | None
    second_line: str | None
    city: str | None
    state: str | None
    zip: str | None
    country_iso: str | None
    buyer_user_id: int
    buyer_email: str | None
    payment_method: str
    message_from_buyer: str | None
    is_gift: bool
    gift_message: str | None
    grandtotal: Money
    subtotal: Money
    total_price: Money
    total_shipping_cost: Money
    total_tax_cost: Money
    total_vat_cost: Money
    discount_amt: Money
    gift_wrap_price: Money
    shipments: list[Shipment]
    transactions: list[Transaction]
    refunds: list[Refund] | None


class TaxonomyNode(TypedDict):
    id: Annotated[int, NEEDED]
    name: str
    parent_id: int | None
    children: list[Any]


class TaxonomyProperty(TypedDict):
    property_id: Annotated[int, NEEDED]
    display_name: str
    is_required: bool
    supports_attributes: bool
    supports_variations: bool
    is_multivalued: bool
    possible_values: list[dict[str, Any]]


def money(value: Money | None, notes: Notes | None = None, name: str = "") -> Decimal:
    """Return amount / divisor, exact; 0 for None.

    For what is no amount (a divisor that is not above zero, more than 14 digits): 0 with a note where `notes` is given
    (`name`: the field), else it raises ValueError.
    """
    if value is None or not (value["amount"] or value["divisor"]):
        return Decimal(0)
    divisor, amount = int(value["divisor"]), Decimal(int(value["amount"]))
    if divisor > 0:
        places = len(str(divisor)) - 1
        found = amount.scaleb(-places) if divisor == 10**places else amount / divisor
        if abs(found) < MOST_AMOUNT:
            return found
    if notes is None:
        raise ValueError(
            _("%(amount)s / %(divisor)s is not an amount")
            % {"amount": shown(amount), "divisor": shown(divisor)}
        )
    notes.add(name, f"{shown(amount)} / {shown(divisor)}")
    return Decimal(0)


def instant(value: object) -> datetime:
    """Return epoch seconds as an aware instant."""
    return datetime.fromtimestamp(int(cast(int, value)), UTC)


def seconds(moment: datetime) -> int:
    """Return an aware instant as a filter of Etsy: whole seconds, never before 2000."""
    return max(int(moment.timestamp()), EARLIEST)


def option_value(rows: Sequence[TaxonomyProperty], custom_id: int, name: str, value: str) -> dict[str, Any]:
    """Return an option of a SKU as an inventory document has it; `rows` are the properties of the listing's category.

    An option that is a property of the category has its id, and the id of a value that Etsy knows; any other is a custom
    property (`etsy.md` §6). Etsy refuses brackets in a value.
    """
    value = value.replace("(", "").replace(")", "")
    for row in rows:
        if row["supports_variations"] and text(row["display_name"]).casefold() == name.casefold():
            known = {text(one["name"]).casefold(): one for one in row["possible_values"]}
            found = known.get(value.casefold())
            return {
                "property_id": row["property_id"],
                "property_name": text(row["display_name"]),
                "scale_id": found.get("scale_id") if found else None,
                "value_ids": [found["value_id"]] if found else [],
                "values": [text(found["name"]) if found else value],
            }
    return {
        "property_id": custom_id,
        "property_name": name,
        "scale_id": None,
        "value_ids": [],
        "values": [value],
    }


def variant_id(listing_id: object, product: Product) -> str:
    """Return the external id of a SKU: the listing's own where it has no variations."""
    return f"{listing_id}-{product['product_id']}" if product["property_values"] else str(listing_id)


def live(inventory: Inventory | None) -> list[Product]:
    """Return the products of an inventory document that are not deleted."""
    return [product for product in inventory["products"] if not product["is_deleted"]] if inventory else []
