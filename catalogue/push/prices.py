"""Send prices to stores. Prices are read when the message is sent."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError, NotListed
from catalogue.models import ListingVariant, sku_key
from catalogue.pricing import Price, price_for
from catalogue.push import price_with_stock
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import Rejected
from channels.contract.records.updates import Outcome, PriceUpdate
from channels.models import Connection, OutboxMessage
from channels.pull.single_records import request_products
from channels.push.outbox import PlanLine
from oms.kit.bulk import set_to

log = logging.getLogger(__name__)


class PriceHandler:
    """Topic `price`; the subject of a message is a listed SKU."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        """Send the present prices of these SKUs in one call; return one `Outcome` for each message, in their order."""
        rows = _listed(messages)
        is_both = price_with_stock.sends_both(connection)
        units = price_with_stock.units_for(connection, rows.values()) if is_both else {}
        outcomes: dict[str, Outcome] = {}
        updates: list[PriceUpdate] = []
        sent: dict[str, tuple[int, Price]] = {}
        for message in messages:
            ref, row = str(message.pk), rows.get(message.subject)
            if row is None or not row.external_id:
                outcomes[ref] = Outcome(ref, note=_("No longer on the store."))
                continue
            try:
                price = price_for(row)
            except CatalogueError as error:
                outcomes[ref] = Outcome(ref, Rejected(str(error), field="price"))
                continue
            if is_both and price_with_stock.was_sent(row, price, message):
                outcomes[ref] = Outcome(ref, note=_("Sent with its stock."))
                continue
            sent[ref] = (row.pk, price)
            updates.append(price_with_stock.price_update(row, price, ref, units.get(row.pk)))
        if updates:
            answers = {outcome.ref: outcome for outcome in adapter.push_prices(updates)}
            for ref in sent:
                outcomes[ref] = answers.get(ref) or Outcome(
                    ref, Rejected(_("The store did not answer for this SKU."))
                )
        request_products(
            connection,
            [
                row.external_id if connection.spec.variants_by_id else row.listing.external_id
                for row in rows.values()
                if row.pk in {sent[ref][0] for ref in sent if _is_gone(outcomes[ref].error)}
            ],
        )
        now = timezone.now()
        set_to(
            ListingVariant,
            ("sent_price", "sent_selling_price", "price_sent_at"),
            {
                pk: (price.price, price.selling_price, now)
                for ref, (pk, price) in sent.items()
                if outcomes[ref].ok
            },
        )
        return [outcomes[str(message.pk)] for message in messages]

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        """Return what would be sent: the price that the store is believed to show, and the new price."""
        rows = _listed(messages)
        lines = []
        for message in messages:
            row = rows.get(message.subject)
            if row is None or not row.external_id:
                continue
            old = _words(row.shown_price.value, row.shown_price.selling)
            try:
                new, why = (
                    _words(*price_for(row)),
                    _("price of this store") if row.price is not None else _("default price"),
                )
            except CatalogueError as error:
                new, why = "", str(error)
            lines.append(PlanLine(message.pk, _("Price of %s") % row.external_sku, old, new, why))
        return lines


def _is_gone(error: Exception | None) -> bool:
    return isinstance(error, Rejected) and error.is_gone


def _words(price: object, selling_price: object) -> str:
    if price is None:
        return ""
    return f"{price:.2f}" if selling_price is None else f"{price:.2f} / {selling_price:.2f}"


def _listed(messages: Sequence[OutboxMessage]) -> dict[int, ListingVariant]:
    rows = ListingVariant.objects.filter(pk__in=[message.subject for message in messages])
    return {row.pk: row for row in rows.select_related("variant", "listing", "connection")}


def price_subjects(connection: Connection, skus: Sequence[str] | None = None) -> Iterable[int]:
    """Return the ids of the listed SKUs whose prices Sync Prices sends: all of the store, or those of these SKUs.

    Raise `NotListed` with the first SKU that the store does not have.
    """
    shown = ListingVariant.objects.live().filter(connection=connection).exclude(external_id="")
    if skus is not None:
        keys = {sku_key(sku): sku for sku in skus}
        shown = shown.filter(sku_key__in=keys) | shown.filter(variant__sku_key__in=keys)
        found = {key for pair in shown.values_list("sku_key", "variant__sku_key") for key in pair}
        if missing := [sku for key, sku in keys.items() if key not in found]:
            raise NotListed(_("%(store)s has no SKU “%(sku)s”.") % {"store": connection, "sku": missing[0]})
    return list(shown.order_by("pk").values_list("pk", flat=True))
