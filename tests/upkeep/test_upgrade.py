"""Upgrades: every step in its order, back when one fails, and no row lost from the oldest supported schema."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import oms
from tests.test_settings import ROOT

pytestmark = pytest.mark.fault("F-64")


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


@pytest.mark.slow
def test_an_upgrade_from_the_oldest_schema_loses_no_row() -> None:
    """In a process and a database of its own, as the schema goes back to 0.1."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.upkeep.old_schema"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": "", "REDIS_URL": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rows"] > 500
    assert found["lost"] == []
    assert found["changed"] == []
