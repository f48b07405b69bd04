"""500 labels, 500 packing slips and 500 invoices of 12 lines by the job that prints them: milliseconds each, peak memory."""

from __future__ import annotations

import os
import resource
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._common import figure, in_own_database, seconds

ORDERS = int(os.environ.get("BENCH_DOCUMENTS", "500"))
LINES = 12
#: Milliseconds for one document, megabytes of a process.
TARGETS = {"label": 20, "packing_slip": 40, "invoice": 40}
MEMORY = 250


def processor() -> float:
    """Return the seconds of processor that this process and its ended children have used."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def peak() -> float:
    """Return the largest memory of this process so far, in megabytes."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


def sold(store: Any) -> list[int]:
    """Create the orders, released."""
    from orders.models import Order
    from orders.services import packing
    from tests.documents import shelf
    from tests.orders import desk

    for at in range(LINES):
        desk.stocked(f"SKU-{at:02d}", leeds=100_000)
    records = []
    for number in range(ORDERS):
        lines = tuple(desk.line(f"{number}-{at}", f"SKU-{at:02d}", at % 3 + 1, "7.99") for at in range(LINES))
        records.append(desk.record(number + 1, lines=lines))
    for at in range(0, ORDERS, 50):
        desk.comes(store, *records[at : at + 50])
    ids = list(Order.objects.values_list("pk", flat=True))
    for at in range(0, ORDERS, 50):
        packing.release(ids[at : at + 50], by=desk.DESK)
    shelf.seller(store)
    return ids


def measure() -> None:
    """Print each kind once, from the start of the job to its file."""
    from django.contrib.auth import get_user_model

    from oms.kit import jobs
    from orders.documents import printing
    from tests.orders import desk

    ids = sold(desk.store("Fern"))
    user = get_user_model().objects.create_superuser("bench")
    for kind, target in TARGETS.items():
        job = printing.start(kind=kind, user=user, orders=ids)
        before = processor()
        taken = seconds(partial(jobs.run_here, job))
        used = processor() - before
        job.refresh_from_db()
        path = printing.file_of(job)
        assert path is not None, job.message
        figure(
            "documents", kind, taken * 1000 / len(ids), "ms each", target=target, orders=len(ids),
            processor_ms=round(used * 1000 / len(ids), 1), megabytes=round(path.stat().st_size / 2**20, 1), state=job.state, refused=job.refused,
        )  # fmt: skip
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        figure("documents", f"memory of the child, so far ({kind})", children, "MB", target=MEMORY)
    figure("documents", "memory of the worker", peak(), "MB", target=MEMORY)


if __name__ == "__main__":
    in_own_database(measure)
