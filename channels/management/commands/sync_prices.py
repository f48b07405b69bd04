"""`sync_prices`: send the prices of stores again now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from channels.ops.cli import StoreCommand
from channels.push.topics import Topic
from channels.stores import push_jobs


class Command(StoreCommand):
    help = "Send the prices of every listing of a store again, or of some SKUs."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--sku", action="append", metavar="SKU", help="Only this SKU; may be repeated.")

    def run(self, **options: Any) -> tuple[int, Any]:
        return self.each(
            options,
            lambda store: push_jobs.ask_push(
                connection=store, topic=Topic.PRICE, skus=options["sku"], dry_run=options["dry_run"]
            ),
        )
