"""OnBuy's API v2 as `onbuy.md` describes it: tokens, limits, filters, errors inside HTTP 200; controls for tests and people."""

from __future__ import annotations

import random
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote

from channels.connectors.onbuy.sandbox import page as account_page
from channels.connectors.onbuy.sandbox.calls import Calls
from channels.connectors.onbuy.sandbox.ids import IdControls
from channels.connectors.onbuy.sandbox.market import SLUGS, Market, Row
from channels.connectors.onbuy.sandbox.reference import refuse
from channels.connectors.onbuy.sandbox.seed import place_for
from channels.sandbox.refusal import Refusal
from channels.sandbox.server import Request, Response, SandboxError, control
from channels.sandbox.state import change_settings

CONSUMER_KEY = "onbuy-sandbox-consumer-key-7f3a9c51d2"
SECRET_KEY = "onbuy-sandbox-secret-key-0c86be417f95"  # noqa: S105  (of a sandbox account; it is public)
PREFIX = "/v2"


class OnBuySandbox(IdControls):
    """One seller's account on OnBuy. `market` is its state; `exchanges` are the calls with their answers."""

    channel: ClassVar[str] = "onbuy"

    def __init__(
        self, *, file: Path | None = None, clock: Callable[[], float] = time.time, **settings: Any
    ) -> None:
        super().__init__(file=file, clock=clock)
        self.consumer_key, self.secret_key = CONSUMER_KEY, SECRET_KEY
        self.market = Market(clock)
        change_settings(self.market.settings, settings)
        self.calls = Calls(self.market)
        self.tokens: dict[str, Row] = {}
        self.sign_ins = self.refused = 0
        self.counted: dict[str, deque[float]] = {}
        self.exchanges: deque[tuple[Request, Response]] = deque(maxlen=2000)
        self._rng = random.Random(11)

    # ------------------------------------------------ methods of the base
    def credentials(self) -> dict[str, str]:
        return {
            "consumer_key": self.consumer_key,
            "secret_key": self.secret_key,
            "seller_id": "",
            "api_url": self.url + PREFIX,
        }

    def is_api(self, request: Request) -> bool:
        self.market.pictures_at = f"{self.url}/image"
        return request.path.startswith(f"{PREFIX}/")

    def page(self, request: Request) -> Response:
        self.market.work_queue()
        return account_page.answer(self.market, request, self.url)

    def dump(self) -> Row:
        return {**self.market.dump(), "keys": [self.consumer_key, self.secret_key]}

    def load(self, data: Row) -> None:
        self.market.load(data)
        self.consumer_key, self.secret_key = data["keys"]

    def summary(self) -> Row:
        states: dict[str, int] = {}
        for order in self.market.orders.values():
            states[order["status"]] = states.get(order["status"], 0) + 1
        return {
            "url": self.url, "listings": len(self.market.listings), "orders": len(self.market.orders),
            "statuses": states, "queue": [entry["status"] for entry in self.market.queues.values()],
            "settings": self.market.settings, "sign_ins": self.sign_ins,
        }  # fmt: skip

    def touch(self) -> None:
        super().touch()
        self.calls.forget()

    def respond(self, request: Request) -> Response:
        response = super().respond(request)
        if self.is_api(request):
            self.exchanges.append((request, response))
        return response

    def too_many(self, seconds: int) -> Response:
        refusal = refuse(429, "Limit reached", "tooManyRequests")
        return Response.json(refusal.document, 429, {"Retry-After": str(seconds)})

    def repeat_page(self, request: Request, response: Response) -> Response:
        """Answer with the first page again, as if the offset had not been read."""
        offset = int(request.params.get("offset") or 0)
        if not offset:
            return response
        pairs = [(name, "0" if name == "offset" else value) for name, value in request.query]
        return self.handle(Request("GET", request.path, pairs, request.headers, b"", request.client))

    # ------------------------------------------------ answering
    def handle(self, request: Request) -> Response:
        path = unquote(request.path.removeprefix(PREFIX))
        try:
            if path == "/auth/request-token" and request.method == "POST":
                self._count(request)
                return Response.json(self._sign_in(request))
            self._check_token(request)
            self._count(request)
            if self.market.work_queue():
                self.touch()
            answer, is_change = self.calls.answer(request, path)
        except Refusal as error:
            headers = {"Retry-After": str(error.wait)} if error.wait else {}
            return Response.json(error.document, error.status, headers)
        if is_change:
            self.touch()
        return Response.json(answer)

    def _sign_in(self, request: Request) -> Row:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if (form.get("consumer_key"), form.get("secret_key")) != (self.consumer_key, self.secret_key):
            raise refuse(401, "Invalid consumer key or secret key", "badCredentials")
        if self.market.settings["newer_token_kills"]:
            self.tokens.clear()
        token = str(uuid.uuid4()).upper()
        expires = int(self.clock()) + int(self.market.settings["token_seconds"])
        self.tokens[token] = {"expires_at": expires, "client": request.client}
        self.sign_ins += 1
        return {"access_token": token, "expires_at": expires}

    def _check_token(self, request: Request) -> None:
        row = self.tokens.get(request.headers.get("authorization", ""))
        if row is None or row["expires_at"] <= self.clock() or row["client"] != request.client:
            raise refuse(401, "The access token is invalid", "badToken")

    def _count(self, request: Request) -> None:
        """Check and count the hourly and the daily limit of the method."""
        method, now, settings = request.method, self.clock(), self.market.settings
        windows = [
            (3600, settings["limits"].get(method)),
            (86_400, settings["limits_per_day"].get(method)),
        ]
        calls = self.counted.setdefault(method, deque())
        while calls and calls[0] <= now - 86_400:
            calls.popleft()
        for seconds, limit in windows:
            inside = [at for at in calls if at > now - seconds] if limit else []
            if limit and len(inside) >= limit:
                self.refused += 1
                wait = int(inside[-limit] + seconds - now) + 1 if settings["retry_after"] else 0
                raise refuse(429, "Limit reached", "tooManyRequests", wait=wait)
        if any(limit for _seconds, limit in windows):
            calls.append(now)

    # ------------------------------------------------ controls
    @control
    def configure(self, **settings: Any) -> Row:
        """Change the account's settings: limits, queue_seconds, shown_seconds, newer_token_kills, uk_times ..."""
        change_settings(self.market.settings, settings)
        self.touch()
        return self.market.settings

    @control
    def place_order(self, skus: Mapping[str, int] | None = None, *, moment: float | None = None) -> Row:
        """Place an order as a buyer: of these SKUs with their units, or of one SKU in stock."""
        rows = [row for row in self.market.listings.values() if row["sku"] and float(row["price"]) > 0]
        if skus is None:
            in_stock = [row for row in rows if int(row["stock"]) > 0] or rows
            goods = [(self._rng.choice(in_stock), 1)]
        else:
            goods = [(self._listing(sku), int(quantity)) for sku, quantity in skus.items()]
        order = place_for(self.market, self._rng, goods, moment)
        self.touch()
        return {"order_id": order["order_id"]}

    @control
    def buy(self, sku: str, quantity: int = 1) -> Row:
        """Place an order of one SKU as a buyer."""
        answer: Row = self.place_order({sku: int(quantity)})
        return answer

    @control
    def set_status(self, order_id: str, status: str) -> Row:
        """Set the status of an order (slug or label), as OnBuy or the seller does in the seller panel."""
        order = self._order(order_id)
        self.market.set_status(order, SLUGS.get(status, status))
        self.touch()
        return {"order_id": order_id, "status": order["status"]}

    @control
    def dispatch_in_panel(self, order_id: str, line: int, quantity: int = 1, number: str = "") -> Row:
        """Dispatch units of a line, as the seller does in the seller panel."""
        tracking = (
            {"tracking_number": number, "supplier_name": "Royal Mail", "tracking_url": ""} if number else None
        )
        order = self._order(order_id)
        self.market.dispatch(order, {int(line): int(quantity)}, tracking)
        self.touch()
        return {"status": order["status"]}

    @control
    def refund_in_panel(self, order_id: str, amount: str) -> Row:
        """Refund a part of an order, as OnBuy or the seller does in the seller panel."""
        order = self._order(order_id)
        refunds = order.get("refunds") or {}
        order["refunds"] = {**refunds, str(len(refunds) + 1): {"amount": f"{float(amount):.2f}"}}
        self.market.set_status(order, "partially_refunded")
        self.touch()
        return {"order_id": order_id, "status": order["status"]}

    @control
    def settle(self) -> Row:
        """Work the queue now and show all new listings."""
        self.market.work_queue(at_once=True)
        self.touch()
        return {"queue": [entry["status"] for entry in self.market.queues.values()]}

    @control
    def suspend(self, sku: str, reason: str = "Listing suspended") -> Row:
        """Suspend a listing: changes of it are refused."""
        self._listing(sku)["suspended_reason"] = reason
        self.touch()
        return {"sku": sku}

    @control
    def rename(self, sku: str, name: str, image_url: str = "") -> Row:
        """Change the name and picture of a product in the shared catalogue."""
        row = self._listing(sku)
        row |= {"name": name, "updated_at": self.market.stamp()}
        if image_url:
            row["image_url"] = image_url
        self.touch()
        return {"sku": sku, "name": name}

    @control
    def truncate(self, rows: int) -> Row:
        """Leave this number of rows out of the next list."""
        self.calls.truncated = int(rows)
        return {"rows": rows}

    @control
    def kill_tokens(self) -> Row:
        """Make all tokens invalid."""
        self.tokens.clear()
        return {}

    @control
    def change_keys(self, secret_key: str) -> Row:
        """Change the keys, as the seller does: the old keys and their tokens become invalid."""
        self.secret_key = secret_key
        self.tokens.clear()
        self.touch()
        return {}

    def _listing(self, sku: str) -> Row:
        key = self.market.by_sku.get(sku)
        if key is None:
            raise SandboxError(f"There is no SKU {sku}.")
        return self.market.listings[key]

    def _order(self, order_id: str) -> Row:
        if order_id not in self.market.orders:
            raise SandboxError(f"There is no order {order_id}.")
        return self.market.orders[order_id]
