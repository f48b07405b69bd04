"""The problems that an order can have, and the moves that each of them blocks."""

from __future__ import annotations

from django.utils.translation import gettext
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
ADDRESS_INVALID = "address_invalid"
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
LABEL_REFUSED = "label_refused"
LABEL_UNKNOWN = "label_unknown"
LABEL_NOT_CANCELLED = "label_not_cancelled"
PARCEL_RETURNED = "parcel_returned"
PARCEL_LOST = "parcel_lost"

#: Problems of a line that has no variant: they end when it gets one.
LINE_CODES = (UNKNOWN_SKU, WHICH_SKU)

#: Problems of a shipment at a warehouse system: they end when the order is released again or cancelled.
WMS_CODES = (WMS_REJECTED, WMS_SHORT_PICKED, WMS_RECALL_REFUSED)

#: Moves on the way to the buyer.
SHIPPING = frozenset({"release", "release_part", "pack", "ready_to_ship", "hand_over"})

CODES = (
    ProblemCode(
        UNKNOWN_SKU,
        _("Unknown SKU"),
        SHIPPING,
        means=_(
            "A line of the order has a SKU that no product in Manifold has. No stock is allocated to this line."
        ),
        remedy=_(
            "Choose the SKU on the order page (“Map SKU”), or create the product: the order then continues by itself."
        ),
    ),
    ProblemCode(
        WHICH_SKU,
        _("Choose which product was sold"),
        SHIPPING,
        means=_("The channel sent a line that fits several products. Manifold does not guess."),
        remedy=_("Open the order in the store, see what was sold, and choose that SKU on the order page."),
    ),
    ProblemCode(
        UNKNOWN_STATUS,
        _("Status not mapped"),
        SHIPPING,
        means=_("The channel gave the order a status that the status map of the store does not have."),
        remedy=_(
            "Map the status on the page of the store (Status map). All orders with this status are updated."
        ),
    ),
    ProblemCode(
        UNKNOWN_CURRENCY,
        _("Currency not used by the store"),
        SHIPPING,
        means=_("The order is in a currency that the store did not have when it was connected."),
        remedy=_("Check the order in the store. Dismiss the problem if the currency is right."),
    ),
    ProblemCode(
        MONEY_MISMATCH,
        _("Totals do not add up"),
        means=_(
            "Lines, shipping, discount and tax of the channel do not give its total. Manifold keeps the channel's figures."
        ),
        remedy=_(
            "Compare the totals with the order in the store before you issue an invoice. Then dismiss the problem."
        ),
    ),
    ProblemCode(
        ADDRESS_MISSING,
        _("No address to ship to"),
        SHIPPING,
        means=_("The channel sent no delivery address, or one without street or country."),
        remedy=_(
            "Ask the buyer for the address and correct it in the store. Manifold imports it with the next sync."
        ),
    ),
    ProblemCode(
        ADDRESS_WITHHELD,
        _("Address withheld by the channel"),
        frozenset({"pack", "ready_to_ship", "hand_over"}),
        means=_("The channel does not give out the address yet."),
        remedy=_(
            "Wait for the next sync. If it stays, check what the channel asks for: payment, or a permission of the key."
        ),
    ),
    ProblemCode(
        ADDRESS_INVALID,
        _("Address is not complete"),
        frozenset({"pack", "ready_to_ship", "hand_over"}),
        means=_(
            "A part of the delivery address is missing, or the postcode is not one of its country. The problem names the part."
        ),
        remedy=_(
            "Ask the buyer, then correct the address on the order page. Dismiss the problem if the address is right."
        ),
    ),
    ProblemCode(
        ADDRESS_CHANGED,
        _("Address or contact changed after packing"),
        frozenset({"ready_to_ship", "hand_over"}),
        means=_(
            "The buyer or the store changed the delivery address, phone or e-mail when the parcel was packed."
        ),
        remedy=_("Put the new address on the parcel, then press “Confirm the change”."),
    ),
    ProblemCode(
        NO_CARRIER,
        _("No carrier"),
        frozenset({"ready_to_ship", "hand_over"}),
        means=_("The order has no carrier, and the store has no default carrier."),
        remedy=_("Choose a carrier on the order page, or a default carrier in the settings of the store."),
    ),
    ProblemCode(
        LATE_CANCEL,
        _("Cancelled after packing"),
        frozenset({"ready_to_ship", "hand_over"}),
        means=_(
            "The channel cancelled the order when it was packed or ready to ship. Its stock is still allocated."
        ),
        remedy=_(
            "Do not ship it. Undo packing on the order page: the order is then cancelled and its stock is free."
        ),
    ),
    ProblemCode(
        LATE_CHANGE,
        _("Changed after packing"),
        frozenset({"ready_to_ship", "hand_over"}),
        means=_("The channel changed lines or quantities when the order was packed."),
        remedy=_("Undo packing on the order page: the change is then imported. Pack the order again."),
    ),
    ProblemCode(
        DELETED_ON_CHANNEL,
        _("Deleted on the channel"),
        frozenset({"ready_to_ship", "hand_over"}),
        means=_("The channel does not have the order any more."),
        remedy=_("Find out why in the store. Cancel the order, or dismiss the problem to ship it."),
    ),
    ProblemCode(
        REFUSED_BY_CHANNEL,
        _("Rejected by the channel"),
        frozenset({"hand_over"}),
        means=_(
            "The channel refused a message about this order, for example “Ready to ship”. Its words are in the problem."
        ),
        remedy=_(
            "Correct what the channel names and retry the message on the order page, or dismiss the problem."
        ),
    ),
    ProblemCode(
        SHIPPED_SHORT,
        _("Shipped more than was in stock"),
        means=_(
            "More units of a SKU were shipped than Manifold had on hand. The figure on hand is not right."
        ),
        remedy=_("Count the SKU and adjust its stock. Then dismiss the problem."),
    ),
    ProblemCode(
        REFUNDED_ON_CHANNEL,
        _("Refunded or returned on the channel"),
        SHIPPING,
        means=_("The channel refunded the whole order or has a return for it."),
        remedy=_("Do not ship it. Cancel the order, or dismiss the problem if it is shipped nevertheless."),
    ),
    ProblemCode(
        PARTLY_REFUNDED,
        _("Partly refunded: choose what to ship"),
        SHIPPING,
        means=_("The channel refunded a part of the order and does not say which units."),
        remedy=_("Cancel the refunded units on the order page, then dismiss the problem."),
    ),
    ProblemCode(
        REOPENED_ON_CHANNEL,
        _("Open on the channel, cancelled in Manifold"),
        means=_("The order was cancelled in Manifold and is open again on the channel."),
        remedy=_("Reopen the order on its page, or cancel it in the store and dismiss the problem."),
    ),
    ProblemCode(
        WMS_REJECTED,
        _("Rejected by the warehouse system"),
        frozenset({"pack", "ready_to_ship", "hand_over"}),
        means=_("The warehouse system does not accept the shipment. Its reason is in the problem."),
        remedy=_("Correct what it names and release the order again, or ship it from another warehouse."),
    ),
    ProblemCode(
        WMS_SHORT_PICKED,
        _("Short-picked in the warehouse"),
        means=_("The warehouse found fewer units than it was asked to pick."),
        remedy=_("Count the SKU. The missing units wait for stock, or cancel them on the order page."),
    ),
    ProblemCode(
        WMS_RECALL_REFUSED,
        _("Not returned by the warehouse system"),
        means=_(
            "The order was to be cancelled or changed, but the warehouse system is too far with its shipment."
        ),
        remedy=_("Let it be shipped and handle it as a return, or agree with the warehouse by phone."),
    ),
    ProblemCode(
        WMS_SHIPPED_CANCELLED,
        _("Shipped by the warehouse after its cancellation"),
        means=_("The order is cancelled and the warehouse has shipped it nevertheless."),
        remedy=_("Ask the carrier to return the parcel, and enter a return when it arrives."),
    ),
    ProblemCode(
        LABEL_REFUSED,
        _("Label refused by the carrier"),
        means=_(
            "The carrier did not sell the label. Its words, and the field that it names, are in the problem."
        ),
        remedy=_(
            "Correct what it names, then buy the label again on the order page, or choose another service."
        ),
    ),
    ProblemCode(
        LABEL_UNKNOWN,
        _("Not known if the label was bought"),
        means=_("The carrier's answer was lost, and the carrier cannot be asked for the label."),
        remedy=_("Look at the carrier. Without a label there, press “Not bought” on the order page."),
    ),
    ProblemCode(
        LABEL_NOT_CANCELLED,
        _("Label not cancelled"),
        means=_("The carrier refused to cancel the label of a cancelled shipment. It is charged."),
        remedy=_("Ask the carrier for a refund. Then dismiss the problem."),
    ),
    ProblemCode(
        PARCEL_RETURNED,
        _("Parcel returned to sender"),
        means=_("The carrier brings the parcel back, or has brought it back."),
        remedy=_("Enter a return for the order when the parcel arrives. Then dismiss the problem."),
    ),
    ProblemCode(
        PARCEL_LOST,
        _("Parcel lost"),
        means=_("The carrier or a person says that the parcel is lost."),
        remedy=_("Ask the carrier for compensation, and refund the buyer or send the order again."),
    ),
)

