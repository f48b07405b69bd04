"""What watches an installation: metrics, logs, the System page, doctor; and the first-run page."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

import oms
from channels.models import Budget, OutboxMessage, SyncStream
from channels.workers import heartbeat
from inventory.models import Warehouse
from oms.accounts import first_run
from oms.kit import doctor
from oms.kit.management import doctor_remedies
from oms.kit.models import AuditEntry
from tests import factories
from tests.channels.test_commands import run

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- metrics


def figures(client: Client, **headers: str) -> dict[tuple[str, tuple[str, ...]], float]:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@pytest.mark.fault("F-66")
def test_metrics_have_queue_freshness_outbox_limits_and_errors_of_each_store(client: Client) -> None:
    now = timezone.now()
    shop = factories.store('UK "Shop"')
    Budget.objects.create(connection=shop, tokens=7.5, filled_at=now, capacity=20, per_second=1)
    SyncStream.objects.create(
        connection=shop,
        name="orders.new",
        lane="orders",
        period=300,
        completed_at=now - timedelta(seconds=90),
    )
    fields = {"connection": shop, "kind": "event", "topic": "shipped", "lane": "orders", "subject": 1}
    OutboxMessage.objects.create(**fields, key="a", changed_at=now - timedelta(seconds=60))
    OutboxMessage.objects.create(**fields, key="b", parked_at=now)
    heartbeat.beat("orders", is_tick=True)
    found = figures(client)
    name = 'UK "Shop"'
    assert found["manifold_info", (oms.__version__,)] == 1
    assert found["manifold_api_limit_left", (name,)] == 7.5
    assert found["manifold_api_limit", (name,)] == 20
    assert 90 <= found["manifold_stream_age_seconds", (name, "orders.new")] < 100
    assert found["manifold_stream_target_seconds", (name, "orders.new")] == 420
    assert found["manifold_outbox_waiting", (name, "shipped")] == 1
    assert 60 <= found["manifold_outbox_oldest_seconds", (name, "shipped")] < 70
    assert found["manifold_outbox_failed", (name,)] == 1
    assert found["manifold_lane_heartbeat_seconds", ("orders",)] < 10
    assert found["manifold_disk_free_bytes", ()] > 0


@pytest.mark.fault("F-66")
def test_metrics_do_not_exist_for_strangers(client: Client, settings: Any) -> None:
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.9").status_code == 404
    # Behind our own proxy on this machine, from elsewhere.
    assert client.get("/metrics", headers={"x-forwarded-for": "192.0.2.9"}).status_code == 404
    settings.OMS_METRICS_TOKEN = "a-long-token"
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"authorization": "Bearer another"}).status_code == 404
    assert figures(client, authorization="Bearer a-long-token")
    assert client.post("/metrics").status_code == 405


@pytest.mark.fault("F-66")
def test_alert_rules_and_the_dashboard_name_figures_that_exist(client: Client) -> None:
    import re

    from oms.upkeep.metrics import Figures

    there = {family.name for family in Figures().collect()}
    folder = Path(__file__).resolve().parents[2] / "contrib" / "prometheus"
    for file in ("alerts.yml", "grafana-dashboard.json"):
        text = (folder / file).read_text(encoding="utf-8")
        used = set(re.findall(r"manifold_[a-z_]+", text))
        assert used, file
        assert used <= there, file
    json.loads((folder / "grafana-dashboard.json").read_text(encoding="utf-8"))


# ---------------------------------------------------------------- logs


@pytest.mark.fault("F-67")
def test_the_web_server_writes_an_access_log_without_the_query(monkeypatch: pytest.MonkeyPatch) -> None:
    import runpy

    path = Path(oms.__file__).parent / "upkeep" / "gunicorn_conf.py"
    monkeypatch.delenv("OMS_LOG_JSON", raising=False)
    made = runpy.run_path(str(path))
    assert made["accesslog"] == "-"
    assert "%(q)s" not in made["access_log_format"]
    monkeypatch.setenv("OMS_LOG_JSON", "true")
    line = runpy.run_path(str(path))["access_log_format"]
    assert set(json.loads(line)) == {
        "time",
        "logger",
        "address",
        "method",
        "path",
        "status",
        "bytes",
        "seconds",
    }


# ---------------------------------------------------------------- doctor


@pytest.mark.fault("F-68")
def test_explain_says_what_to_do_for_each_check_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "doctor", "--only", "lanes", "--only", "configuration", "--explain")
    remedies = {check["name"]: check["remedy"] for check in out["checks"]}
    assert code == 1
    assert remedies == {
        "lanes": "start the lanes again (`make run`, or the systemd units)",
        "configuration": "",
    }
    with pytest.raises(SystemExit):
        call_command("doctor", "--only", "lanes", "--explain")
    assert "     what to do: start the lanes again" in capsys.readouterr().out
    assert set(doctor.names()) <= set(doctor_remedies.read())


@pytest.mark.fault("F-68")
def test_without_a_database_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away() -> None:
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(connection, "ensure_connection", away)
    assert doctor.run() == [
        doctor.Result("database", False, "The database cannot be reached: connection refused")
    ]
    monkeypatch.undo()
    assert doctor_remedies.read()["database"].startswith("start PostgreSQL")


@pytest.mark.fault("F-68")
def test_a_repair_shows_its_plan_first(capsys: pytest.CaptureFixture[str]) -> None:
    from oms.upkeep.repairs import REPAIRS

    shop = factories.store("UK")
    long_ago = timezone.now() - timedelta(hours=1)
    SyncStream.objects.create(
        connection=shop, name="orders.new", lane="orders", lease_token="dead", lease_until=long_ago
    )
    for name, one in REPAIRS.items():
        code, plan = run(capsys, "repair", name)
        assert (code, plan["ok"], bool(plan["plan"]), plan["done"]) == (1, False, True, "")
        assert set(one.checks) <= set(doctor.names())
    assert SyncStream.objects.get().lease_token == "dead"
    for name in REPAIRS:
        code, done = run(capsys, "repair", name, "--yes")
        assert (code, done["ok"]) == (0, True)
    assert SyncStream.objects.get().lease_token == ""
    code, refused = run(capsys, "repair", "stock", "--yes")
    assert (code, refused["error"]) == (
        2,
        "There is no repair “stock”. Repairs: search, reports, leases, schedules.",
    )


# ---------------------------------------------------------------- pages


def test_the_system_page_is_for_owners(client: Client, django_user_model: Any) -> None:
    heartbeat.beat("orders", is_tick=True)
    client.force_login(django_user_model.objects.create_superuser("owner", password="something long 1"))
    text = client.get("/admin/settings/system/").content.decode()
    for words in (oms.__version__, "Free disk space", "Silent", "Works"):
        assert words in text
    client.force_login(factories.user("worker"))
    assert client.get("/admin/settings/system/").status_code == 403


GOOD = {
    "username": "ann",
    "email": "ann@example.com",
    "password": "correct horse battery",
    "again": "correct horse battery",
    "warehouse": "Leeds",
    "test_mail": "on",
}


@pytest.fixture
def empty(settings: Any, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path


@pytest.mark.fault("F-71")
def test_without_an_account_the_site_shows_the_set_up_page_once(
    client: Client,
    empty: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    django_user_model: Any,
) -> None:
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/setup/"
    secret = (empty / "setup-token").read_text()
    assert secret in caplog.text
    assert (empty / "setup-token").stat().st_mode & 0o777 == 0o600
    assert secret not in answer.content.decode()
    client.get("/setup/")
    assert caplog.text.count(secret) == 1
    assert run(capsys, "setup_token")[1]["token"] == secret

    wrong = client.post("/setup/", GOOD | {"token": "guess"})
    assert "This is not the set-up token." in wrong.content.decode()
    weak = client.post("/setup/", GOOD | {"token": secret, "password": "short", "again": "other"})
    assert "The two passwords differ." in weak.content.decode()
    assert not django_user_model.objects.exists()

    done = client.post("/setup/", GOOD | {"token": f" {secret} "})
    assert (done.status_code, done["Location"]) == (302, "/admin/")
    owner = django_user_model.objects.get()
    assert (owner.username, owner.is_superuser, owner.check_password(GOOD["password"])) == ("ann", True, True)
    assert Warehouse.objects.get().name == "Leeds"
    assert [(message.to, message.subject) for message in mail.outbox] == [
        (["ann@example.com"], "Manifold OMS can send mail")
    ]
    assert not (empty / "setup-token").exists()
    assert AuditEntry.objects.filter(action="user.first_owner").count() == 1
    assert client.get("/admin/").status_code == 200
    assert run(capsys, "setup_token")[0] == 1
    for method in (client.get, client.post):
        assert method("/setup/", GOOD | {"token": secret}).status_code == 404
    assert Client().get("/admin/login/").status_code == 200


@pytest.mark.fault("F-71")
def test_a_mail_server_that_does_not_answer_is_told_and_the_account_is_made(
    client: Client, empty: Path, monkeypatch: pytest.MonkeyPatch, django_user_model: Any
) -> None:
    def refuse(*args: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(first_run, "send_mail", refuse)
    client.get("/setup/")
    answer = client.post("/setup/", GOOD | {"token": (empty / "setup-token").read_text()}, follow=True)
    assert "The test mail could not be sent" in answer.content.decode()
    assert django_user_model.objects.count() == 1
