"""How fast a page of orders is imported, compared with the minimum in the same run (performance.md W1).

import  channel JSON (OpenCart rows) -> mapping -> records -> sink, commit included: de-duplication, SKU look-up,
        stock under lock, allocation, native document, event, outbox
floor   the same rows of the same tables, prepared in memory: `bulk_create` in batches of 500 and one UPDATE of the
        stock items, commit included

Five rounds, interleaved; the figures are medians, `ratio` is the median of the rounds' own ratios. On PostgreSQL,
in an own database that is created and deleted: BENCH_DATABASE_URL names the server.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks._common import ROUNDS, figure, in_own_database

NAME = "ingest_orders"
PAGE = 500
PAGES = 4
SKUS = 2000


def order_row(number: int) -> dict[str, Any]:
    """Return an order as the OpenCart extension returns it: two lines, two addresses, totals."""
    address = {
        "firstname": "Jo",
        "lastname": f"Doe {number}",
        "company": "",
        "address_1": f"{number} High Street",
        "address_2": "",
        "city": "Leeds",
        "postcode": "LS1 1AA",
        "zone": "West Yorkshire",
        "country": "United Kingdom",
        "iso2": "GB",
    }
    lines = []
    for position, sku in enumerate((number % SKUS, (number * 7 + 1) % SKUS)):
        lines.append(
            {
                "order_product_id": number * 10 + position,
                "product_id": sku,
                "master_id": 0,
                "sku": f"SKU-{sku}",
                "model": f"SKU-{sku}",
                "name": f"Product {sku}",
                "quantity": 1 + position,
                "price": "10.0000",
                "tax": "2.0000",
                "total": f"{10 * (1 + position)}.0000",
                "child_key": None,
                "child_sku": None,
                "options": [],
            }
        )
    return {
        "order_id": number,
        "date_added": "2026-11-21T10:00:00Z",
        "changed_at": "2026-11-21T10:05:00Z",
        "status": {"id": 2, "name": "Processing"},
        "currency": "GBP",
        "currency_value": "1.00000000",
        "total": "41.0000",
        "comment": "",
        "firstname": "Jo",
        "lastname": f"Doe {number}",
        "email": f"jo{number}@example.com",
        "telephone": "01130000000",
        "customer_id": number,
        "payment": {"name": "Card", "code": "card", "address": address},
        "shipping": {"name": "Royal Mail", "code": "flat", "cost": "5.0000", "address": address},
        "lines": lines,
        "totals": [
            {"code": "sub_total", "title": "Sub-total", "value": "30.0000"},
            {"code": "shipping", "title": "Royal Mail", "value": "5.0000"},
            {"code": "tax", "title": "VAT", "value": "6.0000"},
            {"code": "total", "title": "Total", "value": "41.0000"},
        ],
        "last_ref": None,
    }


def prepare() -> Any:
    """Create a store with 2,000 listed SKUs in two warehouses."""
    from catalogue.models import Listing, ListingVariant, Product, Variant
    from channels.models import Connection
    from inventory.models import StockItem, Warehouse, WarehouseMapping
    from orders.models import OrderSettings

    store = Connection.objects.create(
        name="Bench", channel="opencart", fingerprint="bench", currency="GBP", is_read_only=False
    )
    OrderSettings.objects.create(connection=store)
    places = [Warehouse.objects.create(code=code, name=code) for code in ("LEEDS", "LYON")]
    for priority, place in enumerate(places):
        WarehouseMapping.objects.create(
            connection=store, warehouse=place, priority=priority, is_default=not priority
        )
    products = Product.objects.bulk_create([Product(title=f"Product {sku}") for sku in range(SKUS)])
    variants = Variant.objects.bulk_create(
        [
            Variant(product=product, sku=f"SKU-{sku}", sku_key=f"sku-{sku}")
            for sku, product in enumerate(products)
        ]
    )
    listings = Listing.objects.bulk_create(
        [
            Listing(product=product, connection=store, external_id=str(sku), state="active")
            for sku, product in enumerate(products)
        ]
    )
    ListingVariant.objects.bulk_create(
        [
            ListingVariant(
                listing=listings[sku],
                connection=store,
                variant=variant,
                external_id=str(sku),
                external_sku=variant.sku,
                sku_key=variant.sku_key,
            )
            for sku, variant in enumerate(variants)
        ]
    )
    StockItem.objects.bulk_create(
        [
            StockItem(variant=variant, warehouse=place, on_hand=1_000_000)
            for variant in variants
            for place in places
        ]
    )
    return store


def import_pages(store: Any, pages: list[str]) -> None:
    """Import pages of JSON text, each to its commit."""
    from channels.connectors.opencart import orders as opencart_orders
    from orders.inbound import orders as inbound_orders

    for text in pages:
        rows = json.loads(text)
        records = [
            opencart_orders.order(row, rule="sku_or_model", pending_as_unpaid=False, holding=None)
            for row in rows
        ]
        inbound_orders.store_orders(store, records)


def floor_rows(store: Any, pages: list[str], variants: dict[str, int], items: dict[int, int]) -> Any:
    """Return the rows that `import_pages` writes for the same pages, in memory."""
    from channels.connectors.opencart import orders as opencart_orders
    from channels.contract.records.orders import RemoteState
    from orders.inbound.fields import document_of, line_columns, order_columns
    from orders.models import Allocation, NativeOrder, Order, OrderEvent, OrderLine

    batches = []
    for text in pages:
        orders, natives, lines, allocations, events = [], [], [], [], []
        units: dict[int, int] = {}
        for row in json.loads(text):
            record = opencart_orders.order(row, rule="sku_or_model", pending_as_unpaid=False, holding=None)
            digest, document = document_of(record)
            order = Order(
                connection=store,
                external_id=f"f{record.external_id}",
                units=3,
                allocation="full",
                **order_columns(record, RemoteState.NEW, digest),
            )
            orders.append(order)
            natives.append(NativeOrder(order=order, document=document))
            events.append(OrderEvent(order=order, kind="placed", text="Imported from Bench", to_status="new"))
            for position, given in enumerate(record.lines):
                variant_id = variants[given.sku]
                line = OrderLine(
                    order=order,
                    external_id=given.external_id,
                    variant_id=variant_id,
                    quantity=given.quantity,
                    allocated=given.quantity,
                    **line_columns(given, position),
                )
                lines.append(line)
                item_id = items[variant_id]
                allocations.append(Allocation(line=line, stock_item_id=item_id, quantity=given.quantity))
                units[item_id] = units.get(item_id, 0) + given.quantity
        batches.append((orders, natives, lines, allocations, events, units))
    return batches


def floor(batches: Any) -> None:
    from django.db import transaction

    from inventory.models import StockItem
    from oms.kit.bulk import add_to

    for orders, natives, lines, allocations, events, units in batches:
        with transaction.atomic():
            for rows in (orders, natives, lines, allocations, events):
                type(rows[0]).objects.bulk_create(rows, batch_size=500)
            add_to(StockItem, ("allocated",), {pk: (quantity,) for pk, quantity in units.items()})


def seconds(act: Callable[[], None]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def measure() -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from catalogue.models import Variant
    from inventory.models import StockItem
    from orders.models import Allocation, Order, OrderEvent

    store = prepare()
    variants = dict(Variant.objects.values_list("sku", "pk"))
    items: dict[int, int] = dict(StockItem.objects.order_by("-pk").values_list("variant", "pk"))
    count, started = PAGE * PAGES, 1
    import_pages(store, [json.dumps([order_row(number) for number in range(900_000, 900_010)])])
    rates: dict[str, list[float]] = {"import": [], "floor": [], "again": []}
    statements = 0
    for turn in range(ROUNDS):
        numbers = range(started, started + count)
        started += count
        pages = [
            json.dumps([order_row(number) for number in numbers[at : at + PAGE]])
            for at in range(0, count, PAGE)
        ]
        batches = floor_rows(store, pages, variants, items)
        turns: list[tuple[str, Callable[[], None]]] = [
            ("import", lambda: import_pages(store, pages)),  # noqa: B023 (called in this round)
            ("floor", lambda: floor(batches)),  # noqa: B023
        ]
        for name, act in turns if turn % 2 == 0 else reversed(turns):
            rates[name].append(count / seconds(act))
        rates["again"].append(count / seconds(lambda: import_pages(store, pages)))  # noqa: B023
    with CaptureQueriesContext(connection) as asked:
        import_pages(store, [json.dumps([order_row(number) for number in range(800_000, 800_000 + PAGE)])])
    statements = len(asked)
    stored = Order.objects.exclude(external_id__startswith="f").count()
    assert stored == count * ROUNDS + 10 + PAGE
    assert OrderEvent.objects.count() == Order.objects.count()
    assert Allocation.objects.count() == 2 * Order.objects.count()
    ratio = statistics.median(a / b for a, b in zip(rates["import"], rates["floor"], strict=True))
    again = statistics.median(a / b for a, b in zip(rates["again"], rates["import"], strict=True))
    figure(NAME, "new_orders", statistics.median(rates["import"]), "orders/s", page=PAGE, rounds=ROUNDS)
    figure(NAME, "floor_bulk_create", statistics.median(rates["floor"]), "orders/s", page=PAGE, rounds=ROUNDS)
    figure(NAME, "ratio_to_floor", ratio, "ratio", target=0.5)
    figure(NAME, "same_page_again", statistics.median(rates["again"]), "orders/s", page=PAGE)
    figure(NAME, "same_page_to_new", again, "ratio", target=2)
    figure(NAME, "statements_per_page", statements, "statements", page=PAGE, target=25)


if __name__ == "__main__":
    in_own_database(measure)
