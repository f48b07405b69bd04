"""A PostgreSQL database: dumped by pg_dump from one snapshot, checked, and restored in one transaction."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from oms.upkeep.archive import UpkeepError

#: Everything of ours in the schema; extensions stay.
CLEAR = """
DO $$ DECLARE one record; BEGIN
  FOR one IN SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') LOOP
    EXECUTE 'DROP TABLE IF EXISTS ' || one.name || ' CASCADE';
  END LOOP;
END $$;
"""


def program(name: str) -> str:
    """Return the path of pg_dump, pg_restore or psql: on PATH, else the newest of Debian's. Raises `UpkeepError`."""
    newest = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
        key=lambda path: int(path.parts[4].partition(".")[0]),
    )
    found = str(newest[-1]) if newest else shutil.which(name)
    if found is None:
        raise UpkeepError(f"The program {name} is not installed: install the package postgresql-client.")
    return found


def surroundings(database: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment in which PostgreSQL's programs reach this database; the password is in no command line."""
    options = database.get("OPTIONS") or {}
    known = {
        "PGHOST": database.get("HOST"),
        "PGPORT": database.get("PORT"),
        "PGUSER": database.get("USER"),
        "PGPASSWORD": database.get("PASSWORD"),
        "PGDATABASE": database.get("NAME"),
        "PGSSLMODE": options.get("sslmode"),
        "PGSSLROOTCERT": options.get("sslrootcert"),
        "PGCONNECT_TIMEOUT": 20,
    }
    return {**os.environ, **{name: str(value) for name, value in known.items() if value}}


def dump(target: Path, tables: Iterable[str]) -> dict[str, int]:
    """Dump the database of this installation; return the rows of these tables in the same snapshot."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT pg_export_snapshot()")
            [snapshot] = cursor.fetchone()
            have = set(connection.introspection.table_names(cursor))
            numbers = {}
            for table in tables:
                if table in have:
                    cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608 (names of models)
                    numbers[table] = int(cursor.fetchone()[0])
        words = [
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            "--no-comments",
            f"--snapshot={snapshot}",
        ]
        _call([program("pg_dump"), *words, f"--file={target}"])
    return numbers


def check(path: Path, expected: dict[str, int]) -> None:
    """Raise `UpkeepError` unless the dump can be read to its end and has every expected table."""
    listed = _call([program("pg_restore"), "--list", str(path)])
    missing = [table for table in expected if f" TABLE DATA public {table} " not in listed]
    if missing:
        raise UpkeepError(f"The dump in the backup lacks tables: {', '.join(missing[:3])}.")
    _call([program("pg_restore"), "--file=/dev/null", str(path)])


def users() -> int:
    """Return how many other connections this database has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def restore(path: Path, expected: dict[str, int], statements: Iterable[str]) -> None:
    """Replace everything in the database by the dump, and make changes to it, in one transaction.

    The rows of each table are counted before the commit: whatever fails or is killed leaves the database as it was.
    """
    counted = "\n".join(
        f'DO $$ BEGIN IF (SELECT count(*) FROM public."{table}") <> {number} '  # noqa: S608 (names of models)
        f"THEN RAISE EXCEPTION 'the dump is not whole: {table}'; END IF; END $$;"
        for table, number in expected.items()
    )
    connection.close()
    with tempfile.TemporaryDirectory(prefix="manifold-restore-") as folder:
        before, after = Path(folder, "before.sql"), Path(folder, "after.sql")
        before.write_text(CLEAR, encoding="utf-8")
        after.write_text("\n".join([counted, *(f"{one};" for one in statements)]), encoding="utf-8")
        words = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
        around = surroundings(connection.settings_dict)
        with (
            subprocess.Popen(
                [program("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(path)],
                stdout=subprocess.PIPE,
                env=around,
            ) as reading,
            Path(folder, "errors").open("w+") as errors,
        ):
            done = subprocess.run(
                [program("psql"), *words, f"--file={before}", "--file=-", f"--file={after}"],
                stdin=reading.stdout,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=around,
                check=False,
            )
            errors.seek(0)
            said = errors.read()
        if done.returncode or reading.returncode:
            raise UpkeepError(f"The database was not restored and is as it was: {_last(said)}")


def _call(words: list[str]) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, env=surroundings(connection.settings_dict), check=False
    )
    if done.returncode:
        raise UpkeepError(f"{Path(words[0]).name} failed: {_last(done.stderr)}")
    return done.stdout


def _last(text: str) -> str:
    """Return the first line that names an error, without the lines that follow from it."""
    lines = (
        [line for line in text.splitlines() if "error" in line.lower()] or text.splitlines() or ["no reason"]
    )
    return lines[0].strip()
