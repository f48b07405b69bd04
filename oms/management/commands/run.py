"""`manage.py run`, which `make run` calls: the whole system in the foreground."""

from __future__ import annotations

import logging
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from oms.devserver import parent_death, run


class Command(BaseCommand):
    help = "Run the whole system on this machine until Ctrl-C: web server, workers of the three lanes, sandboxes."
    requires_system_checks = []  # migrate runs them, with the database as it should be

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port", type=int, default=8000, help="of the web server, on 127.0.0.1 (default 8000)"
        )
        parser.add_argument(
            "--end-with-parent", action="store_true", help="end when the process that started this one does"
        )

    def handle(self, *args: Any, port: int, end_with_parent: bool, **options: Any) -> None:
        if end_with_parent:
            parent_death.end_with_parent(signal.SIGTERM)
        logging.disable(logging.INFO)  # in this process alone: each child writes to its own log
        try:
            run.run(port=port, say=self.say)
        except run.CannotRun as error:
            raise CommandError(str(error), returncode=2) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped before it was ready.", returncode=1) from None

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
