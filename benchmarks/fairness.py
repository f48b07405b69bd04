"""How long the orders of a quiet store take while others disturb the orders lane: `qcluster` as `make run` starts it.

Five OpenCart stores, each sandbox in its own process. The quiet store gets an order each 0.8 s. `arrival` is the time from the
webhook's commit until the order is stored.

alone     only the quiet store
burst     the busy store sends 500 webhooks within about 4 s, each 10 s
slow      two stores answer after 15 s; each gets an order and a webhook each 3 s, and both of its order streams are due
hostile   a store answers with headers of 60 kB, 30 MB of JSON, JSON with 200,000 levels, and bytes that never end
all       the three together, for `--seconds=60`

`fairness --slow` chooses. Target: p95 of `arrival` at most 0.5 s above `alone`, measured in the same run.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from benchmarks._common import empty, figure, in_own_database, sandbox
from benchmarks.live_budget import lever, quiet

NAME = "fairness"
SECONDS = next((float(a.partition("=")[2]) for a in sys.argv if a.startswith("--seconds=")), 60.0)
EACH = 0.8
HOSTILE = ("headers", "huge", "deep", "text", "endless")


class Store:
    """A store and its sandbox."""

    def __init__(self, stack: ExitStack, name: str) -> None:
        from channels.stores import connect, services

        self.shop = stack.enter_context(sandbox("opencart", products=5, orders=20))
        self.row = connect.connect(channel="opencart", name=name, credentials=self.shop["credentials"])
        services.switch_on(connection=self.row)
        self.row.refresh_from_db()

    def place(self) -> str:
        """Place an order in the shop; return its number."""
        body = json.dumps({"lines": [{"product_id": 1, "quantity": 1}]}).encode()
        request = urllib.request.Request(f"{self.shop['url']}/_sandbox/place_order", body, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(json.load(answer)["order_id"])

    def notify(self, external_id: str) -> None:
        """Store a webhook and wake the lane, as the web server does."""
        from django.db import transaction

        from channels.models import WebhookEvent
        from channels.workers import enqueue

        with transaction.atomic():
            WebhookEvent.objects.create(
                connection=self.row,
                event_id=uuid.uuid4().hex,
                topic="order",
                stream="orders.changed",
                external_id=external_id,
            )
            enqueue.enqueue_webhooks(self.row.pk)

    def make_due(self) -> None:
        from django.utils import timezone

        from channels.workers import enqueue

        for stream in self.row.streams.filter(lane="orders"):
            self.row.streams.filter(pk=stream.pk).update(is_on=True, due_at=timezone.now(), not_before=None)
            enqueue.enqueue_pull(stream.pk, stream.lane)


@contextmanager
def repeating(act: Callable[[], object], each: float) -> Iterator[None]:
    """Call `act` again and again in another process until the block ends, so that this one only measures."""
    from django.db import connections

    def run() -> None:
        while True:
            act()
            time.sleep(each)

    connections.close_all()
    process = multiprocessing.get_context("fork").Process(target=run, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def arrivals(store: Store, length: float) -> list[float]:
    """Place an order each 0.8 s for this long; return how many seconds each took to be stored."""
    from orders.models import Order

    sent: dict[str, float] = {}
    took: list[float] = []
    end = time.monotonic() + length
    following = time.monotonic()
    while time.monotonic() < end or sent:
        if following <= time.monotonic() < end:
            following += EACH
            number = store.place()
            store.notify(number)
            sent[number] = time.monotonic()
        stored = Order.objects.filter(connection=store.row, external_id__in=list(sent))
        took += [
            time.monotonic() - sent.pop(number) for number in stored.values_list("external_id", flat=True)
        ]
        took += [120.0 for at in sent.values() if time.monotonic() - at > 120]
        sent = {number: at for number, at in sent.items() if time.monotonic() - at <= 120}
        time.sleep(0.02)
    return took


def report(scene: str, took: Sequence[float], **more: Any) -> None:
    found = sorted(took)
    p95 = found[min(int(len(found) * 0.95), len(found) - 1)]
    figure(
        NAME,
        "arrival_p95",
        p95,
        "s",
        scene=scene,
        orders=len(found),
        median=round(found[len(found) // 2], 3),
        longest=round(found[-1], 3),
        **more,
    )


def burst(busy: Store) -> None:
    for number in range(500):
        busy.notify(str(number % 20 + 1))
        time.sleep(0.008)


def slow_life(store: Store) -> None:
    store.notify(store.place())
    store.make_due()


@contextmanager
def hostile_store(store: Store) -> Iterator[None]:
    """Let a store's address lead to a hostile server, and its streams be due all the time."""
    command = [sys.executable, "-m", "tests.support.hostile", *HOSTILE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        old = store.row.credentials
        store.row.url = f"http://127.0.0.1:{port}/"
        store.row.credentials = {**old, "url": store.row.url}
        store.row.save()

        def live() -> None:
            from channels.models import Connection

            row = Connection.objects.filter(pk=store.row.pk)
            row.update(blocked_until=None, state="active")
            store.notify("7")
            store.make_due()

        try:
            with repeating(live, 1.0):
                yield
        finally:
            process.terminate()


def measure() -> None:
    from tests.support.workers import lane_process, work

    empty()
    scenes = [name for name in ("burst", "slow", "hostile", "all") if f"--{name}" in sys.argv]
    scenes = scenes or ["burst", "slow", "hostile", "all"]
    with ExitStack() as stack:
        calm, busy, slow, slower, bad = (
            Store(stack, name) for name in ("Quiet", "Busy", "Slow", "Slower", "Hostile")
        )
        work()
        quiet()
        with lane_process("orders", may_fail=True):
            time.sleep(6)
            report("alone", arrivals(calm, min(SECONDS, 20)))
            for scene in scenes:
                with ExitStack() as troubles:
                    if scene in ("slow", "all"):
                        for each in (slow, slower):
                            lever_faults(each, seconds=15)
                            troubles.enter_context(repeating(partial(slow_life, each), 3.0))
                    if scene in ("hostile", "all"):
                        troubles.enter_context(hostile_store(bad))
                    if scene in ("burst", "all"):
                        troubles.enter_context(repeating(lambda: burst(busy), 6.0))
                    time.sleep(2)
                    report(scene, arrivals(calm, SECONDS))
                for each in (slow, slower):
                    lever_faults(each, seconds=0)


def lever_faults(store: Store, *, seconds: float) -> None:
    urllib.request.urlopen(
        urllib.request.Request(f"{store.shop['url']}/_sandbox/faults", method="DELETE"), timeout=60
    ).close()
    if seconds:
        lever(store.shop, "faults", kind="slow", times=None, seconds=seconds, match="oms_connect")


if __name__ == "__main__":
    in_own_database(measure)
