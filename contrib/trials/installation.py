"""The installation under trial: its settings, its database, its sandboxes, its running processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contrib.trials.servers import free_port

CHANNELS = ("opencart", "bigcommerce", "onbuy", "etsy")
SKUS = 12
ROOT = Path(__file__).resolve().parent.parent.parent


def settings_of(
    folder: Path, *, database: str, redis: str, broker: str, host: str, port: int
) -> dict[str, str]:
    """Return the environment of an installation whose files are in `folder`."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OMS_", "Q_", "DATABASE_", "REDIS_"))
    }
    return {
        **own,
        "DJANGO_SETTINGS_MODULE": "oms.settings",
        "PYTHONPATH": str(ROOT),
        "OMS_ENV_FILE": "",
        "OMS_VAR_DIR": str(folder),
        "OMS_DEMO": "true",
        "OMS_HTTPS": "false",
        "OMS_ALLOWED_PRIVATE_HOSTS": "127.0.0.1,10.99.0.0/16",
        "OMS_PUBLIC_URL": f"http://{host}:{port}",
        "OMS_WORKERS": "2",
        "OMS_API_CALLS_PER_MINUTE": "100000",
        "ALLOWED_HOSTS": "127.0.0.1,localhost,10.99.0.1,10.99.0.2,10.99.0.3,10.99.0.4",
        "SECRET_KEY": "only-for-a-trial-0123456789-abcdefghijklmnopqrstuvwxyz-0123456789",
        "OMS_CREDENTIAL_KEYS": "dHJpYWwtdHJpYWwtdHJpYWwtdHJpYWwtdHJpYWwtMDE=",
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "OMS_QUEUE_BROKER": broker,
        "LOG_LEVEL": "INFO",
    }


@dataclass
class Shops:
    """The sandboxes of the four channels. They run in this process, so that no trial harms them; `placed` are their orders."""

    host: str = "127.0.0.1"
    running: dict[str, Any] = field(default_factory=dict)
    placed: dict[str, list[str]] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    def start(self, channels: tuple[str, ...] = CHANNELS, skus: int = SKUS) -> None:
        """Start a shop of each channel with the same SKUs and no orders."""
        for channel in channels:
            self.add(channel, channel, skus)

    def add(self, channel: str, key: str, skus: int = SKUS) -> None:
        """Start one more shop of a channel; `key` is its name here. Every request is remembered."""
        from channels.contract.registry import specs

        sandbox = specs()[channel].make_sandbox(seed="empty", products=skus, orders=0)
        sandbox.requests = deque()
        self.running[key] = self.stack.enter_context(sandbox.serve(host=self.host))
        self.placed[key] = []

    @property
    def ports(self) -> set[int]:
        return {int(each.url.rpartition(":")[2]) for each in self.running.values()}

    def environment(self) -> dict[str, str]:
        """Return the settings with which the installation knows the applications of these shops."""
        from oms.devserver.sandboxes import sandbox_settings

        found: dict[str, str] = {}
        for channel, running in self.running.items():
            found.update(sandbox_settings(channel.rstrip("0123456789"), running.url))
        return found

    def buy(self, key: str, sku: str, units: int) -> None:
        """Let a buyer place an order."""
        line: Any = {sku: units} if key == "onbuy" else [{"sku": sku, "quantity": units}]
        self.placed[key].append(str(self.running[key].sandbox.place_order(line)["order_id"]))


@dataclass
class House:
    """The processes of a host: a supervisor with the web server and the lanes. `prefix` runs them elsewhere (a namespace)."""

    folder: Path
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    host: str = "127.0.0.1"
    words: tuple[str, ...] = ()  # which children: "web", "lanes"; none of them: all
    prefix: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self, **more: str) -> None:
        """Start the supervisor; `more` are settings of this start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "supervisor.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *self.prefix,
                    sys.executable,
                    "-m",
                    "contrib.trials.house",
                    f"{self.host}:{self.port}",
                    *self.words,
                ],
                env={**self.environment, **more},
                cwd=self.environment["PYTHONPATH"].rpartition(":")[2],  # the version that runs
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask the supervisor to end, and wait for it; with SIGKILL its children end because the kernel tells them."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(25)
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process = None

    def answers(self, seconds: float = 60.0) -> bool:
        """Wait until the web server answers."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"http://{self.host}:{self.port}/healthz", timeout=2).close()
                return True
            time.sleep(0.1)
        return False


def connect(shops: Shops) -> list[Any]:
    """Connect the shops, import them in this process and switch sending on; return the stores."""
    from datetime import timedelta

    from django.db.models import F

    from channels.models import Connection
    from channels.stores import connect as connecting
    from channels.stores import services
    from inventory.models import OpeningStock
    from oms.kit.authors.actors import SYSTEM
    from orders.services import carriers
    from tests.support.workers import work

    carriers.save_carrier(name="DHL", by=SYSTEM)
    stores = []
    for key, running in shops.running.items():
        channel = key.rstrip("0123456789")
        store = connecting.connect(channel=channel, name=key, credentials=running.credentials)
        refill_limits()
        work()
        services.switch_on(connection=store)
        stores.append(store)
    for _hour in range(6):
        refill_limits()
        work()
    # The stock was read well before the orders that follow: in the same second it would be in doubt.
    ago = timedelta(seconds=5)
    OpeningStock.objects.update(read_from=F("read_from") - ago, read_at=F("read_at") - ago)
    return list(Connection.objects.filter(pk__in=[store.pk for store in stores]).order_by("pk"))


def refill_limits() -> None:
    """Let an hour of the channels' limits pass: a trial of minutes must not wait for a channel that allows four calls a minute."""
    from django.utils import timezone

    from channels.models import Budget, OutboxMessage, SyncStream

    for row in Budget.objects.all():
        Budget.objects.filter(pk=row.pk).update(tokens=row.capacity, filled_at=timezone.now(), spent={})
    SyncStream.objects.exclude(not_before=None).update(not_before=None)
    OutboxMessage.objects.unsent().exclude(not_before=None).update(not_before=None)
