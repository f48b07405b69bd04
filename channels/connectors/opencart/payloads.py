"""The native fields of contract v1 that we use (`contrib/opencart/CONTRACT.md` §4). Numbers are decimal strings."""

from __future__ import annotations

from typing import TypedDict


class Status(TypedDict):
    id: int
    name: str


class OrderStatus(TypedDict):
    id: int
    name: str
    in_processing: bool
    in_complete: bool


class Category(TypedDict):
    id: int
    parent_id: int
    name: str
    path: list[str]
    status: bool


class Attribute(TypedDict):
    group_id: int
    group_name: str
    attribute_id: int
    attribute_name: str


class ProductAttribute(TypedDict):
    attribute_id: int
    name: str
    text: str


class Child(TypedDict):
    """A stockable version: a value of the one stock-tracked option, or a variant (then `product_id` is set)."""

    key: str
    product_id: int | None
    option_value_id: int | None
    sku: str
    label: dict[str, str]
    quantity: int
    price: str
    image: str | None


class Manufacturer(TypedDict):
    id: int
    name: str


class Product(TypedDict):
    product_id: int
    kind: str
    sku: str
    model: str
    ean: str
    upc: str
    jan: str
    isbn: str
    mpn: str
    name: str
    description: str
    price: str
    special: str | None
    special_from: str | None
    special_to: str | None
    quantity: int
    subtract: bool
    status: bool
    weight: str
    weight_unit: str
    manufacturer: Manufacturer | None
    category_ids: list[int]
    attributes: list[ProductAttribute]
    image: str | None
    images: list[str]
    date_modified: str | None
    children: list[Child]


class Address(TypedDict):
    firstname: str
    lastname: str
    company: str
    address_1: str
    address_2: str
    city: str
    postcode: str
    zone: str
    country: str
    iso2: str


class Payment(TypedDict):
    name: str
    code: str
    address: Address | None


class Shipping(TypedDict):
    name: str
    code: str
    cost: str | None
    address: Address | None


class LineOption(TypedDict):
    option_value_id: int | None
    name: str
    value: str
    type: str


class Line(TypedDict):
    order_product_id: int
    product_id: int
    master_id: int
    sku: str
    model: str
    name: str
    quantity: int
    price: str
    tax: str
    total: str
    child_key: str | None
    child_sku: str | None
    options: list[LineOption]


class Total(TypedDict):
    code: str
    title: str
    value: str


class History(TypedDict):
    order_history_id: int
    status_id: int
    comment: str
    date_added: str
    ref: str | None


class Order(TypedDict, total=False):
    """`history` is there when one order is asked for, not in lists."""

    order_id: int
    date_added: str
    changed_at: str
    status: Status
    currency: str
    currency_value: str
    total: str
    comment: str
    firstname: str
    lastname: str
    email: str
    telephone: str
    customer_id: int
    payment: Payment
    shipping: Shipping
    lines: list[Line]
    totals: list[Total]
    last_ref: str | None
    history: list[History]
