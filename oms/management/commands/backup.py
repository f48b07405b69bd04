"""`backup`: write a verified backup of database, documents and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from oms.kit.management.cli import COULD_NOT, DONE, CouldNot, ManifoldCommand
from oms.kit.numbers import is_whole_number
from oms.upkeep import backup
from oms.upkeep.archive import UpkeepError


class Command(ManifoldCommand):
    help = (
        "Write a backup of the database, the documents and the pictures into one file, and read it back. "
        "It may run while Manifold works. The keys are not in it: keep them in another place (--keys)."
    )
    has_store = False
    has_dry_run = False
    exit_codes = {
        DONE: "the backup is written and was read back",
        COULD_NOT: "no backup was written; the text says why",
    }
    result_form = (
        '{"ok": true, "file": "/var/backups/manifold/manifold-20261130-021500.tar.gz", "bytes": 1, "rows": 1, "files": 1, '
        '"removed": []}'
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to", metavar="FOLDER", help="Folder of the backups (default: backups in the data folder)."
        )
        parser.add_argument(
            "--keep", metavar="NUMBER", default="14", help="How many backups stay (default: 14); 0: all."
        )
        parser.add_argument(
            "--passphrase-file",
            metavar="FILE",
            help="Encrypt with the first line of this file (GnuPG, AES-256).",
        )
        parser.add_argument(
            "--keys", metavar="FILE", help="Write the keys to this file, outside the folder of the backups."
        )
        parser.add_argument(
            "--without-pictures",
            action="store_true",
            help="Leave out copies of pictures; they are made again.",
        )

    def run(self, **options: Any) -> tuple[int, Any]:
        folder = Path(options["to"] or settings.VAR_DIR / "backups")
        if not is_whole_number(options["keep"]):
            raise CouldNot(f"--keep {options['keep']} is no number of backups.")
        passphrase = Path(options["passphrase_file"]) if options["passphrase_file"] else None
        try:
            if options["keys"]:
                backup.write_keys(Path(options["keys"]), folder)
            made = backup.make(
                folder,
                keep=int(options["keep"]),
                passphrase=passphrase,
                with_pictures=not options["without_pictures"],
            )
        except UpkeepError as error:
            raise CouldNot(str(error)) from error
        removed = [str(path) for path in made.removed]
        facts = {"bytes": made.bytes, "rows": made.rows, "files": made.files, "removed": removed}
        return DONE, {"ok": True, "file": str(made.path), **facts}

    def say(self, result: Any) -> None:
        size = f"{result['bytes'] / 1e6:,.1f} MB"
        self.stdout.write(
            f"{result['file']}: {result['rows']:,} rows, {result['files']:,} files, {size}, read back."
        )
        for path in result["removed"]:
            self.stdout.write(f"Removed the old backup {path}.")
