"""Every setting is checked at start, documented from the code, and made by one command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from oms import checks
from oms.devserver import run
from oms.upkeep import reference, settings_file
from oms.upkeep.environment import Environment
from tests.test_settings import ROOT, names_read_by_settings, production, run_manage


@pytest.mark.fault("F-70")
@pytest.mark.parametrize("command", [("check",), ("qcluster",), ("doctor",)])
def test_wrong_settings_are_a_sentence_each_and_no_traceback(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    wrong = {
        "OMS_HTTPS": "maybe",
        "OMS_WORKERS": "0",
        "CONN_MAX_AGE": "soon",
        "DATABASE_URL": "postgres//user:s3cret-word@host/name",
        "REDIS_URL": "localhost:6379:0",
        "EMAIL_URL": "mail.example.com",
        "TIME_ZONE": "Mars/Olympus",
        "LANGUAGE_CODE": "de",
        "LOG_LEVEL": "LOUD",
        "OMS_PUBLIC_URL": "oms.example.com",
        "ALLOWED_HOSTS": "https://oms.example.com",
        "OMS_QUEUE_BROKER": "rabbit",
        "Q_CLUSTER_NAME": "orderz",
        "OMS_ALLOWED_PRIVATE_HOSTS": "10.0.0.1:99999",
    }
    done = run_manage(*command, **production(tmp_path) | wrong)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2
    assert sorted(line.split()[0] for line in lines) == sorted(wrong)
    assert all(line.endswith((".", "”.")) for line in lines)
    assert "OMS_HTTPS is neither true nor false: “maybe”." in lines
    assert "Q_CLUSTER_NAME is not one of (empty), orders, stock, default: “orderz”." in lines
    assert "s3cret-word" not in done.stderr


@pytest.mark.fault("F-70")
def test_the_web_server_says_the_same_and_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import oms.wsgi"],
        cwd=ROOT,
        env={"OMS_ENV_FILE": "", **production(tmp_path), "OMS_HTTPS": "maybe"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4  # with another code gunicorn starts the worker again, for ever
    assert done.stderr == "Manifold OMS cannot start:\nOMS_HTTPS is neither true nor false: “maybe”.\n"


@pytest.mark.fault("F-70")
@pytest.mark.parametrize(
    ("kind", "given", "expected", "words"),
    [
        ("flag", "YES", True, ""),
        ("flag", " off ", False, ""),
        ("flag", "", True, ""),  # a container passes on settings that are empty
        ("flag", "2", True, "is neither true nor false"),
        ("whole", "7", 7, ""),
        ("whole", "٣", 5, "is no whole number from 1 to 9"),
        ("whole", "10", 5, "is no whole number from 1 to 9"),
        ("whole", "-1", 5, "is no whole number from 1 to 9"),
        ("hosts", "a.example,.b.example,[::1]", ["a.example", ".b.example", "[::1]"], ""),
        ("hosts", "a.example:8000", ["a.example:8000"], "is no host name"),
        ("hosts", "", ["x"], "is empty"),
        ("address", "https://oms.example.com/", "https://oms.example.com", ""),
        ("address", "https://u:p@oms.example.com", "http://x", "has a user name"),
        ("address", "https://oms.example.com:99999", "http://x", "is no address"),
        ("reachable", "10.1.0.0/16,shop.lan:8080,::1", ["10.1.0.0/16", "shop.lan:8080", "::1"], ""),
        ("reachable", "shop.lan:http", ["shop.lan:http"], "is no host, host:port or network"),
        ("redis", "redis://127.0.0.1/0", "redis://127.0.0.1/0", ""),
        ("zone", "Europe/Paris", "Europe/Paris", ""),
        ("zone", "../etc/passwd", "UTC", "is no time zone"),
    ],
)
def test_a_value_is_read_or_named(
    monkeypatch: pytest.MonkeyPatch, kind: str, given: str, expected: object, words: str
) -> None:
    monkeypatch.setenv("OMS_TRIED", given)
    more: dict[str, object] = {
        "flag": {"default": True},
        "whole": {"default": 5, "least": 1, "most": 9},
        "hosts": {"default": ["x"]},
        "address": {"default": "http://x"},
        "zone": {"default": "UTC"},
    }.get(kind, {})  # type: ignore[assignment]
    env = Environment()
    assert getattr(env, kind)("OMS_TRIED", **more) == expected
    assert len(env.faults) == bool(words)
    assert words in "".join(env.faults)


@pytest.mark.fault("F-70")
def test_a_settings_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run_manage("check", **production(tmp_path) | {"OMS_ENV_FILE": str(tmp_path / "none.env")})
    assert (done.returncode, done.stderr) == (
        2, f"The settings file {tmp_path / 'none.env'} cannot be read: No such file or directory.\n",
    )  # fmt: skip


@pytest.mark.fault("F-70")
def test_lines_that_are_no_setting_and_misspelt_names_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "env"
    file.write_text("# a comment\nOMS_TYPO=1\njust words\n\nOMS_SANDBOX_X_URL=http://x\n")
    monkeypatch.setenv("OMS_TYPO", "1")
    monkeypatch.setenv("OMS_SANDBOX_X_URL", "x")
    env = Environment()
    env.read_file(file)
    assert env.faults == [f"Line 3 of {file} is no NAME=value."]
    assert env.unknown() == ["OMS_TYPO"]


@pytest.mark.fault("F-70")
def test_a_lane_that_does_not_exist_is_not_run(tmp_path: Path) -> None:
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError) as caught:
        call_command("qcluster", cluster_name="orderz")
    assert str(caught.value) == "There is no lane “orderz”. Lanes: orders, stock, default."


@pytest.mark.fault("F-70")
def test_a_port_of_root_is_not_called_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "needs_root", lambda port: port < 1024)
    with pytest.raises(run.CannotRun, match=r"Port 80 may be used by root alone"):
        run.claim_port(80)


@pytest.mark.fault("F-70")
def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path, settings) -> None:
    file = tmp_path / "var"
    file.write_text("")
    settings.VAR_DIR = file
    assert [error.id for error in checks.check_folder()] == ["oms.E012"]
    settings.VAR_DIR = tmp_path
    assert checks.check_folder() == []


@pytest.mark.fault("F-70")
def test_the_references_are_made_from_the_code() -> None:
    docs = ROOT / "docs"
    rows = reference.settings_read()
    assert {row.name for row in rows} == names_read_by_settings()
    assert [row.name for row in rows if not row.purpose] == []
    again = "run python -m tests.upkeep.write_docs"
    assert (docs / "settings.md").read_text(encoding="utf-8") == reference.settings_page(), again
    assert (docs / "commands.md").read_text(encoding="utf-8") == reference.commands_page(), again


# ---------------------------------------------------------------- a real installation


@pytest.mark.fault("F-61", "F-71")
def test_one_command_makes_settings_that_pass_the_deployment_checks(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    file = folder / "manifold.env"
    data = ("--data", str(folder / "var"), "--file", str(file))
    made = run_manage("make_settings", "--address", "https://oms.example.com", *data)
    assert (made.returncode, made.stdout) == (0, f"{file} is written.\n"), made.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    done = run_manage("check", "--deploy", "--fail-level", "WARNING", OMS_ENV_FILE=str(file))
    assert (done.returncode, "no issues" in done.stdout, done.stderr) == (0, True, "")

    before = file.read_text()
    again = run_manage("make_settings", "--json", "--address", "https://other.example.com", *data)
    assert (again.returncode, json.loads(again.stdout)["ok"]) == (1, False)
    assert file.read_text() == before  # keys are never made anew


@pytest.mark.fault("F-61")
@pytest.mark.parametrize(
    "words",
    [
        ["--address", "oms.example.com"],
        ["--address", "http://oms.example.com"],
        ["--address", "https://oms.example.com", "--without-https"],
        ["--address", "https://oms.example.com/shop"],
        ["--address", "https://oms.example.com", "--mail", "smtp://a\nDEBUG=true"],
    ],
)
def test_settings_that_cannot_work_are_not_written(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert settings_file.main([*words, "--file", str(tmp_path / "e")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("F-61")
def test_the_check_names_the_demo(settings) -> None:
    settings.OMS_DEMO = True
    [demo, *_others] = checks.check_production()
    assert demo.id == "oms.W001"
    assert "settings of the demo" in str(demo.msg)
    assert "make_settings" in str(demo.hint)


@pytest.mark.fault("F-71")
def test_hsts_is_modest_until_somebody_decides_otherwise(tmp_path: Path) -> None:
    code = (
        "from django.conf import settings as s;"
        "print(s.SECURE_HSTS_SECONDS, s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.SECURE_HSTS_PRELOAD)"
    )
    shell = ("shell", "--no-imports", "-c", code)
    assert run_manage(*shell, **production(tmp_path)).stdout == "3600 False False\n"
    wanted = {"OMS_HSTS_SECONDS": "31536000", "OMS_HSTS_SUBDOMAINS": "true", "OMS_HSTS_PRELOAD": "true"}
    assert run_manage(*shell, **production(tmp_path) | wanted).stdout == "31536000 True True\n"


@pytest.mark.fault("F-71")
def test_what_runs_in_production_has_no_tools_for_tests() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    for name in ("pytest", "mypy", "playwright", "hypothesis", "ruff", "import-linter"):
        assert f"\n{name}==" not in text
