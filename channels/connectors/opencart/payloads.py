"""The native fields of contract v1 that Manifold uses (`contrib/opencart/CONTRACT.md` §4), and how values are read.

Numbers are decimal strings, times are UTC. External ids: a product is its `product_id`; its SKU is the child's `key`
("42-31" for a value of the stock-tracked option, "50" for a variant that is a product of its own), or the
`product_id` again for a simple product.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, NotRequired, TypedDict

from channels.contract.schema import NEEDED, Amount
from channels.contract.values import text

FOUR_PLACES = Decimal("0.0001")  # decimals that OpenCart stores


def instant(value: object) -> datetime:
    """Return the shop's UTC time as an aware instant. Raise ValueError for any other form."""
    return datetime.strptime(str(value), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def utc(moment: datetime) -> str:
    """Return an aware instant in the API's form: whole seconds, rounded down."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parent_sku(rule: str, sku: str, model: str) -> str:
    """Return a product's SKU by the store's rule (`sku_or_model`, `sku_only` or `model`); "" when it has none."""
    if rule == "model":
        return text(model)
    return text(sku) or (text(model) if rule == "sku_or_model" else "")


def child_sku(rule: str, *, sku: str, model: str, key: str, given: str) -> str:
    """Return a child's own SKU, else the parent's (by the rule) followed by the option value's id.

    The extension returns such a default too, made of `sku` or `model`: it is recognised and replaced by that of the rule.
    A variant (its key has no value id) has its own SKU or none.
    """
    suffix, given = key.partition("-")[2], text(given)
    if not suffix or given not in ("", f"{text(sku) or text(model)}-{suffix}"):
        return given
    base = parent_sku(rule, sku, model)
    return f"{base}-{suffix}" if base else ""


class Status(TypedDict):
    id: int | str
    name: str


class OrderStatus(TypedDict):
    id: Annotated[int, NEEDED]
    name: str
    in_processing: bool
    in_complete: bool


class Category(TypedDict):
    id: Annotated[int, NEEDED]
    parent_id: int
    name: str
    path: list[str]
    status: bool


class Attribute(TypedDict):
    group_id: int
    group_name: str
    attribute_id: Annotated[int, NEEDED]
    attribute_name: str


class ProductAttribute(TypedDict):
    attribute_id: int
    name: str
    text: str


class Child(TypedDict):
    """A stockable version: a value of the one stock-tracked option, or a variant (then `product_id` is set)."""

    key: Annotated[str, NEEDED]
    product_id: int | None
    option_value_id: int | None
    sku: str
    label: dict[str, str]
    quantity: int
    price: Amount | None
    image: str | None


class Manufacturer(TypedDict):
    id: int
    name: str


class Product(TypedDict):
    product_id: Annotated[int, NEEDED]
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
    price: Amount | None
    special: Amount | None
    special_from: str | None
    special_to: str | None
    quantity: int
    subtract: bool
    status: bool
    weight: Amount
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
    cost: Amount | None
    address: Address | None


class Shop(TypedDict):
    """The OpenCart store in which an order was placed; 0 is the main one."""

    id: int
    name: str
    url: str


class File(TypedDict):
    """A file that the buyer uploaded. `url` is signed: it opens the file as long as the shop's secret key is valid."""

    name: str
    url: str


class LineOption(TypedDict):
    file: NotRequired[File]  # since version 1.1 of the extension
    option_value_id: int | None
    name: str
    value: str
    type: str


class Line(TypedDict):
    order_product_id: Annotated[int, NEEDED]
    product_id: int
    master_id: int
    sku: str
    model: str
    name: str
    quantity: Annotated[int | str, NEEDED]
    price: Amount
    tax: Amount
    total: Amount
    child_key: str | None
    child_sku: str | None
    subtract: NotRequired[
        bool | None
    ]  # since version 1.1: the shop deducts stock; None for a deleted product
    shipping: NotRequired[bool | None]  # since version 1.1: the product needs shipping
    options: list[LineOption]


class Total(TypedDict):
    code: str
    title: str
    value: Amount


class History(TypedDict):
    order_history_id: int
    status_id: int
    comment: str
    date_added: str
    ref: str | None


class Order(TypedDict):
    """`history` is present when one order is read, not in lists."""

    order_id: Annotated[int, NEEDED]
    date_added: str
    changed_at: str
    status: Status
    currency: str
    currency_value: Amount | None
    total: Amount
    comment: str
    firstname: str
    lastname: str
    email: str
    telephone: str
    customer_id: int
    store: NotRequired[Shop | None]  # since version 1.1 of the extension
    payment: Payment
    shipping: Shipping
    lines: list[Line]
    totals: list[Total]
    last_ref: str | None
    history: NotRequired[list[History]]
