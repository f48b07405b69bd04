"""The files with which Manifold is installed: container, compose, Debian script, units, proxies; and the command `manifold`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import oms
from oms.upkeep.environment import Environment
from tests.test_settings import ROOT, names_read_by_settings

SCRIPTS = sorted(
    [
        *ROOT.glob("contrib/debian/*.sh"),
        ROOT / "contrib/debian/manifold",
        ROOT / "contrib/debian/manifold-container",
    ]
)
CONTAINER = ROOT / "contrib" / "container"
UNITS = sorted([*ROOT.glob("contrib/systemd/*.service"), *ROOT.glob("contrib/debian/*.service")])


def me() -> str:
    return subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()


# ---------------------------------------------------------------- the command `manifold`


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    home = tmp_path / "a folder"
    (home / ".venv/bin").mkdir(parents=True)
    (home / ".venv/bin/python").write_text('#!/bin/sh\necho "$@"\nenv | sort\n')
    (home / ".venv/bin/python").chmod(0o755)
    (tmp_path / "settings").write_text("SECRET_KEY=x\n")
    return home


def wrapper(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {
        "PATH": os.environ["PATH"],
        "MANIFOLD_HOME": str(home),
        "MANIFOLD_ENV": str(home.parent / "settings"),
        "MANIFOLD_USER": me(),
    }
    command = ["sh", str(ROOT / "contrib/debian/manifold"), *words]
    return subprocess.run(
        command, env={**known, **environment}, cwd="/", capture_output=True, text=True, check=False
    )


@pytest.mark.fault("F-62")
def test_commands_read_the_settings_of_the_services_and_nothing_of_the_shell(checkout: Path) -> None:
    done = wrapper(
        checkout, "doctor", "--only", "two words", DATABASE_URL="postgres://other/db", SECRET_KEY="other"
    )
    first, *environment = done.stdout.splitlines()
    assert (done.returncode, first) == (0, f"{checkout}/manage.py doctor --only two words")
    assert f"OMS_ENV_FILE={checkout.parent}/settings" in environment
    assert [line for line in environment if line.startswith(("DATABASE_URL", "SECRET_KEY"))] == []


@pytest.mark.fault("F-62")
def test_the_command_says_what_is_missing(checkout: Path) -> None:
    (checkout.parent / "settings").unlink()
    done = wrapper(checkout, "doctor")
    assert (done.returncode, "settings file" in done.stderr) == (2, True)
    shutil.rmtree(checkout)
    done = wrapper(checkout, "doctor")
    assert (done.returncode, done.stderr.startswith("Manifold is not installed in")) == (2, True)


@pytest.mark.fault("F-62")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_unit_reads_the_file_that_the_command_reads(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    assert "\nEnvironment=OMS_ENV_FILE=/etc/manifold.env\n" in text
    assert "EnvironmentFile" not in text
    assert "/etc/manifold.env" in (ROOT / "contrib/debian/manifold").read_text(encoding="utf-8")


# ---------------------------------------------------------------- files


@pytest.mark.fault("F-71")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_can_be_parsed_and_run(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0


@pytest.fixture
def services() -> dict[str, Any]:
    return yaml.safe_load((CONTAINER / "compose.yaml").read_text(encoding="utf-8"))["services"]


@pytest.mark.fault("F-71")
def test_compose_runs_everything_and_nothing_with_more_rights_than_it_needs(services: dict[str, Any]) -> None:
    assert sorted(services) == [
        "cache",
        "caddy",
        "database",
        "lane-default",
        "lane-orders",
        "lane-stock",
        "web",
    ]
    ours = {name: one for name, one in services.items() if name == "web" or name.startswith("lane-")}
    for name, one in ours.items():
        assert (one["read_only"], one["user"], one["cap_drop"]) == (True, "10001:10001", ["ALL"]), name
        assert one["image"] == f"manifold:{oms.__version__}"
        assert "ports" not in one
        assert "healthcheck" in one
    lanes = [one["command"][2] for name, one in ours.items() if name != "web"]
    assert sorted(lanes) == ["default", "orders", "stock"]
    assert all(one["hostname"] == name for name, one in ours.items() if name != "web")
    assert all("healthcheck" in services[name] for name in ("database", "cache"))
    known = names_read_by_settings()
    assert set(ours["web"]["environment"]) <= known


@pytest.mark.fault("F-71")
def test_every_volume_and_dependency_exists(services: dict[str, Any]) -> None:
    volumes = yaml.safe_load((CONTAINER / "compose.yaml").read_text(encoding="utf-8"))["volumes"]
    used = {entry.split(":")[0] for one in services.values() for entry in one.get("volumes", [])}
    assert {name for name in used if not name.startswith("../")} == set(volumes)
    assert all((CONTAINER / name).is_file() for name in used if name.startswith("../"))
    assert {name for one in services.values() for name in one.get("depends_on", {})} <= set(services)


@pytest.mark.fault("F-71")
def test_the_image_has_no_tools_for_tests_and_runs_as_nobody_special() -> None:
    text = (CONTAINER / "Containerfile").read_text(encoding="utf-8")
    assert text.count("\nFROM ") == 2
    last = text[text.rindex("\nFROM ") :]
    assert "\nUSER manifold\n" in last
    assert "HEALTHCHECK" in last
    assert "requirements-dev" not in text
    assert "pip install" not in last
    python = re.findall(r"python:3\.(\d+)-", text)
    assert len(set(python)) == 1
    assert int(python[0]) >= 12
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    assert all((ROOT / name).exists() for name in copied)
    ignored = (CONTAINER / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{name}" for name in copied} <= set(ignored)


@pytest.mark.fault("F-71")
def test_the_settings_for_containers_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.fernet import Fernet

    make = ["sh", str(ROOT / "contrib/debian/compose-env.sh")]
    for wrong in ([], ["oms example"], ["https://oms.example.com"]):
        assert subprocess.run([*make, *wrong], cwd=tmp_path, capture_output=True, check=False).returncode == 2
    assert list(tmp_path.iterdir()) == []
    assert (
        subprocess.run([*make, "oms.example.com"], cwd=tmp_path, capture_output=True, check=False).returncode
        == 0
    )
    file = tmp_path / "compose.env"
    assert file.stat().st_mode & 0o777 == 0o600
    values = dict(line.split("=", 1) for line in file.read_text().splitlines() if line[:1].isupper())
    Fernet(values["OMS_CREDENTIAL_KEYS"])
    assert len(values["SECRET_KEY"]) >= 50
    before = file.read_text()
    assert (
        subprocess.run([*make, "oms.example.com"], cwd=tmp_path, capture_output=True, check=False).returncode
        == 1
    )
    assert file.read_text() == before
    compose = (CONTAINER / "compose.yaml").read_text(encoding="utf-8")
    required = set(re.findall(r"\$\{([A-Z_]+)(?::\?[^}]*)?\}", compose))
    assert required <= set(values)


@pytest.mark.fault("F-71")
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if "watch" not in unit.name], ids=lambda unit: unit.name
)
def test_units_are_exposed_little(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name.replace("@", "@x")
    text = re.sub(
        r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    copy.write_text(text.replace("WorkingDirectory=/srv/manifold", "WorkingDirectory=/"))
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=40", "--no-pager", str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Overall exposure" not in done.stdout:
        pytest.skip(f"this systemd cannot analyse files: {done.stderr[:80]}")
    assert done.returncode == 0, done.stdout[-400:]


@pytest.mark.fault("F-69")
def test_the_samples_for_cron_name_commands_and_options_that_exist() -> None:
    from django.core.management import get_commands, load_command_class

    text = (ROOT / "contrib/cron/manifold.crontab").read_text(encoding="utf-8")
    lines = re.findall(
        r"^(?:# )?[\d*/]+ [\d*]+ \S+ \S+ \S+ +manifold +manifold (\w+) (.*)$", text, re.MULTILINE
    )
    assert [name for name, _rest in lines] == ["doctor", "backup", "sync_orders", "sync_stock"]
    for name, rest in lines:
        help_text = (
            load_command_class(get_commands()[name], name).create_parser("manage.py", name).format_help()
        )
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in help_text, f"{name} {option}"


@pytest.mark.fault("F-71")
@pytest.mark.slow
def test_the_script_for_debian_installs_into_a_folder_and_may_run_again(tmp_path: Path) -> None:
    """The same steps without packages, role, user and units, as an ordinary user, in a folder with a space."""
    prefix = tmp_path / "a place"
    home = prefix / "srv/manifold"
    home.mkdir(parents=True)
    (home / ".venv").symlink_to(ROOT / ".venv", target_is_directory=True)
    shutil.copytree(
        ROOT,
        home,
        dirs_exist_ok=True,
        symlinks=True,
        ignore=shutil.ignore_patterns(".git", ".venv", "var", "node_modules"),
    )
    stamp = ROOT / ".venv" / "requirements-installed.txt"
    had = stamp.exists()
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "MANIFOLD_PREFIX": str(prefix),
        "MANIFOLD_USER": me(),
        "MANIFOLD_SYSTEMCTL": "true",
        "MANIFOLD_DATABASE": "sqlite",
        "MANIFOLD_SKIP_PACKAGES": "1",
    }
    try:
        keys = []
        for _time in range(2):
            done = subprocess.run(
                ["sh", str(ROOT / "contrib/debian/install.sh"), "oms.example.com"],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            keys.append((prefix / "etc/manifold.env").read_text())
        assert keys[0] == keys[1]
        assert (home / "var/manifold.sqlite3").is_file()
        assert (home / "var/static/oms").is_dir()
        assert (home / ".env").resolve() == prefix / "etc/manifold.env"
    finally:
        if not had:
            stamp.unlink(missing_ok=True)


@pytest.mark.fault("F-71")
def test_the_settings_of_the_environment_are_read_in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """compose passes on settings that are empty: they are as those that are not there."""
    monkeypatch.setenv("OMS_HTTPS", "")
    monkeypatch.setenv("OMS_WORKERS", "")
    env = Environment()
    assert (env.flag("OMS_HTTPS", True), env.whole("OMS_WORKERS", 2, least=1)) == (True, 2)
    assert env.faults == []


# ---------------------------------------------------------------- docs/install.md


def ways() -> dict[str, list[str]]:
    text = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh (containers|debian|by-hand)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return {name: block.strip().splitlines() for name, block in blocks}


@pytest.mark.fault("F-71", "F-61")
def test_each_way_to_install_has_at_most_six_commands_that_exist() -> None:
    assert sorted(ways()) == ["by-hand", "containers", "debian"]
    for name, commands in ways().items():
        assert len(commands) <= 6, name
        for command in commands:
            for script in re.findall(r"\S+\.sh\b", command):
                place = CONTAINER if name == "containers" else ROOT  # its first command goes there
                assert (place / script).is_file(), command


@pytest.mark.fault("F-71", "F-61")
@pytest.mark.slow
def test_the_way_by_hand_works_as_it_is_written(tmp_path: Path) -> None:
    """Every command of the block in a folder with a space, but the first, which downloads packages."""
    home = tmp_path / "the checkout"
    shutil.copytree(
        ROOT, home, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "var", "node_modules")
    )
    (home / ".venv").symlink_to(ROOT / ".venv", target_is_directory=True)
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    for command in ways()["by-hand"][1:]:
        done = subprocess.run(
            ["sh", "-c", command], cwd=home, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert "no issues" in done.stdout
    assert (home / ".env").stat().st_mode & 0o777 == 0o600
