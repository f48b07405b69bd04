"""The price rule of a store: how the default price of a SKU becomes the price in that store. Kept in the store's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from channels.models import Connection
from oms.kit.numbers import digits

#: Name of the setting in `Connection.options`.
OPTION = "price_rule"
NEAREST, UP, DOWN = "nearest", "up", "down"
_MODES = {NEAREST: ROUND_HALF_UP, UP: ROUND_CEILING, DOWN: ROUND_FLOOR}


@dataclass(frozen=True, slots=True)
class PriceRule:
    """`factor` multiplies the default price; the result is rounded to multiples of `step`, or to the next price with `ending`.

    `ending` is the end of every price: 0.99 gives 4.99, 5.99; 9 gives 9, 19, 29. `margin` is the least gain over the cost in
    percent. `from_currency` with `rate` converts default prices in another currency: 1 of it is `rate` of the store's.
    """

    is_on: bool = False
    factor: Decimal = Decimal(1)
    mode: str = NEAREST
    step: Decimal | None = None
    ending: Decimal | None = None
    margin: Decimal | None = None
    from_currency: str = ""
    rate: Decimal | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the rule as the setting is stored: amounts as text, so that they stay exact."""
        found: dict[str, Any] = {"is_on": self.is_on, "mode": self.mode, "from_currency": self.from_currency}
        for name in ("factor", "step", "ending", "margin", "rate"):
            value = getattr(self, name)
            found[name] = None if value is None else f"{value:f}"
        return found

    def rounded(self, amount: Decimal, currency: str, mode: str = "") -> Decimal:
        """Return an amount as the rule rounds it, never below 0; `mode` instead of the rule's own."""
        how = _MODES[mode or self.mode]
        if self.ending is not None:
            size = ending_size(self.ending)
            steps = ((amount - self.ending) / size).to_integral_value(how)
            return max(self.ending, self.ending + steps * size)
        step = self.step or Decimal(1).scaleb(-digits(currency))
        return max(Decimal(0), (amount / step).to_integral_value(how) * step)

    def applied(self, amount: Decimal, cost: Decimal | None, currency: str) -> tuple[Decimal, bool]:
        """Return the price in the store, and whether the least margin raised it.

        `amount` and `cost` are in the store's currency. A price of 0 stays 0.
        """
        if amount == 0:
            return amount, False
        price = self.rounded(amount * self.factor, currency)
        if cost is not None and self.margin is not None:
            least = cost * (1 + self.margin / 100)
            if price < least:
                return self.rounded(least, currency, UP), True
        return price, False

    def converted(self, amount: Decimal, own: str, currency: str) -> Decimal | None:
        """Return an amount in the store's currency; None when the rule does not convert from the currency `own`."""
        if not own or not currency or own.upper() == currency.upper():
            return amount
        if self.rate is None or own.upper() != self.from_currency.upper():
            return None
        return amount * self.rate


def ending_size(ending: Decimal) -> Decimal:
    """Return the distance between two prices with this ending: 1 for 0.99, 10 for 9 and 9.99, 100 for 99."""
    whole = int(ending)
    return Decimal(10) ** len(str(whole)) if whole else Decimal(1)


def rule_of(connection: Connection) -> PriceRule | None:
    """Return the rule of a store that is switched on; None where there is none."""
    stored = connection.options.get(OPTION)
    if not isinstance(stored, Mapping) or not stored.get("is_on"):
        return None
    return from_json(stored)


def from_json(stored: Mapping[str, Any]) -> PriceRule:
    """Return the rule of a stored setting."""

    def amount(name: str) -> Decimal | None:
        try:
            return None if stored.get(name) is None else Decimal(str(stored[name]))
        except InvalidOperation:
            return None

    return PriceRule(
        is_on=bool(stored.get("is_on")),
        factor=amount("factor") or Decimal(1),
        mode=str(stored.get("mode")) if stored.get("mode") in _MODES else NEAREST,
        step=amount("step") or None,
        ending=amount("ending"),
        margin=amount("margin"),
        from_currency=str(stored.get("from_currency") or ""),
        rate=amount("rate") or None,
    )
