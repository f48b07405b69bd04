"""The amounts of an order that is entered by hand: one pure function, exact to the minor unit of the currency.

A percentage and a tax are rounded once, for the whole line or the whole order. What is shared among lines (the discount
of the order, the tax) is shared by largest remainder, so the parts always add up to the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from oms.kit.numbers import quantise, share
from orders.errors import OrderError

ZERO = Decimal(0)
HUNDRED = Decimal(100)


class AmountError(OrderError):
    """An amount that is not possible. `field` is where it was entered: "discount", "lines.0.discount"."""

    def __init__(self, text: str, *, field: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Discount:
    """What is taken off: an amount of money, or a percentage; one of the two is 0."""

    amount: Decimal = ZERO
    percent: Decimal = ZERO

    def of(self, base: Decimal, currency: str) -> Decimal:
        """Return the discount of an amount, in minor units of the currency."""
        return quantise(self.amount + base * self.percent / HUNDRED, currency)


NO_DISCOUNT = Discount()


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One line to calculate: units, the price of one, and the discount of the whole line."""

    quantity: int
    unit_price: Decimal
    discount: Discount = NO_DISCOUNT


@dataclass(frozen=True, slots=True)
class TaxBasis:
    """The tax rate in per cent, and whether the prices and the shipping cost include the tax."""

    rate: Decimal = ZERO
    is_included: bool = True


@dataclass(frozen=True, slots=True)
class LineTotals:
    """The amounts of one line. `gross` is price × quantity; `discount` is its own and its share of the order's."""

    gross: Decimal
    own_discount: Decimal
    discount: Decimal
    tax: Decimal

    @property
    def net(self) -> Decimal:
        """What is charged for the line, on the tax basis of the order."""
        return self.gross - self.discount


@dataclass(frozen=True, slots=True)
class OrderTotals:
    """The amounts of an order: `total` = items - discount + shipping, plus the tax where prices do not include it."""

    lines: tuple[LineTotals, ...]
    items: Decimal
    discount: Decimal
    shipping: Decimal
    shipping_tax: Decimal
    tax: Decimal
    total: Decimal


def totals_of(
    lines: Sequence[PricedLine],
    *,
    discount: Discount = NO_DISCOUNT,
    shipping: Decimal = ZERO,
    tax: TaxBasis = TaxBasis(),
    currency: str,
) -> OrderTotals:
    """Return the amounts of an order from what a person entered.

    The discount of the order applies after those of the lines, and not to the shipping cost; the tax applies to both.
    Raises `AmountError` for an amount below 0 and for a discount that is more than what it is taken off.
    """
    gross, own = [], []
    for index, line in enumerate(lines):
        if line.unit_price < 0:
            raise AmountError(_("A price cannot be below 0."), field=f"lines.{index}.price")
        amount = quantise(line.unit_price * line.quantity, currency)
        gross.append(amount)
        own.append(_checked(line.discount, amount, currency, f"lines.{index}.discount"))
    if shipping < 0:
        raise AmountError(_("The shipping cost cannot be below 0."), field="shipping")
    shipping = quantise(shipping, currency)
    charged = [amount - off for amount, off in zip(gross, own, strict=True)]
    whole = _checked(discount, sum(charged, ZERO), currency, "discount")
    shared = share(whole, charged, currency)
    parts = [amount - off for amount, off in zip(charged, shared, strict=True)]
    base = sum(parts, shipping)
    taxes = share(_tax_of(base, tax, currency), [*parts, shipping], currency)
    return OrderTotals(
        lines=tuple(
            LineTotals(amount, off, off + more, part)
            for amount, off, more, part in zip(gross, own, shared, taxes[:-1], strict=True)
        ),
        items=sum(gross, ZERO),
        discount=sum(own, whole),
        shipping=shipping,
        shipping_tax=taxes[-1],
        tax=sum(taxes, ZERO),
        total=base if tax.is_included else sum(taxes, base),
    )


def _tax_of(base: Decimal, tax: TaxBasis, currency: str) -> Decimal:
    return quantise(base * tax.rate / (HUNDRED + tax.rate if tax.is_included else HUNDRED), currency)


def _checked(discount: Discount, base: Decimal, currency: str, field: str) -> Decimal:
    if discount.amount < 0 or discount.percent < 0:
        raise AmountError(_("A discount cannot be below 0."), field=field)
    found = discount.of(base, currency)
    if found > base:
        raise AmountError(
            _("The discount of %(discount)s is more than the amount of %(amount)s.")
            % {"discount": found, "amount": base},
            field=field,
        )
    return found
