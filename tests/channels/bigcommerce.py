"""Helpers of BigCommerce's tests: a connected adapter, goods in the sandbox, what was sent to it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from channels.connectors.bigcommerce.adapter import BigCommerceAdapter
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.pages import PullQuery
from channels.contract.records.updates import PriceUpdate, ShipmentUpdate, StockUpdate
from tests.support.shops import unsaved_store

E = FulfilmentEvent


def connected(running: Any, **fields: Any) -> BigCommerceAdapter:
    return BigCommerceAdapter(unsaved_store(running, channel="bigcommerce", **{"currency": "GBP", **fields}))


def product(running: Any, name: str = "Tea", sku: str = "TEA", quantity: int = 10, **more: Any) -> Any:
    row = running.sandbox.shop.add_product(name, 8.0, sku=sku, quantity=quantity, **more)
    running.sandbox.touch()
    return row


def mug(running: Any, **more: Any) -> Any:
    variants = [{"sku": f"MUG-{n}", "options": {"Colour": n}, "quantity": 5} for n in ("Red", "Blue")]
    return product(running, "Mug", "", variants=variants, **more)


def stock(row: Any, quantity: int, place: int = 0, ref: str = "s1", **more: Any) -> StockUpdate:
    variant = row["variants"][place]
    return StockUpdate(ref, str(row["id"]), str(variant["id"]), variant["sku"], quantity, **more)


def price(row: Any, amount: str, selling: str | None = None, place: int = 0, ref: str = "p1") -> PriceUpdate:
    variant = row["variants"][place]
    offer = None if selling is None else Decimal(selling)
    return PriceUpdate(ref, str(row["id"]), str(variant["id"]), variant["sku"], Decimal(amount), offer, "GBP")


def told(event: E, order: Any, ref: str = "ev-1", **more: Any) -> ShipmentUpdate:
    more = {"carrier_name": "Royal Mail", "tracking_number": "RM1GB", **more}
    return ShipmentUpdate(ref, event, str(order["order_id"]), **more)


def orders(adapter: BigCommerceAdapter, query: PullQuery | None = None) -> list[Any]:
    found: list[Any] = []
    page = None
    while True:
        answer = adapter.pull_orders(query or PullQuery(), page)
        found += answer.records
        page = answer.next_page
        if page is None:
            return found


def native(running: Any, order: Any) -> Any:
    return running.sandbox.shop.orders[order["order_id"]]


def sent(running: Any, method: str, part: str) -> list[Any]:
    return [row for row in running.sandbox.exchanges if row["method"] == method and part in row["path"]]
