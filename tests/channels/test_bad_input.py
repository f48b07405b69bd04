"""What a person types wrongly: one clear sentence where that person looks, and nothing is stored or changed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client

from catalogue.models import ListingVariant
from channels.connectors.opencart.sandbox import make_sandbox
from channels.models import CallLog, Connection, OutboxMessage, StatusMapEntry, SyncRun
from channels.sandbox.server import Response, Running
from channels.stores import connect, services
from oms.kit.models import Job
from orders.models import Order
from tests.support.workers import work

FORM = "/admin/integrations/ecommerce-sales-channels/connect/opencart/"


@pytest.fixture
def shop() -> Iterator[Running]:
    with make_sandbox(seed="empty", products=3, orders=5).serve() as running:
        yield running


@contextmanager
def website(status: int, body: str) -> Iterator[str]:
    """Some web server that is no OpenCart with our extension."""

    class Page(BaseHTTPRequestHandler):
        def answer(self) -> None:
            data = body.encode()
            self.send_response(status if "route=" in self.path else 200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self.answer()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wrong_key(shop: Running) -> dict[str, str]:
    return {**shop.credentials, "secret_key": "0" * 48}


def switched_off(shop: Running) -> dict[str, str]:
    shop.sandbox.configure(disabled=True)
    return shop.credentials


def closed(shop: Running) -> dict[str, str]:
    shop.sandbox.configure(maintenance=True)
    return shop.credentials


WRONG: list[tuple[Callable[[Running], dict[str, str]], str]] = [
    (wrong_key, "did not accept the secret key"),
    (switched_off, "switched off"),
    (closed, "closed for maintenance"),
]


def typed(credentials: dict[str, str]) -> list[str]:
    return [f"--{name.replace('_', '-')}={value}" for name, value in credentials.items()]


def refusal(credentials: dict[str, str], capsys: pytest.CaptureFixture[str]) -> str:
    """The sentence that the command says in words and as JSON, and the form: the same, once, and nothing stored."""
    with pytest.raises(CommandError) as said:
        call_command("connect_store", "opencart", *typed(credentials))
    assert said.value.returncode == 2
    with pytest.raises(SystemExit) as end:
        call_command("connect_store", "opencart", *typed(credentials), "--json")
    printed = capsys.readouterr().out
    assert (end.value.code, json.loads(printed)) == (2, {"ok": False, "error": str(said.value)})
    assert credentials["secret_key"] not in printed

    owner = Client()
    owner.force_login(get_user_model().objects.create_superuser("owner"))
    answer = owner.post(FORM, {"name": "Mug Shop", **credentials})
    sentences = [line for lines in answer.context["form"].errors.values() for line in lines]
    assert (answer.status_code, sentences) == (200, [str(said.value)])
    assert (Connection.objects.count(), Job.objects.count()) == (0, 0)
    return str(said.value)


@pytest.mark.django_db
@pytest.mark.req("R-CONN-06")
@pytest.mark.parametrize(("wrong", "says"), WRONG)
def test_a_shop_that_cannot_be_connected_says_why(
    shop: Running, wrong: Any, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert says in refusal(wrong(shop), capsys)


@pytest.mark.django_db
@pytest.mark.req("R-CONN-06")
@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (
            404,
            "<a href='index.php?route=common/home'>cannot be found!</a>",
            "Check the shop's address, and that the Manifold extension is installed",
        ),
        (404, "<html><h1>Not found</h1></html>", "There is no OpenCart shop at this address"),
        (200, "<html><h1>Welcome to my blog</h1></html>", "web page"),
        (500, "<html>Oops</html>", "server has a problem"),
    ],
)
def test_an_address_where_no_opencart_answers(
    status: int, body: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with website(status, body) as url:
        assert says in refusal({"domain_url": url, "secret_key": "5a4d" * 12}, capsys)


@pytest.mark.django_db
@pytest.mark.req("R-CONN-06")
def test_an_address_where_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with website(200, "") as url:
        pass
    says = refusal({"domain_url": url, "secret_key": "5a4d" * 12}, capsys)
    assert "No server answers at this address. Check the address, and that the store is online." in says


@pytest.mark.django_db
@pytest.mark.req("R-CONN-06")
def test_a_clock_that_is_off_is_allowed_for_and_named(
    shop: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """The time that the shop tells in its refusal is used once; the seller is told of it all the same."""
    shop.sandbox.configure(clock_offset=3600)
    call_command("connect_store", "opencart", *typed(shop.credentials), "--no-wait", "--json")
    assert json.loads(capsys.readouterr().out)["ok"] is True
    work()
    report = Job.objects.get(kind="channels.first_sync").result
    assert any(
        line.startswith("The shop's clock is 60 minutes ahead of Manifold's") for line in report["warnings"]
    )


@pytest.mark.django_db
@pytest.mark.req("R-CONN-06")
def test_a_clock_that_cannot_be_allowed_for_is_a_sentence(
    shop: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = {"error": {"code": "stale_timestamp", "message": "Stale.", "server_time": "2020-01-01T00:00:00Z"}}
    shop.sandbox.handle = lambda request: Response.json(stale, 401)
    assert "so the shop refuses calls. Correct the clocks." in refusal(shop.credentials, capsys)


@pytest.fixture
def store(transactional_db: None, shop: Running) -> Connection:
    made = connect.connect(channel="opencart", name="Mug Shop", credentials=shop.credentials)
    work()
    services.switch_on(connection=made)
    work()
    return made


@pytest.mark.req("R-ORD-04", "R-INV-02", "R-USE-03")
def test_commands_name_what_the_store_does_not_have(
    store: Connection, shop: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ", ".join(
        f"{row.external_id} ({row.name})"
        for row in StatusMapEntry.objects.filter(connection=store).order_by("pk")
    )
    asked, runs, jobs = CallLog.objects.count(), SyncRun.objects.count(), Job.objects.count()
    told = list(OutboxMessage.objects.order_by("pk").values_list("wanted", "sent"))
    for args, words in (
        (["sync_orders", "--status", "4711"], f"Mug Shop has no status 4711. It has: {names}."),
        (["sync_stock", "--sku", "NOBODY"], "Mug Shop has no SKU “NOBODY” whose stock can be sent."),
        (["sync_prices", "--sku", "NOBODY"], "Mug Shop has no SKU “NOBODY”."),
        (
            ["sync_stock", "--sku", "NOBODY", "--dry-run"],
            "Mug Shop has no SKU “NOBODY” whose stock can be sent.",
        ),
    ):
        with pytest.raises(CommandError) as said:
            call_command(*args, "--store", "Mug Shop")
        assert (str(said.value), said.value.returncode) == (words, 2)
        with pytest.raises(SystemExit) as end:
            call_command(*args, "--store", "mug shop", "--json")
        assert (end.value.code, json.loads(capsys.readouterr().out)) == (2, {"ok": False, "error": words})
    with pytest.raises(CommandError) as said:  # without a store: no store has it
        call_command("sync_stock", "--sku", "NOBODY")
    assert said.value.returncode == 2
    assert (CallLog.objects.count(), SyncRun.objects.count(), Job.objects.count()) == (asked, runs, jobs)
    assert list(OutboxMessage.objects.order_by("pk").values_list("wanted", "sent")) == told

    for args in (
        ["sync_orders", "--number", "99999"],
        ["sync_orders", "--number", "half"],
        ["sync_products", "--id", "99999"],
    ):
        with pytest.raises(SystemExit) as end:
            call_command(*args, "--store", "Mug Shop", "--json")
        entry = json.loads(capsys.readouterr().out)["stores"][0]
        assert (end.value.code, entry["ok"], entry["new"]) == (1, False, 0)
        assert entry["message"] == "1 of the requested records do not exist on the channel."
    assert (Order.objects.count(), ListingVariant.objects.count()) == (5, 3)


@pytest.mark.req("R-USE-03", "R-INV-02", "R-PRICE-01")
def test_commands_on_the_shop_itself(
    store: Connection, shop: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same five commands, that go well: dry first, then in earnest."""

    def run(*args: str) -> dict[str, Any]:
        call_command(*args, "--store", "Mug Shop", "--json")
        entry: dict[str, Any] = json.loads(capsys.readouterr().out)["stores"][0]
        return entry

    number = str(shop.sandbox.place_order([{"sku": "SKU-1", "quantity": 1}])["order_id"])
    assert run("sync_orders", "--number", number, "--dry-run")["new"] == 1
    assert not Order.objects.filter(external_id=number).exists()
    assert run("sync_orders", "--number", number)["new"] == 1
    assert run("sync_orders", "--number", number)["same"] == 1
    assert run("sync_products", "--id", "1", "--dry-run")["ok"] is True
    assert run("sync_products")["ok"] is True

    before = dict(OutboxMessage.objects.values_list("pk", "wanted"))
    plan = run("sync_stock", "--sku", "SKU-2", "--dry-run")
    assert (plan["would_send"], plan["plan"]) == (1, []), "only what would change is listed"
    assert dict(OutboxMessage.objects.values_list("pk", "wanted")) == before
    shop.sandbox.product(2)["quantity"] = 1
    there = ListingVariant.objects.get(external_sku="SKU-2").variant.stock_items.get().available
    assert run("sync_stock", "--sku", "SKU-2")["sent"] == 1
    assert int(shop.sandbox.product(2)["quantity"]) == there
    assert run("sync_prices")["sent"] == 3


class Terminal:
    """A place where somebody looks."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


@pytest.mark.req("R-USE-03")
def test_a_bar_on_a_terminal_and_none_elsewhere(
    store: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("sync_orders", "--store", "Mug Shop")
    assert "[" not in capsys.readouterr().err
    seen = Terminal()
    monkeypatch.setattr("sys.stderr", seen)
    call_command("sync_orders", "--store", "Mug Shop", "--json")
    assert seen.text == ""
    call_command("sync_orders", "--store", "Mug Shop")
    assert seen.text.startswith("Database: ")
    assert "\n\r\x1b[K" in seen.text
    assert "Order history of Mug Shop" in seen.text
    assert seen.text.endswith("\n")
