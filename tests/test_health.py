"""What load balancers and log collectors read."""

from __future__ import annotations

import json
import logging
import sys

from django.db import OperationalError

from oms.health import endpoints as health
from oms.logs import JsonFormatter


def test_health_reports_a_missing_database(client, monkeypatch):
    class Gone:
        def cursor(self):
            raise OperationalError("connection refused: secret-host")

    monkeypatch.setattr(health, "connection", Gone())
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json() == {"ok": False}, "and gives nothing away"


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
