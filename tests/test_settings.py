"""The settings: documented in full, safe in production, and refused when they cannot work."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.checks import Error
from django.test import override_settings

from channels.contract import registry
from channels.contract.spec import BudgetSpec, Capability, Support, no
from oms import checks
from oms.devserver import local_settings

ROOT = Path(__file__).resolve().parent.parent
FERNET = "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="


def names_read_by_settings() -> set[str]:
    """The first argument of every `env.<type>("NAME", ...)` in oms/settings.py."""
    tree = ast.parse((ROOT / "oms/settings.py").read_text(encoding="utf-8"))
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def test_the_example_lists_every_setting_and_no_other():
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    listed = re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", example, flags=re.MULTILINE)
    assert sorted(listed) == sorted(names_read_by_settings())


def run_manage(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` in a process of its own, which sees nothing of this one's settings but what is given here."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *args],
        cwd=ROOT,
        env={**kept, "OMS_ENV_FILE": "", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def production(tmp_path: Path) -> dict[str, str]:
    return {
        "SECRET_KEY": "k9mX7qLw2" * 8,
        "ALLOWED_HOSTS": "oms.example.com",
        "OMS_PUBLIC_URL": "https://oms.example.com",
        "OMS_CREDENTIAL_KEYS": FERNET,
        "OMS_VAR_DIR": str(tmp_path),
    }


def test_production_settings_pass_the_deployment_checks(tmp_path):
    done = run_manage("check", "--deploy", "--fail-level", "WARNING", **production(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_production_without_credential_keys_does_not_start(tmp_path):
    done = run_manage("check", **production(tmp_path) | {"OMS_CREDENTIAL_KEYS": ""})
    assert done.returncode == 1
    assert "oms.E003" in done.stderr


def test_nothing_configured_is_one_clear_sentence(tmp_path):
    done = run_manage("check", OMS_VAR_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("broker", ["orm", "redis"])
def test_both_brokers_are_configured(tmp_path, broker):
    code = (
        "from django.conf import settings as s; import json; q = s.Q_CLUSTER;"
        "print(json.dumps([q.get('orm'), q.get('redis'), sorted(q['ALT_CLUSTERS']), q['cluster_name']]))"
    )
    done = run_manage(
        "shell",
        "--no-imports",
        "-c",
        code,
        **production(tmp_path) | {"OMS_QUEUE_BROKER": broker, "REDIS_URL": "redis://127.0.0.1:1/0"},
    )
    expected = '["default", null, ' if broker == "orm" else '[null, "redis://127.0.0.1:1/0", '
    assert done.stdout.strip() == expected + '["orders", "stock"], "default"]', done.stderr


def test_each_lane_can_be_started_by_its_name():
    from django.conf import settings

    assert {*settings.Q_CLUSTER["ALT_CLUSTERS"], settings.Q_CLUSTER["cluster_name"]} == set(
        settings.OMS_LANES
    )


def ids(found: list[Error]) -> list[str]:
    return [error.id or "" for error in found]


@pytest.mark.parametrize(
    ("retry", "expected"),
    [(373, []), (372, ["oms.E002"])],  # (90 + 3) * (ceil((2 + 2 + 1) / 2) + 1) = 372 must be exceeded
)
def test_retry_must_outlast_prefetched_tasks(settings, retry, expected):
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "workers": 2, "queue_limit": 2, "timeout": 90, "retry": retry}
    settings.Q_CLUSTER["ALT_CLUSTERS"] = {}
    assert ids(checks.check_queue()) == expected


def test_retry_is_checked_in_every_lane(settings):
    lanes = {"orders": {"retry": 520}, "stock": {"timeout": 200}}
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "ALT_CLUSTERS": lanes}
    (error,) = checks.check_queue()
    assert "stock" in str(error.msg)


def test_redis_wake_ups_need_redis(settings):
    settings.OMS_QUEUE_BROKER = "redis"
    settings.REDIS_URL = ""
    assert "oms.E006" in ids(checks.check_queue())


def test_an_unknown_broker_is_refused(settings):
    settings.OMS_QUEUE_BROKER = "rabbit"
    assert "oms.E006" in ids(checks.check_queue())


@pytest.mark.parametrize(
    ("keys", "demo", "expected"),
    [
        ([], False, ["oms.E003"]),
        ([], True, []),
        (["not a key"], True, ["oms.E004"]),
        ([FERNET, "short"], False, ["oms.E004"]),
        ([FERNET], False, []),
    ],
)
def test_credential_keys_are_present_and_valid(settings, keys, demo, expected):
    settings.OMS_CREDENTIAL_KEYS = keys
    settings.OMS_DEMO = demo
    found = checks.check_credential_keys()
    assert ids(found) == expected
    assert not any(key in str(error) for error in found for key in keys)


def test_short_secret_key_is_refused(settings):
    with override_settings(SECRET_KEY="a" * 49):
        assert ids(checks.check_secret_key()) == ["oms.E001"]
    assert checks.check_secret_key() == []


@pytest.fixture
def channels(settings):
    """Sets OMS_CHANNELS as an installation would, with nothing remembered from before or for after."""

    def configure(*paths: str) -> None:
        settings.OMS_CHANNELS = list(paths)
        registry.specs.cache_clear()

    yield configure
    registry.specs.cache_clear()


@pytest.mark.req("R-CAT-13")
def test_every_channel_passes_the_checks(channels):
    folders = sorted(path.parent.name for path in (ROOT / "channels").glob("*/channel.py"))
    channels(*(f"channels.{name}" for name in folders))
    assert checks.check_channels() == []
    assert sorted(registry.specs()) == folders


def test_a_missing_channel_is_named(channels):
    channels("channels.connectors.opencart", "channels.nowhere")
    (error,) = checks.check_channels()
    assert error.id == "oms.E007"
    assert "channels.nowhere" in str(error.msg)


def test_a_declaration_with_a_gap_is_refused(channels):
    channels("channels.connectors.opencart")
    spec = registry.spec_for("opencart")
    without: dict[Capability, Support] = {
        name: support for name, support in spec.capabilities.items() if name != Capability.WEBHOOKS
    }
    assert list(checks.channel_faults(spec)) == []
    assert list(checks.channel_faults(replace(spec, capabilities=without))) == [
        "it does not say whether it can webhooks"
    ]
    assert list(checks.channel_faults(replace(spec, budget=BudgetSpec(0, 1)))) == [
        "its budget lets nothing through"
    ]
    assert list(checks.channel_faults(replace(spec, batch_sizes={"stock": 0}))) == ["a batch size is below 1"]
    twice = replace(spec, streams=[*spec.streams, spec.streams[0]])
    assert list(checks.channel_faults(twice)) == ["it names a stream twice"]
    never = {**spec.capabilities, spec.streams[0].capability: no("not today")}
    assert f"it has a stream {spec.streams[0].name}" in next(
        checks.channel_faults(replace(spec, capabilities=never))
    )


def test_sqlite_must_be_immediate(settings):
    database = settings.DATABASES["default"]
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": "x"}
    assert ids(checks.sqlite_errors({**sqlite, "OPTIONS": {}})) == ["oms.E005"]
    good = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL;"}
    assert checks.sqlite_errors({**sqlite, "OPTIONS": good}) == []
    assert ids(checks.sqlite_errors({**sqlite, "OPTIONS": {**good, "timeout": 1}})) == ["oms.E005"]
    assert checks.sqlite_errors(database) == []


def test_a_fresh_machine_gets_its_settings_once(tmp_path, monkeypatch):
    monkeypatch.setenv("OMS_VAR_DIR", str(tmp_path / "a folder"))
    monkeypatch.setenv("OMS_ENV_FILE", str(tmp_path / "missing"))
    monkeypatch.delenv("SECRET_KEY")
    assert local_settings.ensure() is True
    file = tmp_path / "a folder" / "env"
    first = file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o600
    assert local_settings.ensure() is False
    assert file.read_text(encoding="utf-8") == first
    assert [path.name for path in file.parent.iterdir()] == ["env"]


def test_a_configured_machine_gets_no_demo_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("OMS_VAR_DIR", str(tmp_path))
    monkeypatch.setenv("OMS_ENV_FILE", "")
    monkeypatch.setenv("SECRET_KEY", "anything")
    assert local_settings.ensure() is False
    assert list(tmp_path.iterdir()) == []


def test_pinned_requirements_name_no_package_index():
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        assert [
            line for line in text.splitlines() if line.startswith("-") and not line.startswith("-r ")
        ] == []
        assert text.count("==") > 20


def test_installed_versions_are_the_tested_ones():
    """The pins for development contain those for running, version by version."""

    def pins(name: str) -> set[str]:
        return set(
            re.findall(r"^[a-z0-9._-]+==\S+", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
        )

    assert pins("requirements.txt") <= pins("requirements-dev.txt")


def test_health_answers_without_signing_in(client, db):
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"ok": True}
    assert response["Cache-Control"].startswith("max-age=0")


def test_pages_carry_the_content_security_policy(client, db):
    policy = client.get("/admin/login/")["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["script-src"] == "'self' 'unsafe-eval'"
    assert rules["style-src"] == "'self' 'unsafe-inline'"
    assert rules["frame-ancestors"] == "'self'"
    assert rules["default-src"] == "'self'"
