"""Backup and restore: complete, verified, and safe when they are killed; nothing is sent after a restore."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from channels.models import Connection, OutboxMessage
from oms.upkeep import archive, sqlite
from oms.upkeep.archive import UpkeepError
from tests.test_settings import ROOT
from tests.upkeep.installation import Installation

pytestmark = pytest.mark.fault("F-63")


def a_store() -> Connection:
    row = Connection.objects.create(
        channel="opencart",
        name="UK Shop",
        fingerprint="uk",
        credentials={"secret_key": "s3cret-of-uk"},
        is_read_only=False,
    )
    fields = {
        "connection": row,
        "kind": "event",
        "topic": "shipped",
        "lane": "orders",
        "subject": 1,
        "group": 1,
    }
    OutboxMessage.objects.create(**fields, key="a")
    OutboxMessage.objects.create(**fields, key="b", sent=1)
    return row


@pytest.mark.django_db
def test_what_was_backed_up_comes_back_and_nothing_is_sent(tmp_path: Path) -> None:
    a_store()
    house = Installation(tmp_path / "the house").fill()
    document = house.folder / "media" / "documents" / "ab" / "abc.pdf"
    document.parent.mkdir(parents=True)
    document.write_bytes(b"%PDF-invoice")
    code, made = house.json("backup", "--to", str(tmp_path / "backups"), "--keys", str(tmp_path / "keys"))
    assert (code, made["files"], made["rows"] > 10) == (0, 1, True), made
    path = Path(made["file"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert house.settings["SECRET_KEY"].encode() not in path.read_bytes()
    assert [one.name for one in path.parent.iterdir() if one.name[0] != "."] == [path.name]

    # Afterwards the old database goes on, with something in its -wal that was never written into the file.
    document.unlink()
    with closing(sqlite3.connect(house.file)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("PRAGMA wal_autocheckpoint=0")
        other.execute("UPDATE channels_connection SET name = 'Later'")
        other.commit()
        saved = {
            name: (house.folder / name).read_bytes() for name in (f"{house.file.name}-wal", house.file.name)
        }
    for name, content in saved.items():
        (house.folder / name).write_bytes(content)

    plan = house.manage("restore", str(path))
    assert (plan.returncode, "Give --yes to restore." in plan.stdout) == (1, True), plan.stderr
    assert house.rows("SELECT name FROM channels_connection") == [("Later",)]

    for name, content in saved.items():
        (house.folder / name).write_bytes(content)
    code, done = house.json("restore", str(path), "--yes")
    assert (code, done["ok"]) == (0, True), done
    assert done["stores"] == [
        {"store": "UK Shop", "read_only": True, "changes": {}, "unchanged": 0, "held_events": 1}
    ]
    assert house.rows("SELECT name, is_read_only FROM channels_connection") == [("UK Shop", 1)]
    assert house.rows("SELECT key, is_held FROM channels_outboxmessage ORDER BY key") == [("a", 1), ("b", 0)]
    assert document.read_bytes() == b"%PDF-invoice"
    with closing(sqlite3.connect(done["kept"])) as before:  # the old one is whole, with what was in its -wal
        assert before.execute("SELECT name FROM channels_connection").fetchall() == [("Later",)]


@pytest.mark.django_db
def test_an_encrypted_backup_opens_with_its_passphrase_alone_and_old_ones_go(tmp_path: Path) -> None:
    house = Installation(tmp_path / "house").fill()
    secret, wrong = tmp_path / "secret", tmp_path / "wrong"
    secret.write_text("correct horse battery staple\n")
    wrong.write_text("another\n")
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in ("manifold-20200101-000000.tar.gz", "manifold-20200102-000000.tar.gz.gpg", "mine.tar.gz"):
        (folder / name).touch()
    code, made = house.json("backup", "--to", str(folder), "--passphrase-file", str(secret), "--keep", "2")
    assert code == 0, made
    path = Path(made["file"])
    assert path.name.endswith(".tar.gz.gpg")
    assert made["removed"] == [str(folder / "manifold-20200101-000000.tar.gz")]
    assert (folder / "mine.tar.gz").exists()
    assert house.json("restore", str(path))[1]["error"].endswith("(--passphrase-file).")
    code, refused = house.json("restore", str(path), "--passphrase-file", str(wrong))
    assert (code, "Is the passphrase right?" in refused["error"]) == (2, True)
    assert house.json("restore", str(path), "--passphrase-file", str(secret))[0] == 1


def pack(folder: Path, **facts: object) -> Path:
    (folder / "database").write_bytes(b"x" * 100_000)
    archive.write(folder / "made", [("database", folder / "database")], facts)
    return folder / "made"


def test_a_damaged_or_cut_off_backup_is_refused(tmp_path: Path) -> None:
    made = pack(tmp_path)
    assert set(archive.read(made)["files"]) == {"database"}
    content = made.read_bytes()
    for broken in (content[: len(content) // 2], content[:40] + b"\0\0\0" + content[43:], b"", b"words"):
        made.write_bytes(broken)
        with pytest.raises(UpkeepError):
            archive.read(made)


def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    for name in ("../x", "/etc/x", "media/../../x"):
        archive.write(tmp_path / "made", [(name, tmp_path / "x")], {})
        with pytest.raises(UpkeepError, match="no backup has"):
            archive.read(tmp_path / "made", into=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_backup_of_a_newer_form_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "FORM", 99)
    made = pack(tmp_path)
    monkeypatch.undo()
    with pytest.raises(UpkeepError, match="newer version"):
        archive.read(made)


def test_two_backups_at_once_are_one(tmp_path: Path) -> None:
    with (
        archive.only_one_in(tmp_path),
        pytest.raises(UpkeepError, match="Another backup"),
        archive.only_one_in(tmp_path),
    ):
        pass


def test_a_database_that_is_used_is_found(tmp_path: Path) -> None:
    file = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(file)) as made:
        made.execute("CREATE TABLE t (x)")
    code = f"import sqlite3, sys; c = sqlite3.connect({str(file)!r}); c.execute('SELECT * FROM t'); print('on', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert sqlite.users(file) == [other.pid]
        assert other.stdin is not None
        other.stdin.close()
    assert sqlite.users(file) == []


def test_a_kill_before_the_last_step_leaves_the_old_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for path, value in ((old, 1), (new, 2)):
        with closing(sqlite3.connect(path)) as made, made:
            made.execute("PRAGMA journal_mode=WAL")
            made.execute("CREATE TABLE t (x)")
            made.execute(f"INSERT INTO t VALUES ({value})")

    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        sqlite.put_in_place(new, old, tmp_path / "kept")
    monkeypatch.undo()
    with closing(sqlite3.connect(old)) as database:
        assert database.execute("SELECT x FROM t").fetchall() == [(1,)]
    sqlite.put_in_place(new, old, tmp_path / "kept")
    with closing(sqlite3.connect(old)) as database:
        assert database.execute("SELECT x FROM t").fetchall() == [(2,)]


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("command", ["backup", "restore"])
def test_killed_at_any_moment_nothing_is_half_done(tmp_path: Path, command: str) -> None:
    """A killed backup leaves no file with the name of one; a killed restore leaves the old database, or the restored one."""
    a_store()
    house = Installation(tmp_path / "house").fill()
    folder = tmp_path / "backups"
    _code, made = house.json("backup", "--to", str(folder))
    backup = Path(made["file"])
    house.write("UPDATE channels_connection SET name = 'Later'")
    words = ["restore", str(backup), "--yes"] if command == "restore" else ["backup", "--to", str(folder)]
    states = set()
    for tenths in range(4, 40, 3):
        with subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), *words],
            env=house.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as running:
            time.sleep(tenths / 10)
            if running.poll() is None:
                os.kill(running.pid, signal.SIGKILL)
        [(name, is_read_only)] = house.rows("SELECT name, is_read_only FROM channels_connection")
        states.add((name, is_read_only))
        for path in folder.glob("manifold-*"):
            archive.read(path)
        if name == "UK Shop" and command == "restore":
            house.write("UPDATE channels_connection SET name = 'Later', is_read_only = 0")
    assert states <= {("Later", 0), ("UK Shop", 1)}
    assert house.json(*words)[0] == 0
    assert not list(folder.glob(".making-*"))


def test_the_name_of_a_backup_has_its_time(tmp_path: Path) -> None:
    assert archive.NAME.match(f"manifold-{datetime(2026, 11, 30, tzinfo=UTC):%Y%m%d-%H%M%S}.tar.gz")
    assert not archive.NAME.match("manifold-20261130-000000.tar.gz.part")
