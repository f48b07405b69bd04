"""From an `OrderRecord` to the columns that the channel owns, and the problems that its document shows.

What people decide in Manifold has other columns.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from channels.contract.cleaning import dump_json
from channels.contract.records.orders import (
    AddressRecord,
    OrderLineRecord,
    OrderRecord,
    PaymentState,
    RemoteState,
)
from channels.models import Connection
from oms.kit.numbers import digits
from orders import problem_codes
from orders.domain import addresses
from orders.domain.buyer_keys import buyer_keys, key_hash
from orders.models import OrderSettings
from orders.unit_of_work.order_state import OrderState

MOST_LINES = 32_767  # positions of lines; the lines after it are shown in any order
_NO_ADDRESS = AddressRecord()
#: Meanings of a status with which goods may still be shipped.
OPEN_FOR_SHIPPING = frozenset(RemoteState) - {
    RemoteState.CANCELLED,
    RemoteState.RETURNED,
    RemoteState.IGNORED,
}


class UnreadableOrder(Exception):
    """A record cannot be imported as an order. The text is the reason, for the list of rejected records."""


def document_of(record: OrderRecord) -> tuple[str, bytes]:
    """Return the content hash of a record, and the channel's document as it is stored (zlib-compressed JSON).

    The hash is `OrderRecord.content_hash`; both are made in one pass.
    """
    native = record.native or asdict(record)
    text = dump_json(native).encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest(), zlib.compress(text, 1)


def _address(address: AddressRecord) -> dict[str, str]:
    """Return the parts of an address that are not empty."""
    if address is _NO_ADDRESS:
        return {}
    return {name: value for name in AddressRecord.__slots__ if (value := getattr(address, name))}


def order_columns(record: OrderRecord, state: RemoteState, digest: str) -> dict[str, Any]:
    """Return the columns of an order that the channel owns; texts are cut to the length of their column."""
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
        "stock_deducted": record.stock_deducted,
        "customer_name": record.customer_name[:200],
        "customer_email": record.customer_email[:254].lower(),
        "customer_phone": record.customer_phone[:60],
        "ship_to": _address(record.ship_to),
        "bill_to": _address(record.bill_to),
        "country": (record.ship_to.country or record.bill_to.country)[:2],
        "storefront": record.storefront[:120],
        "payment_method": record.payment_method[:200],
        "shipping_method": record.shipping_method[:200],
        "buyer_note": record.buyer_note,
        "gift_message": record.gift_message,
        "import_notes": "; ".join(record.notes),
    }


def buyer_hashes(record: OrderRecord) -> list[str]:
    """Return what identifies the buyer of a record, as blocked buyers are stored."""
    keys = buyer_keys(
        name=record.customer_name,
        email=record.customer_email,
        phone=record.customer_phone,
        ship_to={"postcode": record.ship_to.postcode, "line1": record.ship_to.line1},
    )
    return [key_hash(key) for key in keys]


def payment_of(record: OrderRecord, state: RemoteState) -> PaymentState:
    """Return whether an order is paid: as the record says it, else as its status does. What nobody says is unknown."""
    if record.payment != PaymentState.UNKNOWN:
        return record.payment
    if record.is_paid is not None:
        return PaymentState.PAID if record.is_paid else PaymentState.UNPAID
    return PaymentState.UNPAID if state == RemoteState.UNPAID else PaymentState.UNKNOWN


def awaits_payment(record: OrderRecord, state: RemoteState) -> bool:
    """Return whether an order must not be released before it is paid. Pay on delivery and on account await nothing."""
    if record.payment in (PaymentState.ON_DELIVERY, PaymentState.ON_ACCOUNT):
        return False
    return state == RemoteState.UNPAID if record.is_paid is None else not record.is_paid


def follow_payment(order_state: OrderState, record: OrderRecord, state: RemoteState) -> None:
    """Store the payment status of a stored order, with a timeline entry. Paid stays paid; unknown changes nothing."""
    order, payment = order_state.order, payment_of(record, state)
    if payment == order.payment_state or payment == PaymentState.UNKNOWN:
        return
    if order.payment_state == PaymentState.PAID:
        return  # a person may have entered it before the channel knows it
    old, order.payment_state = order.get_payment_state_display(), str(payment)
    if payment == PaymentState.PAID:
        order.paid_at = order.paid_at or record.changed_at
    if payment == PaymentState.ON_DELIVERY:
        order.is_paid = True
    if order.is_paid:  # otherwise the entry “Paid on …” follows
        order_state.add_news(
            "payment",
            _("Payment on %(store)s: %(old)s → %(new)s")
            % {
                "store": order_state.connection.name,
                "old": old,
                "new": order.get_payment_state_display(),
            },
        )


def line_columns(record: OrderLineRecord, position: int) -> dict[str, Any]:
    """Return the columns of a line that the channel owns, without quantity and variant: they follow other rules."""
    return {
        "position": min(position, MOST_LINES),
        "variant_external_id": record.variant_external_id[:255],
        "sku": record.sku[:255],
        "title": record.title[:300],
        "options": dict(record.options),
        "personalisation": record.personalisation,
        "needs_stock": record.needs_stock,
        "needs_parcel": record.needs_parcel,
        "refunded": max(record.refunded, 0),
        "unit_price": record.unit_price,
        "discount": record.discount,
        "tax": record.tax,
        "total": record.total,
    }


def lines_of(record: OrderRecord) -> list[tuple[str, OrderLineRecord]]:
    """Return the lines of a record with an id that is unique in the order; a repeated id gets a number.

    Raises `UnreadableOrder` for a quantity that is not a whole number of units.
    """
    seen: dict[str, int] = {}
    rows = []
    for line in record.lines:
        if line.quantity < 0 or line.quantity != int(line.quantity):
            raise UnreadableOrder(
                _("The line “%(title)s” has the quantity %(quantity)s. It must be a whole number.")
                % {"title": line.title, "quantity": line.quantity}
            )
        times = seen[line.external_id] = seen.get(line.external_id, 0) + 1
        rows.append((line.external_id[:110] + (f"#{times}" if times > 1 else ""), line))
    return rows


def ship_by(record: OrderRecord, settings: OrderSettings) -> Any:
    """Return the time by which an order must be shipped: the channel's, else by the store's setting (hours)."""
    return record.ship_by_at or record.placed_at + timedelta(hours=settings.ship_within_hours)


# ------------------------------------------------ problems that the document shows


def check_document(
    order_state: OrderState, record: OrderRecord, state: RemoteState, *, was_withheld: bool = False
) -> None:
    """Open and close the problems that the document of the channel shows: status, totals, currency, address.

    `was_withheld`: the channel did not show the address at the import before, either.
    """
    if state == RemoteState.UNKNOWN:
        order_state.open_problem(
            problem_codes.UNKNOWN_STATUS,
            _(
                "The status “%(name)s” (%(id)s) is not mapped. Choose its meaning in the status map of the store."
            )
            % {"name": record.status_name, "id": record.status_id},
            status_id=record.status_id,
        )
    elif order_state.problems or order_state.new_problems:
        order_state.close_problem(problem_codes.UNKNOWN_STATUS, _("The status was mapped."))
    if (gap := _gap(record)) is not None:
        order_state.open_problem(
            problem_codes.MONEY_MISMATCH,
            _(
                "The parts of the total differ from it by %(gap)s %(currency)s. Compare with the order on the channel."
            )
            % {"gap": gap, "currency": record.currency},
        )
    elif order_state.problems:
        order_state.close_problem(problem_codes.MONEY_MISMATCH, _("The totals add up now."))
    known = currencies_of(order_state.connection)
    if known and record.currency not in known:
        order_state.open_problem(
            problem_codes.UNKNOWN_CURRENCY,
            _(
                "The order is in %(currency)s, a currency that the store does not use. Check its prices on the channel."
            )
            % {"currency": record.currency or "?"},
        )
    elif order_state.problems:
        order_state.close_problem(problem_codes.UNKNOWN_CURRENCY, _("The store uses this currency now."))
    if order_state.order.is_history or order_state.is_ended:
        return
    _check_address(order_state, record, was_withheld=was_withheld)


def _check_address(order_state: OrderState, record: OrderRecord, *, was_withheld: bool) -> None:
    """Open or close the problems about the address; “withheld” and “not complete” only once, so that they can be dismissed."""
    ship_to = order_state.order.ship_to  # what staff corrected is not overwritten
    has_parcel = any(line.needs_stock and line.needs_parcel for line in record.lines)
    if ship_to.get("line1") or ship_to.get("postcode") or ship_to.get("city"):
        if order_state.problems:
            order_state.close_problem(problem_codes.ADDRESS_MISSING, _("The address was imported."))
            order_state.close_problem(problem_codes.ADDRESS_WITHHELD, _("The address was imported."))
        if has_parcel and not record.is_collected:
            addresses.check_parts(order_state)
    elif not has_parcel:
        for code in addresses.CODES:
            order_state.close_problem(code, _("The order has nothing to ship."))
    elif record.is_address_withheld:
        order_state.close_problem(
            problem_codes.ADDRESS_MISSING, _("The channel has the address but does not send it.")
        )
        if not was_withheld:
            order_state.open_problem(
                problem_codes.ADDRESS_WITHHELD,
                _(
                    "%(store)s does not send the address. Look it up in the store, write it on the label, then dismiss"
                    " this problem."
                )
                % {"store": order_state.connection.name},
            )
    else:
        order_state.close_problem(problem_codes.ADDRESS_WITHHELD, _("The channel has no address."))
        order_state.open_problem(
            problem_codes.ADDRESS_MISSING,
            _("The order has no address to ship to. Ask the buyer for it on the channel."),
        )


def record_refund(order_state: OrderState, record: OrderRecord, state: RemoteState) -> None:
    """Store the amount that was refunded so far; a change is added to the timeline.

    While goods are still to be shipped, a problem asks a person what to ship, once for each amount. Full refunds have
    a status of their own (cancelled, returned), which is handled by the status alone.
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
            "refund", _("Refunded so far on %(store)s: %(amount)s") % {"store": name, "amount": amount}
        )
    is_open = any(
        line.needs_stock and line.quantity > line.shipped + line.cancelled for line in order_state.lines
    )
    if new > 0 and is_open and state in OPEN_FOR_SHIPPING and not (order_state.is_ended or order.is_history):
        order_state.open_problem(
            problem_codes.PARTLY_REFUNDED,
            _(
                "%(store)s refunded %(amount)s. Cancel the units that are not shipped, or dismiss this problem to ship all."
            )
            % {"store": name, "amount": amount},
            key=amount,
        )


def currencies_of(store: Connection) -> set[str]:
    """Return the currencies of a store, as far as the channel lists them."""
    return {code for code in (store.currency, *store.account.get("currencies", ())) if code}


def _gap(record: OrderRecord) -> Decimal | None:
    """Return by how much the parts differ from the total; None when it is one minor unit of the currency or less."""
    goods = record.items_total + record.shipping_total - record.discount_total
    if not goods and not record.tax_total and not record.total:
        return None
    tolerance = Decimal(1).scaleb(-digits(record.currency))
    gaps = [goods + record.tax_total - record.total]
    if record.prices_include_tax:
        gaps.append(goods - record.total)
    gap = min(gaps, key=abs)
    return gap if abs(gap) > tolerance else None
