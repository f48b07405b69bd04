"""The price that a store is sent for a SKU (R-PRICE-01, R-PRICE-02), and amounts as people type them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import ListingVariant, Variant
from catalogue.models.price_rule import PriceRule, rule_of
from channels.models import Connection


class Price(NamedTuple):
    """`price` is the regular price, `selling_price` the lower present price, or None."""

    price: Decimal
    selling_price: Decimal | None


def amount(value: Any, name: str) -> Decimal | None:
    """Return `value` as an amount of money, None for an empty one.

    Raise `CatalogueError`, with `name` in its sentence, when it is not an amount of 0 or more.
    """
    if value is None or str(value).strip() == "":
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise CatalogueError(
            _("“%(value)s” is not an amount. Enter the %(name)s as a number such as 12.50.")
            % {"value": value, "name": name}
        )
    if number < 0:
        raise CatalogueError(
            _("The %(name)s cannot be below 0: “%(value)s”.") % {"value": value, "name": name}
        )
    if number >= Decimal(10) ** 10 or number != round(number, 4):
        raise CatalogueError(
            _("The %(name)s can have 10 digits before the point and 4 after it: “%(value)s”.")
            % {"value": value, "name": name}
        )
    return number


def typed_amount(value: Decimal | None) -> str:
    """Return an amount as a person types it: "12.00", "4.155", "" for none."""
    if value is None:
        return ""
    return f"{value:.2f}" if value == round(value, 2) else f"{value.normalize():f}"


def price_for(listed: ListingVariant, now: datetime | None = None) -> Price:
    """Return the price that the store is to show now: its own where one is set, else the default price by the store's rule.

    With a price of its own, a store has its own selling price too: none means no selling price. A selling price that is not
    below the price, and one outside of its sale dates, is left out. `listed` has `variant` and `connection` loaded. Raise
    `CatalogueError` when there is no price, or only one in another currency than the store's.
    """
    price, selling = _wanted(listed, rule_of(listed.connection), [])
    return Price(price, selling if is_on_sale(listed, now or timezone.now()) else None)


def price_to_send(listed: ListingVariant, now: datetime | None = None) -> Price:
    """Return the price that is sent: with the coming sale too, where the channel takes the dates of a sale."""
    now = now or timezone.now()
    if not listed.connection.spec.has_sale_dates or (
        listed.sale_until is not None and listed.sale_until <= now
    ):
        return price_for(listed, now)
    return Price(*_wanted(listed, rule_of(listed.connection), []))


def is_on_sale(listed: ListingVariant, now: datetime) -> bool:
    """Return whether the sale dates of a SKU in its store include this instant; no dates: always."""
    has_begun = listed.sale_from is None or listed.sale_from <= now
    return has_begun and (listed.sale_until is None or listed.sale_until > now)


class Step(NamedTuple):
    """One cause of a price in a store: what it is, and the price after it."""

    what: str
    price: str


def explain_price(listed: ListingVariant, rule: PriceRule | None = None) -> list[Step]:
    """Return the causes of the price in a store, in order (R-PLUS-08). Raise `CatalogueError` like `price_for`."""
    steps: list[Step] = []
    price, selling = _wanted(listed, rule or rule_of(listed.connection), steps)
    now = timezone.now()
    if selling is None:
        steps.append(Step(_("There is no selling price below the price."), typed_amount(price)))
    elif is_on_sale(listed, now):
        steps.append(Step(_("The selling price is lower: the store shows it."), typed_amount(selling)))
    elif listed.sale_until is not None and listed.sale_until <= now:
        steps.append(Step(_("The sale is over."), typed_amount(price)))
    else:
        steps.append(Step(_("The sale has not started yet."), typed_amount(price)))
    return steps


def price_by(listed: ListingVariant, rule: PriceRule | None) -> Price:
    """Return the price that the store would show with this rule (None: without one). Raise `CatalogueError` like `price_for`."""
    price, selling = _wanted(listed, rule, [])
    return Price(price, selling if is_on_sale(listed, timezone.now()) else None)


def _wanted(
    listed: ListingVariant, rule: PriceRule | None, steps: list[Step]
) -> tuple[Decimal, Decimal | None]:
    """Return price and selling price of a SKU in its store, whatever the date; `steps` gets the causes."""
    variant, connection = listed.variant, listed.connection
    price, selling, cost = listed.price, listed.selling_price, variant.cost
    if price is not None:
        steps.append(Step(_("The store has its own price. Its price rule is not used."), typed_amount(price)))
        return price, _lower(selling, price)
    price = variant.price
    if price is None:
        raise CatalogueError(_("%s has no price. Set a price.") % variant.sku)
    own_selling = selling
    selling = variant.selling_price
    steps.append(Step(_("Default price"), _amounts(price, selling, variant.currency)))
    if variant.currency and not has_currency(connection, variant.currency):
        factor = rule.converted(Decimal(1), variant.currency, connection.currency) if rule else None
        if factor is None:
            raise CatalogueError(
                _(
                    "The price of %(sku)s is in %(own)s and %(store)s uses %(currency)s. Set a price for this store."
                )
                % {
                    "sku": variant.sku,
                    "own": variant.currency,
                    "store": connection.name,
                    "currency": connection.currency,
                }
            )
        price = price * factor
        selling = None if selling is None else selling * factor
        cost = None if cost is None else cost * factor
        steps.append(
            Step(
                _("1 %(own)s is %(rate)s %(currency)s")
                % {"own": variant.currency, "rate": f"{factor:f}", "currency": connection.currency},
                _amounts(
                    round(price, 4), None if selling is None else round(selling, 4), connection.currency
                ),
            )
        )
    if rule is not None:
        price, is_raised = rule.applied(price, cost, connection.currency)
        if selling is not None:
            selling, _raised = rule.applied(selling, cost, connection.currency)
        what = _("Price rule of %s") % connection.name
        if is_raised:
            what = _("%s; raised to the least margin over the cost") % what
        steps.append(Step(what, _amounts(price, selling, connection.currency)))
    if own_selling is not None:
        selling = own_selling
        steps.append(Step(_("The store has its own selling price."), typed_amount(selling)))
    return price, _lower(selling, price)


def _lower(selling: Decimal | None, price: Decimal) -> Decimal | None:
    return selling if selling is not None and selling < price else None


def _amounts(price: Decimal, selling: Decimal | None, currency: str) -> str:
    words = typed_amount(price) if selling is None else f"{typed_amount(price)} / {typed_amount(selling)}"
    return f"{words} {currency}".strip()


def has_currency(connection: Connection, currency: str) -> bool:
    """Return whether the store's prices are in this currency; True where the store's currency is not known."""
    return not connection.currency or currency.upper() == connection.currency.upper()


def store_prices(connection: Connection, variant_ids: Collection[int]) -> dict[int, Decimal]:
    """Return what one unit of each variant (id) costs a buyer of this store now; those without a price are left out.

    As in `price_for`. A SKU that the store does not list has the default price by the store's rule. Two queries.
    """
    if not variant_ids:
        return {}
    own: dict[int, ListingVariant] = {}
    for row in ListingVariant.objects.filter(connection=connection, variant__in=list(variant_ids)).order_by(
        "pk"
    ):
        if row.variant_id not in own or row.price is not None:
            own[row.variant_id] = row
    found: dict[int, Decimal] = {}
    for variant in Variant.objects.filter(pk__in=list(variant_ids)).order_by():
        listed = own.get(variant.pk) or ListingVariant(external_sku=variant.sku)
        listed.variant, listed.connection = variant, connection
        try:
            price = price_for(listed)
        except CatalogueError:
            continue
        found[variant.pk] = price.price if price.selling_price is None else price.selling_price
    return found
