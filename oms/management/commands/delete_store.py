"""`delete_store`: delete a disconnected store; its orders and documents stay."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from channels.models import Connection
from channels.ops.cli import find_stores
from oms.kit.management.cli import COULD_NOT, DONE, REFUSALS, CouldNot, ManifoldCommand
from oms.upkeep import deleting
from oms.upkeep.archive import UpkeepError


class Command(ManifoldCommand):
    help = (
        "Delete a store that is disconnected: listings, settings, messages, logs. Orders, documents and returns stay; stock is not changed. "
        "Without --yes it says what would be deleted."
    )
    needs_store = True
    has_dry_run = False
    exit_codes = {
        DONE: "deleted",
        REFUSALS: "nothing was changed: the plan is printed, give --yes to delete",
        COULD_NOT: "nothing was changed: no such store, or it is connected",
    }
    result_form = '{"ok": true, "store": "My shop", "deleted": {"listings": 12}, "kept": {"orders": 3}}'

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="Delete it.")

    def run(self, **options: Any) -> tuple[int, Any]:
        [store] = find_stores(options["store"])
        assert isinstance(store, Connection)
        name = store.name
        try:
            done = deleting.delete(store) if options["yes"] else deleting.plan(store)
        except UpkeepError as error:
            raise CouldNot(str(error)) from error
        result = {"ok": options["yes"], "store": name, "deleted": done.deleted, "kept": done.kept}
        return (DONE if options["yes"] else REFUSALS), result

    def say(self, result: Any) -> None:
        word = "deleted" if result["ok"] else "would be deleted"
        for kind, number in result["deleted"].items():
            self.stdout.write(f"{number:,} {kind}: {word}")
        for kind, number in result["kept"].items():
            self.stdout.write(f"{number:,} {kind}: kept")
        self.stdout.write(
            f"{result['store']} is deleted." if result["ok"] else "Nothing was changed. Give --yes to delete."
        )
