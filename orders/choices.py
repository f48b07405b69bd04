"""The words of the order desk, with the colour of their chips."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class OrderStatus(models.TextChoices):
    """What people see. Derived from the facts by `orders.status` alone, never set by hand."""

    UNPAID = "unpaid", _("Unpaid")
    DRAFT = "draft", _("Draft")
    NEW = "new", _("New")
    PARTIAL = "partial", _("Partial")
    READY_FOR_FULFILMENT = "rfp", _("Ready for fulfilment")
    PACKED = "packed", _("Packed")
    READY_TO_SHIP = "rts", _("Ready to ship")
    IN_TRANSIT = "in_transit", _("In transit")
    DELIVERED = "delivered", _("Delivered")
    COMPLETED = "completed", _("Completed")
    CANCEL_IN_PROCESS = "cancel_in_process", _("Cancel in process")
    CANCELLED = "cancelled", _("Cancelled")
    SELLER_CANCEL_IN_PROCESS = "seller_cancel_in_process", _("Seller cancel in process")
    CANCELLED_BY_SELLER = "cancelled_by_seller", _("Cancelled by seller")
    RETURNED = "returned", _("Returned")


#: States in which somebody at the desk still has work; counted exactly (partial index).
OPEN_STATUSES = (
    OrderStatus.UNPAID,
    OrderStatus.DRAFT,
    OrderStatus.NEW,
    OrderStatus.PARTIAL,
    OrderStatus.READY_FOR_FULFILMENT,
    OrderStatus.PACKED,
    OrderStatus.READY_TO_SHIP,
    OrderStatus.CANCEL_IN_PROCESS,
    OrderStatus.SELLER_CANCEL_IN_PROCESS,
)

#: One colour per state, the same on every screen (unfold label variants).
STATUS_COLOURS: dict[str, str] = {
    OrderStatus.UNPAID: "warning",
    OrderStatus.DRAFT: "warning",
    OrderStatus.NEW: "info",
    OrderStatus.PARTIAL: "warning",
    OrderStatus.READY_FOR_FULFILMENT: "primary",
    OrderStatus.PACKED: "primary",
    OrderStatus.READY_TO_SHIP: "primary",
    OrderStatus.IN_TRANSIT: "success",
    OrderStatus.DELIVERED: "success",
    OrderStatus.COMPLETED: "success",
    OrderStatus.CANCEL_IN_PROCESS: "danger",
    OrderStatus.CANCELLED: "default",
    OrderStatus.SELLER_CANCEL_IN_PROCESS: "danger",
    OrderStatus.CANCELLED_BY_SELLER: "default",
    OrderStatus.RETURNED: "default",
}


class AllocationState(models.TextChoices):
    """How much of what an order needs is held for it."""

    NONE = "none", _("Nothing held")
    PART = "part", _("Part held")
    FULL = "full", _("All held")


class ShipmentState(models.TextChoices):
    """How far one parcel is."""

    PLANNED = "planned", _("Planned")
    PACKED = "packed", _("Packed")
    READY = "ready", _("Ready to ship")
    HANDED_OVER = "handed_over", _("Handed over")
    DELIVERED = "delivered", _("Delivered")
    CANCELLED = "cancelled", _("Cancelled")


class CancelParty(models.TextChoices):
    BUYER = "buyer", _("Buyer")
    SELLER = "seller", _("Seller")


class Actor(models.TextChoices):
    """Who caused an event."""

    PERSON = "person", _("Person")
    CHANNEL = "channel", _("Channel")
    SYSTEM = "system", _("System")
