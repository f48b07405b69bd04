"""The fields of OnBuy's documents that are used. Numbers may come as text and flags as 0 and 1."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Category(TypedDict):
    category_id: int | str
    name: str
    category_tree: NotRequired[str | None]
    parent_id: NotRequired[int | str | None]
    can_list_in: NotRequired[bool | int | str]


class Feature(TypedDict):
    feature_id: int | str
    name: str
    required: NotRequired[bool | int | str]
    options: NotRequired[list[dict[str, Any]]]


class Brand(TypedDict):
    brand_id: int | str
    name: str


class Listing(TypedDict):
    """One SKU of the seller. No description, brand or category is in it."""

    sku: str
    product_listing_id: int | str
    name: NotRequired[str | None]
    group_sku: NotRequired[str | None]
    price: NotRequired[str | None]
    stock: NotRequired[int | str | None]
    image_url: NotRequired[str | None]
    product_url: NotRequired[str | None]
    product_codes: NotRequired[list[str] | None]
    sale_price: NotRequired[str | None]
    sale_start_date: NotRequired[str | None]
    sale_end_date: NotRequired[str | None]
    suspended_reason: NotRequired[str | None]
    updated_at: NotRequired[str | None]


class Address(TypedDict, total=False):
    name: str | None
    line_1: str | None
    line_2: str | None
    line_3: str | None
    town: str | None
    county: str | None
    postcode: str | None
    country: str | None
    country_code: str | None


class OrderLine(TypedDict):
    onbuy_internal_reference: int | str
    sku: str
    quantity: int | str
    unit_price: str
    name: NotRequired[str]
    total_price: NotRequired[str]
    quantity_dispatched: NotRequired[int | str]
    expected_dispatch_date: NotRequired[str | None]
    tax: NotRequired[dict[str, Any] | None]
    tracking: NotRequired[dict[str, Any] | None]


class Order(TypedDict):
    order_id: str
    status: str
    date: str
    products: list[OrderLine]
    updated_at: NotRequired[str | None]
    shipped_at: NotRequired[str | None]
    dispatched: NotRequired[bool | int | str]
    price_subtotal: NotRequired[str]
    price_delivery: NotRequired[str]
    price_total: NotRequired[str]
    price_discount: NotRequired[str]
    currency_code: NotRequired[str]
    delivery_service: NotRequired[str]
    buyer: NotRequired[dict[str, Any] | None]
    billing_address: NotRequired[Address | None]
    delivery_address: NotRequired[Address | None]
    tax: NotRequired[dict[str, Any] | None]
    tracking: NotRequired[dict[str, Any] | None]
    refunds: NotRequired[Any]
    stripe_transaction_id: NotRequired[str | None]
    paypal_capture_id: NotRequired[str | None]
