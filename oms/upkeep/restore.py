"""Restoring a backup: everything is put in place at once, with every store read-only, and what would be sent is said."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from channels.models import Connection, OutboxMessage
from channels.push import preview
from oms import __version__
from oms.kit.management.cli import database_name
from oms.upkeep import archive, backup, postgres, sqlite
from oms.upkeep.archive import UpkeepError

#: Before anything can be sent: stores are read-only, order events wait for a person, and no dead worker holds anything.
READ_ONLY = (
    "UPDATE {schema}channels_connection SET is_read_only = {true}, pushing_since = NULL",
    "UPDATE {schema}channels_outboxmessage SET is_held = {true} WHERE kind = 'event' AND wanted > sent AND skipped_at IS NULL",
    "UPDATE {schema}channels_outboxmessage SET lease_token = '', lease_until = NULL WHERE lease_until IS NOT NULL",
    "UPDATE {schema}channels_syncstream SET lease_token = '', lease_until = NULL WHERE lease_until IS NOT NULL",
    "UPDATE {schema}channels_wakeup SET lease_token = '', lease_until = NULL WHERE lease_until IS NOT NULL",
    "DELETE FROM {schema}django_q_ormq",
    "DELETE FROM {schema}django_session",
    "DELETE FROM {schema}channels_lanebeat",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a backup holds, compared with this installation; `faults` prevent the restore."""

    manifest: dict[str, Any]
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return what would happen, for a person."""
        known = self.manifest
        return [
            f"Backup of {known['made_at']}, version {known['version']}, of {known['database']}:",
            f"  {sum(known['rows'].values()):,} rows and {len(known['files']) - 1:,} files.",
            f"Everything in {database_name()} is replaced. Every store starts read-only: nothing is sent.",
            *self.notes,
        ]


def look(path: Path, *, place: Path, is_forced: bool) -> Plan:
    """Verify an (opened) backup and compare it with this installation. Raises `UpkeepError` when it is damaged."""
    manifest = backup.verify(path, place)
    plan = Plan(manifest)
    if manifest["vendor"] != connection.vendor:
        plan.faults.append(
            f"The backup is of {manifest['vendor']}, this installation uses {connection.vendor}: restore it into the same "
            "kind, then use `manage.py move_database`."
        )
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    ours = {name.partition(".")[0] for name in known}
    unknown = [
        name for name in manifest["migrations"] if name.partition(".")[0] in ours and name not in known
    ]
    if unknown:
        plan.faults.append(
            f"The backup is of version {manifest['version']}, newer than this one ({__version__}): install that version first."
        )
    if manifest["keys"] and not set(manifest["keys"]) & set(backup.key_marks()):
        plan.notes.append(
            "OMS_CREDENTIAL_KEYS has none of the keys of this backup: add them, or reconnect every store afterwards."
        )
    if not is_forced and (text := _in_use()):
        plan.faults.append(text)
    return plan


def _in_use() -> str:
    if connection.vendor == "sqlite":
        pids = sqlite.users(Path(str(connection.settings_dict["NAME"])))
        return (
            f"The database is in use by {len(pids)} processes: stop the web server and the lanes first."
            if pids
            else ""
        )
    number = postgres.users()
    return (
        f"The database has {number} other connections: stop the web server and the lanes first."
        if number
        else ""
    )


def restore(path: Path, plan: Plan, *, as_it_was: bool = False) -> dict[str, Any]:
    """Put an (opened) backup in place; return what was restored and what waits to be sent. Raises `UpkeepError`.

    `as_it_was`: live stores stay live. Only where nothing can have been sent since the backup.

    Files come first, as nothing refers to a file that is not there; then the database with its read-only stores in one step; then
    the migrations of this version. A kill leaves the database as it was, or restored, and the command may be given again.
    """
    if plan.faults:
        raise UpkeepError(" ".join(plan.faults))
    media = Path(settings.MEDIA_ROOT)
    media.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = ""
    if connection.vendor == "sqlite":
        kept = _restore_sqlite(path, plan, [] if as_it_was else _statements("", "1"))
    else:
        with tempfile.TemporaryDirectory(dir=settings.VAR_DIR, prefix="restore-") as place:
            archive.read(path, into=Path(place))
            _put_media(Path(place))
            postgres.restore(
                Path(place, backup.DATABASE), plan.manifest["rows"], _statements("public.", "true")
            )
    connection.close()
    call_command("migrate", interactive=False, verbosity=0)
    return {
        "ok": True,
        "database": database_name(),
        "version": __version__,
        "kept": kept,
        "stores": waiting(),
    }


def _restore_sqlite(path: Path, plan: Plan, changes: list[str]) -> str:
    target = Path(str(connection.settings_dict["NAME"]))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="restore-") as place:
        archive.read(path, into=Path(place))
        made = Path(place, backup.DATABASE)
        sqlite.check(made, plan.manifest["rows"])
        sqlite.run(made, changes)
        _put_media(Path(place))
        connection.close()
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        kept = target.with_name(f"{target.name}.before-restore-{stamp}")
        had = target.exists()
        sqlite.put_in_place(made, target, kept)
    return str(kept) if had else ""


def _put_media(place: Path) -> None:
    """Copy the files of the backup to the folder of the media; what is there and not in the backup stays."""
    source, root = place / backup.MEDIA, Path(settings.MEDIA_ROOT)
    for path in sorted(source.rglob("*")) if source.is_dir() else ():
        if path.is_file():
            target = root / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.move(path, target.with_name(f"{target.name}.part"))
            target.with_name(f"{target.name}.part").replace(target)


def _statements(schema: str, true: str) -> list[str]:
    return [statement.format(schema=schema, true=true) for statement in READ_ONLY]


def waiting() -> list[dict[str, Any]]:
    """Return what each store would be sent when it is made live now."""
    found = []
    for store in Connection.objects.connected().order_by("name"):
        summary = preview.summary(store, show=0)
        held = OutboxMessage.objects.filter(connection=store, is_held=True).waiting().count()
        found.append(
            {
                "store": store.name,
                "read_only": store.is_read_only,
                "changes": dict(summary.changes),
                "unchanged": summary.same,
                "held_events": held,
            }
        )
    return found
