"""Many batches claimed and read at once: what was read is sent while it is fresh, and nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import RateLimited, Rejected, TemporaryError
from channels.contract.records.updates import Outcome, StockUpdate
from channels.http import rate_limit
from channels.models import Connection, OutboxMessage
from channels.push import dispatcher, outbox
from channels.push.outbox import PlanLine
from channels.push.topics import Topic
from channels.stores import push_jobs
from channels.workers import enqueue, locks, seats
from oms.kit.background import jobs
from oms.kit.models import Job
from tests.channels.fakes import FakeShop, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine", "rings")]
BATCH = 3  # of the fake channel


class Clock:
    """Seconds that pass when a call is made."""

    def __init__(self) -> None:
        self.now, self.per_call = 0.0, 0.0

    def __call__(self) -> float:
        return self.now


class Ahead:
    """Figures read at `begin`; `reads` are the sizes of the claims, `closed` what was written down."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.reads: list[int] = []
        self.closed: list[int] = []
        self.unreadable = False
        self.dies_at: set[int] = set()

    def begin(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sending:
        self.reads.append(len(messages))
        if self.unreadable and len(messages) > 1:
            raise ValueError("a row that nobody can read")
        return Sending(self)

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        sending = self.begin(connection, messages)
        return sending.send(messages, adapter)

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        return []


class Sending:
    def __init__(self, handler: Ahead) -> None:
        self.handler, self.sent = handler, 0

    def send(self, messages: Sequence[OutboxMessage], adapter: ChannelAdapter) -> Sequence[Outcome]:
        if self.handler.dies_at & {message.subject for message in messages}:
            raise KeyboardInterrupt  # nothing of the house catches it: the worker is gone
        self.handler.clock.now += self.handler.clock.per_call
        answer = adapter.push_stock(
            [StockUpdate(str(m.pk), "", str(m.subject), f"SKU-{m.subject}", 7) for m in messages]
        )
        self.sent += len(messages)
        return answer

    def close(self) -> None:
        self.handler.closed.append(self.sent)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(dispatcher, "_clock", made)
    monkeypatch.setattr(seats, "_clock", made)
    return made


@pytest.fixture
def ahead(clock: Clock) -> Ahead:
    handler = Ahead(clock)
    outbox.register_handler(Topic.STOCK, handler)
    return handler


def waiting(connection: Connection, count: int) -> None:
    outbox.touch(Topic.STOCK, [(connection.pk, subject) for subject in range(1, count + 1)])


def calls(shop: FakeShop) -> list[int]:
    return [len(what) for verb, what in shop.calls if verb == "push_stock"]


def test_claims_grow_while_the_store_takes_them_and_each_call_holds_what_the_channel_takes(
    shop: FakeShop, ahead: Ahead
) -> None:
    connection = store()
    waiting(connection, 20)
    assert dispatcher.dispatch(connection.pk, "stock") is False
    assert ahead.reads == [3, 6, 11]  # 1, 2 and 4 batches of 3, and no more than there is
    assert calls(shop) == [3, 3, 3, 3, 3, 3, 2]
    assert ahead.closed == ahead.reads
    assert len(shop.stock) == 20
    assert not OutboxMessage.objects.unsent().exists()


@pytest.mark.req("R-INV-01")
def test_what_was_read_too_long_ago_is_given_back_and_read_anew(
    shop: FakeShop, ahead: Ahead, clock: Clock
) -> None:
    connection = store()
    waiting(connection, 15)
    clock.per_call = 1.5
    dispatcher.dispatch(connection.pk, "stock")
    assert ahead.reads == [3, 6, 6]  # a third call would have sent figures of 3 s ago
    clock.per_call = 2.5
    shop.calls.clear()
    ahead.reads.clear()
    waiting(connection, 15)
    dispatcher.dispatch(connection.pk, "stock")
    assert calls(shop) == [3] * 5
    assert ahead.reads == [3, 6, 6, 6, 3]
    assert set(OutboxMessage.objects.values_list("attempts", "lease_token", "crashes")) == {(0, "", 0)}


def test_a_limit_in_the_middle_keeps_what_was_sent_and_counts_no_attempt_for_the_rest(
    shop: FakeShop, ahead: Ahead
) -> None:
    connection = store()
    waiting(connection, 12)
    real, made = FakeShop.begin, []

    def third_is_too_many(self: FakeShop, verb: str, what: Any = None) -> None:
        made.append(verb)
        if len(made) == 3:
            raise RateLimited("Slow down.", retry_after=90)
        real(self, verb, what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeShop, "begin", third_is_too_many)
        assert dispatcher.dispatch(connection.pk, "stock") is False
    assert ahead.closed == [3, 3]
    assert len(shop.stock) == 6
    rows = OutboxMessage.objects.order_by("pk")
    assert [row.sent for row in rows] == [1] * 6 + [0] * 6
    assert {(row.attempts, row.lease_token, row.is_uncertain) for row in rows} == {(0, "", False)}

    connection.refresh_from_db()
    Connection.objects.update(blocked_until=None)
    dispatcher.dispatch(connection.pk, "stock")
    assert len(shop.stock) == 12


def test_a_refused_one_parks_alone_in_the_middle_of_a_claim(shop: FakeShop, ahead: Ahead) -> None:
    connection = store()
    shop.refuse_stock_of = {"5"}
    waiting(connection, 9)
    dispatcher.dispatch(connection.pk, "stock")
    parked = OutboxMessage.objects.parked()
    assert [(row.subject, row.last_error) for row in parked] == [(5, "This product has no stock field.")]
    assert len(shop.stock) == 8


def test_a_call_refused_as_a_whole_is_halved_within_the_claim(shop: FakeShop, ahead: Ahead) -> None:
    connection = store()
    waiting(connection, 9)
    real = FakeShop.begin

    def no_seven(self: FakeShop, verb: str, what: Any = None) -> None:
        if any(external_id == "7" for external_id, _quantity in what):
            raise Rejected("Malformed.")
        real(self, verb, what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeShop, "begin", no_seven)
        dispatcher.dispatch(connection.pk, "stock")
    assert [row.subject for row in OutboxMessage.objects.parked()] == [7]
    assert len(shop.stock) == 8


def test_a_change_while_a_claim_is_sent_is_sent_after_it(shop: FakeShop, ahead: Ahead) -> None:
    connection = store()
    waiting(connection, 9)
    once: list[int] = []
    real = FakeShop.begin

    def change(self: FakeShop, verb: str, what: Any = None) -> None:
        real(self, verb, what)
        if not once:
            once.append(1)
            outbox.touch(Topic.STOCK, [(connection.pk, 1), (connection.pk, 9)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeShop, "begin", change)
        dispatcher.dispatch(connection.pk, "stock")
    sent = [external_id for _verb, what in shop.calls for external_id, _quantity in what]
    assert (sent.count("1"), sent.count("9"), sent.count("2")) == (2, 1, 1)
    assert not OutboxMessage.objects.unsent().exists()


def test_a_topic_that_no_app_tells_any_more_parks_and_keeps_nothing_else(
    shop: FakeShop, ahead: Ahead
) -> None:
    connection = store()
    outbox.touch(Topic.PRICE, [(connection.pk, 1)])
    outbox._handlers.pop(Topic.PRICE, None)
    waiting(connection, 2)
    OutboxMessage.objects.filter(topic="price").update(priority=1)
    dispatcher.dispatch(connection.pk, "stock")
    [parked] = OutboxMessage.objects.parked()
    assert parked.topic == "price"
    assert len(shop.stock) == 2


def test_one_that_cannot_be_read_parks_alone(shop: FakeShop, ahead: Ahead) -> None:
    connection = store()
    ahead.unreadable = True
    waiting(connection, 3)
    dispatcher.dispatch(connection.pk, "stock")
    assert len(shop.stock) == 3  # read alone, each of them could be


def test_a_worker_that_dies_in_a_claim_is_followed_batch_by_batch_then_one_by_one(
    shop: FakeShop, ahead: Ahead
) -> None:
    connection = store()
    waiting(connection, 15)
    ahead.dies_at = {11}
    for _death in range(3):
        with pytest.raises(KeyboardInterrupt):
            dispatcher.dispatch(connection.pk, "stock")
        past = timezone.now() - timedelta(seconds=1)
        OutboxMessage.objects.filter(lease_until__isnull=False).update(lease_until=past)
    dispatcher.dispatch(connection.pk, "stock")

    # 10 to 15 were in its hands: 10 to 12 go together once more, then alone; 13 to 15 together
    assert calls(shop) == [3, 3, 3, 1, 1, 3]
    [parked] = OutboxMessage.objects.parked()
    assert (parked.subject, parked.last_error[:27]) == (11, "Failed: its worker was kill")
    assert set(map(int, shop.stock)) == set(range(1, 16)) - {11}
    assert OutboxMessage.objects.unsent().count() == 1


def test_the_statements_of_a_claim_do_not_grow_with_its_batches(
    shop: FakeShop, ahead: Ahead, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = store()
    monkeypatch.setattr(dispatcher, "lease", _whole(dispatcher.lease))
    counts = []
    for count in (30, 300):
        OutboxMessage.objects.all().delete()
        waiting(connection, count)
        with CaptureQueriesContext(
            database,
        ) as seen:
            dispatcher.dispatch(connection.pk, "stock")
        mine = [query["sql"] for query in seen if "outboxmessage" in query["sql"]]
        counts.append(len(mine))
    assert counts[0] == counts[1] <= 8


def _whole(lease: Any) -> Any:
    return lambda connection, lane, **options: lease(connection, lane, **{**options, "batches": 1000})


def test_a_store_makes_room_for_another_that_waits_for_a_worker(
    shop: FakeShop, ahead: Ahead, clock: Clock
) -> None:
    """With more stores than workers each would have its requests lie unused for most of a minute."""
    connection, other = store(), store("Other", where="shop-2")
    waiting(connection, 60)
    clock.per_call = 1.0
    assert dispatcher.dispatch(connection.pk, "stock") is False  # nobody else: to the end, 20 calls
    assert len(calls(shop)) == 20

    shop.calls.clear()
    waiting(connection, 60)
    enqueue._may_enqueue(f"drain:{other.pk}:stock")
    enqueue._may_enqueue(f"drain:{other.pk}:orders")
    with seats.seat(connection.pk, "stock") as seat:
        assert seat is not None
        assert dispatcher.dispatch(connection.pk, "stock", must_stop=seat.must_give_way) is True
    assert len(calls(shop)) == 5  # 1 and 2 within the first 3 s, the last claim of 2 to its end

    turn = locks.acquire(f"drain:{other.pk}:stock")
    assert turn is not None
    with seats.seat(connection.pk, "stock") as seat:
        assert seat is not None
        more = dispatcher.dispatch(connection.pk, "stock", must_stop=seat.must_give_way)
    assert more is False  # somebody works it


# ---------------------------------------------------------------- what must wait for the budget


@pytest.fixture
def rows(ahead: Ahead) -> None:
    class Price(Ahead):
        """Prices, as they come."""

    outbox.register_handler(Topic.PRICE, Price(ahead.clock))


def test_a_rank_that_must_wait_is_left_alone_and_a_higher_one_goes_on(
    shop: FakeShop, ahead: Ahead, rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prices may take no more; stock that comes meanwhile may, and nobody writes on every row that it waits."""
    connection = store()
    outbox.touch(Topic.PRICE, [(connection.pk, subject) for subject in range(1, 8)])
    kept: list[Any] = []
    monkeypatch.setattr(enqueue, "enqueue_at", lambda lane, when: kept.append((lane, when)))
    real = FakeShop.begin

    def nearly_empty(self: FakeShop, verb: str, what: Any = None) -> None:
        if rate_limit._reserve.get() > 0.1:
            waiting(connection, 2)
            raise rate_limit.empty(connection, 9.0)
        real(self, verb, what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeShop, "begin", nearly_empty)
        assert dispatcher.dispatch(connection.pk, "stock") is False
    assert calls(shop) == [2]
    prices = OutboxMessage.objects.filter(topic="price")
    assert [row.not_before is None for row in prices.order_by("pk")] == [False] + [True] * 6
    assert set(prices.values_list("attempts", "sent")) == {(0, 0)}
    connection.refresh_from_db()
    assert connection.blocked_until is None
    [(lane, when), *_more] = kept
    assert lane == "stock"
    assert 4 < (when - timezone.now()).total_seconds() <= 9


def test_a_long_wait_is_written_on_all_that_must_keep_it(shop: FakeShop, ahead: Ahead, clock: Clock) -> None:
    connection = store()
    waiting(connection, 7)
    shop.fail("push_stock", RateLimited("The hour is used up.", retry_after=600, scope="PUT"))
    assert dispatcher.dispatch(connection.pk, "stock") is False
    soon = timezone.now() + timedelta(seconds=590)
    assert OutboxMessage.objects.filter(not_before__gt=soon).count() == 7
    assert dispatcher.dispatch(connection.pk, "stock") is False
    assert len(calls(shop)) == 1


def test_a_passing_fault_waits_for_all_of_its_batch_in_one_statement(shop: FakeShop, ahead: Ahead) -> None:
    connection = store()
    waiting(connection, 3)
    shop.fail("push_stock", TemporaryError("No answer."))
    with CaptureQueriesContext(database) as seen:
        dispatcher.dispatch(connection.pk, "stock")
    written = [q["sql"] for q in seen if q["sql"].startswith('UPDATE "channels_outboxmessage"')]
    assert len([sql for sql in written if "No answer." in sql]) == 1
    assert set(OutboxMessage.objects.values_list("attempts", "last_error")) == {(1, "No answer.")}


@pytest.mark.parametrize(
    ("error", "is_patient"),
    [
        (RateLimited("The hour is used up.", retry_after=600, scope="PUT"), True),
        (TemporaryError("No answer."), False),
    ],
)
def test_a_sync_by_hand_waits_for_requests_as_long_as_it_takes_and_not_so_for_faults(
    shop: FakeShop, ahead: Ahead, error: Exception, is_patient: bool
) -> None:
    connection = store()
    outbox.register_subjects(Topic.STOCK, lambda _store, _skus: [1, 2])
    job = push_jobs.ask_push(connection=connection, topic=Topic.STOCK)
    shop.fail("push_stock", error)
    for _look in range(push_jobs.MAX_CHECKS + 2):
        Job.objects.update(not_before=None)
        jobs.work(job.pk)
    job.refresh_from_db()
    assert job.is_live is is_patient
    if is_patient:
        assert job.not_before is not None
        assert (
            50 < (job.not_before - timezone.now()).total_seconds() <= 60
        )  # looks once a minute, for its bar
        OutboxMessage.objects.update(not_before=None)
        Job.objects.update(not_before=None)
        jobs.work(job.pk)
        job.refresh_from_db()
    assert job.state == "done"
    assert job.result["sent"] == (2 if is_patient else 0)
