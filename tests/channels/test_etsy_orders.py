"""Etsy's receipts: the queues, deep lists, parcels told once, restricted countries, webhooks (`etsy.md` §7, §8)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.connectors.etsy.orders import Pass, Place, passes
from channels.connectors.etsy.webhooks import webhook_signature
from channels.contract.errors import Rejected, TemporaryError
from channels.contract.records.orders import RemoteState
from channels.contract.records.pages import PullQuery, Window
from channels.contract.spec import Stream
from channels.sandbox.server import Running
from tests.support.etsy import asked, connected, placed, shop

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = 3600


@pytest.fixture
def etsy() -> Iterator[Running]:
    with shop() as running:
        yield running


def orders(running: Running, query: PullQuery, **fields: Any) -> list[Any]:
    adapter = connected(running, **fields)
    page: str | None = None
    found: list[Any] = []
    while True:
        answer = adapter.pull_orders(query, page)
        found += answer.records
        page = answer.next_page
        if page is None:
            return found


def queue(stream: Stream, start: float = 7200, **more: Any) -> PullQuery:
    now = datetime.now(UTC)
    return PullQuery(Window(now - timedelta(seconds=start), now), stream=stream, **more)


def ids(records: Sequence[Any]) -> set[int]:
    return {int(record.external_id) for record in records}


# ---------------------------------------------------------------- queues


@pytest.mark.req("R-ORD-01")
def test_new_orders_are_the_whole_queue_whatever_the_window(etsy):
    late = placed(etsy, ago=40 * 86_400, is_paid=False)
    fresh = placed(etsy, ago=60)
    placed(etsy, status="Completed")
    placed(etsy, status="Canceled")
    unpaid = placed(etsy, is_paid=False)
    etsy.sandbox.shop.move(etsy.sandbox.shop.receipts[str(late)], "Paid")  # paid after weeks: not lost

    found = orders(etsy, queue(Stream.ORDERS_NEW, statuses=("open", "paid")))

    assert ids(found) == {late, fresh}
    assert unpaid not in ids(found)
    [target] = asked(etsy, "GET", "/receipts")
    assert "was_paid=true&was_shipped=false&was_canceled=false" in target
    assert "min_" not in target


@pytest.mark.req("R-ORD-02")
def test_changes_come_with_and_without_delivery_in_two_walks(etsy):
    old = placed(etsy, ago=30 * 86_400)
    shipped, delivered = placed(etsy, status="Completed"), placed(etsy, status="Delivered")
    etsy.sandbox.shop.receipts[str(old)]["updated_timestamp"] -= 20 * 86_400

    found = {record.external_id: record.remote_state for record in orders(etsy, queue(Stream.ORDERS_CHANGED))}

    assert found[str(shipped)] == RemoteState.SHIPPED
    assert found[str(delivered)] == RemoteState.DELIVERED
    assert str(old) not in found


@pytest.mark.req("R-ORD-03")
@pytest.mark.parametrize(("days", "expected"), [(None, 1), (30, 2), (90, 3)])
def test_cancellations_of_the_last_days_as_the_store_sets_them(etsy, days, expected):
    for ago in (2, 20, 80):
        placed(etsy, ago=ago * 86_400, status="Canceled")
    placed(etsy)

    options = {} if days is None else {"cancel_days": days}
    found = orders(etsy, queue(Stream.ORDERS_CANCELLED, start=HOUR), options=options)

    assert len(found) == expected
    assert {record.remote_state for record in found} == {RemoteState.CANCELLED}
    assert all("was_canceled=true" in target for target in asked(etsy, "GET", "/receipts"))


@pytest.mark.req("R-ORD-05")
def test_history_has_the_cancelled_ones_too(etsy):
    wanted = {placed(etsy, ago=80 * 86_400, status="Canceled"), placed(etsy, ago=10 * 86_400)}
    placed(etsy, ago=95 * 86_400)

    found = orders(etsy, queue(Stream.ORDERS_HISTORY, start=90 * 86_400, created=True))

    assert ids(found) == wanted


@pytest.mark.req("R-ORD-04")
def test_by_number_with_what_only_the_filter_knows(etsy):
    delivered = placed(etsy, status="Delivered")

    found = orders(etsy, PullQuery(ids=(str(delivered), "999", "no number")))

    assert [(record.external_id, record.remote_state) for record in found] == [
        (str(delivered), RemoteState.DELIVERED)
    ]


@pytest.mark.req("R-ORD-06")
def test_no_page_lies_deep_and_none_is_lost_while_the_shop_is_busy(etsy):
    """A row that changes between two pages moves to the end: offsets would skip its neighbour."""
    begin = time.time() - 5000
    known = [placed(etsy, ago=5000 - n) for n in range(250)]
    adapter = connected(etsy)
    query = PullQuery(Window(datetime.fromtimestamp(begin, UTC), None))
    first = adapter.pull_orders(query)
    etsy.sandbox.shop.move(etsy.sandbox.shop.receipts[str(known[0])], "Paid")
    found, page = list(first.records), first.next_page
    while page is not None:
        answer = adapter.pull_orders(query, page)
        found += answer.records
        page = answer.next_page

    assert ids(found) == set(known)
    offsets = {
        dict(p.split("=") for p in t.partition("?")[2].split("&"))["offset"]
        for t in asked(etsy, "GET", "/receipts")
    }
    assert offsets <= {"0", "1"}


@pytest.mark.req("R-ORD-06")
def test_a_row_that_leaves_the_second_at_which_a_page_ends_costs_no_neighbour(etsy):
    """A seller marks many orders at once: they have one second, and the page ends among them."""
    second = int(time.time()) - 1000
    early = [etsy.sandbox.place_order(moment=second - 98 + n)["order_id"] for n in range(98)]
    alike = [etsy.sandbox.place_order(moment=second)["order_id"] for _ in range(4)]
    adapter = connected(etsy)
    query = PullQuery(Window(datetime.fromtimestamp(second - 500, UTC), None))
    first = adapter.pull_orders(query)
    assert ids(first.records) == {*early, *alike[:2]}

    etsy.sandbox.shop.move(etsy.sandbox.shop.receipts[str(alike[0])], "Paid")
    second_page = adapter.pull_orders(query, first.next_page)

    assert ids(second_page.records) == set(alike)


@pytest.mark.req("R-ORD-04")
def test_a_sync_of_a_rare_status_gives_each_page_back(etsy):
    """One call that reads on until it finds some would outlive its lease."""
    for n in range(150):
        placed(etsy, ago=5000 - n)
    rare = placed(etsy, status="Canceled")
    now = datetime.now(UTC) + timedelta(seconds=5)
    query = PullQuery(Window(now - timedelta(days=1), now), created=True, statuses=("canceled",))
    adapter = connected(etsy)

    first = adapter.pull_orders(query)

    assert (first.records, first.next_page is None) == ([], False)
    assert len(asked(etsy, "GET", "/receipts")) == 1
    assert ids(adapter.pull_orders(query, first.next_page).records) == {rare}


def test_many_orders_of_one_second_are_walked_by_offset_up_to_etsys_cap():
    walk = Pass("created", {})
    rows = [{"created_timestamp": 1_790_000_000}] * 100

    place = Place().after(rows, walk, 1)
    assert place == Place(0, 1_790_000_000, 100)
    assert place.after(rows, walk, 1) == Place(0, 1_790_000_000, 200)
    with pytest.raises(TemporaryError):
        Place(0, 1_790_000_000, 12_100).params(walk)


def test_the_daily_walk_over_deliveries_is_made_once_a_day():
    def walks(start: datetime, end: datetime) -> int:
        query = PullQuery(Window(start, end), stream=Stream.ORDERS_CHANGED)
        return len(passes(query, now=NOW, cancel_days=5))

    assert walks(NOW - timedelta(minutes=40), NOW) == 2
    assert walks(NOW - timedelta(hours=13), NOW) == 3


def test_no_filter_lies_before_the_year_2000():
    query = PullQuery(Window(datetime(1999, 1, 1, tzinfo=UTC), None))

    assert passes(query, now=NOW, cancel_days=5)[0].filters["min_last_modified"] == 946_684_800


# ---------------------------------------------------------------- webhooks

SECRET = "whsec_c2FuZGJveC13ZWJob29rLXNlY3JldA=="


def called(
    body: dict[str, Any], *, secret: str = SECRET, age: int = 0, bare: bool = False, extra: str = ""
) -> tuple[dict[str, str], bytes]:
    data, stamp = json.dumps(body).encode(), str(int(time.time()) - age)
    signature = webhook_signature(secret, "msg_1", stamp, data).decode()
    shown = signature if bare else f"{extra}v1,{signature}"
    return {"Webhook-Id": "msg_1", "Webhook-Timestamp": stamp, "Webhook-Signature": shown}, data


def event(kind: str = "order.paid", shop_id: object = 7) -> dict[str, Any]:
    return {
        "event_type": kind,
        "resource_url": "https://evil.example/shops/7/receipts/42",
        "shop_id": shop_id,
    }


@pytest.mark.parametrize(
    ("kind", "stream"),
    [
        ("order.paid", Stream.ORDERS_NEW),
        ("ORDER_PAID", Stream.ORDERS_NEW),
        ("order.canceled", Stream.ORDERS_CHANGED),
        ("order.delivered", Stream.ORDERS_CHANGED),
    ],
)
@pytest.mark.parametrize("options", [{}, {"bare": True}, {"extra": "v1,b2xk "}])
def test_a_signed_call_wakes_the_order_that_it_names(etsy, kind, stream, options):
    headers, body = called(event(kind, shop_id="7"), **options)

    [record] = connected(etsy, fingerprint="7").read_webhook(headers, body, SECRET)

    assert (record.event_id, record.stream, record.external_id) == ("msg_1", stream, "42")
    assert not etsy.sandbox.requests  # its address is never called


@pytest.mark.parametrize("options", [{"age": 301}, {"age": -301}, {"secret": "whsec_b3RoZXI="}])
def test_a_call_that_is_old_or_signed_by_another_is_refused(etsy, options):
    headers, body = called(event(), **options)

    with pytest.raises(Rejected):
        connected(etsy, fingerprint="7").read_webhook(headers, body, SECRET)


def test_a_body_that_was_changed_or_another_shop_is_refused(etsy):
    headers, body = called(event())

    with pytest.raises(Rejected):
        connected(etsy, fingerprint="7").read_webhook(headers, body + b" ", SECRET)
    with pytest.raises(Rejected, match="another shop"):
        connected(etsy, fingerprint="8").read_webhook(headers, body, SECRET)


def test_an_event_that_we_do_not_know_wakes_nothing(etsy):
    headers, body = called(event("listing.viewed"))

    assert connected(etsy, fingerprint="7").read_webhook(headers, body, SECRET) == []
