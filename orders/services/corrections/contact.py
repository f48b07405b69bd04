"""Correct the address, the contact data or the shipping method of an order before it is packed (R-ORD-15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from oms.kit.authors.actors import Author
from orders import problem_codes
from orders.choices import ShipmentState
from orders.domain import addresses
from orders.domain.allocation import allocate
from orders.domain.carriers import carriers_for
from orders.domain.corrected_columns import COLUMNS, note_correction
from orders.domain.rules.automation import apply_rules
from orders.errors import OrderError
from orders.inbound.contact_changes import FIELDS, KIND, text_of
from orders.inbound.updates import write_pending_events
from orders.services.corrections.seen import contact_seen, has_changed, load_for_correction
from orders.unit_of_work.order_state import OrderState

#: Parts of the address and how long each may be.
PARTS: Mapping[str, int] = {
    "name": 200,
    "company": 200,
    "line1": 200,
    "line2": 200,
    "city": 120,
    "region": 120,
    "postcode": 20,
    "country": 2,
    "phone": 60,
}
LONGEST = {"customer_name": 200, "customer_email": 254, "customer_phone": 60, "shipping_method": 200}


def correct_contact(
    *, order_id: int, changes: Mapping[str, Any], reason: str, by: Author, seen: str = ""
) -> list[str]:
    """Set columns of an order to what a person entered; return what changed, one text "old → new" for each.

    `changes` are columns of `COLUMNS`; `ship_to` is a mapping of `PARTS`. The channel is sent nothing. An import keeps
    the corrected value until the channel has another one than now. The address is checked again. A shipment that is not
    packed gets the carrier of the new shipping method. `seen` is `contact_seen` of what the person saw.

    Raises `OrderError` without a reason, when nothing differs, and for an order that is packed or has changed since.
    """
    with transaction.atomic():
        unit, order_state = load_for_correction(order_id, reason)
        order = order_state.order
        if seen and seen != contact_seen(order):
            raise has_changed()
        differing = {
            name: value
            for name in COLUMNS
            if name in changes and (value := _cleaned(name, changes[name])) != getattr(order, name)
        }
        if not differing:
            raise OrderError(_("Nothing was changed: the order has these values already."))
        texts = []
        for name, value in differing.items():
            old, new = text_of(name, getattr(order, name)), text_of(name, value)
            note_correction(order, name, value)
            if name == "ship_to":
                order.country = str(value.get("country", ""))[:2]
            texts.append(f"{FIELDS[name]}: {old or '–'} → {new or '–'}")
            order_state.add_event(
                KIND,
                _("%(field)s corrected: %(old)s → %(new)s. %(reason)s")
                % {
                    "field": FIELDS[name],
                    "old": old[:100] or "–",
                    "new": new[:100] or "–",
                    "reason": reason.strip(),
                },
            )
        if "ship_to" in differing:
            _check(order_state)
        if "shipping_method" in differing:
            _follow_method(order_state)
        applied = apply_rules(unit, unit.rules_version, changed=[order_state])
        if applied.traces:
            allocate(order_state, unit.stock(), unit.now)
        write_pending_events(order_state)
        unit.flush(by)
        applied.write()
    return texts


def _cleaned(name: str, value: Any) -> Any:
    """Return what a person entered as the column stores it: no empty parts, capitals where they belong."""
    if name != "ship_to":
        text = str(value or "").strip()[: LONGEST[name]]
        return text.lower() if name == "customer_email" else text
    parts = {key: str(value.get(key) or "").strip()[:most] for key, most in PARTS.items()}
    parts["country"] = parts["country"].upper()
    parts["postcode"] = parts["postcode"].upper()
    return {key: text for key, text in parts.items() if text}


def _check(order_state: OrderState) -> None:
    """Close the problems that a person has resolved by entering the address, and check its parts."""
    ship_to = order_state.order.ship_to
    if any(ship_to.get(part) for part in ("line1", "postcode", "city")):
        for code in (problem_codes.ADDRESS_MISSING, problem_codes.ADDRESS_WITHHELD):
            order_state.close_problem(code, _("The address was entered by hand."))
    if any(line.needs_stock and line.needs_parcel for line in order_state.lines):
        addresses.check_parts(order_state)


def _follow_method(order_state: OrderState) -> None:
    """Give the planned shipments the carrier of the new shipping method, where that names one."""
    planned = [row for row in order_state.open_shipments if row.state == ShipmentState.PLANNED]
    carrier = carriers_for([order_state]).get(id(order_state)) if planned else None
    for shipment in planned:
        shipment.carrier = carrier or shipment.carrier
