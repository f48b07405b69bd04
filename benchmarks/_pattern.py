"""The installation of 1,000 orders that `benchmarks/million.py` copies: made by the services that staff and workers use.

Every text that must differ between two copies has a mark: A000 in what names an order, S000 in what names a SKU, L000
in the ids of listings. Copy number 17 has A017, S017 and L017 in their place.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from benchmarks import _pattern_rest

ORDERS, SKUS, STORES = 1_000, 100, 4
#: The SKUs of open orders begin here; those of finished orders are below, so that a copy can leave the open ones out.
OPEN_SKUS = 80
FIRST = (
    "Olivia",
    "Jack",
    "Amelia",
    "José",
    "Chloé",
    "Noah",
    "Zoë",
    "Oscar",
    "Ava",
    "Leo",
    "Mia",
    "Theo",
    "Ivy",
    "Max",
)
LAST = (
    "Hargreaves",
    "Smith",
    "Jones",
    "Brown",
    "Taylor",
    "Müller",
    "Marchand",
    "Patel",
    "Khan",
    "Evans",
    "Byrne",
)
TOWNS = (
    ("Leeds", "LS6 3BJ"),
    ("London", "SE1 5TY"),
    ("York", "YO1 7HH"),
    ("Bath", "BA1 1LZ"),
    ("Dijon", "21000"),
)
GOODS = (
    "Enamel mug, 350 ml",
    "T-shirt Harbour, organic cotton",
    "Loose leaf tea, 250 g",
    "Stoneware jug, cream",
)
#: Kits of two finished SKUs each; one completed order in 40 is of a kit.
KITS = 5
#: From this number on, SKUs are in no product.
UNKNOWN = 200
#: How many of 1,000 orders end in each status; the rest is completed.
SHARE = {
    "unpaid": 5, "draft": 5, "new": 60, "partial": 10, "rfp": 15, "packed": 10, "rts": 10, "in_transit": 35,
    "delivered": 50, "cancelled": 30,
}  # fmt: skip


def kinds() -> list[str]:
    """Return the status of each order, by its number."""
    found = [status for status, number in SHARE.items() for _one in range(number)]
    return found + ["completed"] * (ORDERS - len(found))


def make_stores() -> list[Any]:
    from channels.models import StatusMapEntry
    from orders.models import OrderSettings
    from tests import factories

    made = []
    for number, channel in enumerate(("opencart", "bigcommerce", "onbuy", "etsy")):
        store = factories.store(f"Store {number + 1}", channel=channel, maps={"leeds": 1, "lyon": 2})
        OrderSettings.objects.get_or_create(connection=store)
        for key, name, state in (
            ("2", "Processing", "new"),
            ("1", "Pending", "unpaid"),
            ("7", "Cancelled", "cancelled"),
        ):
            StatusMapEntry.objects.get_or_create(
                connection=store, external_id=key, defaults={"name": name, "remote_state": state}
            )
        made.append(store)
    return made


def make_catalogue(stores: list[Any]) -> None:
    """Make 60 single products and 10 groups of four, listed in every store, with stock in Leeds and Lyon."""
    from catalogue import search_text
    from catalogue.models import Brand, ProductImage
    from tests import factories

    brand = Brand.objects.create(name="Fern", key="fern")
    at = 0
    while at < SKUS:
        size = 4 if at % 14 == 10 and at + 4 <= SKUS else 1
        skus = [sku_of(number) for number in range(at, at + size)]
        product = factories.product(
            *skus,
            title=f"{GOODS[at % 4]} S000{at:03d}",
            price=Decimal("12.00"),
            cost=Decimal("4.10"),
            reorder_point=10,
        )
        product.brand = brand if at % 3 else None
        product.save()
        ProductImage.objects.create(product=product, url=f"https://img.example/{at}.png")
        for position, variant in enumerate(product.variants.all()):
            if position == 0:
                variant.barcode = f"50{at:011d}"
                variant.save()
            for store in stores:
                factories.listed(
                    variant, store, external_id=f"L000{at:03d}:{position}", remote_price=Decimal("12.00"),
                    remote_quantity=40, sent_quantity=40,
                )  # fmt: skip
            factories.shelf(variant, "leeds", 5_000 if at < OPEN_SKUS else 40)
            factories.shelf(variant, "lyon", 60)
        search_text.refresh_after(products=[product.pk])
        at += size
    make_kits(stores)


def make_kits(stores: list[Any]) -> None:
    """Make products that are kits of two of the SKUs, listed in every store."""
    from catalogue.models import Variant
    from catalogue.services.kits import set_components
    from oms.kit.authors.actors import SYSTEM
    from tests import factories

    for number in range(SKUS, SKUS + KITS):
        kit = factories.product(
            sku_of(number), title=f"Set S000{number}", price=Decimal("20.00")
        ).variants.get()
        parts = Variant.objects.filter(sku__in=[sku_of(number - SKUS), sku_of(number - SKUS + 7)])
        set_components(kit, {one.pk: 1 for one in parts}, by=SYSTEM)
        for store in stores:
            factories.listed(kit, store, external_id=f"L000{number}:0", remote_price=Decimal("20.00"))


def sku_of(number: int) -> str:
    """Return the SKU of this number; those from `SKUS` on are kits, those from `UNKNOWN` on in no product."""
    if number >= UNKNOWN:
        return f"UNK-S000{number}"
    start = GOODS[number % 4][:3].upper() if number < SKUS else "SET"
    return f"{start}-S000{number:03d}"


def order_record(number: int, status: str, now: Any) -> Any:
    from channels.contract.records.orders import AddressRecord, OrderLineRecord, OrderRecord, RemoteState

    skus = _skus_of(number, status)
    lines = tuple(
        OrderLineRecord(
            external_id=f"{number}-{position}", title=f"{GOODS[sku % 4]} S000{sku:03d}",
            sku=sku_of(sku), quantity=quantity, unit_price=Decimal(12),
            total=Decimal(12) * quantity,
        )
        for position, (sku, quantity) in enumerate(skus)
    )  # fmt: skip
    items = sum((line.total for line in lines), Decimal(0))
    town, postcode = TOWNS[number % 5]
    name = f"{FIRST[number % 14]} {LAST[number // 14 % 11]}"
    is_open = status not in ("completed", "delivered", "in_transit", "cancelled")
    age = timedelta(hours=1 + number % 70) if is_open else timedelta(hours=80 + number * 8)
    place = AddressRecord(
        name=name,
        line1=f"{number} High Street",
        city=town,
        postcode=postcode,
        country="FR" if town == "Dijon" else "GB",
    )
    state = {"unpaid": RemoteState.UNPAID, "draft": RemoteState.DRAFT}.get(status, RemoteState.NEW)
    return OrderRecord(
        external_id=f"A000{number:03d}", number=f"A000{number:03d}", status_id="1" if status == "unpaid" else "2",
        status_name="Pending" if status == "unpaid" else "Processing", remote_state=state, placed_at=now - age,
        changed_at=now - age, currency="GBP", items_total=items, shipping_total=Decimal("3.95"),
        total=items + Decimal("3.95"), lines=lines, customer_name=name, customer_email=f"buyerA000{number:03d}@example.com",
        customer_phone=f"+44 7911 000{number:03d}", ship_to=place, bill_to=place, payment_method="Card",
        shipping_method="Tracked 48", ship_by_at=now - age + timedelta(hours=48),
        native={"id": number, "lines": [line.sku for line in lines], "address": {"name": name, "city": town}, "totals": [1] * 40},
    )  # fmt: skip


def _skus_of(number: int, status: str) -> list[tuple[int, int]]:
    """Return two SKUs of an order with their units; open orders and partial ones have SKUs of their own."""
    if status == "partial":
        # Three of ten wait for a SKU that is in no product: each for one of its own.
        return [(UNKNOWN + number, 1)] if number % 10 < 3 else [(SKUS - 1, 50), (OPEN_SKUS, 1)]
    if status == "completed" and number % 40 == 3:
        return [(SKUS + number // 40 % KITS, 1)]
    if status in ("completed", "delivered", "in_transit", "cancelled"):
        return [(number * 7 % OPEN_SKUS, 1), (number * 11 % OPEN_SKUS, 1 + number % 2)][
            : 1 + (number * 7 % OPEN_SKUS != number * 11 % OPEN_SKUS)
        ]
    return [(OPEN_SKUS + number % (SKUS - OPEN_SKUS - 1), 1)]


def make_orders(stores: list[Any]) -> None:
    """Import the orders, and move each to its status by the services."""
    from django.utils import timezone

    from channels.contract.records.orders import RemoteState
    from oms.kit.authors.actors import SYSTEM
    from orders.inbound import orders as inbound
    from orders.models import Order, Shipment
    from orders.services import carriers, completion, decisions, packing
    from orders.services.handing_over import manifests
    from tests import factories

    now = timezone.now()
    wanted = kinds()
    for at, store in enumerate(stores):
        numbers = range(at, ORDERS, len(stores))
        inbound.store_orders(store, [order_record(number, wanted[number], now) for number in numbers])
    ids = {int(number[4:]): pk for number, pk in Order.objects.values_list("number", "pk")}

    def of(*statuses: str) -> list[int]:
        return [ids[number] for number, status in enumerate(wanted) if status in statuses]

    carrier = carriers.save_carrier(
        name="Royal Mail", tracking_url="https://track.example/{number}", by=SYSTEM
    )
    shipped = of("in_transit", "delivered", "completed")
    packing.release([*of("rfp", "packed", "rts"), *shipped], by=SYSTEM)
    packing.pack([*of("packed", "rts"), *shipped], by=SYSTEM)
    for_shipping = [*of("rts"), *shipped]
    tracking = {pk: (carrier.pk, f"AB{pk:09d}GB") for pk in for_shipping}
    packing.mark_ready_to_ship(for_shipping, by=SYSTEM, tracking=tracking)
    ready = Shipment.objects.filter(order__in=shipped, state="ready")
    for code in ("leeds", "lyon"):
        place = factories.warehouse(code)
        chosen = list(ready.filter(warehouse=place).values_list("pk", flat=True))
        for start in range(0, len(chosen), 100):
            manifests.create_manifest(
                carrier=carrier, warehouse=place, shipment_ids=chosen[start : start + 100], by=SYSTEM
            )
    completion.mark_delivered(of("delivered", "completed"), by=SYSTEM)
    # On Etsy only the channel says that an order was delivered.
    there = [
        number for number in range(ORDERS) if number % 4 == 3 and wanted[number] in ("delivered", "completed")
    ]
    inbound.store_orders(
        stores[3],
        [
            replace(
                order_record(number, wanted[number], now), remote_state=RemoteState.DELIVERED, status_name="Delivered",
                changed_at=now, native={"id": number, "delivered": True},
            )
            for number in there
        ],
    )  # fmt: skip
    completion.note_delivered(
        [*of("delivered", "completed")][5:], by=SYSTEM
    )  # a person did so on the channel
    completion.complete(of("completed"), by=SYSTEM)
    decisions.cancel(of("cancelled"), reason="buyer asked", by=SYSTEM)
    decisions.confirm_cancel(of("cancelled"), by=SYSTEM)
    decisions.hold(of("new")[:5], reason="buyer asked to wait", by=SYSTEM)


def make_pattern() -> None:
    """Fill an empty database with the pattern. Everything that was to be sent counts as sent."""
    from django.db.models import F
    from django.utils import timezone

    from channels.models import OutboxMessage

    stores = make_stores()
    make_catalogue(stores)
    make_orders(stores)
    OutboxMessage.objects.update(sent=F("wanted"), sent_at=timezone.now(), is_held=False)
    _age_what_happened()
    _pattern_rest.make_rest(stores)


def _age_what_happened() -> None:
    """Move the instants of finished orders back to the days after they were placed: they were all made just now."""
    from django.db import connection

    with connection.cursor() as cursor:
        for table, columns in (
            (
                "orders_order",
                (
                    "read_at",
                    "released_at",
                    "shipped_at",
                    "delivered_at",
                    "completed_at",
                    "cancelled_at",
                    "cancel_asked_at",
                ),
            ),
            ("orders_shipment", ("packed_at", "ready_at", "handed_over_at", "delivered_at")),
            ("orders_orderevent", ("at",)),
        ):
            there = {column.name for column in connection.introspection.get_table_description(cursor, table)}
            moved = [name for name in columns if name in there]
            age = "(SELECT now() - o.placed_at - interval '2 hours' FROM orders_order o WHERE o.id = t.{})"
            key = age.format("id" if table == "orders_order" else "order_id")
            cursor.execute(
                f"UPDATE {table} t SET " + ", ".join(f"{name} = t.{name} - {key}" for name in moved)
            )
