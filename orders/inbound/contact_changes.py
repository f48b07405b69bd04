"""Follow changes of the address and the contact data of a stored order: an event, or a problem once it is packed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders import problem_codes
from orders.choices import OrderStatus
from orders.models import Order
from orders.status import RANK
from orders.unit_of_work.order_state import OrderState

#: Kind of the timeline entries. They contain personal data, so `orders.ops.retention` removes their texts.
KIND = "contact"
#: Columns that are compared, with their names. An invoice address and a note are on no label: they block nothing.
FIELDS: Mapping[str, Any] = {
    "ship_to": gettext_lazy("Ship to"),
    "customer_name": gettext_lazy("Buyer"),
    "customer_email": gettext_lazy("E-mail"),
    "customer_phone": gettext_lazy("Phone"),
    "shipping_method": gettext_lazy("Shipping method"),
    "gift_message": gettext_lazy("Gift message"),
    "bill_to": gettext_lazy("Invoice address"),
    "buyer_note": gettext_lazy("Buyer's note"),
}
BLOCKING = ("ship_to", "customer_name", "customer_email", "customer_phone", "shipping_method", "gift_message")
_ADDRESS = ("name", "company", "line1", "line2", "postcode", "city", "region", "country", "phone")


def text_of(name: str, value: Any, phone: str = "") -> str:
    """Return a column as one line of text; the phone of an address only where it is not the buyer's `phone`."""
    if not isinstance(value, dict):
        return " ".join(str(value or "").split())
    if not any(value.get(key) for key in ("line1", "postcode", "city")):
        return ""  # a name and a country are no address yet
    parts = [str(value.get(key) or "") for key in _ADDRESS if key != "phone" or value.get(key) != phone]
    return ", ".join(" ".join(part.split()) for part in parts if part.strip())


def contact_of(order: Order) -> dict[str, str]:
    """Return the address and the contact data of an order as texts, by column."""
    return {name: text_of(name, getattr(order, name), order.customer_phone) for name in FIELDS}


def follow_contact(order_state: OrderState, before: Mapping[str, str]) -> None:
    """Compare the address and the contact data with those `before` the import (`contact_of`).

    A change is a timeline entry, old → new. While the order is packed and has not left, it is also a problem that blocks
    shipping until a person confirms it; it ends by itself when the channel changes the data back. Data that the channel
    shows for the first time, or not any more, is no change.
    """
    order = order_state.order
    if order.is_history or order_state.is_ended:
        return
    after = contact_of(order)
    changed = {
        name: (before[name], after[name])
        for name in FIELDS
        if before[name] and after[name] and before[name].casefold() != after[name].casefold()
    }
    for name, (old, new) in changed.items():
        order_state.add_news(
            KIND,
            _("%(field)s changed on %(store)s: %(old)s → %(new)s")
            % {
                "field": FIELDS[name],
                "store": order_state.connection.name,
                "old": _short(old),
                "new": _short(new),
            },
        )
    if RANK[OrderStatus.PACKED] <= order_state.rank < RANK[OrderStatus.IN_TRANSIT] and changed:
        _follow_problem(order_state, {name: old for name, (old, _new) in changed.items()}, after)


def _follow_problem(order_state: OrderState, old: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Open the problem with all that differs from what was packed; close it when nothing differs any more."""
    known = order_state.problems.get((problem_codes.ADDRESS_CHANGED, ""))
    packed_with = {name: text for name, text in old.items() if name in BLOCKING}
    packed_with |= known.data.get("packed_with", {}) if known else {}
    differing = {
        name: text for name, text in packed_with.items() if text.casefold() != after[name].casefold()
    }
    if known:
        order_state.close_problem(
            problem_codes.ADDRESS_CHANGED,
            _("Changed again on the channel.") if differing else _("Changed back on the channel."),
        )
    if differing:
        text = "; ".join(
            f"{FIELDS[name]}: {_short(text)} → {_short(after[name])}" for name, text in differing.items()
        )
        order_state.open_problem(
            problem_codes.ADDRESS_CHANGED,
            _("Changed on %(store)s after packing: %(changes)s. Correct the label, then confirm the change.")
            % {"store": order_state.connection.name, "changes": text[:380]},
            packed_with=differing,
        )


def _short(text: str) -> str:
    """Return a text of at most 120 characters."""
    return text if len(text) <= 120 else f"{text[:119]}…"
