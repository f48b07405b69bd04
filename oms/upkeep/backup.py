"""A backup of this installation: database, documents and pictures in one file, verified; the keys apart."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from oms import __version__
from oms.kit.management.cli import database_name
from oms.upkeep import archive, postgres, sqlite
from oms.upkeep.archive import UpkeepError

DATABASE = "database"  # name of the database in the archive; the files are under `media/`
MEDIA = "media"
PICTURES = "pictures"  # folder of the media that Manifold can download again
SPARE = 1.5  # times the size of everything that must be free


@dataclass(frozen=True, slots=True)
class Made:
    """A finished, verified backup."""

    path: Path
    bytes: int
    rows: int
    files: int
    removed: list[Path]


def make(
    folder: Path,
    *,
    keep: int = 0,
    passphrase: Path | None = None,
    with_pictures: bool = True,
    now: datetime | None = None,
) -> Made:
    """Write a backup into this folder, read it back, and remove the oldest ones so that `keep` stay (0: all).

    `passphrase` is a file; the backup is then encrypted with it. Raises `UpkeepError`; nothing that looks like a backup is left.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with archive.only_one_in(folder):
            for left in folder.glob(".making-*"):  # of one that was killed
                shutil.rmtree(left, ignore_errors=True)
            _check_space(folder)
            stamp = (now or datetime.now(UTC)).strftime("%Y%m%d-%H%M%S")
            target = folder / f"manifold-{stamp}.tar.gz{'.gpg' if passphrase else ''}"
            if target.exists():
                raise UpkeepError(f"{target} exists already.")
            with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as place:
                manifest = _write(Path(place), with_pictures=with_pictures)
                made = Path(place, "archive")
                if passphrase is not None:
                    archive.encrypt(made, Path(place, "encrypted"), passphrase)
                    archive.decrypt(Path(place, "encrypted"), Path(place, "again"), passphrase)
                    verify(Path(place, "again"), Path(place))
                    made = Path(place, "encrypted")
                else:
                    verify(made, Path(place))
                made.chmod(0o600)
                os.link(made, target)
            removed = _remove_old(folder, keep) if keep else []
    except OSError as error:
        raise UpkeepError(f"The backup cannot be written in {folder}: {error.strerror or error}.") from error
    rows = sum(manifest["rows"].values())
    return Made(target, target.stat().st_size, rows, len(manifest["files"]) - 1, removed)


def _write(place: Path, *, with_pictures: bool) -> dict[str, Any]:
    copied = place / "copy"
    names = tables()
    if connection.vendor == "sqlite":
        sqlite.copy(Path(str(connection.settings_dict["NAME"])), copied)
        rows = sqlite.counts(copied, names)
    else:
        rows = postgres.dump(copied, names)
    facts = {
        "version": __version__,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": database_name(),
        "vendor": connection.vendor,
        "rows": rows,
        "migrations": sorted(
            f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()
        ),
        "keys": key_marks(),
        "pictures": with_pictures,
    }
    archive.write(place / "archive", [(DATABASE, copied), *_media(with_pictures=with_pictures)], facts)
    copied.unlink()
    return archive.read(place / "archive")


def verify(path: Path, place: Path) -> dict[str, Any]:
    """Read a backup back, with its database, in a folder for temporary files; return its list. Raises `UpkeepError`."""
    with tempfile.TemporaryDirectory(dir=place, prefix="verify-") as name:
        manifest = archive.read(path, into=Path(name), only=DATABASE)
        check = sqlite.check if manifest["vendor"] == "sqlite" else postgres.check
        check(Path(name, DATABASE), manifest["rows"])
    return manifest


def tables() -> list[str]:
    """Return the names of all tables of models, with those between them."""
    models = apps.get_models(include_auto_created=True)
    return sorted({model._meta.db_table for model in models if model._meta.managed and not model._meta.proxy})


def key_marks() -> list[str]:
    """Return a mark of each key of the credentials: it tells whether a backup fits a key, and not what the key is."""
    return [hashlib.sha256(f"mark:{key}".encode()).hexdigest()[:12] for key in settings.OMS_CREDENTIAL_KEYS]


def write_keys(target: Path, folder: Path) -> None:
    """Write the two keys to a file of their own, outside the folder of the backups. Raises `UpkeepError`."""
    if target.resolve().is_relative_to(folder.resolve()):
        raise UpkeepError(
            "Keep the keys in another place than the backups: without each other neither can be used."
        )
    lines = [
        "# The keys of Manifold OMS: with a backup they open the stores' credentials. Keep them apart from it.",
        f"SECRET_KEY={settings.SECRET_KEY}",
        f"OMS_CREDENTIAL_KEYS={','.join(settings.OMS_CREDENTIAL_KEYS)}",
    ]
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")
    except OSError as error:
        raise UpkeepError(f"The keys cannot be written to {target}: {error.strerror}.") from error


def _media(*, with_pictures: bool) -> Iterator[tuple[str, Path]]:
    root = Path(settings.MEDIA_ROOT)
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if (with_pictures or name.parts[0] != PICTURES) and path.is_file() and not path.is_symlink():
            yield f"{MEDIA}/{name.as_posix()}", path


def _check_space(folder: Path) -> None:
    needed = sum(path.stat().st_size for _name, path in _media(with_pictures=True)) + _database_size()
    free = shutil.disk_usage(folder).free
    if free < needed * SPARE:
        raise UpkeepError(
            f"The disk of {folder} has {free / 1e9:.1f} GB free; a backup needs up to {needed * SPARE / 1e9:.1f} GB."
        )


def _database_size() -> int:
    if connection.vendor == "sqlite":
        path = Path(str(connection.settings_dict["NAME"]))
        return path.stat().st_size if path.is_file() else 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def _remove_old(folder: Path, keep: int) -> list[Path]:
    """Remove the oldest backups; files with another name are never touched."""
    made = sorted(path for path in folder.iterdir() if archive.NAME.match(path.name))
    old = made[: max(len(made) - keep, 0)]
    for path in old:
        path.unlink()
    return old
