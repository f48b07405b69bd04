# long because: every call of V2 is one short method here.
"""The store's API over its state: token, quota, routes of V2 (orders), and of V3 by `catalogue`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import re
import time
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from channels.connectors.bigcommerce.auth import SCOPES, sign_jwt
from channels.connectors.bigcommerce.payloads import instant
from channels.connectors.bigcommerce.sandbox import page as shop_page
from channels.connectors.bigcommerce.sandbox import rows
from channels.connectors.bigcommerce.sandbox.catalogue import Catalogue
from channels.connectors.bigcommerce.sandbox.ids import IdControls
from channels.connectors.bigcommerce.sandbox.shop import STATUSES, Row, Shop, new_hash, refuse
from channels.sandbox.refusal import Refusal
from channels.sandbox.server import MAINTENANCE_PAGE, Request, Response, SandboxError, control
from channels.sandbox.state import change_settings

ACCESS_TOKEN = "bcsandbox0token0known0to0all0a1b2c3"  # noqa: S105  (a toy store's)
CLIENT_ID = "bcsandboxclient0123456789"
CLIENT_SECRET = "bcsandboxsecret0known0to0all0987654321"  # noqa: S105
BUYERS = ("Grace O'Neill", "Tom Becker", "Émile Laurent", "Aoife Byrne", "Nora Lindqvist", "Sofia Rossi")
HOOK_TIMEOUT = 1.5
_STORE = re.compile(r"/stores/([^/]+)(/v[23]/.*)")


class BigCommerceSandbox(IdControls):
    """One store. `shop` is its state; the controls below are for tests and people."""

    channel: ClassVar[str] = "bigcommerce"

    def __init__(
        self,
        *,
        file: Path | None = None,
        clock: Callable[[], float] = time.time,
        store_hash: str = "",
        **settings: Any,
    ) -> None:
        super().__init__(file=file, clock=clock)
        self.store_hash = store_hash or new_hash()
        self.token = ACCESS_TOKEN
        self.codes: dict[str, Row] = {}
        self.shop = Shop(clock)
        self.shop.emit = self._emit
        change_settings(self.shop.settings, settings)
        self.catalogue = Catalogue(self.shop, self.store_hash, CLIENT_ID)
        self.spent: deque[float] = deque()
        self.webhooks_sent: list[Row] = []
        self.exchanges: deque[Row] = deque(
            maxlen=5000
        )  # whole calls, for the check against BigCommerce's API documents

    # ------------------------------------------------ methods of the base
    def credentials(self) -> dict[str, str]:
        path = f"{self.url}/stores/{self.store_hash}/v3"
        return {"api_path": path, "access_token": self.token, "client_secret": CLIENT_SECRET}

    def is_api(self, request: Request) -> bool:
        return request.path.startswith(("/stores/", "/oauth2/"))

    def page(self, request: Request) -> Response:
        return shop_page.answer(self.shop, request, self.url)

    def dump(self) -> Row:
        return {**self.shop.dump(), "store_hash": self.store_hash, "token": self.token}

    def load(self, data: Row) -> None:
        self.shop.load(data)
        self.store_hash, self.token = data["store_hash"], data["token"]
        self.catalogue.store_hash = self.store_hash

    def summary(self) -> Row:
        states: dict[str, int] = {}
        for order in self.shop.orders.values():
            states[STATUSES[order["status_id"]]] = states.get(STATUSES[order["status_id"]], 0) + 1
        return {
            "url": self.url, "products": len(self.shop.products), "orders": len(self.shop.orders), "statuses": states,
            "settings": self.shop.settings, "hooks": list(self.shop.hooks.values()),
        }  # fmt: skip

    def too_many(self, seconds: int) -> Response:
        answer = _error(429, "You have hit the rate limit.")
        answer.headers["X-Retry-After"] = str(seconds)
        return answer

    def repeat_page(self, request: Request, response: Response) -> Response:
        """Answer with the first page again."""
        if not {"id:greater", "min_id"} & set(request.params):
            return response
        query = [(name, value) for name, value in request.query if name not in ("id:greater", "min_id")]
        return self.handle(Request(request.method, request.path, query, request.headers, request.body))

    # ------------------------------------------------ controls
    @control
    def configure(self, **settings: Any) -> Row:
        """Change the store's settings: quota, revoked, maintenance, labels, update_stock_behavior ..."""
        change_settings(self.shop.settings, settings)
        self.touch()
        return self.shop.settings

    @control
    def place_order(
        self,
        lines: list[Row] | None = None,
        *,
        status_id: int | str | None = None,
        customer: str = "",
        country: str = "GB",
        comment: str = "",
        addresses: int = 1,
        moment: float | None = None,
        extra: Row | None = None,
    ) -> Row:
        """Place an order as a buyer; return its row with `order_id`.

        Lines are {product_id | sku, quantity, address?, type?, pickup?}; without them, one unit of something in stock.
        """
        wanted = lines or [{"product_id": self._some_product(), "quantity": 1}]
        bought = [self._bought(**line) for line in wanted]
        first, _, last = (customer or BUYERS[len(self.shop.orders) % len(BUYERS)]).partition(" ")
        is_digital = all(line["type"] != "physical" for line in bought)
        places = [] if is_digital else [_address(first, last, country, n) for n in range(int(addresses))]
        status = self.shop.settings["new_status"] if status_id is None else int(status_id)
        if is_digital and status_id is None:
            status = 10
        order = self.shop.add_order(
            bought, addresses=places, status=status, moment=moment, customer_message=comment,
            billing=_address(first, last, country, 0), **(extra or {}),
        )  # fmt: skip
        self.touch()
        return {"order_id": order["id"], **rows.order(self.shop, order, with_lines=True)}

    @control
    def buy(self, product_id: int | str, quantity: int | str = 1) -> Row:
        """Buy one unit of a product."""
        return self.place_order([{"product_id": product_id, "quantity": int(quantity)}])

    @control
    def set_status(self, order_id: int | str, status_id: int | str) -> Row:
        """Change an order's status as in the control panel."""
        order = self._order(order_id)
        self.shop.set_status(order, int(status_id))
        self.touch()
        return rows.order(self.shop, order, with_lines=False)

    @control
    def refund(self, order_id: int | str, amount: float, is_whole: bool = False) -> Row:
        """Refund an order."""
        answer = self.shop.refund(self._order(order_id), amount, is_whole=is_whole)
        self.touch()
        return answer

    @control
    def set_stock(self, variant_id: int | str, quantity: int | str, location_id: int = 1) -> Row:
        """Set a stock figure as in the control panel."""
        self.shop.stock[f"{location_id}/{int(variant_id)}"] = int(quantity)
        self.touch()
        return {"variant_id": int(variant_id), "quantity": int(quantity)}

    @control
    def install(self, scope: str = "") -> Row:
        """Install the app; return the parameters of /auth. The old token becomes invalid."""
        code = f"code{self.shop.next_id('code')}x{self.store_hash}"
        self.codes[code] = {"scope": scope or " ".join(SCOPES)}
        return {"code": code, "scope": scope or " ".join(SCOPES), "context": f"stores/{self.store_hash}"}

    @control
    def launch(self, user_id: int = 1, owner_id: int = 1, **claims: Any) -> Row:
        """Open the app in the control panel; return the parameter `signed_payload_jwt`."""
        now = int(self.shop.now())
        person = {"id": user_id, "email": "user@example.com", "locale": "en-GB"}
        payload = {
            "aud": CLIENT_ID, "iss": "bc", "iat": now, "nbf": now - 5, "exp": now + 86_400, "jti": f"j{now}",
            "sub": f"stores/{self.store_hash}", "user": person, "owner": {"id": owner_id, "email": "owner@example.com"},
            "url": "/", "channel_id": None, **claims,
        }  # fmt: skip
        return {"signed_payload_jwt": sign_jwt(payload, CLIENT_SECRET)}

    @control
    def uninstall(self) -> Row:
        """Remove the app: its token becomes invalid and its webhooks are deleted."""
        self.shop.settings["revoked"] = True
        self.shop.hooks.clear()
        self.touch()
        return {}

    @control
    def idle(self) -> Row:
        """Switch the webhooks off, as BigCommerce does after 90 days without a call."""
        for hook in self.shop.hooks.values():
            hook["is_active"] = False
        return {}

    def _some_product(self) -> int:
        for product in self.shop.products.values():
            if any(self.shop.stock.get(f"1/{v['id']}", 0) > 5 for v in product["variants"]):
                return int(product["id"])
        return int(self.shop.add_product("Sandbox Mug", 12.0, sku="SANDBOX-MUG", quantity=50)["id"])

    def _bought(
        self,
        quantity: int | str = 1,
        product_id: int | str = 0,
        sku: str = "",
        address: int = 0,
        type: str = "physical",
        pickup: int = 0,
    ) -> Row:
        found = (
            self.shop.sku_owner(sku)
            if sku
            else self.shop.products.get(self.shop.owners.get(int(product_id), int(product_id)))
        )
        if found is None:
            raise SandboxError(f"There is no product {sku or product_id}.")
        variants = found["variants"]
        variant = next(
            (v for v in variants if v["sku"].casefold() == sku.casefold() or v["id"] == int(product_id)), None
        ) or next((v for v in variants if self.shop.stock.get(f"1/{v['id']}", 0) > 0), variants[0])
        line = self.shop.line_for(found, variant, int(quantity), kind=type)
        return {**line, "address": address, "order_pickup_method_id": pickup}

    def _order(self, order_id: int | str) -> Row:
        try:
            return self.shop.orders[int(order_id)]
        except (KeyError, ValueError):
            raise SandboxError(f"There is no order {order_id}.") from None

    # ------------------------------------------------ answering
    def handle(self, request: Request) -> Response:
        if request.path == "/oauth2/token":
            return self._exchange(request)
        response = self._answer(request)
        path = _STORE.fullmatch(request.path)
        self.exchanges.append({
            "method": request.method, "path": path[2] if path else request.path, "query": list(request.query),
            "headers": dict(request.headers), "body": request.body, "status": response.status, "answer": response.body,
        })  # fmt: skip
        return response

    def _answer(self, request: Request) -> Response:
        found = _STORE.fullmatch(request.path)
        settings = self.shop.settings
        self.shop.base_url = self.url
        if settings["maintenance"]:
            return Response.html(MAINTENANCE_PAGE, 503)
        is_known = request.headers.get("x-auth-token") == self.token and not settings["revoked"]
        if not found or found[1] != self.store_hash or not is_known:
            return _error(401, "Unauthorized: the X-Auth-Token header is missing or not valid.")
        path = found[2]
        if any(path.startswith(start) for start in settings["scopes_missing"]):
            return _error(403, "You don't have a required scope to access the endpoint.")
        headers = self._quota()
        if headers is not None and int(headers["X-Rate-Limit-Requests-Left"]) < 0:
            headers["X-Rate-Limit-Requests-Left"] = "0"
            answer = _error(429, "You have hit the rate limit.")
            answer.headers.update(headers)
            return answer
        try:
            response = self._route(request, path)
        except Refusal as refusal:
            response = (
                Response.json(
                    [{"status": refusal.status, "message": refusal.document["title"]}], refusal.status
                )
                if path.startswith("/v2")
                else _error(refusal.status, refusal.document["title"], refusal.document["errors"])
            )
        except (KeyError, ValueError, TypeError) as error:
            response = _error(422, f"The request cannot be read: {error}")
        response.headers.update(headers or {})
        return response

    def _quota(self) -> dict[str, str] | None:
        quota, window = self.shop.settings["quota"], self.shop.settings["window_ms"] / 1000
        if not quota:
            return None
        now = self.clock()
        if self.spent and now - self.spent[0] >= window:
            self.spent.clear()
        self.spent.append(now)
        left = quota - len(self.spent)
        if left < 0:
            self.spent.pop()
        return {
            "X-Rate-Limit-Time-Window-Ms": str(int(window * 1000)),
            "X-Rate-Limit-Time-Reset-Ms": str(int((self.spent[0] + window - now) * 1000)),
            "X-Rate-Limit-Requests-Quota": str(quota),
            "X-Rate-Limit-Requests-Left": str(left),
        }

    def _exchange(self, request: Request) -> Response:
        body = json.loads(request.body or b"{}")
        known = self.codes.pop(str(body.get("code")), None)
        is_right = (body.get("client_id"), body.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if known is None or not is_right or not body.get("redirect_uri"):
            return Response.json({"error": "invalid_grant"}, 400)
        self.token = f"{ACCESS_TOKEN}{self.shop.next_id('token')}"
        self.shop.settings["revoked"] = False
        self.touch()
        person = {"id": 1, "username": "user@example.com", "email": "user@example.com"}
        return Response.json({
            "access_token": self.token, "scope": known["scope"], "user": person, "owner": person,
            "context": f"stores/{self.store_hash}", "account_uuid": "2a1b0c9d-0000-4000-8000-000000000001",
        })  # fmt: skip

    def _route(self, request: Request, path: str) -> Response:
        is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
        body = _form(request.body) if is_form else json.loads(request.body) if request.body else None
        if path.startswith("/v3"):
            response = self.catalogue.route(request.method, path, request.params, body)
        else:
            response = self._v2(request.method, path, request.params, body)
        if request.method != "GET":
            self.touch()
        return response

    # ------------------------------------------------ V2
    def _v2(self, method: str, path: str, params: dict[str, str], body: Any) -> Response:
        settings = self.shop.settings
        if path == "/v2/store":
            return Response.json(self._store())
        if path == "/v2/time":
            return Response.json({"time": int(self.shop.now())})
        if path == "/v2/order_statuses":
            return Response.json([rows.status(self.shop, number) for number in STATUSES])
        if path == "/v2/currencies":
            return Response.json([
                {
                    "id": place, "currency_code": code, "is_default": place == 1, "decimal_places": settings["decimal_places"],
                    "enabled": True, "is_transactional": code not in settings["display_currencies"],
                }
                for place, code in enumerate((settings["currency"], *settings["currencies"], *settings["display_currencies"]), 1)
            ])  # fmt: skip
        if path == "/v2/orders":
            return self._orders(params)
        if path == "/v2/orders/count":
            return self._count(params)
        parts = path.split("/")
        order = self.shop.orders.get(int(parts[3])) if parts[2] == "orders" else None
        if order is None:  # an archived order is hidden in lists only
            raise refuse(404, "The requested resource was not found.")
        rest = parts[4:]
        if not rest:
            if method == "PUT":
                self._write_order(order, body)
            return Response.json(
                rows.order(self.shop, order, with_lines="consignments" in params.get("include", ""))
            )
        if rest[0] == "products":
            return _v2_page([rows.line(line, order) for line in order["lines"]], params)
        if rest[0] == "shipping_addresses":
            return _v2_page(
                [
                    {"id": place["id"], "order_id": order["id"], **rows.address(place)}
                    for place in order["addresses"]
                ],
                params,
            )
        if rest[0] == "shipments":
            return self._shipments(method, order, rest[1:], params, body)
        raise refuse(404, "The requested resource was not found.")

    def _write_order(self, order: Row, body: Row) -> None:
        if "products" in body:
            raise refuse(400, "The sandbox refuses products here: they would be priced anew.")
        for name in ("staff_notes", "external_order_id"):
            if name in body:
                order[name] = body[name]
        if "status_id" in body:
            if body["status_id"] not in STATUSES:
                raise refuse(400, "The field 'status_id' is invalid.")
            self.shop.set_status(order, body["status_id"])

    def _shipments(self, method: str, order: Row, rest: list[str], params: Row, body: Any) -> Response:
        if not rest:
            if method == "POST":
                return Response.json(rows.shipment(self.shop.ship(order, body), order), 201)
            return _v2_page([rows.shipment(one, order) for one in order["shipments"]], params)
        shipment = next((one for one in order["shipments"] if one["id"] == int(rest[0])), None)
        if shipment is None:
            raise refuse(404, "The requested resource was not found.")
        if method == "PUT":
            changed = {name: value for name, value in body.items() if name in shipment and name != "id"}
            self.shop.check_carrier({**shipment, **changed})
            shipment.update(changed)
            order["modified"] = int(self.shop.now())
        return Response.json(rows.shipment(shipment, order))

    def _orders(self, params: dict[str, str]) -> Response:
        """Sort and page a list of V2; an empty one is 204 without a body."""
        found = [o for o in self._found(params) if o["status_id"] != 0 or params.get("status_id") == "0"]
        name, _, direction = params.get("sort", "id").partition(":")
        key = {"id": "id", "date_created": "created", "date_modified": "modified"}[name]
        found.sort(key=lambda order: (order[key], order["id"]), reverse=direction == "desc")
        with_lines = "consignments" in params.get("include", "")
        size, number = min(int(params.get("limit") or 50), 250), int(params.get("page") or 1)
        part = found[(number - 1) * size : number * size]
        if not part:
            return Response(204)
        return Response.json([rows.order(self.shop, order, with_lines=with_lines) for order in part])

    def _count(self, params: dict[str, str]) -> Response:
        """Count orders by status, unfinished checkouts too."""
        states = Counter(order["status_id"] for order in self._found(params))
        found = [{**rows.status(self.shop, n), "count": states[n], "sort_order": n} for n in STATUSES]
        return Response.json({"statuses": found, "count": states.total()})

    def _found(self, params: dict[str, str]) -> list[Row]:
        """Apply the filters of V2."""
        found = [order for order in self.shop.orders.values() if not order["is_deleted"]]
        for name, key, sign in (
            ("min_date_created", "created", 1),
            ("max_date_created", "created", -1),
            ("min_date_modified", "modified", 1),
            ("max_date_modified", "modified", -1),
        ):
            if name in params:
                # A plus sign that was not encoded arrives as a blank, and the time cannot be read.
                moment = instant(params[name])
                bound = moment.timestamp() if moment else 0
                found = [order for order in found if sign * (order[key] - bound) >= 0]
        if "min_id" in params:
            found = [order for order in found if order["id"] >= int(params["min_id"])]
        if "status_id" in params:
            found = [order for order in found if order["status_id"] == int(params["status_id"])]
        return found

    def _store(self) -> Row:
        settings = self.shop.settings
        return {
            "id": self.store_hash, "account_uuid": "2a1b0c9d-0000-4000-8000-000000000001", "domain": "fern-kettle.example.com",
            "secure_url": self.url, "control_panel_base_url": self.url, "status": "live", "name": settings["name"], "country_code": settings["country"],
            "country": {"GB": "United Kingdom", "FR": "France"}.get(settings["country"], settings["country"]),
            "timezone": {"name": settings["timezone"], "raw_offset": 0, "dst_offset": 3600, "dst_correction": False},
            "language": "en", "currency": settings["currency"], "currency_symbol": "£",
            "decimal_places": settings["decimal_places"], "weight_units": "KGS", "dimension_units": "Centimeters",
            "plan_name": settings["plan"], "is_price_entered_with_tax": settings["with_tax"], "store_id": 1000,
            "default_channel_id": 1, "features": {"stencil_enabled": True, "multi_storefront_enabled": settings["multi_storefront"]},
        }  # fmt: skip

    # ------------------------------------------------ webhooks
    def _emit(self, scope: str, data: Row) -> None:
        """Call the webhooks once, with ids only and without a retry. Every change also sends `updated`."""
        if self.take_fault(Request("POST", "/hook", [], {}, b""), frozenset({"lost_webhook"})):
            return
        for hook in list(self.shop.hooks.values()):
            if not hook["is_active"] or hook["scope"] not in (scope, scope.rpartition("/")[0] + "/*"):
                continue
            at = int(self.shop.now())
            digest = hashlib.sha1(f"{scope}{data}{at}{len(self.webhooks_sent)}".encode()).hexdigest()  # noqa: S324
            event = {
                "store_id": "1000",
                "producer": f"stores/{self.store_hash}",
                "scope": scope,
                "hash": digest,
                "created_at": at,
                "data": data,
            }
            body = json.dumps(event).encode()
            signed = f"{digest}.{at}.".encode() + body
            mac = base64.b64encode(hmac.new(CLIENT_SECRET.encode(), signed, hashlib.sha256).digest()).decode()
            headers = {
                "Content-Type": "application/json", **hook["headers"], "webhook-id": digest, "webhook-timestamp": str(at),
                "webhook-signature": f"v1,{mac}",
            }  # fmt: skip
            self.webhooks_sent.append({"url": hook["destination"], "headers": headers, "body": body})
            self.post_later(partial(_call, hook["destination"], headers, body))


def _call(url: str, headers: dict[str, str], body: bytes) -> None:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=HOOK_TIMEOUT)
    try:
        connection.request("POST", parts.path or "/", body, headers)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


