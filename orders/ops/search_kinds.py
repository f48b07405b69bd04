"""What the search box finds of orders: orders, their customers, shipments by tracking number."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from oms.kit.search import kinds
from oms.kit.search.kinds import Query, Result, SearchKind
from oms.kit.search.text import fold, is_found, search_text, with_compact
from orders.choices import OrderStatus
from orders.models import Order, Shipment
from orders.unit_of_work.search_text import search_orders

#: Newest orders that are looked through for customers.
ORDERS_OF_CUSTOMERS = 60
#: A word with fewer characters is no part of a tracking number that a person looks for.
TRACKING_FROM = 4
COLUMNS = ("pk", "number", "status", "customer_name", "customer_email", "customer_phone", "ship_to")


def _newest(query: Query) -> list[Any]:
    """Return the newest 60 orders that are found, read once for orders and customers."""
    if "orders" not in query.memo:
        rows = _found(query).order_by("-placed_at", "-pk")
        query.memo["orders"] = list(
            rows.values_list(*COLUMNS, "connection__name", named=True)[:ORDERS_OF_CUSTOMERS]
        )
    newest: list[Any] = query.memo["orders"]
    return newest


def _found(query: Query) -> QuerySet[Order]:
    if "found" not in query.memo:
        query.memo["found"] = search_orders(Order.objects.order_by(), query.text)
    found: QuerySet[Order] = query.memo["found"]
    return found


def find_orders(query: Query, limit: int) -> list[Result]:
    """Return the newest orders that are found."""
    status = dict(OrderStatus.choices)
    return [
        Result(
            f"#{row.number}",
            " · ".join(
                filter(
                    None, [row.customer_name, str(status.get(row.status, row.status)), row.connection__name]
                )
            ),
            reverse("admin:orders_order_change", args=[row.pk]),
        )
        for row in _newest(query)[:limit]
    ]


def find_customers(query: Query, limit: int) -> list[Result]:
    """Return the buyers whose name, e-mail or phone is found, of the newest 60 orders that are found."""
    base = reverse("admin:orders_order_changelist")
    found: dict[str, Result] = {}
    for row in _newest(query):
        email, name = row.customer_email, row.customer_name
        words = search_text([name, email, with_compact(row.customer_phone)])
        if email and email not in found and is_found(words, query.text):
            town = str((row.ship_to or {}).get("city", ""))
            about = " · ".join(filter(None, [email, town]))
            found[email] = Result(name or email, about, f"{base}?{kinds.query_of(email)}")
    return list(found.values())[:limit]


def find_shipments(query: Query, limit: int) -> list[Result]:
    """Return the newest shipments with a word of the search in their tracking number."""
    words = [word for word in fold(query.text).split() if len(word) >= TRACKING_FROM]
    words = [word for word in words if any(map(str.isdigit, word))]
    if not words:
        return []
    tracked = Q()
    for word in words:
        tracked |= Q(tracking_number__icontains=word)
    rows: Any = Shipment.objects.filter(tracked, order__in=_found(query).values("pk")).order_by("-pk")
    page = "admin:orders_order_change"
    return [
        Result(tracking, f"#{number} · {name}", reverse(page, args=[order]) + "#shipments")
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
