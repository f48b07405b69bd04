"""What messages to channels are about, in words, with the page of each: set-wise, a query per kind of subject."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from catalogue.models import Listing, ListingVariant
from channels.contract.records.orders import FulfilmentEvent
from channels.models import OutboxMessage
from channels.push.topics import Topic
from oms.screens.links import address
from orders.models import Order

TOPICS: dict[str, Any] = {
    Topic.STOCK: _("Stock"),
    Topic.PRICE: _("Price"),
    Topic.LISTING_CREATE: _("New listing"),
    Topic.LISTING_UPDATE: _("Listing update"),
    Topic.LISTING_DELETE: _("Delete listing"),
    Topic.LISTING_ACTIVE: _("Listing on or off"),
    FulfilmentEvent.ACCEPTED: _("Accepted by us"),
    FulfilmentEvent.READY_TO_SHIP: _("Ready to ship"),
    FulfilmentEvent.SHIPPED: _("Shipped"),
    FulfilmentEvent.TRACKING: _("Tracking number"),
    FulfilmentEvent.DELIVERED: _("Delivered"),
    FulfilmentEvent.COMPLETED: _("Completed"),
    FulfilmentEvent.CANCELLED: _("Cancelled by us"),
}
EVENTS = frozenset(str(event) for event in FulfilmentEvent)
SKU_TOPICS = frozenset({Topic.STOCK, Topic.PRICE})


@dataclass(frozen=True, slots=True)
class Described:
    """A message in words: what is told, about what, and where that is."""

    topic: Any
    subject: str
    url: str


def described(rows: Iterable[OutboxMessage]) -> dict[int, Described]:
    """Words for these messages by their id; at most three queries, whatever their number."""
    wanted: dict[str, set[int]] = defaultdict(set)
    rows = list(rows)
    for row in rows:
        wanted[_kind(row.topic)].add(row.group or 0 if row.topic in EVENTS else row.subject)
    orders = (
        dict(Order.objects.filter(pk__in=wanted["order"]).values_list("pk", "number"))
        if wanted["order"]
        else {}
    )
    skus: dict[int, tuple[str, int]] = {}
    if wanted["sku"]:
        found = ListingVariant.objects.filter(pk__in=wanted["sku"])
        skus = {
            pk: (sku, product)
            for pk, sku, product in found.values_list("pk", "external_sku", "variant__product_id")
        }
    titles: dict[int, tuple[str, int]] = {}
    if wanted["listing"]:
        listings = Listing.objects.filter(pk__in=wanted["listing"])
        titles = {
            pk: (title, product)
            for pk, title, product in listings.values_list("pk", "product__title", "product_id")
        }
    words: dict[int, Described] = {}
    for row in rows:
        topic = TOPICS.get(row.topic, row.topic)
        kind = _kind(row.topic)
        if kind == "order":
            number = orders.get(row.group or 0)
            url = address("orders_order_change", row.group) if number else ""
            words[row.pk] = Described(topic, f"#{number}" if number else f"#{row.group}", url)
        else:
            text, product = (skus if kind == "sku" else titles).get(row.subject, (str(row.subject), 0))
            words[row.pk] = Described(
                topic, text, address("catalogue_product_change", product) if product else ""
            )
    return words


def _kind(topic: str) -> str:
    return "order" if topic in EVENTS else "sku" if topic in SKU_TOPICS else "listing"
