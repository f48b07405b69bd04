"""Limit records to what can be stored, whichever connector made them: `clean_record`, called once for every record.

Texts for display are cut, keys that are too long are hashed (`cleaning`). An amount, a number or a time that cannot be
stored becomes empty, with a note for the seller. Only what an order cannot live without rejects the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any, TypeVar, cast

from channels.contract.cleaning import MOST_TEXT, clean_text, cut, fit
from channels.contract.records.orders import (
    CarrierRecord,
    OrderLineRecord,
    OrderRecord,
    ShipmentRecord,
    StatusRecord,
)
from channels.contract.records.products import (
    AttributeRecord,
    BrandRecord,
    CategoryRecord,
    ProductRecord,
    VariantRecord,
)
from channels.contract.translation import gettext as _
from channels.contract.translation import gettext_lazy

T = TypeVar("T")
Cleaner = Callable[[Any, list[str]], Any]

MOST_AMOUNT = Decimal(10) ** 14  # money has 18 digits, 4 of them after the point
MOST_UNITS = 1_000_000_000  # of one line or one SKU
MOST_NUMBER = 2**31 - 1
FOUR_PLACES = Decimal("0.0001")
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
NO_STATUS = "none"  # the status id of an order without a status
KEY = 255  # characters of an id of a channel or a SKU
OPTION = 255
MOST_ENTRIES = 500  # options, attributes or pictures of one record


class Unreadable(ValueError):
    """A record cannot be imported. The text is the reason, the end of a sentence that a seller understands."""


#: Fields whose texts are keys, with their widths: a longer one ends with its digest.
_KEYS: Mapping[type, Mapping[str, int]] = {
    OrderRecord: {"external_id": KEY, "number": 60, "status_id": 60, "customer_external_id": KEY},
    OrderLineRecord: {
        "external_id": 110,
        "sku": KEY,
        "variant_external_id": KEY,
        "product_external_id": KEY,
    },
    ShipmentRecord: {"external_id": 120},
    StatusRecord: {"external_id": 60},
    CarrierRecord: {"external_id": 120},
    ProductRecord: {"external_id": KEY},
    VariantRecord: {"external_id": KEY, "sku": KEY},
    CategoryRecord: {"external_id": KEY, "parent_external_id": KEY},
    BrandRecord: {"external_id": KEY},
    AttributeRecord: {"external_id": KEY},
}
#: Widths of texts for display; the others have at most `MOST_TEXT` characters.
_WIDTHS: Mapping[str, int] = {
    "title": 300,
    "name": 255,
    "path": 1000,
    "group": 255,
    "status_name": 120,
    "customer_name": 200,
    "customer_email": 254,
    "customer_phone": 60,
    "payment_method": 200,
    "shipping_method": 200,
    "carrier": 120,
    "tracking_number": 120,
    "barcode": 64,
    "brand": 120,
    "stock_blocked": 300,
    **dict.fromkeys(("company", "line1", "line2", "city", "region", "postcode", "phone"), 255),
}
#: Addresses of the web: a longer one leads nowhere when it is cut, so it becomes empty.
_URLS: Mapping[str, int] = {"url": 500, "image_url": 1000, "image_urls": 1000}

_NAMES = {
    "total": gettext_lazy("total"),
    "unit_price": gettext_lazy("price of a line"),
    "tax": gettext_lazy("tax of a line"),
    "discount": gettext_lazy("discount of a line"),
    "items_total": gettext_lazy("items total"),
    "shipping_total": gettext_lazy("shipping total"),
    "tax_total": gettext_lazy("tax total"),
    "discount_total": gettext_lazy("discount total"),
    "refunded_total": gettext_lazy("refunded total"),
    "price": gettext_lazy("price"),
    "selling_price": gettext_lazy("selling price"),
    "weight_grams": gettext_lazy("weight"),
    "quantity": gettext_lazy("quantity"),
    "placed_at": gettext_lazy("order date"),
    "changed_at": gettext_lazy("date of the last change"),
    "ship_by_at": gettext_lazy("ship-by date"),
    "shipped_at": gettext_lazy("date of shipping"),
}


def shown(value: object) -> str:
    """Return a value for a message: clean, at most 40 characters."""
    return cut(clean_text(str(value)), 40)


def not_stored(name: str, value: object) -> str:
    """Return the note for a value that was left empty."""
    return _("%(name)s “%(value)s” cannot be used") % {
        "name": str(_NAMES.get(name) or name.replace("_", " ")),
        "value": shown(value),
    }


def clean_record(record: T) -> T:
    """Return a record of any kind in a form that can be stored; the same object where nothing had to be changed.

    Raises `Unreadable` when an order or a product cannot live without what is wrong.
    """
    notes: list[str] = []
    found = _clean(record, notes)
    if notes and hasattr(found, "notes"):
        found = replace(found, notes=tuple(dict.fromkeys((*found.notes, *notes))))
    return cast(T, found)


def clean_records(records: Iterable[T]) -> list[T]:
    """Return the records of a short list clean, without those that cannot be stored."""
    found: list[T] = []
    for record in records:
        with suppress(Unreadable):
            found.append(clean_record(record))
    return found


def _clean(record: Any, notes: list[str]) -> Any:
    if isinstance(record, OrderRecord):
        record = _with_essentials(record, notes)
    changed: dict[str, Any] = {}
    for name, cleaner in _cleaners(cast(Any, type(record))):
        value = getattr(record, name)
        clean = cleaner(value, notes)
        if clean is not value and (clean != value or type(clean) is not type(value)):
            changed[name] = clean
    return replace(record, **changed) if changed else record


def _with_essentials(record: OrderRecord, notes: list[str]) -> OrderRecord:
    """Return an order with both times, of which one takes the place of the other, and with a status."""
    placed, changed = _time(record.placed_at), _time(record.changed_at)
    if placed is None and changed is None:
        raise Unreadable(_("the order has no date that can be used (“%s”)") % shown(record.placed_at))
    if placed is None:
        notes.append(not_stored("placed_at", record.placed_at))
    if changed is None:
        notes.append(not_stored("changed_at", record.changed_at))
    status_id, name = str(record.status_id or "").strip(), record.status_name
    if placed is record.placed_at and changed is record.changed_at and status_id:
        return record
    return replace(
        record,
        placed_at=cast(datetime, placed or changed),
        changed_at=cast(datetime, changed or placed),
        status_id=record.status_id if status_id else NO_STATUS,
        status_name=name if status_id else _("no status"),
    )


def _time(value: Any) -> datetime | None:
    """Return a time that can be stored and shown in every time zone; None for any other value."""
    if not isinstance(value, datetime):
        return None
    value = value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        return value if EARLIEST <= value < LATEST else None
    except OverflowError:
        return None


# ---------------------------------------------------------------- one cleaner for each field


@cache
def _cleaners(kind: Any) -> tuple[tuple[str, Cleaner], ...]:
    """Return the fields of a record's class that need to be cleaned, each with its function."""
    if not is_dataclass(kind):
        return ()
    found = ((field.name, _cleaner(kind, field.name, str(field.type))) for field in fields(kind))
    return tuple((name, cleaner) for name, cleaner in found if cleaner is not None)


