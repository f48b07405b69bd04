"""Make a move of the table of moves with some orders, by their numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from channels.ops.cli import find_stores
from oms.kit.authors import actors
from oms.kit.management.cli import DONE, REFUSALS, CouldNot, ManifoldCommand
from orders.domain.moves import BY_NAME
from orders.models import Order
from orders.services import moves

#: Orders that are put on the same manifests.
AT_ONCE = 500


class Command(ManifoldCommand):
    help = "Makes a move (release, pack, cancel …) with orders, by the same rules as the order page."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("move", help="Name of the move: " + ", ".join(BY_NAME) + ".")
        parser.add_argument("numbers", nargs="+", metavar="NUMBER", help="Number of an order.")
        parser.add_argument("--reason", default="", help="For moves that need a reason: cancel, hold.")

    def run(self, **options: Any) -> tuple[int, Any]:
        name = options["move"]
        if name not in BY_NAME:
            raise CouldNot(
                _("There is no move “%(name)s”. Moves: %(all)s.") % {"name": name, "all": ", ".join(BY_NAME)}
            )
        numbers = list(dict.fromkeys(number.lstrip("#") for number in options["numbers"]))
        found = self._orders(numbers, options["store"])
        rows: dict[str, dict[str, Any]] = {}
        ids: list[int] = []
        for number in numbers:
            orders = found[number]
            if len(orders) == 1:
                ids.append(orders[0].pk)
                continue
            text = _("No order has this number.")
            if orders:
                text = _("%d stores have an order with this number. Choose one with --store.") % len(orders)
            rows[number] = {"number": number, "ok": False, "message": text}
        size = AT_ONCE if name == "hand_over" else moves.BATCH_SIZE  # orders of one call share a manifest
        for start in range(0, len(ids), size):
            part = ids[start : start + size]
            if options["dry_run"]:
                outcomes = moves.try_move(name, part)
            else:
                outcomes = moves.make_move(name, part, by=actors.current(), reason=options["reason"])
            for outcome in outcomes:
                rows[outcome.number] = {
                    "number": outcome.number,
                    "ok": outcome.ok,
                    "message": str(outcome.message),
                }
        listed = [rows[number] for number in numbers if number in rows]
        is_ok = all(row["ok"] for row in listed)
        return (DONE if is_ok else REFUSALS), {"ok": is_ok, "move": name, "orders": listed}

    @staticmethod
    def _orders(numbers: Sequence[str], which: str | None) -> dict[str, list[Order]]:
        """Return the orders with these numbers, of one store or of all, by number; one query."""
        rows = Order.objects.filter(number__in=numbers).only("pk", "number").order_by("pk")
        if which is not None:
            rows = rows.filter(connection__in=find_stores(which))
        found: dict[str, list[Order]] = defaultdict(list)
        for order in rows:
            found[order.number].append(order)
        return found

    def say(self, result: Any) -> None:
        for row in result["orders"]:
            words = _("done") if row["ok"] else _("not done")
            self.stdout.write(" ".join(filter(None, [f"#{row['number']}: {words}.", row["message"]])))
