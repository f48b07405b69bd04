# long because: the life of a store, one rule a test.
"""The life of a store: connecting, the first sync and its report, pausing, reconnecting, leaving."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from channels.contract.errors import AuthError, Rejected, TemporaryError
from channels.contract.records.orders import FulfilmentEvent, RemoteState, StatusRecord
from channels.models import Budget, Connection, OutboxMessage, StatusMapEntry, SyncRun, SyncStream
from channels.pull import runner
from channels.stores import connect as stores_connect
from channels.stores import first_sync, services, status_map, webhooks
from channels.stores.health import freshness
from oms.kit.background import jobs
from oms.kit.models import Job
from tests.channels.conftest import Shelf
from tests.channels.fakes import SHOPS, FakeShop, order, product, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine", "rings")]


def connect(name: str = "My shop", key: str = "right-key-0001", **credentials: str) -> Connection:
    return stores_connect.connect(channel="fake", name=name, credentials={"key": key, **credentials})


@pytest.mark.req("R-CONN-06")
def test_a_right_key_makes_a_store_with_streams_budget_and_status_map(shop: FakeShop) -> None:
    shop.fail("register_webhooks")
    connection = connect()

    assert (connection.state, connection.is_read_only, connection.currency) == ("active", True, "GBP")
    assert connection.time_zone == "Europe/Paris"
    assert shop.verbs() == ["verify", "pull_statuses"]
    streams = dict(connection.streams.values_list("name", "period"))
    assert streams == {
        "statuses": 21600,
        "categories": 21600,
        "products": None,
        "orders.new": 300,
        "orders.changed": 1800,
        "orders.history": None,
    }
    assert Budget.objects.get(pk=connection.pk).capacity == 1000
    entries = status_map.status_map(connection)
    assert {key: (e.name, str(e.remote_state), e.events) for key, e in entries.items()} == {
        "1": ("Pending", "new", ()),
        "3": ("Shipped", "shipped", (FulfilmentEvent.SHIPPED,)),
        "77": ("Invented", "unknown", ()),
    }
    job = first_sync.latest(connection)
    assert job is not None
    assert job.state == "waiting"


@pytest.mark.req("R-CONN-06")
@pytest.mark.parametrize(
    ("credentials", "message", "field"),
    [
        ({"key": "wrong"}, "The key is wrong: copy it again from the shop.", "key"),
        ({"key": "  "}, "“Secret key” is missing.", "key"),
        (
            {"key": "right-key-0001", "address": "not a shop"},
            "“not a shop” is not the address of a store. Example: https://shop.example.com.",
            "address",
        ),
    ],
)
def test_wrong_credentials_are_one_sentence_and_nothing_is_stored(
    shop: FakeShop, credentials: dict[str, str], message: str, field: str
) -> None:
    with pytest.raises(stores_connect.StoreError) as caught:
        stores_connect.connect(channel="fake", name="My shop", credentials=credentials)
    assert (str(caught.value), caught.value.field) == (message, field)
    for model in (Connection, SyncStream, Budget, StatusMapEntry, Job):
        assert model._default_manager.count() == 0


@pytest.mark.parametrize(
    "error", [TemporaryError("The shop cannot be reached."), Rejected("The extension is missing (404).")]
)
def test_a_shop_that_does_not_answer_rightly_is_one_sentence_and_nothing_is_stored(
    shop: FakeShop, error: Exception
) -> None:
    shop.fail("verify", error)
    with pytest.raises(stores_connect.StoreError, match=f"^{error.args[0][:15]}"):
        connect()
    assert Connection.objects.count() == 0


@pytest.mark.req("R-CONN-07")
def test_the_same_account_is_refused_naming_the_store_that_has_it(shop: FakeShop) -> None:
    connect("First")
    shop.key = "other-key-0002"  # not by equal keys: by the account
    with pytest.raises(stores_connect.StoreError, match=r"already connected as “First”"):
        connect("Second", key="other-key-0002")
    assert Connection.objects.count() == 1


def test_a_name_is_used_once(shop: FakeShop) -> None:
    connect("My shop")
    SHOPS["shop-2"] = FakeShop(identity="shop-2")
    with pytest.raises(stores_connect.StoreError) as caught:
        connect("My shop", where="shop-2")
    assert caught.value.field == "name"


@pytest.mark.req("R-CONN-09")
def test_several_stores_of_one_channel_stand_side_by_side(shop: FakeShop) -> None:
    SHOPS["shop-2"] = FakeShop(identity="shop-2")
    connect("One")
    connect("Two", where="shop-2")
    assert list(Connection.objects.values_list("name", flat=True)) == ["One", "Two"]


@pytest.mark.req("R-CONN-07")
@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_two_people_who_connect_one_account_at_once_make_one_store(shop: FakeShop) -> None:
    gate = threading.Barrier(4)
    said: list[str] = []

    def work(number: int) -> None:
        try:
            gate.wait(10)
            connect(f"Store {number}")
            said.append("made")
        except stores_connect.StoreError as error:
            said.append(str(error)[:31])
        finally:
            database.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Connection.objects.count() == 1
    assert sorted(said) == ["This account is already connecte"[:31]] * 3 + ["made"]


# ---------------------------------------------------------------- first sync


def work(job: Job) -> Job:
    return jobs.run_here(job)


@pytest.mark.req("R-CONN-08", "R-ORD-05")
def test_the_first_sync_reads_everything_in_order_and_reports(
    shop: FakeShop, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    shop.products = [product(f"p{n}") for n in range(3)]
    shop.orders = [order("new", now - timedelta(days=89)), order("ancient", now - timedelta(days=91))]
    carriers: list[str] = []
    monkeypatch.setattr(first_sync, "_carrier_sinks", [lambda c, rows: len(carriers) or 1])
    monkeypatch.setattr(first_sync, "_sections", {"doubles": lambda c: {"count": 2}})
    connection = connect()
    job = first_sync.latest(connection)
    assert job is not None
    job = work(job)

    assert job.state == "done"
    assert list(dict.fromkeys(shop.verbs()[2:])) == [
        "register_webhooks", "pull_statuses", "pull_categories", "pull_products", "pull_orders", "pull_carriers",
    ]  # fmt: skip
    assert sorted(shelf.stored) == ["new", "p0", "p1", "p2"]
    report = job.result
    assert report["summary"] == "3 products; 1 orders of the last 90 days."
    assert report["phases"]["products"]["new"] == 3
    assert report["phases"]["carriers"] == {"new": 1}
    assert report["sections"] == {"doubles": {"count": 2}}
    assert report["warnings"] == []
    assert {run.trigger for run in SyncRun.objects.all()} == {"first"}
    due = SyncStream.objects.get(connection=connection, name="orders.new")
    assert due.due_at is not None
    assert due.due_at <= timezone.now()  # the regular pulls begin
    connection.refresh_from_db()
    assert connection.webhooks_at is not None
    assert shop.webhook_urls == [f"http://127.0.0.1:9/hooks/fake/{connection.pk}/"]


@pytest.mark.req("R-CONN-08")
def test_a_store_with_no_products_says_so(shop: FakeShop, shelf: Shelf) -> None:
    job = first_sync.latest(connect())
    assert job is not None
    job = work(job)
    assert job.result["summary"] == ("The store has no products; 0 orders of the last 90 days.")


def test_a_list_that_cannot_be_read_keeps_no_other_away_and_is_in_the_report(
    shop: FakeShop, shelf: Shelf
) -> None:
    shop.products = [product("p0")]
    shop.fail("pull_categories", Rejected("Categories are hidden."))
    shop.fail("register_webhooks", Rejected("That address cannot be reached."))
    connection = connect()
    job = first_sync.latest(connection)
    assert job is not None
    job = work(job)
    connection.refresh_from_db()

    assert (job.state, sorted(shelf.stored)) == ("done", ["p0"])
    assert job.result["warnings"][0] == "Categories: Categories are hidden."
    assert "That address cannot be reached." in job.result["warnings"][1]
    assert connection.webhooks_at is None  # tried again by the tick
    assert webhooks.register_webhooks(connection=connection) is True
    assert "webhook_warning" not in connection.account


def test_a_first_sync_that_was_killed_goes_on_where_it_was(
    shop: FakeShop, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.products = [product(f"p{n}") for n in range(5)]
    monkeypatch.setattr(runner, "SLICE_SECONDS", -1.0)
    job = first_sync.latest(connect())
    assert job is not None
    for _slice in range(3):
        jobs.work(job.pk)
    asked = len(shop.calls)
    job.refresh_from_db()
    assert job.data["phase_name"] == "products"
    assert job.done == 3 + 2  # statuses, and a page of products

    class Killed(BaseException):
        pass

    shop.fail("pull_products", Killed())  # type: ignore[arg-type]
    with pytest.raises(Killed):
        jobs.work(job.pk)
    assert jobs.work(job.pk) is False  # the dead worker's lease holds
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    job = work(job)

    assert job.state == "done"
    pages = [page for page in shelf.pages if page and page[0].startswith("p")]
    assert pages == [["p0", "p1"], ["p2", "p3"], ["p4"]]
    assert len(shop.calls) > asked
    assert SyncRun.objects.filter(stream="products").count() == 1


def test_a_first_sync_can_be_cancelled_and_leaves_no_run_open(
    shop: FakeShop, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.products = [product(f"p{n}") for n in range(5)]
    monkeypatch.setattr(runner, "SLICE_SECONDS", -1.0)
    connection = connect()
    job = first_sync.latest(connection)
    assert job is not None
    for _slice in range(4):
        jobs.work(job.pk)
    jobs.cancel(job=job)
    job = work(job)
    assert job.state == "cancelled"

    # The abandoned run is closed by whoever comes next.
    again = work(first_sync.start(connection=connection))
    assert again.pk != job.pk
    assert again.state == "done"
    assert SyncRun.objects.filter(state="running").count() == 0
    assert len([key for key in shelf.stored if key.startswith("p")]) == 5


def test_a_first_sync_stops_when_the_key_is_revoked(shop: FakeShop, shelf: Shelf) -> None:
    connection = connect()
    shop.fail("pull_products", AuthError("The key was revoked."))
    job = first_sync.latest(connection)
    assert job is not None
    job = work(job)
    assert (job.state, job.message) == ("failed", "The key was revoked.")
    assert not shelf.stored


@pytest.mark.req("R-CONN-08", "R-CONN-09")
def test_a_first_sync_that_a_dead_key_stopped_begins_again_with_the_new_one(
    shop: FakeShop, shelf: Shelf
) -> None:
    shop.products = [product("p0")]
    connection = connect()
    shop.fail("pull_products", AuthError("The key was revoked."))
    stopped = first_sync.latest(connection)
    assert stopped is not None
    assert work(stopped).state == "failed"
    connection.refresh_from_db()
    assert connection.state == "needs_seller"

    stores_connect.reconnect(connection=connection, credentials={})
    again = first_sync.latest(connection)
    assert again is not None
    assert again.pk != stopped.pk
    assert (work(again).state, sorted(shelf.stored)) == ("done", ["p0"])
    stores_connect.reconnect(connection=connection, credentials={})  # it went well: not once more
    assert first_sync.latest(connection) == again


def test_progress_has_a_rate_and_the_time_that_is_left() -> None:
    now = timezone.now()
    job = Job(
        kind="x", title="x", total=100, done=40, state="running", started_at=now - timedelta(seconds=20)
    )
    seen = jobs.progress(job)
    assert (seen.percent, round(seen.per_second), seen.seconds_left) == (40, 2, 30)
    job.total = None
    assert jobs.progress(job).percent is None
    job.state = "done"
    assert jobs.progress(job).percent == 100


# ---------------------------------------------------------------- pause, reconnect, disconnect


@pytest.mark.req("R-CONN-09")
def test_pausing_and_resuming_keeps_everything(shop: FakeShop, shelf: Shelf) -> None:
    connection = store()
    stream = connection.streams.get(name="orders.new")
    paused = services.pause(connection=connection, reason="Holidays")
    assert (paused.state, paused.state_reason) == ("paused", "Holidays")
    SyncStream.objects.filter(pk=stream.pk).update(due_at=timezone.now())
    assert runner.run_stream(stream.pk) is False

    resumed = services.resume(connection=connection)
    assert (resumed.state, resumed.state_reason) == ("active", "")
    runner.run_stream(stream.pk)
    assert "pull_orders" in shop.verbs()
    with pytest.raises(stores_connect.StoreError):
        services.resume(connection=connection)


@pytest.mark.req("R-CONN-09")
def test_new_credentials_must_open_the_same_account(shop: FakeShop) -> None:
    connection = connect()
    Connection.objects.update(state="needs_seller", state_reason="The key was revoked.")
    SHOPS["shop-2"] = FakeShop(identity="shop-2", key="second-key-02")
    with pytest.raises(stores_connect.StoreError, match="another account"):
        stores_connect.reconnect(
            connection=connection, credentials={"key": "second-key-02", "where": "shop-2"}
        )
    with pytest.raises(stores_connect.StoreError, match="key is wrong"):
        stores_connect.reconnect(connection=connection, credentials={"key": "wrong-key"})
    connection.refresh_from_db()
    assert connection.credentials["key"] == "right-key-0001"
    assert connection.state == "needs_seller"

    shop.key = "fresh-key-0003"
    mended = stores_connect.reconnect(connection=connection, credentials={"key": "fresh-key-0003"})
    mended.refresh_from_db()
    assert (mended.state, mended.state_reason, mended.credentials["key"]) == ("active", "", "fresh-key-0003")


@pytest.mark.req("R-CONN-09")
def test_a_disconnected_store_forgets_its_key_and_comes_back_with_its_history(
    shop: FakeShop, shelf: Shelf
) -> None:
    connection = connect("My shop")
    status_map.edit(connection=connection, external_id="77", remote_state="draft")
    job = first_sync.latest(connection)
    assert job is not None
    work(job)
    runs = SyncRun.objects.count()
    gone = services.disconnect(connection=connection)
    gone.refresh_from_db()
    assert (gone.state, dict(gone.credentials), dict(gone.webhook_secret)) == ("disconnected", {}, {})
    assert SyncRun.objects.count() == runs

    back = connect("Another name")
    assert (back.pk, back.name, back.state, back.is_read_only) == (connection.pk, "My shop", "active", True)
    assert status_map.status_map(back)["77"].remote_state == RemoteState.DRAFT
    assert Connection.objects.count() == 1
    assert SyncRun.objects.count() == runs


def test_credentials_are_stored_encrypted_and_printed_by_nobody(shop: FakeShop) -> None:
    connection = connect()
    with database.cursor() as cursor:
        cursor.execute("SELECT credentials FROM channels_connection")
        raw = bytes(cursor.fetchone()[0])
    assert b"right-key" not in raw
    assert "right-key" not in repr(connection.credentials)
    assert "right-key" not in repr(Connection.objects.get().__dict__)


# ---------------------------------------------------------------- status map, settings, freshness


def test_what_the_seller_edited_in_the_status_map_survives_the_next_pull(shop: FakeShop) -> None:
    connection = store()
    status_map.edit(connection=connection, external_id="1", remote_state="unpaid", events=["shipped"])
    shop.statuses = [StatusRecord("1", "Renamed", True), StatusRecord("5", "Complete")]
    counts = status_map.merge(connection=connection, records=shop.statuses)

    entries = status_map.status_map(connection)
    assert (counts.new, counts.changed, counts.same) == (1, 1, 0)
    assert (entries["1"].name, str(entries["1"].remote_state), entries["1"].holds_stock) == (
        "Renamed", "unpaid", True,
    )  # fmt: skip
    assert entries["1"].events == (FulfilmentEvent.SHIPPED,)
    assert entries["3"].events == ()  # an event is written for one status
    assert entries["5"].events == (FulfilmentEvent.COMPLETED,)
    assert status_map.native_for(entries.values(), FulfilmentEvent.SHIPPED) == "1"
    assert "3" in entries  # gone on the channel, still on orders


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"external_id": "99"}, "has no status 99"),
        ({"external_id": "1", "remote_state": "lost"}, "“lost” is not a Manifold status"),
        ({"external_id": "1", "events": ["danced"]}, "“danced” is not an event"),
        ({"external_id": "1", "events": ["delivered"]}, "“delivered” cannot be sent to Fake"),
    ],
)
def test_a_wrong_edit_of_the_map_is_one_sentence_and_changes_nothing(
    shop: FakeShop, fields: dict[str, Any], message: str
) -> None:
    connection = store()
    before = status_map.status_map(connection)
    with pytest.raises(status_map.StatusMapError, match=message):
        status_map.edit(connection=connection, **fields)
    assert status_map.status_map(connection) == before


@pytest.mark.parametrize(
    "options", [{"unheard": True}, {"gift": "yes"}, {"rule": "c"}, {"days": -1}, {"days": True}]
)
def test_a_wrong_setting_is_refused(shop: FakeShop, options: dict[str, Any]) -> None:
    connection = store()
    with pytest.raises(stores_connect.StoreError):
        services.change_settings(connection=connection, options=options)
    connection.refresh_from_db()
    assert connection.options == {}


def test_settings_are_kept_beside_each_other(shop: FakeShop) -> None:
    connection = store()
    services.change_settings(connection=connection, options={"gift": True})
    changed = services.change_settings(connection=connection, name="Renamed", options={"days": 7})
    assert (changed.name, changed.options, changed.option("rule")) == (
        "Renamed",
        {"gift": True, "days": 7},
        "a",
    )


@pytest.mark.req("R-USE-04")
def test_a_streams_period_can_be_changed_and_it_can_be_switched_off(shop: FakeShop) -> None:
    stream = store().streams.get(name="orders.new")
    with pytest.raises(stores_connect.StoreError):
        services.change_stream(stream=stream, period=59)
    changed = services.change_stream(stream=stream, period=60)
    assert changed.due_at is not None
    assert changed.due_at <= timezone.now() + timedelta(seconds=60)
    assert services.change_stream(stream=stream, is_on=False).is_on is False


def test_freshness_measures_each_stream_against_its_period_and_two_minutes(shop: FakeShop) -> None:
    connection = store()
    now = timezone.now()
    SyncStream.objects.filter(name="orders.new").update(completed_at=now - timedelta(minutes=8))
    SyncStream.objects.filter(name="orders.changed").update(completed_at=now - timedelta(minutes=31))
    OutboxMessage.objects.create(
        connection=connection, kind="state", topic="stock", lane="stock", subject=1,
        changed_at=now - timedelta(seconds=70), waiting_since=now - timedelta(seconds=70),
    )  # fmt: skip
    lines = {line.name: line for line in freshness.freshness(connection).lines}

    assert lines["orders.new"].target == timedelta(minutes=7)
    assert lines["orders.new"].is_late is True
    assert lines["orders.changed"].is_late is False
    assert lines["products"].is_off is True
    assert lines["push.stock"].is_late is True
    assert {line.name for _store, line in freshness.late_lines()} == {"orders.new", "push.stock"}

    services.pause(connection=connection)
    assert freshness.late_lines() == []
