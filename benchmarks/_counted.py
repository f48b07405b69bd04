"""Settings for `benchmarks.idle`: the project's, with a count of statements; BENCH_POLL=1 with django-q2's own broker."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from django.db.backends.signals import connection_created

from oms.settings import *  # noqa: F403
from oms.settings import DATABASES, Q_CLUSTER

if os.environ.get("BENCH_POLL"):
    Q_CLUSTER = {**Q_CLUSTER, "broker_class": "oms.kit.background.queue.OrmBroker"}
    if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        DATABASES["default"]["CONN_MAX_AGE"] = 0

_state = {"count": 0, "written": 0.0}


def _count(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
    _state["count"] += 1
    if time.monotonic() - _state["written"] > 0.5:
        _state["written"] = time.monotonic()
        (Path(os.environ["BENCH_COUNTS"]) / str(os.getpid())).write_text(str(_state["count"]))
    return execute(sql, params, many, context)


def _install(connection: Any, **_signal: Any) -> None:
    from oms.kit.background import queue  # not before the apps are loaded

    queue.declare("benchmarks._probe", "started")
    if _count not in connection.execute_wrappers:
        connection.execute_wrappers.append(_count)


if os.environ.get("BENCH_COUNTS"):
    connection_created.connect(_install, weak=False)
