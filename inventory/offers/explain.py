"""Explain an offered quantity: every figure that it is calculated from, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from catalogue.models import ListingVariant
from channels.models import OutboxMessage
from channels.push.topics import Topic
from inventory import callbacks
from inventory.callbacks import Holder
from inventory.models import StockItem
from inventory.offers.compute import Offer, offer_of
from inventory.offers.limits import steps


@dataclass(frozen=True, slots=True)
class WarehouseStock:
    """The stock of one warehouse, and the orders to which its units are allocated."""

    warehouse: str
    on_hand: int
    allocated: int
    holders: Sequence[Holder]

    @property
    def available(self) -> int:
        """Units on hand that are not allocated."""
        return self.on_hand - self.allocated


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the calculation: the limit in words, and the units that are left after it."""

    label: str
    units: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """The calculation of one offered quantity.

    `warehouses` are those of the store, `other_warehouses` do not count. `waiting` is the message that is not sent yet, if
    there is one. `sentence` says what the store was sent.
    """

    offer: Offer
    warehouses: Sequence[WarehouseStock]
    other_warehouses: Sequence[WarehouseStock]
    steps: Sequence[Step]
    sent_at: datetime | None
    read_at: datetime | None
    waiting: OutboxMessage | None
    is_read_only: bool
    sentence: str


def explain(listing_variant: ListingVariant) -> Explanation:
    """Return how the quantity is calculated that a store is offered of a SKU; seven queries or fewer."""
    offer = offer_of(listing_variant)
    connection = listing_variant.connection
    serving = set(
        connection.warehouse_mappings.filter(warehouse__is_active=True).values_list("warehouse_id", flat=True)
    )
    items = list(
        StockItem.objects.filter(variant=listing_variant.variant_id)
        .select_related("warehouse")
        .order_by("warehouse__name")
    )
    holders = callbacks.holders_of([item.pk for item in items if item.allocated])
    stock = {
        item.warehouse_id: WarehouseStock(
            item.warehouse.name,
            item.on_hand,
            item.allocated,
            [holder for holder in holders if holder.stock_item_id == item.pk],
        )
        for item in items
    }
    waiting = (
        OutboxMessage.objects.unsent()
        .filter(connection=connection, topic=Topic.STOCK, subject=listing_variant.pk)
        .first()
    )
    return Explanation(
        offer=offer,
        warehouses=[one for pk, one in stock.items() if pk in serving],
        other_warehouses=[one for pk, one in stock.items() if pk not in serving],
        steps=[Step(_label(name, offer), units) for name, units in steps(offer.available, offer.limits)],
        sent_at=listing_variant.sent_at,
        read_at=listing_variant.read_at,
        waiting=waiting,
        is_read_only=connection.is_read_only,
        sentence=_sentence(offer, waiting, connection.is_read_only),
    )


def _label(name: str, offer: Offer) -> str:
    limits = offer.limits
    if name == "available" and offer.parts:
        scarce = [part.sku for part in offer.parts if part.kits == offer.on_hand]
        return _("%(units)d kits can be made: %(sku)s is the scarcest component") % {
            "units": offer.on_hand,
            "sku": ", ".join(scarce),
        }
    if name == "available":
        return _("%(on_hand)d on hand − %(allocated)d allocated to orders = available") % {
            "on_hand": offer.on_hand,
            "allocated": offer.allocated,
        }
    if name == "stopped":
        return _("Selling is stopped")
    if name == "holiday":
        return _("Holiday mode of the store is on")
    if name == "buffer":
        return _("Minus the buffer of %d") % (limits.buffer or 0)
    if name == "percentage":
        return _("%d%% of that") % (limits.percentage or 0)
    if name == "cap":
        return _("At most %d, the limit of the store or SKU") % (limits.cap or 0)
    return _("The channel shows at most %d") % (limits.most or 0)


def _sentence(offer: Offer, waiting: OutboxMessage | None, is_read_only: bool) -> str:
    if offer.blocked:
        return _("Not sent to this store: %s") % offer.blocked
    if is_read_only:
        return _("Not sent: the store is read-only. It would be offered %d.") % offer.quantity
    if waiting is not None and waiting.parked_at:
        return _("The store rejected it: %s") % waiting.last_error
    if waiting is not None:
        return _("Waiting to be sent: %d.") % offer.quantity
    if not offer.is_sent:
        return _("Nothing sent yet.")
    return _("Sent: %d, accepted.") % (offer.sent_quantity or 0)
