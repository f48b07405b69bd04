"""One access token per store: shared, renewed by one worker at a time, never lost between answer and database."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from channels.contract.errors import AuthError, TemporaryError
from channels.http import oauth_tokens
from channels.http.oauth_tokens import Token
from channels.models import Connection, ConnectionToken
from tests import factories

pytestmark = pytest.mark.django_db


class Desk:
    """The channel's sign-in: counts, and remembers what it was shown."""

    def __init__(self, life: float = 900.0) -> None:
        self.life, self.shown = life, list[Token | None]()
        self.error: Exception | None = None

    def __call__(self, stored: Token | None) -> Token:
        self.shown.append(stored)
        if self.error:
            raise self.error
        number = len(self.shown)
        return Token(
            f"access-{number}", timezone.now() + timedelta(seconds=self.life), {"refresh": f"r{number}"}
        )


@pytest.fixture
def connection() -> Connection:
    return factories.store(
        channel="opencart", credentials={"domain_url": "https://x.example", "secret_key": "s1"}
    )


def test_a_token_is_asked_for_once_and_kept_encrypted(connection):
    desk = Desk()
    assert [oauth_tokens.get_token(connection, refresh=desk) for _ in range(3)] == ["access-1"] * 3
    assert desk.shown == [None]
    with database.cursor() as cursor:
        cursor.execute("SELECT data FROM channels_connectiontoken")
        assert b"access-1" not in bytes(cursor.fetchone()[0])


def test_it_is_renewed_before_it_dies_with_what_renews_it(connection):
    desk = Desk(life=100)
    oauth_tokens.get_token(connection, refresh=desk)
    assert oauth_tokens.get_token(connection, refresh=desk, margin_seconds=90) == "access-1"
    assert oauth_tokens.get_token(connection, refresh=desk, margin_seconds=110) == "access-2"
    assert [stored and stored.extra for stored in desk.shown] == [None, {"refresh": "r1"}]


def test_a_refused_token_is_renewed_once_whoever_reports_it(connection):
    desk = Desk()
    old = oauth_tokens.get_token(connection, refresh=desk)
    oauth_tokens.invalidate(connection, old)
    assert oauth_tokens.get_token(connection, refresh=desk) == "access-2"
    oauth_tokens.invalidate(connection, old)  # another worker, late
    assert oauth_tokens.get_token(connection, refresh=desk) == "access-2"
    assert len(desk.shown) == 2


def test_a_refused_refresh_changes_nothing_and_frees_the_lease(connection):
    desk = Desk(life=10)
    oauth_tokens.get_token(connection, refresh=desk, margin_seconds=0)
    desk.error = AuthError("Connect the store again.")
    with pytest.raises(AuthError):
        oauth_tokens.get_token(connection, refresh=desk)
    stored = oauth_tokens.stored_token(connection)
    assert stored is not None
    assert (stored.access, stored.extra) == ("access-1", {"refresh": "r1"})
    desk.error = None
    assert oauth_tokens.get_token(connection, refresh=desk) == "access-3"


def test_other_credentials_never_use_the_old_token(connection):
    desk = Desk()
    oauth_tokens.get_token(connection, refresh=desk)
    connection.credentials = {**connection.credentials, "secret_key": "s2"}
    assert oauth_tokens.get_token(connection, refresh=desk) == "access-2"
    assert desk.shown == [None, None]


def test_a_token_that_came_another_way_is_used(connection):
    oauth_tokens.put_token(
        connection, Token("given", timezone.now() + timedelta(hours=1), {"refresh": "first"})
    )
    assert oauth_tokens.get_token(connection, refresh=Desk()) == "given"
    oauth_tokens.forget(connection)
    assert oauth_tokens.stored_token(connection) is None


def test_while_another_worker_signs_in_one_waits_and_then_says_so(connection, monkeypatch):
    oauth_tokens.get_token(connection, refresh=Desk(life=1))
    ConnectionToken.objects.update(lease_token="x", lease_until=timezone.now() + timedelta(minutes=1))
    clock = [0.0]
    monkeypatch.setattr(oauth_tokens, "_clock", lambda: clock[0])
    monkeypatch.setattr(oauth_tokens, "_sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    with pytest.raises(TemporaryError) as caught:
        oauth_tokens.get_token(connection, refresh=Desk())
    assert caught.value.code == "token_busy"
    assert 29 < clock[0] < 32
    ConnectionToken.objects.update(lease_until=timezone.now() - timedelta(seconds=1))  # it died
    assert oauth_tokens.get_token(connection, refresh=Desk()) == "access-1"


def test_a_late_answer_does_not_overwrite_a_newer_token(connection):
    newer = Token("newer", timezone.now() + timedelta(hours=1))

    def slow(stored: Token | None) -> Token:
        oauth_tokens.put_token(connection, newer)
        return Token("late", timezone.now() + timedelta(hours=1))

    assert oauth_tokens.get_token(connection, refresh=slow) == "newer"
    stored = oauth_tokens.stored_token(connection)
    assert stored is not None
    assert stored.access == "newer"


def test_a_store_that_is_not_saved_keeps_its_token_in_memory():
    asking, other, desk = Connection(channel="opencart"), Connection(channel="opencart"), Desk()
    assert (
        oauth_tokens.get_token(asking, refresh=desk)
        == oauth_tokens.get_token(asking, refresh=desk)
        == "access-1"
    )
    assert oauth_tokens.get_token(other, refresh=desk) == "access-2"
    oauth_tokens.invalidate(asking, "access-1")
    assert oauth_tokens.get_token(asking, refresh=desk) == "access-3"
    assert not ConnectionToken.objects.exists()


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_many_workers_cause_one_sign_in(connection):
    desk, got = Desk(), list[str]()

    def work() -> None:
        try:
            got.append(oauth_tokens.get_token(Connection.objects.get(pk=connection.pk), refresh=desk))
        finally:
            database.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["access-1"] * 6
    assert len(desk.shown) == 1
