"""`make cluster-test`: a web host, two worker hosts and a database host as network namespaces. It needs root, and says so.

    make cluster-test                       without and with Redis as the broker
    python -m contrib.trials.cluster --only=redis --orders=40

Each step prints a line; the last one says whether all that was asked for is true.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from contrib.trials import network, processes, rest, steps, sums
from contrib.trials.desk import Desk
from contrib.trials.installation import ROOT, House, Shops, connect, settings_of
from contrib.trials.servers import Postgres, Redis, answers

HOSTS = {"db": 2, "web": 3, "one": 4, "two": 5}
STORES = 8
PORT = 8800


class Cluster:
    """The hosts and what runs on them."""

    def __init__(self, stack: ExitStack, broker: str) -> None:
        self.stack, self.broker = stack, broker
        self.results: list[tuple[str, str, bool]] = []

    def prepare(self) -> None:
        folder = Path(
            self.stack.enter_context(
                tempfile.TemporaryDirectory(prefix="cluster-", ignore_cleanup_errors=True)
            )
        )
        folder.chmod(0o755)
        self.folder = folder
        self.hosts = network.make(HOSTS, self.stack)
        server_folder = folder / "server"
        server_folder.mkdir()
        db = self.hosts["db"]
        self.server = Postgres(server_folder, listen=db.address, port=5432, prefix=db.inside)
        self.server.create()
        self.stack.callback(self.server.stop)
        answers(5432, db.address)
        subprocess.run(["createdb", "-h", db.address, "-U", "trial", "trial"], check=True)
        self.redis = Redis(folder, listen=db.address, port=6379, prefix=db.inside)
        if self.broker == "redis":
            self.redis.start()
            self.stack.callback(self.redis.kill)
        self.environment = settings_of(
            folder / "driver",
            database=self.server.url,
            redis=self.redis.url if self.redis.process else "",
            broker=self.broker,
            host=self.hosts["web"].address,
            port=PORT,
        )
        self.environment["OMS_ORDER_WORKERS"] = "2"
        os.environ.clear()
        os.environ.update(self.environment)
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True)
        import django

        django.setup()
        logging.disable(logging.WARNING)
        self.shops = Shops(host=f"{network.NETWORK}.1")
        self.stack.enter_context(self.shops.stack)
        self.shops.start(("opencart",) * 1, skus=4)
        for number in range(2, STORES + 1):
            self.shops.add("opencart", f"opencart{number}", skus=4)
        self.environment.update(self.shops.environment())
        self.stores = connect(self.shops)
        self.web = self.house("web", "web")
        self.one, self.two = self.house("one", "lanes"), self.house("two", "lanes")
        self.desk = Desk(self.web, self.shops, random.Random(1))
        self.desk.open()
        self.web.start()
        self.one.start()
        steps.watch_queue()

    def house(self, name: str, word: str) -> House:
        """Return the processes of a host; `more` settings and another source folder may follow at its start."""
        host = self.hosts[name]
        house = House(
            self.folder / name,
            {**self.environment, "OMS_VAR_DIR": str(self.folder / name)},
            port=PORT,
            host=host.address,
            words=(word,),
            prefix=host.prefix,
        )
        self.stack.callback(house.stop, signal.SIGKILL)
        return house

    def stop(self, house: House) -> None:
        """Ask the processes of a host to end: the first process of its namespace is the supervisor."""
        assert house.process is not None
        for pid in processes.children(house.process.pid):
            os.kill(pid, signal.SIGTERM)
        house.process.wait(40)
        house.process = None

    def say(self, what: str, found: str, is_right: bool) -> None:
        self.results.append((what, found, is_right))
        print(f"{self.broker:5} {'ok   ' if is_right else 'WRONG'} {what}: {found}", flush=True)

    def run(self) -> bool:
        """Go through all steps; return whether all is true."""
        steps.wait_for_lanes(self, "one")
        steps.share(self)
        steps.lose(self, "cut off")
        steps.lose(self, "killed")
        steps.wrong_clock(self, 600)
        steps.wrong_clock(self, -600)
        steps.upgrade(self)
        steps.once(self)
        took, found = rest.wait_for(self.shops, self.stores, lambda: None, patience=120)
        self.say("at rest at the end", f"{took:.0f} s, left {found or 'nothing'}", not found)
        for check in sums.all_checks(self.shops, self.stores, self.desk):
            self.say(
                check.name, "; ".join(check.wrong[:5]) or f"{check.looked_at} looked at", not check.wrong
            )
        return all(is_right for _what, _found, is_right in self.results)


def main() -> int:
    if why := network.refusal():
        print(why, file=sys.stderr)
        return 2
    options: dict[str, Any] = dict(
        word[2:].partition("=")[::2] for word in sys.argv[1:] if word.startswith("--")
    )
    if broker := options.get("only"):
        signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(2))
        with ExitStack() as stack:
            cluster = Cluster(stack, broker)
            cluster.prepare()
            return 0 if cluster.run() else 1
    words = [sys.executable, "-m", "contrib.trials.cluster"]
    began = time.monotonic()
    codes = [
        subprocess.run([*words, f"--only={broker}"], cwd=ROOT, check=False).returncode
        for broker in ("orm", "redis")
    ]
    print(f"{time.monotonic() - began:.0f} s")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