def _form(body: bytes) -> Row:
    """Return the fields of form data; a file is its bytes."""
    edge = body.partition(b"\r\n")[0]
    fields: Row = {}
    for part in body.split(edge)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        found = re.search(rb'name="(\w+)"(; filename="([^"]*)")?', head)
        if found:
            value = content.removesuffix(b"\r\n")
            fields[found[1].decode()] = value if found[2] else value.decode()
            if found[2]:
                fields["filename"] = found[3].decode()
    return fields


def _error(status: int, title: str, errors: Row | None = None) -> Response:
    document: Row = {"status": status, "title": title, "type": "https://developer.bigcommerce.com/docs"}
    return Response.json({**document, "errors": errors or {}}, status)


def _v2_page(found: list[Any], params: dict[str, str]) -> Response:
    size, number = min(int(params.get("limit") or 50), 250), int(params.get("page") or 1)
    part = found[(number - 1) * size : number * size]
    return Response.json(part) if part else Response(204)


def _address(first: str, last: str, country: str, number: int) -> Row:
    return {
        "first_name": first, "last_name": last, "company": "", "street_1": f"{3 + number} Harbour Row", "street_2": "",
        "city": "Lyon" if country == "FR" else "Bristol", "state": "", "zip": "69003" if country == "FR" else "BS1 4RN",
        "country": {"GB": "United Kingdom", "FR": "France"}.get(country, country), "country_iso2": country,
        "phone": "+44 117 496 0100", "email": f"{first}.{last}@example.com".lower().replace("'", "").replace(" ", ""),
        "shipping_method": "Royal Mail",
    }  # fmt: skip
