"""What the search box finds of orders: orders, their customers, shipments by tracking number."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from oms.kit.search import kinds
from oms.kit.search.kinds import Result, SearchKind
from oms.kit.search.text import fold, is_found, search_text, with_compact
from orders.choices import OrderStatus
from orders.models import Order, Shipment
from orders.unit_of_work.search_text import search_orders

#: Newest orders that are looked through for customers.
ORDERS_OF_CUSTOMERS = 300
#: A word with fewer characters is no part of a tracking number that a person looks for.
TRACKING_FROM = 4


def _page(name: str, pk: int) -> str:
    return reverse(name, args=[pk])


def find_orders(text: str, limit: int) -> list[Result]:
    """Return the newest orders that `text` finds."""
    rows = search_orders(Order.objects.order_by("-placed_at", "-pk"), text)
    status = dict(OrderStatus.choices)
    return [
        Result(
            f"#{number}",
            " · ".join(filter(None, [name, str(status.get(state, state)), store])),
            _page("admin:orders_order_change", pk),
        )
        for pk, number, name, state, store in rows.values_list(
            "pk", "number", "customer_name", "status", "connection__name"
        )[:limit]
    ]


def find_customers(text: str, limit: int) -> list[Result]:
    """Return the buyers whose name, e-mail or phone `text` finds, of the newest 300 orders that it finds."""
    orders = search_orders(Order.objects.order_by("-placed_at", "-pk"), text).exclude(customer_email="")
    columns = ("customer_email", "customer_name", "customer_phone", "ship_to")
    base = reverse("admin:orders_order_changelist")
    found: dict[str, Result] = {}
    for email, name, phone, place in orders.values_list(*columns)[:ORDERS_OF_CUSTOMERS]:
        if email in found or not is_found(search_text([name, email, with_compact(phone)]), text):
            continue
        town = str((place or {}).get("city", ""))
        found[email] = Result(
            name or email, " · ".join(filter(None, [email, town])), f"{base}?{kinds.query_of(email)}"
        )
    return list(found.values())[:limit]


def find_shipments(text: str, limit: int) -> list[Result]:
    """Return the newest shipments with a word of `text` in their tracking number."""
    words = [
        word for word in fold(text).split() if len(word) >= TRACKING_FROM and any(map(str.isdigit, word))
    ]
    if not words:
        return []
    tracked = Q()
    for word in words:
        tracked |= Q(tracking_number__icontains=word)
    orders = search_orders(Order.objects.order_by(), text)
    rows: Any = Shipment.objects.filter(tracked, order__in=orders.values("pk")).order_by("-pk")
    return [
        Result(tracking, f"#{number} · {name}", _page("admin:orders_order_change", order) + "#shipments")
        for order, tracking, number, name in rows.values_list(
            "order", "tracking_number", "order__number", "order__customer_name"
        )[:limit]
    ]


def register() -> None:
    """Declare the kinds."""
    kinds.register(
        SearchKind(
            "orders", _("Orders"), "orders.view_order", find_orders, "admin:orders_order_changelist", 10
        )
    )
    kinds.register(SearchKind("customers", _("Customers"), "orders.view_order", find_customers, position=20))
    kinds.register(
        SearchKind(
            "shipments",
            _("Shipments"),
            "orders.view_shipment",
            find_shipments,
            "admin:orders_shipment_changelist",
            30,
        )
    )
