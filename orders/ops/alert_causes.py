"""The causes of alerts of orders: late orders, and SKUs of which more was sold than is in stock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, F, Min, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from channels.models import Connection
from channels.stores import alert_kinds as kinds
from channels.stores.alert_kinds import AlertKind, Cause
from oms.kit.admin.pages import address
from oms.kit.numbers import grouped
from orders.choices import OrderStatus
from orders.domain import ship_by
from orders.models import Order, OrderLine, Parcel

VIEW = "orders.view_order"
#: Hours before the time to ship by at which the alert begins.
SOON = 4


def late_orders() -> Iterator[Cause]:
    """Return the stores with orders whose ship-by has passed."""
    late = Order.objects.filter(ship_by.due_within(ship_by.LATE, timezone.now())).order_by()
    counts = dict(late.values_list("connection_id").annotate(n=Count("pk")))
    for pk, name in Connection.objects.filter(pk__in=counts).order_by("pk").values_list("pk", "name"):
        text = ngettext("%s late order", "%s late orders", counts[pk]) % grouped(counts[pk])
        url = address("orders_order_changelist", due=ship_by.LATE, store=pk)
        yield Cause(f"store:{pk}", f"{name}: {text}", url, pk)


def due_soon() -> Iterator[Cause]:
    """Return the stores with orders that must be shipped within `SOON` hours (R-PLUS-11).

    The time to ship by is the channel's own where it gives one, otherwise that of the store's settings. After it a channel
    may cancel the order.
    """
    now = timezone.now()
    soon = Order.objects.filter(ship_by.due_within("1h", now) | ship_by.due_within("4h", now)).order_by()
    counts = dict(soon.values_list("connection_id").annotate(n=Count("pk")))
    first = dict(soon.values_list("connection_id").annotate(first=Min("ship_by_at")))
    for pk, name in Connection.objects.filter(pk__in=counts).order_by("pk").values_list("pk", "name"):
        minutes = max(int((first[pk] - now).total_seconds() // 60), 0)
        text = ngettext(
            "%(store)s: %(n)s order must be shipped within %(hours)s hours. Time left: %(minutes)s minutes.",
            "%(store)s: %(n)s orders must be shipped within %(hours)s hours. Time left for the first: %(minutes)s minutes.",
            counts[pk],
        ) % {"store": name, "n": grouped(counts[pk]), "hours": SOON, "minutes": minutes}
        due = "1h" if minutes < 60 else "4h"
        yield Cause(f"store:{pk}", text, address("orders_order_changelist", due=due, store=pk), pk)


def late_parcels() -> Iterator[Cause]:
    """Return the carriers whose parcels are late, or of which nothing was heard for days (R-SHIP-06)."""
    now = timezone.now()
    rows = (Parcel.objects.late(now) | Parcel.objects.silent(now)).order_by()
    counts = rows.values_list("shipment__carrier", "shipment__carrier__name").annotate(n=Count("pk"))
    for carrier, name, n in counts.order_by("shipment__carrier"):
        text = ngettext(
            "%(carrier)s: %(n)s parcel is late or silent",
            "%(carrier)s: %(n)s parcels are late or silent",
            n,
        ) % {"carrier": name or _("No carrier"), "n": grouped(n)}
        yield Cause(f"carrier:{carrier or 0}", text, address("orders_parcel_changelist"))


def oversold() -> Iterator[Cause]:
    """Return the SKUs of which open orders need more units than are in stock."""
    missing = F("quantity") - F("allocated") - F("shipped") - F("cancelled")
    rows = (
        OrderLine.objects.filter(
            order__status=OrderStatus.PARTIAL,
            variant__isnull=False,
            needs_stock=True,
            is_counted=True,
            quantity__gt=F("allocated") + F("shipped") + F("cancelled"),
        )
        .order_by()
        .values("variant_id", "variant__sku")
        .annotate(units_missing=Sum(missing), orders=Count("order", distinct=True))
    )
    for row in rows.order_by("variant_id"):
        text = _("%(sku)s is oversold. Units missing: %(units)s. Orders waiting: %(n)s.") % {
            "sku": row["variant__sku"],
            "units": grouped(row["units_missing"]),
            "n": grouped(row["orders"]),
        }
        url = address("orders_order_changelist", tab=str(OrderStatus.PARTIAL))
        yield Cause(f"sku:{row['variant_id']}", text, url)


def declare() -> None:
    """Declare the kinds; called at start-up."""
    kinds.declare(
        AlertKind(
            "oversell",
            gettext_lazy("Oversold"),
            gettext_lazy("Orders need more units of a SKU than are in stock."),
            VIEW,
            oversold,
        ),
        AlertKind(
            "late_orders",
            gettext_lazy("Late orders"),
            gettext_lazy("The time to ship an order has passed."),
            VIEW,
            late_orders,
            every=timedelta(minutes=5),
            is_on_home=False,
        ),
        AlertKind(
            "due_soon",
            gettext_lazy("Orders to ship soon"),
            gettext_lazy(
                "The time to ship an order ends within four hours. After it the channel may cancel it."
            ),
            VIEW,
            due_soon,
            every=timedelta(minutes=5),
            is_on_home=False,
        ),
        AlertKind(
            "late_parcels",
            gettext_lazy("Late parcels"),
            gettext_lazy("A parcel is later than promised, or nothing was heard of it for days."),
            VIEW,
            late_parcels,
            every=timedelta(minutes=30),
            is_on_home=False,
        ),
    )
