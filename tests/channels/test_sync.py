# long because: the rules of pulling, one a test.
"""Streams: window, slices, pages, cursor, lease, refused records."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone

from channels import tasks
from channels.contract.errors import AuthError, RateLimited, Rejected, TemporaryError
from channels.contract.records.pages import Page, PullQuery, RefusedRow
from channels.models import CallLog, Connection, OutboxMessage, RejectedRecord, SyncRun, SyncStream
from channels.pull import page_writer, runner, single_records, streams
from channels.pull.single_records import retry_rejected
from channels.stores import pull_jobs, services, status_map
from channels.stores.connect import StoreError
from channels.stores.health import alarms
from channels.workers import heartbeat
from tests.channels.conftest import Shelf
from tests.channels.fakes import FakeShop, order, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine", "rings")]


def due(connection: Connection, name: str = "orders.changed", **fields: Any) -> SyncStream:
    """The stream, due now, with a cursor a day old."""
    now = timezone.now()
    values = {"due_at": now, "cursor_at": now - timedelta(days=1), **fields}
    SyncStream.objects.filter(connection=connection, name=name).update(**values)
    return SyncStream.objects.get(connection=connection, name=name)


def recent(number: int, minutes: int = 60) -> list[Any]:
    """That many orders, changed a minute apart within the last day."""
    now = timezone.now()
    return [order(f"{i:03}", now - timedelta(minutes=minutes - i)) for i in range(number)]


@pytest.mark.req("R-ORD-06", "R-ORD-02")
def test_a_due_stream_reads_all_pages_and_moves_its_cursor_to_the_beginning_of_the_run(
    shop: FakeShop, shelf: Shelf
) -> None:
    shop.orders = recent(5)
    stream = due(store())
    began = timezone.now()

    more = runner.run_stream(stream.pk)

    stream.refresh_from_db()
    run = SyncRun.objects.get()
    assert more is False
    assert shelf.pages == [["000", "001"], ["002", "003"], ["004"]]
    assert (run.state, run.new, run.changed, run.refused, run.pages) == ("done", 5, 0, 0, 3)
    assert stream.cursor_at is not None
    assert began <= stream.cursor_at <= timezone.now()
    assert run.window_end == stream.cursor_at
    assert stream.completed_at is not None
    assert stream.due_at == run.started_at + timedelta(seconds=1800)
    assert stream.lease_token == ""


def test_the_window_begins_a_lookback_before_the_cursor(shop: FakeShop, shelf: Shelf) -> None:
    stream = due(store())
    runner.run_stream(stream.pk)

    run = SyncRun.objects.get()
    assert stream.cursor_at is not None
    assert run.window_start == stream.cursor_at - timedelta(seconds=600)


def test_the_first_run_of_orders_reaches_90_days_back_and_that_of_categories_has_no_beginning(
    shop: FakeShop, shelf: Shelf
) -> None:
    connection = store()
    runner.run_stream(due(connection, cursor_at=None).pk)
    runner.run_stream(due(connection, "categories", cursor_at=None).pk)

    orders = SyncRun.objects.get(stream="orders.changed")
    assert orders.window_start == orders.started_at - timedelta(days=90)
    assert SyncRun.objects.get(stream="categories").window_start is None


def test_a_stream_that_is_not_due_is_left_alone(shop: FakeShop, shelf: Shelf) -> None:
    stream = due(store(), due_at=timezone.now() + timedelta(minutes=5))

    assert runner.run_stream(stream.pk) is False
    assert (shop.calls, SyncRun.objects.count()) == ([], 0)


def test_new_orders_are_asked_for_by_the_statuses_that_the_map_calls_new(
    shop: FakeShop, shelf: Shelf
) -> None:
    connection = store()
    status_map.edit(connection=connection, external_id="77", remote_state="unpaid")
    runner.run_stream(due(connection, "orders.new").pk)

    assert [what[0].statuses for verb, what in shop.calls if verb == "pull_orders"] == [("1", "77")]


def test_a_long_window_is_cut_into_slices_and_the_cursor_moves_with_each(
    shop: FakeShop, shelf: Shelf
) -> None:
    now = timezone.now()
    shop.orders = [order(f"{d:02}", now - timedelta(days=d)) for d in range(1, 20)]
    stream = due(store(), cursor_at=now - timedelta(days=20))

    calls: list[Any] = []
    original = streams.pull

    def broken(adapter: Any, name: str, query: Any, page: Any) -> Any:
        calls.append(query.window)
        if len({window.start for window in calls}) == 3:
            raise TemporaryError("The shop fell over.")
        return original(adapter, name, query, page)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "pull", broken)
        runner.run_stream(stream.pk)

    run = SyncRun.objects.get()
    stream.refresh_from_db()
    starts = list(dict.fromkeys(window.start for window in calls))
    assert [b - a for a, b in pairwise(starts)] == [timedelta(days=7)] * 2
    assert (stream.cursor_at, run.slice_start, run.state) == (starts[2], starts[2], "running")
    assert all(row.changed_at < starts[2] for row in shelf.stored.values())
    assert len(shelf.stored) == 13  # 7 to 19 days old


@pytest.mark.req("R-ORD-06")
def test_a_crash_between_pages_repeats_a_page_and_skips_none(shop: FakeShop, shelf: Shelf) -> None:
    shop.orders = recent(7)
    stream = due(store())
    begun_with = stream.cursor_at

    class Killed(BaseException):
        """What a SIGKILL looks like from inside."""

    shop.faults["pull_orders"] = [None, None, Killed()]  # type: ignore[list-item]
    real = FakeShop.begin

    def begin(self: FakeShop, verb: str, what: Any = None) -> None:
        fault = self.faults[verb].pop(0) if self.faults[verb] else None
        self.calls.append((verb, what))
        if fault:
            # A killed worker gives nothing back: put the lease where it was.
            token = SyncStream.objects.get(pk=stream.pk).lease_token
            lost.append(token)
            raise fault

    lost: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeShop, "begin", begin)
        patch.setattr(runner, "release_stream", lambda *args, **fields: None)
        with pytest.raises(Killed):
            runner.run_stream(stream.pk)
    assert real is FakeShop.begin

    stream.refresh_from_db()
    assert stream.cursor_at == begun_with  # nothing moved
    assert stream.lease_token == lost[0] != ""
    assert runner.run_stream(stream.pk) is False  # the dead worker's lease still holds
    assert sorted(shelf.stored) == ["000", "001", "002", "003"]

    SyncStream.objects.filter(pk=stream.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    runner.run_stream(stream.pk)

    assert sorted(shelf.stored) == [f"{i:03}" for i in range(7)]
    assert SyncRun.objects.get().state == "done"  # one run went on, no second began
    assert [page for page in shelf.pages if page == ["002", "003"]] == [["002", "003"]]


def test_a_worker_that_lost_its_lease_stores_nothing(shop: FakeShop, shelf: Shelf) -> None:
    shop.orders = recent(2)
    stream = due(store())
    original = streams.pull

    def slow(adapter: Any, name: str, query: Any, page: Any) -> Any:
        got = original(adapter, name, query, page)
        SyncStream.objects.filter(pk=stream.pk).update(lease_token="somebody-else")
        return got

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "pull", slow)
        assert runner.run_stream(stream.pk) is False

    stream.refresh_from_db()
    assert shelf.stored == {}
    assert stream.lease_token == "somebody-else"  # not taken away from its new owner
    assert SyncRun.objects.get().pages == 0


def test_a_store_paused_during_a_page_stores_nothing_of_it_and_goes_on_there(
    shop: FakeShop, shelf: Shelf
) -> None:
    shop.orders = recent(4)
    connection = store()
    stream = due(connection)
    original = streams.pull

    def pausing(adapter: Any, name: str, query: Any, page: Any) -> Any:
        got = original(adapter, name, query, page)
        if page is not None:
            services.pause(connection=connection)
        return got

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "pull", pausing)
        runner.run_stream(stream.pk)
    assert sorted(shelf.stored) == ["000", "001"]
    assert runner.run_stream(stream.pk) is False

    services.resume(connection=connection)
    runner.run_stream(stream.pk)
    assert sorted(shelf.stored) == ["000", "001", "002", "003"]


def test_two_workers_never_have_one_stream(shop: FakeShop, shelf: Shelf) -> None:
    stream = due(store())
    first = runner.take_stream(stream.pk, only_due=True)

    assert first is not None
    assert runner.take_stream(stream.pk, only_due=True) is None
    runner.release_stream(stream, first[1])
    assert runner.take_stream(stream.pk, only_due=True) is not None


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_a_page_token_that_comes_again_ends_the_run_with_a_sentence(
    shop: FakeShop, shelf: Shelf, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = due(store())
    begun_with = stream.cursor_at
    tokens = iter(range(1000))

    def circle(adapter: Any, name: str, query: Any, page: Any) -> Any:
        return Page([], next_page=f"t{next(tokens) % length}")

    monkeypatch.setattr(streams, "pull", circle)
    monkeypatch.setattr(runner, "SLICE_SECONDS", -1.0)  # a page per slice: only the stored mark can tell
    for _slice in range(40):
        if not runner.run_stream(stream.pk):
            break

    run = SyncRun.objects.get()
    stream.refresh_from_db()
    assert run.state == "failed"
    assert run.error.startswith("The channel sent the same page twice")
    assert stream.cursor_at == begun_with
    assert stream.due_at is not None
    assert stream.due_at > timezone.now()


def test_page_numbers_that_begin_again_with_each_slice_are_no_circle(
    shop: FakeShop, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window of 20 days is read in slices of a week, each by pages 1, 2 (seen with Etsy's history)."""
    stream = due(store(), cursor_at=timezone.now() - timedelta(days=20))
    asked: list[str | None] = []

    def pages(adapter: Any, name: str, query: Any, page: Any) -> Any:
        asked.append(page)
        return Page([], next_page={None: "1", "1": "2", "2": None}[page])

    monkeypatch.setattr(streams, "pull", pages)
    while runner.run_stream(stream.pk):
        pass

    assert SyncRun.objects.get().state == "done"
    assert asked == [None, "1", "2"] * 3


