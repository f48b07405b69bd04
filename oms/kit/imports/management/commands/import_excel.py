"""`import_excel KIND FILE`: check a spreadsheet, apply its good rows, write the file with a status for each row."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from oms.kit.authors import actors
from oms.kit.imports import files, kinds, mappings, results, services, source
from oms.kit.imports.models import SheetImport
from oms.kit.management.cli import DONE, REFUSALS, CouldNot, ManifoldCommand
from oms.kit.models import Job

COUNTS = ("created", "updated", "unchanged", "rejected")


class Command(ManifoldCommand):
    help = "Import a spreadsheet. Good rows are applied; the result file says why the others were rejected."
    has_store = False

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("kind", help="products, prices, stock, …")
        parser.add_argument("file", help="The file: .xlsx, .xls, .ods, .csv, .tsv.")
        parser.add_argument("--map", metavar="NAME", help="Use the saved column mapping with this name.")
        parser.add_argument("--sheet", default="", help="The sheet of the workbook.")
        parser.add_argument("--header-row", type=int, help="The row of the headings, from 1.")
        parser.add_argument("--warehouse", default="", help="For rows that name no warehouse: its code.")
        parser.add_argument("--for-store", default="", help="For rows that name no store: its name.")
        parser.add_argument("--currency", default="", help="Of the prices, for example GBP.")
        parser.add_argument(
            "--all-or-nothing", action="store_true", help="Apply nothing when a row is rejected."
        )
        parser.add_argument(
            "--accept",
            action="store_true",
            help="Apply large changes too: much stock set to 0, prices changed by more than half.",
        )
        parser.add_argument("--result", metavar="FILE", help="Where to write the result file.")

    def run(self, **options: Any) -> tuple[int, Any]:
        kind = _kind(options["kind"])
        found = self._received(kind, options)
        job = services.check(found, by=found.by)
        self._work(job, found, options)
        if options["dry_run"]:
            answer = self._answer(found, kind, options)
            services.discard(found)
            return answer
        if services.is_unchanged(found):
            services.finish_unchanged(found)
        elif not services.why_not(found):
            accepts = options["accept"] or not services.needs_yes_of_command(found)
            try:
                job = services.confirm(found, by=found.by, accepts_large_changes=accepts)
            except services.ImportRefused as error:
                services.cancel(found, by=found.by)
                raise CouldNot(f"{error} {services.large_words(found)} --accept") from None
            self._work(job, found, options)
        else:
            self.stderr.write(services.why_not(found))
            services.cancel(found, by=found.by)
            found.counts = {**found.counts, "created": 0, "updated": 0}
        return self._answer(found, kind, options)

    def _received(self, kind: kinds.ImportKind, options: dict[str, Any]) -> SheetImport:
        path, mapping = Path(options["file"]), None
        if options["map"]:
            saved = mappings.named(kind, options["map"])
            if saved is None:
                raise CouldNot(f"There is no column mapping “{options['map']}” for {kind.key}.")
            mapping = saved.as_dict()
        names = {"warehouse": "warehouse", "currency": "currency", "store": "for_store"}
        given = {name: options[option] for name, option in names.items() if options[option]}
        try:
            return services.receive(
                kind=kind.key,
                parts=_parts(path),
                file_name=path.name,
                by=actors.current(),
                sheet=options["sheet"],
                header_row=options["header_row"],
                mapping=mapping,
                options={**kind.defaults(), **given, "confirms_guesses": options["accept"]},
                all_or_nothing=options["all_or_nothing"],
            )
        except OSError as error:
            raise CouldNot(f"{path}: {error.strerror or error}") from None
        except services.ImportRefused as error:
            raise CouldNot(str(error)) from None

    def _work(self, job: Job, found: SheetImport, options: dict[str, Any]) -> None:
        job = self.work(job, as_json=options["json"])
        found.refresh_from_db()
        if job.state != Job.State.DONE:
            services.settle(found)
            raise CouldNot(job.message or str(job.get_state_display()))

    def _answer(self, found: SheetImport, kind: kinds.ImportKind, options: dict[str, Any]) -> tuple[int, Any]:
        path = files.result_path(found.stored_as)
        if not path.is_file():
            results.write(found, source.read(found, kind))
            source.forget()
        if options["result"]:
            path = Path(shutil.copyfile(path, options["result"]))
        counts = {name: found.count(name) for name in COUNTS}
        return REFUSALS if counts["rejected"] else DONE, {**counts, "result_file": str(path)}


def _kind(key: str) -> kinds.ImportKind:
    try:
        return kinds.get(key)
    except LookupError:
        known = ", ".join(one.key for one in kinds.every())
        raise CouldNot(f"There is no kind “{key}”. Kinds: {known}.") from None


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            yield part
