"""`doctor`: check configuration, lanes, freshness, and every invariant in the data."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from oms.kit import doctor
from oms.kit.management import doctor_remedies
from oms.kit.management.cli import COULD_NOT, DONE, REFUSALS, CouldNot, ManifoldCommand


class Command(ManifoldCommand):
    help = "Check configuration, lanes, freshness and every invariant in the data. Changes nothing."
    has_store = False
    has_dry_run = False
    exit_codes = {
        DONE: "every check passed; a note says what people handle anyway",
        REFUSALS: "a check failed, or --stale-lanes printed a lane",
        COULD_NOT: "the checks could not run; one sentence says why",
    }
    result_form = '{"ok": true, "checks": [{"name": "lanes", "ok": true, "detail": ""}]}; with --explain each has a "remedy"'

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only", action="append", metavar="NAME", help="Run this check alone; may be repeated."
        )
        parser.add_argument(
            "--explain",
            action="store_true",
            help="Say for each check that fails what to do (docs/troubleshooting.md).",
        )
        for name, (_rows, words) in doctor.lists().items():
            parser.add_argument(f"--{name}", dest="list", action="store_const", const=name, help=words)

    def run(self, **options: Any) -> tuple[int, Any]:
        if options["list"]:
            rows = doctor.lists()[options["list"]][0]()
            return REFUSALS if rows else DONE, rows
        only = options["only"]
        unknown = set(only or ()) - set(doctor.names())
        if unknown:
            known = ", ".join(doctor.names())
            raise CouldNot(f"There is no check called {', '.join(sorted(unknown))}. There are: {known}.")
        watch = self.show if sys.stderr.isatty() and not options["json"] else None
        results = doctor.run(only, watch=watch)
        if watch:
            self.stderr.write("\r\x1b[K", ending="")
        if not results:
            return COULD_NOT, {"ok": False, "checks": []}
        answer = doctor.as_json(results)
        if options["explain"]:
            remedies = doctor_remedies.read()
            for check in answer["checks"]:
                check["remedy"] = "" if check["ok"] else remedies.get(check["name"], doctor_remedies.UNKNOWN)
        return DONE if answer["ok"] else REFUSALS, answer

    def show(self, name: str, ended: int, number: int, progress: str) -> None:
        """Show which check runs, in one line of the terminal."""
        self.stderr.write(f"\r\x1b[K{ended + 1} / {number} {name} {progress}"[:120], ending="")
        self.stderr.flush()

    def say(self, result: Any) -> None:
        if isinstance(result, list):
            for row in result:
                self.stdout.write(row)
            return
        for check in result["checks"]:
            word = "FAIL" if not check["ok"] else "note" if check["detail"] else "ok  "
            self.stdout.write(f"{word} {check['name']}" + (f": {check['detail']}" if check["detail"] else ""))
            if check.get("remedy"):
                self.stdout.write(f"     what to do: {check['remedy']}")
