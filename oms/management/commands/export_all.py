"""`export_all`: write everything in open formats into one zip file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from oms.kit.management.cli import COULD_NOT, DONE, CouldNot, ManifoldCommand
from oms.upkeep import export_all
from oms.upkeep.archive import UpkeepError


class Command(ManifoldCommand):
    help = (
        "Write everything into one zip file: a CSV file for each table, and the documents. No keys, passwords or sessions. "
        "The file has names and addresses of buyers."
    )
    has_store = False
    has_dry_run = False
    exit_codes = {DONE: "written", COULD_NOT: "no file was written; the text says why"}
    result_form = '{"ok": true, "file": "everything.zip", "rows": {"orders_order": 12, "documents": 3}}'

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="The zip file to write; it must not exist.")

    def run(self, **options: Any) -> tuple[int, Any]:
        try:
            numbers = export_all.write(Path(options["file"]))
        except UpkeepError as error:
            raise CouldNot(str(error)) from error
        return DONE, {"ok": True, "file": options["file"], "rows": numbers}

    def say(self, result: Any) -> None:
        rows = sum(number for name, number in result["rows"].items() if name != "documents")
        self.stdout.write(f"{result['file']}: {rows:,} rows, {result['rows']['documents']:,} documents.")
