"""What load balancers and log collectors read."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from channels.models import LaneBeat
from channels.workers import heartbeat
from oms import health
from oms.cluster import host_beats
from oms.kit.models import Job
from oms.logs import JsonFormatter


@pytest.fixture(autouse=True)
def no_lanes_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Lanes that ran in this checkout, and were killed, are not part of these tests."""
    folder = tmp_path_factory.mktemp("lanes")
    monkeypatch.setattr(host_beats, "folder", lambda: folder)


@pytest.mark.fault("F-66")
@pytest.mark.parametrize("host", ["10.0.0.7", "[2001:db8::1]:8000", "no host at all"])
def test_health_answers_a_load_balancer_that_asks_by_address(client, settings, host):
    """Without a database, without TLS, and whatever host it names: it says only that the process answers."""
    settings.SECURE_SSL_REDIRECT = True
    response = client.get("/healthz", headers={"host": host})
    assert (response.status_code, response.json()) == (200, {"ok": True})


@pytest.mark.fault("F-66")
def test_ready_answers_any_host_and_names_the_database(client, db):
    response = client.get("/readyz", headers={"host": "10.0.0.7"})
    assert (response.status_code, response.json()) == (200, {"ok": True, "failed": []})


@pytest.mark.fault("F-66")
def test_a_lane_that_fell_silent_is_not_ready(client, db):
    heartbeat.beat("orders", is_tick=True)
    assert client.get("/readyz").status_code == 200
    LaneBeat.objects.update(beat_at=timezone.now() - timedelta(seconds=181))
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"ok": False, "failed": ["lanes"]})


@pytest.mark.fault("F-66")
def test_a_lane_that_is_silent_on_one_host_is_not_ready_although_another_host_works(
    client, db, settings, tmp_path
):
    settings.VAR_DIR = tmp_path
    heartbeat.beat("orders", is_tick=True)
    host_beats.touch("orders")
    assert client.get("/readyz").status_code == 200
    [file] = host_beats.folder().iterdir()
    silent = time.time() - 181
    os.utime(file, (silent, silent))
    assert client.get("/readyz").json()["failed"] == ["lanes"]
    host_beats.forget("orders")  # it was stopped on purpose
    assert client.get("/readyz").status_code == 200


@pytest.mark.fault("F-66")
def test_a_full_disk_is_not_ready(client, db, monkeypatch):
    monkeypatch.setattr(health, "NO_SPACE", 10**18)
    assert client.get("/readyz").json() == {"ok": False, "failed": ["disk"]}


@pytest.mark.fault("F-66")
def test_work_that_nobody_does_is_not_ready(client, db):
    job = Job.objects.create(kind="x", title="x", created_at=timezone.now() - timedelta(minutes=16))
    assert client.get("/readyz").json() == {"ok": False, "failed": ["work"]}
    Job.objects.filter(pk=job.pk).update(started_at=timezone.now())
    assert client.get("/readyz").status_code == 200


def test_health_cannot_be_posted_to(client):
    assert client.post("/healthz").status_code == 405


def test_the_root_address_redirects_to_the_admin(client):
    response = client.get("/")
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def record(**more) -> logging.LogRecord:
    fields = {
        "name": "channels.http.session",
        "levelname": "WARNING",
        "msg": "slow: %s",
        "args": ("é",),
        "created": 0.5,
    }
    return logging.makeLogRecord(fields | more)


def test_a_json_line_is_one_line_with_its_time_in_utc():
    line = JsonFormatter().format(record())
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.500000+00:00",
        "level": "WARNING",
        "logger": "channels.http.session",
        "message": "slow: é",
    }


def test_a_traceback_stays_in_its_line():
    try:
        raise ValueError("odd")
    except ValueError:
        line = JsonFormatter().format(record(exc_info=sys.exc_info()))
    assert "\n" not in line
    assert json.loads(line)["traceback"].endswith("ValueError: odd")
