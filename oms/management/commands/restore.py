"""`restore`: replace the database and the files by those of a backup; every store starts read-only."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from oms.kit.management.cli import COULD_NOT, DONE, REFUSALS, CouldNot, ManifoldCommand
from oms.upkeep import archive, restore
from oms.upkeep.archive import UpkeepError


class Command(ManifoldCommand):
    help = (
        "Restore a backup. Without --yes it verifies the file and says what would happen. Every store starts read-only, and the "
        "command says what each would be sent. Stop the web server and the lanes first."
    )
    has_store = False
    has_dry_run = False
    exit_codes = {
        DONE: "restored",
        REFUSALS: "nothing was changed: the plan is printed, give --yes to restore",
        COULD_NOT: "nothing was restored, the database is as it was; the text says why",
    }
    result_form = (
        '{"ok": true, "database": "…", "version": "…", "kept": "the old SQLite file", "stores": [{"store": "My shop", '
        '"read_only": true, "changes": {"stock": 3}, "unchanged": 140, "held_events": 2}]}'
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="The backup.")
        parser.add_argument("--yes", action="store_true", help="Replace everything in the database.")
        parser.add_argument(
            "--force", action="store_true", help="Also while other processes use the database."
        )
        parser.add_argument(
            "--as-it-was",
            action="store_true",
            help="Live stores stay live: only where nothing can have been sent since the backup.",
        )
        parser.add_argument(
            "--passphrase-file", metavar="FILE", help="The passphrase of an encrypted backup."
        )

    def run(self, **options: Any) -> tuple[int, Any]:
        path = Path(options["file"])
        if not path.is_file():
            raise CouldNot(f"There is no file {path}.")
        Path(settings.VAR_DIR).mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(dir=settings.VAR_DIR, prefix="restore-") as place:
                if archive.is_encrypted(path):
                    passphrase = Path(options["passphrase_file"]) if options["passphrase_file"] else None
                    archive.decrypt(path, Path(place, "opened"), passphrase)
                    path = Path(place, "opened")
                plan = restore.look(path, place=Path(place), is_forced=options["force"])
                if not options["yes"]:
                    return REFUSALS, {"ok": False, "plan": [*plan.lines(), *plan.faults]}
                return DONE, restore.restore(path, plan, as_it_was=options["as_it_was"])
        except UpkeepError as error:
            raise CouldNot(str(error)) from error
        except OSError as error:
            raise CouldNot(f"The backup cannot be restored: {error.strerror or error}.") from error

    def say(self, result: Any) -> None:
        if "plan" in result:
            self.stdout.write("\n".join([*result["plan"], "Nothing was changed. Give --yes to restore."]))
            return
        self.stdout.write(
            f"Restored into {result['database']}. Every store is read-only, unless --as-it-was was given. When it is live it is sent:"
        )
        for store in result["stores"]:
            changes = (
                ", ".join(f"{number} {topic}" for topic, number in store["changes"].items())
                or "nothing that changes it"
            )
            self.stdout.write(
                f"  {store['store']}: {changes}; {store['held_events']} order events wait for a decision"
            )
        self.stdout.write(
            "Next: start the services, run sync_orders so that orders placed since the backup are imported, look at the previews, "
            "then make the stores live."
        )
        if result["kept"]:
            self.stdout.write(f"The database as it was before is kept as {result['kept']}.")
