"""Find a buyer by e-mail address, phone number or name, with the earlier orders. Buyers are never merged on a guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from channels.contract.personal import REMOVED
from oms.kit.search.text import is_found, search_text, with_compact
from orders.domain.buyer_keys import BuyerKey, buyer_keys
from orders.models import Order
from orders.unit_of_work.search_text import search_orders

#: Newest orders that are looked through.
LOOKED_THROUGH = 60
FEWEST = 2  # characters that are looked for


@dataclass(frozen=True, slots=True)
class Buyer:
    """One buyer, as the newest order has the data; `orders` of those that were looked through are this buyer's."""

    newest: Order
    orders: int

    @property
    def key(self) -> BuyerKey:
        """What makes an order this buyer's."""
        return key_of(self.newest)


def keys_of(order: Order) -> list[BuyerKey]:
    """Return what identifies the buyer of an order, the surest first; [] where the order has no buyer (any more)."""
    if order.customer_name == REMOVED:
        return []
    return buyer_keys(
        name=order.customer_name,
        email=order.customer_email,
        phone=order.customer_phone,
        ship_to=order.ship_to,
    )


def key_of(order: Order) -> BuyerKey:
    """Return what makes another order one of the same buyer: the surest of `keys_of`, () without a buyer."""
    return next(iter(keys_of(order)), ())


def find_buyers(text: str, limit: int = 8) -> list[Buyer]:
    """Return the buyers whose name, e-mail, phone or address `text` finds, the one with the newest order first.

    Looked for among the newest 60 orders that `text` finds; [] for fewer than two characters. Two statements.
    """
    if len(text.strip()) < FEWEST:
        return []
    found: dict[BuyerKey, list[Order]] = {}
    rows = search_orders(Order.objects.order_by("-placed_at", "-pk"), text)[:LOOKED_THROUGH]
    for order in rows:
        if keys_of(order) and is_found(_words(order), text):
            found.setdefault(key_of(order), []).append(order)
    return [Buyer(orders[0], len(orders)) for orders in list(found.values())[:limit]]


def orders_of_buyer(order: Order, limit: int = 5) -> list[Order]:
    """Return the newest orders of the buyer of this order, itself among them."""
    wanted = key_of(order)
    if not wanted:
        return [order]
    return [each for each in _candidates(order) if key_of(each) == wanted][:limit]


def _candidates(order: Order) -> Iterator[Order]:
    newest: QuerySet[Order] = Order.objects.select_related("connection").order_by("-placed_at", "-pk")
    if order.customer_email:
        rows = newest.filter(customer_email=order.customer_email)
    else:
        rows = search_orders(newest, order.customer_phone or order.customer_name)
    yield from rows[:LOOKED_THROUGH]


def _words(order: Order) -> str:
    places = [str(order.ship_to.get(name, "")) for name in ("postcode", "city", "company")]
    return search_text(
        [
            order.customer_name,
            order.customer_email,
            with_compact(order.customer_phone),
            *map(with_compact, places),
        ]
    )
