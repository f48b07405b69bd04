"""A full or read-only disk: monitors are told, and a page that cannot save says so in words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.test import Client

from channels.models import WakeUp
from oms import health
from oms.cluster import host_beats
from oms.devserver import run
from oms.kit import doctor

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-52")]


@pytest.fixture(autouse=True)
def no_lanes_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Lanes that ran in this checkout, and were killed, are not part of these tests."""
    folder = tmp_path_factory.mktemp("lanes")
    monkeypatch.setattr(host_beats, "folder", lambda: folder)


def storage() -> doctor.Result:
    [result] = doctor.run(["storage_is_writable"])
    return result


def test_ready_means_that_a_row_and_a_file_were_written_and_read_back(client: Client, settings: Any) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "failed": []})
    assert WakeUp.objects.filter(key="write check").count() == 1
    assert list(settings.VAR_DIR.glob(".write-check*")) == []
    assert storage() == doctor.Result("storage_is_writable", ok=True, detail="")
    assert client.post("/readyz").status_code == 405


def test_a_read_only_database_is_not_ready_but_healthy(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only=ON")
    try:
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"ok": False, "failed": ["database"]})
        result = storage()
        assert result.ok is False
        assert result.detail == (
            "The database cannot store anything: attempt to write a readonly database. Is its disk full or read-only?"
        )
        with pytest.raises(SystemExit) as ended:
            call_command("doctor")
        assert ended.value.code == 1
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only=OFF")


def test_a_folder_that_cannot_be_written_is_not_ready(client: Client, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.VAR_DIR = tmp_path / "file"
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "failed": ["files"]})
    assert storage().detail.startswith("Files cannot be saved: ")


def test_a_page_that_cannot_save_says_so(django_user_model: Any) -> None:
    owner = django_user_model.objects.create_superuser("owner", password="something long 1")
    client = Client(raise_request_exception=False)
    client.force_login(owner)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only=ON")
    try:
        stranger = Client(raise_request_exception=False)
        answer = stranger.post("/admin/login/", {"username": "owner", "password": "something long 1"})
        assert client.get("/admin/catalogue/brand/").status_code == 200, "what only shows something works"
        assert Client(raise_request_exception=False).post("/hooks/opencart/1/").status_code == 404
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only=OFF")
    text = answer.content.decode()
    assert answer.status_code == 503
    assert "Nothing can be saved at the moment." in text
    assert "its disk is full or read-only. Your change was not saved." in text


def test_a_full_disk_is_recognised() -> None:
    """As SQLite says it: no page of the file is left."""
    rows = [WakeUp(key=f"{number:060}") for number in range(2000)]
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count=1")
        with pytest.raises(OperationalError) as fault, transaction.atomic():
            WakeUp.objects.bulk_create(rows)
        cursor.execute("PRAGMA max_page_count=1073741823")
    assert health.is_write_fault(fault.value)


def test_another_fault_is_no_full_disk() -> None:
    assert not health.is_write_fault(OperationalError("database is locked"))
    assert not health.is_write_fault(IntegrityError("UNIQUE constraint failed"))
    assert not health.is_write_fault(DataError("value too long"))
    assert not health.is_write_fault(ValueError("disk is full"))
    assert not health.is_write_fault(None)


@pytest.mark.parametrize(
    "cause", [psycopg.errors.DiskFull(), psycopg.errors.ReadOnlySqlTransaction(), psycopg.errors.IoError()]
)
def test_postgresql_says_it_by_its_codes(cause: Exception) -> None:
    error = OperationalError("could not extend file")
    error.__cause__ = cause
    assert health.is_write_fault(error)


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "OMS_ENV_FILE": "", "OMS_VAR_DIR": str(folder), "OMS_DEMO": "true"}


@pytest.mark.parametrize("has_settings", [False, True])
def test_make_run_says_what_it_cannot_write(tmp_path: Path, has_settings: bool) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "var"
    own = {"SECRET_KEY": "s" * 60} if has_settings else {}
    done = subprocess.run(
        [sys.executable, "manage.py", "run", "--port", "8199"],
        cwd=ROOT,
        env=environment(folder) | own,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert f"Manifold OMS cannot save anything in {folder} (Not a directory" in done.stderr
    assert "Set OMS_VAR_DIR to a folder where you may write." in done.stderr


def test_a_database_file_that_cannot_be_written_stops_make_run(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "db").mkdir()  # a folder where the file should be
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", tmp_path / "db")
    with pytest.raises(run.CannotRun, match="Is a directory"):
        run.check_writable(tmp_path)
