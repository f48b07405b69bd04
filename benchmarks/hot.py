"""How many updates of the hot tables PostgreSQL makes within a page, without touching an index (HOT).

200 changes of stock of 300 SKUs in 4 stores, each sent to all stores, with a null adapter. The shares come from
`pg_stat_user_tables`. Target: half of all updates of the outbox and of the stock.
"""

from __future__ import annotations

import random
from typing import Any

from benchmarks import push_stock
from benchmarks._common import figure, in_own_database

NAME = "hot"
SKUS = 300
CHANGES = 200
TARGETS = {
    "inventory_stockitem": 0.5,
    "channels_outboxmessage": 0.5,
    "catalogue_listingvariant": 0.5,
    "channels_wakeup": 0.5,
}


def updates(cursor: Any) -> dict[str, tuple[int, int]]:
    """Return (updates, of these HOT) of each table."""
    cursor.execute("SELECT pg_stat_force_next_flush()")
    cursor.execute("SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables")
    return {name: (both, hot) for name, both, hot in cursor.fetchall()}


def measure() -> None:
    from django.db import connection

    from catalogue.models import Variant
    from channels.push import dispatcher
    from inventory.models import Warehouse
    from inventory.services.adjust import adjust
    from inventory.stock_changes import availability_changed
    from oms.kit.authors.actors import SYSTEM

    push_stock.SKUS = SKUS
    stores = push_stock.prepare()
    adapter = push_stock.NullAdapter()
    vars(dispatcher)["adapter_of"] = lambda _store: adapter
    place = Warehouse.objects.order_by("pk")[0]
    variants = list(Variant.objects.order_by("pk"))
    chosen = random.Random(1)

    def change() -> None:
        adjust(variant=chosen.choice(variants), warehouse=place, delta=1, reason="found", by=SYSTEM)
        for store in stores:
            while dispatcher.dispatch(store.pk, "stock"):
                pass

    availability_changed([variant.pk for variant in variants])  # each SKU has its messages, as after a while
    for store in stores:
        while dispatcher.dispatch(store.pk, "stock"):
            pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        before = updates(cursor)
    for _change in range(CHANGES):
        change()
    with connection.cursor() as cursor:
        after = updates(cursor)
    for table, target in TARGETS.items():
        made, hot = (now - was for now, was in zip(after[table], before[table], strict=True))
        figure(
            NAME, f"{table}: share of updates within a page", hot / made, "ratio", target=target, updates=made
        )


def main() -> None:
    in_own_database(measure)


if __name__ == "__main__":
    main()
