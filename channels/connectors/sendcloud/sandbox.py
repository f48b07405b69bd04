"""A Sendcloud account in memory: options with prices, shipments announced once, labels, cancellation, tracking, webhooks.

manage.py sandbox sendcloud                                    # prints its address and its keys
POST /_sandbox/connect {"url": "http://127.0.0.1:8000/hooks/sendcloud/<account>/"}     # where webhooks are sent
POST /_sandbox/move {"number": "SC0000000015", "code": "DELIVERED"}                    # what the carrier scans
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from channels.connectors.sendcloud.statuses import STATES
from channels.sandbox.label_files import pdf, png, zpl
from channels.sandbox.server import Request, Response, Sandbox, SandboxError, control

#: Options: code, name, carrier, price for the first kilogram, for each further one, countries of the recipient.
OPTIONS = (
    ("sendcloud:letter", "Unstamped letter", "Sendcloud", "0.00", "0.00", ()),
    ("royal_mail:tracked48", "Royal Mail Tracked 48", "Royal Mail", "3.35", "1.10", ("GB",)),
    ("royal_mail:tracked24", "Royal Mail Tracked 24", "Royal Mail", "4.25", "1.40", ("GB",)),
    ("evri:standard", "Evri Standard", "Evri", "2.89", "0.95", ("GB",)),
    ("dpd:classic", "DPD Classic", "DPD", "6.40", "1.75", ()),
    ("colissimo:home", "Colissimo Domicile", "Colissimo", "5.25", "1.50", ("FR",)),
)
#: The most that an option carries, in kilograms.
HEAVIEST = 30.0
COUNTRIES = re.compile(r"[A-Z]{2}")
TYPES = {"application/pdf": "pdf", "application/zpl": "zpl", "image/png": "png"}


class SendcloudSandbox(Sandbox):
    """One account. `shipments` by id; the reference of each is unique, whatever was cancelled since."""

    channel: ClassVar[str] = "sendcloud"

    def __init__(self, *, file: Path | None = None, **options: Any) -> None:
        super().__init__(file=file, **options)
        self.public_key, self.secret_key = uuid4().hex, uuid4().hex
        self.shipments: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.hook_url = ""
        self.count = 0
        self.no_label_file = False

    def credentials(self) -> dict[str, str]:
        """Return the keys that connect this account."""
        return {
            "public_key": self.public_key,
            "secret_key": self.secret_key,
            "api_url": f"{self.url}/api/v3",
        }

    def too_many(self, seconds: int) -> Response:
        return Response.json(
            {"errors": [{"status": "429", "code": "throttled", "detail": "Request was throttled."}]},
            429,
            {"Retry-After": str(seconds)},
        )

    # ------------------------------------------------ calls of Manifold
    def handle(self, request: Request) -> Response:
        """Answer a call to the API."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        keys = base64.b64encode(f"{self.public_key}:{self.secret_key}".encode()).decode()
        if headers.get("authorization") != f"Basic {keys}":
            return _refused(401, "authentication_failed", "Authentication failed.")
        path = request.path.removeprefix("/api/v3")
        body = json.loads(request.body) if request.body else {}
        match request.method, path.strip("/").split("/"):
            case "GET", ["user", "auth", "metadata"]:
                return Response.json({"data": {"user_id": 4711, "integration_id": 815}})
            case "GET", ["parcels", "statuses"]:
                rows = [{"code": code, "message": code.replace("_", " ").capitalize()} for code in STATES]
                return Response.json({"data": rows})
            case "POST", ["shipping-options"]:
                return self._options(body)
            case "POST", ["shipments", "announce"]:
                return self._announce(body)
            case "GET", ["shipments"]:
                wanted = request.params.get("external_reference_id")
                rows = [
                    row
                    for row in self.shipments.values()
                    if wanted is None or row["external_reference_id"] == wanted
                ]
                # The specification allows no empty list, and has 404 for this call.
                return Response.json({"data": rows}) if rows else _refused(404, "not_found", "Not found.")
            case "GET", ["shipments", key] if key in self.shipments:
                return Response.json({"data": self.shipments[key]})
            case "POST", ["shipments", key, "cancel"] if key in self.shipments:
                return self._cancel(self.shipments[key])
            case "GET", ["parcels", "tracking", number]:
                return self._tracking(number)
            case "GET", ["parcels", key, "documents", "label"]:
                return self._label(key, headers.get("accept", "application/pdf"))
            case _:
                return _refused(404, "not_found", "Not found.")

    def _options(self, body: Mapping[str, Any]) -> Response:
        to, asked = body.get("to_country_code"), body.get("shipping_option_code")
        weight = sum(float(row["weight"]["value"]) for row in body.get("parcels") or () if "weight" in row)
        rows = []
        for code, name, carrier, first, more, countries in OPTIONS:
            if (asked and code != asked) or (to and countries and to not in countries) or weight > HEAVIEST:
                continue
            price = float(first) + float(more) * max(int(weight - 0.001), 0)
            quotes = [
                {
                    "weight": {
                        "min": {"value": "0.001", "unit": "kg"},
                        "max": {"value": f"{HEAVIEST:.3f}", "unit": "kg"},
                    },
                    "price": {"breakdown": [], "total": {"value": f"{price:.2f}", "currency": "GBP"}},
                    "lead_time": 24 if "24" in code else 48,
                }
            ]
            rows.append(
                {
                    "code": code,
                    "name": name,
                    "carrier": {"code": code.partition(":")[0], "name": carrier},
                    "requirements": {
                        "fields": [],
                        "export_documents": False,
                        "is_service_point_required": False,
                    },
                    "quotes": quotes if body.get("calculate_quotes") else [],
                }
            )
        return Response.json({"data": rows})

    def _announce(self, body: Mapping[str, Any]) -> Response:
        reference = body.get("external_reference_id")
        known = next(
            (
                row
                for row in self.shipments.values()
                if reference and row["external_reference_id"] == reference
            ),
            None,
        )
        if known is not None:
            return Response.json({"data": self._with_label(known)}, 409)
        if fault := _fault(body):
            return fault
        code = body["ship_with"]["properties"]["shipping_option_code"]
        option = next((row for row in OPTIONS if row[0] == code), None)
        if option is None:
            pointer = "/ship_with/properties/shipping_option_code"
            return _refused(400, "invalid_choice", f"Shipping option {code} does not exist.", pointer)
        self.count += 1
        key, number = f"sc-{self.count}-{uuid4().hex[:8]}", f"SC{self.count:09d}{self.count % 10}"
        failed = "REFUSE" in body["to_address"].get("name", "").upper()
        status = "ANNOUNCEMENT_FAILED" if failed else "READY_TO_SEND"
        shipment = {
            "id": key,
            "order_number": body.get("order_number", ""),
            "external_reference_id": reference,
            "to_address": body["to_address"],
            "from_address": body["from_address"],
            "ship_with": body["ship_with"],
            "label_details": body.get("label_details") or {"mime_type": "application/pdf", "dpi": 203},
            "carrier": {"code": code.partition(":")[0], "name": option[2]},
            "errors": [
                {
                    "status": "400",
                    "code": "parcel_announcement_error",
                    "detail": "The carrier does not deliver to this address.",
                    "source": {"pointer": "/to_address"},
                }
            ]
            if failed
            else [],
            "parcels": [
                {
                    "id": 380_000_000 + self.count,
                    "status": {"code": status, "message": status.replace("_", " ").capitalize()},
                    "weight": body["parcels"][0]["weight"],
                    "parcel_items": body["parcels"][0].get("parcel_items", []),
                    "tracking_number": "" if failed else number,
                    "tracking_url": "" if failed else f"https://tracking.example/{number}",
                    "documents": [],
                }
            ],
        }
        self.shipments[key] = shipment
        if not failed:
            self.events[number] = [_scan("READY_TO_SEND", self.clock())]
        self.touch()
        return Response.json({"data": self._with_label(shipment)}, 201)

    def _with_label(self, shipment: dict[str, Any]) -> dict[str, Any]:
        parcel = shipment["parcels"][0]
        content = None
        if parcel["tracking_number"] and not self.no_label_file:
            content = base64.b64encode(self._file(shipment, shipment["label_details"]["mime_type"])).decode()
        return {**shipment, "parcels": [{**parcel, "label_file": content}]}

    def _file(self, shipment: dict[str, Any], media: str) -> bytes:
        parcel, to = shipment["parcels"][0], shipment["to_address"]
        lines = [
            shipment["carrier"]["name"],
            parcel["tracking_number"],
            to.get("name", ""),
            to.get("address_line_1", ""),
            f"{to.get('postal_code', '')} {to.get('city', '')} {to.get('country_code', '')}",
        ]
        return {"pdf": pdf, "zpl": zpl}[TYPES[media]](lines) if TYPES[media] != "png" else png()

    def _label(self, parcel: str, media: str) -> Response:
        found = next((row for row in self.shipments.values() if str(row["parcels"][0]["id"]) == parcel), None)
        if found is None or media not in TYPES:
            return _refused(404, "not_found", "The document is not available.")
        return Response(200, self._file(found, media), {"Content-Type": media})

    def _cancel(self, shipment: dict[str, Any]) -> Response:
        parcel = shipment["parcels"][0]
        code = parcel["status"]["code"]
        if code == "CANCELLED":
            return _refused(409, "invalid", "This shipment is already being cancelled.")
        if code not in ("READY_TO_SEND", "ANNOUNCED"):
            return _refused(409, "invalid", "The parcel is with the carrier and cannot be cancelled.")
        parcel["status"] = {"code": "CANCELLED", "message": "Cancelled"}
        self.touch()
        return Response.json({"data": {"status": "cancelled", "message": "Shipment has been cancelled"}})

    def _tracking(self, number: str) -> Response:
        found = next(
            (row for row in self.shipments.values() if row["parcels"][0]["tracking_number"] == number), None
        )
        if found is None:
            return Response.json({"detail": "Parcel does not exist"}, 404)
        at = self.events[number][0]["event_at"]
        answer = {
            "announced_at": at,
            "created_at": at,
            "updated_at": at,
            "details": {},
            "events": self.events[number],
            "from_address": _short(found["from_address"]),
            "to_address": _short(found["to_address"]),
            "source_id": found["id"],
            "tracking_numbers": [{"carrier_code": found["carrier"]["code"], "tracking_number": number}],
        }
        return Response.json(answer)

    # ------------------------------------------------ controls
    @control
    def connect(self, url: str) -> dict[str, Any]:
        """Set the address to which webhooks are sent."""
        self.hook_url = url
        self.touch()
        return {"url": url}

    @control
    def move(self, number: str, code: str, at: str = "") -> dict[str, Any]:
        """Let the carrier scan a parcel; Sendcloud's webhook follows."""
        if number not in self.events or code not in STATES:
            raise SandboxError("There is no such parcel or status.")
        row = _scan(code, self.clock()) if not at else {**_scan(code, 0), "event_at": at}
        self.events[number].append(row)
        shipment = next(
            row for row in self.shipments.values() if row["parcels"][0]["tracking_number"] == number
        )
        shipment["parcels"][0]["status"] = {"code": code, "message": code.capitalize()}
        self.touch()
        if (
            self.hook_url
            and self.take_fault(Request("POST", "/hook", [], {}, b""), frozenset({"lost_webhook"})) is None
        ):
            body, headers = self.webhook(number, code)
            self.post_later(lambda: self._post(body, headers))
        return {"number": number, "events": len(self.events[number])}

    def webhook(self, number: str, code: str) -> tuple[bytes, dict[str, str]]:
        """Return body and headers of the webhook about a status."""
        shipment = next(
            row for row in self.shipments.values() if row["parcels"][0]["tracking_number"] == number
        )
        parcel = shipment["parcels"][0]
        body = json.dumps(
            {
                "action": "parcel_status_changed",
                "timestamp": int(self.clock() * 1000),
                "parcel": {
                    "id": parcel["id"],
                    "tracking_number": number,
                    "order_number": shipment["order_number"],
                    "shipment_uuid": shipment["id"],
                    "status": {"id": 11, "message": code.capitalize()},
                },
            }
        ).encode()
        signature = hmac.new(self.secret_key.encode(), body, hashlib.sha256).hexdigest()
        return body, {"Content-Type": "application/json", "Sendcloud-Signature": signature}

    def _post(self, body: bytes, headers: Mapping[str, str]) -> None:
        call = urllib.request.Request(self.hook_url, data=body, headers=dict(headers))  # noqa: S310
        with suppress(OSError), urllib.request.urlopen(call, timeout=10):  # noqa: S310
            pass

    # ------------------------------------------------ state
    def page(self, request: Request) -> Response:
        """Return the shipments for people."""
        rows = "".join(
            f"<tr><td>{escape(row['order_number'])}</td><td>{escape(row['carrier']['name'])}</td>"
            f"<td>{escape(row['parcels'][0]['tracking_number'])}</td>"
            f"<td>{escape(row['parcels'][0]['status']['code'])}</td></tr>"
            for row in self.shipments.values()
        )
        return Response.html(
            "<!DOCTYPE html><title>Sendcloud</title><h1>Sendcloud (sandbox)</h1>"
            f"<table><tr><th>Order</th><th>Carrier</th><th>Number</th><th>Status</th></tr>{rows}</table>"
        )

    def summary(self) -> dict[str, Any]:
        """Return how many labels it has sold."""
        return {"shipments": len(self.shipments), "options": [row[0] for row in OPTIONS]}

    def dump(self) -> dict[str, Any]:
        """Return the complete state as JSON values."""
        names = ("public_key", "secret_key", "shipments", "events", "hook_url", "count")
        return {name: getattr(self, name) for name in names}

    def load(self, data: dict[str, Any]) -> None:
        """Load a state that `dump` returned."""
        for name, value in data.items():
            setattr(self, name, value)


