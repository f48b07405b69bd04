"""An SQLite database as a file: copied while it is in use, checked, and replaced in one step."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from oms.upkeep.archive import UpkeepError

WAIT = 60.0  # seconds that a copy waits for the writer


def copy(source: Path, target: Path) -> None:
    """Copy a database that may be in use, with what is in its -wal file; the copy is one file without a -wal.

    Raises `UpkeepError` when it cannot be read.
    """
    try:
        with closing(_open(source, "ro")) as original, closing(sqlite3.connect(target)) as made:
            original.backup(made, pages=2000, sleep=0.01)
            made.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise UpkeepError(f"The database {source} cannot be copied: {error}.") from error


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=WAIT)


def counts(path: Path, tables: Iterable[str]) -> dict[str, int]:
    """Return the number of rows of these tables, without those that the file does not have."""
    with closing(_open(path, "ro")) as database:
        have = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return {
            table: database.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608 (names of models)
            for table in tables
            if table in have
        }


def check(path: Path, expected: dict[str, int]) -> None:
    """Raise `UpkeepError` unless the file is sound and has exactly the expected numbers of rows."""
    try:
        with closing(_open(path, "ro")) as database:
            [verdict] = database.execute("PRAGMA quick_check(1)").fetchone()
        found = counts(path, expected)
    except sqlite3.Error as error:
        raise UpkeepError(f"The database in the backup cannot be read: {error}.") from error
    if verdict != "ok":
        raise UpkeepError(f"The database in the backup is damaged: {verdict}.")
    if found != expected:
        wrong = sorted(table for table, number in expected.items() if found.get(table) != number)
        raise UpkeepError(
            f"The database in the backup has other numbers of rows than its list: {', '.join(wrong[:3])}."
        )


def users(path: Path) -> list[int]:
    """Return the processes that have this database open, without this one; only those that this user may see."""
    found = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        pid = int(folder.parent.name)
        if pid == os.getpid():
            continue
        try:
            links = [str(descriptor.readlink()) for descriptor in folder.iterdir()]
        except OSError:
            continue  # it has ended, or belongs to somebody else
        if any(link in {str(path), f"{path}-wal", f"{path}-shm"} for link in links):
            found.append(pid)
    return sorted(found)


def run(path: Path, statements: Iterable[str]) -> None:
    """Make changes to a file that nobody uses yet, in one transaction."""
    try:
        with closing(sqlite3.connect(path)) as database, database:
            for statement in statements:
                database.execute(statement)
    except sqlite3.Error as error:
        raise UpkeepError(
            f"The database in the backup has another form than this version expects: {error}."
        ) from error


def put_in_place(made: Path, target: Path, kept: Path) -> None:
    """Replace the database by another file of the same folder; the old one is kept under another name.

    What is in the old -wal is written into the old file first and the -wal removed: SQLite would apply it to the new file. A kill
    at any point leaves the old database whole, or the new one.
    """
    if target.exists():
        with closing(sqlite3.connect(target, timeout=WAIT)) as database:
            [busy, *_pages] = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise UpkeepError(f"{target} is in use: stop the web server and the lanes first.")
            database.execute("PRAGMA journal_mode=DELETE")
        kept.unlink(missing_ok=True)
        os.link(target, kept)
    for suffix in ("-wal", "-shm", "-journal"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    descriptor = os.open(made, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    made.replace(target)
