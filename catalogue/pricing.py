"""The price that a store is sent for a SKU (R-PRICE-01, R-PRICE-02), and amounts as people type them."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import ListingVariant, Variant
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


def price_for(listed: ListingVariant) -> Price:
    """Return the price that the store is sent: its own where one is set, else the default price of the SKU.

    With a price of its own, a store has its own selling price too: none means no selling price. A selling price that is not
    below the price is left out. `listed` has `variant` and `connection` loaded. Raise `CatalogueError` when there is no
    price, or only one in another currency than the store's.
    """
    variant, connection = listed.variant, listed.connection
    price, selling = listed.price, listed.selling_price
    if price is None:
        if variant.price is not None and variant.currency and not has_currency(connection, variant.currency):
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
        price = variant.price
        if selling is None:
            selling = variant.selling_price
    if price is None:
        raise CatalogueError(_("%s has no price. Set a price.") % variant.sku)
    return Price(price, selling if selling is not None and selling < price else None)


def has_currency(connection: Connection, currency: str) -> bool:
    """Return whether the store's prices are in this currency; True where the store's currency is not known."""
    return not connection.currency or currency.upper() == connection.currency.upper()


def store_prices(connection: Connection, variant_ids: Collection[int]) -> dict[int, Decimal]:
    """Return what one unit of each variant (id) costs a buyer of this store now; those without a price are left out.

    As in `price_for`: the store's own price where the SKU has one, else the default price, in the store's currency; the
    selling price where it is lower. Two queries.
    """
    if not variant_ids:
        return {}
    own = {
        pk: (price, selling)
        for pk, price, selling in ListingVariant.objects.filter(
            connection=connection, variant__in=list(variant_ids), price__isnull=False
        )
        .order_by("pk")
        .values_list("variant_id", "price", "selling_price")
    }
    found: dict[int, Decimal] = {}
    rows = Variant.objects.filter(pk__in=list(variant_ids)).order_by()
    for pk, price, selling, currency in rows.values_list("pk", "price", "selling_price", "currency"):
        if pk in own:
            price, selling = own[pk]
        elif currency and not has_currency(connection, currency):
            continue
        if price is not None:
            found[pk] = selling if selling is not None and selling < price else price
    return found
