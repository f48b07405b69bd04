"""OpenCart orders that change past its events, in its own edit, or in ways that only the shop can name; over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from channels.connectors.opencart.sandbox import make_sandbox
from channels.models import Connection
from channels.pull.runner import adapter_of
from channels.sandbox.server import Running
from channels.stores import connect, pull_jobs, services
from oms.kit.models import Problem
from orders.models import Order, OrderEvent
from tests.support.workers import work

pytestmark = pytest.mark.django_db


@pytest.fixture
def running() -> Iterator[Running]:
    with make_sandbox(seed="empty", products=4).serve() as served:
        yield served


@pytest.fixture
def store(running: Running) -> Connection:
    cache.clear()
    made = connect.connect(channel="opencart", name="Tea Shop", credentials=running.credentials)
    work()
    services.switch_on(connection=made)
    work()
    return Connection.objects.get(pk=made.pk)


def poll(store: Connection) -> None:
    for name in ("orders.new", "orders.changed"):
        services.refresh_now(connection=store, stream=name)
    work()


def stored(store: Connection, row: dict[str, Any]) -> Order | None:
    return Order.objects.filter(connection=store, external_id=str(row["order_id"])).first()


def read(running: Running, store: Connection, **params: str) -> list[dict[str, Any]]:
    """Rows of `orders` as the extension returns them."""
    adapter: Any = adapter_of(store)
    rows: list[dict[str, Any]] = adapter.client.get("orders", **params).data
    return rows


@pytest.mark.fault("F-14")
def test_an_order_written_by_sql_is_found_by_the_next_poll(running: Running, store: Connection) -> None:
    placed = running.sandbox.write_by_sql()
    poll(store)
    assert stored(store, placed) is not None


@pytest.mark.fault("F-14")
@pytest.mark.parametrize("extension", ["1.1.0", "1.0.0"])
def test_a_persons_sync_compares_and_an_older_extension_still_works(
    running: Running, store: Connection, extension: str
) -> None:
    running.sandbox.shop.settings["extension"] = extension
    seen = running.sandbox.place_order()
    placed = running.sandbox.write_by_sql()
    pull_jobs.ask_orders(connection=store, start=None, end=None, statuses=(), numbers=())
    work()
    assert stored(store, seen) is not None
    assert (stored(store, placed) is not None) is (extension == "1.1.0")
    assert any("compare" in str(request) for request in running.sandbox.requests)


@pytest.mark.fault("F-15")
def test_an_order_is_not_seen_in_the_middle_of_the_shops_own_edit(
    running: Running, store: Connection
) -> None:
    placed = running.sandbox.place_order(status_id=2)
    poll(store)
    running.sandbox.edit_order(placed["order_id"], is_finished=False)

    poll(store)

    order = stored(store, placed)
    assert order is not None
    assert order.status in ("new", "partial")
    assert [row["order_id"] for row in read(running, store)] == []
    [row] = read(running, store, ids=str(placed["order_id"]))
    assert row["status"] == {"id": 2, "name": "Processing"}
    running.sandbox.edit_order(placed["order_id"])
    assert [row["status"]["id"] for row in read(running, store)] == [2]


@pytest.mark.fault("F-15", "F-25")
def test_with_an_older_extension_the_voided_moment_is_undone_and_an_edit_shows_what_changed(
    running: Running, store: Connection
) -> None:
    running.sandbox.shop.settings["extension"] = "1.0.0"
    first, second = list(running.sandbox.shop.products)[:2]
    lines = [{"product_id": first, "quantity": 1}, {"product_id": second, "quantity": 1}]
    placed = running.sandbox.place_order(lines, status_id=2)
    poll(store)
    order = stored(store, placed)
    assert order is not None
    running.sandbox.set_status(placed["order_id"], 16)
    poll(store)
    assert Order.objects.get(pk=order.pk).status == "cancelled"

    running.sandbox.set_status(placed["order_id"], 2)
    lines[1]["quantity"] = 2
    running.sandbox.edit_order(placed["order_id"], lines=lines, telephone="+49 1")
    poll(store)

    order = Order.objects.get(pk=order.pk)
    assert order.status in ("new", "partial")
    assert list(order.lines.order_by("position").values_list("quantity", "cancelled")) == [(1, 0), (2, 0)]
    events = dict(OrderEvent.objects.filter(order=order).values_list("kind", "text"))
    assert events["lines"].endswith("1 → 2 units")
    assert events["contact"] == "Phone changed on Tea Shop: +49 30 1234567 → +49 1"
    assert events["reopen"] == "Reopened: the status on Tea Shop is “Processing”"
    assert not Problem.objects.filter(subject_kind="order", resolved_at=None).exists()


@pytest.mark.fault("F-25", "F-02")
def test_files_the_shops_name_and_the_facts_of_a_line(running: Running, store: Connection) -> None:
    running.sandbox.shop.settings["stores"] = {"1": "Tea Deutschland"}
    first, second = list(running.sandbox.shop.products)[:2]
    running.sandbox.shop.products[first]["shipping"] = False  # a ticket: it is counted and not shipped
    running.sandbox.shop.products[second]["subtract"] = False
    design = {"name": "Design", "value": "0f3a", "type": "file", "file_name": "logo.pdf"}
    lines = [{"product_id": first, "quantity": 1, "texts": [design]}, {"product_id": second, "quantity": 1}]
    placed = running.sandbox.place_order(lines, status_id=2, extra={"store_id": 1})

    poll(store)

    assert [(line["subtract"], line["shipping"]) for line in placed["lines"]] == [
        (True, False),
        (False, True),
    ]
    order = stored(store, placed)
    assert order is not None
    line = order.lines.order_by("position").first()
    assert line is not None
    assert (order.storefront, line.options) == ("Tea Deutschland", {"Design": "logo.pdf"})
    assert line.personalisation.startswith("Design: logo.pdf http")
    running.sandbox.shop.settings["extension"] = "1.0.0"
    old = running.sandbox.read_order(placed["order_id"])
    assert ("store" in old, "subtract" in old["lines"][0], "file" in old["lines"][0]["options"][0]) == (
        False,
        False,
        False,
    )


@pytest.mark.fault("F-19", "F-20")
def test_cash_on_delivery_never_waits_for_a_payment_and_a_reversal_that_was_withdrawn_is_live(
    running: Running, store: Connection
) -> None:
    store.options = {**store.options, "pending_as_unpaid": True}
    store.save()
    placed = running.sandbox.place_order(status_id=1)
    poll(store)
    order = stored(store, placed)
    assert order is not None
    assert (order.payment_state, order.is_paid) == ("on_delivery", True)
    running.sandbox.set_status(placed["order_id"], 12)
    poll(store)
    assert Problem.objects.filter(
        subject_kind="order", subject_id=order.pk, code="refunded_there", resolved_at=None
    ).exists()
    running.sandbox.set_status(placed["order_id"], 9)
    poll(store)
    assert not Problem.objects.filter(subject_kind="order", subject_id=order.pk, resolved_at=None).exists()
