"""Telling OnBuy about an order: dispatched wholly or in part, cancelled. OnBuy has no ready-to-ship (`onbuy.md` §8).

HTTP 200 does not mean that it was done: a message beside the order's number is a refusal. Cancelling is confirmed by
reading the order.
"""

from __future__ import annotations

from typing import Any

from channels.errors import NotSupported, Rejected, Uncertain
from channels.onbuy import drafts, mapping
from channels.onbuy.client import OnBuyClient
from channels.onbuy.statuses import slug_of
from channels.records import FulfilmentEvent, Outcome, ShipmentUpdate

E = FulfilmentEvent
_GONE = ("dispatched", "complete")


def tell(client: OnBuyClient, update: ShipmentUpdate, *, at_manifest: bool) -> Outcome:
    """Tell one event. `at_manifest`: the store dispatches on OnBuy at the manifest, not when it is ready to ship."""
    if update.event == E.CANCELLED:
        return _cancel(client, update)
    if update.event not in (E.READY_TO_SHIP, E.SHIPPED, E.TRACKING):
        raise NotSupported("OnBuy has no status for delivered or completed orders that could be set.")
    if at_manifest and update.event == E.READY_TO_SHIP:
        return Outcome(
            update.ref, note="It is dispatched on OnBuy at the manifest, as the store’s settings say."
        )
    body = drafts.dispatch(update)
    products = body["orders"][0].get("products")
    if products:
        _name_skus(client, update, products)
    words = _refusal(client.put("/orders/dispatch", body, is_repeatable=False), update.order_external_id)
    if words is None:
        return Outcome(update.ref)
    if (done := look_up(client, update)) is not None:
        return done
    if update.event == E.TRACKING:
        raise Rejected(
            f"OnBuy does not take this tracking number any more ({words}): enter it in the seller panel."
        )
    raise Rejected(f"OnBuy refused the dispatch: {words}")


def look_up(client: OnBuyClient, update: ShipmentUpdate) -> Outcome | None:
    """Whether the order stands already where the event would bring it."""
    row = _order(client, update.order_external_id)
    if row is None:
        return None
    slug = slug_of(row["status"])
    if update.event == E.CANCELLED:
        return Outcome(update.ref) if slug.startswith(("cancelled", "refunded")) else None
    lines = {mapping.text(line["onbuy_internal_reference"]): line for line in row["products"]}
    wanted = update.tracking_number
    if update.event == E.TRACKING or (wanted and not update.is_whole_order):
        names = [mapping.text((line.get("tracking") or {}).get("tracking_number")) for line in lines.values()]
        names.append(mapping.text((row.get("tracking") or {}).get("tracking_number")))
        return Outcome(update.ref) if wanted and wanted in names else None
    if slug in _GONE:
        return Outcome(update.ref, note="The order was dispatched on OnBuy already.")
    if update.is_whole_order or not update.lines:
        return None
    sent = all(
        mapping.number(lines[line].get("quantity_dispatched") or 0) >= units
        for line, units in update.lines.items()
        if line in lines
    )
    return Outcome(update.ref) if sent else None


def _cancel(client: OnBuyClient, update: ShipmentUpdate) -> Outcome:
    words = _refusal(
        client.put("/orders/cancel", drafts.cancel(update), is_repeatable=False), update.order_external_id
    )
    done = look_up(client, update)
    if done is not None:
        return done
    if words is not None:
        raise Rejected(f"OnBuy refused to cancel the order: {words}")
    raise Uncertain("OnBuy took the cancellation and does not show it yet; the order is looked at again.")


def _refusal(answer: Any, order_id: str) -> str | None:
    """OnBuy's words for this order, or None when it was done."""
    results = answer.get("results") if isinstance(answer, dict) else None
    if results is None and isinstance(answer, dict):
        results = answer.get("result")
    row: Any = None
    if isinstance(results, dict):
        row = results.get(order_id)
    elif isinstance(results, list):
        row = next((each for each in results if str(each.get("order_id", order_id)) == order_id), None)
    if not isinstance(row, dict):
        return None
    words = str(row.get("message") or row.get("error") or "")
    if row.get("success") is True:
        return None
    return words or ("it gave no reason" if row.get("success") is False else None)


def _order(client: OnBuyClient, order_id: str) -> dict[str, Any] | None:
    try:
        found = client.get(f"/orders/{order_id}").get("results")
    except Rejected as error:
        if error.code == "404":
            return None
        raise
    return found if isinstance(found, dict) else None


def _name_skus(client: OnBuyClient, update: ShipmentUpdate, products: list[dict[str, Any]]) -> None:
    """Lines are named by SKU, as OnBuy documents it, unless one SKU stands on two lines."""
    row = _order(client, update.order_external_id)
    if row is None:
        raise Rejected("OnBuy does not know this order.", code="no_such_order")
    skus = {
        mapping.text(line["onbuy_internal_reference"]): mapping.text(line["sku"]) for line in row["products"]
    }
    for product in products:
        sku = skus.get(str(product["onbuy_internal_reference"]), "")
        if sku and list(skus.values()).count(sku) == 1:
            del product["onbuy_internal_reference"]
            product["sku"] = sku
