"""A desk to test at: a store with stock, and orders as its channel would give them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from catalogue import search_text
from catalogue.models import Product, Variant
from channels.contract.records.orders import AddressRecord, OrderLineRecord, OrderRecord, RemoteState
from channels.models import Connection, OutboxMessage, StatusMapEntry
from inventory.models import StockItem, StockMovement, Warehouse, WarehouseMapping
from oms.kit.authors.actors import Author
from oms.kit.models import Problem
from orders.inbound import orders
from orders.models import Allocation, Order, OrderEvent, OrderSettings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DESK = Author("person", None, "anna")
HOME = AddressRecord(name="Jo Doe", line1="1 High Street", city="Leeds", postcode="LS1 1AA", country="GB")

#: Native status of each state, as OpenCart has them.
STATUS = {
    RemoteState.UNPAID: "1",
    RemoteState.DRAFT: "90",
    RemoteState.NEW: "2",
    RemoteState.READY: "15",
    RemoteState.SHIPPED: "3",
    RemoteState.DELIVERED: "91",
    RemoteState.COMPLETED: "5",
    RemoteState.CANCELLED: "7",
    RemoteState.RETURNED: "11",
    RemoteState.UNKNOWN: "99",
    RemoteState.IGNORED: "0",
}

_numbers = itertools.count(1)


def store(name: str = "Shop", *, channel: str = "opencart", **options: Any) -> Connection:
    """A store that pushes, whose orders serve from a warehouse called Leeds."""
    settings = options.pop("settings", {})
    made = Connection.objects.create(
        name=name,
        channel=channel,
        fingerprint=name,
        currency="GBP",
        is_read_only=False,
        options=options.pop("options", {}),
        **options,
    )
    OrderSettings.objects.create(connection=made, **settings)
    serves(made, "Leeds")
    return made


def serves(connection: Connection, *names: str) -> list[Warehouse]:
    """These warehouses serve the store, nearest first."""
    connection.warehouse_mappings.all().delete()
    found = []
    for priority, name in enumerate(names):
        warehouse, _made = Warehouse.objects.get_or_create(code=name.upper(), defaults={"name": name})
        WarehouseMapping.objects.create(
            connection=connection, warehouse=warehouse, priority=priority, is_default=not priority
        )
        found.append(warehouse)
    return found


def stocked(sku: str, **units: int) -> Variant:
    """A SKU with so many units in each warehouse named (leeds=3)."""
    variant = Variant.objects.filter(sku=sku).first()
    if variant is None:
        product = Product.objects.create(title=f"The {sku}")
        variant = Variant.objects.create(product=product, sku=sku)
        search_text.refresh_after(products=[product.pk])
    for name, quantity in units.items():
        warehouse, _made = Warehouse.objects.get_or_create(
            code=name.upper(), defaults={"name": name.capitalize()}
        )
        item = StockItem.objects.create(variant=variant, warehouse=warehouse, on_hand=quantity)
        if quantity:
            StockMovement.objects.create(
                stock_item=item, kind="receipt", quantity=quantity, before=0, after=quantity, reason="test"
            )
    return variant


def record(
    number: object = None,
    state: RemoteState = RemoteState.NEW,
    *,
    minutes: int = 0,
    price: str = "10",
    lines: tuple[OrderLineRecord, ...] | None = None,
    **skus: int,
) -> OrderRecord:
    """An order of so many units of each SKU (MUG=2), placed at noon, changed `minutes` later."""
    number = str(number if number is not None else next(_numbers))
    if lines is None:
        lines = tuple(
            line(f"{number}-{position}", sku, units, price)
            for position, (sku, units) in enumerate(skus.items(), 1)
        )
    total = sum((row.total for row in lines), Decimal(0))
    return OrderRecord(
        external_id=number,
        number=number,
        status_id=STATUS[state],
        status_name=state.value.capitalize(),
        remote_state=state,
        placed_at=NOW,
        changed_at=NOW + timedelta(minutes=minutes),
        currency="GBP",
        total=total,
        items_total=total,
        lines=lines,
        customer_name="Jo Doe",
        customer_email="Jo@Example.com",
        ship_to=HOME,
        bill_to=HOME,
        shipping_method="Royal Mail",
        carrier="Royal Mail",
        native={
            "id": number,
            "state": state.value,
            "minutes": minutes,
            "lines": [repr(row) for row in lines],
        },
    )


def line(key: str, sku: str, units: int, price: str = "10", **more: Any) -> OrderLineRecord:
    return OrderLineRecord(
        external_id=key,
        title=f"The {sku}",
        quantity=units,
        unit_price=Decimal(price),
        total=Decimal(price) * units,
        sku=sku,
        **more,
    )


def comes(connection: Connection, *records: OrderRecord) -> Any:
    """The channel gives these records as one page."""
    return orders.store_orders(connection, list(records), None)


def an_order(connection: Connection, state: RemoteState = RemoteState.NEW, **skus: Any) -> Order:
    """One order, in."""
    given = record(None, state, **skus)
    comes(connection, given)
    return Order.objects.get(connection=connection, external_id=given.external_id)


def status(order: Order | None) -> str:
    assert order is not None
    order.refresh_from_db()
    return order.status


def shelf(sku: str, name: str = "Leeds") -> tuple[int, int]:
    """(on hand, held) of a SKU in a warehouse."""
    return StockItem.objects.values_list("on_hand", "allocated").get(variant__sku=sku, warehouse__name=name)


def counters(order: Order) -> list[tuple[int, int, int, int]]:
    """(ordered, held, shipped, cancelled) of each line."""
    return list(order.lines.values_list("quantity", "allocated", "shipped", "cancelled"))


def problems(order: Order) -> list[str]:
    return sorted(
        Problem.objects.filter(subject_kind="order", subject_id=order.pk, resolved_at=None).values_list(
            "code", flat=True
        )
    )


def told(order: Order) -> list[str]:
    """Topics of the messages for the channel about an order, in their order."""
    return list(
        OutboxMessage.objects.filter(kind="event", group=order.pk)
        .order_by("pk")
        .values_list("topic", flat=True)
    )


def path(order: Order) -> list[tuple[str, str, str]]:
    """(kind, from, to) of each change of status in the timeline."""
    rows = OrderEvent.objects.filter(order=order).exclude(to_status="").order_by("pk")
    return list(rows.values_list("kind", "from_status", "to_status"))


def means(
    connection: Connection, status_id: str, state: RemoteState, *, name: str = "", edited: bool = True
) -> None:
    """The seller says what a native status means."""
    StatusMapEntry.objects.update_or_create(
        connection=connection,
        external_id=status_id,
        defaults={"remote_state": state, "is_edited": edited, "name": name or status_id},
    )


def fingerprint() -> Mapping[str, Any]:
    """Everything that orders and stock hold, to show that nothing has changed."""
    return {
        "orders": list(Order.objects.order_by("pk").values()),
        "shelves": list(StockItem.objects.order_by("pk").values()),
        "held": list(Allocation.objects.order_by("pk").values()),
        "events": OrderEvent.objects.count(),
        "problems": list(Problem.objects.order_by("pk").values()),
        "messages": list(OutboxMessage.objects.order_by("pk").values("pk", "wanted", "sent")),
    }
