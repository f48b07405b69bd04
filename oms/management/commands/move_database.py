"""`move_database`: copy everything from SQLite to an empty PostgreSQL database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from oms.kit.management.cli import COULD_NOT, DONE, CouldNot, ManifoldCommand, database_name
from oms.upkeep import moving
from oms.upkeep.archive import UpkeepError


class Command(ManifoldCommand):
    help = (
        "Copy everything from SQLite to an empty PostgreSQL database, with the stores' credentials and all numbers. The SQLite file "
        "stays as it is. Stop the web server and the lanes first; afterwards set DATABASE_URL and start them."
    )
    has_store = False
    exit_codes = {DONE: "everything is copied and counted", COULD_NOT: "nothing was moved; the text says why"}
    result_form = '{"ok": true, "from": "SQLite …", "rows": 1234, "tables": {"orders_order": 12}}'

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to", required=True, metavar="ADDRESS", help="postgres://user:password@host:5432/name"
        )
        parser.add_argument(
            "--force", action="store_true", help="Also while other processes use the SQLite file."
        )

    def run(self, **options: Any) -> tuple[int, Any]:
        try:
            tables = moving.move(options["to"], is_dry=options["dry_run"], is_forced=options["force"])
        except UpkeepError as error:
            raise CouldNot(str(error)) from error
        return DONE, {"ok": True, "from": database_name(), "rows": sum(tables.values()), "tables": tables}

    def say(self, result: Any) -> None:
        self.stdout.write(f"{result['rows']:,} rows of {result['from']} in {len(result['tables'])} tables.")
        self.stdout.write(
            "Next: set DATABASE_URL in the settings file to the new address and start the services."
        )
