"""`export_excel KIND [--template] FILE`: write all rows of a kind as a workbook, or its empty template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from oms.kit.imports import kinds, workbooks
from oms.kit.management.cli import DONE, CouldNot, ManifoldCommand


class Command(ManifoldCommand):
    help = "Write a workbook that can be changed and imported again."
    has_store = False
    has_dry_run = False

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("kind", help="products, prices, stock, …")
        parser.add_argument("file", help="The workbook to write, .xlsx.")
        parser.add_argument("--template", action="store_true", help="The empty template with explanations.")

    def run(self, **options: Any) -> tuple[int, Any]:
        try:
            kind = kinds.get(options["kind"])
        except LookupError:
            known = ", ".join(one.key for one in kinds.every())
            raise CouldNot(f"There is no kind “{options['kind']}”. Kinds: {known}.") from None
        path, rows = Path(options["file"]), 0
        try:
            if options["template"]:
                workbooks.write_template(kind, path)
            else:
                rows = workbooks.write_export(kind, path)
        except OSError as error:
            raise CouldNot(f"{path}: {error.strerror or error}") from None
        return DONE, {"rows": rows, "file": str(path)}
