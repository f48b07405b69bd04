"""What idle lanes cost, and how long a task takes to start: all three lanes as `make run` starts them.

Each database with django-q2's own broker (a poll each 0.1 s; on SQLite with a new connection for each) and with ours, one
after the other in one run.

statements    statements a second of all processes of the lanes, while nothing happens
processor     processor time of all processes of the lanes, % of one core
start         from the commit of a task until it starts, in the orders lane; one task each 0.25 s

`idle --sqlite` or `--postgresql` chooses; `--seconds=30` is the length of each idle period.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._common import URL, figure

NAME = "idle"
SECONDS = next((float(a.partition("=")[2]) for a in sys.argv if a.startswith("--seconds=")), 30.0)
TASKS = 60

SEND = """
import json, random, sys, time
import django
django.setup()
from django.db import transaction
from django_q.tasks import async_task
for _number in range(int(sys.argv[1])):
    with transaction.atomic():
        async_task("benchmarks._probe.started", time.time(), cluster="orders")
    time.sleep(0.25 * random.uniform(0.5, 1.5))
"""


def below(pid: int) -> list[int]:
    """Return a process and all processes below it."""
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += below(int(child))
    return found


def processor(pids: list[int]) -> float:
    """Return the processor seconds that these processes have used."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def counted(folder: Path) -> int:
    return sum(int(path.read_text() or 0) for path in folder.iterdir())


@contextmanager
def lanes(environment: dict[str, str]) -> Iterator[list[int]]:
    """Run the three lanes; yield the ids of all their processes."""
    heads = [
        subprocess.Popen(
            [sys.executable, "manage.py", "qcluster"],
            env={**environment, "Q_CLUSTER_NAME": lane},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for lane in ("orders", "stock", "default")
    ]
    try:
        time.sleep(15)  # until all have started and the first tick is over
        yield [pid for head in heads for pid in below(head.pid)]
    finally:
        for head in heads:
            head.terminate()
        for head in heads:
            head.wait()


def scene(name: str, environment: dict[str, str], folder: Path) -> None:
    counts, starts = folder / "counts", folder / "starts"
    counts.mkdir(exist_ok=True)
    for path in counts.iterdir():
        path.unlink()
    starts.write_text("")
    environment = {**environment, "BENCH_COUNTS": str(counts), "BENCH_STARTS": str(starts)}
    with lanes(environment) as pids:
        before, statements, began = processor(pids), counted(counts), time.monotonic()
        time.sleep(SECONDS)
        length = time.monotonic() - began
        figure(NAME, "processor", 100 * (processor(pids) - before) / length, "%", scene=name)
        figure(NAME, "statements", (counted(counts) - statements) / length, "/s", scene=name)
        subprocess.run([sys.executable, "-c", SEND, str(TASKS)], env=environment, check=True)
        time.sleep(2)
        took = sorted(1000 * float(line) for line in starts.read_text().split())
    figure(
        NAME,
        "start",
        took[len(took) // 2],
        "ms",
        scene=name,
        tasks=len(took),
        p95=round(took[int(len(took) * 0.95)], 1),
        longest=round(took[-1], 1),
        load=round(os.getloadavg()[0], 1),
    )


def main() -> None:
    chosen = [name for name in ("sqlite", "postgresql") if f"--{name}" in sys.argv] or [
        "sqlite",
        "postgresql",
    ]
    random.seed(1)
    with TemporaryDirectory(prefix="bench-idle-") as place:
        base = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OMS_", "Q_"))},
            "DJANGO_SETTINGS_MODULE": "benchmarks._counted",
            "OMS_ENV_FILE": "",
            "OMS_VAR_DIR": place,
            "OMS_DEMO": "true",
            "OMS_HTTPS": "false",
            "SECRET_KEY": "only-for-the-benchmark-0123456789-abcdefghijklmnopqrstuvwxyz",
            "PYTHONPATH": str(Path.cwd()),
            "REDIS_URL": "",
        }
        for database in chosen:
            environment = {**base, "DATABASE_URL": URL if database == "postgresql" else ""}
            subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], env=environment, check=True)
            scene(f"{database}, polling", {**environment, "BENCH_POLL": "1"}, Path(place))
            scene(f"{database}, woken", environment, Path(place))


if __name__ == "__main__":
    main()
