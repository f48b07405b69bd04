# long because: one short test an option and exit code of each command.
"""The store commands: what they do, what they print, how they end."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels.contract.errors import Rejected, TemporaryError
from channels.models import Connection, OutboxMessage, SyncRun, SyncStream
from channels.ops import cli
from channels.pull import runner
from channels.push import outbox
from channels.push.topics import Topic
from channels.stores import pull_jobs, services
from oms.kit import doctor
from oms.kit.background import jobs
from oms.kit.models import Job
from tests.channels.conftest import Shelf
from tests.channels.fakes import SHOPS, FakeShop, order, product, store
from tests.channels.test_outbox import StockHandler

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine", "rings")]


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, Any]:
    """(exit code, what `--json` printed)."""
    code = 0
    try:
        call_command(*args, "--json")
    except SystemExit as end:
        code = int(end.code or 0)
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def stock(engine: None) -> StockHandler:
    handler = StockHandler()
    outbox.register_handler(Topic.STOCK, handler)
    outbox.register_subjects(Topic.STOCK, lambda conn, skus: [int(s) for s in skus] if skus else [1, 2])
    return handler


# ---------------------------------------------------------------- sync_orders


@pytest.mark.req("R-USE-03", "R-ORD-04")
def test_orders_of_a_period_of_a_status_and_by_number(
    shop: FakeShop, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = store(time_zone="Europe/Paris")
    paris = ZoneInfo("Europe/Paris")
    late = datetime(2026, 11, 3, 23, 30, tzinfo=paris)
    shop.orders = [
        order("1", late),
        order("2", datetime(2026, 11, 4, 0, 30, tzinfo=paris)),
        order("3", late, status_id="3"),
        order("9", datetime(2020, 1, 1, tzinfo=paris)),
    ]
    cursors = set(SyncStream.objects.values_list("name", "cursor_at"))

    period = ("sync_orders", "--store", "Fake shop", "--from", "2026-11-03", "--to", "2026-11-03")
    code, out = run(capsys, *period)
    assert (code, out["ok"], sorted(shelf.stored)) == (0, True, ["1", "3"])
    assert out["stores"][0]["new"] == 2

    shelf.stored.clear()
    assert run(capsys, *period, "--status", "3")[0] == 0
    assert sorted(shelf.stored) == ["3"]

    shelf.stored.clear()
    code, out = run(capsys, "sync_orders", "--store", str(connection.pk), "--number", "9")
    assert (code, sorted(shelf.stored)) == (0, ["9"])
    assert set(SyncStream.objects.values_list("name", "cursor_at")) == cursors  # by hand moves no cursor
    assert {run.trigger for run in SyncRun.objects.all()} == {"manual"}


def test_a_number_that_does_not_exist_is_a_refusal(
    shop: FakeShop, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    store()
    code, out = run(capsys, "sync_orders", "--store", "Fake shop", "--number", "404")
    assert code == 1
    assert out["stores"][0]["message"] == "1 of the requested records do not exist on the channel."


@pytest.mark.req("R-USE-03")
def test_a_dry_run_counts_and_stores_nothing(shop: FakeShop, capsys: pytest.CaptureFixture[str]) -> None:
    from channels.pull import streams
    from channels.pull.streams import Counts

    def sink(connection: Connection, records: Any, run: Any) -> Counts:
        Connection.objects.filter(pk=connection.pk).update(failure="written by the sink")
        return Counts(new=len(records))

    streams.register_sink("orders.history", sink)
    connection = store()
    shop.orders = [order(str(n), timezone.now() - timedelta(days=1)) for n in range(3)]
    code, out = run(capsys, "sync_orders", "--store", "Fake shop", "--dry-run")

    connection.refresh_from_db()
    assert (code, out["stores"][0]["new"], out["stores"][0]["dry_run"]) == (0, 3, True)
    assert connection.failure == ""
    assert SyncRun.objects.get().query["dry_run"] is True


def test_refused_records_end_with_1_and_a_dead_shop_with_2(
    shop: FakeShop, shelf: Shelf, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store()
    shop.orders = [order(str(n), timezone.now() - timedelta(days=1)) for n in range(2)]
    shelf.poison = {"1"}
    code, out = run(capsys, "sync_orders", "--store", "Fake shop")
    assert (code, out["stores"][0]["refused"], out["stores"][0]["new"]) == (1, 1, 1)

    monkeypatch.setattr(pull_jobs, "MAX_FAULTS", 0)
    shop.fail("pull_orders", TemporaryError("The shop cannot be reached."))
    code, out = run(capsys, "sync_orders", "--store", "Fake shop")
    assert (code, out["stores"][0]["message"]) == (2, "The shop cannot be reached.")
    shop.fail("pull_orders", Rejected("There is no status 5."))
    assert run(capsys, "sync_orders", "--store", "Fake shop")[0] == 2
    assert SyncRun.objects.filter(state="running").count() == 0


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--store", "Nobody"], "No store “Nobody”. Stores: Fake shop."),
        (["--number", "1", "--from", "2026-01-01"], "Use either --number, or --from, --to and --status."),
        (["--from", "yesterday"], "“yesterday” is not a date. Use 2026-11-30 or 2026-11-30T14:00."),
        (["--from", "2026-13-45"], "“2026-13-45” is not a date. Use 2026-11-30 or 2026-11-30T14:00."),
        (
            ["--from", "2026-02-02", "--to", "2026-01-01", "--store", "Fake shop"],
            "The period ends before it starts.",
        ),
        (["--number", " ", "--store", "Fake shop"], "Enter an order number."),
    ],
)
def test_bad_options_are_one_sentence_and_ask_nobody(
    shop: FakeShop, shelf: Shelf, capsys: pytest.CaptureFixture[str], args: list[str], words: str
) -> None:
    store()
    code, out = run(capsys, "sync_orders", *args)
    assert (code, out) == (2, {"ok": False, "error": words})
    assert shop.calls == []
    with pytest.raises(CommandError) as caught:
        call_command("sync_orders", *args)
    assert (str(caught.value), caught.value.returncode) == (words, 2)


def test_without_a_store_every_active_store_is_read(
    shop: FakeShop, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    SHOPS["shop-2"] = FakeShop(identity="shop-2", orders=[order("b", timezone.now() - timedelta(days=1))])
    shop.orders = [order("a", timezone.now() - timedelta(days=1))]
    store("A")
    store("B", where="shop-2")
    paused = store("C", where="shop-3")
    services.pause(connection=paused)
    code, out = run(capsys, "sync_orders")
    assert (code, [entry["store"] for entry in out["stores"]]) == (0, ["A", "B"])
    assert sorted(shelf.stored) == ["a", "b"]
    assert run(capsys, "sync_orders", "--store", "C") == (
        2, {"ok": False, "error": "C is paused: nothing is imported from it."},
    )  # fmt: skip


def test_without_any_store_it_says_what_to_do(engine: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "sync_products")[0] == 2


@pytest.mark.req("R-USE-03")
def test_products_all_or_by_id(shop: FakeShop, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    store()
    shop.products = [product(f"p{n}") for n in range(3)]
    assert run(capsys, "sync_products", "--store", "Fake shop", "--id", "p1")[0] == 0
    assert list(shelf.stored) == ["p1"]
    call_command("sync_products", "--store", "Fake shop")
    assert sorted(shelf.stored) == ["p0", "p1", "p2"]
    assert "Fake shop: 2 new, 1 changed, 0 unchanged, 0 rejected." in capsys.readouterr().out


# ---------------------------------------------------------------- by hand and by schedule


def test_a_run_by_hand_takes_the_place_of_a_waiting_scheduled_one_and_waits_for_a_working_one(
    shop: FakeShop, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = store()
    stream = connection.streams.get(name="orders.history")
    waiting = runner.start_run(stream)
    shop.orders = [order("1", timezone.now() - timedelta(days=1))]
    job = pull_jobs.ask_orders(connection=connection)
    taken = runner.take_stream(stream.pk, only_due=False)
    assert taken is not None
    assert jobs.work(job.pk) is False  # somebody works the stream
    job.refresh_from_db()
    assert job.not_before is not None
    assert shop.calls == []

    runner.release_stream(stream, taken[1])
    Job.objects.update(not_before=None)
    jobs.run_here(job)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error) == ("cancelled", "Replaced by a manual import.")
    assert list(shelf.stored) == ["1"]


def test_the_same_question_asked_twice_is_one_job(shop: FakeShop, shelf: Shelf) -> None:
    connection = store()
    first = pull_jobs.ask_orders(connection=connection)
    assert pull_jobs.ask_orders(connection=connection).pk == first.pk
    assert pull_jobs.ask_orders(connection=connection, numbers=["7"]).pk != first.pk


def test_a_pull_by_hand_can_be_cancelled_between_pages(
    shop: FakeShop, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = store()
    shop.orders = [order(str(n), timezone.now() - timedelta(days=1)) for n in range(9)]
    job = pull_jobs.ask_orders(connection=connection)
    real = Shelf.__call__

    def then_cancel(self: Shelf, *args: Any) -> Any:
        if len(self.pages) == 1:
            jobs.cancel(job=job)
        return real(self, *args)

    monkeypatch.setattr(Shelf, "__call__", then_cancel)
    done = jobs.run_here(job)
    assert done.state == "cancelled"
    assert len(shelf.stored) == 4  # what was read stays
    assert SyncRun.objects.get().state == "cancelled"


# ---------------------------------------------------------------- sync_stock, sync_prices


@pytest.mark.req("R-USE-03")
def test_stock_is_sent_again_whole_or_by_sku(
    shop: FakeShop, stock: StockHandler, capsys: pytest.CaptureFixture[str]
) -> None:
    store()
    stock.truth = {1: 4, 2: 5}
    code, out = run(capsys, "sync_stock", "--store", "Fake shop")
    assert (code, shop.stock, out["stores"][0]["sent"]) == (0, {"1": 4, "2": 5}, 2)
    stock.truth = {1: 9, 2: 9}
    run(capsys, "sync_stock", "--store", "Fake shop", "--sku", "2")
    assert shop.stock == {"1": 4, "2": 9}

    shop.refuse_stock_of = {"1"}
    code, out = run(capsys, "sync_stock", "--store", "Fake shop")
    assert (code, out["stores"][0]["parked"]) == (1, 1)


def test_a_dry_run_of_stock_shows_the_plan_also_of_a_read_only_store(
    shop: FakeShop, stock: StockHandler, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = store(is_read_only=True)
    stock.truth = {1: 4, 2: 5}
    with CaptureQueriesContext(database) as asked:
        code, out = run(capsys, "sync_stock", "--store", "Fake shop", "--dry-run")
    assert (code, out["stores"][0]["would_send"]) == (0, 2)
    # Not even for a moment: rows that are written and taken back keep everybody waiting meanwhile.
    written = [query["sql"] for query in asked if not query["sql"].startswith("SELECT")]
    assert [sql for sql in written if "channels_outboxmessage" in sql] == []
    assert out["stores"][0]["plan"][0] == {"what": "SKU-1", "old": "0", "new": "4", "why": "a sale"}
    assert (OutboxMessage.objects.count(), shop.calls) == (0, [])
    code, out = run(capsys, "sync_stock", "--store", "Fake shop")
    assert code == 2
    assert out["error"].startswith("Fake shop is read-only")
    assert connection.is_read_only


def test_prices_have_their_own_topic(
    shop: FakeShop, stock: StockHandler, capsys: pytest.CaptureFixture[str]
) -> None:
    outbox.register_handler(Topic.PRICE, stock)
    outbox.register_subjects(Topic.PRICE, lambda conn, skus: [7])
    store()
    assert run(capsys, "sync_prices", "--store", "Fake shop")[0] == 0
    assert OutboxMessage.objects.get().topic == "price"


# ---------------------------------------------------------------- connect_store, capabilities, doctor


@pytest.mark.req("R-CONN-06", "R-USE-03")
def test_a_store_is_connected_and_first_synced_from_a_terminal(
    shop: FakeShop, shelf: Shelf, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    shop.products = [product("p0")]
    secret = tmp_path / "key"
    secret.write_text("right-key-0001\n")
    base = ("connect_store", "fake", "--name", "Terminal")
    assert run(capsys, *base, "--key", "wrong") == (
        2, {"ok": False, "error": "The key is wrong: copy it again from the shop."},
    )  # fmt: skip
    code, out = run(capsys, *base, "--key", f"@{secret}", "--dry-run")
    assert (code, out["identity"], Connection.objects.count()) == (0, "shop-1", 0)

    code, out = run(capsys, *base, "--key", f"@{secret}")
    assert (code, out["ok"], out["read_only"], out["store"]) == (0, True, True, "Terminal")
    assert out["report"]["phases"]["products"]["new"] == 1
    assert run(capsys, *base, "--key", f"@{secret}")[1]["error"].startswith(
        "This account is already connected"
    )
    assert run(capsys, "connect_store", "nowhere")[0] == 2


@pytest.mark.req("R-CAT-13")
def test_capabilities_have_the_form_of_the_matrix(engine: None, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "capabilities", "--channel", "fake")
    assert code == 0
    assert out["fake"]["pull_brands"] == {
        "supported": False, "default": False, "reason": "The fake channel has no pull_brands.",
    }  # fmt: skip
    assert out["fake"]["push_stock"] == {"supported": True, "default": True}
    call_command("capabilities", "--channel", "fake")
    assert "no  pull_brands" in capsys.readouterr().out
    assert run(capsys, "capabilities", "--channel", "nowhere")[0] == 2


ENGINE = (
    "configuration", "lanes", "freshness", "stores", "outbox_parked", "records_refused", "leases_swept",
    "outbox_sent_within_wanted", "outbox_events_in_order", "runs_end", "one_account_one_store",
)  # fmt: skip


def examine(capsys: pytest.CaptureFixture[str], *names: str) -> tuple[int, dict[str, Any]]:
    code, out = run(capsys, "doctor", *(arg for name in names or ENGINE for arg in ("--only", name)))
    assert out["ok"] is (code == 0)
    return code, {check["name"]: check for check in out["checks"]}


def test_the_doctor_is_content_with_a_healthy_house(
    shop: FakeShop, capsys: pytest.CaptureFixture[str]
) -> None:
    from channels.workers import enqueue, heartbeat

    store()
    for lane in enqueue.LANES:
        heartbeat.beat(lane, is_tick=True)
    code, checks = examine(capsys)
    assert {name: check["ok"] for name, check in checks.items()} == dict.fromkeys(ENGINE, True)
    assert code == 0


def test_the_doctor_finds_each_fault(shop: FakeShop, capsys: pytest.CaptureFixture[str]) -> None:
    from channels.models import RejectedRecord
    from channels.pull import page_writer

    now = timezone.now()
    connection = store()
    long_ago = now - timedelta(hours=5)
    SyncStream.objects.filter(name="orders.new").update(
        completed_at=long_ago, lease_token="dead", lease_until=long_ago
    )
    Connection.objects.update(failing_since=long_ago, failure="It is down.")
    yesterday = now - timedelta(hours=25)
    refused = RejectedRecord.objects.create(
        connection=connection, stream="orders.new", external_id="1", reason="bad", native=page_writer.packed({}),
        first_seen_at=yesterday,
    )  # fmt: skip
    fields = {"connection": connection, "kind": "event", "topic": "shipped", "lane": "orders", "subject": 1}
    OutboxMessage.objects.create(**fields, group=1, key="a", parked_at=yesterday)
    OutboxMessage.objects.create(**fields, group=1, key="b", sent=1)
    SyncRun.objects.create(connection=connection, stream="no.such", started_at=long_ago)

    code, checks = examine(capsys)
    assert code == 1
    assert {name for name, check in checks.items() if not check["ok"]} == {
        "lanes", "freshness", "stores", "outbox_parked", "records_refused", "leases_swept",
        "outbox_events_in_order", "runs_end",
    }  # fmt: skip
    assert checks["stores"]["detail"] == "Fake shop: It is down."
    assert checks["outbox_parked"]["detail"] == "Failed messages: Fake shop: 1. Retry or skip them."
    assert checks["records_refused"]["detail"] == (
        "Orders that were rejected more than a day ago: Fake shop 1."
    )

    # What lies on somebody's desk since this morning is told, and wakes nobody; a doubled SKU never does.
    OutboxMessage.objects.filter(key="a").update(parked_at=now)
    RejectedRecord.objects.update(first_seen_at=now)
    RejectedRecord.objects.create(
        connection=connection, stream="products", external_id="2", reason="twice", native=refused.native,
        first_seen_at=now - timedelta(days=400),
    )  # fmt: skip
    code, checks = examine(capsys, "outbox_parked", "records_refused")
    assert (code, checks["outbox_parked"]["detail"]) == (
        0,
        "Failed messages: Fake shop: 1. Retry or skip them.",
    )
    assert checks["records_refused"]["detail"] == "2 rejected records."


def test_the_lanes_that_are_silent_are_printed_for_the_watch(
    shop: FakeShop, capsys: pytest.CaptureFixture[str]
) -> None:
    from channels.models import LaneBeat
    from channels.workers import enqueue, heartbeat

    heartbeat.beat("orders", is_tick=True)
    heartbeat.beat("stock", is_tick=True)
    LaneBeat.objects.filter(lane="stock").update(beat_at=timezone.now() - timedelta(seconds=181))
    with pytest.raises(SystemExit) as end:
        call_command("doctor", "--stale-lanes")
    assert (end.value.code, capsys.readouterr().out) == (1, "stock\ndefault\n")
    assert run(capsys, "doctor", "--stale-lanes") == (1, ["stock", "default"])

    for lane in enqueue.LANES:
        heartbeat.beat(lane, is_tick=True)
    call_command("doctor", "--stale-lanes")
    assert capsys.readouterr().out == ""


def test_credentials_that_no_key_opens_are_found(shop: FakeShop, settings: Any) -> None:
    from cryptography.fernet import Fernet

    from channels.ops import doctor_checks as checks

    store()
    assert checks.configuration().ok is True
    settings.OMS_CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    finding = checks.configuration()
    assert finding.ok is False
    assert "decrypts the credentials of: Fake shop. Add the key" in finding.detail


def test_a_check_that_fails_itself_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "_checks", {})
    doctor.register("broken", lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    doctor.register("fine", lambda: doctor.Finding(True))
    code, checks = examine(capsys, "broken", "fine")
    assert (code, checks["broken"]["ok"], checks["fine"]["ok"]) == (1, False, True)
    with pytest.raises(CommandError):
        call_command("doctor", "--only", "unheard")
    with pytest.raises(SystemExit):
        call_command("doctor")
    assert "FAIL broken: The check could not run: division by zero" in capsys.readouterr().out


def test_a_day_is_the_stores_own_and_the_last_one_is_whole() -> None:
    shop = Connection(time_zone="America/New_York")
    end = cli.read_time("2026-11-03", shop, is_end=True)
    assert end is not None
    assert end.isoformat() == "2026-11-03T23:59:59.999999-05:00"
    exact = cli.read_time("2026-11-03T10:00:00+01:00", shop)
    assert exact is not None
    assert exact.isoformat() == "2026-11-03T10:00:00+01:00"
    assert cli.read_time(None, shop) is None
