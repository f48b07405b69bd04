"""The fields of Etsy's documents that are used, and how their values are read: pure, no I/O (`etsy.md` §2 to §7).

External ids: a listing is its `listing_id`; its SKU is the same id for a listing without variations, else
"<listing_id>-<product_id>".
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypedDict, cast

from channels.contract.translation import gettext as _

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
    price: Money
    readiness_state_id: int | None


class PropertyValue(TypedDict):
    property_id: int
    property_name: str | None
    scale_id: int | None
    scale_name: str | None
    value_ids: list[int]
    values: list[str]


class Product(TypedDict):
    product_id: int
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
    listing_image_id: int
    rank: int
    url_570xN: str
    url_fullxfull: str


class Listing(TypedDict):
    listing_id: int
    title: str
    description: str
    state: str
    quantity: int
    url: str
    updated_timestamp: int
    taxonomy_id: int | None
    tags: list[str]
    materials: list[str]
    who_made: str | None
    when_made: str | None
    is_supply: bool | None
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
    transaction_id: int
    title: str | None
    quantity: int
    price: Money
    is_digital: bool
    listing_id: int | None
    product_id: int | None
    sku: str | None
    variations: list[Variation]
    expected_ship_date: int | None
    shipping_method: str | None
    shipping_upgrade: str | None


class Shipment(TypedDict):
    receipt_shipping_id: int | None
    shipment_notification_timestamp: int
    carrier_name: str
    tracking_code: str


class Refund(TypedDict):
    amount: Money
    created_timestamp: int
    reason: str | None
    note_from_issuer: str | None
    status: str | None


class Receipt(TypedDict):
    receipt_id: int
    status: str
    is_paid: bool
    is_shipped: bool
    created_timestamp: int
    updated_timestamp: int
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
    refunds: list[Refund]


class TaxonomyNode(TypedDict):
    id: int
    name: str
    parent_id: int | None
    children: list[TaxonomyNode]


class TaxonomyProperty(TypedDict):
    property_id: int
    display_name: str
    is_required: bool
    supports_attributes: bool
    supports_variations: bool
    is_multivalued: bool
    possible_values: list[dict[str, Any]]


def money(value: Money | None) -> Decimal:
    """Return amount / divisor, exact; 0 for None. Raises ValueError for a divisor that is not above zero."""
    if value is None:
        return Decimal(0)
    divisor = int(value["divisor"])
    if divisor <= 0:
        raise ValueError(_("the divisor %d of an amount is not valid") % divisor)
    places = len(str(divisor)) - 1
    if divisor == 10**places:
        return Decimal(int(value["amount"])).scaleb(-places)
    return Decimal(int(value["amount"])) / divisor


def instant(value: object) -> datetime:
    """Return epoch seconds as an aware instant."""
    return datetime.fromtimestamp(int(cast(int, value)), UTC)


def seconds(moment: datetime) -> int:
    """Return an aware instant as a filter of Etsy: whole seconds, never before 2000."""
    return max(int(moment.timestamp()), EARLIEST)


def variant_id(listing_id: object, product: Product) -> str:
    """Return the external id of a SKU: the listing's own where it has no variations."""
    return f"{listing_id}-{product['product_id']}" if product["property_values"] else str(listing_id)


def live(inventory: Inventory | None) -> list[Product]:
    """Return the products of an inventory document that are not deleted."""
    return [product for product in inventory["products"] if not product["is_deleted"]] if inventory else []
