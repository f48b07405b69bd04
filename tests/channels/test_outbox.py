# long because: the rules of the outbox, one a test.
"""What channels are told: coalescing, order, leases, doubt, back-off, parking, read-only."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import AuthError, NotSupported, RateLimited, Rejected, TemporaryError, Uncertain
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.updates import Outcome, StockUpdate
from channels.models import Connection, OutboxMessage
from channels.push import dispatcher, outbox, preview
from channels.push.outbox import PlanLine
from channels.push.topics import Topic
from channels.stores import services
from channels.workers import enqueue, locks
from tests.channels.fakes import SHOPS, FakeShop, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine", "rings")]


class StockHandler:
    """Shows `truth[subject]`, read when it runs; `during` is called once while the send is under way."""

    def __init__(self) -> None:
        self.truth: dict[int, int] = {}
        self.during: list[Any] = []
        self.batches: list[list[int]] = []
        self.doubts: list[bool] = []

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        self.batches.append([message.subject for message in messages])
        self.doubts.extend(message.is_uncertain for message in messages)
        updates = [
            StockUpdate(str(m.pk), "", str(m.subject), f"SKU-{m.subject}", self.truth.get(m.subject, 0))
            for m in messages
        ]
        if self.during:
            self.during.pop(0)()
        return adapter.push_stock(updates)

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        return [
            PlanLine(m.pk, f"SKU-{m.subject}", "0", str(self.truth.get(m.subject, 0)), "a sale")
            for m in messages
        ]


class EventHandler:
    """Tells an event once: in doubt it looks at the shop first."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: Any
    ) -> Sequence[Outcome]:
        outcomes = []
        for message in messages:
            what = (message.topic, message.key)
            if not (message.is_uncertain and what in adapter.shop.told):
                adapter.tell(*what)
            outcomes.append(Outcome(str(message.pk)))
        return outcomes

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        return [PlanLine(m.pk, f"Order {m.group}", "", m.topic, "packed here") for m in messages]


@pytest.fixture
def stock() -> StockHandler:
    handler = StockHandler()
    outbox.register_handler(Topic.STOCK, handler)
    return handler


@pytest.fixture
def events() -> EventHandler:
    handler = EventHandler()
    for event in FulfilmentEvent:
        outbox.register_handler(event, handler)
    return handler


def touch(connection: Connection, *subjects: int) -> None:
    outbox.touch(Topic.STOCK, [(connection.pk, subject) for subject in subjects])


def tell(connection: Connection, group: int, topic: str = "shipped", key: str = "") -> OutboxMessage:
    return outbox.enqueue_event(
        connection=connection, topic=topic, subject=group, group=group, key=key or f"{group}:{topic}"
    )


def state(message: OutboxMessage | None = None) -> tuple[int, int, bool]:
    row = OutboxMessage.objects.get(pk=message.pk) if message else OutboxMessage.objects.get()
    return row.wanted, row.sent, row.parked_at is not None


# ---------------------------------------------------------------- writing


