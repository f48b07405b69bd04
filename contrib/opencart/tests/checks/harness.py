"""What every check uses: signed calls, comparisons, a buyer, the admin, a webhook receiver."""

from __future__ import annotations

import hashlib
import hmac
import http.cookiejar
import http.server
import json
import os
import secrets
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import shop as shop_module

SHOP = os.environ.get("SHOP", "").rstrip("/")
LISTEN_HOST = os.environ.get("LISTEN_HOST", "127.0.0.1")
MARK = "OMS-CONF-" + secrets.token_hex(4).upper()
ROUTE = "extension/oms_connect/v1"

opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
CHECKS: list[tuple[str, Callable[[], Any]]] = []
state: dict[str, Any] = {"key": os.environ.get("SECRET_KEY", "")}


class Failed(AssertionError):
    """A check that the shop did not pass."""


class Skip(Exception):
    """A check that this shop cannot have."""


def check(function: Callable[[], Any]) -> Callable[[], Any]:
    CHECKS.append((function.__name__, function))
    return function


def same(expected: Any, actual: Any, what: str = "") -> None:
    if expected != actual:
        raise Failed(f"{what or 'value'}: expected {expected!r}, got {actual!r}")


def quote(text: str) -> str:
    return urllib.parse.quote(text, safe="-._~")


def call(
    name: str,
    body: Any = None,
    *,
    method: str | None = None,
    key: str | None = None,
    at: int | None = None,
    nonce: str | None = None,
    raw: bytes | None = None,
    signed: bool = True,
    **params: Any,
) -> tuple[int, Any]:
    """HTTP status and the JSON answer (the text, when it is none)."""
    fields = {"route": ROUTE, "call": name, **{key_: str(value) for key_, value in params.items()}}
    query = "&".join(f"{quote(key_)}={quote(value)}" for key_, value in sorted(fields.items()))
    data = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())
    verb = method or ("GET" if body is None and raw is None else "POST")
    stamp, nonce = str(at or int(time.time())), nonce or secrets.token_hex(16)
    text = "\n".join([stamp, nonce, verb, query, hashlib.sha256(data).hexdigest()])
    signature = hmac.new((key or state["key"]).encode(), text.encode(), hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json"}
    if signed:
        headers |= {"X-OMS-Timestamp": stamp, "X-OMS-Nonce": nonce, "X-OMS-Signature": signature}
    request = urllib.request.Request(
        f"{SHOP}/index.php?{query}", data=data if verb == "POST" else None, method=verb, headers=headers
    )
    try:
        with opener.open(request, timeout=60) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode("utf-8", "replace")
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


def ok(name: str, body: Any = None, **params: Any) -> Any:
    status, answer = call(name, body, **params)
    if status != 200 or not isinstance(answer, dict) or "data" not in answer:
        raise Failed(f"{name}: HTTP {status} {str(answer)[:400]}")
    same({"next", "server_time", "api", "version"}, set(answer["meta"]), "meta")
    return answer["data"]


def refused(
    status: int, code: str, field: str | None, name: str, body: Any = None, **params: Any
) -> dict[str, Any]:
    found, answer = call(name, body, **params)
    if not isinstance(answer, dict) or "error" not in answer:
        raise Failed(f"{name}: HTTP {found}, no error object: {str(answer)[:200]}")
    same((status, code, field), (found, answer["error"].get("code"), answer["error"].get("field")), name)
    return answer["error"]


def item(name: str, **fields: Any) -> dict[str, Any]:
    """One item through a batch call."""
    return ok(name, {"items": [{"ref": secrets.token_hex(8), **fields}]})[0]


def item_refused(code: str, field: str | None, name: str, **fields: Any) -> dict[str, Any]:
    answer = item(name, **fields)
    same(
        (False, code, field),
        (answer["ok"], answer.get("error", {}).get("code"), answer.get("error", {}).get("field")),
        name,
    )
    return answer["error"]


def scan(name: str, limit: int, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    after: dict[str, Any] = {}
    for _ in range(500):
        status, answer = call(name, limit=limit, **params, **after)
        same(200, status, f"{name} {answer}")
        rows += answer["data"]
        if answer["meta"]["next"] is None:
            return rows
        same(limit, len(answer["data"]), "rows of a full page")
        after = {"after": answer["meta"]["next"]}
    raise Failed(f"{name} has no end")


def product(product_id: int) -> dict[str, Any]:
    return ok("product", product_id=product_id)


def make(**fields: Any) -> dict[str, Any]:
    made = ok(
        "product_create", {"ref": secrets.token_hex(8), "name": f"{MARK} thing", "price": "20.00", **fields}
    )
    state.setdefault("products", []).append(made["product_id"])
    return made


def storefront() -> shop_module.Shop:
    buyer = shop_module.Shop(SHOP)
    buyer.line = 4 if str(state["ping"]["version"]) >= "4" else 3
    return buyer


def newest_order() -> dict[str, Any]:
    return max(
        scan("orders", 200, created_since=utc(timedelta(hours=-30))), key=lambda order: order["order_id"]
    )


def buy(product_id: int, quantity: int = 1, options: dict[int, int | str] | None = None) -> dict[str, Any]:
    storefront().buy(product_id, quantity, options)
    order = newest_order()
    state.setdefault("orders", []).append(order["order_id"])
    return ok("order", order_id=order["order_id"])


def utc(delta: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + delta).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(moment: str) -> float:
    """Seconds since a time of the wire."""
    return (datetime.now(UTC) - datetime.strptime(moment + "+0000", "%Y-%m-%dT%H:%M:%SZ%z")).total_seconds()


def admin() -> shop_module.Shop:
    if not os.environ.get("SHOP_ADMIN_PASSWORD"):
        raise Skip("SHOP_ADMIN_PASSWORD is not set")
    if "admin" not in state:
        state["admin"] = shop_module.Shop.from_env()
        state["admin"].login()
    return state["admin"]


class Listener:
    """A tiny webhook receiver; `silent` takes the connection and never answers."""

    def __init__(self, silent: bool = False) -> None:
        self.got: list[tuple[float, dict[str, str], bytes]] = []
        if silent:
            self.socket = socket.create_server((LISTEN_HOST, 0))
            self.url = f"http://{LISTEN_HOST}:{self.socket.getsockname()[1]}/hook"
            return
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.got.append(
                    (time.time(), {name.lower(): value for name, value in self.headers.items()}, body)
                )
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer((LISTEN_HOST, 0), Handler)
        self.url = f"http://{LISTEN_HOST}:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count: int = 1, seconds: float = 5) -> list[tuple[float, dict[str, str], bytes]]:
        deadline = time.time() + seconds
        while len(self.got) < count and time.time() < deadline:
            time.sleep(0.02)
        return self.got

    def close(self) -> None:
        if hasattr(self, "server"):
            self.server.shutdown()
        else:
            self.socket.close()


SECRET = "conformance-secret-0123456789"


def hook(url: str, events: list[str]) -> Any:
    return ok("webhook_set", {"url": url, "events": events, "secret": SECRET})
