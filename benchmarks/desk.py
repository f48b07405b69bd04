"""How fast the order desk works on 10,000 orders, compared with the minimum in the same run (issue 12, point 11).

moves    release, pack and mark ready to ship as the jobs of the order list do it: five jobs of 2,000 orders for each move
floor    the same rows of the same tables, prepared in memory: `bulk_create` in batches of 500, one UPDATE for each table
         and batch, commit included. It checks nothing and locks nothing.
refill   10,000 Partial orders wait for 20 SKUs, a receipt has arrived: `refill` until no order gets units
one SQL  one statement that allocates the same units to the same orders, the oldest first, and writes the same rows

Rounds are interleaved; the figures are medians. On PostgreSQL, in an own database: BENCH_DATABASE_URL names the server.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from benchmarks._common import ROUNDS, empty, figure, in_own_database, seconds

NAME = "desk"
ORDERS = int(os.environ.get("BENCH_DESK_ORDERS", "10000"))
PAGE, JOB, BATCH = 500, 2_000, 500
SKUS = 20
MOVES = ("release", "pack", "ready_to_ship")


def shop() -> Any:
    """Make a store with a default carrier; its SKUs have a stock item with no units."""
    from orders.models import OrderSettings
    from orders.services import carriers
    from tests.orders import desk

    made = desk.store("Shop")
    carrier = carriers.save_carrier(name="Royal Mail", tracking_url="", by=desk.DESK)
    OrderSettings.objects.filter(connection=made).update(default_carrier=carrier)
    for number in range(SKUS):
        desk.stocked(f"S{number}", leeds=0)
    return made


def orders_of(made: Any, prefix: str, count: int) -> list[int]:
    """Import orders of two lines and return their ids, the oldest first."""
    from orders.models import Order
    from tests.orders import desk

    for begin in range(0, count, PAGE):
        records = []
        for number in range(begin, min(begin + PAGE, count)):
            lines = tuple(
                desk.line(f"{prefix}{number}-{at}", f"S{(number * 7 + at) % SKUS}", 1 + at) for at in range(2)
            )
            given = desk.record(f"{prefix}{number}", lines=lines)
            records.append(replace(given, placed_at=given.placed_at + timedelta(seconds=number)))
        desk.comes(made, *records)
    rows = Order.objects.filter(external_id__startswith=prefix).order_by("placed_at", "pk")
    return list(rows.values_list("pk", flat=True))


def receive() -> None:
    """Put enough units of every SKU on hand."""
    from inventory.models import StockItem

    StockItem.objects.update(on_hand=10_000_000)


def move_all(ids: Sequence[int], user: Any) -> None:
    """Move these orders as the jobs of the order list do."""
    from orders.domain.moves import BY_NAME
    from orders.services import moves

    for name in MOVES:
        for at in range(0, len(ids), JOB):
            job = moves.start_job(move=BY_NAME[name], order_ids=ids[at : at + JOB], user=user)
            while moves.move_batch(job):
                pass


def floor_rows(ids: Sequence[int]) -> list[dict[str, list[Any]]]:
    """Return the rows that `move_all` inserts for these orders, in batches."""
    from channels.models import OutboxMessage
    from inventory.models import Warehouse
    from orders.models import Order, OrderEvent, OrderLine, Shipment, ShipmentLine

    warehouse = Warehouse.objects.get()
    batches = []
    for at in range(0, len(ids), BATCH):
        part = list(Order.objects.filter(pk__in=ids[at : at + BATCH]).select_related("connection"))
        made: dict[str, list[Any]] = {"orders": part}
        shipments = {order.pk: Shipment(order=order, warehouse=warehouse) for order in part}
        made["shipments"] = list(shipments.values())
        made["lines"] = [
            ShipmentLine(shipment=shipments[line.order_id], line=line, quantity=line.quantity)
            for line in OrderLine.objects.filter(order__in=part)
        ]
        steps = (("new", "rfp", "Released"), ("rfp", "packed", "Packed"), ("packed", "rts", "Ready to ship"))
        for (was, now, text), name in zip(steps, MOVES, strict=True):
            made[name] = [
                OrderEvent(order=order, kind=name, text=text, from_status=was, to_status=now)
                for order in part
            ]
        made["messages"] = [
            OutboxMessage(
                connection=order.connection,
                kind="event",
                topic="ready_to_ship",
                subject=order.pk,
                group=order.pk,
                key=f"floor:{order.pk}",
                wanted=1,
            )
            for order in part
        ]
        batches.append(made)
    return batches


def floor(batches: Sequence[dict[str, list[Any]]]) -> None:
    """Write the rows of `floor_rows`, each batch in a transaction for each move."""
    from django.db import transaction
    from django.utils import timezone

    from orders.models import Order, OrderSettings, Shipment

    carrier = OrderSettings.objects.get().default_carrier
    for made in batches:
        orders = [order.pk for order in made["orders"]]
        with transaction.atomic():
            for rows in (made["shipments"], made["lines"], made["release"]):
                type(rows[0]).objects.bulk_create(rows)
            Order.objects.filter(pk__in=orders).update(status="rfp", released_at=timezone.now())
        parcels = [row.pk for row in made["shipments"]]
        with transaction.atomic():
            Shipment.objects.filter(pk__in=parcels).update(state="packed", packed_at=timezone.now())
            Order.objects.filter(pk__in=orders).update(status="packed")
            type(made["pack"][0]).objects.bulk_create(made["pack"])
        with transaction.atomic():
            Shipment.objects.filter(pk__in=parcels).update(
                state="ready", ready_at=timezone.now(), carrier=carrier
            )
            Order.objects.filter(pk__in=orders).update(status="rts")
            for rows in (made["ready_to_ship"], made["messages"]):
                type(rows[0]).objects.bulk_create(rows)


#: Allocates all waiting units of the orders whose channel ids begin with a prefix, the oldest first, as far as they are there.
ONE_SQL = """
WITH waiting AS (
    SELECT l.id AS line_id, l.order_id, s.id AS item_id, l.quantity - l.allocated - l.shipped - l.cancelled AS units,
           SUM(l.quantity - l.allocated - l.shipped - l.cancelled)
               OVER (PARTITION BY s.id ORDER BY o.priority DESC, o.placed_at, o.id, l.id) AS so_far,
           s.on_hand - s.allocated AS available
    FROM orders_orderline l
    JOIN orders_order o ON o.id = l.order_id
    JOIN inventory_stockitem s ON s.variant_id = l.variant_id
    WHERE o.external_id LIKE %(prefix)s AND o.status = 'partial'
      AND l.quantity > l.allocated + l.shipped + l.cancelled
), given AS (SELECT * FROM waiting WHERE so_far <= available),
made AS (
    INSERT INTO orders_allocation (line_id, stock_item_id, quantity, state, created_at)
    SELECT line_id, item_id, units, 'open', now() FROM given
), lines AS (
    UPDATE orders_orderline l SET allocated = l.allocated + g.units FROM given g WHERE l.id = g.line_id
), items AS (
    UPDATE inventory_stockitem s SET allocated = s.allocated + g.units
    FROM (SELECT item_id, SUM(units) AS units FROM given GROUP BY item_id) g WHERE s.id = g.item_id
), served AS (SELECT order_id, SUM(units) AS units FROM given GROUP BY order_id),
moved AS (
    UPDATE orders_order o SET status = 'new', allocation = 'full', warehouse_reason = 'Leeds has all units'
    FROM served s WHERE o.id = s.order_id
)
INSERT INTO orders_orderevent (order_id, kind, text, actor, actor_name, from_status, to_status, data, at)
SELECT order_id, 'refill', units || ' units arrived and were allocated', 'system', '', 'partial', 'new', '{}', now()
FROM served
"""


def refill_all() -> None:
    """Allocate until no waiting order gets units, as the task after a receipt does."""
    from orders.services.stock.backorders import refill

    while refill():
        pass


def one_sql(prefix: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(ONE_SQL, {"prefix": f"{prefix}%"})


def waiting(prefix: str, status: str) -> int:
    from orders.models import Order

    return Order.objects.filter(external_id__startswith=prefix, status=status).count()


def measure() -> None:
    from django.contrib.auth import get_user_model
    from django.db import connection

    from inventory.models import StockItem

    takes: dict[str, list[float]] = {"moves": [], "floor": [], "refill": [], "one_sql": []}
    for turn in range(ROUNDS):
        empty()
        made = shop()
        user = get_user_model().objects.create_user("anna")
        a, b = ("a", "b") if turn % 2 == 0 else ("b", "a")
        theirs = {name: orders_of(made, name, ORDERS) for name in (a, b)}
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        assert waiting("a", "partial") == waiting("b", "partial") == ORDERS
        receive()
        StockItem.objects.update(allocated=0)
        takes["one_sql"].append(seconds(lambda: one_sql("b")))
        assert waiting("b", "new") == ORDERS
        takes["refill"].append(seconds(refill_all))
        assert waiting("a", "new") == ORDERS
        batches = floor_rows(theirs["b"])
        takes["floor"].append(seconds(lambda: floor(batches)))  # noqa: B023 (called in this round)
        takes["moves"].append(seconds(lambda: move_all(theirs["a"], user)))  # noqa: B023
        assert waiting("a", "rts") == waiting("b", "rts") == ORDERS
    middle = {name: statistics.median(values) for name, values in takes.items()}
    for name, values in middle.items():
        figure(NAME, f"{name}_{ORDERS}_orders", values, "s", rounds=ROUNDS)
    ratio = statistics.median(b / a for a, b in zip(takes["moves"], takes["floor"], strict=True))
    figure(NAME, "moves_to_floor", ratio, "ratio", target=0.3)
    times = statistics.median(a / b for a, b in zip(takes["refill"], takes["one_sql"], strict=True))
    figure(NAME, "refill_to_one_sql", times, "ratio", target=3)


def main() -> None:
    in_own_database(measure)


if __name__ == "__main__":
    main()
