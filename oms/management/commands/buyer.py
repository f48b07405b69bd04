"""Export or erase the personal data of one buyer."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from oms.kit.authors import actors
from oms.kit.management.cli import DONE, REFUSALS, CouldNot, ManifoldCommand
from orders.errors import OrderError
from orders.services.buyers import personal_data as buyers


class Command(ManifoldCommand):
    help = "Exports (--export) or erases (--erase) what is stored about the buyer with this e-mail address."
    has_store = False

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="The whole e-mail address of the buyer.")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--export", action="store_true", help="Print everything as JSON.")
        what.add_argument(
            "--erase", action="store_true", help="Remove names, addresses, contact data and notes."
        )

    def run(self, **options: Any) -> tuple[int, Any]:
        email = options["email"]
        try:
            if options["export"]:
                found = buyers.export(email, by=actors.current())
                return (DONE if found["orders"] or found["rejected_records"] else REFUSALS), found
            if options["dry_run"]:
                count = buyers.orders_of(email).count()
            else:
                count = buyers.erase(email, by=actors.current())
        except OrderError as error:
            raise CouldNot(str(error)) from error
        return (DONE if count else REFUSALS), {"orders": count}

    def say(self, result: Any) -> None:
        self.stdout.write(json.dumps(result, indent=2, ensure_ascii=False, default=str))
