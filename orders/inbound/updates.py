"""Apply the channel's status to a stored order. The order moves forward, is cancelled or is reopened, never back.

Facts are recorded whatever holds or problems the order has. A status that Manifold itself has set on the channel
changes nothing when it is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from channels.contract.records.orders import FulfilmentEvent, RemoteState, ShipmentRecord
from channels.models import OutboxMessage
from orders import problem_codes
from orders.choices import CancelParty, OrderStatus
from orders.domain import shipments as domain_shipments
from orders.domain.allocation import release_stock
from orders.domain.carriers import carrier_key
from orders.domain.handovers import at_work
from orders.domain.lifecycle import end_as_cancelled
from orders.inbound.partial_shipments import apply_partial_shipments, close_as_shipped
from orders.inbound.reopening import PAID_ON_CHANNEL, reopen_if_live
from orders.models import Carrier
from orders.unit_of_work.announcements import is_entered_by_hand
from orders.unit_of_work.order_state import OrderState, is_before_packing
from orders.unit_of_work.unit_of_work import UnitOfWork

#: Meanings of a status with which an order has ended on the channel.
CLOSED_ON_CHANNEL = frozenset(
    {
        RemoteState.SHIPPED,
        RemoteState.DELIVERED,
        RemoteState.COMPLETED,
        RemoteState.CANCELLED,
        RemoteState.RETURNED,
    }
)

#: Problems that a status of the channel causes, and the meanings that cause it. With another meaning they end.
CAUSES = {
    problem_codes.LATE_CANCEL: frozenset({RemoteState.CANCELLED}),
    problem_codes.REFUNDED_ON_CHANNEL: frozenset({RemoteState.RETURNED}),
}


def apply_status(
    unit: UnitOfWork,
    order_state: OrderState,
    state: RemoteState,
    *,
    is_paid: bool | None = None,
    shipments: Sequence[ShipmentRecord] = (),
    carriers: dict[str, Carrier] | None = None,
    known_shipments: set[int] | None = None,
    changed_at: datetime | None = None,
) -> None:
    """Apply a status of the channel, and the shipments that it lists, to a stored order.

    `is_paid` None: the record does not say it. `known_shipments`: see `partial_shipments.apply_partial_shipments`.
    `changed_at` is the time of the change on the channel.
    """
    order, name = order_state.order, order_state.connection.name
    at = changed_at or unit.now
    if order.cancelled_at and not reopen_if_live(unit, order_state, state):
        return
    close_problems_without_cause(order_state, state)
    if state != RemoteState.UNKNOWN:
        apply_partial_shipments(unit, order_state, shipments, carriers or {}, known_shipments or set(), at)
    if state == RemoteState.CANCELLED:
        _cancelled_on_channel(unit, order_state, at)
        return
    if state == RemoteState.RETURNED:
        if not order.is_history and not order.returned_at:
            order_state.is_return_reported = any(line.shipped > line.returned for line in order_state.lines)
            order_state.open_problem(
                problem_codes.REFUNDED_ON_CHANNEL,
                _(
                    "The status on %(store)s is “%(status)s”. Handle it as a return. Its stock was not changed."
                )
                % {"store": name, "status": order.remote_status_name},
            )
        return
    if order.completed_at or order.returned_at:
        return
    if state in PAID_ON_CHANNEL:
        if order_state.is_draft:
            order.approved_at = at
            order_state.pending_events.append(("approve", _("Approved on %(store)s") % {"store": name}))
        if not order.is_paid and is_paid is not False:
            order.is_paid, order.paid_at = True, order.paid_at or at
            order_state.pending_events.append(("mark_paid", _("Paid on %(store)s") % {"store": name}))
    if state in (RemoteState.SHIPPED, RemoteState.DELIVERED, RemoteState.COMPLETED):
        write_pending_events(order_state)
        _shipped_on_channel(unit, order_state, shipments, carriers or {}, at, state)
        order.dispatch_to_do = False  # a person has entered it on the channel
        if order.is_part_released and order.shipped_at is None:
            return
    if state == RemoteState.DELIVERED and not order.delivered_at:
        domain_shipments.record_delivery(order_state, at)
        order_state.add_event("mark_delivered", _("Delivered, reported by %(store)s") % {"store": name})
    if state == RemoteState.COMPLETED:
        order.completed_at, order.delivery_to_do = at, False
        order_state.add_event("complete", _("Completed on %(store)s") % {"store": name})


def close_problems_without_cause(order_state: OrderState, state: RemoteState) -> None:
    """Close the problems that an earlier status of the channel caused. A status that is not mapped says nothing."""
    if state in (RemoteState.UNKNOWN, RemoteState.IGNORED):
        return
    for code, causes in CAUSES.items():
        if state not in causes:
            order_state.close_problem(
                code,
                _("The status on %(store)s is “%(status)s” now.")
                % {
                    "store": order_state.connection.name,
                    "status": order_state.order.remote_status_name,
                },
            )


def write_pending_events(order_state: OrderState) -> None:
    """Add the pending entries to the timeline."""
    for kind, text in order_state.pending_events:
        order_state.add_event(kind, text)
    order_state.pending_events.clear()


def _cancelled_on_channel(unit: UnitOfWork, order_state: OrderState, at: datetime) -> None:
    """Cancel an order that the channel has cancelled. After packing, open a problem: a person decides (R-ORD-11)."""
    order, name = order_state.order, order_state.connection.name
    if order.returned_at or order.is_history:
        return
    in_process = order_state.status in (OrderStatus.CANCEL_IN_PROCESS, OrderStatus.SELLER_CANCEL_IN_PROCESS)
    if in_process or is_before_packing(order_state) or at_work(order_state):
        if not order.cancel_asked_by:
            order.cancel_asked_by, order.cancel_asked_at = CancelParty.BUYER, at
        end_as_cancelled(order_state, unit)
        if any(line.shipped for line in order_state.lines):
            order_state.open_problem(
                problem_codes.LATE_CANCEL,
                _("%(store)s cancelled the order after a part was shipped. Handle that part as a return.")
                % {"store": name},
            )
        order_state.add_event("cancel", _("Cancelled on %(store)s") % {"store": name})
        return
    order_state.open_problem(
        problem_codes.LATE_CANCEL,
        _("%(store)s cancelled the order after it was packed. Undo packing, or handle it as a return.")
        % {"store": name},
    )


def _is_echo(unit: UnitOfWork, order_state: OrderState, state: RemoteState) -> bool:
    """Return whether “shipped” on the channel is only the “ready to ship” that Manifold has sent.

    Some channels set the status “shipped” when they are sent “ready to ship”. Such an order stays ready to ship until
    its manifest. A message that was tried and has not failed counts, because its answer may be lost; so does what a
    person enters on a channel that refuses the message.
    """
    spec = order_state.connection.spec
    native = spec.events.get(FulfilmentEvent.READY_TO_SHIP, "")
    if spec.statuses.get(native) != RemoteState.SHIPPED:
        return False
    # Such a channel has one shipment: what it says is about the part that it was sent, the rest has not left.
    if state != RemoteState.SHIPPED and not order_state.order.is_part_released:
        return False
    is_by_hand = order_state.order.dispatch_to_do or is_entered_by_hand(
        order_state.connection, FulfilmentEvent.READY_TO_SHIP
    )
    if is_by_hand and order_state.status == OrderStatus.READY_TO_SHIP:
        return True
    if unit.announced_ready is None:  # one query for all orders of the unit of work
        topics = [str(FulfilmentEvent.READY_TO_SHIP), str(FulfilmentEvent.TRACKING)]
        ids = [each.order.pk for each in unit.order_states if each.order.pk and each.order.shipped_at is None]
        tried = OutboxMessage.objects.filter(
            group__in=ids, topic__in=topics, parked_at=None, skipped_at=None
        ).filter(Q(sent__gt=0) | Q(attempts__gt=0))
        unit.announced_ready = set(tried.values_list("group", flat=True))
    return order_state.order.pk in unit.announced_ready


def _shipped_on_channel(
    unit: UnitOfWork,
    order_state: OrderState,
    shipments: Sequence[ShipmentRecord],
    carriers: dict[str, Carrier],
    at: datetime,
    state: RemoteState,
) -> None:
    """Record that the channel shipped the order without Manifold: its units leave the stock, too (R-ORD-16)."""
    order = order_state.order
    if order.shipped_at or order.is_history or _is_echo(unit, order_state, state):
        return
    last = shipments[-1] if shipments else ShipmentRecord("")
    short = domain_shipments.record_channel_shipment(
        order_state,
        unit.stock(),
        at,
        carrier=carriers.get(carrier_key(last.carrier)),
        tracking_number=last.tracking_number,
        external_id=last.external_id,
    )
    if order.shipped_at is None:
        order.shipped_at = at
    close_as_shipped(order_state, unit.now)
    if short:
        order_state.open_problem(
            problem_codes.SHIPPED_SHORT,
            _("%(store)s shipped %(units)d units more than were in stock in Manifold. Count the stock.")
            % {"store": order_state.connection.name, "units": short},
            units=short,
        )
    order_state.add_event(
        "ship", _("Shipped on %(store)s, outside Manifold") % {"store": order_state.connection.name}
    )


def import_as_history(
    unit: UnitOfWork | None, order_state: OrderState, state: RemoteState, at: datetime
) -> None:
    """Make an order history, because it had ended before its first import. Its stock is not changed (R-ORD-16)."""
    order = order_state.order
    if unit is not None and any(line.allocated for line in order_state.lines):
        release_stock(order_state, unit.stock(), unit.now)
    order.is_history = True
    order_state.end_holds(at)
    is_cancelled = state == RemoteState.CANCELLED
    for line in order_state.lines:
        left = line.quantity - line.shipped - line.cancelled
        if is_cancelled:
            line.cancelled += left
            line.cancelled_with_order = left
        else:
            line.shipped += left
    if is_cancelled:
        order.cancel_asked_by, order.cancel_asked_at, order.cancelled_at = CancelParty.BUYER, at, at
        return
    order.shipped_at = at
    if state == RemoteState.DELIVERED:
        order.delivered_at = at
    elif state == RemoteState.COMPLETED:
        order.completed_at = at
    elif state == RemoteState.RETURNED:
        order.returned_at = at
