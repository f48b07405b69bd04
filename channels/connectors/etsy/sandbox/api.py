"""Open API v3 over the shop in memory: keys, tokens, limits, the quirks of `etsy.md`, and controls."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from channels.connectors.etsy.auth import SCOPES, challenge
from channels.connectors.etsy.sandbox import page as shop_page
from channels.connectors.etsy.sandbox.calls import ROUTES, Calls
from channels.connectors.etsy.sandbox.ids import IdControls
from channels.connectors.etsy.sandbox.seed import PEOPLE
from channels.connectors.etsy.sandbox.shop import Row, Shop
from channels.connectors.etsy.webhooks import webhook_signature
from channels.sandbox.refusal import Refusal
from channels.sandbox.server import Request, Response, SandboxError, control
from channels.sandbox.state import change_settings

KEYSTRING = "sandboxkeystring00000000"
SHARED_SECRET = "sandboxsecret"  # noqa: S105  (of a sandbox application; it is public)
WEBHOOK_SECRET = "whsec_c2FuZGJveC13ZWJob29rLXNlY3JldA=="  # noqa: S105
PREFIX = "/v3/application"
TOKEN_PATH = "/v3/public/oauth/token"  # noqa: S105
DAY = 86_400.0


class EtsySandbox(IdControls):
    """One shop of Etsy with one application. `shop` is its state; the controls below are for tests and people.

    `exchanges` has the calls with their answers, for the tests that compare them with Etsy's API document.
    """

    channel: ClassVar[str] = "etsy"
    fulfilment_call: ClassVar[str] = (
        "/tracking"  # what a fault's `match` finds in a call that sends a shipment
    )

    def __init__(
        self, *, file: Path | None = None, clock: Callable[[], float] = time.time, **settings: Any
    ) -> None:
        super().__init__(file=file, clock=clock)
        self.shop = Shop(clock)
        change_settings(self.shop.settings, settings)
        self.calls = Calls(self.shop)
        self.spent: deque[float] = deque()
        self.exchanges: deque[tuple[Request, Response]] = deque(maxlen=5000)
        self.webhooks_sent: list[Row] = []

    # ------------------------------------------------ methods of the base
    def credentials(self) -> dict[str, str]:
        """Return the credentials after a sign-in, with this sandbox's application and addresses."""
        with self.lock:
            tokens = self.shop.issue()
            self.touch()
            self.save()
        return {
            "access_token": tokens["access_token"],
            "refresh_token": tokens["refresh_token"],
            "api_url": self.url,
            "sign_in_url": f"{self.url}/oauth/connect",
            "keystring": KEYSTRING,
            "shared_secret": SHARED_SECRET,
        }

    def is_api(self, request: Request) -> bool:
        return request.path.startswith("/v3/")

    def page(self, request: Request) -> Response:
        if request.path == "/oauth/connect":
            return self._consent(request)
        return shop_page.answer(self.shop, request, self.url)

    def dump(self) -> Row:
        return self.shop.dump()

    def load(self, data: Row) -> None:
        self.shop.load(data)

    def too_many(self, seconds: int) -> Response:
        return _error(429, "Exceeded per second limit", {"retry-after": str(seconds)})

    def summary(self) -> Row:
        states: dict[str, int] = {}
        for receipt in self.shop.receipts.values():
            states[receipt["status"]] = states.get(receipt["status"], 0) + 1
        return {
            "url": self.url,
            "products": len(self.shop.listings),
            "orders": len(self.shop.receipts),
            "statuses": states,
            "settings": self.shop.settings,
        }

    # ------------------------------------------------ answering
    def handle(self, request: Request) -> Response:
        self.shop.base_url = self.url
        response = self._answer(request)
        response.headers.setdefault("X-Etsy-Request-Uuid", secrets.token_hex(8))
        self.exchanges.append((request, response))
        return response

    def _answer(self, request: Request) -> Response:
        if request.path == TOKEN_PATH:
            return self._token(request)
        key = request.headers.get("x-api-key", "")
        if key == KEYSTRING:
            return _error(403, "Shared secret is required in x-api-key header.")
        if key != f"{KEYSTRING}:{SHARED_SECRET}":
            return _error(403, "Invalid API key: should be in the format 'keystring:shared_secret'.")
        limited = self._limit()
        if isinstance(limited, Response):
            return limited
        has_token = "authorization" in request.headers
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if has_token and self.shop.access.get(token, 0.0) <= self.clock():
            return Response.json(
                {"error": "invalid_token", "error_description": "access token is expired"}, 401
            )
        path = request.path.removeprefix(PREFIX)
        try:
            for route in ROUTES:
                found = route.pattern.fullmatch(path)
                if found and route.method == request.method:
                    if route.scope and not has_token:
                        return Response.json(
                            {"error": "invalid_token", "error_description": "missing token"}, 401
                        )
                    if route.scope and route.scope not in self.shop.settings["scopes"].split():
                        return _error(403, f"insufficient_scope: {route.scope} scope is required.")
                    before = self.version
                    document = getattr(self.calls, route.name)(request, *found.groups())
                    if request.method != "GET" and before == self.version:
                        self.touch()
                    if route.status == 204:
                        return Response(204, headers=dict(limited))
                    return Response.json(document, route.status, limited)
        except Refusal as refusal:
            return _error(refusal.status, str(refusal))
        return _error(404, "Resource not found")

    def _limit(self) -> dict[str, str] | Response:
        """Count the call; return the headers with the limits of a second and of a sliding day, or the 429."""
        now, settings = self.clock(), self.shop.settings
        while self.spent and self.spent[0] <= now - DAY:
            self.spent.popleft()
        second = 0
        for at in reversed(self.spent):
            if at <= now - 1:
                break
            second += 1
        if len(self.spent) >= settings["per_day"]:
            return _error(
                429, "Exceeded daily limit", {"retry-after": str(int(self.spent[0] + DAY - now) + 1)}
            )
        if second >= settings["per_second"]:
            return _error(429, "Exceeded per second limit", {"retry-after": "1"})
        self.spent.append(now)
        return {
            "x-limit-per-second": str(settings["per_second"]),
            "x-remaining-this-secon": str(settings["per_second"] - second - 1),
            "x-limit-per-day": str(settings["per_day"]),
            "x-remaining-today": str(settings["per_day"] - len(self.spent)),
        }

    def _token(self, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        if form.get("client_id") != KEYSTRING:
            return _grant("invalid_client", "client_id is not known", 401)
        if form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") not in self.shop.refresh:
                return _grant("invalid_grant", "refresh_token is revoked")
            self.shop.refresh.remove(form["refresh_token"])
        elif form.get("grant_type") == "authorization_code":
            begun = self.shop.codes.pop(form.get("code", ""), None)
            if (
                begun is None
                or begun["redirect_uri"] != form.get("redirect_uri")
                or begun["challenge"] != challenge(form.get("code_verifier", ""))
            ):
                return _grant("invalid_grant", "code is not valid")
        else:
            return _grant("unsupported_grant_type", "grant_type is not supported")
        self.touch()
        return Response.json(self.shop.issue())

    def _consent(self, request: Request) -> Response:
        """Return Etsy's consent page, or redirect with the answer of the shop's owner."""
        given = request.params
        missing = [
            n for n in ("client_id", "redirect_uri", "scope", "state", "code_challenge") if not given.get(n)
        ]
        if missing or given["client_id"] != KEYSTRING or given.get("code_challenge_method") != "S256":
            return Response.html(
                "<!DOCTYPE html><h1>The application that sent you here is not known.</h1>", 400
            )
        back, state = given["redirect_uri"], given["state"]
        mark = "&" if urlsplit(back).query else "?"
        if not given.get("answer"):
            return shop_page.consent(self.shop, request, given["scope"].split())
        if given["answer"] != "allow":
            refused = {
                "error": "access_denied",
                "error_description": "The user denied the request",
                "state": state,
            }
            return Response(302, b"", {"Location": f"{back}{mark}{urlencode(refused)}"})
        code = secrets.token_urlsafe(24)
        self.shop.codes[code] = {"redirect_uri": back, "challenge": given["code_challenge"]}
        self.shop.settings["scopes"] = " ".join(s for s in given["scope"].split() if s in SCOPES)
        self.touch()
        return Response(302, b"", {"Location": f"{back}{mark}{urlencode({'code': code, 'state': state})}"})

    # ------------------------------------------------ controls
    @control
    def configure(self, **settings: Any) -> Row:
        """Change the shop's settings: country, is_restricted, is_vacation, scopes, per_day, webhook_url ..."""
        change_settings(self.shop.settings, settings)
        self.touch()
        return self.shop.settings

    @control
    def place_order(self, lines: list[Row] | None = None, *, person: int = 0, **options: Any) -> Row:
        """Place an order as a buyer; return {"order_id"}. Lines are {sku, quantity}; without them one unit of something in stock."""
        goods = []
        for line in lines or []:
            found = self.shop.find_product(line["sku"])
            if found is None:
                raise SandboxError(f"There is no SKU {line['sku']}.")
            goods.append((*found, int(line.get("quantity", 1))))
        if not goods:
            if not self.shop.listings:
                self.shop.add_listing("Thing", [{"sku": "THING", "price": "10.00", "quantity": 50}])
            listing = max(self.shop.listings.values(), key=lambda row: row["quantity"])
            goods = [(listing, listing["inventory"]["products"][0], 1)]
        receipt = self.shop.add_receipt(goods, PEOPLE[person], **options)
        self.touch()
        if receipt["is_paid"]:
            self.send_webhook("order.paid", receipt["receipt_id"])
        return {"order_id": receipt["receipt_id"]}

    @control
    def buy(self, sku: str) -> Row:
        """Place an order of one SKU as a buyer."""
        return {"order_id": self.place_order([{"sku": sku, "quantity": 1}])["order_id"]}

    @control
    def set_status(self, order_id: int | str, status: str) -> Row:
        """Set Paid, Canceled, Completed, Delivered, Fully Refunded ... as on Etsy's own pages."""
        receipt = self.shop.receipts[str(order_id)]
        self.shop.move(receipt, status)
        self.touch()
        names = {
            "canceled": "order.canceled",
            "completed": "order.shipped",
            "delivered": "order.delivered",
            "paid": "order.paid",
        }
        if status.lower() in names:
            self.send_webhook(names[status.lower()], receipt["receipt_id"])
        return {"status": receipt["status"]}

    @control
    def refund(self, order_id: int | str, amount: str, reason: str = "", *, is_told: bool = True) -> Row:
        """Refund as on Etsy's own pages; `is_told` False does not change `updated_timestamp`."""
        receipt = self.shop.refund(self.shop.receipts[str(order_id)], amount, reason, is_told=is_told)
        self.touch()
        return {"status": receipt["status"], "refunds": receipt["refunds"]}

    @control
    def revoke(self) -> Row:
        """Change the seller's password: every token becomes invalid."""
        self.shop.access.clear()
        self.shop.refresh.clear()
        self.touch()
        return {}

    @control
    def expire(self) -> Row:
        """End every access token, as after an hour; refresh tokens still work."""
        self.shop.access = dict.fromkeys(self.shop.access, 0.0)
        self.touch()
        return {}

    def send_webhook(self, topic: str, receipt_id: int) -> None:
        """Send a signed webhook when the lock is free."""
        url, settings = self.shop.settings["webhook_url"], self.shop.settings
        if not url:
            return
        body = json.dumps(
            {
                "event_type": topic,
                "resource_url": f"https://api.etsy.com{PREFIX}/shops/{settings['shop_id']}/receipts/{receipt_id}",
                "shop_id": settings["shop_id"],
            }
        ).encode()
        event_id, stamp = f"msg_{secrets.token_hex(8)}", str(int(self.clock()))
        signature = webhook_signature(settings["webhook_secret"], event_id, stamp, body).decode()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{signature}",
        }
        self.webhooks_sent.append({"headers": headers, "body": body.decode()})
        self.post_later(lambda: _post(url, headers, body))


def _post(url: str, headers: dict[str, str], body: bytes) -> None:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    line = kind(parts.hostname or "", parts.port, timeout=1.5)
    try:
        line.request("POST", parts.path, body, headers)
        line.getresponse().read()
    except OSError:
        pass  # Etsy would try again; the regular sync imports it
    finally:
        line.close()


def _error(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response.json({"error": text}, status, headers)


def _grant(code: str, text: str, status: int = 400) -> Response:
    return Response.json({"error": code, "error_description": text}, status)
