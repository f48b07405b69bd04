"""Set how much of the available stock a store is offered: holiday mode, limits of the store and of a SKU (R-INV-04, R-INV-07)."""

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
from oms.kit.authors import audit


def set_holiday(connection: Connection, *, is_holiday: bool) -> StockPolicy:
    """Switch holiday mode of a store on or off: it is offered 0 of all SKUs. Stock and limits do not change."""
    with transaction.atomic():
        policy, _made = StockPolicy.objects.select_for_update(of=("self",)).get_or_create(
            connection=connection, listing_variant=None
        )
        if policy.is_holiday != is_holiday:
            policy.is_holiday = is_holiday
            policy.save(update_fields=["is_holiday"])
            audit.record("store.holiday", connection, {"is_holiday": (not is_holiday, is_holiday)})
            _resend(connection)
    return policy


def set_master(connection: Connection, *, is_master: bool) -> None:
    """Choose whether a quantity that was changed in the store is overwritten at once, or shown as a difference."""
    StockPolicy.objects.update_or_create(
        connection=connection, listing_variant=None, defaults={"is_master": is_master}
    )


def set_policy(
    connection: Connection,
    *,
    listing_variant: ListingVariant | None = None,
    buffer: Any = None,
    percentage: Any = None,
    cap: Any = None,
) -> StockPolicy:
    """Set the limits of a store, or of one of its SKUs, and enqueue its stock.

    `buffer` and `cap` are units. None means no limit; for a SKU, the limit of the store. Raises `QuantityError` for a
    figure that is not a whole number or below 0, or for a percentage above 100.
    """
    limits = {
        name: None if value in (None, "") else whole(value)
        for name, value in (("buffer", buffer), ("percentage", percentage), ("cap", cap))
    }
    if (limits["percentage"] or 0) > 100:
        raise QuantityError(_("A percentage must be between 0 and 100, not “%s”.") % percentage)
    with transaction.atomic():
        old = StockPolicy.objects.filter(connection=connection, listing_variant=listing_variant).first()
        before = audit.snapshot(old or StockPolicy(), limits)
        policy, _made = StockPolicy.objects.update_or_create(
            connection=connection, listing_variant=listing_variant, defaults=limits
        )
        if changes := audit.difference(before, audit.snapshot(policy, limits)):
            audit.record("store.limits", listing_variant or connection, changes, store=connection.pk)
        _resend(connection, listing_variant)
    return policy


def _resend(connection: Connection, listing_variant: ListingVariant | None = None) -> None:
    """Enqueue the stock of a store, or of one of its SKUs."""
    shown = ListingVariant.objects.pushable().filter(connection=connection)
    if listing_variant is not None:
        shown = shown.filter(pk=listing_variant.pk)
    outbox.touch(topics.Topic.STOCK, list(shown.values_list("connection_id", "pk")))
