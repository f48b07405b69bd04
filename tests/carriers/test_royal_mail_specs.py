"""Every call of our client to the Click & Drop sandbox, and every answer, held to Royal Mail's own document."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from channels.connectors.royal_mail.adapter import RoyalMailAdapter
from channels.connectors.royal_mail.sandbox import make_sandbox, s10
from channels.contract.carriers.records import LabelRequest, ParcelItem, PostalAddress, TrackedParcel
from channels.contract.errors import AuthError, ChannelError, RateLimited, Rejected, Uncertain
from tests.carriers.recording import recorded
from tests.support import specs
from tests.support.shops import unsaved_store

pytestmark = pytest.mark.req("R-PLUS-14", "R-SHIP-04", "R-SHIP-08")

LEEDS = PostalAddress(
    "Fern & Kettle", "2 Mill Lane", "Leeds", "LS2 2AA", "GB", email="a@example.com", phone="0113"
)
YORK = PostalAddress("Ann Lee", "1 High Street", "York", "YO1 1AA", "GB", company="Lee Ltd", line2="Flat 2")
PARIS = PostalAddress("Anne Dupont", "1 rue du Bac", "Paris", "75007", "FR")
MUG = ParcelItem("Mug", 2, 300, Decimal("9.5"), "GBP", "MUG", "691200", "GB")
REQUEST = LabelRequest("ref-1", "1001", "TRACKED48:smallParcel", LEEDS, YORK, 600, (MUG,), Decimal(19), "GBP")


class Clock:
    """Time that passes by a second with each look, so that no call is one too many."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def account() -> Any:
    return make_sandbox(clock=Clock())


def adapter_at(running: Any, **options: Any) -> RoyalMailAdapter:
    return RoyalMailAdapter(unsaved_store(running, channel="royal_mail", options=options))


def parcels(*made: Any) -> list[TrackedParcel]:
    return [TrackedParcel(str(n), one.tracking_number, one.external_id) for n, one in enumerate(made)]


def a_day(running: Any) -> None:
    """All that the adapter can do, and some of what it is refused."""
    adapter = adapter_at(running)
    adapter.client.get("/version")
    adapter.verify()
    with pytest.raises(Rejected, match="no orders to manifest"):
        adapter.close_out([])
    made = adapter.buy(REQUEST)
    found = adapter.find(REQUEST)
    assert found is not None
    assert (found.external_id, found.tracking_number) == (made.external_id, made.tracking_number)
    assert adapter.find(replace(REQUEST, reference="never")) is None
    abroad = adapter.buy(
        replace(REQUEST, reference="ref-2", service="INTL", recipient=PARIS, is_customs=True)
    )
    assert adapter.label(abroad, REQUEST.label_format).content.startswith(b"%PDF")
    for wrong in (
        replace(REQUEST, reference="w1", recipient=replace(YORK, postcode="")),
        replace(REQUEST, reference="w2", service="NOBODY"),
        replace(REQUEST, reference="w3", recipient=replace(YORK, name="Refuse Me")),
    ):
        with pytest.raises(Rejected):
            adapter.buy(wrong)
    gone = adapter.buy(replace(REQUEST, reference="ref-3"))
    assert [adapter.cancel(gone.external_id), adapter.cancel(gone.external_id)] == ["cancelled"] * 2
    assert adapter.find_close_out(parcels(made)) is None
    closed = adapter.close_out(parcels(made))
    assert (closed.number, closed.content[:4]) == ("5001", b"%PDF")
    assert adapter.close_out_file("5001").content == closed.content
    with pytest.raises(Rejected, match="on a manifest"):
        adapter.cancel(made.external_id)
    running.sandbox.ship(made.tracking_number)
    tracked = adapter.track(parcels(made, gone))
    assert [[event.code for event in row.events] for row in tracked] == [  # type: ignore[union-attr]
        ["printedOn", "manifestedOn", "shippedOn"],
        [],
    ]


