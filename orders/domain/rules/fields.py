"""The conditions of a rule: what of an order is compared, how, and how a person writes the value.

A stored condition is `{"field": key, "op": key, "value": [texts]}`. `check_of` makes a function of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.choices import PaymentStatus
from orders.errors import OrderError
from orders.unit_of_work.routing import fold_postcode, is_in_range

#: Longest text of a value, and most values of one condition.
LONGEST, MOST_VALUES = 200, 50


@dataclass(slots=True)
class OrderFacts:
    """What the conditions read of an order. Texts are folded (`fold`); weight in grams, None when it is not known."""

    order_id: int
    store: str
    channel: str
    country: str
    currency: str
    postcode: str = ""
    total: Decimal = Decimal(0)
    lines: int = 0
    units: int = 0
    skus: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    method: str = ""
    payment: str = ""
    payment_method: str = ""
    storefront: str = ""
    weight: int | None = None
    is_new_buyer: bool | None = None
    is_blocked: bool = False
    #: Other facts, for tests.
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The facts by which rules are chosen before they are checked one by one."""
        return (self.store, self.channel, self.country, self.currency)


Check = Callable[[OrderFacts], bool]


def fold(text: str) -> str:
    """Return a text as conditions compare it: without differences of case and of spaces."""
    return " ".join(text.casefold().split())


