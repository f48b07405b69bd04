"""The price rule of a store: read what people type, save it, compare prices before it is switched on (R-PRICE-01)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import ListingVariant
from catalogue.models.price_rule import OPTION, PriceRule, from_json, rule_of
from catalogue.pricing import Price, price_by
from channels.models import Connection
from channels.push import outbox
from channels.push.topics import Topic
from oms.kit.authors import audit

_MOST = Decimal(1000)


class Compared(NamedTuple):
    """The price of one listed SKU before and after a change of the rule; None and `problem` where there is none."""

    row: ListingVariant
    old: Price | None
    new: Price | None
    problem: str

    @property
    def is_changed(self) -> bool:
        return self.old != self.new


def read_rule(values: dict[str, str], *, is_on: bool) -> PriceRule:
    """Return the rule as typed. `change` is a factor ("1.1") or a percentage ("+10%"). Raise `CatalogueError` for the first fault."""
    change = values.get("change", "").replace(" ", "").replace(",", ".")
    if change.endswith("%"):
        factor = 1 + _number(change[:-1].lstrip("+"), _("change")) / 100
    else:
        factor = _number(change, _("change")) if change else Decimal(1)
    if factor <= 0 or factor > _MOST:
        raise CatalogueError(_("The change must leave a price above 0. Enter a factor such as 1.1, or +10%."))
    step, ending = _given(values, "step", _("step")), _given(values, "ending", _("ending"))
    margin, rate = _given(values, "margin", _("margin")), _given(values, "rate", _("rate"))
    if step is not None and step <= 0:
        raise CatalogueError(_("The step must be above 0, for example 0.05."))
    if ending is not None and not Decimal(0) <= ending < 1000:
        raise CatalogueError(_("The ending must be between 0 and 999.99, for example .99."))
    if step is not None and ending is not None:
        raise CatalogueError(_("Enter a step or an ending, not both."))
    if margin is not None and not 0 <= margin <= 10_000:
        raise CatalogueError(_("The least margin is a percentage from 0 to 10,000."))
    currency = values.get("from_currency", "").strip().upper()
    if bool(currency) != (rate is not None) or (rate is not None and rate <= 0):
        raise CatalogueError(_("To convert prices, enter a currency and a rate above 0."))
    mode = values.get("mode", "")
    if mode not in ("nearest", "up", "down"):
        raise CatalogueError(_("Choose how prices are rounded."))
    return PriceRule(is_on, factor, mode, step, ending, margin, currency[:3], rate)


def _given(values: dict[str, str], name: str, words: str) -> Decimal | None:
    text = values.get(name, "").strip().replace(",", ".")
    return _number(text.rstrip("%").strip(), words) if text else None


def _number(text: str, words: str) -> Decimal:
    try:
        number = Decimal(text if text.isascii() else "x")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) > 10**6 or number != round(number, 8):
        raise CatalogueError(
            _("“%(value)s” is not a number. Enter the %(name)s as a number.") % {"value": text, "name": words}
        )
    return number


def stored_rule(connection: Connection) -> PriceRule:
    """Return the rule of a store, switched on or not."""
    return from_json(connection.options.get(OPTION) or {})


@transaction.atomic
def save_rule(connection: Connection, rule: PriceRule) -> Connection:
    """Save the rule of a store and send all prices that it changes. Return the saved store.

    A rule that is off and was off changes no price. Prices that the store has of its own stay.
    """
    row = Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=connection.pk)
    before = rule_of(row)
    old = audit.snapshot(row, ["options"])
    row.options = {**row.options, OPTION: rule.as_json()}
    row.save(update_fields=["options"])
    if changes := audit.difference(old, audit.snapshot(row, ["options"])):
        audit.record("store.price_rule", row, changes)
    if before != rule_of(row):
        listed = ListingVariant.objects.live().filter(connection=row, price=None)
        outbox.touch_listed(
            Topic.PRICE, ListingVariant.objects.live().filter(listing__in=listed.order_by().values("listing"))
        )
    return row


def compare(connection: Connection, rows: Iterable[ListingVariant], rule: PriceRule) -> list[Compared]:
    """Return the present and the new price of listed SKUs, with their variants loaded; no statement."""
    now = rule_of(connection)
    new = rule if rule.is_on else None
    found = []
    for row in rows:
        row.connection = connection
        old, _problem = _price(row, now)
        price, problem = _price(row, new)
        found.append(Compared(row, old, price, problem))
    return found


def _price(row: ListingVariant, rule: PriceRule | None) -> tuple[Price | None, str]:
    try:
        return price_by(row, rule), ""
    except CatalogueError as error:
        return None, str(error)


def typed_change(rule: PriceRule) -> str:
    """Return the change of a rule as a person types it: "+10%"."""
    percent: Any = ((rule.factor - 1) * 100).normalize()
    return "" if percent == 0 else f"{percent:+f}%"


def off(rule: PriceRule) -> PriceRule:
    """Return the rule switched off; its values stay."""
    return replace(rule, is_on=False)
