"""`sync_orders`: import orders now, of a period, of some statuses, or by number."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from channels.ops.cli import StoreCommand, read_time
from channels.stores import pull_jobs
from oms.kit.management.cli import CouldNot


class Command(StoreCommand):
    help = "Import orders placed in a period (default: 90 days), of some statuses, or by number."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from", dest="start", metavar="DAY", help="First day, in the store's time zone."
        )
        parser.add_argument("--to", dest="end", metavar="DAY", help="Last day, inclusive.")
        parser.add_argument(
            "--status", action="append", metavar="ID", help="Status id of the channel; may be repeated."
        )
        parser.add_argument(
            "--number", action="append", metavar="NUMBER", help="Order number; may be repeated."
        )

    def run(self, **options: Any) -> tuple[int, Any]:
        if options["number"] and (options["start"] or options["end"] or options["status"]):
            raise CouldNot("Use either --number, or --from, --to and --status.")
        return self.each(
            options,
            lambda store: pull_jobs.ask_orders(
                connection=store,
                start=read_time(options["start"], store),
                end=read_time(options["end"], store, is_end=True),
                statuses=options["status"] or (),
                numbers=options["number"] or (),
                dry_run=options["dry_run"],
            ),
        )
