"""`sync_products`: pull the products of a store now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from channels.ops.cli import StoreCommand
from channels.stores import pull_jobs


class Command(StoreCommand):
    help = "Pull products from a store: all of them, or some by their id on the channel."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--id", action="append", metavar="ID", help="The channel's product id; may be repeated."
        )

    def run(self, **options: Any) -> tuple[int, Any]:
        return self.each(
            options,
            lambda store: pull_jobs.ask_products(
                connection=store, ids=options["id"] or (), dry_run=options["dry_run"]
            ),
        )
