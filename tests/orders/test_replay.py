"""The stored document of an order is compared with the order, and imported again: service, page, command (R-PLUS-03)."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from channels.contract.records.orders import OrderRecord
from channels.contract.validation.record_limits import Unreadable
from channels.pull import runner
from oms.kit.models import AuditEntry
from orders.errors import OrderError
from orders.models import NativeOrder, Order, OrderLine
from orders.services.corrections import replay
from tests.factories import user
from tests.orders.desk import DESK, comes, record, shelf, stocked, store

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-03")]

Maps = Callable[[OrderRecord], None]


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> Maps:
    """Have the channel's mapping return this record for every document."""

    def install(one: OrderRecord) -> None:
        class Mapping:
            def read_order(self, native: Any) -> OrderRecord:
                assert native["id"] == one.external_id
                return one

        monkeypatch.setattr(runner, "adapter_of", lambda _connection: Mapping())

    return install


def imported(one: OrderRecord) -> Order:
    stocked("MUG", leeds=5)
    shop = store()
    comes(shop, one)
    return Order.objects.get(connection=shop)


def test_the_same_mapping_changes_nothing(maps: Maps) -> None:
    one = record("7", MUG=2)
    order = imported(one)
    maps(one)

    assert replay.differences(order) == []
    assert replay.replay(order, by=DESK) == []
    assert AuditEntry.objects.filter(action="order.replayed").count() == 0
    assert shelf("MUG") == (5, 2)


def test_what_a_corrected_mapping_would_change_is_listed_and_nothing_is_changed(maps: Maps) -> None:
    one = record("7", MUG=2)
    order = imported(one)
    lines = (replace(one.lines[0], quantity=3, total=one.lines[0].total + 10),)
    maps(
        replace(
            one, lines=lines, total=one.total + 10, items_total=one.items_total + 10, buyer_note="Ring twice"
        )
    )

    found = {each.what: (each.old, each.new) for each in replay.differences(order)}

    assert found["Buyer's note"] == ("", "Ring twice")
    assert found["MUG · Ordered"] == ("2", "3")
    assert found["MUG · Allocated"] == ("2", "3")
    assert found["Total"] == ("20", "30")
    order.refresh_from_db()
    assert (order.buyer_note, str(order.total.normalize())) == ("", "2E+1")
    assert OrderLine.objects.get(order=order).quantity == 2
    assert shelf("MUG") == (5, 2)


def test_imported_again_it_is_as_the_comparison_said_and_is_in_the_audit_log(maps: Maps) -> None:
    one = record("7", MUG=2)
    order = imported(one)
    maps(replace(one, buyer_note="Ring twice"))
    said = replay.differences(order)

    assert replay.replay(order, by=DESK) == said
    assert replay.differences(order) == []
    order.refresh_from_db()
    assert order.buyer_note == "Ring twice"
    entry = AuditEntry.objects.get(action="order.replayed")
    assert (entry.author_name, entry.changes) == ("anna", [["Buyer's note", "", "Ring twice"]])


def test_a_document_that_is_gone_redacted_or_unreadable_is_said_and_changes_nothing(
    maps: Maps, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = record("7", MUG=2)
    order = imported(one)

    class Broken:
        def read_order(self, native: Any) -> OrderRecord:
            raise Unreadable("the order has no date that can be read")

    monkeypatch.setattr(runner, "adapter_of", lambda _connection: Broken())
    with pytest.raises(OrderError, match="cannot be mapped: the order has no date"):
        replay.replay(order, by=DESK)
    NativeOrder.objects.filter(order=order).update(redacted_at=timezone.now())
    with pytest.raises(OrderError, match="Personal data of #7 was removed"):
        replay.differences(order)
    NativeOrder.objects.filter(order=order).delete()
    with pytest.raises(OrderError, match="no stored document of #7"):
        replay.differences(order)


def test_by_page_the_differences_are_shown_before_anything_is_imported(client: Client, maps: Maps) -> None:
    client.force_login(user(is_superuser=True))
    one = record("7", MUG=2)
    order = imported(one)
    maps(replace(one, buyer_note="Ring twice"))
    page = reverse("admin:order_native", args=[order.pk])

    assert "Compare with the order" in client.get(page).content.decode()
    assert "Ring twice" in client.get(f"{page}?compare=1").content.decode()
    order.refresh_from_db()
    assert order.buyer_note == ""
    first, second = (client.post(page, {"token": "once"}, follow=True).content.decode() for _ in range(2))

    assert "Imported again: 1 value changed." in first
    assert "was imported already" in second
    order.refresh_from_db()
    assert order.buyer_note == "Ring twice"


def test_by_command_with_and_without_dry_run(maps: Maps) -> None:
    one = record("7", MUG=2)
    order = imported(one)
    maps(replace(one, buyer_note="Ring twice"))

    def run(*arguments: str) -> dict[str, Any]:
        out = StringIO()
        with suppress(SystemExit):
            call_command("replay", *arguments, "--json", stdout=out)
        answer: dict[str, Any] = json.loads(out.getvalue())
        return answer

    changes = [["Buyer's note", "", "Ring twice"]]
    assert run("#7", "--dry-run")["orders"] == [
        {"number": "7", "store": "Shop", "ok": True, "changes": changes}
    ]
    order.refresh_from_db()
    assert order.buyer_note == ""
    assert run("7")["orders"][0]["changes"] == changes
    assert run("7")["orders"][0]["changes"] == []
    assert run("99")["orders"] == [{"number": "99", "ok": False, "error": "No order has this number."}]
