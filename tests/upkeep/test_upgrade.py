"""Upgrades: every step in its order, back when one fails, and no row lost from the oldest supported schema."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

import oms
from tests.test_settings import ROOT

pytestmark = pytest.mark.fault("F-64")
DATA = Path(__file__).parent / "data"

#: The schema of 0.1, the oldest that can be upgraded.
OLDEST = [
    ("catalogue", "0004_stock_not_counted"),
    ("channels", "0007_budget_window"),
    ("inventory", "0002_opening_stock"),
    ("kit", "0001_initial"),
    ("orders", "0007_dispatch_to_do"),
]
OURS = {app for app, _name in OLDEST}


def test_the_version_is_in_one_place() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in known
    assert known["dynamic"] == ["version"]
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", oms.__version__)
    assert f"## {oms.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# ---------------------------------------------------------------- the steps


FAKE_MANAGE = """\
import os, pathlib, sys
words = sys.argv[1:]
home = pathlib.Path(__file__).parent
with (home.parent / "log").open("a") as log:
    log.write(f"{(home / 'VERSION').read_text().strip()} {' '.join(words[:1] + [w for w in words if w.startswith('--as')])}\\n")
if words[0] == os.environ.get("FAILS") and (home / "VERSION").read_text().strip() == "2":
    sys.exit("it failed")
if words[0] == "backup":
    print('{"ok": true, "file": "/backups/one.tar.gz", "bytes": 1}')
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in a folder with a space, with two versions whose `manage.py` only notes what it is asked."""
    home = tmp_path / "the checkout"
    home.mkdir()

    def git(*words: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", *who, *words], cwd=home, check=True, capture_output=True)

    git("init", "-q")
    for version in ("1", "2"):
        (home / "VERSION").write_text(version)
        (home / "manage.py").write_text(FAKE_MANAGE)
        (home / "requirements.txt").write_text("")
        (home / ".gitignore").write_text(".venv\n")
        git("add", "-A")
        git("commit", "-qm", version)
        git("tag", f"v0.{version}.0")
    git("checkout", "-q", "v0.1.0")
    (home / ".venv" / "bin").mkdir(parents=True)
    (home / ".venv" / "bin" / "python").symlink_to(shutil.which("python3") or "/usr/bin/python3")
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "systemctl $1" >> "{tmp_path}/log"\n')
    (tmp_path / "systemctl").chmod(0o755)
    return home


def upgrade(home: Path, *words: str, **environment: str) -> tuple[int, str, list[str]]:
    """(exit code, what it said, the steps)."""
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    known = {
        "MANIFOLD_HOME": str(home),
        "MANIFOLD_ENV": str(home / "env"),
        "MANIFOLD_USER": user,
        "MANIFOLD_SYSTEMCTL": str(home.parent / "systemctl"),
        "MANIFOLD_READY": "",
        "PATH": os.environ["PATH"],
        "HOME": str(home.parent),
    }
    done = subprocess.run(
        ["sh", str(ROOT / "contrib/debian/upgrade.sh"), *words],
        env={**known, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    log = home.parent / "log"
    return done.returncode, done.stdout + done.stderr, log.read_text().splitlines() if log.exists() else []


def test_the_steps_come_in_their_order(checkout: Path) -> None:
    code, said, steps = upgrade(checkout)
    assert code == 0, said
    assert steps == [
        "1 backup",
        "systemctl stop",
        "2 migrate",
        "2 collectstatic",
        "2 check",
        "systemctl start",
    ]
    assert (checkout / "VERSION").read_text() == "2"
    assert upgrade(checkout, "v0.2.0")[:2] == (0, "upgrade: this is v0.2.0 already.\n")


@pytest.mark.parametrize("step", ["migrate", "check"])
def test_a_step_that_fails_puts_everything_back(checkout: Path, step: str) -> None:
    code, said, steps = upgrade(checkout, FAILS=step)
    assert code == 1
    assert "everything is as it was" in said
    assert (checkout / "VERSION").read_text() == "1"
    assert steps[-4:] == ["systemctl stop", "1 restore --as-it-was", "1 collectstatic", "systemctl start"]


def test_nothing_is_begun_without_a_backup_a_version_or_a_clean_checkout(checkout: Path) -> None:
    code, said, steps = upgrade(checkout, "v9")
    assert (code, steps) == (2, [])
    assert "there is no version v9. Versions: v0.1.0 v0.2.0" in said
    (checkout / "VERSION").write_text("mine")
    code, said, steps = upgrade(checkout)
    assert (code, steps, "changed by hand" in said) == (2, [], True)
    (checkout / "VERSION").write_text("1")
    (checkout / "manage.py").write_text("raise SystemExit('no backup')")
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@x", "commit", "-qam", "x"], cwd=checkout, check=True
    )
    code, said, steps = upgrade(checkout)
    assert (code, steps, "the backup failed" in said) == (2, [], True)


# ---------------------------------------------------------------- the data


def old_rows() -> list[dict[str, Any]]:
    with gzip.open(DATA / "demo-0.1.json.gz", "rt", encoding="utf-8") as file:
        return [row for row in json.load(file) if row["model"].partition(".")[0] in OURS]


def load(rows: list[dict[str, Any]], apps: Any) -> None:
    """Store rows with the models of another time, as they are."""
    with connection.constraint_checks_disabled():
        for row in rows:
            model = apps.get_model(row["model"])
            values, many = {model._meta.pk.attname: row["pk"]}, {}
            for name, value in row["fields"].items():
                field = model._meta.get_field(name)
                if field.many_to_many:
                    many[name] = value
                else:
                    values[field.attname] = (
                        field.target_field.to_python(value) if field.remote_field else field.to_python(value)
                    )
            one = model(**values)
            one.save_base(raw=True, force_insert=True)
            for name, value in many.items():
                getattr(one, name).set(value)


def contents() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of ours, by table."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.partition("_")[0] in OURS and "_search" not in table:
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                names = [column[0] for column in cursor.description]
                found[table] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return found


#: Columns whose values a migration changes on purpose.
CHANGED_ON_PURPOSE: set[str] = set()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_upgrade_from_the_oldest_schema_loses_no_row() -> None:
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()
    try:
        executor.migrate([(app, None) for app in sorted(OURS)])
        executor = MigrationExecutor(connection)
        state = executor.migrate(OLDEST)
        load(old_rows(), state.apps)
        before = contents()
        assert sum(len(rows) for rows in before.values()) > 500
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(latest)
    after = contents()
    lost, changed = [], []
    for table, rows in before.items():
        if table not in after:
            lost.append(table)
            continue
        key = "id" if rows and "id" in rows[0] else next(iter(rows[0]), "") if rows else ""
        now = {row.get(key): row for row in after[table]}
        lost += [f"{table} {row[key]}" for row in rows if row[key] not in now]
        changed += [
            f"{table}.{name}"
            for row in rows
            for name, value in row.items()
            if name in now.get(row[key], {}) and now[row[key]][name] != value
        ]
    assert lost == []
    assert set(changed) <= CHANGED_ON_PURPOSE
