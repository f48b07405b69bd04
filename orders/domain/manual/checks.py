"""An order as a person enters it, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from catalogue.models import Variant
from channels.contract.records.orders import AddressRecord, PaymentState
from orders.domain.manual.totals import NO_DISCOUNT, Discount

MOST_LINES = 300
MOST_UNITS = 1_000_000
MOST_PRICE = Decimal(10) ** 8
PAYMENTS = (PaymentState.PAID, PaymentState.PART_PAID, PaymentState.ON_ACCOUNT, PaymentState.UNPAID)

NO_ADDRESS = AddressRecord()

#: Sentences by field: "customer_name", "lines.0.sku".
Errors = dict[str, str]


@dataclass(frozen=True, slots=True)
class ManualLine:
    """One line. `unit_price` None: the store's price; `title` "": that of the product."""

    sku: str
    quantity: int = 1
    unit_price: Decimal | None = None
    discount: Discount = NO_DISCOUNT
    title: str = ""


@dataclass(frozen=True, slots=True)
class ManualOrder:
    """One order. `reference` is unique in its store (the token of a form, the order number of a file).

    `number` "": the next one of the store. `tax_rate` and `prices_include_tax` None: as the store's settings say. `paid`
    is the deposit of a part-paid order. `carrier` is the name of an active carrier; "": the store's default. `note` is
    internal. An order that `is_collected` needs no address; one that `is_draft` waits for approval (a quote). One that
    `is_shipped` or `is_cancelled` before it is entered is history: it moves no stock.
    """

    reference: str
    lines: tuple[ManualLine, ...]
    number: str = ""
    placed_at: datetime | None = None
    customer_name: str = ""
    customer_email: str = ""
    customer_phone: str = ""
    ship_to: AddressRecord = NO_ADDRESS
    bill_to: AddressRecord = NO_ADDRESS
    is_collected: bool = False
    discount: Discount = NO_DISCOUNT
    shipping: Decimal = Decimal(0)
    tax_rate: Decimal | None = None
    prices_include_tax: bool | None = None
    payment: PaymentState = PaymentState.PAID
    paid: Decimal | None = None
    payment_method: str = ""
    carrier: str = ""
    shipping_method: str = ""
    note: str = ""
    buyer_note: str = ""
    is_draft: bool = False
    is_shipped: bool = False
    is_cancelled: bool = False


def check_entered(
    order: ManualOrder, variants: Sequence[Variant | None], prices: Sequence[Decimal | None]
) -> Errors:
    """Return what is wrong with an order, by field; {} when it can be entered.

    `variants` and `prices` are those of its lines, None where there is none.
    """
    errors: Errors = {}
    _check_customer(order, errors)
    if not order.is_collected:
        _check_address(order.ship_to, errors)
    if not order.lines:
        errors["lines"] = _("Enter at least one line: search a SKU, or scan it.")
    if len(order.lines) > MOST_LINES:
        errors["lines"] = _("An order has at most %s lines.") % MOST_LINES
    for index, (line, variant, price) in enumerate(zip(order.lines, variants, prices, strict=True)):
        if not line.sku.strip():
            errors[f"lines.{index}.sku"] = _("This line has no SKU. Enter one, or remove the line.")
        elif variant is None:
            errors[f"lines.{index}.sku"] = (
                _("No product has the SKU “%s”. Search for another one.") % line.sku.strip()[:60]
            )
        elif price is None:
            errors[f"lines.{index}.price"] = _("%s has no price in this store. Enter one.") % variant.sku
        if not 0 < line.quantity <= MOST_UNITS:
            errors[f"lines.{index}.quantity"] = _("Enter a whole number of units from 1 to 1,000,000.")
        if price is not None and price >= MOST_PRICE:
            errors[f"lines.{index}.price"] = _("The price is too large.")
    if order.tax_rate is not None and not 0 <= order.tax_rate <= 100:
        errors["tax_rate"] = _("Enter a tax rate from 0 to 100 %.")
    if order.shipping >= MOST_PRICE:
        errors["shipping"] = _("The shipping cost is too large.")
    if order.payment not in PAYMENTS:
        errors["payment"] = _("Choose how the order is paid.")
    return errors


def has_wrong_line(errors: Errors) -> bool:
    """Return whether one of these errors is about a line."""
    return any(name.startswith("lines.") for name in errors)


def _check_customer(order: ManualOrder, errors: Errors) -> None:
    if not order.customer_name.strip():
        errors["customer_name"] = _("Enter the name of the customer.")
    if order.customer_email.strip():
        try:
            validate_email(order.customer_email.strip())
        except ValidationError:
            errors["customer_email"] = _("This is not an e-mail address.")
    phone = order.customer_phone.strip()
    if phone and not (re.fullmatch(r"[0-9+()/.\- ]{3,60}", phone) and re.search(r"\d", phone)):
        errors["customer_phone"] = _("A phone number has digits, spaces and + ( ) / . - only.")


def _check_address(address: AddressRecord, errors: Errors) -> None:
    if not address.line1.strip():
        errors["line1"] = _("Enter the street and number, or choose that the customer collects the order.")
    if not (address.city.strip() or address.postcode.strip()):
        errors["city"] = _("Enter the town or the postcode.")
    country = address.country.strip()
    if len(country) != 2 or not (country.isascii() and country.isalpha() and country.isupper()):
        errors["country"] = _("Enter the country with two letters, such as GB or DE.")
