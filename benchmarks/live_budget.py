"""How much of a channel's request limits live workers use: `qcluster` as `make run` starts it, two processes a lane.

Sandboxes in own processes, real limits, more work than requests. The calls are read from the call log.

used      requests made / requests allowed while there was work. Bucket (OpenCart 20 + 10/s): capacity + rate x time from
          the first request to the last. Window (BigCommerce 150 in 30 s): 150 for each whole window of the channel.
over      answers 429, and by how many requests any period went over the bucket (target 0)
asleep    the longest time in which a request was allowed, none was running, and none was made

stock     two OpenCart stores on the stock lane, full batches
window    two BigCommerce stores on the default lane: a request for each listing, an empty bucket again and again
many      as `window`, four stores for the two workers
killed    as `window`; one of the two workers is killed (SIGKILL) in the middle of a window, the other store must not be slower

`live_budget --stock --window` chooses. About twelve minutes, most of them spent waiting.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks._common import figure, in_own_database, sandbox

NAME = "live_budget"
SKUS = 20_000
LISTINGS = 600
WINDOW, QUOTA = 30.0, 150


# ---------------------------------------------------------------- the workers


def quiet() -> None:
    """Empty the queue and switch all streams off, so that only the measured work is done."""
    from django_q.models import OrmQ, Schedule

    from channels.models import CallLog, SyncStream, WakeUp
    from oms import schedules
    from oms.kit.models import Job

    SyncStream.objects.update(is_on=False, due_at=None)
    Job.objects.all().delete()
    OrmQ.objects.all().delete()
    Schedule.objects.all().delete()
    schedules.upsert()
    WakeUp.objects.all().delete()
    CallLog.objects.all().delete()


def wait_until_sent(lane: str, limit: float = 900.0) -> None:
    """Wait until this lane has no message to send. Messages for another lane do not count."""
    from channels.models import OutboxMessage

    messages = OutboxMessage.objects.filter(lane=lane)
    end = time.monotonic() + limit
    while messages.waiting().exists():
        assert time.monotonic() < end, f"{messages.waiting().count()} still wait after {limit:g} s"
        time.sleep(0.2)
    assert not messages.parked().exists(), messages.parked()[0].last_error


# ---------------------------------------------------------------- what is read from the calls

Call = tuple[float, float, int]  # start, end, HTTP status


def calls_of(store: Any) -> list[Call]:
    from channels.models import CallLog

    rows = CallLog.objects.filter(connection=store).order_by("at", "pk")
    return [
        (at.timestamp(), at.timestamp() + milliseconds / 1000, status or 0)
        for at, milliseconds, status in rows.values_list("at", "milliseconds", "status")
    ]


def over(moments: Sequence[float], capacity: float, rate: float) -> float:
    """Return by how many requests any period went over the bucket."""
    worst, level, before = 0.0, capacity, moments[0]
    for moment in moments:
        level = min(level + (moment - before) * rate, capacity) - 1
        worst, before = max(worst, -level), moment
    return worst


def asleep(calls: Sequence[Call], *, capacity: float, rate: float, reserve: float) -> list[float]:
    """Return, for each request but the first, the seconds in which it was allowed and no other was running."""
    found, level = [], capacity - 1
    for one, next_one in pairwise(calls):
        missing = max(1 + reserve - level, 0.0)
        allowed_at = max(one[0] + missing / rate, one[1])
        found.append(max(next_one[0] - allowed_at, 0.0))
        level = min(level + (next_one[0] - one[0]) * rate, capacity) - 1
    return found


def report(scene: str, store: Any, *, capacity: float, rate: float, rank: float) -> None:
    calls = calls_of(store)
    moments = [call[0] for call in calls]
    span = moments[-1] - moments[0]
    more = {"scene": scene, "store": store.name, "requests": len(calls), "seconds": round(span, 1)}
    refused = sum(call[2] == 429 for call in calls)
    if capacity == QUOTA:
        whole = int(span // WINDOW)
        inside = sum(moment - moments[0] < whole * WINDOW for moment in moments)
        figure(NAME, "used_of_allowed", inside / (QUOTA * whole), "ratio", target=0.9, windows=whole, **more)
    else:
        figure(NAME, "used_of_allowed", len(calls) / (capacity + rate * span), "ratio", target=0.9, **more)
        figure(NAME, "more_than_allowed", over(moments, capacity, rate), "requests", target=0, **more)
    figure(NAME, "refused", refused, "requests", target=0, **more)
    gaps = asleep(calls, capacity=capacity, rate=rate, reserve=capacity * rank)
    figure(NAME, "asleep", max(gaps), "s", median=round(statistics.median(gaps), 3), **more)


# ---------------------------------------------------------------- the scenes


def opencart_store(shop: Mapping[str, Any], name: str, products: Sequence[Any]) -> Any:
    """Create a store that lists these products; written by COPY, because a first sync is measured elsewhere."""
    from catalogue.models import Listing, ListingVariant
    from channels.stores import connect
    from inventory.models import Warehouse, WarehouseMapping
    from oms.kit.bulk import insert

    store = connect.connect(channel="opencart", name=name, credentials=shop["credentials"])
    store.is_read_only = False
    store.save()
    place = Warehouse.objects.get(code="LEEDS")
    WarehouseMapping.objects.filter(connection=store).delete()
    WarehouseMapping.objects.create(connection=store, warehouse=place, priority=1, is_default=True)
    listings = [
        Listing(product=variant.product, connection=store, external_id=str(number), state="active")
        for number, variant in enumerate(products, start=1)
    ]
    insert(listings)
    insert(
        [
            ListingVariant(
                listing=listing,
                connection=store,
                variant=variant,
                external_id=listing.external_id,
                external_sku=variant.sku,
                sku_key=variant.sku_key,
            )
            for listing, variant in zip(listings, products, strict=True)
        ],
        keys=False,
    )
    return store


def stock() -> None:
    from catalogue.models import Product, Variant
    from inventory.models import StockItem, Warehouse
    from inventory.stock_changes import availability_changed
    from oms.kit.bulk import insert
    from tests.support.workers import lane_process

    place = Warehouse.objects.create(code="LEEDS", name="Leeds")
    products = [Product(title=f"Product {number}") for number in range(SKUS)]
    insert(products)
    variants = [
        Variant(product=product, sku=f"SKU-{number}", sku_key=f"sku-{number}")
        for number, product in enumerate(products)
    ]
    insert(variants)
    insert([StockItem(variant=variant, warehouse=place, on_hand=50) for variant in variants], keys=False)
    with ExitStack() as stack:
        shops = [stack.enter_context(sandbox("opencart", products=SKUS, orders=0)) for _number in range(2)]
        stores = [opencart_store(shop, f"Shop {n}", variants) for n, shop in enumerate(shops, start=1)]
        quiet()
        with lane_process("stock"):
            time.sleep(4)  # until the workers have started
            availability_changed([variant.pk for variant in variants])
            wait_until_sent("stock")
        for store in stores:
            report("stock", store, capacity=20, rate=10, rank=0.1)


def bigcommerce_store(shop: Mapping[str, Any], name: str) -> Any:
    """Create a store: the first sync without limits, then with the limits of the plan."""
    from benchmarks.first_sync import work
    from channels.models import Budget
    from channels.stores import connect, services

    store = connect.connect(channel="bigcommerce", name=name, credentials=shop["credentials"])
    work(store)
    services.switch_on(connection=store)
    lever(shop, "configure", quota=QUOTA, window_ms=int(WINDOW * 1000))
    Budget.objects.filter(pk=store.pk).update(capacity=QUOTA, tokens=QUOTA, per_second=QUOTA / WINDOW)
    store.refresh_from_db()
    return store


def lever(shop: Mapping[str, Any], name: str, **values: Any) -> None:
    request = urllib.request.Request(
        f"{shop['url']}/_sandbox/{name}", json.dumps(values).encode(), method="POST"
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def ask_for_each_listing(stores: Sequence[Any]) -> None:
    from catalogue.models import Listing
    from channels.push import outbox, topics

    rows = Listing.objects.filter(connection__in=stores).values_list("connection_id", "pk")
    outbox.touch(topics.Topic.LISTING_ACTIVE, rows)


def window(scene: str = "window", count: int = 2) -> None:
    from tests.support.workers import lane_process

    with ExitStack() as stack:
        shops = [
            stack.enter_context(sandbox("bigcommerce", products=LISTINGS, orders=0)) for _n in range(count)
        ]
        stores = [bigcommerce_store(shop, f"Store {n}") for n, shop in enumerate(shops, start=1)]
        quiet()
        with lane_process("default"):
            time.sleep(WINDOW)  # earlier calls no longer count: the first window begins with the first call
            ask_for_each_listing(stores)
            wait_until_sent("default")
        for store in stores:
            report(scene, store, capacity=QUOTA, rate=QUOTA / WINDOW, rank=0.3)


def killed() -> None:
    from channels.models import CallLog
    from tests.support.workers import lane_process

    with ExitStack() as stack:
        shops = [
            stack.enter_context(sandbox("bigcommerce", products=LISTINGS // 2, orders=0)) for _n in range(2)
        ]
        stores = [bigcommerce_store(shop, f"Store {n}") for n, shop in enumerate(shops, start=1)]
        quiet()
        with lane_process("default") as processes:
            time.sleep(WINDOW)
            ask_for_each_listing(stores)
            while CallLog.objects.count() < QUOTA // 2:
                time.sleep(0.05)
            with suppress(ProcessLookupError):
                os.kill(max(processes(), key=ticks), signal.SIGKILL)
            wait_until_sent("default")
        for store in stores:
            report("killed", store, capacity=QUOTA, rate=QUOTA / WINDOW, rank=0.3)


def ticks(pid: int) -> int:
    """Return the processor time that a process has used, in clock ticks; -1 for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return -1
    return int(fields[11]) + int(fields[12])


def measure() -> None:
    from benchmarks._common import empty

    scenes = {
        "stock": stock,
        "window": window,
        "many": lambda: window("many", count=4),
        "killed": killed,
    }
    for name in [name for name in scenes if f"--{name}" in sys.argv] or list(scenes):
        empty()
        scenes[name]()


if __name__ == "__main__":
    in_own_database(measure)
