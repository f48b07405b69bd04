"""`manage.py sandbox <channel>`: a channel's sandbox in the foreground, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import json
import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from channels.contract.registry import specs


class Command(BaseCommand):
    """Prints the address and what a seller would type to connect, then answers until it is told to stop.

    Exit codes: 0 stopped, 2 could not run (no such channel, or the port is taken).
    """

    help = "Run a channel's sandbox: a shop in memory, with faults on demand (POST /_sandbox/faults)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("channel", help="such as opencart")
        parser.add_argument("--port", type=int, default=0, help="0 (default) takes any free port")
        parser.add_argument(
            "--file", type=Path, help="keep the shop in this file, so that a restart forgets nothing"
        )
        parser.add_argument("--seed", default="demo", choices=("demo", "empty"), help="what a new shop holds")
        parser.add_argument("--products", type=int, default=0, help="make this many products besides")
        parser.add_argument("--orders", type=int, default=0, help="make this many orders besides")
        parser.add_argument(
            "--json", action="store_true", help="print address and credentials as one JSON line"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        spec = specs().get(options["channel"])
        if spec is None or not spec.sandbox:
            raise CommandError(f"There is no sandbox for “{options['channel']}”.", returncode=2)
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
            self.stdout.write("Ctrl-C ends it.")
        self.stdout.flush()
