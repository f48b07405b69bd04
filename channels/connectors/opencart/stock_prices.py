"""Send stock and prices in batches of `stock_price` (`contrib/opencart/CONTRACT.md` §5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from channels.connectors.opencart import payloads
from channels.connectors.opencart.channel import BATCH
from channels.connectors.opencart.client import PAGE_SIZE, OpenCartClient, item_error
from channels.connectors.opencart.listing_bodies import amount, target
from channels.connectors.opencart.products import special_price
from channels.contract.batches import Item, ItemBatch
from channels.contract.errors import Rejected, TemporaryError
from channels.contract.records.updates import Outcome, PriceUpdate, StockUpdate
from channels.contract.translation import gettext as _
from channels.contract.values import money


def push_stock(client: OpenCartClient, updates: Sequence[StockUpdate]) -> list[Outcome]:
    """Send absolute quantities; return one outcome for each update."""
    batch = _batch(client)
    for update in updates:
        batch.add(update.ref, partial(stock_item, update))
    return batch.send()


def push_prices(
    client: OpenCartClient, updates: Sequence[PriceUpdate], *, currency: str, zone: str
) -> list[Outcome]:
    """Send price and special of each SKU; the special of a product with options is one for all of them.

    `currency` is the shop's, `zone` its time zone (empty: UTC), in which a special's days are counted.
    """
    groups: dict[str, list[PriceUpdate]] = defaultdict(list)
    for update in updates:
        if "-" in update.external_id:
            groups[update.external_id.partition("-")[0]].append(update)
    plans = {row["product_id"]: GroupOffer(row) for row in _products(client, list(groups))}
    for product_id, members in groups.items():
        if int(product_id) in plans:
            plans[int(product_id)].plan(members, zone)
    batch = _batch(client)
    for update in updates:
        batch.add(update.ref, partial(price_item, update, plans, currency, zone))
    for plan in plans.values():
        if plan.item:
            batch.add_for(plan.refs, plan.item)
    return batch.send()


def _batch(client: OpenCartClient) -> ItemBatch:
    def send(items: Sequence[Item]) -> list[Exception | None]:
        body = [{"ref": f"i{number}", **item} for number, item in enumerate(items)]
        rows = client.post("stock_price", {"items": body}, repeatable=True).data
        results = {row.get("ref"): row for row in rows}
        return [_error(results.get(item["ref"])) for item in body]

    return ItemBatch(send, BATCH)


def _error(result: Mapping[str, Any] | None) -> Exception | None:
    if result is None:
        return TemporaryError(_("The shop gave no answer for this item."))
    return None if result["ok"] else item_error(result["error"])


def _products(client: OpenCartClient, product_ids: Sequence[str]) -> list[Any]:
    if not product_ids:
        return []
    return list(client.get("products", ids=",".join(product_ids), limit=str(PAGE_SIZE)).data)


def price_item(
    update: PriceUpdate, plans: Mapping[int, GroupOffer], currency: str, zone: str
) -> dict[str, Any]:
    """Return one item of `stock_price`: a price, and the special of a simple product.

    Raise `Rejected` for another currency, and when the special of a product with options does not allow the price.
    """
    if update.currency != currency:
        raise Rejected(
            _("Prices of this shop are in %(shop)s, not in %(given)s.")
            % {"shop": currency, "given": update.currency},
            field="currency",
        )
    item: dict[str, Any] = {**target(update.external_id), "price": amount(update.price)}
    if "option_value_id" not in item:
        return {**item, "special": special(update, zone)}
    plan = plans.get(int(item["product_id"]))
    if plan:
        plan.check(update)
    return item


def stock_item(update: StockUpdate) -> dict[str, Any]:
    """Return one item of `stock_price`: an absolute quantity. Raise `Rejected` unless it is a whole number of 0 or more."""
    quantity: object = update.quantity
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 0:
        raise Rejected(
            _("The quantity of %(sku)s must be a whole number, 0 or more, not %(quantity)s.")
            % {"sku": update.sku, "quantity": quantity},
            field="quantity",
        )
    return {**target(update.external_id), "quantity": update.quantity}


def offer(update: PriceUpdate) -> Decimal | None:
    """Return the selling price if it is below the price; None ends the special (§7)."""
    if update.selling_price is None or update.selling_price >= update.price:
        return None
    return update.selling_price


def special(update: PriceUpdate, zone: str) -> dict[str, Any] | None:
    """Return the special for a price update, with its days in the store's time zone; None removes it."""
    price = offer(update)
    if price is None:
        return None
    return {
        "price": amount(price),
        "date_from": day(update.sale_from, zone),
        "date_to": day(update.sale_until, zone, is_end=True),
    }


def day(moment: datetime | None, zone: str, *, is_end: bool = False) -> str | None:
    """Return the day of an instant in the store's time zone.

    OpenCart ends a special when its last day begins: an end within a day becomes the next day, so that the special is not
    too short.
    """
    if moment is None:
        return None
    local = moment.astimezone(ZoneInfo(zone) if zone else UTC)
    if is_end and local.time() != local.time().min:
        local += timedelta(days=1)
    return local.date().isoformat()


class GroupOffer:
    """The one special of a product with options, for the price updates of its SKUs in a batch.

    OpenCart adds the differences of the options to the special. So a new one is sent only when all SKUs of the
    product are in the batch and need the same special; otherwise only the present special is possible. `row` is the product
    in the shop, `item` what is to be sent (None: nothing), `refs` are the updates that need it.
    """

    def __init__(self, row: payloads.Product) -> None:
        self.product_id = row["product_id"]
        self.price = money(row["price"])
        self.current = special_price(row, None)
        self.has_special = row["special"] is not None
        self.keys = {child["key"] for child in row["children"]}
        self.is_agreed = False
        self.item: dict[str, Any] | None = None
        self.refs: list[str] = []

    def wanted(self, update: PriceUpdate) -> Decimal | None:
        """Return the product's special with which this SKU has its selling price."""
        price = offer(update)
        return None if price is None else price - (update.price - self.price)

    def plan(self, updates: Sequence[PriceUpdate], zone: str) -> None:
        """Set `item` when all SKUs of the product need the same special."""
        specials = {self.wanted(update) for update in updates}
        if len(specials) != 1 or {update.external_id for update in updates} != self.keys:
            return
        price = specials.pop()
        if price is not None and price < 0:
            return
        self.is_agreed = True
        if price is None and not self.has_special:
            return
        self.refs = [update.ref for update in updates]
        days = {
            "date_from": day(updates[0].sale_from, zone),
            "date_to": day(updates[0].sale_until, zone, is_end=True),
        }
        special = None if price is None else {"price": amount(price), **days}
        self.item = {"product_id": self.product_id, "special": special}

    def check(self, update: PriceUpdate) -> None:
        """Raise `Rejected` when this SKU's selling price would change those of the other SKUs."""
        if not self.is_agreed and self.wanted(update) != self.current:
            raise Rejected(
                _(
                    "OpenCart has one special price for all options of a product. Enter the same reduction for all its SKUs, "
                    "and send their prices together."
                ),
                field="selling_price",
            )
