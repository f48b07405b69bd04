"""A real installation in a folder, with an SQLite file that has the rows of the running test."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from django.db import connection

from tests.test_settings import ROOT, production


class Installation:
    """Its folder, its settings, and its commands, which run in processes of their own as a person types them."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.settings = {**production(folder), **settings}
        self.file = folder / "manifold.sqlite3"

    def fill(self) -> Installation:
        """Copy the rows of the running test, also those that are not committed, to its SQLite file."""
        connection.ensure_connection()
        self.file.write_bytes(connection.connection.serialize())
        return self

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "OMS_ENV_FILE": "", **self.settings}

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def json(self, *words: str) -> tuple[int, Any]:
        done = self.manage(*words, "--json")
        assert done.stdout.strip(), done.stderr
        return done.returncode, json.loads(done.stdout)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file)) as database:
            return database.execute(sql).fetchall()

    def write(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.file)) as database, database:
            for statement in statements:
                database.execute(statement)
