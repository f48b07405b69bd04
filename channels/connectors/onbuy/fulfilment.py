"""Send fulfilment events: dispatch of an order or a part of it, cancellation. OnBuy has no ready-to-ship (`onbuy.md` §8).

HTTP 200 does not mean that it was done: a message for the order is a refusal, and an order without an answer is read
again. A cancellation is confirmed by reading the order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from channels.connectors.onbuy import payloads
from channels.connectors.onbuy.carriers import tracking
from channels.connectors.onbuy.client import OnBuyClient, order_error_text
from channels.connectors.onbuy.orders import status_of
from channels.connectors.onbuy.payloads import number, opaque, text
from channels.connectors.onbuy.statuses import OTHER_REASON, reason_id
from channels.contract.errors import NotSupported, Rejected, Uncertain
from channels.contract.records.orders import FulfilmentEvent, RemoteState
from channels.contract.records.updates import Outcome, ShipmentUpdate
from channels.contract.translation import gettext as _

E = FulfilmentEvent
_DISPATCHED = (RemoteState.SHIPPED, RemoteState.COMPLETED, RemoteState.RETURNED)


def push(client: OnBuyClient, update: ShipmentUpdate) -> Outcome:
    """Send one event. What a store's settings hold back (`ChannelSpec.held_back`) does not come here.

    Raise `Rejected` with OnBuy's reason, `Uncertain` when it did not answer for the order.
    """
    if update.event == E.CANCELLED:
        return _cancel(client, update)
    if update.event not in (E.READY_TO_SHIP, E.SHIPPED, E.TRACKING):
        raise NotSupported(_("OnBuy has no status for delivered or completed orders that could be set."))
    body = dispatch(update)
    if products := body["orders"][0].get("products"):
        row = _order(client, update.order_external_id)
        if row is None:
            raise Rejected(_("OnBuy has no such order."), code="no_such_order")
        if update.event == E.TRACKING and status_of(row)[1] not in _DISPATCHED:
            return _tracking_of_a_part(row, update)
        _name_skus(row, products)
    words = order_error_text(
        client.put("/orders/dispatch", body, is_repeatable=False), update.order_external_id
    )
    if words == "":
        return Outcome(update.ref)
    if (done := look_up(client, update)) is not None:
        return done
    if words is None:
        raise Uncertain(
            _("OnBuy did not answer whether the order was dispatched; Manifold checks the order again.")
        )
    if update.event == E.TRACKING:
        raise Rejected(
            _("OnBuy did not accept the tracking number (%s). Enter it in the seller panel.") % words
        )
    raise Rejected(_("OnBuy refused the dispatch: %s") % words)


def look_up(client: OnBuyClient, update: ShipmentUpdate) -> Outcome | None:
    """Return an outcome when the order already has the status of the event; else None."""
    row = _order(client, update.order_external_id)
    return None if row is None else _outcome_of(row, update)


def _outcome_of(row: payloads.Order, update: ShipmentUpdate) -> Outcome | None:
    slug, state = status_of(row)
    if update.event == E.CANCELLED:
        return Outcome(update.ref) if slug.startswith(("cancelled", "refunded")) else None
    lines = {text(line["onbuy_internal_reference"]): line for line in row["products"]}
    wanted = update.tracking_number
    if update.event == E.TRACKING or (wanted and not update.is_whole_order):
        names = [text((line.get("tracking") or {}).get("tracking_number")) for line in lines.values()]
        names.append(text((row.get("tracking") or {}).get("tracking_number")))
        return Outcome(update.ref) if wanted and wanted in names else None
    if state in _DISPATCHED:
        return Outcome(update.ref, note=_("The order was dispatched on OnBuy already."), is_written=False)
    if update.is_whole_order or not update.lines:
        return None
    sent = all(
        number(lines[line].get("quantity_dispatched") or 0) >= units
        for line, units in update.lines.items()
        if line in lines
    )
    return Outcome(update.ref) if sent else None


def _tracking_of_a_part(row: payloads.Order, update: ShipmentUpdate) -> Outcome:
    """Return the outcome of a tracking number for units that were dispatched before.

    Raise `Rejected` when OnBuy does not have the number: sending it would dispatch as many units again.
    """
    if (done := _outcome_of(row, update)) is not None:
        return replace(done, note=done.note or _("OnBuy has the number already."), is_written=False)
    raise Rejected(
        _(
            "OnBuy accepts no tracking number for a part that was dispatched before. Enter it in the seller panel."
        )
    )


def _cancel(client: OnBuyClient, update: ShipmentUpdate) -> Outcome:
    words = order_error_text(
        client.put("/orders/cancel", cancel(update), is_repeatable=False), update.order_external_id
    )
    done = look_up(client, update)
    if done is not None:
        return done
    if words:
        raise Rejected(_("OnBuy refused to cancel the order: %s") % words)
    raise Uncertain(
        _("OnBuy accepted the cancellation and does not show it yet; Manifold checks the order again.")
    )


def _order(client: OnBuyClient, order_id: str) -> payloads.Order | None:
    try:
        found = client.get(f"/orders/{order_id}").get("results")
    except Rejected as error:
        if error.code == "404":
            return None
        raise
    return cast(payloads.Order, found) if isinstance(found, dict) else None


def _name_skus(row: payloads.Order, products: list[dict[str, Any]]) -> None:
    """Name lines by SKU, as OnBuy documents, unless two lines have the same SKU."""
    skus = {text(line["onbuy_internal_reference"]): opaque(line["sku"]) for line in row["products"]}
    for product in products:
        sku = skus.get(str(product["onbuy_internal_reference"]), "")
        if sku and list(skus.values()).count(sku) == 1:
            del product["onbuy_internal_reference"]
            product["sku"] = sku


def dispatch(update: ShipmentUpdate) -> dict[str, Any]:
    """Return the body that dispatches the whole order, or the units of this shipment, by OnBuy's number of the line."""
    row: dict[str, Any] = {"order_id": update.order_external_id, **tracking(update)}
    if not update.is_whole_order and update.lines:
        row["products"] = [
            {"onbuy_internal_reference": int(line), "quantity": units} for line, units in update.lines.items()
        ]
    return {"orders": [row]}


def cancel(update: ShipmentUpdate) -> dict[str, Any]:
    """Return the body that cancels an order, with OnBuy's number of the reason."""
    reason = reason_id(update.reason)
    row: dict[str, Any] = {"order_id": update.order_external_id, "order_cancellation_reason_id": reason}
    if update.reason or reason == OTHER_REASON:
        row["cancel_order_additional_info"] = update.reason or "Cancelled by the seller"
    return {"orders": [row]}
