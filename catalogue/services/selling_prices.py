"""Set the price of a variant, in general or for one store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import ListingVariant, Variant
from catalogue.pricing import amount, has_currency
from channels.push import outbox
from channels.push.topics import Topic


@transaction.atomic
def set_price(
    what: Variant | ListingVariant,
    *,
    price: Any,
    selling_price: Any = None,
    currency: str = "",
) -> None:
    """Set the price of a SKU everywhere (`Variant`), or on one store (`ListingVariant`); stores that show it are told.

    On a store, no price = the SKU's own again. `currency` is checked against the store's where it is given.
    Raises `CatalogueError` for what is no amount, or a currency that the store does not have.
    """
    new, offer = amount(price, _("price")), amount(selling_price, _("selling price"))
    if new is None and offer is not None and isinstance(what, Variant):
        raise CatalogueError(_("A selling price needs a price beside it."))
    if isinstance(what, ListingVariant):
        if currency and not has_currency(what.connection, currency):
            raise CatalogueError(
                _("%(store)s has no prices in %(currency)s: it keeps %(own)s.")
                % {
                    "store": what.connection.name,
                    "currency": currency.upper(),
                    "own": what.connection.currency,
                }
            )
        what.price, what.selling_price = new, offer
        what.save(update_fields=["price", "selling_price"])
        _price_changed([what.listing_id])
        return
    what.price, what.selling_price = new, offer
    if currency:
        what.currency = currency.upper()[:3]
    what.save(update_fields=["price", "selling_price", "currency"])
    _price_changed(what.listing_variants.values_list("listing_id", flat=True))


def _price_changed(listing_ids: Iterable[int]) -> None:
    """Tell of the listing's other SKUs too: some channels keep one offer for the whole product."""
    shown = ListingVariant.objects.live().filter(listing__in=list(listing_ids))
    outbox.touch(Topic.PRICE, list(shown.values_list("connection_id", "pk")))
