"""An order as a bill: its charges without VAT, and VAT by rate. The sums are those of the channel, to the penny.

The channel's total is never recalculated. Channels state tax for lines, for the order, or not at all; what is left after
the lines belongs to shipping, and a difference of the parts to the total is a charge of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from oms.kit.numbers import digits, quantise, share
from orders.choices import VatScheme
from orders.models import DocumentSettings, Order, OrderLine

ZERO = Decimal(0)
#: Rates that a computed rate is taken for, where the tax fits to the penny: those of the United Kingdom and France.
KNOWN_RATES = tuple(map(Decimal, ("2.1", "5", "5.5", "10", "20")))


@dataclass(frozen=True, slots=True)
class Charge:
    """One row of a bill. `what` is "line", "shipping", "discount", "other" or "tax_collected"; `rate` None: no VAT is shown."""

    what: str
    net: Decimal
    tax: Decimal = ZERO
    rate: Decimal | None = None
    line: OrderLine | None = None

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class RateTotal:
    """The sums of one VAT rate."""

    rate: Decimal
    net: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Bill:
    """All charges of an order, in its currency."""

    charges: tuple[Charge, ...]
    currency: str

    @property
    def total(self) -> Decimal:
        return sum((charge.gross for charge in self.charges), ZERO)

    @property
    def tax(self) -> Decimal:
        return sum((charge.tax for charge in self.charges), ZERO)

    @property
    def rates(self) -> list[RateTotal]:
        """The sums by rate, the highest first; none where no VAT is shown."""
        found: dict[Decimal, RateTotal] = {}
        for charge in self.charges:
            if charge.rate is None:
                continue
            old = found.get(charge.rate, RateTotal(charge.rate, ZERO, ZERO))
            found[charge.rate] = RateTotal(charge.rate, old.net + charge.net, old.tax + charge.tax)
        return [found[rate] for rate in sorted(found, reverse=True)]


def bill_of(order: Order, lines: Sequence[OrderLine], settings: DocumentSettings) -> Bill:
    """Return the bill of an order; its total is the order's."""
    parts = _parts(order, lines)
    if settings.vat_scheme != VatScheme.STANDARD:
        if order.tax_total and not order.prices_include_tax:
            parts.append(Charge("tax_collected", order.tax_total))
        return Bill(tuple(parts), order.currency)
    if order.tax_total:
        return Bill(tuple(_with_tax(order, parts)), order.currency)
    is_home = (order.ship_to.get("country") or order.country or settings.country) == settings.country
    contained = settings.vat_rate if settings.vat_rate and is_home else ZERO
    tax = quantise(order.total * contained / (100 + contained), order.currency)
    return Bill(tuple(_at_one_rate(parts, contained, tax, order.currency)), order.currency)


def _parts(order: Order, lines: Sequence[OrderLine]) -> list[Charge]:
    """Return lines, shipping, discount, and what is missing to the total; amounts as the channel states them."""
    parts = [Charge("line", line.total, ZERO, None, line) for line in lines]
    if order.shipping_total:
        parts.append(Charge("shipping", order.shipping_total))
    if order.discount_total:
        parts.append(Charge("discount", -order.discount_total))
    added = ZERO if order.prices_include_tax else order.tax_total
    other = order.total - added - sum((part.net for part in parts), ZERO)
    if other:
        parts.append(Charge("other" if other > 0 else "discount", other))
    return parts


def _at_one_rate(parts: Sequence[Charge], rate: Decimal, tax: Decimal, currency: str) -> list[Charge]:
    """Return charges whose amounts contain `tax` at one rate: their nets and taxes add up exactly."""
    made = []
    for part in parts:
        net = quantise(part.net / (1 + rate / 100), currency) if rate else part.net
        made.append(replace(part, net=net, tax=part.net - net, rate=rate))
    return _corrected(made, tax, currency)


