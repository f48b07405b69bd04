"""Explain this number: an offered quantity, opened into everything it is made of."""

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
class Shelf:
    """What one warehouse contributes, and which orders hold how much of it."""

    warehouse: str
    on_hand: int
    allocated: int
    holders: Sequence[Holder]

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the sum: what acted, in words, and the units left after it."""

    label: str
    units: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole sum of one offered quantity. `waiting` is the message that has still to be sent, if any."""

    offer: Offer
    shelves: Sequence[Shelf]
    elsewhere: Sequence[Shelf]
    steps: Sequence[Step]
    sent_at: datetime | None
    read_at: datetime | None
    waiting: OutboxMessage | None
    is_read_only: bool
    sentence: str


def explain(listing_variant: ListingVariant) -> Explanation:
    """Where the number comes from that this store is offered of this SKU: seven queries or fewer."""
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
    shelves = {
        item.warehouse_id: Shelf(
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
        shelves=[shelf for pk, shelf in shelves.items() if pk in serving],
        elsewhere=[shelf for pk, shelf in shelves.items() if pk not in serving],
        steps=[Step(_label(name, offer), units) for name, units in steps(offer.available, offer.limits)],
        sent_at=listing_variant.sent_at,
        read_at=listing_variant.read_at,
        waiting=waiting,
        is_read_only=connection.is_read_only,
        sentence=_sentence(offer, waiting, connection.is_read_only),
    )


def _label(name: str, offer: Offer) -> str:
    limits = offer.limits
    if name == "available":
        return _("%(on_hand)d on hand − %(allocated)d held for orders = available") % {
            "on_hand": offer.on_hand,
            "allocated": offer.allocated,
        }
    if name == "stopped":
        return _("selling is stopped")
    if name == "holiday":
        return _("the store is on holiday")
    if name == "buffer":
        return _("less the buffer of %d") % (limits.buffer or 0)
    if name == "percentage":
        return _("%d%% of that") % (limits.percentage or 0)
    if name == "cap":
        return _("at most the cap of %d") % (limits.cap or 0)
    return _("the channel shows at most %d") % (limits.most or 0)


def _sentence(offer: Offer, waiting: OutboxMessage | None, is_read_only: bool) -> str:
    if offer.blocked:
        return _("This store is not sent it: %s") % offer.blocked
    if is_read_only:
        return _("%d would be shown, but pushing is not switched on for this store.") % offer.quantity
    if waiting is not None and waiting.parked_at:
        return _("The store refused it: %s") % waiting.last_error
    if waiting is not None:
        return _("%d is waiting to be sent.") % offer.quantity
    if not offer.is_sent:
        return _("Nothing was sent yet.")
    return _("%d was sent and accepted.") % (offer.sent_quantity or 0)
