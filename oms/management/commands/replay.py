"""Import the stored documents of orders again and print what differs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from channels.ops.cli import find_stores
from oms.kit.authors import actors
from oms.kit.management.cli import DONE, REFUSALS, ManifoldCommand
from orders.errors import OrderError
from orders.models import Order
from orders.services.corrections import replay


class Command(ManifoldCommand):
    help = (
        "Imports the stored channel record of orders again, without asking the channel, and prints what differs. "
        "With --dry-run nothing is changed."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("numbers", nargs="+", metavar="NUMBER", help="Number of an order.")

    def run(self, **options: Any) -> tuple[int, Any]:
        rows = Order.objects.select_related("connection")
        if options["store"] is not None:
            rows = rows.filter(connection__in=find_stores(options["store"]))
        listed = []
        for number in dict.fromkeys(number.lstrip("#") for number in options["numbers"]):
            orders = list(rows.filter(number=number).order_by("pk")[:20])
            if not orders:
                listed.append({"number": number, "ok": False, "error": _("No order has this number.")})
            listed += [self._one(order, options["dry_run"]) for order in orders]
        is_ok = all(row["ok"] for row in listed)
        return (DONE if is_ok else REFUSALS), {"ok": is_ok, "dry_run": options["dry_run"], "orders": listed}

    @staticmethod
    def _one(order: Order, is_dry: bool) -> dict[str, Any]:
        row: dict[str, Any] = {"number": order.number, "store": order.connection.name}
        try:
            found = replay.differences(order) if is_dry else replay.replay(order, by=actors.current())
        except OrderError as error:
            return {**row, "ok": False, "error": str(error)}
        return {**row, "ok": True, "changes": [[one.what, one.old, one.new] for one in found]}

    def say(self, result: Any) -> None:
        for row in result["orders"]:
            if not row["ok"]:
                self.stdout.write(f"#{row['number']}: {row['error']}")
                continue
            self.stdout.write(
                f"#{row['number']} ({row['store']}): " + (_("nothing differs") if not row["changes"] else "")
            )
            for what, old, new in row["changes"]:
                self.stdout.write(f"  {what}: {old or '–'} → {new or '–'}")
