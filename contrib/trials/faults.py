"""What happens to an installation in a round of `make chaos`. Each fault returns what it did, "" when there was nothing to do it to."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from contrib.trials import processes
from contrib.trials.installation import House
from contrib.trials.servers import Postgres, Redis, SmallDisk

FULL_SECONDS = 1.5
AWAY_SECONDS = 1.5


@dataclass
class Target:
    """What can be harmed: the installation, its servers and its disk. `server` is None on SQLite."""

    house: House
    server: Postgres | None
    redis: Redis
    disk: SmallDisk
    ports: set[int]
    dice: random.Random

    # ---------------------------------------------------------------- who is who

    def heads(self, word: str) -> list[int]:
        """Return the heads of the children of the supervisor whose command has this word."""
        if not self.house.is_running:
            return []
        assert self.house.process is not None
        return [pid for pid in processes.children(self.house.process.pid) if word in processes.command(pid)]

    def sentinels(self) -> list[int]:
        return [pid for head in self.heads("qcluster") for pid in processes.children(head)]

    def workers(self) -> list[int]:
        """Return the children of the lanes' guards: workers, the one that fetches tasks, the monitor of results."""
        return [pid for guard in self.sentinels() for pid in processes.children(guard)]

    def one_of(self, pids: list[int]) -> str:
        if not pids:
            return ""
        pid = self.dice.choice(pids)
        lane = processes.environment(pid, "Q_CLUSTER_NAME") or "web"
        return f"{lane} {pid}" if processes.kill(pid) else ""

    # ---------------------------------------------------------------- kills

    def kill_web(self) -> str:
        heads = self.heads("gunicorn")
        return self.one_of([pid for head in heads for pid in processes.children(head)] or heads)

    def kill_web_server(self) -> str:
        return self.one_of(self.heads("gunicorn"))

    def kill_lane(self) -> str:
        return self.one_of(self.heads("qcluster"))

    def kill_whole_lane(self) -> str:
        heads = self.heads("qcluster")
        if not heads:
            return ""
        head = self.dice.choice(heads)
        return f"{len(processes.kill(*processes.below(head)))} processes"

    def kill_guard(self) -> str:
        return self.one_of(self.sentinels())

    def kill_any_of_a_lane(self) -> str:
        return self.one_of(self.workers())

    def kill_in_a_call(self) -> str:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            if busy := processes.in_a_call(self.workers(), self.ports):
                return self.one_of(busy)
            time.sleep(0.002)
        return ""

    def kill_lock_holder(self) -> str:
        return self.one_of([pid for pid in self.workers() if processes.holds_the_lock(pid)])

    def kill_supervisor(self) -> str:
        if not self.house.is_running:
            return ""
        self.house.stop(signal.SIGKILL)
        broker = self.dice.choice(("orm", "redis")) if self.redis.process else "orm"
        self.house.start(OMS_QUEUE_BROKER=broker)
        return f"started again with the broker {broker}"

    # ---------------------------------------------------------------- servers and disk

    def cut_connections(self) -> str:
        assert self.server is not None
        with (
            suppress(psycopg.Error),
            psycopg.connect(self.server.admin_url, autocommit=True, connect_timeout=2) as line,
        ):
            rows = line.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND random() < %s",
                [self.server.database, self.dice.choice((0.5, 1.0))],
            ).fetchone()
            return f"{rows[0]} connections" if rows else ""
        return ""

    def crash_database(self) -> str:
        """SIGKILL the first process of PostgreSQL: its children end, the data is recovered at the next start."""
        assert self.server is not None
        pid = self.server.pid()
        if pid is None:
            return ""
        family = processes.below(pid)
        os.kill(pid, signal.SIGKILL)
        processes.kill(*family)
        time.sleep(AWAY_SECONDS)
        self.bring_back()
        return "away for 1.5 s"

    def lose_redis(self) -> str:
        if self.redis.process is None:
            return ""
        self.redis.kill()
        time.sleep(AWAY_SECONDS)
        self.redis.start()
        return "away for 1.5 s, empty afterwards"

    def fill_disk(self) -> str:
        """Fill the file system of the database; without the right to mount one, forbid every process to make a file longer."""
        if self.disk.is_mounted:
            self.disk.fill()
            time.sleep(FULL_SECONDS)
            self.disk.empty()
            self.bring_back()
            return "no block left for 1.5 s"
        if self.server is not None or not self.house.is_running:
            return ""
        assert self.house.process is not None
        family, length = processes.below(self.house.process.pid), self._longest_file()
        for pid in family:
            limit(pid, length)
        time.sleep(FULL_SECONDS)
        for pid in processes.below(self.house.process.pid):
            limit(pid, resource.RLIM_INFINITY)
        return f"no file longer than {length} bytes for 1.5 s"

    def _longest_file(self) -> int:
        files = Path(self.house.environment["OMS_VAR_DIR"]).glob("manifold.sqlite3*")
        return max((file.stat().st_size for file in files), default=0)

    def bring_back(self) -> None:
        """Start PostgreSQL again if it has ended, as its unit does."""
        if self.server is not None and self.server.is_own:
            for _try in range(20):
                if self.server.is_running():
                    return
                self.server.start()
                time.sleep(0.5)


def limit(pid: int, length: int) -> None:
    """Limit the length of the files that a process writes (soft limit)."""
    with suppress(OSError, ValueError):
        _soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (length, hard))


def kinds(target: Target) -> dict[str, tuple[int, Callable[[], str]]]:
    """Return the faults by name, each with its weight: how often it is chosen."""
    found: dict[str, tuple[int, Callable[[], str]]] = {
        "worker in a call": (6, target.kill_in_a_call),
        "idle worker with the lock": (3, target.kill_lock_holder),
        "any process of a lane": (4, target.kill_any_of_a_lane),
        "guard of a lane": (2, target.kill_guard),
        "head of a lane": (2, target.kill_lane),
        "all of a lane": (2, target.kill_whole_lane),
        "worker of the web server": (3, target.kill_web),
        "head of the web server": (1, target.kill_web_server),
        "supervisor": (1, target.kill_supervisor),
        "disk full": (2, target.fill_disk),
    }
    if target.server is not None:
        found["connections cut"] = (4, target.cut_connections)
        if target.server.is_own:
            found["database killed"] = (1, target.crash_database)
    if target.redis.process is not None:
        found["Redis killed"] = (2, target.lose_redis)
    return found
