"""The native fields of OnBuy that Manifold uses, and how their values are read (`onbuy.md` §1, §7, §8).

External ids: a SKU of the seller is its SKU, which is what every call of OnBuy goes by; a row without one is
`listing:<id>`. A group is `group:<group_sku>`, and its record has those of its SKUs that are on the same page.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NotRequired, TypedDict
from zoneinfo import ZoneInfo

CURRENCY = "GBP"
GROUP = "group:"
NO_SKU = "listing:"
UK = ZoneInfo("Europe/London")
_FORMAT = "%Y-%m-%d %H:%M:%S"


def text(value: object) -> str:
    """Return a value as text without spaces at its ends; None is empty."""
    return "" if value is None else str(value).strip()


def opaque(value: object) -> str:
    """Return a SKU exactly as OnBuy has it, with the spaces at its ends: its calls need it so."""
    return "" if value is None else str(value)


def number(value: object) -> int:
    """Return a whole number that may come as text; raises ValueError."""
    return int(str(value))


def flag(value: object) -> bool:
    """Return whether a value is true, 1 or "1"."""
    return str(value).casefold() in ("1", "true")


def instant(value: object, zone: tzinfo = UTC) -> datetime:
    """Return OnBuy's time, which has no zone, read in this one; raises ValueError for any other form."""
    return datetime.strptime(str(value), _FORMAT).replace(tzinfo=zone).astimezone(UTC)


def moment(value: datetime, zone: tzinfo | None = UTC) -> str:
    """Return an instant in OnBuy's form; filters are in UTC, which is never later than UK time."""
    return value.astimezone(zone).strftime(_FORMAT)


def second_before(stamp: str) -> str:
    """Return the second before one of OnBuy's times, whatever its zone; anything else unchanged."""
    try:
        return moment(instant(stamp) - timedelta(seconds=1))
    except ValueError:
        return stamp


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


def external_id(row: Listing) -> str:
    """Return the id of a listing: its SKU, else its number."""
    sku = opaque(row.get("sku"))
    return sku if sku.strip() else f"{NO_SKU}{text(row['product_listing_id'])}"
