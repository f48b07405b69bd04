"""Shared code of the benchmarks: an own database on PostgreSQL, one line for each figure, a sandbox in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

URL = os.environ.get("BENCH_DATABASE_URL") or os.environ.get("DATABASE_URL", "")
#: All figures of this run, for the table at its end.
FIGURES: list[dict[str, Any]] = []
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))


def figure(bench: str, name: str, value: float, unit: str, **more: Any) -> None:
    """Print one figure as a JSON line, and remember it."""
    line = {"bench": bench, "figure": name, "value": round(value, 4), "unit": unit, **more}
    FIGURES.append(line)
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def seconds(act: Callable[[], object]) -> float:
    """Return how many seconds `act()` takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def use_settings() -> None:
    """Start Django with the settings of the tests, on the PostgreSQL server that BENCH_DATABASE_URL names."""
    if not URL.startswith("postgres"):
        sys.exit("Name the PostgreSQL server: BENCH_DATABASE_URL=postgres://user@host:5432/name make bench")
    os.environ["DATABASE_URL"] = URL
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()


def in_own_database(measure: Callable[[], None]) -> None:
    """Run `measure` with the settings of the tests, in a database that is created for it and deleted afterwards."""
    use_settings()
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    connection.settings_dict["TEST"]["NAME"] = f"bench_{os.getpid()}"
    made = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    try:
        measure()
    finally:
        teardown_databases(made, verbosity=0)


def empty() -> None:
    """Delete all rows, so that the next round begins with an empty installation."""
    from django.core.management.color import no_style
    from django.db import connection

    tables = [name for name in connection.introspection.django_table_names() if name != "django_migrations"]
    connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), tables, reset_sequences=False))


@contextmanager
def sandbox(channel: str, *, products: int, orders: int) -> Iterator[dict[str, Any]]:
    """Run a channel's sandbox of this size in its own process; yield its address and credentials."""
    command = [sys.executable, "manage.py", "sandbox", channel, "--json", "--seed", "empty"]
    command += ["--products", str(products), "--orders", str(orders)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
