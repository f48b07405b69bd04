"""Send fulfilment events to the shop, where the order's status in the shop allows it (`opencart.md` §4.1, §7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from channels.connectors.opencart.client import OpenCartClient, item_error
from channels.connectors.opencart.listing_bodies import reference
from channels.connectors.opencart.orders import order_row
from channels.connectors.opencart.statuses import EVENTS
from channels.contract.errors import NotSupported, Rejected, TemporaryError
from channels.contract.records.orders import FulfilmentEvent, RemoteState, StatusRecord
from channels.contract.records.updates import Outcome, ShipmentUpdate
from channels.contract.translation import gettext as _

_EARLY = frozenset({RemoteState.UNPAID, RemoteState.DRAFT, RemoteState.NEW, RemoteState.READY})
_SHIPPED = frozenset({RemoteState.SHIPPED, RemoteState.DELIVERED})
_DONE = frozenset({RemoteState.COMPLETED})

#: The statuses that an order may have in the shop for an event to be sent.
BEFORE: Mapping[FulfilmentEvent, frozenset[RemoteState]] = {
    FulfilmentEvent.READY_TO_SHIP: _EARLY,
    FulfilmentEvent.SHIPPED: _EARLY,
    FulfilmentEvent.COMPLETED: _EARLY | _SHIPPED,
    FulfilmentEvent.CANCELLED: _EARLY,
}
#: The statuses in which an event is true already: nothing is sent, and the event counts as done.
ALREADY: Mapping[FulfilmentEvent, frozenset[RemoteState]] = {
    FulfilmentEvent.READY_TO_SHIP: _SHIPPED | _DONE,
    FulfilmentEvent.SHIPPED: _SHIPPED | _DONE,
    FulfilmentEvent.COMPLETED: _DONE,
    FulfilmentEvent.CANCELLED: frozenset({RemoteState.CANCELLED}),
}
#: Comments in the order's history, which the buyer reads.
COMMENTS = {
    FulfilmentEvent.READY_TO_SHIP: "Ready to ship",
    FulfilmentEvent.TRACKING: "Tracking",
    FulfilmentEvent.SHIPPED: "Shipped",
    FulfilmentEvent.COMPLETED: "Completed",
    FulfilmentEvent.CANCELLED: "Cancelled by the seller",
}


@dataclass(frozen=True, slots=True)
class ShopStatuses:
    """The statuses of a shop and their meanings; the store's status map is used before OpenCart's defaults."""

    records: Sequence[StatusRecord]
    states: Mapping[str, RemoteState]

    def name_of(self, status_id: str) -> str:
        """Return the name that the shop has given to a status, else its id."""
        return next((record.name for record in self.records if record.external_id == status_id), status_id)


def push(
    client: OpenCartClient,
    update: ShipmentUpdate,
    read_statuses: Callable[[], ShopStatuses],
    *,
    may_cancel: bool,
    notify: bool,
) -> Outcome:
    """Write one event into an order's history.

    `read_statuses` is called only when something is written. `may_cancel`: the store allows cancellations to be sent;
    `notify`: the shop sends its customer an e-mail. Raise `Rejected` for a status that the shop does not have or that would
    return units to its stock, `NotSupported` for an event that OpenCart does not have.
    """
    if update.event == FulfilmentEvent.CANCELLED and not may_cancel:
        raise NotSupported(_("Cancelling in OpenCart is off in this store's settings."))
    if update.event == FulfilmentEvent.TRACKING:
        statuses = read_statuses()
        status_id = str(order_row(client, update.order_external_id)["status"]["id"])
        expected = [status_id]  # a comment under the present status
    elif update.event in BEFORE:
        statuses = read_statuses()
        status_id = update.native_status or EVENTS[update.event]
        expected = expected_ids(update.event, statuses.records, statuses.states)
    else:
        raise NotSupported(_("OpenCart has no status for delivered orders."))
    check_target(update.event, status_id, statuses.records)
    item = history_item(update, status_id=status_id, expected=expected, notify=notify)
    [result] = client.post("order_history", {"items": [item]}, repeatable=False).data
    return _outcome(update, result, status_id, statuses)


def look_up(client: OpenCartClient, update: ShipmentUpdate) -> Outcome | None:
    """Return the outcome of an earlier call with this reference, from the order's history; None when there is none."""
    try:
        history = order_row(client, update.order_external_id)["history"]
    except Rejected as error:
        if error.code == "no_such_order":
            return None
        raise
    ref = reference(update.ref)
    for entry in history:
        if entry["ref"] == ref:
            return Outcome(update.ref, external_id=str(entry["order_history_id"]))
    return None


