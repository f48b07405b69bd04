"""Commands as cron runs them: no store holds up another, nothing runs for ever, silence means that nothing is to be done."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from channels.contract.errors import Rejected, TemporaryError
from channels.models import Connection
from channels.push import outbox
from channels.push.topics import Topic
from channels.stores import pull_jobs
from oms.kit import doctor
from oms.kit.background import jobs, together
from oms.kit.models import Job
from oms.logs import JsonFormatter
from tests.channels.conftest import Shelf
from tests.channels.fakes import SHOPS, FakeShop, order, store
from tests.channels.test_commands import run
from tests.channels.test_outbox import StockHandler

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine", "rings")]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that a command sees: each sleep advances it, and nothing else."""
    now = [0.0]
    monkeypatch.setattr(together, "_clock", lambda: now[0])
    monkeypatch.setattr(together, "_sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


@pytest.mark.fault("F-60")
def test_a_shop_in_maintenance_ends_with_its_sentence_and_the_others_are_done(
    shop: FakeShop, shelf: Shelf, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    SHOPS["shop-2"] = FakeShop(identity="shop-2", orders=[order("b", timezone.now() - timedelta(days=1))])
    store("A")
    store("B", where="shop-2")
    shop.fail("pull_orders", *[TemporaryError("A is closed for maintenance.", maintenance=True)] * 50)

    code, out = run(capsys, "sync_orders", "--timeout", "30")

    sick, well = out["stores"]
    assert (code, out["ok"]) == (1, False)
    assert (sick["store"], sick["ok"], sick["state"]) == ("A", False, "timed_out")
    assert sick["message"].startswith("A is closed for maintenance.")
    assert sick["message"].endswith("Not done after 30 s; the workers continue it.")
    assert (well["store"], well["ok"], well["new"]) == ("B", True, 1)
    assert list(shelf.stored) == ["b"]
    assert 30 <= clock[0] <= 32
    assert Job.objects.live().count() == 1  # nothing of it is lost


@pytest.mark.fault("F-60")
def test_a_dry_run_that_takes_too_long_leaves_nothing_behind(
    shop: FakeShop, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    store("A")
    shop.fail("pull_orders", *[TemporaryError("A cannot be reached.")] * 50)
    code, out = run(capsys, "sync_orders", "--dry-run", "--timeout", "3")
    assert (code, out["stores"][0]["message"]) == (1, "A cannot be reached. Not done after 3 s; cancelled.")


@pytest.mark.fault("F-60")
@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "1e3", "86401", "٣"])
def test_a_wrong_time_limit_is_one_sentence(shop: FakeShop, seconds: str) -> None:
    store("A")
    with pytest.raises(CommandError) as caught:
        call_command("sync_orders", timeout=seconds)
    assert (str(caught.value), caught.value.returncode) == (
        f"--timeout {seconds} is no number of seconds from 1 to 86400.", 2,
    )  # fmt: skip
    assert shop.calls == []


@pytest.mark.fault("F-69")
def test_quiet_prints_nothing_unless_a_person_is_needed(
    shop: FakeShop, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    store("A")
    shop.orders = [order("1", timezone.now() - timedelta(days=1))]
    call_command("sync_orders", "--quiet")
    call_command("sync_orders", "--quiet", "--json")
    assert (capsys.readouterr().out, list(shelf.stored)) == ("", ["1"])

    shelf.poison = {"1"}
    with pytest.raises(SystemExit) as end:
        call_command("sync_orders", "--quiet")
    assert (end.value.code, capsys.readouterr().out) == (1, "A: 0 new, 0 changed, 0 unchanged, 1 rejected.\n")


@pytest.mark.fault("F-69")
def test_a_refusal_is_told_once(shop: FakeShop, shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    store("A")
    shop.orders = [order("1", timezone.now() - timedelta(days=1))]
    shelf.poison = {"1"}
    assert run(capsys, "sync_orders")[0] == 1
    code, out = run(capsys, "sync_orders")
    assert (code, out["ok"], out["stores"][0]["refused"], out["stores"][0]["known_refused"]) == (
        0,
        True,
        1,
        1,
    )

    shop.orders.append(order("2", timezone.now() - timedelta(days=1)))
    shelf.poison = {"1", "2"}
    assert run(capsys, "sync_orders")[0] == 1  # a new one


@pytest.mark.fault("F-69")
def test_a_dry_run_lists_only_what_would_change(shop: FakeShop, capsys: pytest.CaptureFixture[str]) -> None:
    class Same(StockHandler):
        def plan(self, connection: Connection, subjects: Any) -> list[outbox.PlanLine]:
            return [
                outbox.PlanLine(1, what="SKU-1", old="48", new="48"),
                outbox.PlanLine(2, what="SKU-2", old="48", new="47", why="a sale"),
            ]

    outbox.register_handler(Topic.STOCK, Same())
    outbox.register_subjects(Topic.STOCK, lambda conn, skus: [1, 2])
    store("A")
    call_command("sync_stock", "--dry-run")
    assert capsys.readouterr().out == (
        "A: 2 would be sent, 1 of them change something.\n  SKU-2: 48 -> 47 (a sale)\n"
    )


@pytest.mark.fault("F-69")
def test_connecting_a_store_says_ok_only_when_its_exit_code_does(
    shop: FakeShop, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.orders = [order("1", timezone.now() - timedelta(days=1))]
    shelf.poison = {"1"}
    code, out = run(capsys, "connect_store", "fake", "--name", "T", "--key", "right-key-0001")
    assert (code, out["ok"]) == (1, False)
    assert out["message"].endswith("The store is connected; 1 records were rejected.")


@pytest.mark.fault("F-69")
@pytest.mark.parametrize("name", ["sync_orders", "sync_stock", "sync_prices", "sync_products", "doctor"])
def test_help_says_exit_codes_and_the_form_of_json(name: str) -> None:
    from django.core.management import get_commands, load_command_class

    command = load_command_class(get_commands()[name], name)
    text = command.create_parser("manage.py", name).format_help()
    for words in ("exit codes:\n  0  ", "\n  1  ", "\n  2  ", '\n  {"ok": true', "--quiet"):
        assert words in text


@pytest.mark.fault("F-60", "F-65")
def test_a_store_that_must_be_reconnected_is_told_and_the_others_are_done(
    shop: FakeShop, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    SHOPS["shop-2"] = FakeShop(identity="shop-2", orders=[order("b", timezone.now() - timedelta(days=1))])
    store("A", state=Connection.State.NEEDS_SELLER, state_reason="The key was refused.")
    store("B", where="shop-2")
    code, out = run(capsys, "sync_orders")
    assert (code, out["stores"][0]["state"], out["stores"][0]["message"]) == (
        1, "needs_reconnecting", "The key was refused.",
    )  # fmt: skip
    assert list(shelf.stored) == ["b"]


@pytest.mark.fault("F-65")
def test_a_store_that_came_without_its_credentials_needs_reconnecting(
    shop: FakeShop, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = store("A")
    Connection.objects.filter(pk=connection.pk).update(credentials={})  # what `loaddata` leaves

    [result] = doctor.run(["freshness"])
    assert (result.ok, result.detail) == (False, "These stores have no credentials: A. Reconnect them.")
    code, out = run(capsys, "sync_orders")
    assert code == 2
    assert (
        out["stores"][0]["message"] == "The credentials of this store are not in the database. Reconnect it."
    )
    connection.refresh_from_db()
    assert connection.state == Connection.State.NEEDS_SELLER
    assert shop.calls == []


@pytest.mark.fault("F-65")
@pytest.mark.parametrize("name", [["--store", "a"], [], ["--store", "A"]])
def test_credentials_that_no_key_decrypts_end_with_a_sentence(
    shop: FakeShop, capsys: pytest.CaptureFixture[str], settings: Any, name: list[str]
) -> None:
    store("A")
    settings.OMS_CREDENTIAL_KEYS = ["b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyMTI="]
    code, out = run(capsys, "sync_orders", *name)
    assert code == 2
    assert out["error"].startswith(
        "No key of OMS_CREDENTIAL_KEYS decrypts the credentials of: A. Add the key"
    )
    [result] = doctor.run(["configuration"])
    assert result.ok is False
    with pytest.raises(CommandError) as caught:
        call_command("sync_orders", *name)
    assert caught.value.returncode == 2


@pytest.mark.fault("F-62")
def test_without_a_store_the_database_is_named(engine: None, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "sync_orders")
    assert code == 2
    assert out["error"].startswith("No store is connected in ")
    assert json.dumps(out).count("password") == 0


# ---------------------------------------------------------------- the log


@pytest.mark.fault("F-67")
def test_each_run_is_one_line_with_its_counts_and_no_data_of_buyers(
    shop: FakeShop, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    connection = store()
    shop.orders = [order(str(n), timezone.now() - timedelta(days=1)) for n in range(3)]
    shelf.poison = {"1"}
    with caplog.at_level(logging.INFO, logger="channels.pull.run_log"):
        jobs.run_here(pull_jobs.ask_orders(connection=connection))
    [line] = [record for record in caplog.records if record.getMessage().startswith("run ")]
    assert line.levelno == logging.INFO
    text = line.getMessage()
    for part in ("store='Fake shop'", "stream=orders.history", "new=2", "refused=1", "seconds="):
        assert part in text
    entry = json.loads(JsonFormatter().format(line))
    assert (entry["store"], entry["stream"], entry["new"], entry["refused"]) == (
        "Fake shop",
        "orders.history",
        2,
        1,
    )


@pytest.mark.fault("F-67")
def test_a_failed_run_and_a_refused_message_are_warnings_with_their_reason(
    shop: FakeShop, shelf: Shelf, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = store()
    shop.fail("pull_orders", Rejected("There is no status 5."))
    with caplog.at_level(logging.INFO), pytest.raises(SystemExit):
        call_command("sync_orders", "--store", "Fake shop")
    run_lines = [record for record in caplog.records if record.getMessage().startswith("run ")]
    assert [record.levelname for record in run_lines] == ["WARNING"]
    assert run_lines[0].getMessage().endswith(": There is no status 5.")

    caplog.clear()
    outbox.register_handler(Topic.STOCK, StockHandler())
    outbox.register_subjects(Topic.STOCK, lambda conn, skus: [1])
    shop.refuse_stock_of = {"1"}
    with caplog.at_level(logging.INFO), pytest.raises(SystemExit):
        call_command("sync_stock", "--store", str(connection.pk))
    [line] = [record for record in caplog.records if record.getMessage().startswith("sent ")]
    assert (line.levelname, "topic=stock sent=0 refused=1" in line.getMessage()) == ("WARNING", True)
