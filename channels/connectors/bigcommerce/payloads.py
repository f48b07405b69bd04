"""The native fields of BigCommerce that are used, and how their values are read: pure, no I/O.

Amounts come as text (`client`), ids as numbers, times in two notations.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Required, TypedDict

from channels.contract.schema import NEEDED, Amount
from channels.contract.translation import gettext as _
from oms.kit.numbers import is_whole_number

LABEL = "BigCommerce"


def instant(value: object) -> datetime | None:
    """Return RFC 2822 (v2) or ISO 8601 (v3) as an aware instant; None for "", ValueError for anything else."""
    given = str(value or "").strip()
    if not given:
        return None
    try:
        found = datetime.fromisoformat(given) if is_whole_number(given[:4]) else parsedate_to_datetime(given)
    except (TypeError, ValueError):
        raise ValueError(_("“%s” is not a time.") % given) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


class OptionValue(TypedDict, total=False):
    id: int
    option_id: int
    option_display_name: Required[str]
    label: Required[str]


class Variant(TypedDict, total=False):
    id: Required[Annotated[int, NEEDED]]
    product_id: int
    sku: str
    price: Amount | None
    sale_price: Amount | None
    weight: Amount | None
    upc: str
    image_url: str
    inventory_level: int
    option_values: list[OptionValue]


class Image(TypedDict, total=False):
    id: int
    is_thumbnail: bool
    sort_order: int
    url_standard: str
    url_zoom: str


class CustomField(TypedDict, total=False):
    id: int
    name: Required[str]
    value: Required[str]


class Product(TypedDict, total=False):
    id: Required[Annotated[int, NEEDED]]
    name: Required[str]
    type: str
    sku: str
    description: str
    warranty: str
    weight: Amount
    price: Amount
    sale_price: Amount
    categories: list[int]
    brand_id: int
    inventory_tracking: str
    inventory_level: int
    is_visible: bool
    availability: str
    upc: str
    date_modified: str
    custom_url: dict[str, Any]
    custom_fields: list[CustomField]
    images: list[Image]
    variants: list[Variant]


class Address(TypedDict, total=False):
    first_name: str
    last_name: str
    company: str
    street_1: str
    street_2: str
    city: str
    state: str
    zip: str
    country: str
    country_iso2: str
    phone: str
    email: str
    shipping_method: str


class Category(TypedDict, total=False):
    category_id: Required[Annotated[int, NEEDED]]
    parent_id: int
    name: Required[str]
    is_visible: bool


class Brand(TypedDict):
    id: Annotated[int, NEEDED]
    name: str


class OrderStatus(TypedDict, total=False):
    id: Required[Annotated[int, NEEDED]]
    name: str
    custom_label: str


class Pickup(TypedDict, total=False):
    pickup_method_display_name: str
    location: dict[str, Any]


class Line(TypedDict, total=False):
    id: Required[Annotated[int, NEEDED]]
    product_id: int
    variant_id: int
    order_address_id: int
    order_pickup_method_id: int
    name: Required[str]
    sku: str
    type: str
    quantity: Required[Annotated[int | str, NEEDED]]
    quantity_shipped: int
    quantity_refunded: int
    price_ex_tax: Required[Amount]
    total_ex_tax: Required[Amount]
    total_tax: Amount
    product_options: list[dict[str, Any]]
    parent_order_product_id: int | None
    applied_discounts: list[dict[str, Any]]


class Item(TypedDict, total=False):
    order_product_id: int
    quantity: int


class Refund(TypedDict, total=False):
    order_id: int
    total_amount: Amount


class Shipment(TypedDict, total=False):
    id: int
    order_address_id: int
    date_created: str
    tracking_number: str
    shipping_provider: str
    tracking_carrier: str
    shipping_method: str
    comments: str
    items: list[Item]


class Order(TypedDict, total=False):
    """`lines`, `addresses`, `pickups`, `shipments` and `refunds` are added by `orders`, from whichever call they come."""

    id: Required[Annotated[int, NEEDED]]
    status_id: int
    status: str
    custom_status: str
    date_created: Required[str]
    date_modified: Required[str]
    customer_id: int
    billing_address: Address
    subtotal_ex_tax: Required[Amount]
    shipping_cost_ex_tax: Amount
    handling_cost_ex_tax: Amount
    wrapping_cost_ex_tax: Amount
    total_tax: Amount
    total_inc_tax: Required[Amount]
    default_currency_code: str
    currency_code: str
    payment_method: str
    payment_status: str
    items_total: int
    items_shipped: int
    order_is_digital: bool
    customer_message: str
    is_deleted: bool
    lines: Required[list[Line]]
    addresses: list[Address]
    pickups: list[Pickup]
    shipments: list[Shipment]
    refunds: list[Refund]
