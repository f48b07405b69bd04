# long because: one short test a row of the table of errors.
"""The one door: classification, Retry-After, budget, log, private addresses, limits of time and size."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import responses
from django.utils import timezone

from channels.contract.errors import (
    AuthError,
    ChannelError,
    NotSupported,
    RateLimited,
    Rejected,
    TemporaryError,
    Uncertain,
)
from channels.http import call_log, rate_limit, redaction, response, ssrf
from channels.http.response import Answer
from channels.http.session import ChannelSession
from channels.models import Budget, CallLog, Connection
from tests.channels.fakes import FakeShop, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

URL = "https://shop.example.com/api"


@pytest.fixture
def connection(shop: FakeShop) -> Connection:
    return store()


@pytest.fixture
def session(connection: Connection) -> ChannelSession:
    return ChannelSession(connection)


Respond = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Respond], str]]:
    """A real HTTP server on this machine that answers as the test says; gives its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(respond: Respond) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                respond(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def say(handler: BaseHTTPRequestHandler, body: bytes = b"{}", status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


# ---------------------------------------------------------------- classification


@pytest.mark.parametrize(
    ("status", "repeatable", "kind"),
    [
        (400, True, Rejected),
        (401, True, AuthError),
        (403, True, AuthError),
        (404, True, Rejected),
        (408, True, TemporaryError),
        (409, True, Rejected),
        (422, True, Rejected),
        (429, True, RateLimited),
        (500, True, TemporaryError),
        (503, True, TemporaryError),
        (502, False, Uncertain),
        (504, False, Uncertain),
        (422, False, Rejected),
    ],
)
@responses.activate
def test_every_status_is_one_of_the_five_errors(
    session: ChannelSession, status: int, repeatable: bool, kind: type[ChannelError]
) -> None:
    responses.get(URL, status=status, body="no")
    with pytest.raises(ChannelError) as caught:
        session.call("GET", URL, repeatable=repeatable)
    assert type(caught.value) is kind
    assert "Fake shop" in caught.value.message
    assert caught.value.code == str(status)


@responses.activate
def test_an_answer_is_read_as_json_without_a_bom_and_its_headers_ignore_case(session: ChannelSession) -> None:
    responses.get(URL, body=b"\xef\xbb\xbf" + json.dumps({"a": "é"}).encode(), headers={"X-Left": "5"})
    answer = session.call("GET", URL, params={"q": "a b"}, repeatable=True)
    assert answer.json() == {"a": "é"}
    assert answer.headers["x-left"] == "5"
    assert answer.status == 200
    assert responses.calls[0].request.url == f"{URL}?q=a+b"


@responses.activate
def test_what_is_no_json_is_a_passing_fault_with_the_beginning_of_what_came(session: ChannelSession) -> None:
    responses.get(URL, body="<html>Welcome</html>")
    with pytest.raises(TemporaryError, match=r"^The answer of Fake shop is not JSON") as caught:
        session.call("GET", URL, repeatable=True).json()
    assert "Welcome" in caught.value.detail


@responses.activate
def test_the_channels_own_table_is_asked_first(session: ChannelSession) -> None:
    def classify(answer: Answer) -> ChannelError | None:
        if answer.status == 409:
            return TemporaryError("The shop is busy.")
        if answer.status == 200 and answer.json().get("ok") is False:
            return Rejected("The shop said no.")
        return None

    responses.get(URL, status=409)
    responses.get(URL, json={"ok": False})
    responses.get(URL, json={"ok": True})
    responses.get(URL, status=404, json={})
    with pytest.raises(TemporaryError, match="busy"):
        session.call("GET", URL, repeatable=True, classify=classify)
    with pytest.raises(Rejected, match="said no"):
        session.call("GET", URL, repeatable=True, classify=classify)
    assert session.call("GET", URL, repeatable=True, classify=classify).json() == {"ok": True}
    assert session.call("GET", URL, repeatable=True, classify=classify).status == 404


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17.0),
        ("0", 0.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("999999", 86400.0),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_a_date(value: str, seconds: float | None) -> None:
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    assert response.retry_after({"Retry-After": value}, now=now) == seconds


@responses.activate
def test_a_429_waits_as_long_as_it_says_and_empties_the_stores_bucket(
    session: ChannelSession, connection: Connection
) -> None:
    responses.get(URL, status=429, headers={"Retry-After": "30"})
    with pytest.raises(RateLimited) as caught:
        session.call("GET", URL, repeatable=True)
    assert caught.value.retry_after == 30.0
    assert 29 < rate_limit.take(connection.pk) <= 30.1


@responses.activate
def test_maintenance_of_the_channels_table_stays_what_it_is(session: ChannelSession) -> None:
    responses.post(URL, status=503, body="<h1>Maintenance</h1>", headers={"Retry-After": "20"})
    with pytest.raises(TemporaryError) as caught:
        session.call(
            "POST", URL, repeatable=False, classify=lambda _a: TemporaryError("Closed.", maintenance=True)
        )
    assert type(caught.value) is TemporaryError  # a closed shop has done nothing
    assert (caught.value.maintenance, caught.value.retry_after) == (True, 20.0)


# ---------------------------------------------------------------- the line breaks


@pytest.mark.parametrize(("repeatable", "kind"), [(True, TemporaryError), (False, Uncertain)])
def test_an_answer_that_never_comes_is_in_doubt_unless_it_may_be_repeated(
    session: ChannelSession, serve: Any, repeatable: bool, kind: type[ChannelError]
) -> None:
    quiet = threading.Event()
    address = serve(lambda handler: quiet.wait(5))
    with pytest.raises(TemporaryError) as caught:
        session.call("POST", address, body=b"x", repeatable=repeatable, timeout=(1, 0.1))
    quiet.set()
    assert type(caught.value) is kind
    assert caught.value.code == "timeout"


def test_a_call_that_was_never_sent_is_not_in_doubt(session: ChannelSession) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(TemporaryError) as caught:
        session.call("POST", f"http://127.0.0.1:{port}/", repeatable=False)
    assert type(caught.value) is TemporaryError
    assert caught.value.code == "unreachable"


def test_a_name_that_does_not_exist_says_so(session: ChannelSession) -> None:
    with pytest.raises(TemporaryError, match="cannot be found") as caught:
        session.call("GET", "http://no-such-shop.example/", repeatable=False)
    assert type(caught.value) is TemporaryError


def test_a_line_that_breaks_in_the_answer_is_in_doubt(session: ChannelSession, serve: Any) -> None:
    def half(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    with pytest.raises(Uncertain):
        session.call("POST", serve(half), repeatable=False)


@pytest.mark.parametrize("part", ["headers", "body"])
def test_an_answer_that_drips_for_ever_is_ended(session: ChannelSession, serve: Any, part: str) -> None:
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        if part == "body":
            handler.send_response(200)
            handler.send_header("Content-Length", "100000")
            handler.end_headers()
        try:
            while not over.wait(0.02):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        except OSError:
            handler.close_connection = True

    begun = time.monotonic()
    with pytest.raises(TemporaryError) as caught:
        session.call("GET", serve(drip), repeatable=True, total=0.3)
    over.set()
    assert caught.value.code == "timeout"
    assert time.monotonic() - begun < 5


def test_an_answer_that_is_too_large_is_not_read(
    session: ChannelSession, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "longest_answer", 1000)
    with pytest.raises(Rejected) as caught:
        session.call("GET", serve(lambda handler: say(handler, b"x" * 2000)), repeatable=True)
    assert caught.value.code == "too_large"


def test_cookies_are_kept_for_the_session(session: ChannelSession, serve: Any) -> None:
    seen: list[str | None] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers.get("Cookie"))
        say(handler, Set_Cookie="sid=abc")

    address = serve(respond)
    session.call("GET", address, repeatable=True)
    session.call("GET", address, repeatable=True)
    assert seen == [None, "sid=abc"]


# ---------------------------------------------------------------- where a call may go


@pytest.mark.parametrize(
    "address",
    [
        "http://10.0.0.5/",
        "http://192.168.1.1:8080/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]:9/",
        "http://[fd00::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://0.0.0.0/",
        "http://100.64.0.1/",
    ],
)
def test_private_addresses_are_refused_with_a_sentence(
    session: ChannelSession, settings: Any, address: str
) -> None:
    settings.OMS_ALLOWED_PRIVATE_HOSTS = []
    with pytest.raises(Rejected, match="is a private address") as caught:
        session.call("GET", address, repeatable=True)
    assert caught.value.code == "private_address"


def test_a_name_that_resolves_to_a_private_address_is_refused(session: ChannelSession, settings: Any) -> None:
    settings.OMS_ALLOWED_PRIVATE_HOSTS = []
    with pytest.raises(Rejected, match=r"^localhost is a private address"):
        session.call("GET", "http://localhost:9/", repeatable=True)


@pytest.mark.parametrize(
    ("allowed", "fits"),
    [
        (["shop.internal"], True),
        (["shop.internal:8080"], True),
        (["shop.internal:80"], False),
        (["10.1.0.0/16"], True),
        (["10.2.0.0/16"], False),
        (["10.1.2.3"], True),
        (["internal"], False),
    ],
)
def test_single_private_places_can_be_allowed(settings: Any, allowed: list[str], fits: bool) -> None:
    settings.OMS_ALLOWED_PRIVATE_HOSTS = allowed
    assert ssrf.is_allowed("shop.internal", 8080, "10.1.2.3") is fits


def test_public_addresses_are_allowed_and_disguised_private_ones_are_not(settings: Any) -> None:
    settings.OMS_ALLOWED_PRIVATE_HOSTS = []
    assert ssrf.is_allowed("shop", 443, "93.184.216.34") is True
    assert ssrf.is_allowed("shop", 443, "2606:2800:220:1:248:1893:25c8:1946") is True
    for address in ("64:ff9b::7f00:1", "2002:7f00:1::", "::ffff:127.0.0.1", "224.0.0.1", "fe80::1%eth0"):
        assert ssrf.is_allowed("shop", 443, address) is False


def test_the_address_that_was_checked_is_the_one_that_is_dialled(
    session: ChannelSession, serve: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that answers differently the second time gains nothing: it is asked once."""
    port = serve(lambda handler: say(handler, handler.headers["Host"].encode())).rsplit(":", 1)[1]
    settings.OMS_ALLOWED_PRIVATE_HOSTS = ["rebind.example"]
    asked: list[str] = []

    def resolver(host: str, number: int, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", number))]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    answer = session.call("GET", f"http://rebind.example:{port}/", repeatable=True)
    assert answer.body == f"rebind.example:{port}".encode()
    assert asked == ["rebind.example", "127.0.0.1"]  # the second is the number itself


@responses.activate
def test_a_read_follows_a_redirect_within_its_host_only(session: ChannelSession) -> None:
    responses.get(
        "http://shop.example.com/api", status=301, headers={"Location": "https://shop.example.com/api"}
    )
    responses.get(URL, json={"here": True})
    assert session.call("GET", "http://shop.example.com/api", repeatable=True).json() == {"here": True}

    responses.get("https://shop.example.com/away", status=302, headers={"Location": "https://evil.example/x"})
    with pytest.raises(
        Rejected, match=r"redirects to another address. Use https://evil\.example instead"
    ) as caught:
        session.call("GET", "https://shop.example.com/away", repeatable=True)
    assert caught.value.code == "redirect"
    assert not any("evil" in str(call.request.url) for call in responses.calls)


@responses.activate
def test_a_write_follows_no_redirect_and_a_circle_ends(session: ChannelSession) -> None:
    responses.post(URL, status=302, headers={"Location": "/elsewhere"})
    with pytest.raises(Rejected, match="another address"):
        session.call("POST", URL, repeatable=False)
    responses.get(URL, status=302, headers={"Location": "/api"})
    with pytest.raises(Rejected, match="redirects without end"):
        session.call("GET", URL, repeatable=True)


@pytest.mark.parametrize("address", ["ftp://shop.example.com/", "shop", "http://", "file:///etc/passwd"])
def test_what_is_no_web_address_is_refused(session: ChannelSession, address: str) -> None:
    with pytest.raises(Rejected, match="is not a valid address"):
        session.call("GET", address, repeatable=True)


# ---------------------------------------------------------------- log


@responses.activate
def test_the_log_shows_the_call_and_no_secret(session: ChannelSession, connection: Connection) -> None:
    key = connection.credentials["key"]
    responses.post(
        URL,
        json={"access_token": "tok-9", "email": "ann@example.org", "title": "Mug", "echo": key},
        headers={"Set-Cookie": "sid=1", "X-Request-Id": "r-1"},
    )
    session.call(
        "POST",
        URL,
        params={"route": "orders", "signature": "s1gn", "page": "2"},
        headers={"X-OMS-Signature": "abcdef", "Authorization": f"Bearer {key}", "X-Plain": key},
        body=json.dumps({"password": "pw", "sku": "MUG", "mail": "bob@example.org"}).encode(),
        repeatable=False,
    )
    row = CallLog.objects.get()
    everything = row.url + row.sent + row.answer
    for secret in (key, "s1gn", "abcdef", "tok-9", "ann@", "bob@", "sid=1", '"pw"'):
        assert secret not in everything
    for plain in ("route=orders", "page=2", "MUG", "Mug", "r-1"):
        assert plain in everything
    assert (row.method, row.status, row.connection_id) == ("POST", 200, connection.pk)


def test_a_secret_is_masked_in_every_spelling() -> None:
    known = redaction.secret_values({"key": 'a"b c/d', "address": "https://shop"}, ["address"])
    text = redaction.text('a"b c/d a\\"b c/d a%22b%20c%2Fd YSJiIGMvZA== https://shop', known)
    assert text == "••• ••• ••• •••== https://shop"


def test_bodies_are_cut_at_two_kilobytes_without_showing_half_a_secret() -> None:
    secret = "S3CRET-" * 5
    body = ("x" * 2030 + secret + "y" * 100).encode()
    shown = redaction.body(body, [secret])
    assert len(shown) <= 2049
    assert "S3C" not in shown
    assert redaction.body(b"\x00\x01PNG") == "(5 bytes)"


@responses.activate
def test_a_message_never_repeats_a_secret_that_the_channel_echoes(
    session: ChannelSession, connection: Connection
) -> None:
    key = connection.credentials["key"]
    responses.get(URL, status=400, body="bad")
    with pytest.raises(Rejected) as caught:
        session.call(
            "GET", URL, repeatable=True, classify=lambda _a: Rejected(f"Key {key} is bad.", detail=key)
        )
    assert (str(caught.value), caught.value.detail) == ("Key ••• is bad.", "•••")


@responses.activate
def test_calls_of_a_slice_are_written_in_one_statement_at_its_end(
    session: ChannelSession, django_assert_num_queries: Any
) -> None:
    responses.get(URL, json={})
    with pytest.raises(RuntimeError), call_log.collecting():  # noqa: PT012
        for _number in range(3):
            session.call("GET", URL, repeatable=True)
        assert CallLog.objects.count() == 0
        raise RuntimeError("the slice failed")
    assert CallLog.objects.count() == 3


@responses.activate
def test_a_store_that_is_not_saved_has_neither_budget_nor_log(shop: FakeShop) -> None:
    responses.get(URL, json={})
    ChannelSession(Connection(channel="fake", name="New")).call("GET", URL, repeatable=True)
    assert (CallLog.objects.count(), Budget.objects.count()) == (0, 0)


def test_old_calls_are_deleted(connection: Connection, settings: Any) -> None:
    settings.OMS_CALL_LOG_DAYS = 14
    now = timezone.now()
    CallLog.objects.create(connection=connection, method="GET", url="old", at=now - timedelta(days=15))
    CallLog.objects.create(connection=connection, method="GET", url="new", at=now - timedelta(days=13))
    assert call_log.prune() == 1
    assert CallLog.objects.get().url == "new"


@responses.activate
def test_an_empty_budget_asks_nobody(session: ChannelSession, connection: Connection) -> None:
    Budget.objects.filter(pk=connection.pk).update(tokens=0, per_second=0.01, filled_at=timezone.now())
    with pytest.raises(RateLimited) as caught:
        session.call("GET", URL, repeatable=True)
    assert 99 < caught.value.retry_after <= 100
    assert len(responses.calls) == 0


def test_not_supported_is_an_error_of_the_family() -> None:
    assert issubclass(NotSupported, ChannelError)
