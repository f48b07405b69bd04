"""From changed stock to sent quantities: 10,000 SKUs in 4 stores, 40,000 quantities, without network (performance W3).

computed   `offers` of every store, split into the channel's batches | floor: one SQL statement that returns the batches
stored     the dispatcher as a worker runs it: lease, offers, send, store the sent quantity, settle the outbox
           | floor: one UPDATE .. RETURNING that stores the sent quantity

Interleaved rounds; rates are medians, ratios the medians of the rounds' own. `--quick`: 1,000 SKUs.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks._common import ROUNDS, figure, in_own_database, seconds

NAME = "push_stock"
SKUS = 1_000 if "--quick" in sys.argv else 10_000
STORES = 4
BATCH = 100

_SUMS = """
    SELECT lv.id, lv.connection_id, lv.external_id, GREATEST(SUM(si.on_hand - si.allocated), 0) AS units
    FROM catalogue_listingvariant lv
    JOIN inventory_warehousemapping wm ON wm.connection_id = lv.connection_id
    JOIN inventory_stockitem si ON si.warehouse_id = wm.warehouse_id AND si.variant_id = lv.variant_id
    GROUP BY lv.id
"""
_ONE_SQL = f"""
    WITH sums AS ({_SUMS}),
    numbered AS (SELECT *, (row_number() OVER (PARTITION BY connection_id ORDER BY id) - 1) / {BATCH} AS batch FROM sums)
    SELECT connection_id, batch, json_agg(json_build_object('id', external_id, 'quantity', units))
    FROM numbered GROUP BY connection_id, batch
"""
_STORED_SQL = f"""
    UPDATE catalogue_listingvariant t SET sent_quantity = sums.units, sent_at = now() FROM ({_SUMS}) sums
    WHERE t.id = sums.id RETURNING t.connection_id, t.external_id, t.sent_quantity
"""


class NullAdapter:
    """Accepts every batch."""

    def __init__(self) -> None:
        self.accepted = 0

    def push_stock(self, updates: Sequence[Any]) -> list[Any]:
        from channels.contract.records.updates import Outcome

        self.accepted += len(updates)
        return [Outcome(update.ref) for update in updates]


def prepare() -> list[Any]:
    from catalogue.models import Listing, ListingVariant, Product, Variant
    from channels.models import Connection
    from inventory.models import StockItem, Warehouse, WarehouseMapping
    from oms.kit.bulk import insert

    stores = [
        Connection.objects.create(
            name=f"Bench {number}",
            channel="opencart",
            fingerprint=f"b{number}",
            currency="GBP",
            is_read_only=False,
        )
        for number in range(STORES)
    ]
    places = [Warehouse.objects.create(code=code, name=code) for code in ("LEEDS", "LYON")]
    for store in stores:
        for priority, place in enumerate(places):
            WarehouseMapping.objects.create(
                connection=store, warehouse=place, priority=priority, is_default=not priority
            )
    products = [Product(title=f"Product {sku}") for sku in range(SKUS)]
    insert(products)
    variants = [
        Variant(product=product, sku=f"SKU-{sku}", sku_key=f"sku-{sku}")
        for sku, product in enumerate(products)
    ]
    insert(variants)
    insert(
        [StockItem(variant=variant, warehouse=place, on_hand=50) for variant in variants for place in places],
        keys=False,
    )
    for store in stores:
        listings = [
            Listing(product=product, connection=store, external_id=str(sku), state="active")
            for sku, product in enumerate(products)
        ]
        insert(listings)
        insert(
            [
                ListingVariant(
                    listing=listing,
                    connection=store,
                    variant=variant,
                    external_id=str(sku),
                    external_sku=variant.sku,
                    sku_key=variant.sku_key,
                )
                for sku, (listing, variant) in enumerate(zip(listings, variants, strict=True))
            ],
            keys=False,
        )
    return stores


def fetched(sql: str) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def computed(stores: Sequence[Any]) -> None:
    from inventory.offers.compute import offers

    batches = []
    for store in stores:
        found = list(offers(store).values())
        batches += [found[at : at + BATCH] for at in range(0, len(found), BATCH)]
    assert sum(map(len, batches)) == SKUS * STORES


def stored_floor() -> None:
    by_store: dict[int, list[Any]] = {}
    for store_id, external_id, units in fetched(_STORED_SQL):
        by_store.setdefault(store_id, []).append((external_id, units))
    assert [len(rows) for rows in by_store.values()] == [SKUS] * STORES


def measure() -> None:
    from django.db import connection

    from catalogue.models import Variant
    from channels.models import OutboxMessage
    from channels.push import dispatcher
    from inventory.models import StockItem
    from inventory.stock_changes import availability_changed

    stores = prepare()
    adapter = NullAdapter()
    vars(dispatcher)["adapter_of"] = lambda _store: adapter
    variants = list(Variant.objects.values_list("pk", flat=True))
    takes: dict[str, list[float]] = {}

    def dispatched() -> None:
        for store in stores:
            while dispatcher.dispatch(store.pk, "stock"):
                pass

    for turn in range(ROUNDS):
        StockItem.objects.update(on_hand=60 + turn)
        takes.setdefault("touch", []).append(seconds(lambda: availability_changed(variants)))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        before = adapter.accepted
        for name, act in (
            ("computed", lambda: computed(stores)),
            ("one_sql", lambda: fetched(_ONE_SQL)),
            ("stored", dispatched),
            ("stored_sql", stored_floor),
        ):
            takes.setdefault(name, []).append(seconds(act))
        assert adapter.accepted - before == SKUS * STORES
        assert not OutboxMessage.objects.due().exists()
    total = SKUS * STORES
    for name, found in takes.items():
        figure(
            NAME,
            name,
            total / statistics.median(found),
            "quantities/s",
            skus=SKUS,
            stores=STORES,
            rounds=ROUNDS,
        )
    for name, measured, floor in (("computed", "computed", "one_sql"), ("stored", "stored", "stored_sql")):
        ratio = statistics.median(b / a for a, b in zip(takes[measured], takes[floor], strict=True))
        figure(NAME, f"{name}_to_floor", ratio, "ratio", target=0.5)


if __name__ == "__main__":
    in_own_database(measure)
