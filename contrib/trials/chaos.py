"""`make chaos`: harm a running installation round after round while orders, stock changes and parcels flow; then count.

    ROUNDS=200 SEED=7 make chaos                 both databases; SQLite gets a quarter of the rounds
    python -m contrib.trials.chaos --only=sqlite --rounds=50 --seed=7

PostgreSQL and Redis are servers of the trial's own where their programs are installed; root also gets a small file system that
can be filled. Otherwise DATABASE_URL names the server (its database `trial_...` is made and dropped), and faults of the server are left out.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg

from contrib.trials import faults, rest, sums
from contrib.trials.desk import Desk
from contrib.trials.installation import House, Shops, connect, settings_of
from contrib.trials.servers import Postgres, Redis, SmallDisk, answers, free_port, programs

ROUNDS = {"postgresql": 200, "sqlite": 50}
ROUND_SECONDS = 1.0


class Trial:
    """One run on one database."""

    def __init__(self, database: str, rounds: int, seed: int, stack: ExitStack) -> None:
        self.database, self.rounds, self.dice = database, rounds, random.Random(seed)
        self.stack = stack
        self.applied: Counter[str] = Counter()
        self.idle: Counter[str] = Counter()
        self.stores: list[Any] = []

    # ---------------------------------------------------------------- begin

    def prepare(self) -> None:
        """Start the servers, make the database, connect the shops, start the installation."""
        folder = Path(
            self.stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True))
        )
        folder.chmod(0o755)
        self.folder = folder
        self.disk = SmallDisk(folder / "disk", 640 if self.database == "postgresql" else 160)
        self.disk.mount()
        self.stack.callback(self.disk.unmount)
        self.redis = Redis(folder)
        self.redis.start()
        self.stack.callback(self.redis.kill)
        if self.redis.process:
            answers(self.redis.port)
        self.server: Postgres | None = None
        if self.database == "postgresql":
            self.server = self._server(self.disk.folder / "server")
        var = folder / "var" if self.server else self.disk.folder / "var"
        var.mkdir()
        port = free_port()
        environment = settings_of(
            var,
            database=self.server.url if self.server else "",
            redis=self.redis.url if self.redis.process else "",
            broker="orm",
            host="127.0.0.1",
            port=port,
        )
        os.environ.clear()
        os.environ.update(environment)
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True)
        import django

        django.setup()
        logging.disable(logging.WARNING)
        self.shops = Shops()
        self.stack.enter_context(self.shops.stack)
        self.shops.start()
        environment.update(self.shops.environment())
        os.environ.update(environment)
        self.stores = connect(self.shops)
        self.house = House(var, environment, port=port)
        self.stack.callback(self.house.stop)
        self.desk = Desk(self.house, self.shops, self.dice)
        self.desk.open()
        os.nice(int(os.environ.get("NICE", "0")))
        self.house.start()
        if not self.house.answers(240):
            raise SystemExit(f"The web server did not start; see {var}/log.")
        self.target = faults.Target(
            self.house,
            self.server,
            self.redis,
            self.disk,
            self.shops.ports,
            random.Random(self.dice.random()),
        )

    def _server(self, folder: Path) -> Postgres:
        folder.mkdir(parents=True, exist_ok=True)
        given = "" if programs() else os.environ.get("DATABASE_URL", "")
        if not given and not programs():
            raise SystemExit(
                "Install PostgreSQL, or name a server: DATABASE_URL=postgres://user@host:5432/name make chaos"
            )
        server = Postgres(folder, given=given, database=f"trial_{os.getpid()}")
        server.create()
        self.stack.callback(server.stop)
        for _try in range(100):
            with (
                suppress(psycopg.Error),
                psycopg.connect(server.admin_url, autocommit=True, connect_timeout=2) as line,
            ):
                line.execute(f"CREATE DATABASE {server.database}")
                break
            time.sleep(0.1)
        if given:
            self.stack.callback(self._drop, server)
        return server

    @staticmethod
    def _drop(server: Postgres) -> None:
        with psycopg.connect(server.admin_url, autocommit=True) as line:
            line.execute(f"DROP DATABASE {server.database} WITH (FORCE)")

    # ---------------------------------------------------------------- rounds

    def run(self) -> None:
        kinds = faults.kinds(self.target)
        names = sorted(kinds)
        weights = [kinds[name][0] for name in names]
        first = self.dice.sample(names, len(names))  # each kind once, then by weight
        for number in range(self.rounds):
            name = first[number] if number < len(first) else self.dice.choices(names, weights)[0]
            began = time.monotonic()
            thread = threading.Thread(
                target=self._harm, args=(name, kinds[name][1], self.dice.uniform(0, 0.6))
            )
            thread.start()
            self._work()
            thread.join()
            if not self.house.is_running:
                self.house.start()
            time.sleep(max(ROUND_SECONDS - (time.monotonic() - began), 0))
            if (number + 1) % 25 == 0:
                self._say(f"{number + 1} rounds, {sum(map(len, self.shops.placed.values()))} orders")

    def _harm(self, name: str, act: Any, delay: float) -> None:
        time.sleep(delay)
        done = act()
        (self.applied if done else self.idle)[name] += 1

    def _work(self) -> None:
        self.desk.sell()
        rest.patiently(self.desk.plan, None)
        rest.patiently(lambda: rest.make_due([self.dice.choice(self.stores)]), None)
        rest.patiently(lambda: self.desk.hand_over(self.dice.choice((0.02, 0.1, 0.3, None))), False)
        self.desk.send()
        if self.dice.random() < 0.2:
            rest.patiently(_refill, None)

    # ---------------------------------------------------------------- end

    def finish(self) -> bool:
        """Wait until all is at rest, check everything and print the table; return whether nothing is wrong."""
        self.target.bring_back()
        for _time in range(4):
            rest.patiently(self.desk.plan, None)
            self.desk.send()
            rest.patiently(lambda: self.desk.hand_over(None), False)

        def each_round() -> None:
            if not self.house.is_running:
                self.house.start()
            if self.desk.waiting:
                self.desk.send()

        took, found = rest.wait_for(self.shops, self.stores, each_round)
        if found and "KEEP" in os.environ:
            input(f"Not at rest: {found}; the installation is in {self.folder}. Return ends it.")
        self.house.stop()
        checks = sums.all_checks(self.shops, self.stores, self.desk)
        self._table(took, found, checks)
        return not found and not any(check.wrong for check in checks)

    def _table(self, took: float, found: dict[str, int], checks: list[sums.Check]) -> None:
        orders = {channel: len(numbers) for channel, numbers in self.shops.placed.items()}
        self._say(
            f"{self.rounds} rounds; orders placed: {orders}; calls of the API: {self.desk.answered}, {self.desk.repeated} repeated"
        )
        width = max(len(name) for name in [*self.applied, *(check.name for check in checks)])
        for name in sorted({*self.applied, *self.idle}):
            self._say(f"  {name:{width}} | {self.applied[name]:4} times | {self.idle[name]:3} found nobody")
        self._say(f"  {'at rest after':{width}} | {took:4.0f} s    | {found or ''}")
        for check in checks:
            state = "ok" if not check.wrong else f"WRONG {len(check.wrong)}: {'; '.join(check.wrong[:6])}"
            self._say(f"  {check.name:{width}} | {check.looked_at:4}       | {state}")
        for line in sorted(set(self.desk.refused))[:5]:
            self._say(f"  refused by the API: {line}")

    def _say(self, text: str) -> None:
        print(f"{self.database:10} {text}", flush=True)


def _refill() -> None:
    from contrib.trials.installation import refill_limits

    refill_limits()


def main() -> int:
    options = dict(word[2:].partition("=")[::2] for word in sys.argv[1:] if word.startswith("--"))
    seed = int(options.get("seed") or os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))
    rounds = int(options.get("rounds") or os.environ.get("ROUNDS") or 0)
    only = options.get("only", "")
    if only:
        signal.signal(
            signal.SIGTERM, lambda *_signal: sys.exit(2)
        )  # the servers are stopped, the disk is unmounted
        with ExitStack() as stack:
            trial = Trial(only, rounds or ROUNDS[only], seed, stack)
            trial.prepare()
            trial.run()
            return 0 if trial.finish() else 1
    codes = []
    for database in ROUNDS:
        many = {"postgresql": rounds, "sqlite": (rounds + 3) // 4}[database] if rounds else ROUNDS[database]
        print(f"{database:10} seed {seed}: {many} rounds", flush=True)
        words = [f"--only={database}", f"--rounds={many}", f"--seed={seed}"]
        codes.append(
            subprocess.run([sys.executable, "-m", "contrib.trials.chaos", *words], check=False).returncode
        )
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
