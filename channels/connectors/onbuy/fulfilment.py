"""Telling OnBuy about an order: dispatched wholly or in part, cancelled. OnBuy has no ready-to-ship (`onbuy.md` §8).

HTTP 200 does not mean that it was done: a message beside the order's number is a refusal, and an order that is not
answered at all is looked at. Cancelling is confirmed by reading the order.
"""

from __future__ import annotations

from typing import Any, cast

from channels.connectors.onbuy import drafts, mapping, payloads
from channels.connectors.onbuy.answers import words_of_order
from channels.connectors.onbuy.client import OnBuyClient
from channels.contract.errors import NotSupported, Rejected, Uncertain
from channels.contract.records.orders import FulfilmentEvent, RemoteState
from channels.contract.records.updates import Outcome, ShipmentUpdate

E = FulfilmentEvent
_GONE = (RemoteState.SHIPPED, RemoteState.COMPLETED, RemoteState.RETURNED)


def tell(client: OnBuyClient, update: ShipmentUpdate, *, at_manifest: bool) -> Outcome:
    """Tell one event. `at_manifest`: the store dispatches on OnBuy at the manifest, not when it is ready to ship."""
    if update.event == E.CANCELLED:
        return _cancel(client, update)
    if update.event not in (E.READY_TO_SHIP, E.SHIPPED, E.TRACKING):
        raise NotSupported("OnBuy has no status for delivered or completed orders that could be set.")
    is_early = update.event == E.READY_TO_SHIP or (update.event == E.TRACKING and update.shipped_at is None)
    if at_manifest and is_early:
        return Outcome(
            update.ref, note="It is dispatched on OnBuy at the manifest, as the store’s settings say."
        )
    body = drafts.dispatch(update)
    if products := body["orders"][0].get("products"):
        row = _order(client, update.order_external_id)
        if row is None:
            raise Rejected("OnBuy does not know this order.", code="no_such_order")
        if update.event == E.TRACKING and mapping.status_of(row)[1] not in _GONE:
            return _number_of_a_part(row, update)
        _name_skus(row, products)
    words = words_of_order(
        client.put("/orders/dispatch", body, is_repeatable=False), update.order_external_id
    )
    if words == "":
        return Outcome(update.ref)
    if (done := look_up(client, update)) is not None:
        return done
    if words is None:
        raise Uncertain("OnBuy did not say what became of the dispatch; the order is looked at again.")
    if update.event == E.TRACKING:
        raise Rejected(
            f"OnBuy does not take this tracking number any more ({words}): enter it in the seller panel."
        )
    raise Rejected(f"OnBuy refused the dispatch: {words}")


def look_up(client: OnBuyClient, update: ShipmentUpdate) -> Outcome | None:
    """Whether the order stands already where the event would bring it."""
    row = _order(client, update.order_external_id)
    return None if row is None else _stands(row, update)


def _stands(row: payloads.Order, update: ShipmentUpdate) -> Outcome | None:
    slug, state = mapping.status_of(row)
    if update.event == E.CANCELLED:
        return Outcome(update.ref) if slug.startswith(("cancelled", "refunded")) else None
    lines = {mapping.text(line["onbuy_internal_reference"]): line for line in row["products"]}
    wanted = update.tracking_number
    if update.event == E.TRACKING or (wanted and not update.is_whole_order):
        names = [mapping.text((line.get("tracking") or {}).get("tracking_number")) for line in lines.values()]
        names.append(mapping.text((row.get("tracking") or {}).get("tracking_number")))
        return Outcome(update.ref) if wanted and wanted in names else None
    if state in _GONE:
        return Outcome(update.ref, note="The order was dispatched on OnBuy already.")
    if update.is_whole_order or not update.lines:
        return None
    sent = all(
        mapping.number(lines[line].get("quantity_dispatched") or 0) >= units
        for line, units in update.lines.items()
        if line in lines
    )
    return Outcome(update.ref) if sent else None


def _number_of_a_part(row: payloads.Order, update: ShipmentUpdate) -> Outcome:
    """A number for units that OnBuy was told of: to name them again would dispatch as many once more."""
    if (done := _stands(row, update)) is not None:
        return done
    raise Rejected(
        "OnBuy takes no tracking number for a part that it was told of before: enter it in the seller panel."
    )


def _cancel(client: OnBuyClient, update: ShipmentUpdate) -> Outcome:
    words = words_of_order(
        client.put("/orders/cancel", drafts.cancel(update), is_repeatable=False), update.order_external_id
    )
    done = look_up(client, update)
    if done is not None:
        return done
    if words:
        raise Rejected(f"OnBuy refused to cancel the order: {words}")
    raise Uncertain("OnBuy took the cancellation and does not show it yet; the order is looked at again.")


def _order(client: OnBuyClient, order_id: str) -> payloads.Order | None:
    try:
        found = client.get(f"/orders/{order_id}").get("results")
    except Rejected as error:
        if error.code == "404":
            return None
        raise
    return cast(payloads.Order, found) if isinstance(found, dict) else None


def _name_skus(row: payloads.Order, products: list[dict[str, Any]]) -> None:
    """Lines are named by SKU, as OnBuy documents it, unless one SKU stands on two lines."""
    skus = {
        mapping.text(line["onbuy_internal_reference"]): mapping.opaque(line["sku"])
        for line in row["products"]
    }
    for product in products:
        sku = skus.get(str(product["onbuy_internal_reference"]), "")
        if sku and list(skus.values()).count(sku) == 1:
            del product["onbuy_internal_reference"]
            product["sku"] = sku
