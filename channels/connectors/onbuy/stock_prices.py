"""Send stock and prices: up to 1,000 SKUs in one call, with an answer for each (`onbuy.md` §7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from channels.connectors.onbuy.channel import BATCH
from channels.connectors.onbuy.client import OnBuyClient, answers_of, error_of
from channels.connectors.onbuy.listing_bodies import amount, sale, sku_of
from channels.connectors.onbuy.payloads import CURRENCY
from channels.contract.batches import Item, ItemBatch
from channels.contract.errors import Rejected
from channels.contract.records.updates import Outcome, PriceUpdate, StockUpdate
from channels.contract.translation import gettext as _

U = TypeVar("U", StockUpdate, PriceUpdate)


def push_stock(client: OnBuyClient, updates: Sequence[StockUpdate], now: datetime) -> Sequence[Outcome]:
    """Send stock, with the price that an update has. Stock is sent without the price when OnBuy refuses the price.

    `now` is the present time in the time zone of OnBuy's sale dates.
    """
    try:
        answers = _by_sku(client, updates, lambda row: stock_item(row, now))
    except Rejected as error:
        if len(updates) > 1 or updates[0].price is None:
            raise
        answers = [Outcome(updates[0].ref, error)]
    outcomes = {each.ref: each for each in answers}
    without_price: list[StockUpdate] = []
    for update in updates:
        if update.price is None:
            continue
        why = outcomes[update.ref].error
        if why is None:
            outcomes[update.ref] = replace(outcomes[update.ref], is_price_told=True)
        elif isinstance(why, Rejected) and why.code not in ("no_such_sku", "suspended"):
            without_price.append(replace(update, price=None))
    for outcome in _by_sku(client, without_price, lambda row: stock_item(row, now)) if without_price else ():
        note = _("Sent without its price: %s") % outcomes[outcome.ref].error
        outcomes[outcome.ref] = replace(outcome, note="" if outcome.error else note)
    return [outcomes[update.ref] for update in updates]


def push_prices(client: OnBuyClient, updates: Sequence[PriceUpdate], now: datetime) -> Sequence[Outcome]:
    """Send prices and sales; `now` as for `push_stock`."""
    return _by_sku(client, updates, lambda update: price_item(update, now))


def _by_sku(client: OnBuyClient, updates: Sequence[U], make: Callable[[U], Item]) -> list[Outcome]:
    """Send one PUT for up to 1,000 SKUs. Each SKU has its own answer, whatever the HTTP status."""

    def send(items: Sequence[Item]) -> list[Exception | None]:
        skus = [item["sku"] for item in items]
        answers = answers_of(client.put("/listings/by-sku", {"listings": list(items)}), skus)
        return [error_of(sku, answers.get(sku)) for sku in skus]

    batch = ItemBatch(send, BATCH)
    for update in updates:
        batch.add(update.ref, partial(make, update))
    return batch.send()


def stock_item(update: StockUpdate, now: datetime) -> dict[str, Any]:
    """Return stock, with the price where both are known: it is not known whether OnBuy deletes what is left out (§7).

    A price that is sent along unchanged does not touch a sale that Manifold did not make.
    """
    item, price = _stock(update), update.price
    if price is None:
        return item
    if update.is_price_new:
        return {**price_item(price, now), **item}
    item["price"] = amount(price.price)
    if price.selling_price is not None:
        item |= sale(price.price, price.selling_price, price.sale_from, price.sale_until, now)
    return item


def _stock(update: StockUpdate) -> dict[str, Any]:
    quantity: object = update.quantity
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 0:
        raise Rejected(
            _("The quantity of %(sku)s must be a whole number, 0 or more, not %(quantity)s.")
            % {"sku": update.sku, "quantity": quantity},
            field="quantity",
        )
    return {"sku": sku_of(update.external_id), "stock": quantity}


def price_item(update: PriceUpdate, now: datetime) -> dict[str, Any]:
    """Return price, and the sale with its two dates. “No sale” is sent as one in the past."""
    if update.currency != CURRENCY:
        words = _("Prices on OnBuy are in %(own)s, not in %(given)s.")
        raise Rejected(words % {"own": CURRENCY, "given": update.currency}, field="currency")
    return {
        "sku": sku_of(update.external_id),
        "price": amount(update.price),
        **sale(update.price, update.selling_price, update.sale_from, update.sale_until, now),
        **({} if update.quantity is None else {"stock": max(update.quantity, 0)}),
    }
