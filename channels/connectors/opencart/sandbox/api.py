# long because: the controls, the checks of a call and the webhooks share the shop and its lock.
"""`oms_connect` v1 (CONTRACT.md) over a shop in memory: authentication, envelope, webhooks; controls for tests and people."""

from __future__ import annotations

import http.client
import json
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from channels.connectors.opencart.auth import is_same, signature, webhook_signature
from channels.connectors.opencart.sandbox import page as shop_page
from channels.connectors.opencart.sandbox import rows
from channels.connectors.opencart.sandbox.ids import IdControls
from channels.connectors.opencart.sandbox.reads import READS, SKEW, Reads
from channels.connectors.opencart.sandbox.shop import Row, Shop
from channels.connectors.opencart.sandbox.writes import Writes, refuse
from channels.sandbox.refusal import Refusal
from channels.sandbox.server import MAINTENANCE_PAGE, Request, Response, SandboxError, control
from channels.sandbox.state import change_settings

SECRET_KEY = "5a4d0b0c5e1f4f0ea7c3b2d19687f0a1b2c3d4e5f60718ab"  # noqa: S105  (of a sandbox shop; it is public)
ROUTE = "extension/oms_connect/v1"
NOT_FOUND = "<!DOCTYPE html><html><body><h1>The page you requested cannot be found!</h1></body></html>"
HOME = '<!DOCTYPE html><html><body><a href="{0}/index.php?route=common/home">Sandbox Shop</a></body></html>'
BUYERS = ("Nora Lindqvist", "Tom Becker", "Sofia Rossi", "Aoife Byrne", "Jan Visser", "Grace Hill")
NONCE_LIFE = 600
WEBHOOK_TIMEOUT = 1.5


