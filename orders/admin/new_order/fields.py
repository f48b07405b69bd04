"""The form of a new order: from what was typed to a `ManualOrder`, and from an earlier order to what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from channels.contract.records.orders import AddressRecord, PaymentState
from channels.models import Connection
from oms.kit.numbers import whole_number
from orders.domain.manual.checks import MOST_UNITS, Errors, ManualLine, ManualOrder
from orders.domain.manual.totals import Discount
from orders.models import Order
from orders.services.manual_orders import tax_basis

ADDRESS = ("company", "line1", "line2", "city", "region", "postcode", "country")
TEXTS = (
    "customer_name", "customer_email", "customer_phone", *ADDRESS, "discount", "shipping", "tax_rate", "basis",
    "payment", "paid", "payment_method", "carrier", "shipping_method", "note", "buyer_note", "is_collected",
)  # fmt: skip
LINE = ("sku", "quantity", "price", "line_discount")
MOST_TEXT = 2_000
EMPTY_ROWS = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the lines as it is typed; `title` says what the SKU is."""

    sku: str = ""
    quantity: str = "1"
    price: str = ""
    line_discount: str = ""
    title: str = ""
    errors: Errors = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Typed:
    """What is in the form: the texts by name, and the rows."""

    texts: Mapping[str, str]
    rows: tuple[Row, ...]


def fresh(store: Connection) -> Typed:
    """Return the empty form of a store."""
    basis = tax_basis(store)
    texts = dict.fromkeys(TEXTS, "") | {
        "tax_rate": f"{basis.rate:f}",
        "basis": "included" if basis.is_included else "added",
        "payment": str(PaymentState.PAID),
    }
    return Typed(texts, (Row(),) * EMPTY_ROWS)


def copied(store: Connection, order: Order) -> Typed:
    """Return the form with buyer, address and lines of an earlier order; prices are those of today."""
    texts = dict(fresh(store).texts)
    texts |= {name: getattr(order, name) for name in ("customer_name", "customer_email", "customer_phone")}
    texts |= {name: str(order.ship_to.get(name, "")) for name in ADDRESS}
    texts |= {"payment_method": order.payment_method}
    lines = order.lines.filter(parent=None).select_related("variant__product").order_by("position", "pk")
    rows = tuple(
        Row(line.variant.sku, str(line.quantity), title=line.variant.product.title)
        for line in lines
        if line.variant is not None
    )
    return Typed(texts, (*rows, Row()))


def typed(data: QueryDict) -> Typed:
    """Return what a posted form has."""
    texts = {name: data.get(name, "").replace("\x00", "")[:MOST_TEXT] for name in TEXTS}
    columns = [data.getlist(name) for name in LINE]
    count = max(map(len, columns), default=0)
    cells = [[*column, *[""] * (count - len(column))] for column in columns]
    rows = tuple(
        Row(*(cell.replace("\x00", "").strip()[:300] for cell in row)) for row in zip(*cells, strict=True)
    )
    return Typed(texts, tuple(row for row in rows if row.sku or row.price or row.line_discount))


def with_errors(found: Typed, errors: Errors) -> Typed:
    """Return the form with the errors of each row beside it, and an empty row at its end."""
    rows = []
    for index, row in enumerate(found.rows):
        prefix = f"lines.{index}."
        mine = {key.removeprefix(prefix): text for key, text in errors.items() if key.startswith(prefix)}
        rows.append(replace(row, errors=mine))
    return replace(found, rows=(*rows, Row()))


def order_of(found: Typed, *, reference: str, is_draft: bool = False) -> tuple[ManualOrder, Errors]:
    """Return the order that the form describes, and what in it is no number; that counts as 0 in the order."""
    texts, errors = found.texts, Errors()

    def amount(name: str, text: str) -> Decimal:
        value = _decimal(text)
        if value is None:
            errors[name] = _("“%s” is not an amount. Enter a number such as 12.50.") % text[:40]
        return value or Decimal(0)

    def discount(name: str, text: str) -> Discount:
        text = text.strip()
        value = _decimal(text.removesuffix("%"))
        if value is None:
            errors[name] = _("“%s” is not a discount. Enter an amount such as 5.00, or 10%%.") % text[:40]
            return Discount()
        return Discount(percent=value) if text.endswith("%") else Discount(value)

    lines = []
    for index, row in enumerate(found.rows):
        units = whole_number(row.quantity, most=MOST_UNITS)
        lines.append(
            ManualLine(
                row.sku,
                units or 0,
                amount(f"lines.{index}.price", row.price) if row.price else None,
                discount(f"lines.{index}.discount", row.line_discount),
            )
        )
    address = AddressRecord(
        name=texts["customer_name"].strip(),
        phone=texts["customer_phone"].strip(),
        **{name: texts[name].strip() for name in ADDRESS if name != "country"},
        country=texts["country"].strip().upper(),
    )
    payment = texts["payment"]
    order = ManualOrder(
        reference=reference,
        lines=tuple(lines),
        customer_name=texts["customer_name"],
        customer_email=texts["customer_email"],
        customer_phone=texts["customer_phone"],
        ship_to=address,
        bill_to=AddressRecord() if texts["is_collected"] else address,
        is_collected=bool(texts["is_collected"]),
        discount=discount("discount", texts["discount"]),
        shipping=amount("shipping", texts["shipping"]),
        tax_rate=amount("tax_rate", texts["tax_rate"]),
        prices_include_tax=texts["basis"] != "added",
        payment=PaymentState(payment) if payment in set(PaymentState) else PaymentState.UNKNOWN,
        paid=amount("paid", texts["paid"]) if payment == PaymentState.PART_PAID else None,
        payment_method=texts["payment_method"],
        carrier=texts["carrier"],
        shipping_method=texts["shipping_method"],
        note=texts["note"],
        buyer_note=texts["buyer_note"],
        is_draft=is_draft,
    )
    return order, errors


def _decimal(text: Any) -> Decimal | None:
    """Return the number that was typed, with a point or a comma; 0 for nothing, None for anything else."""
    written = str(text).strip()
    if written.count(",") == 1 and "." not in written:
        written = written.replace(",", ".")
    try:
        found = Decimal(written or "0")
    except InvalidOperation:
        return None
    is_usable = found.is_finite() and abs(found) < 10**10 and found == round(found, 4)
    return found if is_usable else None
