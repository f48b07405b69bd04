"""Personal data: one list for each channel, removed by age, exported and erased for one buyer, not in the call log (F-35)."""

from __future__ import annotations

import json
import re
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from channels.contract.personal import REMOVED, PersonalFields, without_people
from channels.contract.registry import spec_for, specs
from channels.http import redaction
from channels.http.redaction import personal_pattern
from channels.models import CallLog, Connection, RejectedRecord
from channels.pull.page_writer import packed, unpacked
from channels.stores import connect
from oms.kit.models import AuditEntry
from orders.models import NativeOrder, Order
from orders.ops.retention import retain
from tests import factories
from tests.admin.test_roles import as_role, may
from tests.support.workers import work
from tests.test_architecture import ROOT

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-35")]

CHANNELS = ("opencart", "bigcommerce", "onbuy", "etsy")
PAYLOADS = ROOT / "tests" / "payloads"
#: Words that are in an address and also elsewhere in an order: they say nothing about a person.
ORDINARY = {"united kingdom", "germany", "france", "gb", "de", "fr", "removed", "standard", "london"}


def texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(texts, value.values())) if value else set()
    if isinstance(value, list | tuple):
        return set().union(*map(texts, value)) if value else set()
    return {value} if isinstance(value, str) else set()


def people_in(order: Order) -> set[str]:
    """Return every text of the order that is about its buyer, as our columns have it."""
    address = [{**box, "country": ""} for box in (order.ship_to or {}, order.bill_to or {})]
    found = texts([address, order.customer_name, order.customer_email, order.customer_phone])
    found |= texts(
        [order.buyer_note, order.gift_message, [line.personalisation for line in order.lines.all()]]
    )
    words = {part.strip() for text in found for part in re.split(r"[\n]|: ", text)}
    return {word for word in words if len(word) > 2 and word.lower() not in ORDINARY}


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_document_of_a_sandbox_keeps_its_buyer(channel: str) -> None:
    """Every order of the channel's sandbox, imported as a store imports it, and then redacted."""
    with spec_for(channel).make_sandbox(seed="demo").serve() as running:
        connect.connect(channel=channel, name="Shop", credentials=running.credentials)
        work()
    orders = list(Order.objects.prefetch_related("lines"))
    people = {order.pk: people_in(order) for order in orders}
    assert len(orders) >= 3
    assert sum(map(len, people.values())) > 3 * len(orders), "the orders have buyers"
    amounts = {order.pk: order.total for order in orders}

    Order.objects.update(placed_at=timezone.now() - timedelta(days=1000))
    while retain(limit=500).orders:
        pass

    left = {}
    for order in Order.objects.all():
        native = NativeOrder.objects.filter(order=order).first()
        document = zlib.decompress(bytes(native.document)).decode() if native else ""
        kept = " ".join(
            [*texts(json.loads(document or "{}")), repr([order.ship_to, order.bill_to, order.customer_email])]
        )
        if found := {word for word in people[order.pk] if word in kept}:
            left[order.number] = found
        assert order.total == amounts[order.pk]
    assert left == {}