def _corrected(made: list[Charge], tax: Decimal, currency: str) -> list[Charge]:
    """Move pennies between net and tax of the largest charges until the taxes add up to `tax`."""
    unit = Decimal(1).scaleb(-digits(currency))
    order = sorted(range(len(made)), key=lambda at: -abs(made[at].net))
    missing = tax - sum((charge.tax for charge in made), ZERO)
    turn = 0
    while order and abs(missing) >= unit:
        at = order[turn % len(order)]
        step = unit if missing > 0 else -unit
        made[at] = replace(made[at], net=made[at].net - step, tax=made[at].tax + step)
        missing, turn = missing - step, turn + 1
    return made


def rate_for(tax: Decimal, net: Decimal, factor: Decimal = Decimal(1)) -> Decimal:
    """Return the rate in per cent that gives this tax: a usual one where it fits within two pennies, else to 0.1.

    `factor` is what an order discount leaves of each amount: some channels state the tax after it.
    """
    if not tax or not net:
        return ZERO
    for base in (net, net * factor):
        exact = tax / base * 100
        nearest = min(KNOWN_RATES, key=lambda known: abs(known - exact))
        if abs(base * nearest / 100 - tax) <= Decimal("0.02") + abs(base) * Decimal("0.0005"):
            return nearest
    return (tax / net * 100).quantize(Decimal("0.1"))


def _with_tax(order: Order, parts: Sequence[Charge]) -> list[Charge]:
    """Return charges with the tax that the channel states."""
    included = order.prices_include_tax
    of_lines = sum((part.line.tax for part in parts if part.line is not None), ZERO)
    if not of_lines or abs(of_lines) > abs(order.tax_total):
        return _with_order_tax(order, parts)
    made, rest = [], order.tax_total - of_lines
    goods = sum((part.net for part in parts if part.line is not None), ZERO)
    factor = (goods - order.discount_total) / goods if goods > order.discount_total else Decimal(1)
    for part in parts:
        tax = part.line.tax if part.line is not None else rest if part.what == "shipping" else ZERO
        if part.what == "shipping":
            rest = ZERO
        net = part.net - tax if included else part.net
        rate = rate_for(tax, net, factor if part.line is not None else Decimal(1))
        made.append(replace(part, net=net, tax=tax, rate=rate))
    spread: list[Charge] = []
    for charge in made:
        if charge.what in {"discount", "other"}:
            spread += _over_rates(charge, [one for one in made if one.what in {"line", "shipping"}], order)
        else:
            spread.append(charge)
    return _corrected(spread, order.tax_total, order.currency) if rest else spread


def _with_order_tax(order: Order, parts: Sequence[Charge]) -> list[Charge]:
    """Return charges with one rate, where the channel states the tax of the order only."""
    net = order.total - order.tax_total
    rate = rate_for(order.tax_total, net)
    if order.prices_include_tax:
        return _at_one_rate(parts, rate, order.tax_total, order.currency)
    made = [
        replace(part, tax=quantise(part.net * order.tax_total / net, order.currency), rate=rate)
        for part in parts
    ]
    missing = order.tax_total - sum((charge.tax for charge in made), ZERO)
    if made and missing:
        largest = max(range(len(made)), key=lambda at: abs(made[at].net))
        made[largest] = replace(made[largest], tax=made[largest].tax + missing)
    return made


def _over_rates(charge: Charge, taxed: Sequence[Charge], order: Order) -> list[Charge]:
    """Share a discount over the rates of the goods, by their amounts; it has no tax of its own."""
    rates = sorted({one.rate for one in taxed if one.rate is not None}, reverse=True)
    if len(rates) < 2:
        return [replace(charge, rate=rates[0] if rates else ZERO)]
    weights = [sum((one.net for one in taxed if one.rate == rate), ZERO) for rate in rates]
    shares = share(charge.net, weights, order.currency)
    return [replace(charge, net=net, rate=rate) for net, rate in zip(shares, rates, strict=True) if net]
