# long because: each trap of the sheet is one short test.
"""The sandbox behaves like the shops of the sheet (`opencart.md` §4 and §5), so that what passes on it means something."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from channels.connectors.opencart.auth import signature, webhook_signature
from channels.connectors.opencart.sandbox import make_sandbox
from channels.connectors.opencart.sandbox.api import SECRET_KEY
from channels.sandbox.server import Running, SandboxError

ROUTE = "extension/oms_connect/v1"


def ask(
    running: Running, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, Any, dict[str, str]]:
    """A plain request: status, JSON (or text, or the bytes of a picture), headers."""
    connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=5)
    connection.request(
        method, path, body or None, {name.replace("_", "-"): value for name, value in headers.items()}
    )
    response = connection.getresponse()
    data, kind = response.read(), response.headers.get("Content-Type", "")
    connection.close()
    if kind.startswith("image/"):
        return response.status, data, dict(response.headers)
    return response.status, json.loads(data) if "json" in kind else data.decode(), dict(response.headers)


def call(
    running: Running, method: str, name: str, body: Any = None, *, key: str = SECRET_KEY, nonce: str = "",
    at: float | None = None, **params: str,
) -> tuple[int, Any]:  # fmt: skip
    """A signed call of the contract, made without our client."""
    data = b"" if body is None else json.dumps(body).encode()
    query = {"route": ROUTE, "call": name, **params}
    stamp, nonce = str(int(time.time() if at is None else at)), nonce or secrets.token_hex(16)
    made = signature(key, timestamp=stamp, nonce=nonce, method=method, params=query, body=data)
    headers = {"X_OMS_Timestamp": stamp, "X_OMS_Nonce": nonce, "X_OMS_Signature": made}
    status, answer, _ = ask(running, method, f"/index.php?{urlencode(query)}", data, **headers)
    return status, answer


def product(running: Running, quantity: int = 10) -> dict[str, Any]:
    row = running.sandbox.shop.add_product("Tea", "8.0000", sku="TEA", quantity=quantity)
    running.sandbox.touch()
    return row


# ---------------------------------------------------------------- who may call


def test_a_signed_call_is_answered_in_the_envelope(opencart):
    status, answer = call(opencart, "GET", "stores")

    assert status == 200
    assert answer["data"] == [
        {"id": 0, "code": "0", "name": "Sandbox Shop", "url": f"{opencart.url}/", "default": True}
    ]
    assert answer["meta"]["next"] is None
    assert (answer["meta"]["api"], answer["meta"]["version"]) == ("1", "4.1.0.4")


@pytest.mark.parametrize(
    ("case", "more", "status", "code"),
    [
        ("wrong key", {"key": "x"}, 401, "bad_signature"),
        ("wrong key and clock", {"key": "x", "at": 0.0}, 401, "bad_signature"),
        ("right key, wrong clock", {"at": 0.0}, 401, "stale_timestamp"),
        ("short nonce", {"nonce": "ab"}, 401, "bad_signature"),
    ],
)
def test_who_is_turned_away(opencart, case, more, status, code):
    got, answer = call(opencart, "GET", "ping", **more)

    assert (got, answer["error"]["code"]) == (status, code)
    assert ("server_time" in answer["error"]) is (code == "stale_timestamp")


def test_an_unsigned_call_is_turned_away(opencart):
    status, answer, _ = ask(opencart, "GET", f"/index.php?route={ROUTE}&call=ping")

    assert (status, answer["error"]["code"]) == (401, "bad_signature")


def test_a_write_with_a_nonce_seen_before_is_refused_and_not_done(opencart):
    product(opencart)
    body = {"items": [{"ref": "1", "product_id": 1, "quantity": 4}]}
    assert call(opencart, "POST", "stock_price", body, nonce="ab" * 16)[0] == 200
    opencart.sandbox.set_stock(1, 9)

    status, answer = call(opencart, "POST", "stock_price", body, nonce="ab" * 16)

    assert (status, answer["error"]["code"]) == (409, "replayed")
    assert opencart.sandbox.product(1)["quantity"] == 9
    assert call(opencart, "GET", "ping", nonce="ab" * 16)[0] == 200  # reads may


def test_wrong_signatures_are_slowed_down_right_ones_never(opencart):
    for _ in range(30):
        assert call(opencart, "GET", "ping", key="x")[0] == 401

    status, answer = call(opencart, "GET", "ping", key="x")

    assert (status, answer["error"]["code"]) == (429, "slow_down")
    assert call(opencart, "GET", "ping")[0] == 200


def test_the_budget_of_a_minute(serve_opencart):
    running = serve_opencart(request_budget=2)

    assert [call(running, "GET", "ping")[0] for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(
    ("method", "name", "params", "status", "code", "field"),
    [
        ("GET", "nonsense", {}, 404, "unknown_call", None),
        ("GET", "stock_price", {}, 404, "unknown_call", None),
        ("POST", "orders", {}, 404, "unknown_call", None),
        ("GET", "orders", {"state": "1"}, 400, "bad_param", "state"),
        ("GET", "orders", {"limit": "201"}, 400, "bad_param", "limit"),
        ("GET", "orders", {"limit": "0"}, 400, "bad_param", "limit"),
        ("GET", "orders", {"after": "rubbish"}, 400, "bad_param", "after"),
        ("GET", "orders", {"modified_since": "yesterday"}, 400, "bad_param", "modified_since"),
        ("GET", "orders", {"status_ids": "1;2"}, 400, "bad_param", "status_ids"),
        ("GET", "order", {"order_id": "9"}, 404, "no_such_order", "order_id"),
        ("GET", "product", {"product_id": "9"}, 404, "no_such_product", "product_id"),
    ],
)
def test_calls_that_make_no_sense(opencart, method, name, params, status, code, field):
    got, answer = call(opencart, method, name, {} if method == "POST" else None, **params)

    assert (got, answer["error"]["code"], answer["error"].get("field")) == (status, code, field)


@pytest.mark.parametrize("items", [[], None, [{}] * 101])
def test_batches_have_1_to_100_items(opencart, items):
    status, answer = call(opencart, "POST", "stock_price", {"items": items})

    assert (status, answer["error"]["field"]) == (400, "items")


def test_a_body_that_is_no_object(opencart):
    assert call(opencart, "POST", "stock_price", [1])[1]["error"]["code"] == "bad_json"


def test_an_item_without_a_ref(opencart):
    _, answer = call(opencart, "POST", "stock_price", {"items": [{"product_id": 1, "quantity": 1}]})

    assert answer["data"][0]["ref"] is None
    assert answer["data"][0]["error"]["field"] == "ref"


# ---------------------------------------------------------------- the traps of OpenCart


@pytest.mark.parametrize(
    ("path", "quantities"),
    [
        ((2, 15, 2), [8, 10, 8]),  # Processed lies outside the lists: it gives the stock back
        ((3, 5), [8, 8]),
        ((7,), [10]),
        ((7, 16, 1), [10, 10, 8]),
    ],
)
def test_stock_follows_the_two_lists(opencart, path, quantities):
    product(opencart)
    order = opencart.sandbox.place_order([{"sku": "TEA", "quantity": 2}])
    assert opencart.sandbox.product(1)["quantity"] == 8

    seen = []
    for status in path:
        opencart.sandbox.set_status(order["order_id"], status)
        seen.append(opencart.sandbox.product(1)["quantity"])

    assert seen == quantities


def test_an_option_line_takes_two_figures_and_a_variant_line_three(serve_opencart):
    sandbox = serve_opencart(seed="demo").sandbox
    mug, throw = sandbox.product(54), sandbox.product(56)
    value, master_value = mug["options"][0]["values"][0], throw["options"][0]["values"][0]
    before = (mug["quantity"], value["quantity"])

    order = sandbox.place_order([{"sku": "MUG-CRM", "quantity": 2}])
    assert (mug["quantity"], value["quantity"]) == (before[0] - 2, before[1] - 2)
    assert order["lines"][0]["child_key"] == "54-1"
    order = sandbox.place_order([{"sku": "THROW-OAT", "quantity": 1}])
    assert (sandbox.product(57)["quantity"], throw["quantity"], master_value["quantity"]) == (6, 11, 6)
    assert (order["lines"][0]["child_key"], order["lines"][0]["master_id"]) == ("57", 56)

    sandbox.set_status(order["order_id"], 7)
    assert (sandbox.product(57)["quantity"], throw["quantity"], master_value["quantity"]) == (7, 12, 7)


def test_4_0_sells_a_variant_as_its_master_with_the_value_chosen(serve_opencart):
    sandbox = serve_opencart(seed="demo", version="4.0.2.3").sandbox

    order = sandbox.place_order([{"sku": "THROW-OAT", "quantity": 1}])

    [line] = order["lines"]
    assert (line["product_id"], line["master_id"], line["child_key"], line["child_sku"]) == (
        56,
        0,
        "57",
        "THROW-OAT",
    )


def test_an_unfinished_checkout_takes_nothing_and_is_never_listed(opencart):
    product(opencart)
    left = opencart.sandbox.place_order(status_id=0)

    assert opencart.sandbox.product(1)["quantity"] == 10
    assert call(opencart, "GET", "orders")[1]["data"] == []
    assert call(opencart, "GET", "order", order_id=str(left["order_id"]))[0] == 404


@pytest.mark.parametrize(("version", "moves"), [("4.1.0.4", False), ("4.0.2.3", True), ("3.0.5.1", True)])
def test_date_modified_does_not_move_with_the_status_on_4_1(serve_opencart, version, moves):
    running = serve_opencart(version=version)
    product(running)
    sandbox = running.sandbox
    placed = sandbox.shop.now() - 5000
    order = sandbox.place_order(moment=placed)
    row = sandbox.shop.orders[order["order_id"]]
    before = row["date_modified"]

    changed = sandbox.set_status(order["order_id"], 2)

    assert (row["date_modified"] != before) is moves
    assert changed["changed_at"] > order["changed_at"]


def test_a_sale_does_not_touch_the_products_date(opencart):
    product(opencart)
    sandbox = opencart.sandbox
    sandbox.product(1)["date_modified"] = "2026-01-01 00:00:00"

    sandbox.place_order()
    assert sandbox.product(1)["date_modified"] == "2026-01-01 00:00:00"
    sandbox.set_stock(1, 3)
    assert sandbox.product(1)["date_modified"] > "2026-01-01 00:00:00"


def test_text_is_stored_escaped_and_told_decoded(opencart):
    sandbox = opencart.sandbox
    row = sandbox.shop.add_product(
        'Tea "Royal" & <Co>', "1.0000", model="T", quantity=2, description="<p>5 &lt; 6</p>"
    )

    assert row["name"] == "Tea &quot;Royal&quot; &amp; &lt;Co&gt;"
    told = sandbox.read_product(row["product_id"])
    assert (told["name"], told["description"]) == ('Tea "Royal" & <Co>', "<p>5 &lt; 6</p>")
    assert sandbox.place_order()["lines"][0]["name"] == 'Tea "Royal" & <Co>'


def test_dates_are_the_shops_wall_clock_and_shift_with_its_time_zone(serve_opencart):
    running = serve_opencart(timezone="Europe/Berlin")
    product(running)
    summer = 1_784_282_400.0  # 2026-07-17T10:00:00Z
    order = running.sandbox.place_order(moment=summer)

    assert running.sandbox.shop.orders[order["order_id"]]["date_added"] == "2026-07-17 12:00:00"
    assert order["date_added"] == order["changed_at"] == "2026-07-17T10:00:00Z"
    running.sandbox.configure(timezone="America/New_York")
    shifted = running.sandbox.read_order(order["order_id"])
    assert shifted["date_added"] == "2026-07-17T16:00:00Z"  # old rows change their meaning
    assert shifted["changed_at"] == "2026-07-17T10:00:00Z"  # ours do not


def test_a_deleted_product_leaves_its_lines(opencart):
    product(opencart)
    order = opencart.sandbox.place_order()
    opencart.sandbox.shop.delete_product(1)

    [line] = opencart.sandbox.read_order(order["order_id"])["lines"]
    assert (line["product_id"], line["sku"], line["model"], line["child_key"]) == (1, "", "TEA", None)


@pytest.mark.parametrize(
    ("case", "options", "kind"),
    [
        ("none", [], "simple"),
        ("one counted select", [("select", True, True)], "options"),
        ("one counted radio", [("radio", True, False)], "options"),
        ("counts nothing", [("select", False, True)], "simple"),
        ("two counted", [("select", True, True), ("radio", True, True)], "complex"),
        ("counted checkbox", [("checkbox", True, False)], "complex"),
        ("counted select, free text", [("select", True, True), ("text", None, False)], "options"),
        ("counted select, required text", [("select", True, True), ("text", None, True)], "complex"),
        ("required file", [("file", None, True)], "complex"),
    ],
)
def test_kind_of_a_product(opencart, case, options, kind):
    row = product(opencart)
    for number, (form, counts, is_required) in enumerate(options):
        values = [] if counts is None else [{"name": "A", "quantity": 1, "subtract": counts}]
        opencart.sandbox.shop.add_option(row, f"Option {number}", values, kind=form, is_required=is_required)

    told = opencart.sandbox.read_product(1)

    assert told["kind"] == kind
    assert len(told["children"]) == (1 if kind == "options" else 0)


def test_a_person_closes_the_shop_and_opens_it_by_the_buttons_of_its_page(opencart):
    """The README's tour breaks something so; what is pressed is what the page's own form sends."""

    def press(label: str) -> int:
        page = ask(opencart, "GET", "/")[1]
        form = page[: page.index(f"<button>{label}</button>")].rpartition("<form")[2]
        name, value = (form.split(f'{key}="')[1].split('"')[0] for key in ("name", "value"))
        kind = "application/x-www-form-urlencoded"
        body = urlencode({name: value}).encode()
        return ask(opencart, "POST", "/_sandbox/maintenance", body, Content_Type=kind)[0]

    assert press("Close for maintenance") < 400
    assert (opencart.sandbox.shop.settings["maintenance"], call(opencart, "GET", "ping")[0]) == (True, 503)
    assert press("Open the shop") < 400
    assert (opencart.sandbox.shop.settings["maintenance"], call(opencart, "GET", "ping")[0]) == (False, 200)


def test_maintenance_closes_every_call_and_not_the_levers(opencart):
    opencart.sandbox.configure(maintenance=True)

    status, page = call(opencart, "GET", "ping")
    assert (status, "<h1>Maintenance</h1>" in page) == (503, True)
    assert ask(opencart, "GET", "/_sandbox/state")[0] == 200


def test_extension_not_installed_is_the_shops_own_404(opencart):
    opencart.sandbox.install(False)

    status, page = call(opencart, "GET", "ping")
    assert (status, "cannot be found" in page) == (404, True)


# ---------------------------------------------------------------- webhooks


@contextmanager
def listener(answer: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """Our side of a webhook."""
    heard: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((dict(self.headers), body))
            self.send_response(answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def register(running: Running, url: str, events: list[str]) -> None:
    body = {"url": url, "events": events, "secret": "s" * 32}
    assert call(running, "POST", "webhook_set", body)[0] == 200


def test_webhooks_of_an_orders_life(opencart):
    product(opencart)
    with listener(answer=500) as (url, heard):
        register(opencart, url, ["order.created", "order.updated", "order.deleted"])
        order_id = opencart.sandbox.place_order()["order_id"]
        opencart.sandbox.set_status(order_id, 2)
        call(
            opencart,
            "POST",
            "order_history",
            {"items": [{"ref": "e", "order_id": order_id, "order_status_id": 3}]},
        )
        opencart.sandbox.delete_order(order_id)

    events = [json.loads(body) for _, body in heard]
    assert [(e["event"], e["from"], e["to"]) for e in events] == [
        ("order.created", 0, 1),
        ("order.updated", 1, 2),
        ("order.deleted", 3, 0),  # what our API wrote (2 to 3) is no news to us
    ]
    assert len({event["id"] for event in events}) == 3
    for headers, body in heard:
        assert headers["X-OMS-Signature"] == webhook_signature("s" * 32, body)
        assert headers["X-OMS-Event"] == json.loads(body)["event"]


def test_a_lost_webhook_and_one_to_nobody_do_not_hold_up_the_buyer(opencart):
    product(opencart)
    with listener() as (url, heard):
        register(opencart, url, ["order.created"])
        register(opencart, "http://127.0.0.1:9/nobody", ["order.created"])
        opencart.sandbox.inject("lost_webhook")
        opencart.sandbox.place_order()
        opencart.sandbox.place_order()

    assert len(heard) == 1
    assert [hook["status"] for hook in opencart.sandbox.webhooks_sent] == [200, 0]
    assert len(opencart.sandbox.shop.orders) == 2


def test_webhook_set_replaces_and_removes(opencart):
    register(opencart, "https://oms.example/a", ["order.created"])
    register(opencart, "https://oms.example/a", ["order.updated"])
    assert [hook["events"] for hook in opencart.sandbox.shop.webhooks.values()] == [["order.updated"]]

    register(opencart, "https://oms.example/a", [])
    assert opencart.sandbox.shop.webhooks == {}


# ---------------------------------------------------------------- keeping, seeding, the levers over HTTP


def test_a_restart_forgets_nothing_and_gives_no_number_twice(tmp_path: Path):
    file = tmp_path / "shop folder" / "shop.json"
    first = make_sandbox(file=file)
    last = first.place_order([{"sku": "MUG-CRM", "quantity": 1}])
    first.shop.webhooks[1] = {"id": 1, "url": "http://x", "events": [], "secret": "s"}
    first.configure(maintenance=True)

    second = make_sandbox(file=file, seed="empty", timezone="UTC")  # the file wins

    assert second.dump() == first.dump()
    assert second.read_order(last["order_id"]) == {**first.read_order(last["order_id"])}
    assert second.shop.settings["maintenance"] is True
    second.shop.delete_product(61)
    second.delete_order(last["order_id"])
    third = make_sandbox(file=file)
    assert third.place_order()["order_id"] == last["order_id"] + 1
    assert third.shop.add_product("New", "1.0000", model="N")["product_id"] == 62


def test_a_file_is_written_whole(tmp_path: Path):
    file = tmp_path / "shop.json"
    sandbox = make_sandbox(file=file)
    before = file.read_bytes()
    sandbox.shop.products[1]["quantity"] = {1, 2}  # nothing that JSON can hold

    with pytest.raises(TypeError):
        sandbox.configure(maintenance=True)

    assert file.read_bytes() == before


def test_the_seed_is_the_same_each_time():
    clock = lambda: 1_790_000_000.0  # noqa: E731
    first, second = (make_sandbox(products=30, orders=40, clock=clock) for _ in range(2))

    assert first.dump() == second.dump()
    assert make_sandbox(clock=clock, random_seed=8).dump() != make_sandbox(clock=clock).dump()


def test_the_demo_holds_about_60_products_and_40_orders_in_all_statuses():
    summary = make_sandbox().summary()

    assert (summary["products"], summary["orders"]) == (61, 41)
    assert set(summary["statuses"]) == {
        "Pending", "Processing", "Shipped", "Complete", "Canceled", "Denied", "Expired", "Failed", "Refunded",
        "Processed", "Waiting for pick-up", "unfinished",
    }  # fmt: skip


def test_a_seed_that_does_not_exist():
    with pytest.raises(ValueError, match="no seed called big"):
        make_sandbox(seed="big")
    with pytest.raises(SandboxError, match="no setting called colour"):
        make_sandbox(colour="red")


def test_levers_over_http(serve_opencart):
    running = serve_opencart(seed="demo")
    status, order, _ = ask(
        running, "POST", "/_sandbox/place_order", b'{"lines": [{"sku": "MUG-CRM", "quantity": 2}]}'
    )
    assert (status, order["lines"][0]["quantity"]) == (200, 2)

    order_id = order["order_id"]
    body = json.dumps({"order_id": order_id, "status_id": 3, "comment": "Gone"}).encode()
    assert ask(running, "POST", "/_sandbox/set_status", body)[1]["status"] == {"id": 3, "name": "Shipped"}
    assert (
        ask(running, "POST", "/_sandbox/set_stock", b'{"product_id": 1, "quantity": 77}')[1]["quantity"] == 77
    )
    assert ask(running, "POST", "/_sandbox/configure", b'{"maintenance": true}')[1]["maintenance"] is True
    state = ask(running, "GET", "/_sandbox/state")[1]
    assert (state["orders"], state["settings"]["maintenance"]) == (42, True)
    assert len(ask(running, "GET", "/_sandbox/state?full=1")[1]["products"]) == 61


@pytest.mark.parametrize(
    ("method", "path", "body", "text"),
    [
        ("POST", "/_sandbox/nonsense", b"{}", "no control named nonsense"),
        ("POST", "/_sandbox/dump", b"{}", "no control named dump"),
        ("GET", "/_sandbox/place_order", b"", "no control named place_order"),
        ("POST", "/_sandbox/set_status", b'{"order_id": 999, "status_id": 2}', "There is no order 999."),
        ("POST", "/_sandbox/set_stock", b'{"product_id": "x", "quantity": 2}', "There is no product x."),
        ("POST", "/_sandbox/faults", b'{"kind": "fire"}', "No fault is named fire."),
        ("POST", "/_sandbox/place_order", b"[]", "must be a JSON object"),
        ("POST", "/_sandbox/place_order", b"{", "Expecting"),
    ],
)
def test_a_lever_that_is_pulled_wrongly_says_so(serve_opencart, method, path, body, text):
    status, answer, _ = ask(serve_opencart(), method, path, body)

    assert status == 422
    assert text in answer["error"]


def test_faults_over_http_strike_what_they_match_and_as_often_as_asked(opencart):
    ask(
        opencart,
        "POST",
        "/_sandbox/faults",
        b'{"kind": "server_error", "times": 2, "match": "call=ping", "skip": 1}',
    )

    assert call(opencart, "GET", "stores")[0] == 200
    assert [call(opencart, "GET", "ping")[0] for _ in range(4)] == [200, 500, 500, 200]
    ask(opencart, "POST", "/_sandbox/faults", b'{"kind": "maintenance", "times": null}')
    assert [call(opencart, "GET", "ping")[0] for _ in range(3)] == [503, 503, 503]
    assert ask(opencart, "DELETE", "/_sandbox/faults")[1] == []
    assert call(opencart, "GET", "ping")[0] == 200


def test_a_late_answer_comes_after_the_work(opencart):
    product(opencart)
    opencart.sandbox.inject("slow", seconds=0.01)

    assert (
        call(opencart, "POST", "stock_price", {"items": [{"ref": "1", "product_id": 1, "quantity": 2}]})[0]
        == 200
    )
    assert opencart.sandbox.product(1)["quantity"] == 2


def test_the_page_shows_stock_orders_and_buttons(serve_opencart):
    running = serve_opencart(seed="demo")
    running.sandbox.set_stock(1, 4321)
    status, page, _ = ask(running, "GET", "/")

    assert status == 200
    assert ">4321<" in page
    assert "Salt &amp; Pepper Cellar &lt;Duo&gt;" in page
    assert "<button>Place an order</button>" in page

    form = {"Content_Type": "application/x-www-form-urlencoded"}
    status, _, headers = ask(running, "POST", "/_sandbox/place_order", b"", **form)
    assert (status, headers["Location"]) == (303, "/")
    assert "#42<" in ask(running, "GET", "/")[1]
    assert ask(running, "POST", "/_sandbox/buy", b"product_id=54", **form)[0] == 303
    assert ask(running, "POST", "/_sandbox/set_status", b"order_id=42&status_id=3", **form)[0] == 303
    assert running.sandbox.read_order(42)["status"]["name"] == "Shipped"
    status, picture, headers = ask(running, "GET", "/image/catalog/mug.jpg")
    assert (status, headers["Content-Type"], picture[:4]) == (200, "image/jpeg", b"\xff\xd8\xff\xe0")
    assert ask(running, "GET", "/nowhere")[0] == 404


def test_a_big_shop_is_paged_through_by_keyset(serve_opencart):
    running = serve_opencart(products=2000, orders=500)
    after, seen = "", []
    while True:
        params: Any = {"limit": "200", **({"after": after} if after else {})}
        _, answer = call(running, "GET", "products", **params)
        seen += [row["product_id"] for row in answer["data"]]
        after = answer["meta"]["next"]
        if not after:
            break

    assert seen == list(range(1, 2001))
