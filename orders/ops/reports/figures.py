"""The figures of one day, computed from its orders: what the roll-ups store, and what `doctor` compares them with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Model
from django.utils import timezone

from orders.choices import OrderStatus, ShipmentState
from orders.models import DayFigures, Order, OrderLine, ShipmentLine, SkuFigures, WarehouseFigures

#: Statuses of orders that are in no amount.
GONE: Final = (OrderStatus.CANCELLED, OrderStatus.CANCELLED_BY_SELLER)
LEFT: Final = (ShipmentState.HANDED_OVER, ShipmentState.DELIVERED)
CHUNK: Final = 2_000
ZERO: Final = Decimal(0)


def bounds_of(day: date) -> tuple[datetime, datetime]:
    """Return the first instant of a day and of the day after it, in the time zone of the installation."""
    zone = timezone.get_default_timezone()
    end = day + timedelta(days=1)
    return datetime.combine(day, time.min, tzinfo=zone), datetime.combine(end, time.min, tzinfo=zone)


@dataclass(slots=True)
class Orders:
    """The sums of the orders of one store, currency and country."""

    orders: int = 0
    units: int = 0
    turnover: Decimal = ZERO
    tax: Decimal = ZERO
    discount: Decimal = ZERO
    refunded: Decimal = ZERO
    postage: Decimal = ZERO
    late: int = 0
    cancelled: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    hours: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Sold:
    """The sums of one SKU."""

    units: int = 0
    cancelled: int = 0
    turnover: Decimal = ZERO
    orders: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Left:
    """What left one warehouse."""

    units: int = 0
    orders: set[int] = field(default_factory=set)
    shipments: set[int] = field(default_factory=set)


def rows_of(day: date) -> list[Model]:
    """Return the rows of all roll-ups of a day, unsaved: three statements, whatever the number of orders."""
    return [*_orders(day), *_skus(day), *_warehouses(day)]


def _orders(day: date) -> Iterable[DayFigures]:
    start, end = bounds_of(day)
    sums: dict[tuple[int, str, str], Orders] = defaultdict(Orders)
    rows = Order.objects.filter(placed_at__gte=start, placed_at__lt=end).order_by()
    fields = rows.values_list(
        "connection_id", "currency", "country", "status", "units", "total", "tax_total", "discount_total",
        "refunded_total", "shipping_total", "cancel_reason", "is_history", "placed_at", "shipped_at", "ship_by_at",
    )  # fmt: skip
    for (
        store, currency, country, status, units, total, tax, discount, refunded, postage, reason, is_history,
        placed_at, shipped_at, ship_by_at,
    ) in fields.iterator(chunk_size=CHUNK):  # fmt: skip
        one = sums[store, currency, country]
        if status in GONE:
            one.cancelled += 1
            one.reasons[" ".join(reason.split())] += 1
            continue
        one.orders += 1
        one.units += units
        one.turnover += total
        one.tax += tax
        one.discount += discount
        one.refunded += refunded or ZERO
        one.postage += postage
        if shipped_at is not None and not is_history:
            seconds = max((shipped_at - placed_at).total_seconds(), 0)
            one.hours[str(int(seconds // 3600))] += 1
            one.late += ship_by_at is not None and shipped_at > ship_by_at
    for (store, currency, country), one in sums.items():
        yield DayFigures(
            day=day,
            connection_id=store,
            currency=currency,
            country=country,
            orders=one.orders,
            units=one.units,
            turnover=one.turnover,
            tax=one.tax,
            discount=one.discount,
            refunded=one.refunded,
            postage=one.postage,
            late=one.late,
            cancelled=one.cancelled,
            reasons=dict(one.reasons),
            hours=dict(one.hours),
        )


def _skus(day: date) -> Iterable[SkuFigures]:
    start, end = bounds_of(day)
    sold: dict[tuple[int, str, int | None, str], Sold] = defaultdict(Sold)
    rows = OrderLine.objects.filter(
        order__placed_at__gte=start, order__placed_at__lt=end, parent=None
    ).order_by()
    fields = rows.values_list(
        "order_id", "order__connection_id", "order__currency", "order__status", "variant_id", "sku",
        "quantity", "cancelled", "total",
    )  # fmt: skip
    for order, store, currency, status, variant, sku, quantity, cancelled, total in fields.iterator(
        chunk_size=CHUNK
    ):
        line = sold[store, currency, variant, "" if variant else sku]
        if status in GONE:
            line.cancelled += quantity
            continue
        line.units += quantity - cancelled
        line.cancelled += cancelled
        line.turnover += total
        line.orders.add(order)
    for (store_id, code, variant_id, text), one in sold.items():
        yield SkuFigures(
            day=day,
            connection_id=store_id,
            currency=code,
            variant_id=variant_id,
            sku=text,
            orders=len(one.orders),
            units=one.units,
            cancelled=one.cancelled,
            turnover=one.turnover,
        )


def _warehouses(day: date) -> Iterable[WarehouseFigures]:
    start, end = bounds_of(day)
    sums: dict[tuple[int, str, int | None], Left] = defaultdict(Left)
    rows = ShipmentLine.objects.filter(
        shipment__order__placed_at__gte=start, shipment__order__placed_at__lt=end, shipment__state__in=LEFT
    ).order_by()
    fields = rows.values_list(
        "shipment__order__connection_id", "shipment__order__currency", "shipment__warehouse_id",
        "shipment__order_id", "shipment_id", "quantity",
    )  # fmt: skip
    for store, currency, warehouse, order, shipment, quantity in fields.iterator(chunk_size=CHUNK):
        one = sums[store, currency, warehouse]
        one.units += quantity
        one.orders.add(order)
        one.shipments.add(shipment)
    for (store_id, code, warehouse_id), each in sums.items():
        yield WarehouseFigures(
            day=day,
            connection_id=store_id,
            currency=code,
            warehouse_id=warehouse_id,
            orders=len(each.orders),
            shipments=len(each.shipments),
            units=each.units,
        )


def facts_of(row: Any) -> tuple[Any, ...]:
    """Return what a row of a roll-up says, without its key: two rows that say the same are equal."""
    values = [getattr(row, column.attname) for column in row._meta.concrete_fields if not column.primary_key]
    plain = [tuple(sorted(value.items())) if isinstance(value, dict) else value for value in values]
    return (row._meta.label, *plain)
