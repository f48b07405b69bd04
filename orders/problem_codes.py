"""The faults an order can have, and the moves each of them keeps from happening (design §3)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from oms.kit import problems
from oms.kit.problems import ProblemCode

SUBJECT = "order"

UNKNOWN_SKU = "unknown_sku"
UNKNOWN_STATUS = "unknown_status"
UNKNOWN_CURRENCY = "unknown_currency"
MONEY_MISMATCH = "money_mismatch"
ADDRESS_MISSING = "address_missing"
ADDRESS_WITHHELD = "address_withheld"
NO_CARRIER = "no_carrier"
LATE_CANCEL = "late_cancel"
LATE_CHANGE = "late_change"
SHIPPED_SHORT = "shipped_short"
REFUNDED_THERE = "refunded_there"
PARTLY_REFUNDED = "partly_refunded"
REOPENED_THERE = "reopened_there"

#: Moves that bring goods nearer to the buyer.
SHIPPING = frozenset({"release", "pack", "ready_to_ship", "hand_over"})

CODES = (
    ProblemCode(UNKNOWN_SKU, _("A SKU is not known here"), SHIPPING),
    ProblemCode(UNKNOWN_STATUS, _("The channel's status is not in the status map"), SHIPPING),
    ProblemCode(UNKNOWN_CURRENCY, _("The store does not sell in this currency"), SHIPPING),
    ProblemCode(MONEY_MISMATCH, _("The channel's sums do not close")),
    ProblemCode(ADDRESS_MISSING, _("There is no address to ship to"), SHIPPING),
    ProblemCode(
        ADDRESS_WITHHELD,
        _("The channel withholds the address"),
        frozenset({"pack", "ready_to_ship", "hand_over"}),
    ),
    ProblemCode(NO_CARRIER, _("No carrier is chosen"), frozenset({"ready_to_ship", "hand_over"})),
    ProblemCode(
        LATE_CANCEL,
        _("Cancelled on the channel after it was packed"),
        frozenset({"ready_to_ship", "hand_over"}),
    ),
    ProblemCode(
        LATE_CHANGE,
        _("Changed on the channel after it was packed"),
        frozenset({"ready_to_ship", "hand_over"}),
    ),
    ProblemCode(SHIPPED_SHORT, _("Shipped there with units that are not in stock here")),
    ProblemCode(REFUNDED_THERE, _("Refunded or returned on the channel"), SHIPPING),
    ProblemCode(PARTLY_REFUNDED, _("Money was given back, goods are still to be sent"), SHIPPING),
    ProblemCode(REOPENED_THERE, _("Open again on the channel, cancelled here")),
)

#: Problems that a person may close with a word; the others end when their cause does.
DISMISSIBLE = frozenset(
    {
        UNKNOWN_STATUS,
        UNKNOWN_CURRENCY,
        MONEY_MISMATCH,
        ADDRESS_MISSING,
        ADDRESS_WITHHELD,
        LATE_CANCEL,
        LATE_CHANGE,
        SHIPPED_SHORT,
    }
    | {REFUNDED_THERE, PARTLY_REFUNDED, REOPENED_THERE}
)


def declare() -> None:
    problems.declare(*CODES)
