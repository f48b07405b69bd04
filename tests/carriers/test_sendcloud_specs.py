"""Every call of our client to Sendcloud's sandbox, and every answer, held to Sendcloud's own OpenAPI documents."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from channels.connectors.sendcloud.adapter import SendcloudAdapter
from channels.connectors.sendcloud.sandbox import make_sandbox
from channels.connectors.sendcloud.statuses import STATES
from channels.contract.carriers.records import (
    LabelFormat,
    LabelRequest,
    ParcelItem,
    PostalAddress,
    TrackedParcel,
)
from channels.contract.errors import AuthError, ChannelError, RateLimited, Rejected, Uncertain
from tests.carriers.recording import recorded
from tests.support import specs
from tests.support.shops import unsaved_store

pytestmark = pytest.mark.req("R-PLUS-14", "R-SHIP-06", "R-SHIP-08")

LEEDS = PostalAddress(
    "Fern & Kettle", "2 Mill Lane", "Leeds", "LS2 2AA", "GB", email="a@example.com", phone="0113"
)
PARIS = PostalAddress(
    "Anne Dupont", "1 rue du Bac", "Paris", "75007", "FR", company="Dupont SARL", line2="2e"
)
MUG = ParcelItem("Mug", 2, 300, Decimal("9.5"), "GBP", "MUG", "691200", "GB")
REQUEST = LabelRequest(
    "ref-1", "1001", "dpd:classic", LEEDS, PARIS, 600, (MUG,), Decimal(19), "GBP", is_customs=True
)


def adapter_at(running: Any, **options: Any) -> SendcloudAdapter:
    return SendcloudAdapter(unsaved_store(running, channel="sendcloud", options=options))


def a_day(running: Any) -> None:
    """All that the adapter can do, and some of what it is refused."""
    adapter = adapter_at(running)
    adapter.verify()
    adapter.client.get("/parcels/statuses")
    assert len(adapter.services()) == 6
    assert [one.code for one in adapter.rates(replace(REQUEST, service=""))] == [
        "sendcloud:letter", "dpd:classic", "colissimo:home",
    ]  # fmt: skip
    adapter.rates(replace(REQUEST, service="dpd:classic", is_return=True))
    made = adapter.buy(REQUEST)
    assert adapter.find(REQUEST) is not None
    assert adapter.find(replace(REQUEST, reference="never")) is None
    for number, kind in enumerate(LabelFormat):
        adapter.buy(replace(REQUEST, reference=f"kind-{number}", label_format=kind))
        adapter.label(made, kind)
    adapter.buy(replace(REQUEST, reference="home", is_customs=False, recipient=LEEDS))
    for wrong in (
        replace(REQUEST, reference="w1", recipient=replace(PARIS, city="")),
        replace(REQUEST, reference="w2", service="nobody:knows"),
        replace(REQUEST, reference="w3", items=(replace(MUG, hs_code=""),)),
    ):
        with pytest.raises(Rejected):
            adapter.buy(wrong)
    with pytest.raises(Rejected):
        adapter.cancel("unknown")
    running.sandbox.move(made.tracking_number, "SORTED")
    [tracked, none] = adapter.track(
        [TrackedParcel("1", made.tracking_number), TrackedParcel("2", "SC0000000000")]
    )
    assert [event.code for event in tracked.events] == ["READY_TO_SEND", "SORTED"]  # type: ignore[union-attr]
    assert none.events == ()  # type: ignore[union-attr]
    other = adapter.buy(replace(REQUEST, reference="other"))
    adapter.cancel(other.external_id)
    adapter.cancel(other.external_id)


def test_calls_and_answers_are_as_the_documents_say():
    folder = specs.folder("carriers/sendcloud")
    names = ("shipments", "v3-parcel-documents", "v3-parcel-tracking")
    documents = [specs.load(folder / f"sendcloud-{name}-openapi.yml") for name in names]
    documents.append(specs.load(folder / "sendcloud-v3-merged.openapi.json"))
    with make_sandbox().serve() as running, recorded(running.sandbox, "/api/v3") as calls:
        a_day(running)
    # Calls that are wrong on purpose: their answers are held to the documents, their bodies are not.
    checked = [replace(call, method="POST", body=b"") if call.status == 400 else call for call in calls]
    report = specs.check_calls("carriers/sendcloud", documents, checked)
    assert report.checked > 25
    assert "\n".join(report.violations) == ""


def test_the_check_finds_what_is_wrong():
    spec = specs.load(specs.folder("carriers/sendcloud") / "sendcloud-shipments-openapi.yml")
    call = specs.Call("POST", "/shipments/announce", [], b'{"to_address": {}, "parcels": [{}]}', 201, b"{}")
    assert specs.check_calls("carriers/sendcloud", [spec], [call]).violations


def test_a_repeated_purchase_answers_with_the_first_one():
    with make_sandbox().serve() as running:
        adapter = adapter_at(running)
        assert adapter.buy(REQUEST).external_id == adapter.buy(REQUEST).external_id
        assert len(running.sandbox.shipments) == 1


def test_an_answer_without_the_labels_file_is_completed_by_a_second_call():
    with make_sandbox().serve() as running:
        running.sandbox.no_label_file = True
        made = adapter_at(running).buy(REQUEST)
        assert made.label is not None
        assert made.label.content.startswith(b"%PDF")
        running.sandbox.inject("server_error", match="/documents/", status=404)
        made = adapter_at(running).buy(replace(REQUEST, reference="two"))
        assert (made.label, made.tracking_number != "") == (None, True)


@pytest.mark.parametrize(("fault", "error"), [
    ("rate_limit", RateLimited),
    ("no_answer", Uncertain),
    ("server_error", Uncertain),
    ("html", ChannelError),
])  # fmt: skip
def test_faults_are_the_five_errors(fault, error):
    with make_sandbox().serve() as running:
        running.sandbox.inject(fault)
        with pytest.raises(error):
            adapter_at(running).buy(REQUEST)


def test_wrong_keys_are_an_auth_error():
    with make_sandbox().serve() as running:
        running.sandbox.secret_key = "changed"
        with pytest.raises(AuthError, match="does not accept these keys"):
            adapter_at(running).verify()


def test_a_test_account_buys_the_free_letter_only():
    with make_sandbox().serve() as running:
        adapter = adapter_at(running, is_test=True)
        with pytest.raises(Rejected, match="only the free service"):
            adapter.buy(REQUEST)
        adapter.buy(replace(REQUEST, service="sendcloud:letter"))
        assert len(running.sandbox.shipments) == 1


def test_the_signature_of_a_webhook_is_the_one_that_was_measured():
    """`channels/carriers.md` §3: key `secretkey`, body `{"key": "value"}`."""
    body = b'{"key": "value"}'
    known = "1eed4b3d41f4653ac64fd56f1bf1cbfd349e4482cbc11dff7134bd93e5da4b0a"
    assert hmac.new(b"secretkey", body, hashlib.sha256).hexdigest() == known
    with make_sandbox().serve() as running:
        adapter = adapter_at(running)
        assert adapter.read_webhook({"Sendcloud-Signature": known}, body, "secretkey") == ()
        with pytest.raises(Rejected):
            adapter.read_webhook({"Sendcloud-Signature": known}, body + b" ", "secretkey")
        with pytest.raises(Rejected):
            adapter.read_webhook({}, body, "secretkey")


def test_every_documented_code_has_a_meaning():
    assert len(STATES) == 35
    assert [code for code, state in STATES.items() if state is None] == (
        "ANNOUNCEMENT_FAILED COLLECT_ERROR ADDRESS_INVALID EXCEPTION CANCELLATION_FAILED CANCELLED "
        "CANCELLED_UPSTREAM CANCELLING CANCELLING_UPSTREAM UNKNOWN"
    ).split()