#: Problems that a person may dismiss, with a reason. The others end when their cause is resolved.
DISMISSIBLE = frozenset(
    {
        UNKNOWN_STATUS,
        UNKNOWN_CURRENCY,
        MONEY_MISMATCH,
        ADDRESS_MISSING,
        ADDRESS_WITHHELD,
        ADDRESS_INVALID,
        ADDRESS_CHANGED,
        LATE_CANCEL,
        LATE_CHANGE,
        SHIPPED_SHORT,
        DELETED_ON_CHANNEL,
        REFUSED_BY_CHANNEL,
        LABEL_REFUSED,
        LABEL_NOT_CANCELLED,
        PARCEL_RETURNED,
        PARCEL_LOST,
    }
    | {WMS_REJECTED, WMS_SHORT_PICKED, WMS_RECALL_REFUSED, WMS_SHIPPED_CANCELLED}
    | {REFUNDED_ON_CHANNEL, PARTLY_REFUNDED, REOPENED_ON_CHANNEL}
)

#: Problems that end with one press of “Confirm the change”; no reason is asked for.
CONFIRMED = frozenset({ADDRESS_CHANGED})


def unknown_sku_text(sku: str, title: str) -> str:
    """Return the sentence of the problem “Unknown SKU” of a line."""
    return gettext("No product has the SKU “%(sku)s” (%(title)s). Choose the product that was sold.") % {
        "sku": sku or gettext("no SKU"),
        "title": title,
    }


def declare() -> None:
    """Declare the problem codes; called once, when Django has loaded the apps."""
    problems.declare(*CODES)
