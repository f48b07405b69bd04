"""Backup, restore and the move from SQLite, on PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from channels.models import Connection
from tests.test_settings import ROOT
from tests.upkeep.installation import Installation
from tests.upkeep.test_backup import a_store

pytestmark = [pytest.mark.db, pytest.mark.fault("F-63", "F-65")]


def address(name: str = "") -> str:
    known = connection.settings_dict
    password = f":{known['PASSWORD']}" if known.get("PASSWORD") else ""
    return f"postgres://{known['USER']}{password}@{known['HOST']}:{known['PORT'] or 5432}/{name or known['NAME']}"


@pytest.fixture
def empty_database(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[str]:
    name = f"{connection.settings_dict['NAME']}_moved"
    with psycopg.connect(address("postgres"), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}"')
        server.execute(f'CREATE DATABASE "{name}"')
        yield address(name)
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.mark.django_db(transaction=True)
def test_what_was_backed_up_comes_back_and_nothing_is_sent(tmp_path: Path) -> None:
    row = a_store()
    house = Installation(tmp_path / "a house", DATABASE_URL=address())
    code, made = house.json("backup", "--to", str(tmp_path / "backups"))
    assert code == 0, made
    Connection.objects.filter(pk=row.pk).update(name="Later")
    code, refused = house.json("restore", made["file"], "--yes")
    assert (code, "other connections" in refused["error"]) == (2, True)  # this test's own
    assert Connection.objects.get().name == "Later"
    connection.close()
    code, done = house.json("restore", made["file"], "--yes")
    assert (code, done["ok"]) == (0, True), done
    assert done["stores"][0]["held_events"] == 1
    restored = Connection.objects.get()
    assert (restored.name, restored.is_read_only) == ("UK Shop", True)
    assert restored.credentials == {"secret_key": "s3cret-of-uk"}
    Connection.objects.create(channel="opencart", name="New", fingerprint="new")  # the sequence goes on


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_restore_that_is_killed_leaves_the_old_database_or_the_restored_one(tmp_path: Path) -> None:
    a_store()
    house = Installation(tmp_path / "house", DATABASE_URL=address())
    _code, made = house.json("backup", "--to", str(tmp_path / "backups"))
    states = set()
    for tenths in range(8, 60, 6):
        Connection.objects.update(name="Later", is_read_only=False)
        connection.close()
        with subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "restore", made["file"], "--yes", "--force"],
            env=house.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as running:
            time.sleep(tenths / 10)
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
        states |= set(Connection.objects.values_list("name", "is_read_only"))
    assert states <= {("Later", False), ("UK Shop", True)}
    connection.close()
    assert house.json("restore", made["file"], "--yes", "--force")[0] == 0


@pytest.mark.slow
def test_from_sqlite_to_postgresql_with_credentials_and_numbers(tmp_path: Path, empty_database: str) -> None:
    house = Installation(tmp_path / "a house")
    assert house.manage("migrate", "--verbosity", "0").returncode == 0
    code = (
        "from channels.models import Connection as C; from django.contrib.auth.models import User as U;"
        "C.objects.create(pk=41, channel='opencart', name='UK Shop', fingerprint='uk', credentials={'k': 's3cret'});"
        "U.objects.create_user('ann', password='correct horse')"
    )
    assert house.manage("shell", "--no-imports", "-c", code).returncode == 0
    before = house.rows("SELECT count(*), max(id) FROM channels_connection")
    assert (
        house.json("move_database", "--to", empty_database, "--dry-run")[1]["tables"]["channels_connection"]
        == 1
    )
    code_of_move, moved = house.json("move_database", "--to", empty_database)
    assert (code_of_move, moved["ok"]) == (0, True), moved
    assert house.json("move_database", "--to", empty_database)[1]["error"].startswith("The target has data")
    assert house.rows("SELECT count(*), max(id) FROM channels_connection") == before

    new = Installation(tmp_path / "a house", DATABASE_URL=empty_database)
    code = (
        "from channels.models import Connection as C; from django.contrib.auth.models import User as U;"
        "print(C.objects.get(pk=41).credentials['k'], U.objects.get().check_password('correct horse'),"
        "C.objects.create(channel='opencart', name='B', fingerprint='b').pk)"
    )
    assert new.manage("shell", "--no-imports", "-c", code).stdout == "s3cret True 42\n"


def test_only_sqlite_is_moved(tmp_path: Path, empty_database: str) -> None:
    house = Installation(tmp_path, DATABASE_URL=address())
    assert house.json("move_database", "--to", empty_database)[1]["error"].startswith(
        "This installation does not use SQLite"
    )
