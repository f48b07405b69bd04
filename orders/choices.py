"""Statuses and states of orders and shipments, with their labels and colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from channels.contract.records.orders import FulfilmentEvent

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class OrderStatus(models.TextChoices):
    """The order status. `orders.status` computes it from the facts of the order; nothing else sets it."""

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


#: Statuses of orders that need work. A partial index makes their counts exact.
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

#: Statuses of orders that are or are being cancelled: one tab of the order list, with an index of its own.
CANCELLED_STATUSES = (
    OrderStatus.CANCEL_IN_PROCESS,
    OrderStatus.CANCELLED,
    OrderStatus.SELLER_CANCEL_IN_PROCESS,
    OrderStatus.CANCELLED_BY_SELLER,
)

#: Statuses of orders that may be shipped and are not: only these can be late (`orders.domain.ship_by`).
TO_SHIP_STATUSES = (
    OrderStatus.NEW,
    OrderStatus.PARTIAL,
    OrderStatus.READY_FOR_FULFILMENT,
    OrderStatus.PACKED,
)

#: The colour of each status, the same on every screen (label variants of unfold).
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


class OrderPriority(models.IntegerChoices):
    """Which orders get stock first: the higher ones, and of equal ones the oldest."""

    NORMAL = 0, _("Normal")
    HIGH = 1, _("High")
    URGENT = 2, _("Urgent")


class Routing(models.TextChoices):
    """In which sequence the warehouses of a store are asked for the stock of an order."""

    PRIORITY = "priority", _("By their priority")
    NEAREST = "nearest", _("The nearest to the address first")


class LastLook(models.TextChoices):
    """Whether the channel is asked for its orders before a manifest is created, and what follows without an answer."""

    WARN = "warn", _("Ask, and warn where there is no answer")
    BLOCK = "block", _("Ask, and do not hand over without an answer")
    OFF = "off", _("Do not ask")


class AllocationState(models.TextChoices):
    """How many of the units that an order needs are allocated to it."""

    NONE = "none", _("Nothing allocated")
    PART = "part", _("Partly allocated")
    FULL = "full", _("All allocated")


class ShipmentState(models.TextChoices):
    """How far a shipment is."""

    PLANNED = "planned", _("Planned")
    PACKED = "packed", _("Packed")
    READY = "ready", _("Ready to ship")
    HANDED_OVER = "handed_over", _("Handed over")
    DELIVERED = "delivered", _("Delivered")
    CANCELLED = "cancelled", _("Cancelled")


#: States of shipments that have not left.
OPEN_SHIPMENT_STATES = (ShipmentState.PLANNED, ShipmentState.PACKED, ShipmentState.READY)


class CancelParty(models.TextChoices):
    """Who asked for a cancellation."""

    BUYER = "buyer", _("Buyer")
    SELLER = "seller", _("Seller")


#: What a channel is sent about an order, in words.
EVENT_LABELS: dict[FulfilmentEvent, StrPromise] = {
    FulfilmentEvent.ACCEPTED: _("Accepted"),
    FulfilmentEvent.READY_TO_SHIP: _("Ready to ship"),
    FulfilmentEvent.SHIPPED: _("Shipped"),
    FulfilmentEvent.TRACKING: _("Tracking number"),
    FulfilmentEvent.DELIVERED: _("Delivered"),
    FulfilmentEvent.COMPLETED: _("Completed"),
    FulfilmentEvent.CANCELLED: _("Cancelled"),
}


class PaymentStatus(models.TextChoices):
    """Whether an order is paid (`PaymentState`), with labels."""

    UNPAID = "unpaid", _("not paid")
    PAID = "paid", _("paid")
    PART_PAID = "part_paid", _("part-paid")
    ON_ACCOUNT = "on_account", _("on account")
    ON_DELIVERY = "on_delivery", _("pay on delivery")
    UNKNOWN = "unknown", _("payment not known")


class Actor(models.TextChoices):
    """Who caused a timeline entry."""

    PERSON = "person", _("Person")
    CHANNEL = "channel", _("Channel")
    SYSTEM = "system", _("System")
    API = "api", _("API")
    WMS = "wms", _("Warehouse system")


class HandoverState(models.TextChoices):
    """How far a warehouse system is with a shipment. The last four end its work."""

    RELEASED = "released", _("Released to the warehouse")
    RECEIVED = "received", _("Received by the warehouse")
    ALLOCATED = "allocated", _("Allocated in the warehouse")
    PICKING = "picking", _("Being picked")
    PICKED = "picked", _("Picked")
    PACKED = "packed", _("Packed")
    DISPATCHED = "dispatched", _("Dispatched")
    REJECTED = "rejected", _("Rejected by the warehouse")
    SHORT_PICKED = "short_picked", _("Short-picked")
    CANCELLED = "cancelled", _("Cancelled")

    @classmethod
    def open_states(cls) -> tuple[str, ...]:
        """Return the states in which the warehouse system may still work on it."""
        return (cls.RELEASED, cls.RECEIVED, cls.ALLOCATED, cls.PICKING, cls.PICKED, cls.PACKED)


class Recall(models.TextChoices):
    """Whether the warehouse system was asked to return a shipment, and its answer."""

    REQUESTED = "requested", _("Recall requested")
    AGREED = "agreed", _("Recalled")
    REFUSED = "refused", _("Recall refused")


class ReturnState(models.TextChoices):
    """How far a return is."""

    REQUESTED = "requested", _("Requested")
    APPROVED = "approved", _("Approved")
    REFUSED = "refused", _("Refused")
    RECEIVED = "received", _("Received")
    CLOSED = "closed", _("Closed")


RETURN_COLOURS: dict[str, str] = {
    ReturnState.REQUESTED: "warning",
    ReturnState.APPROVED: "info",
    ReturnState.REFUSED: "default",
    ReturnState.RECEIVED: "primary",
    ReturnState.CLOSED: "success",
}


class ReturnOrigin(models.TextChoices):
    """Who or what started a return."""

    STAFF = "staff", _("Staff")
    LATE_CANCEL = "late_cancel", _("Cancelled too late")
    CHANNEL = "channel", _("Channel")


class ReturnReason(models.TextChoices):
    """Why goods come back."""

    NO_LONGER = "no_longer", _("No longer wanted")
    DAMAGED = "damaged", _("Arrived damaged")
    FAULTY = "faulty", _("Does not work")
    WRONG_ITEM = "wrong_item", _("Wrong item sent")
    NOT_AS_SHOWN = "not_as_shown", _("Not as described")
    TOO_LATE = "too_late", _("Arrived too late")
    CANCELLED = "cancelled", _("Cancelled after packing")
    UNDELIVERED = "undelivered", _("Not delivered, sent back by the carrier")
    NOT_SAID = "not_said", _("Reason not given")


class DocumentKind(models.TextChoices):
    """What is printed about orders."""

    PICK_LIST = "pick_list", _("Pick list")
    ORDER_PICK_LIST = "order_pick_list", _("Pick list by order")
    PACKING_SLIP = "packing_slip", _("Packing slip")
    LABEL = "label", _("Shipping label")
    RETURN_SLIP = "return_slip", _("Return slip")
    INVOICE = "invoice", _("Invoice")
    CREDIT_NOTE = "credit_note", _("Credit note")
    MANIFEST = "manifest", _("Manifest")


#: Kinds that get a number, are stored when they are issued and never change afterwards.
NUMBERED = (DocumentKind.INVOICE, DocumentKind.CREDIT_NOTE)


class LabelSize(models.TextChoices):
    """The paper of shipping labels."""

    THERMAL = "4x6", _("4 × 6 in, label printer")
    A6 = "a6", _("A6")
    TWO = "a4_2", _("A4 sheet of 2")
    FOUR = "a4_4", _("A4 sheet of 4")


class PageSize(models.TextChoices):
    """The paper of all other documents."""

    A4 = "a4", _("A4")
    LETTER = "letter", _("US Letter")


class DocumentLanguage(models.TextChoices):
    """The language of the documents of a store."""

    BUYER = "buyer", _("The buyer's: French for addresses in France, else English")
    ENGLISH = "en", _("English")
    FRENCH = "fr", _("French")


class VatScheme(models.TextChoices):
    """How a seller charges VAT."""

    STANDARD = "standard", _("VAT is charged")
    NOT_REGISTERED = "none", _("Not registered for VAT")
    MARGIN = "margin", _("Margin scheme: second-hand goods")


class LabelState(models.TextChoices):
    """How far the purchase of a label is. The carrier may have sold it in every state from “asked” on."""

    WANTED = "wanted", _("Wanted")
    ASKED = "asked", _("Being bought")
    UNKNOWN = "unknown", _("Not known if bought")
    BOUGHT = "bought", _("Bought")
    REFUSED = "refused", _("Refused by the carrier")
    CANCELLING = "cancelling", _("Cancellation requested")
    CANCELLED = "cancelled", _("Label cancelled")

    @classmethod
    def live(cls) -> tuple[str, ...]:
        """Return the states in which a shipment has a label, or may have one: no second one is bought then."""
        return (cls.WANTED, cls.ASKED, cls.UNKNOWN, cls.BOUGHT, cls.CANCELLING)


LABEL_COLOURS: dict[str, str] = {
    LabelState.WANTED: "info",
    LabelState.ASKED: "info",
    LabelState.UNKNOWN: "warning",
    LabelState.BOUGHT: "success",
    LabelState.REFUSED: "danger",
    LabelState.CANCELLING: "warning",
    LabelState.CANCELLED: "default",
}


class CloseOutState(models.TextChoices):
    """What became of a carrier's own manifest. `NO_PAPER`: it is made, and its PDF comes later."""

    WANTED = "wanted", _("Waiting for the carrier")
    NO_PAPER = "no_paper", _("Made, without its paper yet")
    DONE = "done", _("Made")
    REFUSED = "refused", _("Refused by the carrier")