class OpenCartSandbox(Reads, IdControls):
    """One OpenCart shop with the Manifold extension. `shop` is its state; the controls below are for tests and people."""

    channel: ClassVar[str] = "opencart"

    def __init__(
        self,
        *,
        file: Path | None = None,
        clock: Callable[[], float] = time.time,
        secret_key: str = SECRET_KEY,
        folder: str = "",
        **settings: Any,
    ) -> None:
        super().__init__(file=file, clock=clock)
        self.secret_key = secret_key
        self.old_key = ""
        self.folder = f"/{folder.strip('/')}" if folder.strip("/") else ""
        self.shop = Shop(clock)
        self.shop.emit = self._emit
        change_settings(self.shop.settings, settings)
        self.writes = Writes(self.shop)
        self.nonces: dict[str, float] = {}
        self.calls: deque[float] = deque()
        self.wrong: dict[str, deque[float]] = {}
        self.is_installed = True
        self.webhooks_sent: list[Row] = []
        self._indexes: dict[str, tuple[int, list[tuple[tuple[Any, ...], Row]]]] = {}

    # ------------------------------------------------ methods of the base
    def credentials(self) -> dict[str, str]:
        return {"domain_url": self.url + self.folder, "secret_key": self.secret_key}

    def is_api(self, request: Request) -> bool:
        return request.path == f"{self.folder}/index.php"

    def page(self, request: Request) -> Response:
        return shop_page.answer(self.shop, request, self.url + self.folder)

    def dump(self) -> Row:
        keys = {"secret_key": self.secret_key, "old_key": self.old_key, "is_installed": self.is_installed}
        return {**self.shop.dump(), **keys}

    def load(self, data: Row) -> None:
        self.shop.load(data)
        self.secret_key, self.old_key, self.is_installed = (
            data["secret_key"],
            data["old_key"],
            data["is_installed"],
        )

    def summary(self) -> Row:
        states: dict[str, int] = {}
        for order in self.shop.orders.values():
            name = self.shop.statuses.get(order["status_id"], "unfinished")
            states[name] = states.get(name, 0) + 1
        return {
            "url": self.url + self.folder, "products": len(self.shop.products), "orders": len(self.shop.orders),
            "statuses": states, "settings": self.shop.settings, "webhooks": list(self.shop.webhooks.values()),
        }  # fmt: skip

    def repeat_page(self, request: Request, response: Response) -> Response:
        document = json.loads(response.body)
        if document.get("meta", {}).get("next") is None or "after" not in request.params:
            return response
        document["meta"]["next"] = request.params["after"]
        return Response.json(document)

    # ------------------------------------------------ controls
    @control
    def configure(self, **settings: Any) -> Row:
        """Change the shop's settings: maintenance, disabled, clock_offset, timezone, version, ip_allow, processing ..."""
        change_settings(self.shop.settings, settings)
        self.touch()
        return self.shop.settings

    @control
    def maintenance(self, is_on: bool | str = True) -> Row:
        """Close the shop for maintenance, or open it again ("no" is the value of the page's button)."""
        self.shop.settings["maintenance"] = is_on not in (False, "no")
        self.touch()
        return {"maintenance": self.shop.settings["maintenance"]}

    @control
    def place_order(
        self,
        lines: list[Row] | None = None,
        *,
        status_id: int | str | None = None,
        customer: str = "",
        country: str = "DE",
        comment: str = "",
        currency: str = "",
        is_download: bool = False,
        moment: float | None = None,
        extra: Row | None = None,
    ) -> Row:
        """Place an order as a buyer; return its row. Lines are {product_id | sku, quantity, option_value_id?, texts?}.

        Without lines: one unit of a product in stock. `status_id` None: the shop's status of new orders; 0: an unfinished
        checkout. An order may have more units than are in stock, as in OpenCart.
        """
        wanted = lines or [{"product_id": self._some_product(), "quantity": 1}]
        bought = [self._bought(**line) for line in wanted]
        shipping = "" if is_download else "5.0000"
        totals = self.shop.totals_for(bought, shipping)
        first, _, last = (customer or BUYERS[len(self.shop.orders) % len(BUYERS)]).partition(" ")
        address = None if is_download else _address(first, last, country)
        code = currency or self.shop.settings["currency"]
        order = self.shop.add_order(
            {
                "lines": bought, "totals": totals, "total": totals[-1]["value"], "currency": code,
                "currency_value": self.shop.settings["currencies"].get(code, "1.00000000"), "firstname": first,
                "lastname": last, "email": f"{first}.{last}@example.com".lower(), "telephone": "+49 30 1234567",
                "comment": comment,
                "payment": {"name": "Cash On Delivery", "code": "cod.cod", "address": address},
                "shipping": {"name": "", "code": "", "cost": None, "address": None} if is_download else
                {"name": "Flat Shipping Rate", "code": "flat.flat", "cost": "5.0000", "address": address},
                **(extra or {}),
            },
            moment=moment,
        )  # fmt: skip
        status = self.shop.settings["new_status"] if status_id is None else int(status_id)
        if status:
            self.shop.add_history(order, status, moment=moment)
        self.touch()
        return rows.order_row(self.shop, order, self.url + self.folder, with_history=True)

    @control
    def buy(self, product_id: int | str, quantity: int | str = 1) -> Row:
        """Place an order of one product as a buyer; of a product with options, the first value in stock."""
        product = self.product(product_id)
        option = self.shop.counted(product)
        values = [value for value in option["values"] if value["quantity"] > 0] if option else []
        chosen = values[0]["option_value_id"] if values else None
        return self.place_order([{"product_id": product_id, "quantity": quantity, "option_value_id": chosen}])

    @control
    def set_status(self, order_id: int | str, status_id: int | str, comment: str = "") -> Row:
        """Set the status of an order, as in the shop's admin."""
        order = self._order(order_id)
        self.shop.add_history(order, int(status_id), comment=comment)
        self.touch()
        return rows.order_row(self.shop, order, self.url + self.folder, with_history=True)

    @control
    def edit_order(self, order_id: int | str, is_finished: bool = True, **changes: Any) -> Row:
        """Edit an order in the shop's admin: all lines get new ids, and the status passes through Voided.

        `changes` are columns of the order, and `lines` as in `place_order`. `is_finished` False: stop where the order is
        voided and its status is still to follow.
        """
        order = self._order(order_id)
        before = order.get("before_edit") or order["status_id"]
        order["before_edit"] = before
        self.shop.add_history(order, 16, is_quiet=True)
        lines = changes.pop("lines", None)
        if lines is not None:
            order["lines"] = [self._bought(**line) for line in lines]
            order["totals"] = self.shop.totals_for(order["lines"])
            order["total"] = order["totals"][-1]["value"]
        for line in order["lines"]:
            line["order_product_id"] = self.shop.next_id("order_product")
        order.update(changes)
        if is_finished:
            del order["before_edit"]
            self.shop.add_history(order, before)
        self.touch()
        return self.read_order(order["order_id"])

    @control
    def write_by_sql(self, order_id: int | str = 0, status_id: int | str = 2) -> Row:
        """Write a new order, or the status of an order, past OpenCart's events, as some add-ons do."""
        if not int(order_id):
            order_id = self.place_order(status_id=0)["order_id"]
        order = self._order(order_id)
        order["status_id"], order["is_unseen"] = int(status_id), True
        self.touch()
        return self.read_order(order["order_id"])

    @control
    def set_stock(
        self, product_id: int | str, quantity: int | str, option_value_id: int | str | None = None
    ) -> Row:
        """Set a quantity, as in the shop's admin."""
        product = self.product(product_id)
        self.shop.set_quantity(product, int(quantity), self._value(product, option_value_id))
        self.touch()
        return self.read_product(product["product_id"])

    @control
    def rotate_key(self) -> Row:
        """Make a new secret key, as in the shop's admin; the old key stays valid for a day."""
        self.old_key, self.secret_key = self.secret_key, self.secret_key[::-1]
        self.touch()
        return {"secret_key": self.secret_key}

    @control
    def install(self, is_installed: bool = True) -> Row:
        """Install or remove the extension."""
        self.is_installed = is_installed
        self.touch()
        return {"is_installed": is_installed}

    def product(self, product_id: int | str) -> Row:
        try:
            return self.shop.products[int(product_id)]
        except (KeyError, ValueError):
            raise SandboxError(f"There is no product {product_id}.") from None

    def read_product(self, product_id: int) -> Row:
        """Return a product as the API shows it."""
        return rows.product_row(self.shop, self.product(product_id), self.url + self.folder)

    def read_order(self, order_id: int) -> Row:
        """Return an order as the API shows it, with its history."""
        return rows.order_row(self.shop, self._order(order_id), self.url + self.folder, with_history=True)

    def _order(self, order_id: int | str) -> Row:
        try:
            return self.shop.orders[int(order_id)]
        except (KeyError, ValueError):
            raise SandboxError(f"There is no order {order_id}.") from None

    def _value(self, product: Row, option_value_id: int | str | None) -> Row | None:
        if option_value_id in (None, ""):
            return None
        for option in product["options"]:
            for value in option["values"]:
                if value["option_value_id"] == int(option_value_id or 0):
                    found: Row = value
                    return found
        raise SandboxError(f"The product has no option value {option_value_id}.")

    def _some_product(self) -> int:
        """Return a product for the next order: another one each time."""
        ids = [
            product["product_id"]
            for product in self.shop.products.values()
            if product["quantity"] > 0 and product["status"] and self.shop.kind(product) == "simple"
        ]
        if not ids:
            raise SandboxError("No product of the shop is in stock.")
        return int(ids[len(self.shop.orders) * 7 % len(ids)])

    def _bought(
        self,
        product_id: int | str | None = None,
        quantity: int | str = 1,
        *,
        sku: str = "",
        option_value_id: int | str | None = None,
        texts: list[Row] | None = None,
    ) -> Row:
        if product_id is None:
            product_id, option_value_id = self._by_sku(sku)
        product = self.product(product_id)
        values = [int(option_value_id)] if option_value_id not in (None, "") else []
        master = self.shop.products.get(product["master_id"])
        if master and not self.shop.settings["version"].startswith("4.1"):
            # 4.0 puts the master into the cart, with the variant's option value chosen.
            values = [value["option_value_id"] for _, value in self.shop.variant_values(product, master)]
            product = master
        return self.shop.line_for(product, int(quantity), values, texts or ())

    def _by_sku(self, sku: str) -> tuple[int, int | None]:
        for product in self.shop.products.values():
            if product["sku"] == sku:
                return product["product_id"], None
            for option in product["options"]:
                for value in option["values"]:
                    if rows.child_sku(product, value)[0] == sku:
                        return product["product_id"], value["option_value_id"]
        raise SandboxError(f"The shop has no SKU {sku}.")

    # ------------------------------------------------ one call
    def handle(self, request: Request) -> Response:
        if request.params.get("route") != ROUTE:
            is_home = request.params.get("route", "common/home") == "common/home"
            return Response.html(HOME.format(self.folder)) if is_home else Response.html(NOT_FOUND, 404)
        if self.shop.settings["maintenance"]:
            return Response.html(MAINTENANCE_PAGE, 503)
        if not self.is_installed:
            return Response.html(NOT_FOUND, 404)
        try:
            self._authenticate(request)
            data, following = self._dispatch(request)
        except Refusal as refusal:
            wait = (
                {"Retry-After": str(refusal.document["retry_after"])}
                if "retry_after" in refusal.document
                else {}
            )
            return Response.json({"error": refusal.document}, refusal.status, wait)
        meta = {
            "next": following, "server_time": rows.stamp(self.shop.now()), "api": "1",
            "version": self.shop.settings["version"],
        }  # fmt: skip
        return Response.json({"data": data, "meta": meta}, headers={"Cache-Control": "no-store"})

    def _authenticate(self, request: Request) -> None:
        """Check the call as in CONTRACT.md §2, in that order; raise `Refusal`."""
        settings, now = self.shop.settings, self.shop.now()
        if settings["disabled"]:
            raise refuse(403, "disabled", "The module is disabled.")
        if settings["ip_allow"] and request.client not in settings["ip_allow"]:
            raise refuse(403, "ip_not_allowed", f"The address {request.client} is not allowed.")
        timestamp, nonce = request.headers.get("x-oms-timestamp", ""), request.headers.get("x-oms-nonce", "")
        if len(request.params) != len(request.query):
            raise refuse(400, "bad_param", "A parameter is given twice.")
        given = request.headers.get("x-oms-signature", "")
        keys = [key for key in (self.secret_key, self.old_key) if key]
        is_formed = timestamp.isdigit() and len(nonce) == 32
        if not is_formed or not any(
            is_same(given, self._sign(key, request, timestamp, nonce)) for key in keys
        ):
            raise self._wrong(request.client, now)
        if abs(int(timestamp) - now) > SKEW:
            raise refuse(
                401, "stale_timestamp", "The time stamp is too far off.", server_time=rows.stamp(now)
            )
        self._spend(now)
        if request.method == "POST":
            self._use_nonce(nonce, now)

    def _wrong(self, client: str, now: float) -> Refusal:
        """Return the refusal of a wrong signature; after 30 in a minute from one address it is 429."""
        wrong = self.wrong.setdefault(client, deque(maxlen=31))
        wrong.append(now)
        if len(wrong) > 30 and wrong[0] > now - 60:
            wait = max(1, int(wrong[0] + 60 - now))
            return refuse(429, "slow_down", "Too many wrong signatures.", retry_after=wait)
        return refuse(401, "bad_signature", "The signature is wrong.")

    @staticmethod
    def _sign(key: str, request: Request, timestamp: str, nonce: str) -> str:
        return signature(
            key,
            timestamp=timestamp,
            nonce=nonce,
            method=request.method,
            params=request.params,
            body=request.body,
        )

    def _spend(self, now: float) -> None:
        budget = self.shop.settings["request_budget"]
        while self.calls and self.calls[0] <= now - 60:
            self.calls.popleft()
        if budget and len(self.calls) >= budget:
            wait = max(1, int(self.calls[0] + 60 - now) + 1)
            raise refuse(429, "slow_down", "Too many requests.", retry_after=wait)
        self.calls.append(now)

    def _use_nonce(self, nonce: str, now: float) -> None:
        if self.nonces.get(nonce, 0) > now:
            raise refuse(409, "replayed", "This request was made before.")
        if len(self.nonces) > 10_000:
            self.nonces = {key: until for key, until in self.nonces.items() if until > now}
        self.nonces[nonce] = now + NONCE_LIFE

    def _dispatch(self, request: Request) -> tuple[Any, str | None]:
        params = request.params
        params.pop("route")
        name = params.pop("call", "")
        reads = READS.get(name) if request.method == "GET" else None
        if reads is not None:
            unknown = sorted(set(params) - reads)
            if unknown:
                raise refuse(400, "bad_param", f"The call does not know {unknown[0]}.", field=unknown[0])
            return getattr(self, f"_read_{name}")(params)  # type: ignore[no-any-return]
        if request.method == "POST" and name in self.writes.CALLS:
            try:
                body = json.loads(request.body)
            except ValueError:
                body = None
            if not isinstance(body, dict):
                raise refuse(400, "bad_json", "The body is not a JSON object.")
            self.touch()
            return self.writes.carry_out(name, body, self.url + self.folder), None
        raise refuse(404, "unknown_call", f"There is no call {name}.")

    # ------------------------------------------------ webhooks
    def _emit(self, event: Row) -> None:
        if self.take_fault(Request("POST", "/webhook", [], {}, b""), frozenset({"lost_webhook"})):
            return
        targets = [dict(hook) for hook in self.shop.webhooks.values() if event["event"] in hook["events"]]
        if targets:
            self.after_unlock(lambda: self._call_out(event, targets))

    def _call_out(self, event: Row, targets: list[Row]) -> None:
        """Call the webhooks once, with a time limit of 1.5 s; errors are ignored, because it runs in the buyer's checkout."""
        body = json.dumps(event, separators=(",", ":")).encode()
        for hook in targets:
            parts = urlsplit(hook["url"])
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            headers = {
                "Content-Type": "application/json",
                "X-OMS-Event": event["event"],
                "X-OMS-Signature": webhook_signature(hook["secret"], body),
            }
            try:
                connection = kind(parts.netloc, timeout=WEBHOOK_TIMEOUT)
                connection.request(
                    "POST", parts.path + (f"?{parts.query}" if parts.query else ""), body, headers
                )
                status = connection.getresponse().status
                connection.close()
            except (OSError, http.client.HTTPException):
                status = 0
            self.webhooks_sent.append({**event, "status": status})


def _address(first: str, last: str, country: str) -> Row:
    names = {"DE": "Germany", "FR": "France", "GB": "United Kingdom"}
    return {
        "firstname": first, "lastname": last, "company": "", "address_1": "12 Garden Street", "address_2": "",
        "city": "Springfield", "postcode": "10115", "zone": "Berlin", "zone_code": "BE",
        "country": names.get(country, country), "iso2": country, "iso3": "",
    }  # fmt: skip