OPS: Mapping[str, Any] = {
    "is": gettext_lazy("is"),
    "is_not": gettext_lazy("is not"),
    "starts": gettext_lazy("starts with"),
    "contains": gettext_lazy("contains"),
    "between": gettext_lazy("is in the range"),
    "at_least": gettext_lazy("is at least"),
    "at_most": gettext_lazy("is at most"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One fact that a condition compares. `kind` decides how its value is written (`parse`)."""

    key: str
    label: Any
    kind: str
    ops: tuple[str, ...]
    hint: Any


_TEXT = ("is", "is_not", "contains", "starts")
_NUMBER = ("at_least", "at_most", "is")
FIELDS: Mapping[str, Field] = {
    one.key: one
    for one in (
        Field("store", gettext_lazy("Store"), "store", ("is", "is_not"), gettext_lazy("Name of a store")),
        Field(
            "channel", gettext_lazy("Channel"), "channel", ("is", "is_not"), gettext_lazy("Name of a channel")
        ),
        Field("country", gettext_lazy("Country"), "country", ("is", "is_not"), gettext_lazy("GB, IE")),
        Field(
            "postcode",
            gettext_lazy("Postcode"),
            "postcode",
            ("starts", "between", "is", "is_not"),
            gettext_lazy("BT, IM – or a range: 10000-19999"),
        ),
        Field("total", gettext_lazy("Order value"), "money", _NUMBER, gettext_lazy("100 GBP")),
        Field("weight", gettext_lazy("Weight (g)"), "number", _NUMBER, gettext_lazy("2000")),
        Field("sku", gettext_lazy("SKU"), "text", ("is", "is_not", "starts"), gettext_lazy("MUG-RED, TEE-M")),
        Field("tag", gettext_lazy("Tag"), "text", ("is", "is_not"), gettext_lazy("gift")),
        Field("method", gettext_lazy("Shipping method"), "text", _TEXT, gettext_lazy("Express")),
        Field("lines", gettext_lazy("Number of lines"), "number", _NUMBER, gettext_lazy("1")),
        Field("units", gettext_lazy("Number of units"), "number", _NUMBER, gettext_lazy("10")),
        Field("buyer", gettext_lazy("Buyer"), "buyer", ("is",), gettext_lazy("new, known or blocked")),
        Field(
            "payment",
            gettext_lazy("Payment status"),
            "payment",
            ("is", "is_not"),
            gettext_lazy("paid, not paid, pay on delivery"),
        ),
        Field("payment_method", gettext_lazy("Payment method"), "text", _TEXT, gettext_lazy("PayPal")),
        Field(
            "storefront", gettext_lazy("Site of the channel"), "text", _TEXT, gettext_lazy("Name of the site")
        ),
    )
}

#: Fields whose conditions are decided by `OrderFacts.key` alone.
KEY_FIELDS = frozenset({"store", "channel", "country"})
_BUYERS = ("new", "known", "blocked")


@dataclass(frozen=True, slots=True)
class Names:
    """What a person may name in a rule: stores, channels, carriers and warehouses, key -> name."""

    stores: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    carriers: Mapping[str, str] = field(default_factory=dict)
    warehouses: Mapping[str, str] = field(default_factory=dict)


def key_named(known: Mapping[str, str], name: str, what: str) -> str:
    """Return the key of what has this name. Raises `OrderError` when nothing has it."""
    wanted = fold(name)
    for key, known_name in known.items():
        if fold(known_name) == wanted:
            return key
    shown = ", ".join(list(known.values())[:6]) or "–"
    raise OrderError(
        _("There is no %(what)s “%(name)s”. Possible: %(known)s.")
        % {"what": what, "name": name.strip()[:60], "known": shown}
    )


def parse_condition(field_key: str, op: str, text: str, names: Names) -> dict[str, Any]:
    """Return a condition as it is stored, from what a person chose and wrote. Raises `OrderError` with the reason."""
    one = FIELDS.get(field_key)
    if one is None:
        raise OrderError(_("Choose what the condition compares."))
    if op not in one.ops:
        possible = ", ".join(str(OPS[each]) for each in one.ops)
        raise OrderError(
            _("“%(field)s” can be compared by: %(ops)s.") % {"field": one.label, "ops": possible}
        )
    written = text.strip()[:LONGEST]
    if not written:
        raise OrderError(
            _("Enter the value of “%(field)s”, for example: %(hint)s")
            % {"field": one.label, "hint": one.hint}
        )
    return {"field": one.key, "op": op, "value": _parsed(one, op, written, names)}


def _parsed(one: Field, op: str, written: str, names: Names) -> list[str]:
    if one.kind == "number":
        return [str(_number(one, written))]
    if one.kind == "money":
        amount, _space, currency = written.partition(" ")
        if not re.fullmatch(r"[A-Za-z]{3}", currency.strip()):
            raise OrderError(_("Enter the order value with its currency, for example: 100 GBP"))
        return [str(_amount(one, amount)), currency.strip().upper()]
    known = {"store": names.stores, "channel": names.channels}.get(one.kind)
    if known is not None:
        if fold(written) in {fold(name) for name in known.values()}:  # a name may contain a comma
            return [key_named(known, written, str(one.label))]
        return [key_named(known, part, str(one.label)) for part in _parts(written)]
    parts = _parts(written)
    if one.kind == "country":
        for part in parts:
            if not re.fullmatch(r"[A-Za-z]{2}", part):
                raise OrderError(_("“%s” is not a country code of two letters, as in GB, IE.") % part)
        return [part.upper() for part in parts]
    if one.kind == "postcode" and op == "between":
        return [_range(part) for part in parts]
    if one.kind == "postcode":
        return [fold_postcode(part) for part in parts]
    if one.kind == "buyer":
        return [
            _word(part, {_BUYERS[0]: _("new"), _BUYERS[1]: _("known"), _BUYERS[2]: _("blocked")})
            for part in parts
        ]
    if one.kind == "payment":
        return [_word(part, {key: str(label) for key, label in PaymentStatus.choices}) for part in parts]
    return parts


def _parts(written: str) -> list[str]:
    parts = [part.strip() for part in written.split(",") if part.strip()]
    if not parts or len(parts) > MOST_VALUES:
        raise OrderError(_("Enter 1 to %d values, separated by commas.") % MOST_VALUES)
    return parts


def _word(written: str, words: Mapping[str, str]) -> str:
    for key, label in words.items():
        if fold(written) in (fold(key), fold(label)):
            return key
    raise OrderError(
        _("“%(value)s” is not possible here. Possible: %(known)s.")
        % {"value": written[:60], "known": ", ".join(words.values())}
    )


def _number(one: Field, written: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", written):
        raise OrderError(
            _("“%(field)s” needs a whole number, for example: %(hint)s")
            % {"field": one.label, "hint": one.hint}
        )
    return int(written)


def _amount(one: Field, written: str) -> Decimal:
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,4})?", written):
        return Decimal(written)
    raise OrderError(_("Enter the order value with its currency, for example: 100 GBP"))


def _range(written: str) -> str:
    found = re.fullmatch(r"\s*([0-9]{2,10})\s*[-–]\s*([0-9]{2,10})\s*", written)
    if found is None or len(found[1]) != len(found[2]) or found[1] > found[2]:
        raise OrderError(_("“%s” is not a range of postcodes, for example: 10000-19999") % written[:60])
    return f"{found[1]}-{found[2]}"


# ------------------------------------------------ checks


def check_of(condition: Mapping[str, Any]) -> Check:
    """Return the function that says whether a stored condition holds. Raises ValueError for one that is not readable."""
    try:
        key, op, value = condition["field"], condition["op"], condition["value"]
        values = [str(each) for each in value]
        if key not in FIELDS or op not in FIELDS[key].ops or not values:
            raise ValueError(key)
        return _check(key, op, values)
    except (KeyError, TypeError, IndexError, InvalidOperation) as error:
        raise ValueError(str(error)) from error


def _check(key: str, op: str, values: list[str]) -> Check:
    if key == "total":
        return _total(op, Decimal(values[0]), values[1])
    if key in ("weight", "lines", "units"):
        return _counted(key, op, int(values[0]))
    if key == "buyer":
        return _buyer(frozenset(values))
    if key in ("sku", "tag"):
        return _among("skus" if key == "sku" else "tags", op, [fold(each) for each in values])
    if key == "postcode":
        return _postcode(op, values)
    folded = values if key in (*KEY_FIELDS, "payment") else [fold(each) for each in values]
    return _one_text(key, op, folded)


def _total(op: str, amount: Decimal, currency: str) -> Check:
    if op == "at_least":
        return lambda order: order.currency == currency and order.total >= amount
    if op == "at_most":
        return lambda order: order.currency == currency and order.total <= amount
    return lambda order: order.currency == currency and order.total == amount


def _counted(name: str, op: str, number: int) -> Check:
    def check(order: OrderFacts) -> bool:
        value = getattr(order, name)
        if value is None:
            return False
        return bool(
            value >= number if op == "at_least" else value <= number if op == "at_most" else value == number
        )

    return check


def _buyer(wanted: frozenset[str]) -> Check:
    def check(order: OrderFacts) -> bool:
        if "blocked" in wanted and order.is_blocked:
            return True
        if order.is_new_buyer is None:
            return False
        return ("new" if order.is_new_buyer else "known") in wanted

    return check


def _among(name: str, op: str, values: list[str]) -> Check:
    wanted = frozenset(values)
    if op == "starts":
        beginnings = tuple(values)
        return lambda order: any(each.startswith(beginnings) for each in getattr(order, name))
    if op == "is_not":
        return lambda order: wanted.isdisjoint(getattr(order, name))
    return lambda order: not wanted.isdisjoint(getattr(order, name))


def _postcode(op: str, values: list[str]) -> Check:
    if op == "between":
        ranges = [tuple(value.split("-")) for value in values]
        return lambda order: any(is_in_range(order.postcode, low, high) for low, high in ranges)
    if op == "starts":
        beginnings = tuple(values)
        return lambda order: order.postcode.startswith(beginnings)
    wanted = frozenset(values)
    if op == "is_not":
        return lambda order: order.postcode not in wanted
    return lambda order: order.postcode in wanted


def _one_text(name: str, op: str, values: list[str]) -> Check:
    wanted = frozenset(values)
    if op == "is_not":
        return lambda order: getattr(order, name) not in wanted
    if op == "starts":
        beginnings = tuple(values)
        return lambda order: getattr(order, name).startswith(beginnings)
    if op == "contains":
        return lambda order: any(each in getattr(order, name) for each in values)
    return lambda order: getattr(order, name) in wanted


def written_value(condition: Mapping[str, Any], names: Names) -> str:
    """Return the value of a stored condition as a person writes it; keys that no longer exist are shown as "?"."""
    values = [str(each) for each in condition.get("value", ())]
    key = condition.get("field")
    if key == "total":
        return " ".join(values)
    if key in ("store", "channel"):
        known = names.stores if key == "store" else names.channels
        return ", ".join(known.get(each, "?") for each in values)
    if key == "payment":
        labels = {each: str(label) for each, label in PaymentStatus.choices}
        return ", ".join(labels.get(each, each) for each in values)
    return ", ".join(values)


def condition_text(condition: Mapping[str, Any], names: Names) -> str:
    """Return a stored condition in words: “Country is GB, IE”."""
    one, op = FIELDS.get(str(condition.get("field"))), OPS.get(str(condition.get("op")))
    if one is None or op is None:
        return _("(not readable)")
    return f"{one.label} {op} {written_value(condition, names)}"
