"""Which price a store is told of a SKU (R-PRICE-01, R-PRICE-02), and what people type as a price."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import ListingVariant
from channels.models import Connection


class Price(NamedTuple):
    """`price` is the regular one, `selling_price` the lower one that holds now, or None."""

    price: Decimal
    selling_price: Decimal | None


def amount(value: Any, name: str) -> Decimal | None:
    """`value` as money, None for nothing; raises `CatalogueError` for what is no amount of 0 or more."""
    if value is None or str(value).strip() == "":
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise CatalogueError(
            _("“%(value)s” is not an amount: the %(name)s is a number such as 12.50.")
            % {"value": value, "name": name}
        )
    if number < 0:
        raise CatalogueError(
            _("The %(name)s cannot be below 0: “%(value)s”.") % {"value": value, "name": name}
        )
    if number >= Decimal(10) ** 10 or number != round(number, 4):
        raise CatalogueError(
            _("The %(name)s has at most 10 digits before and 4 behind the point: “%(value)s”.")
            % {"value": value, "name": name}
        )
    return number


def typed_amount(value: Decimal | None) -> str:
    """Return an amount as a person types it: "12.00", "4.155", "" for none."""
    if value is None:
        return ""
    return f"{value:.2f}" if value == round(value, 2) else f"{value.normalize():f}"


def price_for(listed: ListingVariant) -> Price:
    """The price that the store shows: its own where one is set, else the SKU's; needs `variant` and `connection`.

    A price of the store's own brings its own selling price, so that none = no offer there. A selling price that
    is not below the price is no offer. Raises `CatalogueError` when there is no price, or only one in a currency
    that the store does not have.
    """
    variant, connection = listed.variant, listed.connection
    price, selling = listed.price, listed.selling_price
    if price is None:
        if variant.price is not None and variant.currency and not has_currency(connection, variant.currency):
            raise CatalogueError(
                _(
                    "%(sku)s has its price in %(ours)s, and %(store)s keeps %(theirs)s: set a price for this store."
                )
                % {
                    "sku": variant.sku,
                    "ours": variant.currency,
                    "store": connection.name,
                    "theirs": connection.currency,
                }
            )
        price = variant.price
        if selling is None:
            selling = variant.selling_price
    if price is None:
        raise CatalogueError(_("%s has no price: set one.") % variant.sku)
    return Price(price, selling if selling is not None and selling < price else None)


def has_currency(connection: Connection, currency: str) -> bool:
    """Whether the store's prices are in this currency; a store that has not told its own has any."""
    return not connection.currency or currency.upper() == connection.currency.upper()
