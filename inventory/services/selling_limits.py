"""How much a store sells of what is there: its holiday, its limits, and those of one SKU (R-INV-04, R-INV-07)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.models import ListingVariant
from channels.models import Connection
from channels.push import outbox, topics
from inventory.errors import QuantityError
from inventory.models import StockPolicy
from inventory.parsing import whole


def set_holiday(connection: Connection, *, is_holiday: bool) -> StockPolicy:
    """A store on holiday is offered 0 of everything, at once; its stock and limits stay as they are."""
    with transaction.atomic():
        policy, _made = StockPolicy.objects.select_for_update(of=("self",)).get_or_create(
            connection=connection, listing_variant=None
        )
        if policy.is_holiday != is_holiday:
            policy.is_holiday = is_holiday
            policy.save(update_fields=["is_holiday"])
            _resend(connection)
    return policy


def set_policy(
    connection: Connection,
    *,
    listing_variant: ListingVariant | None = None,
    buffer: Any = None,
    percentage: Any = None,
    cap: Any = None,
) -> StockPolicy:
    """Set the limits of a store, or of one SKU on it; None = no limit (for a SKU: the store's). Tells the store.

    Raises `QuantityError` for a figure that is not a whole number, is below 0, or a percentage above 100.
    """
    limits = {
        name: None if value in (None, "") else whole(value)
        for name, value in (("buffer", buffer), ("percentage", percentage), ("cap", cap))
    }
    if (limits["percentage"] or 0) > 100:
        raise QuantityError(_("A percentage is between 0 and 100: “%s” is not.") % percentage)
    with transaction.atomic():
        policy, _made = StockPolicy.objects.update_or_create(
            connection=connection, listing_variant=listing_variant, defaults=limits
        )
        _resend(connection, listing_variant)
    return policy


def _resend(connection: Connection, listing_variant: ListingVariant | None = None) -> None:
    shown = ListingVariant.objects.pushable().filter(connection=connection)
    if listing_variant is not None:
        shown = shown.filter(pk=listing_variant.pk)
    outbox.touch(topics.Topic.STOCK, list(shown.values_list("connection_id", "pk")))