def _cleaner(kind: Any, name: str, annotation: str) -> Cleaner | None:
    if name in ("native", "notes"):
        return None
    if name in _URLS:
        return _url(_URLS[name]) if annotation == "str" else _all(_url(_URLS[name]))
    if annotation == "str":
        width = _KEYS.get(kind, {}).get(name)
        if name == "external_id":
            return _needed_key(width or KEY)
        if name == "currency":
            return _currency
        return _key(width) if width else _text(_WIDTHS.get(name, MOST_TEXT))
    if annotation.startswith("Decimal"):
        return _amount(name, is_optional="None" in annotation)
    if annotation == "datetime | None":
        return _optional_time(name)
    if (kind, name) == (OrderLineRecord, "quantity"):
        return _ordered
    if annotation in ("int", "int | None"):
        return _number(name, MOST_UNITS if name == "quantity" else MOST_NUMBER)
    if annotation == "Mapping[str, str]":
        return _texts
    if annotation == "Mapping[str, int]":
        return _units_by_line
    if annotation == "tuple[str, ...]":
        return _all(_key(KEY)) if name.endswith("_ids") else _all(_text(OPTION))
    if annotation.startswith("tuple["):
        return _records
    if annotation == "AddressRecord":
        return _clean
    return None


def _text(width: int) -> Cleaner:
    def clean(value: Any, notes: list[str]) -> str:
        return cut(clean_text(value if isinstance(value, str) else str(value or "")), width)

    return clean


