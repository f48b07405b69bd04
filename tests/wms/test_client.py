"""The client of docs/wms-api.md, as it stands there, makes the round that the page describes."""

from __future__ import annotations

import io
import json
import re
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from orders.models import Shipment
from tests.api.caller import SECRET
from tests.orders.desk import shelf, status
from tests.wms.site import site

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-WMS-01", "R-WMS-02")]

PAGE = Path(__file__).parents[2] / "docs" / "wms-api.md"


class Answer(io.BytesIO):
    """What `urlopen` returns."""


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """urllib calls Django's test client; `lost` answers are lost on the way."""
    plan = {"lost": 0, "calls": 0}

    def urlopen(request: urllib.request.Request, timeout: float) -> Answer:
        parts = urlsplit(request.full_url)
        address = f"{parts.path}?{parts.query}"
        answer = Client().generic(
            request.get_method(),
            address,
            request.data or b"",
            content_type="application/json",
            headers=dict(request.headers),
        )
        plan["calls"] += 1
        if plan["lost"]:
            plan["lost"] -= 1
            raise OSError("no answer")
        if answer.status_code >= 400:
            headers = Message()
            for name, value in answer.items():
                headers[name] = value
            raise urllib.error.HTTPError(address, answer.status_code, "", headers, io.BytesIO(answer.content))
            raise urllib.error.HTTPError(
                address, answer.status_code, "", Message(), io.BytesIO(answer.content)
            )
        return Answer(answer.content)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return plan


def documented() -> dict[str, Any]:
    """The names that the first block of Python on the page defines."""
    block = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    assert len(block.splitlines()) < 75
    names: dict[str, Any] = {}
    exec(compile(block, "docs/wms-api.md", "exec"), names)
    return names


def test_the_documented_client_makes_the_round(wire):
    names = documented()
    with site(channel="offline") as here:
        order = here.released()
        manifold = names["Manifold"]("https://oms.example", here.api.token, SECRET)
        for shipment in manifold.shipments():
            assert manifold.acknowledge(shipment["id"], reference="W-1")["reference"] == "W-1"
            wire["lost"], before = 1, wire["calls"]
            parcels = [{"tracking_number": "D1", "carrier": "DPD"}]
            assert manifold.report(shipment["id"], "picked", parcels=parcels)["state"] == "picked"
            assert wire["calls"] == before + 2  # the first answer was lost
            manifold.report(shipment["id"], "dispatched")
        assert (status(order), shelf("MUG")) == ("in_transit", (3, 0))
        assert Shipment.objects.get().tracking_number == "D1"
        assert list(manifold.shipments()) == []
        with pytest.raises(names["Refused"], match="comes too late") as refused:
            manifold.report(str(here.handover(order).uuid), "packed")
        assert refused.value.status == 422


def test_the_documented_client_checks_the_calls_of_manifold(wire):
    from oms.kit.api import signatures

    manifold = documented()["Manifold"]("https://oms.example", "k", SECRET)
    body = json.dumps({"type": "shipment.released"}).encode()
    headers = signatures.headers_for(SECRET, "m1", body)
    assert manifold.is_genuine(headers, body)
    assert not manifold.is_genuine(headers, body + b" ")
    assert not manifold.is_genuine(headers | {"webhook-timestamp": "1"}, body)