# ---------------------------------------------------------------- refused records


def test_a_failing_page_is_halved_until_the_guilty_record_stands_alone(shop: FakeShop, shelf: Shelf) -> None:
    shop.page_size = 8
    shop.orders = recent(8)
    shelf.poison = {"005"}
    stream = due(store())

    runner.run_stream(stream.pk)

    refused = RejectedRecord.objects.get()
    run = SyncRun.objects.get()
    stream.refresh_from_db()
    assert sorted(shelf.stored) == [f"{i:03}" for i in range(8) if i != 5]
    assert (refused.external_id, refused.reason) == ("005", "005 has no currency.")
    assert page_writer.unpacked(refused.native) == shop.orders[5].native
    assert (run.state, run.new, run.refused) == ("done", 7, 1)
    assert stream.cursor_at == run.window_end  # the cursor moved on


def test_rows_that_the_mapping_or_the_sink_refuses_are_kept_with_their_document(
    shop: FakeShop, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.orders = recent(1)
    shop.refused = [RefusedRow("900", "The total is no number.", {"id": "900", "total": "?"})]
    runner.run_stream(due(store()).pk)

    refused = RejectedRecord.objects.get()
    assert (refused.external_id, refused.reason, refused.attempts) == ("900", "The total is no number.", 1)
    assert page_writer.unpacked(refused.native) == {"id": "900", "total": "?"}
    assert SyncRun.objects.get().refused == 1


def test_a_refused_record_is_one_row_however_often_and_is_solved_when_it_goes_in(
    shop: FakeShop, shelf: Shelf
) -> None:
    shop.orders = recent(2)
    shelf.poison = {"001"}
    connection = store()
    runner.run_stream(due(connection).pk)
    runner.run_stream(due(connection).pk)
    assert RejectedRecord.objects.get().attempts == 2

    shelf.poison = set()
    runner.run_stream(due(connection, "orders.new").pk)  # it may go in through another stream

    refused = RejectedRecord.objects.get()
    assert refused.resolved_at is not None
    assert sorted(shelf.stored) == ["000", "001"]


def test_the_next_run_asks_again_for_what_was_refused_before_it(shop: FakeShop, shelf: Shelf) -> None:
    old = order("old", timezone.now() - timedelta(hours=20))
    shop.orders = [old]
    shelf.poison = {"old"}
    connection = store()
    runner.run_stream(due(connection).pk)
    shelf.poison = set()

    # It lies before the window now: only by its id can it be had.
    stream = due(connection, cursor_at=timezone.now())
    more = runner.run_stream(stream.pk)
    assert more is True
    runner.run_stream(stream.pk)

    assert list(shelf.stored) == ["old"]
    assert RejectedRecord.objects.open().count() == 0


def test_retry_on_the_screen_pulls_the_record_at_once(
    shop: FakeShop, shelf: Shelf, django_capture_on_commit_callbacks: Any, rings: list[Any]
) -> None:
    shop.orders = recent(1)
    shelf.poison = {"000"}
    connection = store()
    stream = due(connection)
    runner.run_stream(stream.pk)
    shelf.poison = set()

    with django_capture_on_commit_callbacks(execute=True):
        assert single_records.retry_rejected(rejected=list(RejectedRecord.objects.all())) == 1
    assert ("pull", stream.pk) in rings
    tasks.pull(stream.pk)

    assert list(shelf.stored) == ["000"]
    assert RejectedRecord.objects.open().count() == 0


# ---------------------------------------------------------------- single records


def test_single_records_are_pulled_without_waiting_for_the_period_and_move_no_cursor(
    shop: FakeShop, shelf: Shelf
) -> None:
    shop.orders = [order("old", timezone.now() - timedelta(days=300)), *recent(1)]
    later = timezone.now() + timedelta(minutes=20)
    stream = due(store(), due_at=later)

    single_records.request_records(stream, ["old", "old"])
    runner.run_stream(stream.pk)

    before = stream.cursor_at
    stream.refresh_from_db()
    run = SyncRun.objects.get()
    assert list(shelf.stored) == ["old"]
    assert (stream.cursor_at, stream.due_at, stream.wanted_ids) == (before, later, [])
    assert (run.trigger, run.state, run.new) == ("webhook", "done", 1)


def test_news_of_a_record_that_is_being_read_has_it_read_again(
    shop: FakeShop, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.orders = recent(1)
    stream = due(store(), due_at=None)
    single_records.request_records(stream, ["000"])
    original = streams.pull
    told: list[bool] = []

    def interrupted(adapter: Any, name: str, query: Any, page: Any) -> Any:
        got = original(adapter, name, query, page)
        if not told:
            told.append(True)
            single_records.request_records(stream, ["000"])  # a second webhook, after the channel was read
        return got

    monkeypatch.setattr(streams, "pull", interrupted)
    assert runner.run_stream(stream.pk) is True
    assert runner.run_stream(stream.pk) is False
    assert shelf.pages == [["000"], ["000"]]


def test_single_records_get_in_between_the_pages_of_a_long_run(
    shop: FakeShop, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.orders = recent(6)
    stream = due(store())
    monkeypatch.setattr(runner, "SLICE_SECONDS", -1.0)
    assert runner.run_stream(stream.pk) is True

    single_records.request_records(stream, ["005"])
    runner.run_stream(stream.pk)

    assert shelf.pages == [["000", "001"], ["005"], ["002", "003"]]
    assert SyncRun.objects.get(state="running").trigger == "schedule"


def test_somebody_who_waits_for_one_order_does_not_wait_for_a_long_window(
    shop: FakeShop, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.orders = recent(6)
    stream = due(store())
    original = streams.pull
    told: list[bool] = []

    def interrupted(adapter: Any, name: str, query: Any, page: Any) -> Any:
        if not told:
            told.append(True)
            single_records.request_records(stream, ["005"])
        return original(adapter, name, query, page)

    monkeypatch.setattr(streams, "pull", interrupted)
    assert runner.run_stream(stream.pk) is True
    runner.run_stream(stream.pk)
    assert shelf.pages == [["000", "001"], ["005"], ["002", "003"], ["004", "005"]]


def test_an_id_that_the_channel_refuses_is_let_go_and_keeps_nothing_back(
    shop: FakeShop, shelf: Shelf
) -> None:
    shop.orders = [order("old", timezone.now() - timedelta(days=300)), *recent(1)]
    stream = due(store())
    single_records.request_records(stream, ["bad", "old"])
    shop.fail("pull_orders", Rejected("One id is wrong."), Rejected("There is no order bad."))
    runner.run_stream(stream.pk)

    stream.refresh_from_db()
    failed = SyncRun.objects.get(state="failed")
    assert (failed.query["ids"], failed.error) == (["bad"], "There is no order bad.")
    assert sorted(shelf.stored) == ["000", "old"]  # the other id, and the window
    assert (stream.wanted_ids, stream.failures) == ([], 0)


def test_single_records_stay_wanted_while_the_shop_is_away(shop: FakeShop, shelf: Shelf) -> None:
    shop.orders = [order("old", timezone.now() - timedelta(days=300))]
    stream = due(store(), due_at=None)
    single_records.request_records(stream, ["old"])
    shop.fail("pull_orders", TemporaryError("No answer."))
    assert runner.run_stream(stream.pk) is False
    SyncStream.objects.filter(pk=stream.pk).update(not_before=timezone.now())
    runner.run_stream(stream.pk)
    assert list(shelf.stored) == ["old"]


# ---------------------------------------------------------------- failures


def test_a_passing_fault_lets_the_stream_wait_longer_each_time_and_is_shown_until_it_ends(
    shop: FakeShop, shelf: Shelf
) -> None:
    shop.orders = recent(1)
    shop.fail("pull_orders", TemporaryError("Fault one."), TemporaryError("Fault two."))
    connection = store()
    stream = due(connection)

    runner.run_stream(stream.pk)
    stream.refresh_from_db()
    connection.refresh_from_db()
    since = connection.failing_since
    assert stream.not_before is not None
    first = stream.not_before - timezone.now()
    assert timedelta(seconds=14) < first <= timedelta(seconds=15)
    assert (connection.failure, since is not None) == ("Fault one.", True)
    assert runner.run_stream(stream.pk) is False  # it waits
    assert len(shop.calls) == 1

    SyncStream.objects.filter(pk=stream.pk).update(not_before=timezone.now())
    runner.run_stream(stream.pk)
    stream.refresh_from_db()
    connection.refresh_from_db()
    assert stream.not_before is not None
    assert timedelta(seconds=29) < stream.not_before - timezone.now() <= timedelta(seconds=30)
    assert (connection.failure, connection.failing_since) == ("Fault two.", since)

    SyncStream.objects.filter(pk=stream.pk).update(not_before=timezone.now())
    runner.run_stream(stream.pk)
    stream.refresh_from_db()
    connection.refresh_from_db()
    assert (connection.failing_since, connection.failure) == (None, "")
    assert stream.failures == 0
    assert str(stream.not_before) == "None"
    run = SyncRun.objects.get()  # one run, through all of it
    assert (run.state, run.error, run.new) == ("done", "", 1)


@pytest.mark.req("R-CONN-09")
def test_refused_credentials_stop_this_store_with_a_sentence_and_no_other(
    shop: FakeShop, shelf: Shelf
) -> None:
    shop.fail("pull_orders", AuthError("The key was revoked: reconnect the store."))
    ours, other = store(), store("Other", where="shop-2")
    runner.run_stream(due(ours).pk)
    runner.run_stream(due(other).pk)

    ours.refresh_from_db()
    other.refresh_from_db()
    assert (ours.state, ours.state_reason) == ("needs_seller", "The key was revoked: reconnect the store.")
    assert SyncRun.objects.get(connection=ours).state == "failed"
    assert alarms.alarm(ours) == "The key was revoked: reconnect the store."
    assert runner.run_stream(due(ours, "orders.new").pk) is False
    assert len(shop.calls) == 1
    assert (other.state, SyncRun.objects.get(connection=other).state) == ("active", "done")


def test_a_rate_limit_lets_the_store_wait_and_rings_when_it_is_over(shop: FakeShop, shelf: Shelf) -> None:
    from django_q.models import Schedule

    shop.fail("pull_orders", RateLimited("Slow down.", retry_after=120))
    connection = store()
    stream = due(connection)
    runner.run_stream(stream.pk)

    connection.refresh_from_db()
    stream.refresh_from_db()
    assert connection.blocked_until is not None
    assert timedelta(seconds=118) < connection.blocked_until - timezone.now() <= timedelta(seconds=120)
    assert (stream.failures, connection.failing_since) == (0, None)
    assert runner.run_stream(due(connection, "orders.new").pk) is False
    wake = Schedule.objects.get(name="wake orders")
    assert wake.next_run is not None
    assert abs(wake.next_run - connection.blocked_until) < timedelta(seconds=1)
    assert (wake.func, wake.cluster, wake.schedule_type, wake.repeats) == (
        "channels.tasks.wake", "orders", Schedule.ONCE, -1,
    )  # fmt: skip
    assert SyncRun.objects.get().state == "running"


def test_a_shop_in_maintenance_is_asked_at_the_next_interval_and_raises_no_alarm_within_the_hour(
    shop: FakeShop, shelf: Shelf
) -> None:
    shop.fail("pull_orders", TemporaryError("Closed for maintenance.", maintenance=True))
    connection = store()
    stream = due(connection)
    runner.run_stream(stream.pk)

    connection.refresh_from_db()
    stream.refresh_from_db()
    assert stream.not_before is not None
    assert timedelta(minutes=29) < stream.not_before - timezone.now() <= timedelta(minutes=30)
    assert alarms.alarm(connection) == ""
    assert connection.failing_since is not None
    connection.failing_since -= timedelta(minutes=59)
    assert alarms.alarm(connection) == ""
    connection.failing_since -= timedelta(minutes=2)
    assert alarms.alarm(connection) == "Closed for maintenance."


@pytest.mark.fault("F-26")
def test_a_persons_refresh_tries_a_shop_in_maintenance_at_once_and_an_api_limit_is_said(
    shop: FakeShop, shelf: Shelf
) -> None:
    shop.fail("pull_orders", TemporaryError("Closed for maintenance.", maintenance=True))
    connection = store()
    stream = due(connection)
    runner.run_stream(stream.pk)
    connection.refresh_from_db()
    assert connection.blocked_until is not None
    assert SyncRun.objects.get().error == "Closed for maintenance."

    said = services.run_now(connection=connection, stream=stream.name)
    runner.run_stream(stream.pk)

    connection.refresh_from_db()
    assert said == "Import started. Its result is shown under “Last run”."
    assert (SyncRun.objects.get().state, connection.failure) == ("done", "")
    assert not Connection.objects.filter(pk=connection.pk, blocked_until__isnull=False).exists()
    shop.fail("pull_orders", RateLimited("Slow down.", retry_after=120))
    runner.run_stream(due(connection, "orders.new").pk)
    assert services.run_now(connection=connection, stream=stream.name).startswith(
        "The API limit is used up. The import starts in "
    )
    Connection.objects.update(state="paused", state_reason="Paused by anna.")
    with pytest.raises(StoreError, match=r"Paused by anna\."):
        services.run_now(connection=connection, stream=stream.name)


@pytest.mark.fault("F-26")
@pytest.mark.parametrize("button", ["refresh", "sync", "retry_record", "retry_message"])
def test_every_button_of_a_person_ends_a_pause_after_a_fault_and_none_ends_one_of_an_api_limit(
    shop: FakeShop, shelf: Shelf, button: str
) -> None:
    connection = store()
    stream = due(connection)
    later = timezone.now() + timedelta(minutes=5)
    rejected = RejectedRecord.objects.create(
        connection=connection, stream=stream.name, external_id="7", reason="no", native=b""
    )
    message = OutboxMessage.objects.create(
        connection=connection, kind="state", topic="stock", lane="stock", subject=1, parked_at=timezone.now()
    )

    def press() -> None:
        if button == "refresh":
            services.run_now(connection=connection, stream=stream.name)
        elif button == "sync":
            pull_jobs.ask(connection=connection, stream=stream.name, query=PullQuery())
        elif button == "retry_record":
            retry_rejected(rejected=[rejected])
        else:
            services.retry(messages=[message.pk])

    blocked = Connection.objects.filter(pk=connection.pk)
    blocked.update(blocked_until=later, failing_since=None)
    press()
    assert blocked.get().blocked_until == later
    blocked.update(failing_since=timezone.now(), is_in_maintenance=True)
    press()
    assert blocked.get().blocked_until is None


def test_a_refused_question_fails_the_run_and_the_next_begins_at_the_cursor(
    shop: FakeShop, shelf: Shelf
) -> None:
    shop.fail("pull_orders", Rejected("There is no such status."))
    stream = due(store())
    begun_with = stream.cursor_at
    runner.run_stream(stream.pk)

    stream.refresh_from_db()
    run = SyncRun.objects.get()
    assert (run.state, run.error, stream.cursor_at) == ("failed", "There is no such status.", begun_with)
    assert stream.due_at is not None
    assert timedelta(minutes=29) < stream.due_at - timezone.now() <= timedelta(minutes=30)


def test_a_fault_of_our_own_is_logged_and_ends_the_run(
    shop: FakeShop, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shop.fail("pull_orders", KeyError("currency"))
    runner.run_stream(due(store()).pk)

    assert SyncRun.objects.get().error == "Internal error: KeyError: 'currency'"
    assert "Traceback" in caplog.text


def test_a_capability_that_the_channel_lacks_has_no_stream(shop: FakeShop) -> None:
    shop.offered = {"pull_categories": "This shop hides its categories."}
    names = set(store().streams.values_list("name", flat=True))

    assert names == {
        "statuses", "categories", "products", "orders.new", "orders.changed", "orders.history",
    }  # fmt: skip
    assert "brands" not in names


def test_a_page_costs_a_constant_number_of_questions_around_the_sink(
    shop: FakeShop, shelf: Shelf, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    connection = store()
    stream = due(connection)
    taken = runner.take_stream(stream.pk, only_due=True)
    assert taken is not None
    leased, token = taken
    run = runner.start_run(leased)
    shop.page_size = 250
    shop.orders = recent(250, minutes=300)
    store_of = page_writer.PageWriter(connection, leased, token)
    store_of.store(run, Page([]), run_fields={})

    with django_assert_max_num_queries(6):  # with BEGIN and COMMIT, or the savepoint of this test
        store_of.store(run, Page(shop.orders, next_page="x"), run_fields={"page": "x"})


def test_a_run_that_another_worker_began_is_not_begun_twice(shop: FakeShop, shelf: Shelf) -> None:
    stream = due(store())
    runner.start_run(stream)
    with pytest.raises(page_writer.LeaseLost):
        runner.start_run(stream)
    assert SyncRun.objects.count() == 1


def test_calls_are_logged_even_when_the_slice_fails(shop: FakeShop, shelf: Shelf) -> None:
    from channels.http import call_log

    connection = store()
    original = streams.pull

    def logging_pull(adapter: Any, name: str, query: Any, page: Any) -> Any:
        call_log.add(CallLog(connection=connection, method="GET", url="https://shop.example.com/orders"))
        assert CallLog.objects.count() == 0  # not inside the slice's own work
        original(adapter, name, query, page)
        raise RuntimeError("a bug")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "pull", logging_pull)
        runner.run_stream(due(connection).pk)
    assert CallLog.objects.get().url == "https://shop.example.com/orders"


def test_a_busy_lane_marks_its_beat_at_most_every_quarter_minute() -> None:
    heartbeat.beat("orders")
    first: datetime | None = heartbeat.heartbeats()["orders"]
    heartbeat.beat("orders")
    assert heartbeat.heartbeats() == {"orders": first, "stock": None, "default": None}
    assert heartbeat.dead_lanes() == ["stock", "default"]