def _outcome(
    update: ShipmentUpdate, result: Mapping[str, Any], asked: str, statuses: ShopStatuses
) -> Outcome:
    if result["ok"]:
        note = _status_note(result, asked, statuses)
        return Outcome(update.ref, external_id=str(result["order_history_id"]), note=note)
    error = result["error"]
    if error["code"] != "status_conflict":
        return Outcome(update.ref, item_error(error))
    if "status_id" not in error:
        busy = TemporaryError(_("The order is being changed in the shop at this moment."))
        return Outcome(update.ref, busy)
    current = str(error["status_id"])
    name = statuses.name_of(current)
    if is_already_true(update.event, current, statuses.states):
        note = _("The order already has the status “%s” in the shop; nothing was written.") % name
        return Outcome(update.ref, note=note, is_written=False)
    sentence = _("The order has the status “%s” in the shop, so it was not changed.") % name
    return Outcome(update.ref, Rejected(sentence, code="status_conflict"))


def _status_note(result: Mapping[str, Any], asked: str, statuses: ShopStatuses) -> str:
    """Return a note for the seller about a status that was stored; "" for none."""
    stored = str(result["status_id"])
    if stored != asked and not result.get("duplicate"):
        words = _("Another extension of the shop gave the order the status “%s” instead.")
        return words % statuses.name_of(stored)
    return _("The status is set. The shop could not send its e-mail.") if result.get("mail_failed") else ""


def check_target(event: FulfilmentEvent, status_id: str, statuses: Sequence[StatusRecord]) -> None:
    """Raise `Rejected` for a status that the shop does not have, or that would return the order's units to its stock.

    OpenCart returns stock when an order leaves the processing and complete lists; only a cancellation may do so.
    """
    known = {record.external_id: record for record in statuses}
    if status_id not in known:
        words = _("The shop has no order status with the ID %s. Correct the store's status map.")
        raise Rejected(words % status_id)
    if event != FulfilmentEvent.CANCELLED and not known[status_id].holds_stock:
        words = _(
            "“%s” is not among the shop's processing or complete statuses: "
            "OpenCart would return the order's units to its stock, so the status is not sent."
        )
        raise Rejected(words % known[status_id].name)


def expected_ids(
    event: FulfilmentEvent, statuses: Sequence[StatusRecord], states: Mapping[str, RemoteState]
) -> list[str]:
    """Return the status ids of this shop from which the event may be sent."""
    return [
        record.external_id
        for record in statuses
        if states.get(record.external_id, RemoteState.UNKNOWN) in BEFORE[event]
    ]


def is_already_true(event: FulfilmentEvent, status_id: str, states: Mapping[str, RemoteState]) -> bool:
    """Return whether the order already has the status of the event, or a later one."""
    return states.get(status_id, RemoteState.UNKNOWN) in ALREADY.get(event, frozenset())


def history_item(
    update: ShipmentUpdate, *, status_id: str, expected: Sequence[str], notify: bool
) -> dict[str, Any]:
    """Return one item of `order_history`: the status, a comment with carrier and tracking, and the statuses before it."""
    item: dict[str, Any] = {
        "ref": reference(update.ref),
        "order_id": int(update.order_external_id),
        "order_status_id": int(status_id),
        "comment": update.reason or COMMENTS.get(update.event, ""),
        "notify": notify,
        "expect_status_ids": [int(expected_id) for expected_id in expected],
    }
    if update.tracking_number or update.tracking_url or update.carrier_name:
        item["tracking"] = {
            "carrier": update.carrier_name,
            "number": update.tracking_number,
            "url": update.tracking_url if update.tracking_url.startswith(("https://", "http://")) else "",
        }
    return item
