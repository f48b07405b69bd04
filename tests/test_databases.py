"""Both databases and both doorbells, as oms/settings.py sets them up."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection, connections
from django.db.backends.sqlite3.base import DatabaseWrapper

from tests.test_settings import production, run_manage


@pytest.fixture
def sqlite_file(tmp_path, django_db_blocker) -> Iterator[DatabaseWrapper]:
    """A connection to a file, with the options of an installation without PostgreSQL."""
    from oms import settings as house

    assert not house.GIVEN_DATABASE, "these are the options of SQLite"
    options = dict(house.DEFAULT_DATABASE, NAME=tmp_path / "some.sqlite3")
    defaults = {
        key: value for key, value in connections["default"].settings_dict.items() if key not in options
    }
    wrapper = DatabaseWrapper({**defaults, **options}, alias="scratch")
    with django_db_blocker.unblock():  # a file of its own, not the tests' database
        yield wrapper
        wrapper.close()


@pytest.mark.parametrize(
    ("pragma", "expected"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 1), ("busy_timeout", 20_000)],
)
def test_sqlite_allows_reading_while_writing(sqlite_file, pragma, expected):
    with sqlite_file.cursor() as cursor:
        assert cursor.execute(f"PRAGMA {pragma}").fetchone() == (expected,)


def test_a_transaction_on_sqlite_takes_its_lock_at_once(sqlite_file):
    """Else a reader that turns writer is refused, whatever the time-out: "database is locked"."""
    with sqlite_file.cursor() as cursor:
        cursor.execute("CREATE TABLE shelf (units integer)")
    other = sqlite3.connect(sqlite_file.settings_dict["NAME"], timeout=0, check_same_thread=False)
    sqlite_file.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    sqlite_file.rollback()
    sqlite_file.set_autocommit(True)
    other.execute("BEGIN IMMEDIATE")
    other.close()


@pytest.mark.db
def test_postgresql_connections_are_reused_and_checked(db):
    settings = connection.settings_dict
    assert connection.vendor == "postgresql"
    assert settings["CONN_MAX_AGE"] == 60
    assert settings["CONN_HEALTH_CHECKS"] is True
    assert "pool" not in settings["OPTIONS"]
    with connection.cursor() as cursor:
        cursor.execute("SHOW jit")
        assert cursor.fetchone() == ("off",)


@pytest.mark.db
def test_two_connections_to_postgresql_wait_for_each_other(transactional_db, django_user_model):
    """What the race tests lean on: another thread has a connection of its own, and sees what was committed."""
    person = django_user_model.objects.create(username="a")
    seen: list[str] = []

    def look() -> None:
        seen.append(django_user_model.objects.get(pk=person.pk).username)
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join(10)
    assert seen == ["a"]


@pytest.mark.db
def test_the_cache_is_in_redis_and_shared():
    from django.conf import settings

    assert "Redis" in settings.CACHES["default"]["BACKEND"]
    cache.set("shared", "yes", 30)
    done = run_manage(
        "shell",
        "--no-imports",
        "-c",
        "from django.core.cache import cache; print(cache.get('shared'))",
        **production(Path("var")),
        REDIS_URL=settings.REDIS_URL,
    )
    assert done.stdout.strip() == "yes", done.stderr


@pytest.mark.db
@pytest.mark.parametrize("broker", ["orm", "redis"])
def test_a_wake_up_goes_to_its_own_lane(transactional_db, settings, monkeypatch, broker):
    """A ring for `stock` is seen by that lane alone, whichever broker carries it."""
    from django_q import brokers, conf, tasks

    monkeypatch.setattr(conf.Conf, "ORM", "default" if broker == "orm" else None)
    monkeypatch.setattr(conf.Conf, "REDIS", settings.REDIS_URL if broker == "redis" else {})
    monkeypatch.setattr(conf.Conf, "TESTING", False)
    lanes = {lane: brokers.get_broker(lane) for lane in settings.OMS_LANES}
    for lane in lanes.values():
        lane.purge_queue()
    tasks.async_task("math.sqrt", 4, cluster="stock", broker=lanes["stock"])
    assert {name: lane.queue_size() for name, lane in lanes.items()} == {
        "orders": 0,
        "stock": 1,
        "default": 0,
    }
    lanes["stock"].purge_queue()
