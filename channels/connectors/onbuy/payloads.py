"""The native fields of OnBuy that Manifold uses, and how their values are read (`onbuy.md` §1, §7, §8).

External ids: a SKU of the seller is its SKU, which is what every call of OnBuy goes by; a row without one is
`listing:<id>`. A group is `group:<group_sku>`, and its record has those of its SKUs that are on the same page.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any, NotRequired, TypedDict
from zoneinfo import ZoneInfo

from channels.contract.schema import NEEDED, Amount
from channels.contract.schema import whole as whole_number

CURRENCY = "GBP"
GROUP = "group:"
NO_SKU = "listing:"
UK = ZoneInfo("Europe/London")
_FORMAT = "%Y-%m-%d %H:%M:%S"


def text(value: object) -> str:
    """Return a value as text without spaces at its ends; None, a list and a mapping are empty."""
    return opaque(value).strip()


def opaque(value: object) -> str:
    """Return a SKU exactly as OnBuy has it, with the spaces at its ends: its calls need it so."""
    return "" if value is None or isinstance(value, (list, tuple, dict)) else str(value)


def number(value: object) -> int:
    """Return a whole number that may come as text (“2.00”); 0 for anything else."""
    return whole_number(value) or 0


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
    category_id: Annotated[int | str, NEEDED]
    name: str
    category_tree: NotRequired[str | None]
    parent_id: NotRequired[int | str | None]
    can_list_in: NotRequired[bool | int | str]


class Option(TypedDict):
    name: str


class Feature(TypedDict):
    feature_id: Annotated[int | str, NEEDED]
    name: str
    required: NotRequired[bool | int | str]
    options: NotRequired[list[Option]]


class Detail(TypedDict):
    detail_id: Annotated[int | str, NEEDED]
    name: str


class Provider(TypedDict, total=False):
    """A carrier of either list: with a tracking id and a name, or with a code and a carrier's name."""

    tracking_id: int | str
    name: str
    onbuy_carrier_code: str
    carrier_name: str


class Brand(TypedDict):
    brand_id: Annotated[int | str, NEEDED]
    name: str


class Listing(TypedDict):
    """One SKU of the seller. No description, brand or category is in it."""

    sku: str
    product_listing_id: NotRequired[int | str | None]
    name: NotRequired[str | None]
    group_sku: NotRequired[str | None]
    price: NotRequired[Amount | None]
    stock: NotRequired[int | None]
    image_url: NotRequired[str | None]
    product_url: NotRequired[str | None]
    product_codes: NotRequired[list[str] | None]
    sale_price: NotRequired[Amount | None]
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


class Tax(TypedDict, total=False):
    tax_total: Amount | None
    tax_product: Amount | None


class Tracking(TypedDict, total=False):
    supplier_name: str | None
    tracking_number: str | None


class Buyer(TypedDict, total=False):
    name: str | None
    email: str | None
    phone: str | None


class OrderLine(TypedDict):
    onbuy_internal_reference: NotRequired[int | str]
    sku: str
    quantity: Annotated[int | str, NEEDED]
    unit_price: Amount
    name: NotRequired[str]
    total_price: NotRequired[Amount]
    quantity_dispatched: NotRequired[int]
    expected_dispatch_date: NotRequired[str | None]
    tax: NotRequired[Tax | None]
    tracking: NotRequired[Tracking | None]


class Order(TypedDict):
    order_id: Annotated[str, NEEDED]
    status: str
    date: str
    products: list[OrderLine]
    updated_at: NotRequired[str | None]
    shipped_at: NotRequired[str | None]
    dispatched: NotRequired[bool | int | str]
    price_subtotal: NotRequired[Amount]
    price_delivery: NotRequired[Amount]
    price_total: NotRequired[Amount]
    price_discount: NotRequired[Amount]
    currency_code: NotRequired[str]
    delivery_service: NotRequired[str]
    buyer: NotRequired[Buyer | None]
    billing_address: NotRequired[Address | None]
    delivery_address: NotRequired[Address | None]
    tax: NotRequired[Tax | None]
    tracking: NotRequired[Tracking | None]
    refunds: NotRequired[Any]
    stripe_transaction_id: NotRequired[str | None]
    paypal_capture_id: NotRequired[str | None]


def external_id(row: Any) -> str:
    """Return the id of a listing: its SKU, else its number; "" where it has neither."""
    if not isinstance(row, dict):
        return ""
    sku, listed = opaque(row.get("sku")), text(row.get("product_listing_id"))
    return sku if sku.strip() else f"{NO_SKU}{listed}" if listed else ""
