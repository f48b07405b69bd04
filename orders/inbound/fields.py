"""From an `OrderRecord` to the columns that the channel owns; what people decided here has columns of its own."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from channels.contract.records.orders import AddressRecord, OrderLineRecord, OrderRecord, RemoteState
from channels.models import Connection
from oms.kit.money import digits
from orders import problem_codes
from orders.models import OrderSettings
from orders.unit_of_work.order_state import OrderState

_NO_ADDRESS = AddressRecord()
#: States in which goods may still be sent; the others decide about a refund by themselves.
OPEN_FOR_SHIPPING = frozenset(RemoteState) - {
    RemoteState.CANCELLED,
    RemoteState.RETURNED,
    RemoteState.IGNORED,
}


class UnreadableOrder(Exception):
    """A record that cannot become an order; the text is the reason, for the list of refused records."""


def document_of(record: OrderRecord) -> tuple[str, bytes]:
    """The content hash of a record, and its native document as it is stored (zlib-compressed JSON).

    The hash is `OrderRecord.content_hash`; both come from one serialisation.
    """
    native = record.native or asdict(record)
    text = json.dumps(native, sort_keys=True, separators=(",", ":"), default=str).encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest(), zlib.compress(text, 1)


def _address(address: AddressRecord) -> dict[str, str]:
    if address is _NO_ADDRESS:
        return {}
    return {name: value for name in AddressRecord.__slots__ if (value := getattr(address, name))}


def order_columns(record: OrderRecord, state: RemoteState, digest: str) -> dict[str, Any]:
    """What the channel says of the order as a whole; texts are cut to their columns."""
    return {
        "number": record.number[:60],
        "remote_state": str(state),
        "remote_status_id": record.status_id[:60],
        "remote_status_name": record.status_name[:120],
        "remote_changed_at": record.changed_at,
        "remote_hash": digest,
        "url": record.url[:500],
        "placed_at": record.placed_at,
        "currency": record.currency[:3],
        "items_total": record.items_total,
        "shipping_total": record.shipping_total,
        "tax_total": record.tax_total,
        "discount_total": record.discount_total,
        "total": record.total,
        "prices_include_tax": record.prices_include_tax,
        "is_address_withheld": record.is_address_withheld,
        "customer_name": record.customer_name[:200],
        "customer_email": record.customer_email[:254].lower(),
        "customer_phone": record.customer_phone[:60],
        "ship_to": _address(record.ship_to),
        "bill_to": _address(record.bill_to),
        "country": (record.ship_to.country or record.bill_to.country)[:2],
        "payment_method": record.payment_method[:200],
        "shipping_method": record.shipping_method[:200],
        "buyer_note": record.buyer_note,
        "gift_message": record.gift_message,
    }


def line_columns(record: OrderLineRecord, position: int) -> dict[str, Any]:
    """What the channel says of a line; quantity and SKU apart, which follow rules of their own."""
    return {
        "position": position,
        "variant_external_id": record.variant_external_id[:120],
        "sku": record.sku[:120],
        "title": record.title[:300],
        "options": dict(record.options),
        "personalisation": record.personalisation,
        "needs_stock": record.needs_stock,
        "unit_price": record.unit_price,
        "discount": record.discount,
        "tax": record.tax,
        "total": record.total,
    }


def lines_of(record: OrderRecord) -> list[tuple[str, OrderLineRecord]]:
    """The lines with an id that is unique in the order; raises `UnreadableOrder` for a quantity that is none.

    A channel that repeats a line's id gets the repetitions numbered.
    """
    seen: dict[str, int] = {}
    rows = []
    for line in record.lines:
        if line.quantity < 0 or line.quantity != int(line.quantity):
            raise UnreadableOrder(
                _("The line “%(title)s” has the quantity %(quantity)s, which is not a whole number of units.")
                % {"title": line.title, "quantity": line.quantity}
            )
        times = seen[line.external_id] = seen.get(line.external_id, 0) + 1
        rows.append((line.external_id[:110] + (f"#{times}" if times > 1 else ""), line))
    return rows


def ship_by(record: OrderRecord, settings: OrderSettings) -> Any:
    return record.ship_by_at or record.placed_at + timedelta(hours=settings.ship_within_hours)


# ------------------------------------------------ faults that the document itself shows


def check_document(
    order_state: OrderState, record: OrderRecord, state: RemoteState, *, was_withheld: bool = False
) -> None:
    """Open and close the problems that the channel's document itself gives rise to.

    `was_withheld`: the channel kept the address back when the order was read before.
    """
    if state == RemoteState.UNKNOWN:
        order_state.open_problem(
            problem_codes.UNKNOWN_STATUS,
            _("“%(name)s” (%(id)s) is not in the store's status map: say there what it means.")
            % {"name": record.status_name, "id": record.status_id},
            status_id=record.status_id,
        )
    elif order_state.problems or order_state.new_problems:
        order_state.close_problem(problem_codes.UNKNOWN_STATUS, _("The status is known now."))
    if (gap := _gap(record)) is not None:
        order_state.open_problem(
            problem_codes.MONEY_MISMATCH,
            _(
                "The parts of the total differ from it by %(gap)s %(currency)s: look at the order on the channel."
            )
            % {"gap": gap, "currency": record.currency},
        )
    elif order_state.problems:
        order_state.close_problem(problem_codes.MONEY_MISMATCH, _("The sums close now."))
    known = currencies_of(order_state.connection)
    if known and record.currency not in known:
        order_state.open_problem(
            problem_codes.UNKNOWN_CURRENCY,
            _("The order is in %(currency)s, which the store does not have: check its prices on the channel.")
            % {"currency": record.currency or "?"},
        )
    if order_state.order.is_history or order_state.is_ended:
        return
    _check_address(order_state, record, was_withheld=was_withheld)


def _check_address(order_state: OrderState, record: OrderRecord, *, was_withheld: bool) -> None:
    """An address that is not there, or that the channel keeps to itself: said once, so that a person can deal with it."""
    ship_to = record.ship_to
    if ship_to.line1 or ship_to.postcode or ship_to.city:
        if order_state.problems:
            order_state.close_problem(problem_codes.ADDRESS_MISSING, _("The address has come."))
            order_state.close_problem(problem_codes.ADDRESS_WITHHELD, _("The address has come."))
    elif not any(line.needs_stock for line in record.lines):
        return
    elif record.is_address_withheld:
        order_state.close_problem(
            problem_codes.ADDRESS_MISSING, _("The channel has the address and withholds it.")
        )
        if not was_withheld:
            order_state.open_problem(
                problem_codes.ADDRESS_WITHHELD,
                _(
                    "%(store)s does not show where it goes: read the address there, write it on the label, and put "
                    "this problem aside."
                )
                % {"store": order_state.connection.name},
            )
    else:
        order_state.close_problem(problem_codes.ADDRESS_WITHHELD, _("The channel has no address."))
        order_state.open_problem(
            problem_codes.ADDRESS_MISSING, _("The channel gives no address to ship to: ask for it there.")
        )


def record_refund(order_state: OrderState, record: OrderRecord, state: RemoteState) -> None:
    """Money that was given back so far, as the channel says; a change is an event of the order.

    While goods are still to be sent a person must decide what of them goes: once for each amount. What the status
    says of a full refund (cancelled, returned) is decided by the status alone.
    """
    order, new = order_state.order, record.refunded_total
    if new is None or new == (order.refunded_total or Decimal(0)):
        if new is not None:
            order.refunded_total = new
        return
    order.refunded_total = new
    name = order_state.connection.name
    amount = f"{new:.{digits(record.currency)}f} {record.currency}"
    order_state.close_problem(problem_codes.PARTLY_REFUNDED, _("The amount has changed."))
    if not order_state.is_new:
        order_state.add_event(
            "refund", _("Given back so far at %(store)s: %(amount)s") % {"store": name, "amount": amount}
        )
    is_open = any(
        line.needs_stock and line.quantity > line.shipped + line.cancelled for line in order_state.lines
    )
    if new > 0 and is_open and state in OPEN_FOR_SHIPPING and not (order_state.is_ended or order.is_history):
        order_state.open_problem(
            problem_codes.PARTLY_REFUNDED,
            _("%(store)s gave %(amount)s back: decide what is still sent, then put this problem aside.")
            % {"store": name, "amount": amount},
            key=amount,
        )


def currencies_of(store: Connection) -> set[str]:
    """Currencies that the store sells in, as far as the channel has told."""
    return {code for code in (store.currency, *store.account.get("currencies", ())) if code}


def _gap(record: OrderRecord) -> Decimal | None:
    """By how much the parts miss the total; None when they close within one minor unit."""
    goods = record.items_total + record.shipping_total - record.discount_total
    if not goods and not record.tax_total and not record.total:
        return None
    tolerance = Decimal(1).scaleb(-digits(record.currency))
    gaps = [goods + record.tax_total - record.total]
    if record.prices_include_tax:
        gaps.append(goods - record.total)
    gap = min(gaps, key=abs)
    return gap if abs(gap) > tolerance else None
