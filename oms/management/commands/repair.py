"""`repair`: compute again what can be computed again; the plan is shown first."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from oms.kit.management.cli import COULD_NOT, DONE, REFUSALS, CouldNot, ManifoldCommand
from oms.upkeep import repairs


class Command(ManifoldCommand):
    help = (
        "Compute again what can be computed again: search, reports, leases, schedules. Without --yes it says what would be done. "
        "It never touches stock, orders or money: for those see docs/troubleshooting.md."
    )
    has_store = False
    has_dry_run = False
    exit_codes = {
        DONE: "repaired",
        REFUSALS: "nothing was changed: the plan is printed, give --yes to repair",
        COULD_NOT: "there is no such repair",
    }
    result_form = '{"ok": true, "repair": "search", "plan": "…", "done": "…"}'

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help=f"One of: {', '.join(repairs.REPAIRS)}.")
        parser.add_argument("--yes", action="store_true", help="Do it.")

    def run(self, **options: Any) -> tuple[int, Any]:
        one = repairs.REPAIRS.get(options["name"])
        if one is None:
            raise CouldNot(f"There is no repair “{options['name']}”. Repairs: {', '.join(repairs.REPAIRS)}.")
        plan = one.plan()
        done = one.do() if options["yes"] else ""
        code = DONE if done else REFUSALS
        return code, {"ok": bool(done), "repair": one.name, "plan": plan, "done": done}

    def say(self, result: Any) -> None:
        if result["done"]:
            self.stdout.write(f"{result['repair']}: {result['done']}.")
        else:
            self.stdout.write(
                f"{result['repair']} would {result['plan']}. Nothing was changed. Give --yes to do it."
            )
