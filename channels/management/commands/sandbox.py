"""`sandbox`: run a channel's sandbox in the foreground, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import json
import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from channels.contract.registry import specs, system_specs


class Command(BaseCommand):
    """Print the address and the keys to connect it, then answer requests until it is stopped.

    Exit codes: 0 stopped, 2 could not run (no such channel, or the port is in use).
    """

    help = "Run a channel's sandbox: a store in memory, with faults on demand (POST /_sandbox/faults)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("channel", help="Key of the channel, such as opencart.")
        parser.add_argument("--port", type=int, default=0, help="Port; 0 (default): any free port.")
        parser.add_argument(
            "--file", type=Path, help="Save the store in this file, so that no data is lost at a restart."
        )
        parser.add_argument("--seed", default="demo", choices=("demo", "empty"), help="Data of a new store.")
        parser.add_argument("--products", type=int, default=0, help="Number of additional products.")
        parser.add_argument("--orders", type=int, default=0, help="Number of additional orders.")
        parser.add_argument(
            "--json", action="store_true", help="Print address and credentials as one line of JSON."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        spec = {**specs(), **system_specs()}.get(options["channel"])
        if spec is None or not spec.sandbox:
            raise CommandError(f"No sandbox for “{options['channel']}”.", returncode=2)
        stop = threading.Event()

        def end(signum: int, frame: FrameType | None) -> None:
            stop.set()

        sandbox = spec.make_sandbox(
            file=options["file"], seed=options["seed"], products=options["products"], orders=options["orders"]
        )
        try:
            with sandbox.serve(port=options["port"]) as running:
                for name in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(name, end)
                self._say(spec.label, running.url, running.credentials, as_json=options["json"])
                stop.wait()
        except OSError as error:
            raise CommandError(f"Port {options['port']} cannot be used: {error}.", returncode=2) from error

    def _say(self, label: str, url: str, credentials: dict[str, str], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"url": url, "credentials": credentials}))
        else:
            self.stdout.write(f"{label} sandbox: {url}")
            for name, value in credentials.items():
                self.stdout.write(f"  {name.replace('_', ' ')}: {value}")
            self.stdout.write("Stop it with Ctrl-C.")
        self.stdout.flush()