def test_changes_of_one_thing_are_one_row_that_counts_them(shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    touch(connection, 7)
    touch(connection, 7, 7, 8)

    rows = OutboxMessage.objects.order_by("subject").values_list("subject", "wanted", "sent", "lane")
    assert list(rows) == [(7, 2, 0, "stock"), (8, 1, 0, "stock")]


def test_a_thousand_changes_are_written_in_two_statements(
    shop: FakeShop, stock: StockHandler, django_assert_max_num_queries: Any
) -> None:
    connection = store()
    with django_assert_max_num_queries(4):  # with the two of this test's savepoint
        outbox.touch(Topic.STOCK, [(connection.pk, subject) for subject in range(1000)])
    assert OutboxMessage.objects.count() == 1000


def test_one_transaction_wakes_once_per_store_and_lane_and_only_after_its_commit(
    shop: FakeShop, stock: StockHandler, rings: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    one, two = store(), store("Two", where="shop-2")
    with django_capture_on_commit_callbacks(execute=True):
        touch(one, 1)
        touch(one, 2)
        touch(two, 1)
        tell(one, 5)
        assert rings == []
    assert sorted(rings) == [
        ("drain", one.pk, "orders"),
        ("drain", one.pk, "stock"),
        ("drain", two.pk, "stock"),
    ]


def test_a_wake_up_is_not_sent_again_until_somebody_answers_or_a_minute_passes(
    shop: FakeShop, stock: StockHandler, rings: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    from channels.models import WakeUp

    connection = store()
    ring = ("drain", connection.pk, "stock")

    def change() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            touch(connection, 1)

    change()
    change()
    assert rings == [ring]
    dispatcher.dispatch(connection.pk, "stock")
    change()
    assert rings == [ring, ring]
    WakeUp.objects.update(asked_at=timezone.now() - timedelta(seconds=61))  # that ring was lost
    change()
    assert rings == [ring, ring, ring]


def test_a_rolled_back_change_leaves_no_message_and_no_ring(
    shop: FakeShop, stock: StockHandler, rings: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    connection = store()
    with (  # noqa: PT012
        django_capture_on_commit_callbacks(execute=True),
        pytest.raises(RuntimeError),
        transaction.atomic(),
    ):
        touch(connection, 1)
        raise RuntimeError("the order could not be stored")
    assert (OutboxMessage.objects.count(), rings) == (0, [])


def test_disconnected_stores_and_stores_that_cannot_be_sent_to_are_left_out(
    shop: FakeShop, stock: StockHandler
) -> None:
    gone = store(state=Connection.State.DISCONNECTED)
    SHOPS["shop-2"] = FakeShop(identity="shop-2")
    deaf = store("Deaf", where="shop-2", account={"offered": {"push_stock": "This plan has no stock API."}})

    assert outbox.touch(Topic.STOCK, [(gone.pk, 1), (deaf.pk, 1)]) == 0
    assert OutboxMessage.objects.count() == 0


def test_an_event_with_the_same_key_is_the_same_message(shop: FakeShop, events: EventHandler) -> None:
    connection = store()
    first, second = tell(connection, 5), tell(connection, 5)

    assert first.pk == second.pk
    assert OutboxMessage.objects.count() == 1


def test_an_event_that_the_channel_does_not_take_is_refused_with_its_reason(
    shop: FakeShop, events: EventHandler
) -> None:
    with pytest.raises(NotSupported, match=r"^The fake channel has no push_delivered\.$"):
        tell(store(), 5, "delivered")
    assert OutboxMessage.objects.count() == 0


# ---------------------------------------------------------------- sending


def test_what_is_due_is_sent_in_the_channels_batches_with_the_truth_of_the_moment(
    shop: FakeShop, stock: StockHandler
) -> None:
    connection = store()
    touch(connection, 1, 2, 3, 4)
    touch(connection, 1)
    stock.truth = {1: 10, 2: 20, 3: 30, 4: 40}

    assert dispatcher.dispatch(connection.pk, "stock") is False

    assert stock.batches == [[1, 2, 3], [4]]
    assert shop.stock == {"1": 10, "2": 20, "3": 30, "4": 40}
    assert OutboxMessage.objects.unsent().count() == 0
    assert OutboxMessage.objects.get(subject=1).sent == 2  # both changes, one send


def test_a_change_during_a_send_is_neither_lost_nor_doubled(shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    touch(connection, 1)
    stock.truth[1] = 5

    def sale() -> None:
        stock.truth[1] = 4
        touch(connection, 1)

    stock.during.append(sale)
    assert dispatcher.dispatch(connection.pk, "stock"), "the sale is due, for the next slice"
    assert not dispatcher.dispatch(connection.pk, "stock")

    assert shop.stock == {"1": 4}
    assert stock.batches == [[1], [1]]
    assert state() == (2, 2, False)


def test_one_items_refusal_parks_it_with_the_channels_words_and_never_its_neighbours(
    shop: FakeShop, stock: StockHandler
) -> None:
    connection = store()
    shop.refuse_stock_of = {"2"}
    touch(connection, 1, 2, 3)
    dispatcher.dispatch(connection.pk, "stock")

    parked = OutboxMessage.objects.parked().get()
    assert (parked.subject, parked.last_error) == (2, "This product has no stock field.")
    assert shop.stock == {"1": 0, "3": 0}
    assert dispatcher.dispatch(connection.pk, "stock") is False
    assert len(stock.batches) == 1  # a parked one is not tried again by itself


def test_a_call_refused_as_a_whole_is_halved_until_the_guilty_one_stands_alone(
    shop: FakeShop, stock: StockHandler, caplog: pytest.LogCaptureFixture
) -> None:
    connection = store()
    touch(connection, 1, 2, 3)
    original = StockHandler.send

    def picky(self: StockHandler, conn: Any, messages: Any, adapter: Any) -> Any:
        if any(message.subject == 3 for message in messages):
            raise KeyError("no such listing")
        return original(self, conn, messages, adapter)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StockHandler, "send", picky)
        dispatcher.dispatch(connection.pk, "stock")

    parked = OutboxMessage.objects.parked().get()
    assert (parked.subject, parked.last_error) == (3, "Internal error: KeyError: 'no such listing'")
    assert shop.stock == {"1": 0, "2": 0}
    assert "Traceback" in caplog.text


def test_a_parked_message_is_due_again_when_its_thing_changes_or_somebody_says_so(
    shop: FakeShop, stock: StockHandler
) -> None:
    connection = store()
    shop.refuse_stock_of = {"1", "2"}
    touch(connection, 1, 2)
    dispatcher.dispatch(connection.pk, "stock")
    shop.refuse_stock_of = set()

    touch(connection, 1)
    two = OutboxMessage.objects.get(subject=2)
    assert services.retry(messages=[two.pk]) == 1
    dispatcher.dispatch(connection.pk, "stock")

    assert shop.stock == {"1": 0, "2": 0}
    assert OutboxMessage.objects.unsent().count() == 0


def test_a_skipped_message_is_never_sent_until_its_thing_changes(shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    touch(connection, 1)
    assert services.skip(messages=[OutboxMessage.objects.get().pk]) == 1
    dispatcher.dispatch(connection.pk, "stock")
    assert shop.stock == {}

    touch(connection, 1)
    dispatcher.dispatch(connection.pk, "stock")
    assert shop.stock == {"1": 0}


def test_a_passing_fault_doubles_the_wait_and_parks_at_the_tenth(shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    touch(connection, 1)
    waits = []
    for _attempt in range(10):
        shop.fail("push_stock", TemporaryError("The shop fell over."))
        OutboxMessage.objects.update(not_before=None)
        dispatcher.dispatch(connection.pk, "stock")
        row = OutboxMessage.objects.get()
        waits.append(round((row.not_before - timezone.now()).total_seconds()) if row.not_before else None)

    assert waits[:4] == [15, 30, 60, 120]
    assert waits[8] == 3600
    assert (row.attempts, row.parked_at is not None, row.last_error) == (10, True, "The shop fell over.")
    assert row.is_uncertain is False  # it certainly was not done


def test_a_change_does_not_cut_a_wait_short(shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    touch(connection, 1)
    shop.fail("push_stock", TemporaryError("The shop fell over."))
    dispatcher.dispatch(connection.pk, "stock")
    touch(connection, 1)

    assert dispatcher.dispatch(connection.pk, "stock") is False
    assert len(stock.batches) == 1


def test_a_dead_shop_is_left_after_three_batches_without_an_answer(
    shop: FakeShop, stock: StockHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = store()
    touch(connection, *range(30))
    shop.fail("push_stock", *[TemporaryError("No answer.") for _ in range(9)])
    called: list[Any] = []
    monkeypatch.setattr(enqueue, "enqueue_at", lambda lane, when: called.append((lane, when)))
    assert not dispatcher.dispatch(connection.pk, "stock"), "nobody is rung for the rest at once"
    assert len(stock.batches) == 3
    assert OutboxMessage.objects.due().count() == 30 - 3 * len(stock.batches[0])
    [(lane, when)] = called
    assert (lane, 25 < (when - timezone.now()).total_seconds() <= 30) == ("stock", True)
    connection.refresh_from_db()
    assert connection.failure == "No answer."


def test_a_rate_limit_is_no_attempt_and_the_store_waits(shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    touch(connection, 1)
    shop.fail("push_stock", RateLimited("Slow down.", retry_after=90))
    assert dispatcher.dispatch(connection.pk, "stock") is False

    row = OutboxMessage.objects.get()
    connection.refresh_from_db()
    assert (row.attempts, row.parked_at, row.not_before, row.lease_token) == (0, None, None, "")
    assert connection.blocked_until is not None
    dispatcher.dispatch(connection.pk, "stock")
    assert len(stock.batches) == 1


@pytest.mark.req("R-CONN-09")
def test_refused_credentials_keep_everything_waiting(shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    touch(connection, 1, 2, 3, 4)
    shop.fail("push_stock", AuthError("The key was revoked."))
    dispatcher.dispatch(connection.pk, "stock")

    connection.refresh_from_db()
    assert connection.state == "needs_seller"
    assert len(stock.batches) == 1
    assert OutboxMessage.objects.waiting().count() == 4
    assert set(OutboxMessage.objects.values_list("attempts", "parked_at")) == {(0, None)}


def test_more_urgent_things_leave_first(shop: FakeShop, stock: StockHandler) -> None:
    outbox.register_handler(Topic.PRICE, stock)
    connection = store()
    outbox.touch(Topic.PRICE, [(connection.pk, 1)])
    touch(connection, 2)
    dispatcher.dispatch(connection.pk, "stock")
    assert stock.batches == [[2], [1]]


# ---------------------------------------------------------------- order of events


def test_events_of_one_order_leave_in_order_and_a_parked_one_holds_back_only_its_own(
    shop: FakeShop, events: EventHandler
) -> None:
    connection = store()
    tell(connection, 1, "ready_to_ship")
    tell(connection, 1, "shipped")
    tell(connection, 2, "ready_to_ship")
    tell(connection, 2, "shipped")
    shop.fail("tell", Rejected("Order 1 is on hold in the shop."))
    dispatcher.dispatch(connection.pk, "orders")

    assert shop.told == [("ready_to_ship", "2:ready_to_ship"), ("shipped", "2:shipped")]
    parked = OutboxMessage.objects.parked().get()
    services.retry(messages=[parked.pk])
    dispatcher.dispatch(connection.pk, "orders")
    assert shop.told[2:] == [("ready_to_ship", "1:ready_to_ship"), ("shipped", "1:shipped")]


def test_an_event_that_waits_holds_back_the_later_one_of_its_order(
    shop: FakeShop, events: EventHandler
) -> None:
    connection = store()
    tell(connection, 1, "ready_to_ship")
    tell(connection, 1, "shipped")
    shop.fail("tell", TemporaryError("No answer."))
    dispatcher.dispatch(connection.pk, "orders")
    assert shop.told == []
    OutboxMessage.objects.update(not_before=None)
    dispatcher.dispatch(connection.pk, "orders")
    assert [what for what, _ref in shop.told] == ["ready_to_ship", "shipped"]


def test_a_skipped_event_lets_the_next_of_its_order_go(shop: FakeShop, events: EventHandler) -> None:
    connection = store()
    first = tell(connection, 1, "ready_to_ship")
    tell(connection, 1, "shipped")
    services.skip(messages=[first.pk])
    dispatcher.dispatch(connection.pk, "orders")
    assert [what for what, _ref in shop.told] == ["shipped"]


# ---------------------------------------------------------------- doubt


def test_what_may_have_been_done_is_looked_up_before_it_is_repeated(
    shop: FakeShop, events: EventHandler
) -> None:
    connection = store()
    tell(connection, 1)
    real = FakeShop.begin

    def answer_lost(self: FakeShop, verb: str, what: Any = None) -> None:
        real(self, verb, what)
        if verb == "tell":
            self.told.append(what)  # the work is done, the answer never comes
            raise Uncertain("No answer.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeShop, "begin", answer_lost)
        dispatcher.dispatch(connection.pk, "orders")
    row = OutboxMessage.objects.get()
    assert (row.is_uncertain, row.sent) == (True, 0)

    OutboxMessage.objects.update(not_before=None)
    dispatcher.dispatch(connection.pk, "orders")
    assert shop.told == [("shipped", "1:shipped")]
    row.refresh_from_db()
    assert (row.sent, row.is_uncertain) == (1, False)


def test_a_worker_killed_in_the_middle_leaves_a_counted_attempt_and_a_doubt(
    shop: FakeShop, stock: StockHandler
) -> None:
    connection = store()
    touch(connection, 1, 2)

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    stock.during.append(die)
    with pytest.raises(Killed):
        dispatcher.dispatch(connection.pk, "stock")
    rows = list(OutboxMessage.objects.all())
    assert [(row.attempts, row.lease_token != "") for row in rows] == [(1, True), (1, True)]
    assert dispatcher.dispatch(connection.pk, "stock") is False  # its lease still holds
    assert len(stock.batches) == 1

    OutboxMessage.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    stock.doubts.clear()
    dispatcher.dispatch(connection.pk, "stock")
    assert stock.batches[1:] == [[1], [2]]  # alone, so that a deadly one takes nobody along
    assert stock.doubts == [True, True]
    assert shop.stock == {"1": 0, "2": 0}


def test_a_message_that_kills_its_worker_three_times_is_parked(shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    touch(connection, 1)

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    for _death in range(3):
        stock.during.append(die)
        with pytest.raises(Killed):
            dispatcher.dispatch(connection.pk, "stock")
        OutboxMessage.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    dispatcher.dispatch(connection.pk, "stock")

    row = OutboxMessage.objects.get()
    assert row.parked_at is not None
    assert row.last_error.startswith("Failed: its worker was killed 3 times")
    assert len(stock.batches) == 3


def test_a_late_answer_of_a_worker_that_lost_its_lease_changes_nothing(
    shop: FakeShop, stock: StockHandler
) -> None:
    connection = store()
    touch(connection, 1)
    stock.during.append(lambda: OutboxMessage.objects.update(lease_token="another-worker"))
    dispatcher.dispatch(connection.pk, "stock")

    row = OutboxMessage.objects.get()
    assert (row.sent, row.lease_token) == (0, "another-worker")


def test_an_item_that_the_channel_says_nothing_about_is_in_doubt(
    shop: FakeShop, stock: StockHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = store()
    touch(connection, 1, 2)
    original = StockHandler.send
    monkeypatch.setattr(StockHandler, "send", lambda *args: list(original(*args))[:1])
    dispatcher.dispatch(connection.pk, "stock")

    rows = dict(OutboxMessage.objects.values_list("subject", "sent"))
    assert rows == {1: 1, 2: 0}
    assert OutboxMessage.objects.get(subject=2).is_uncertain is True


def test_a_second_worker_on_the_same_store_and_lane_leaves_at_once(
    shop: FakeShop, stock: StockHandler
) -> None:
    connection, other = store(), store("Other", where="shop-2")
    touch(connection, 1)
    touch(other, 1)
    turn = locks.acquire(f"drain:{connection.pk}:stock")
    assert turn is not None

    assert dispatcher.dispatch(connection.pk, "stock") is False
    dispatcher.dispatch(other.pk, "stock")
    assert (shop.stock, SHOPS["shop-2"].stock) == ({}, {"1": 0})

    locks.release(f"drain:{connection.pk}:stock", turn)
    dispatcher.dispatch(connection.pk, "stock")
    assert shop.stock == {"1": 0}


# ---------------------------------------------------------------- read-only


def test_a_read_only_store_keeps_states_due_holds_events_and_sends_nothing(
    shop: FakeShop, stock: StockHandler, events: EventHandler, rings: list[Any],
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    connection = store(is_read_only=True)
    with django_capture_on_commit_callbacks(execute=True):
        touch(connection, 1)
        tell(connection, 9)
    assert rings == []
    for lane in enqueue.LANES:
        dispatcher.dispatch(connection.pk, lane)
    assert shop.calls == []
    assert OutboxMessage.objects.waiting().count() == 2
    held = OutboxMessage.objects.held().get()
    assert held.topic == "shipped"


def test_at_switch_on_states_go_out_and_the_seller_sends_or_skips_each_event(
    shop: FakeShop, stock: StockHandler, events: EventHandler
) -> None:
    connection = store(is_read_only=True)
    touch(connection, 1)
    one, two, three = tell(connection, 1), tell(connection, 2), tell(connection, 3)
    connection = services.switch_on(connection=connection)
    assert connection.pushing_since is not None
    for lane in enqueue.LANES:
        dispatcher.dispatch(connection.pk, lane)
    assert (shop.stock, shop.told) == ({"1": 0}, [])

    assert services.send_held(messages=[one.pk]) == 1
    assert services.skip(messages=[two.pk]) == 1
    dispatcher.dispatch(connection.pk, "orders")
    assert shop.told == [("shipped", "1:shipped")]
    assert [row.pk for row in OutboxMessage.objects.held()] == [three.pk]


def test_events_that_had_not_left_when_it_was_put_on_read_only_are_the_sellers_to_send_too(
    shop: FakeShop, stock: StockHandler, events: EventHandler
) -> None:
    """As after a restore, when what the shop was told long ago is still to be sent here."""
    connection = store()
    one, two = tell(connection, 1), tell(connection, 2)
    touch(connection, 1)
    OutboxMessage.objects.filter(pk=two.pk).update(lease_token="a worker's")

    services.set_read_only(connection=connection)
    services.switch_on(connection=connection)
    for lane in enqueue.LANES:
        dispatcher.dispatch(connection.pk, lane)

    assert [row.pk for row in OutboxMessage.objects.held()] == [one.pk]
    assert shop.told == [("shipped", "2:shipped")]  # it was on its way
    assert shop.stock == {"1": 0}
    services.send_held(messages=[one.pk])
    dispatcher.dispatch(connection.pk, "orders")
    assert shop.told[1:] == [("shipped", "1:shipped")]


@pytest.mark.parametrize(
    "fields",
    [
        {"state": Connection.State.PAUSED},
        {"state": Connection.State.NEEDS_SELLER},
        {"blocked_until": timezone.now() + timedelta(hours=1)},
    ],
)
def test_nothing_is_sent_to_a_store_that_is_stopped(
    shop: FakeShop, stock: StockHandler, fields: dict[str, Any]
) -> None:
    connection = store(**fields)
    touch(connection, 1)
    assert dispatcher.dispatch(connection.pk, "stock") is False
    assert shop.calls == []
    assert state() == (1, 0, False)


def test_the_plan_says_old_new_and_why_and_can_be_exported(
    shop: FakeShop, stock: StockHandler, events: EventHandler
) -> None:
    connection = store(is_read_only=True)
    touch(connection, 1, 2)
    stock.truth = {1: 5, 2: 6}
    tell(connection, 9)

    lines = [(topic, line.what, line.old, line.new, line.why) for topic, line in preview.plan(connection)]
    assert lines == [
        ("shipped", "Order 9", "", "shipped", "packed here"),
        ("stock", "SKU-1", "0", "5", "a sale"),
        ("stock", "SKU-2", "0", "6", "a sale"),
    ]
    assert preview.counts(connection) == {"shipped": 1, "stock": 2}
    out = io.StringIO()
    assert preview.write_csv(connection, out, topics=["stock"]) == 2
    assert out.getvalue().splitlines() == [
        "Type,Subject,In the store,New value,Why",
        "stock,SKU-1,0,5,a sale",
        "stock,SKU-2,0,6,a sale",
    ]
    assert len(list(preview.plan(connection, limit=1))) == 1
    assert shop.calls == []


def test_what_changes_nothing_on_the_channel_is_counted_apart(
    shop: FakeShop, stock: StockHandler, events: EventHandler
) -> None:
    connection = store(is_read_only=True)
    touch(connection, 1, 2, 3)
    stock.truth = {1: 5, 2: 0, 3: 6}  # the shop shows 0 of each
    tell(connection, 9)

    found = preview.summary(connection)
    assert [(topic, line.what) for topic, line in found.lines] == [
        ("shipped", "Order 9"),
        ("stock", "SKU-1"),
        ("stock", "SKU-3"),
    ]
    assert (dict(found.changes), found.total, found.same, found.is_whole) == (
        {"shipped": 1, "stock": 2},
        3,
        1,
        True,
    )
    few = preview.summary(connection, topics=["stock"], show=1, limit=2)
    assert ([line.what for _topic, line in few.lines], few.total, few.same, few.is_whole) == (
        ["SKU-1"],
        1,
        1,
        False,
    )


def test_no_cell_of_the_exported_plan_is_a_formula(shop: FakeShop, stock: StockHandler) -> None:
    assert preview._cell("=HYPERLINK(1)") == "'=HYPERLINK(1)"
    assert preview._cell("-5") == "-5"


def test_everything_of_a_store_can_be_asked_for_again(shop: FakeShop, stock: StockHandler) -> None:
    connection = store()
    outbox.register_subjects(
        Topic.STOCK, lambda conn, skus: [1, 2, 3] if skus is None else [int(sku) for sku in skus]
    )
    assert outbox.touch_all(connection=connection, topic=Topic.STOCK) == 3
    assert outbox.touch_all(connection=connection, topic=Topic.STOCK, skus=["2"]) == 1
    rows = dict(OutboxMessage.objects.values_list("subject", "wanted"))
    assert rows == {1: 1, 2: 2, 3: 1}
    with pytest.raises(LookupError):
        outbox.touch_all(connection=connection, topic="smell")


def test_the_step_that_a_message_reached_is_kept_only_under_its_own_lease(
    shop: FakeShop, events: EventHandler
) -> None:
    connection = store()
    tell(connection, 1)
    batch = dispatcher.lease(connection, "orders")
    outbox.save_step(batch[0], "label made")
    assert OutboxMessage.objects.get().step == "label made"
    OutboxMessage.objects.update(lease_token="another-worker")
    outbox.save_step(batch[0], "too late")
    assert OutboxMessage.objects.get().step == "label made"


def test_retry_asks_a_shop_that_was_in_maintenance_at_once_and_one_that_asked_us_to_wait_not(
    shop: FakeShop, stock: StockHandler
) -> None:
    connection = store()
    touch(connection, 1)
    shop.fail("push_stock", TemporaryError("Closed for maintenance.", maintenance=True))
    dispatcher.dispatch(connection.pk, "stock")
    message = OutboxMessage.objects.get()
    connection.refresh_from_db()
    assert (connection.is_in_maintenance, connection.blocked_until is None) == (True, False)
    dispatcher.dispatch(connection.pk, "stock")
    assert len(stock.batches) == 1

    assert services.retry(messages=[message.pk]) == 1

    connection.refresh_from_db()
    assert connection.blocked_until is None
    dispatcher.dispatch(connection.pk, "stock")
    connection.refresh_from_db()
    assert (shop.stock, connection.is_in_maintenance, connection.failure) == ({"1": 0}, False, "")

    touch(connection, 2)
    shop.fail("push_stock", RateLimited("Slow down.", retry_after=90))
    dispatcher.dispatch(connection.pk, "stock")
    services.retry(messages=[OutboxMessage.objects.get(subject=2).pk])
    connection.refresh_from_db()
    assert connection.blocked_until is not None
