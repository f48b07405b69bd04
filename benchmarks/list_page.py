"""A page of 100 orders of 1,000,000, beside the tuned admin of Django over as many, in one run.

Each is a process of its own (`_peer_admin.py` needs other settings); they answer in turn, so that the machine's load meets both.
`busy` compares the processor time of the two processes: it moves less on a machine that is shared.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from typing import Any

from benchmarks import million
from benchmarks._common import ROUNDS, URL, figure, use_settings

NAME = "list_page"
PEER, ORDERS = "bench_peer_admin", 1_000_000
OURS = "/admin/orders/order/?rows=100"
THEIRS = "/admin/admin/order/"
TIMES = max(ROUNDS, 5) * 3
SERVE = """
import sys
from benchmarks import million
from benchmarks._common import use_settings
use_settings()
million.use(million.LARGE)
from django.contrib.auth import get_user_model
from django.test import Client
from benchmarks import list_page
users = get_user_model().objects
client = Client()
client.force_login(users.filter(username="bench").first() or users.create_superuser("bench"))
list_page.serve(client)
"""


def serve(client: Any) -> None:
    """Answer each address of standard input with one line of JSON, as `_peer_admin.serve` does."""
    import time

    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for line in sys.stdin:
        with CaptureQueriesContext(connection) as asked:
            client.get(line.strip())
            statements = len(asked)
        began, busy = time.perf_counter(), time.process_time()
        answer = client.get(line.strip())
        took, used = time.perf_counter() - began, time.process_time() - busy
        found = {
            "s": took, "busy": used, "statements": statements, "bytes": len(answer.content), "status": answer.status_code,
        }  # fmt: skip
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


def started(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )


def ask(process: subprocess.Popen[str], address: str) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(address + "\n")
    process.stdin.flush()
    found: dict[str, Any] = json.loads(process.stdout.readline())
    assert found["status"] == 200, (address, found)
    return found


def main() -> None:
    use_settings()
    million.ready()
    from django.db import connection

    more: list[str] = []
    if not million.exists(PEER):
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {PEER}")
        more = [str(ORDERS)]
    connection.close()
    both = started("-c", SERVE), started("-m", "benchmarks._peer_admin", URL, PEER, *more)
    try:
        for process, address in zip(both, (OURS, THEIRS), strict=True):
            ask(process, address)
        rounds = [(ask(both[0], OURS), ask(both[1], THEIRS)) for _round in range(TIMES)]
    finally:
        for process in both:
            process.terminate()
            process.wait()
    for what, name in (
        ("s", "a page of 100 orders, to the tuned admin"),
        ("busy", "the same, processor time"),
    ):
        ours, theirs = (statistics.median(one[at][what] for one in rounds) for at in (0, 1))
        figure(
            NAME,
            name,
            statistics.median(one[0][what] / one[1][what] for one in rounds),
            "ratio",
            target=1.0,
            ms=round(ours * 1000, 1),
            twin_ms=round(theirs * 1000, 1),
            statements=rounds[0][0]["statements"],
            their_statements=rounds[0][1]["statements"],
            bytes=rounds[0][0]["bytes"],
            their_bytes=rounds[0][1]["bytes"],
            load=round(os.getloadavg()[0], 1),
        )


if __name__ == "__main__":
    main()