def _key(width: int) -> Cleaner:
    def clean(value: Any, notes: list[str]) -> str:
        return fit(clean_text(value if isinstance(value, str) else str(value or "")), width)

    return clean


def _needed_key(width: int) -> Cleaner:
    def clean(value: Any, notes: list[str]) -> str:
        found = fit(clean_text(value if isinstance(value, str) else str(value or "")), width)
        if not found.strip():
            raise Unreadable(_("it has no ID"))
        return found

    return clean


def _url(width: int) -> Cleaner:
    def clean(value: Any, notes: list[str]) -> str:
        found = clean_text(value) if isinstance(value, str) else ""
        return found if len(found) <= width else ""

    return clean


def _currency(value: Any, notes: list[str]) -> str:
    code = str(value or "").strip()
    if not code or (len(code) == 3 and code.isascii() and code.isalpha()):
        return code
    notes.append(not_stored("currency", value))
    return ""


def _amount(name: str, *, is_optional: bool) -> Cleaner:
    empty = None if is_optional else Decimal(0)

    def clean(value: Any, notes: list[str]) -> Decimal | None:
        if value is None:
            return empty
        if not isinstance(value, Decimal) or not value.is_finite() or abs(value) >= MOST_AMOUNT:
            notes.append(not_stored(name, value))
            return empty
        if int(value.as_tuple().exponent) < -10:
            return value.quantize(FOUR_PLACES, ROUND_HALF_UP)
        return value

    return clean


def _optional_time(name: str) -> Cleaner:
    def clean(value: Any, notes: list[str]) -> datetime | None:
        if value is None:
            return None
        found = _time(value)
        if found is None:
            notes.append(not_stored(name, value))
        return found

    return clean


def _ordered(value: Any, notes: list[str]) -> int:
    """Return the units of an order line: nobody can pack an order without them."""
    try:
        whole = int(value)
        is_whole = whole == value
    except (TypeError, ValueError, OverflowError):
        raise Unreadable(_("a line has the quantity “%s”, which is not a number") % shown(value)) from None
    if not is_whole:
        raise Unreadable(_("a line has the quantity %s, which is not a whole number") % shown(value))
    if whole < 0:
        raise Unreadable(_("a line has the quantity %s, which is less than zero") % shown(value))
    if whole > MOST_UNITS:
        raise Unreadable(_("a line has the quantity %s, which is too large") % shown(value))
    return whole


def _number(name: str, most: int) -> Cleaner:
    def clean(value: Any, notes: list[str]) -> int | None:
        if value is None or (isinstance(value, int) and 0 <= value <= most):
            return value
        if name == "quantity" and isinstance(value, int):
            return min(max(value, 0), most)
        notes.append(not_stored(name, value))
        return None

    return clean


def _texts(value: Any, notes: list[str]) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        return {}
    name, text = _text(OPTION), _text(MOST_TEXT)
    found = {name(key, notes): text(item, notes) for key, item in list(value.items())[:MOST_ENTRIES]}
    return value if found == value else found


def _units_by_line(value: Any, notes: list[str]) -> Mapping[str, int]:
    key = _key(110)
    found = {
        key(line, notes): min(max(int(units), 0), MOST_UNITS)
        for line, units in value.items()
        if isinstance(units, int)
    }
    return value if found == value else found


def _all(clean: Cleaner) -> Cleaner:
    def clean_all(value: Any, notes: list[str]) -> tuple[str, ...]:
        found = tuple(text for item in value[:MOST_ENTRIES] if (text := clean(item, notes)))
        return value if found == value else found

    return clean_all


def _records(value: Any, notes: list[str]) -> tuple[Any, ...]:
    found = tuple(_clean(item, notes) for item in value)
    return value if all(new is old for new, old in zip(found, value, strict=True)) else found
