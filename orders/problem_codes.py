"""The problems that an order can have, and the moves that each of them blocks."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from oms.kit import problems
from oms.kit.problems import ProblemCode

SUBJECT = "order"

UNKNOWN_SKU = "unknown_sku"
WHICH_SKU = "which_sku"
UNKNOWN_STATUS = "unknown_status"
UNKNOWN_CURRENCY = "unknown_currency"
MONEY_MISMATCH = "money_mismatch"
ADDRESS_MISSING = "address_missing"
ADDRESS_WITHHELD = "address_withheld"
ADDRESS_CHANGED = "address_changed"
NO_CARRIER = "no_carrier"
LATE_CANCEL = "late_cancel"
LATE_CHANGE = "late_change"
SHIPPED_SHORT = "shipped_short"
REFUNDED_ON_CHANNEL = "refunded_there"
PARTLY_REFUNDED = "partly_refunded"
REOPENED_ON_CHANNEL = "reopened_there"
DELETED_ON_CHANNEL = "deleted_there"
REFUSED_BY_CHANNEL = "refused_there"
WMS_REJECTED = "wms_rejected"
WMS_SHORT_PICKED = "wms_short_picked"
WMS_RECALL_REFUSED = "wms_recall_refused"
WMS_SHIPPED_CANCELLED = "wms_shipped_cancelled"

#: Problems of a line that has no variant: they end when it gets one.
LINE_CODES = (UNKNOWN_SKU, WHICH_SKU)

#: Problems of a shipment at a warehouse system: they end when the order is released again or cancelled.
WMS_CODES = (WMS_REJECTED, WMS_SHORT_PICKED, WMS_RECALL_REFUSED)

#: Moves on the way to the buyer.
SHIPPING = frozenset({"release", "pack", "ready_to_ship", "hand_over"})

CODES = (
    ProblemCode(UNKNOWN_SKU, _("Unknown SKU"), SHIPPING),
    ProblemCode(WHICH_SKU, _("Choose which product was sold"), SHIPPING),
    ProblemCode(UNKNOWN_STATUS, _("Status not mapped"), SHIPPING),
    ProblemCode(UNKNOWN_CURRENCY, _("Currency not used by the store"), SHIPPING),
    ProblemCode(MONEY_MISMATCH, _("Totals do not add up")),
    ProblemCode(ADDRESS_MISSING, _("No address to ship to"), SHIPPING),
    ProblemCode(
        ADDRESS_WITHHELD,
        _("Address withheld by the channel"),
        frozenset({"pack", "ready_to_ship", "hand_over"}),
    ),
    ProblemCode(
        ADDRESS_CHANGED,
        _("Address or contact changed after packing"),
        frozenset({"ready_to_ship", "hand_over"}),
    ),
    ProblemCode(NO_CARRIER, _("No carrier"), frozenset({"ready_to_ship", "hand_over"})),
    ProblemCode(
        LATE_CANCEL,
        _("Cancelled after packing"),
        frozenset({"ready_to_ship", "hand_over"}),
    ),
    ProblemCode(
        LATE_CHANGE,
        _("Changed after packing"),
        frozenset({"ready_to_ship", "hand_over"}),
    ),
    ProblemCode(DELETED_ON_CHANNEL, _("Deleted on the channel"), frozenset({"ready_to_ship", "hand_over"})),
    ProblemCode(REFUSED_BY_CHANNEL, _("Rejected by the channel"), frozenset({"hand_over"})),
    ProblemCode(SHIPPED_SHORT, _("Shipped more than was in stock")),
    ProblemCode(REFUNDED_ON_CHANNEL, _("Refunded or returned on the channel"), SHIPPING),
    ProblemCode(PARTLY_REFUNDED, _("Partly refunded: choose what to ship"), SHIPPING),
    ProblemCode(
        WMS_REJECTED,
        _("Rejected by the warehouse system"),
        frozenset({"pack", "ready_to_ship", "hand_over"}),
    ),
    ProblemCode(WMS_SHORT_PICKED, _("Short-picked in the warehouse")),
    ProblemCode(WMS_RECALL_REFUSED, _("Not returned by the warehouse system")),
    ProblemCode(WMS_SHIPPED_CANCELLED, _("Shipped by the warehouse after its cancellation")),
    ProblemCode(REOPENED_ON_CHANNEL, _("Open on the channel, cancelled in Manifold")),
)

#: Problems that a person may dismiss, with a reason. The others end when their cause is resolved.
DISMISSIBLE = frozenset(
    {
        UNKNOWN_STATUS,
        UNKNOWN_CURRENCY,
        MONEY_MISMATCH,
        ADDRESS_MISSING,
        ADDRESS_WITHHELD,
        ADDRESS_CHANGED,
        LATE_CANCEL,
        LATE_CHANGE,
        SHIPPED_SHORT,
        DELETED_ON_CHANNEL,
        REFUSED_BY_CHANNEL,
    }
    | {WMS_REJECTED, WMS_SHORT_PICKED, WMS_RECALL_REFUSED, WMS_SHIPPED_CANCELLED}
    | {REFUNDED_ON_CHANNEL, PARTLY_REFUNDED, REOPENED_ON_CHANNEL}
)

#: Problems that end with one press of “Confirm the change”; no reason is asked for.
CONFIRMED = frozenset({ADDRESS_CHANGED})


def declare() -> None:
    """Declare the problem codes; called once, when Django has loaded the apps."""
    problems.declare(*CODES)