class LabelFileFormat(models.TextChoices):
    """The format of a carrier's label."""

    PDF = "pdf", _("PDF")
    PNG = "png", _("PNG")
    ZPL = "zpl", _("ZPL, for label printers")


class ParcelStatus(models.TextChoices):
    """Where a parcel is, as its carrier says."""

    READY = "ready", _("Label made")
    HANDED_OVER = "handed_over", _("With the carrier")
    IN_TRANSIT = "in_transit", _("In transit")
    AT_CUSTOMS = "at_customs", _("Held at customs")
    OUT_FOR_DELIVERY = "out_for_delivery", _("Out for delivery")
    AWAITING_COLLECTION = "awaiting_collection", _("Awaiting collection")
    FAILED_ATTEMPT = "failed_attempt", _("Failed attempt")
    DELIVERED = "delivered", _("Delivered")
    RETURNED = "returned", _("Returned to sender")
    LOST = "lost", _("Lost")


PARCEL_COLOURS: dict[str, str] = {
    ParcelStatus.READY: "info",
    ParcelStatus.HANDED_OVER: "info",
    ParcelStatus.IN_TRANSIT: "primary",
    ParcelStatus.AT_CUSTOMS: "warning",
    ParcelStatus.OUT_FOR_DELIVERY: "primary",
    ParcelStatus.AWAITING_COLLECTION: "warning",
    ParcelStatus.FAILED_ATTEMPT: "warning",
    ParcelStatus.DELIVERED: "success",
    ParcelStatus.RETURNED: "danger",
    ParcelStatus.LOST: "danger",
}

#: States of a parcel after which nothing more is expected.
PARCEL_ENDED = (ParcelStatus.DELIVERED, ParcelStatus.RETURNED, ParcelStatus.LOST)
