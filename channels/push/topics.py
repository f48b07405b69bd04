"""The kinds of messages: their titles, and the rules of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from channels.contract.records.orders import FulfilmentEvent
from channels.contract.spec import EVENT_CAPABILITY, Capability, Lane


class Topic:
    """Names of the state topics; the values of `FulfilmentEvent` are the event topics."""

    STOCK = "stock"
    PRICE = "price"
    LISTING_CREATE = "listing.create"
    LISTING_UPDATE = "listing.update"
    LISTING_DELETE = "listing.delete"
    LISTING_ACTIVE = "listing.active"
    WMS_SHIPMENT = "wms.shipment"
    CARRIER_LABEL = "carrier.label"
    CARRIER_TRACKING = "carrier.tracking"
    CARRIER_CLOSE_OUT = "carrier.close_out"


@dataclass(frozen=True, slots=True)
class Rule:
    """The lane and the priority of a topic, and the capability that it needs."""

    lane: str
    priority: int
    capability: Capability
    is_event: bool = False


#: The rules of the topics, also before their handlers are registered.
RULES: dict[str, Rule] = {
    **{
        str(event): Rule(Lane.ORDERS, 10, EVENT_CAPABILITY[event], is_event=True) for event in FulfilmentEvent
    },
    Topic.WMS_SHIPMENT: Rule(Lane.ORDERS, 10, Capability.WMS_HANDOVER),
    Topic.CARRIER_LABEL: Rule(Lane.ORDERS, 10, Capability.SELF_SHIPPING),
    Topic.CARRIER_CLOSE_OUT: Rule(Lane.ORDERS, 10, Capability.SELF_SHIPPING),
    Topic.CARRIER_TRACKING: Rule(Lane.DEFAULT, 40, Capability.SELF_SHIPPING),
    Topic.STOCK: Rule(Lane.STOCK, 20, Capability.PUSH_STOCK),
    Topic.PRICE: Rule(Lane.STOCK, 30, Capability.PUSH_PRICE),
    Topic.LISTING_CREATE: Rule(Lane.DEFAULT, 40, Capability.CREATE_LISTING_SINGLE),
    Topic.LISTING_UPDATE: Rule(Lane.DEFAULT, 40, Capability.UPDATE_LISTING),
    Topic.LISTING_DELETE: Rule(Lane.DEFAULT, 40, Capability.DELETE_LISTING),
    Topic.LISTING_ACTIVE: Rule(Lane.DEFAULT, 40, Capability.SET_LISTING_ACTIVE),
}

TITLES: dict[str, Any] = {
    Topic.STOCK: _("Stock"),
    Topic.PRICE: _("Price"),
    Topic.LISTING_CREATE: _("New listing"),
    Topic.LISTING_UPDATE: _("Listing update"),
    Topic.LISTING_DELETE: _("Delete listing"),
    Topic.LISTING_ACTIVE: _("Activate or deactivate listing"),
    Topic.WMS_SHIPMENT: _("Shipment for a warehouse system"),
    Topic.CARRIER_LABEL: _("Label"),
    Topic.CARRIER_TRACKING: _("Tracking of a parcel"),
    Topic.CARRIER_CLOSE_OUT: _("Manifest of the carrier"),
    FulfilmentEvent.ACCEPTED: _("Accepted"),
    FulfilmentEvent.READY_TO_SHIP: _("Ready to ship"),
    FulfilmentEvent.SHIPPED: _("Shipped"),
    FulfilmentEvent.TRACKING: _("Tracking number"),
    FulfilmentEvent.DELIVERED: _("Delivered"),
    FulfilmentEvent.COMPLETED: _("Completed"),
    FulfilmentEvent.CANCELLED: _("Cancelled by seller"),
}


def title(topic: str) -> Any:
    """Return the title of a topic: "stock" -> "Stock"."""
    return TITLES.get(topic, topic)
