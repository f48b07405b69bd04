"""`sync_products`: import the products of stores now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from channels.ops.cli import StoreCommand
from channels.stores import pull_jobs


class Command(StoreCommand):
    help = "Import products from a store: all products, or some by their id on the channel."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--id", action="append", metavar="ID", help="Product id on the channel; may be repeated."
        )

    def run(self, **options: Any) -> tuple[int, Any]:
        return self.each(
            options,
            lambda store: pull_jobs.ask_products(
                connection=store, ids=options["id"] or (), dry_run=options["dry_run"]
            ),
        )
