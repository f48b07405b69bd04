"""A hostile or broken shop harms only itself: limits of size, depth, processor time and memory for each call."""

from __future__ import annotations

import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util import connection as urllib3_connection

from channels import tasks
from channels.connectors.opencart.sandbox import make_sandbox
from channels.contract.cleaning import DEEPEST
from channels.contract.documents import MOST_VALUES, TooComplex, read_document
from channels.contract.errors import Rejected, TemporaryError
from channels.contract.reading import MOST_ROWS, read_rows
from channels.http import pinned, redaction
from channels.http.deadline import Deadline
from channels.http.session import ChannelSession
from channels.models import CallLog, Connection, SyncStream
from channels.stores import connect
from tests.support.hostile import DEEP, MB, hostile, huge
from tests.support.workers import work

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-31")]

LONG = 200_000

#: Texts for which a pattern with two open ends needs quadratic time.
TRAPS = [
    "token" * (LONG // 5),
    '"' + "token" * (LONG // 5),
    '"token":"' + "\\" * LONG,
    '"token" ' + " " * LONG,
    '"a":' * (LONG // 4),
    '"' * LONG,
    "a" * LONG,
    "a." * (LONG // 2),
    "a@a." * (LONG // 4),
    "%40" * (LONG // 3),
    "Bearer " * (LONG // 7),
    "Bearer" + " " * LONG,
    "&token=" * (LONG // 7),
    "&" + "token" * (LONG // 5),
]


def processor_seconds(act: Any) -> float:
    began = time.thread_time()
    act()
    return time.thread_time() - began


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap[:12])
def test_redaction_needs_linear_time(trap: str) -> None:
    """24 s of processor time for one header of 65 kB before."""
    assert processor_seconds(lambda: redaction.text(trap)) < 2
    assert processor_seconds(lambda: redaction.headers({"X-Any": trap})) < 0.05, "it is cut first"
    assert processor_seconds(lambda: redaction.message(trap)) < 0.1


def test_what_is_cut_contains_no_part_of_a_secret() -> None:
    secret = "s3cret-" + "x" * 40
    for before in range(270, 300):
        shown = redaction.headers({"X-Any": "a" * before + secret}, [secret])
        assert "s3cret" not in shown
    many = redaction.headers({f"X-{number}": "1" for number in range(80)})
    assert many.splitlines()[-1] == "(30 more)"
    assert len(many.splitlines()) == 51
    assert redaction.message("a" * 3990 + secret, [secret]) == "a" * 3990 + redaction.MASK
    assert len(redaction.message("a" * 100_000)) == 4000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"access_token": "abc", "sku": "abc"}', '{"access_token": "•••", "sku": "abc"}'),
        ('{"X-Consumer-Key" : 12345, "keyboard": 1}', '{"X-Consumer-Key" : "•••", "keyboard": 1}'),
        ("a=1&client_secret=abc&sign=9&design=8", "a=1&client_secret=•••&sign=•••&design=8"),
        ("write to jo.doe+x@mail.example.com.", "write to •••@•••."),
        ("jo%40example.com", "•••@•••"),
    ],
)
def test_redaction_masks_what_it_masked_before(text: str, shown: str) -> None:
    assert redaction.text(text) == shown


@pytest.mark.parametrize(
    "body",
    [
        huge(20 * MB),
        b"[" + b"1," * MOST_VALUES + b"1]",
    ],
    ids=["huge", "one value too many"],
)
def test_a_document_above_the_limits_is_not_read(body: bytes) -> None:
    def read() -> None:
        with pytest.raises(TooComplex):
            read_document(body)

    assert processor_seconds(read) < 1


@pytest.mark.parametrize("levels", [DEEPEST + 1, 600, 30_000])
def test_what_is_nested_too_deeply_is_left_out(levels: int) -> None:
    found: list[Any] = []

    def read() -> None:
        found.append(read_document(b'[{"id":1,"odd":' + b"[" * levels + b"]" * levels + b'},{"id":2}]'))

    assert processor_seconds(read) < 1
    assert (found[0][0]["id"], found[0][1]) == (1, {"id": 2})


def test_a_document_within_the_limits_is_read() -> None:
    deep = "[" * DEEPEST + "]" * DEEPEST
    assert read_document(deep) is not None
    assert read_document(b'\xef\xbb\xbf{"a": [1, {"b": "c, d"}]}') == {"a": [1, {"b": "c, d"}]}
    assert len(read_document(b"[" + b"1," * 100_000 + b"1]")) == 100_001


def test_a_page_has_a_limit_of_rows() -> None:
    rows = [{"id": number} for number in range(MOST_ROWS)]
    assert len(read_rows(rows, lambda row: row["id"], "id", "OpenCart").records) == MOST_ROWS
    with pytest.raises(Rejected) as refusal:
        read_rows([1] * (MOST_ROWS + 1), lambda row: row["id"], "id", "OpenCart")
    assert refusal.value.message == "OpenCart answered with more than 5,000 rows."


@pytest.mark.parametrize(
    ("kind", "expected", "code"),
    [
        ("headers", None, ""),
        ("huge", Rejected, "too_large"),
        ("deep", None, ""),
        ("text", TemporaryError, "not_json"),
        ("endless", TemporaryError, "timeout"),
    ],
)
def test_a_call_to_a_hostile_shop_ends(kind: str, expected: type[Exception] | None, code: str) -> None:
    store = Connection.objects.create(channel="opencart", name="Bad", state="active")
    with hostile(kind) as server:
        session = ChannelSession(store)

        def call() -> None:
            url = f"http://127.0.0.1:{server.server_port}/"
            if expected is None:
                found = session.call("GET", url, repeatable=True).json()
                assert found == {} or str(found).startswith("[[")
                return
            with pytest.raises(expected) as caught:
                session.call("GET", url, repeatable=True, total=1.0).json()
            assert getattr(caught.value, "code", None) == code

        assert processor_seconds(call) < 2
    row = CallLog.objects.get()
    assert len(row.answer) < 25_000
    assert row.milliseconds < 20_000


def test_a_hostile_shop_stops_only_its_own_streams() -> None:
    with make_sandbox(seed="empty", products=1).serve() as running:
        store = connect.connect(channel="opencart", name="Shop", credentials=running.credentials)
        work()
    streams = list(SyncStream.objects.filter(connection=store, lane="orders"))
    assert streams
    with hostile("headers", "huge", "deep", "text") as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        store.url, store.credentials = address, {**store.credentials, "url": address, "domain_url": address}
        store.save()
        for _round in range(4):
            SyncStream.objects.update(due_at=store.created_at, not_before=None, failures=0)
            Connection.objects.update(blocked_until=None)
            tasks.pull(streams[0].pk)
        assert len(server.asked) >= 4
    stream = SyncStream.objects.get(pk=streams[0].pk)
    assert stream.lease_token == ""
    assert stream.failures == 1


def test_webhooks_with_deep_json_are_refused() -> None:
    store = Connection.objects.create(
        channel="opencart", name="Bad", state="active", webhook_secret={"secret": "s"}
    )
    deep = DEEP[199_000:201_000]  # the limit of a webhook's size is no help
    for address in (f"/hooks/opencart/{store.pk}/", "/apps/etsy/webhook/"):
        assert Client().post(address, deep, content_type="application/json").status_code == 401


class Host:
    """A host name with many addresses; each try takes some seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, seconds: float, error: OSError) -> None:
        self.now, self.waits, self.seconds, self.error = 0.0, [], seconds, error  # type: ignore[var-annotated]
        monkeypatch.setattr(
            pinned, "resolve", lambda host, port: [f"192.0.2.{number}" for number in range(29)]
        )
        monkeypatch.setattr(pinned, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(urllib3_connection, "create_connection", self.dial)

    def dial(self, address: Any, timeout: float, **options: Any) -> Any:
        self.waits.append(timeout)
        self.now += min(timeout, self.seconds)
        raise self.error

    def open(self) -> None:
        pinned._open(pinned.PinnedHTTP("many.example.com", 80, timeout=5))


def test_many_dead_addresses_use_the_time_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, seconds=60, error=TimeoutError())
    with pytest.raises(ConnectTimeoutError):
        host.open()
    assert (host.waits, host.now) == ([5, 5, 5], 15)


def test_dead_addresses_end_with_the_deadline_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, seconds=60, error=TimeoutError())
    with Deadline(7.0), pytest.raises(ConnectTimeoutError):
        host.open()
    assert host.now == pytest.approx(7.0, abs=0.5)


def test_addresses_that_refuse_at_once_are_all_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, seconds=0.001, error=ConnectionRefusedError())
    with pytest.raises(NewConnectionError):
        host.open()
    assert len(host.waits) == 29


MEMORY = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
django.setup()
from channels.contract.errors import ChannelError
from channels.http.session import ChannelSession
from channels.models import Connection
session = ChannelSession(Connection(channel="opencart", name="Bad"))
for _round in range(8):
    try:
        session.call("GET", sys.argv[1], repeatable=True).json()
    except ChannelError as error:
        print(error.code)
# Not `ru_maxrss`: it has the memory of the process that started this one.
[peak] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(peak.split()[1]) // 1024)
"""


def test_a_hostile_shop_does_not_fill_the_memory_of_a_worker() -> None:
    """A worker that calls it again and again stays under 250 MiB; 871 MB before."""
    with hostile("huge", "widest", "deep", "headers") as server:
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, f"http://127.0.0.1:{server.server_port}/"],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    *codes, peak = done.stdout.split()
    assert set(codes) == {"too_large"}
    assert int(peak) < 250