def _refused(status: int, code: str, detail: str, pointer: str = "") -> Response:
    error: dict[str, Any] = {"status": str(status), "code": code, "detail": detail}
    if pointer:
        error["source"] = {"pointer": pointer}
    return Response.json({"errors": [error]}, status)


def _fault(body: Mapping[str, Any]) -> Response | None:
    for part in ("to_address", "from_address"):
        for name in ("name", "address_line_1", "postal_code", "city", "country_code"):
            if not (body.get(part) or {}).get(name):
                return _refused(400, "required", "This field is required.", f"/{part}/{name}")
        if not COUNTRIES.fullmatch(body[part]["country_code"]):
            return _refused(400, "invalid", "This is no country.", f"/{part}/country_code")
    parcel: Mapping[str, Any] = next(iter(body.get("parcels") or ()), {})
    weight = float((parcel.get("weight") or {}).get("value") or 0)
    if not 0 < weight <= HEAVIEST:
        return _refused(
            400, "invalid", "The weight must be between 0.001 and 30 kg.", "/parcels/0/weight/value"
        )
    if body["to_address"]["country_code"] != body["from_address"]["country_code"] and any(
        not row.get("hs_code") for row in parcel.get("parcel_items") or () if body.get("customs_information")
    ):
        return _refused(400, "required", "This field is required.", "/parcels/0/parcel_items/0/hs_code")
    return None


def _short(address: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: address[name] for name in ("name", "city", "postal_code", "country_code") if name in address
    }


def _scan(code: str, at: float) -> dict[str, Any]:
    return {
        "event_at": datetime.fromtimestamp(at, UTC).isoformat(),
        "event_type": "carrier",
        "status_code": code,
        "status_description": code.replace("_", " ").capitalize(),
    }


def make_sandbox(
    *, file: Path | None = None, seed: str = "demo", products: int = 0, orders: int = 0, **options: Any
) -> SendcloudSandbox:
    """Return an account that can be served; it has no data of its own, so `seed` makes no difference."""
    sandbox = SendcloudSandbox(file=file, **options)
    if not sandbox.restore():
        sandbox.touch()
        sandbox.save()
    return sandbox
