"""Set the price of a SKU: the default for all stores, or the price in one store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError, VariantChanged
from catalogue.models import ListingVariant, Variant
from catalogue.pricing import amount, has_currency, typed_amount
from catalogue.services.details.seen import changed_by
from channels.models import Connection
from channels.push import outbox
from channels.push.topics import Topic
from oms.kit.authors import audit


@transaction.atomic
def set_price(
    what: Variant | ListingVariant,
    *,
    price: Any,
    selling_price: Any = None,
    currency: str = "",
) -> None:
    """Set the default price of a SKU (`Variant`), or its price in one store (`ListingVariant`), and send it to the stores.

    In a store, no price means the default price. `currency`, if given, must be the store's. Raise `CatalogueError` for text
    that is not an amount, and for another currency than the store's.
    """
    new, new_selling = amount(price, _("price")), amount(selling_price, _("selling price"))
    if new is not None and new_selling is not None and new_selling > new:
        raise CatalogueError(
            _("The selling price %(selling)s is above the price %(price)s. Enter a lower one.")
            % {"selling": typed_amount(new_selling), "price": typed_amount(new)}
        )
    if new is None and new_selling is not None and isinstance(what, Variant):
        raise CatalogueError(_("A selling price needs a price. Enter the price first."))
    if isinstance(what, ListingVariant):
        if currency and not has_currency(what.connection, currency):
            raise CatalogueError(
                _("%(store)s has no prices in %(currency)s. Enter the price in %(own)s.")
                % {
                    "store": what.connection.name,
                    "currency": currency.upper(),
                    "own": what.connection.currency,
                }
            )
        with audit.watch(what, "price", "selling_price", what="sku.price"):
            what.price, what.selling_price = new, new_selling
            what.save(update_fields=["price", "selling_price"])
        _send_prices([what.listing_id])
        return
    with audit.watch(what, "price", "selling_price", "currency", what="sku.price"):
        what.price, what.selling_price = new, new_selling
        if currency:
            what.currency = currency.upper()[:3]
        what.save(update_fields=["price", "selling_price", "currency"])
    _send_prices(what.listing_variants.values_list("listing_id", flat=True))


@transaction.atomic
def set_sale_dates(listed: ListingVariant, *, first: date | None, last: date | None) -> None:
    """Set the first and the last day of the sale of a SKU in its store; None: it has begun, or it does not end.

    Days are those of the store's time zone: the sale runs from 00:00 of the first to the end of the last one. Raise
    `CatalogueError` when it would end before it starts.
    """
    if first is not None and last is not None and last < first:
        raise CatalogueError(_("The sale ends before it starts. Enter a later last day."))
    with audit.watch(listed, "sale_from", "sale_until", what="sku.price"):
        listed.sale_from, listed.sale_until = sale_instants(listed.connection, first, last)
        listed.save(update_fields=["sale_from", "sale_until"])
    _send_prices([listed.listing_id])


def sale_instants(
    connection: Connection, first: date | None, last: date | None
) -> tuple[datetime | None, datetime | None]:
    """Return when a sale starts, and when it has ended, by its days in the store's time zone."""
    zone = ZoneInfo(connection.time_zone or "UTC")
    start = None if first is None else datetime.combine(first, time.min, zone).astimezone(UTC)
    end = None if last is None else datetime.combine(last + timedelta(days=1), time.min, zone).astimezone(UTC)
    return start, end


def sale_days(listed: ListingVariant) -> tuple[date | None, date | None]:
    """Return the first and the last day of the sale in the store's time zone."""
    zone = ZoneInfo(listed.connection.time_zone or "UTC")
    first = None if listed.sale_from is None else listed.sale_from.astimezone(zone).date()
    if listed.sale_until is None:
        return first, None
    return first, (listed.sale_until.astimezone(zone) - timedelta(microseconds=1)).date()


@transaction.atomic
def edit_price(
    variant: Variant, changes: Mapping[str, Any], *, was: Mapping[str, str] | None = None
) -> Variant:
    """Change `price`, `selling_price` or both of a SKU; a price that is not in `changes` stays. Return the saved row.

    `was` is what the person saw, as typed ("" for none). Raise `VariantChanged` when a price has another value now,
    `CatalogueError` for another field and for values that `set_price` refuses.
    """
    if unknown := sorted(set(changes) - {"price", "selling_price"}):
        raise CatalogueError(_("“%s” cannot be edited here.") % unknown[0])
    row = Variant.objects.select_for_update(of=("self",)).get(pk=variant.pk)
    for name, seen in (was or {}).items():
        if seen != typed_amount(getattr(row, name)):
            raise VariantChanged(
                getattr(row, name), by=changed_by(row, name), words=typed_amount(getattr(row, name))
            )
    set_price(
        row,
        price=changes.get("price", row.price),
        selling_price=changes.get("selling_price", row.selling_price),
    )
    return row


def _send_prices(listing_ids: Iterable[int]) -> None:
    """Send the prices of all SKUs of these listings: some channels have one reduced price for the whole product."""
    shown = ListingVariant.objects.live().filter(listing__in=list(listing_ids))
    outbox.touch(Topic.PRICE, list(shown.values_list("connection_id", "pk")))