def test_calls_and_answers_are_as_the_document_says():
    spec = specs.load(specs.folder("carriers/royal-mail-click-and-drop") / "click-and-drop-api-v1.yaml")
    with account().serve() as running, recorded(running.sandbox, "/api/v1") as calls:
        a_day(running)
    report = specs.check_calls("carriers/royal-mail-click-and-drop", [spec], calls)
    assert report.checked > 20
    assert "\n".join(report.violations) == ""


@pytest.mark.parametrize("body", [b'{"items": [{"orderReference": "1"}]}', b'{"items": 1}', b""])
def test_the_check_finds_what_is_wrong(body):
    spec = specs.load(specs.folder("carriers/royal-mail-click-and-drop") / "click-and-drop-api-v1.yaml")
    call = specs.Call("POST", "/orders", [], body, 200, b"{}")
    assert specs.check_calls("carriers/royal-mail-click-and-drop", [spec], [call]).violations


def test_an_order_whose_label_is_refused_is_deleted_again():
    with account().serve() as running:
        with pytest.raises(Rejected, match="The label was not generated"):
            adapter_at(running).buy(replace(REQUEST, recipient=replace(YORK, name="Refuse Me")))
        assert running.sandbox.orders == {}


def test_an_account_without_a_contract_says_where_to_print():
    with account().serve() as running:
        running.sandbox.configure(is_business=False)
        with pytest.raises(Rejected, match="The label was not generated"):
            adapter_at(running).buy(REQUEST)
        assert running.sandbox.orders == {}


def test_a_refusal_has_royal_mails_words_and_the_field():
    with account().serve() as running, pytest.raises(Rejected) as raised:
        adapter_at(running).buy(replace(REQUEST, recipient=replace(YORK, postcode="")))
    assert raised.value.field == "Recipient.Address.Postcode"
    assert raised.value.message == (
        "Royal Mail: A postcode is required in the United Kingdom. (Recipient.Address.Postcode)"
    )


def test_a_format_that_royal_mail_does_not_have_makes_no_call():
    with account().serve() as running:
        with pytest.raises(Rejected, match="no parcel format “box”"):
            adapter_at(running).buy(replace(REQUEST, service="TRACKED48:box"))
        assert not running.sandbox.requests


def test_a_manifest_whose_paper_comes_later_is_fetched_later():
    with account().serve() as running:
        adapter = adapter_at(running)
        made = adapter.buy(REQUEST)
        running.sandbox.configure(late_documents=True)
        closed = adapter.close_out(parcels(made))
        assert (closed.number, closed.content) == ("5001", b"")
        assert adapter.close_out_file("5001").content == b""
        running.sandbox.configure(late_documents=False)
        assert adapter.close_out_file("5001").content.startswith(b"%PDF")


@pytest.mark.parametrize(("fault", "error"), [
    ("rate_limit", RateLimited),
    ("no_answer", Uncertain),
    ("server_error", Uncertain),
    ("html", ChannelError),
])  # fmt: skip
def test_faults_are_the_five_errors(fault, error):
    with account().serve() as running:
        running.sandbox.inject(fault)
        with pytest.raises(error):
            adapter_at(running).buy(REQUEST)


def test_the_sixth_call_of_a_second_is_refused():
    with make_sandbox().serve() as running:
        adapter = adapter_at(running)
        for _each in range(5):
            adapter.client.get("/version")
        running.sandbox.recent.extend([running.sandbox.clock() + 5] * 5)
        with pytest.raises(RateLimited):
            adapter.client.get("/version")


def test_a_wrong_key_is_an_auth_error():
    with account().serve() as running:
        running.sandbox.api_key = "changed"
        with pytest.raises(AuthError, match="does not accept this key"):
            adapter_at(running).verify()


def test_the_numbers_of_the_sandbox_have_the_check_digit_of_their_form():
    assert s10(12345678)[2:11] == "123456785"