@pytest.mark.parametrize(
    "path", sorted(PAYLOADS.glob("*/order*.json")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_every_recorded_document_loses_its_people_and_keeps_its_goods(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    cleaned = json.dumps(without_people(document, spec_for(path.parent.name).personal), ensure_ascii=False)

    for word in (
        "Ann",
        "Lee",
        "Grace",
        "Neill",
        "Jo Example",
        "Harbour Row",
        "High Street",
        "Karl-Marx",
        "example.com",
        "07700",
        "+4",
        "Ring twice",
        "BH12",
        "50667",
        "BS1 4RN",
    ):
        assert word not in cleaned
    goods = document.get("lines") or document.get("products") or []
    assert all(line["name"] in json.loads(cleaned).__str__() for line in goods)
    assert isinstance(json.loads(cleaned), dict)


def test_every_channel_with_orders_has_a_list() -> None:
    assert {key for key, spec in specs().items() if spec.has_wire and spec.personal is None} == set()


def test_a_channel_without_a_list_loses_every_text() -> None:
    assert without_people({"a": "x", "n": 5, "b": [{"c": "y"}]}, None) == {
        "a": REMOVED,
        "n": 5,
        "b": [{"c": REMOVED}],
    }
    personal = PersonalFields(people=frozenset({"who"}), fields=frozenset({"phone"}))
    assert without_people(
        {"who": {"x": "a", "country": "GB", "n": 1}, "phone": 44, "lines": [{"phone": "kept"}]}, personal
    ) == {
        "who": {"x": REMOVED, "country": "GB", "n": 1},
        "phone": REMOVED,
        "lines": [{"phone": "kept"}],
    }


@pytest.mark.parametrize(
    "status", ["new", "partial", "in_transit", "delivered", "completed", "cancelled", "unpaid"]
)
def test_age_alone_decides(status: str) -> None:
    made = _order(status=status, days=731)
    assert retain().orders == 1
    made.refresh_from_db()
    assert made.customer_name == REMOVED


def _order(email: str = "ada@example.com", *, status: str = "new", days: int = 3, number: str = "1") -> Order:
    store = Connection.objects.filter(name="UK Shop").first() or factories.store("UK Shop")
    placed = timezone.now() - timedelta(days=days)
    made = Order.objects.create(
        connection=store, external_id=number, number=number, status=status, remote_state="new", remote_changed_at=placed,
        remote_hash="x", placed_at=placed, currency="GBP", total="12.50", customer_name="Ada Byron", customer_email=email,
        country="GB", ship_to={"name": "Ada Byron", "line1": "1 Engine Row", "country": "GB"}, bill_to={"name": "Ada"},
    )  # fmt: skip
    document = {"email": email, "firstname": "Ada", "lines": [{"name": "Mug"}], "total": "12.50"}
    NativeOrder.objects.create(order=made, document=zlib.compress(json.dumps(document).encode()))
    return made


def _rejected(email: str) -> RejectedRecord:
    store = Connection.objects.get(name="UK Shop")
    native = packed({"order_id": 9, "email": email, "firstname": "Ada", "address_1": "1 Engine Row"})
    return RejectedRecord.objects.create(
        connection=store, stream="orders.new", external_id=email, reason="no total", native=native
    )


def test_one_buyer_is_exported_and_erased_by_command(capsys) -> None:
    mine, other = _order(), _order("bert@example.com", number="2")
    rejected, kept = _rejected("ada@example.com"), _rejected("bert@example.com")

    call_command("buyer", "ADA@example.com", "--export", "--json")
    exported = json.loads(capsys.readouterr().out)
    assert [order["number"] for order in exported["orders"]] == ["1"]
    assert exported["orders"][0]["ship_to"]["line1"] == "1 Engine Row"
    assert exported["orders"][0]["channel_document"]["firstname"] == "Ada"
    assert len(exported["rejected_records"]) == 1

    call_command("buyer", "ada@example.com", "--erase", "--dry-run")
    mine.refresh_from_db()
    assert mine.customer_name == "Ada Byron"
    call_command("buyer", "ada@example.com", "--erase")

    for one in (mine, other, rejected, kept):
        one.refresh_from_db()
    assert (mine.customer_name, mine.customer_email, mine.ship_to, str(mine.total)) == (
        REMOVED,
        "",
        {"country": "GB"},
        "12.5000",
    )
    assert "Ada" not in zlib.decompress(bytes(mine.native.document)).decode()
    assert unpacked(rejected.native) == {}
    assert other.customer_name == "Ada Byron"
    assert unpacked(kept.native)["firstname"] == "Ada"
    assert "ada@example.com" not in repr(list(AuditEntry.objects.values())).lower()
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "author_kind")) == [
        ("buyer.exported", "command"),
        ("buyer.erased", "command"),
    ]
    assert mine.events.latest("pk").text == "Personal data was erased at the buyer's request"


def test_a_part_of_an_address_erases_nothing() -> None:
    _order()
    for wrong in ("ada", "@", "", "%@%", "%@%.%"):
        with pytest.raises((CommandError, SystemExit)):
            call_command("buyer", wrong, "--erase")
    assert Order.objects.get().customer_name == "Ada Byron"


def test_the_page_exports_and_erases_after_a_question(client: Client, django_user_model) -> None:
    mine = _order()
    client.force_login(django_user_model.objects.create_superuser("boss"))
    page = reverse("admin:personal_data")

    found = client.post(page, {"email": "ada@example.com", "do": "find"}).content.decode()
    assert "1 order has this address" in found
    file = client.post(page, {"email": "ada@example.com", "do": "export"})
    assert json.loads(file.content)["orders"][0]["customer_name"] == "Ada Byron"
    asked = client.post(page, {"email": "ada@example.com", "do": "erase"}).content.decode()
    assert "Erase the personal data of ada@example.com?" in asked
    assert "1 of them is not finished" in asked
    mine.refresh_from_db()
    assert mine.customer_name == "Ada Byron"
    client.post(page, {"email": "ada@example.com", "do": "erase", "confirmed": "1"})
    mine.refresh_from_db()
    assert mine.customer_name == REMOVED
    assert mine.events.latest("pk").author is not None


@pytest.mark.parametrize("role", ["Owner", "Catalogue manager", "Order desk", "Read-only"])
def test_the_document_of_a_rejected_record_needs_the_right(client: Client, role: str) -> None:
    _order()
    row = _rejected("ada@example.com")
    as_role(client, role)

    page = reverse("admin:store_refused_one", args=[row.connection_id, row.pk])
    text = client.get(page).content.decode()

    assert "no total" in text
    assert ("Engine Row" in text) is (role == "Owner")
    assert may("channels.view_rejecteddocument") == {"Owner"}


BODIES = {
    "opencart": b'{"orders":[{"order_id":1,"firstname":"Ada","email":"a@b.example","telephone":"07","shipping":{"address":'
    b'{"address_1":"1 Engine Row","city":"Leeds"}},"lines":[{"name":"Mug"}],"comment":"cut he',
    "bigcommerce": b'[{"id":1,"billing_address":{"first_name":"Ada","street_1":"1 Engine Row","zip":"LS1"},'
    b'"customer_message":"Ring \\"twice\\""}]',
    "onbuy": b'{"results":[{"order_id":"T1","buyer":{"name":"Ada Byron","phone":"07"},"delivery_address":'
    b'{"line_1":"1 Engine Row","postcode":"LS1"}}]}',
    "etsy": b'{"results":[{"receipt_id":1,"name":"Ada Byron","first_line":"1 Engine Row","zip":"LS1",'
    b'"formatted_address":"Ada\\n1 Engine Row"}]}',
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_call_log_has_no_buyer(channel: str) -> None:
    pattern = personal_pattern(channel, "https://shop.example/v3/receipts/orders")

    logged = redaction.body(BODIES[channel], (), pattern)

    for word in ("Ada", "Engine Row", "LS1", "Ring", "07", "cut he"):
        assert word not in logged, logged
    assert personal_pattern(channel, "https://shop.example/products") is None


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_first_sync_leaves_no_buyer_in_the_call_log(channel: str) -> None:
    with spec_for(channel).make_sandbox(seed="demo").serve() as running:
        connect.connect(channel=channel, name="Shop", credentials=running.credentials)
        work()
    names = {order.customer_name for order in Order.objects.all()} | {
        str((order.ship_to or {}).get("line1", "")) for order in Order.objects.all()
    }
    logged = "\n".join(f"{call.sent}\n{call.answer}" for call in CallLog.objects.all())

    assert len(names) > 3
    assert {name for name in names if len(name) > 4 and name in logged} == set()
