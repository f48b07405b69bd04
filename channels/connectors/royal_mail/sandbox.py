"""A Click & Drop account in memory: orders, labels, manifests, 5 calls a second.

manage.py sandbox royal_mail                                              # prints its address and its key
POST /_sandbox/configure {"is_business": false}                           # a pay-as-you-go account: no labels by API
POST /_sandbox/configure {"late_documents": true}                         # a manifest whose PDF comes later
"""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote
from uuid import uuid4

from channels.sandbox.label_files import pdf
from channels.sandbox.server import Request, Response, Sandbox, control

#: Services of the contract. Royal Mail has no list of them in its API.
SERVICES = ("TRACKED48", "TRACKED24", "INTL")
PER_SECOND = 5


class RoyalMailSandbox(Sandbox):
    """One account. `orders` by id; references are not unique, as in Click & Drop."""

    channel: ClassVar[str] = "royal_mail"

    def __init__(self, *, file: Path | None = None, **options: Any) -> None:
        super().__init__(file=file, **options)
        self.api_key = uuid4().hex
        self.orders: dict[str, dict[str, Any]] = {}
        self.manifests: dict[str, dict[str, Any]] = {}
        self.count = 1000
        self.is_business, self.late_documents = True, False
        self.recent: deque[float] = deque(maxlen=PER_SECOND)

    def credentials(self) -> dict[str, str]:
        """Return the key that connects this account."""
        return {"api_key": self.api_key, "api_url": f"{self.url}/api/v1"}

    def too_many(self, seconds: int) -> Response:
        return Response(429, b"", {"Retry-After": str(seconds)})

    # ------------------------------------------------ calls of Manifold
    def handle(self, request: Request) -> Response:
        """Answer a call to the API."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        now = self.clock()
        if len(self.recent) == PER_SECOND and now - self.recent[0] < 1:
            return self.too_many(1)
        self.recent.append(now)
        if headers.get("authorization") != f"Bearer {self.api_key}":
            return Response(401, b"", {})
        path = request.path.removeprefix("/api/v1").strip("/").split("/")
        body = json.loads(request.body) if request.body else {}
        match request.method, path:
            case "GET", ["version"]:
                return Response.json({"release": "1.0", "releaseDate": "2026-02-01T00:00:00Z"})
            case "GET", ["orders"]:
                return Response.json({"orders": [_info(row) for row in self.orders.values()][:1]})
            case "POST", ["orders"]:
                return self._create(body)
            case "GET", ["orders", ids]:
                rows = self._find(ids)
                return Response.json([_info(row) for row in rows]) if rows else Response(404, b"", {})
            case "DELETE", ["orders", ids]:
                return self._delete(ids)
            case "GET", ["orders", ids, "label"]:
                return self._label(ids)
            case "POST", ["manifests"]:
                return self._manifest()
            case "GET", ["manifests", number] if number in self.manifests:
                row = self.manifests[number]
                return Response.json(row if not self.late_documents else {**row, "documentPdf": ""})
            case _:
                return Response(404, b"", {})

    def _find(self, ids: str) -> list[dict[str, Any]]:
        found = []
        for part in unquote(ids).split(";"):
            if part.startswith('"'):
                found += [row for row in self.orders.values() if row["orderReference"] == part.strip('"')]
            elif part in self.orders:
                found.append(self.orders[part])
        return found

    def _create(self, body: Mapping[str, Any]) -> Response:
        items = body.get("items") or []
        if len(items) != 1 and any((row.get("label") or {}).get("includeLabelInResponse") for row in items):
            return Response.json({"code": "Validation", "message": "At most one label in an answer."}, 400)
        created, failed = [], []
        for row in items:
            errors = _faults(row)
            if errors:
                failed.append({"order": row, "errors": errors})
                continue
            created.append(self._add(row))
        self.touch()
        return Response.json(
            {
                "successCount": len(created),
                "errorsCount": len(failed),
                "createdOrders": created,
                "failedOrders": failed,
            }
        )

    def _add(self, row: Mapping[str, Any]) -> dict[str, Any]:
        self.count += 1
        key = str(self.count)
        order = {
            "orderIdentifier": self.count,
            "orderReference": row.get("orderReference", ""),
            "createdOn": self._now(),
            "orderDate": row["orderDate"],
            "recipient": row["recipient"],
            "service": row["postageDetails"]["serviceCode"],
        }
        self.orders[key] = order
        answer: dict[str, Any] = {}
        wants = (row.get("label") or {}).get("includeLabelInResponse")
        if (
            wants
            and self.is_business
            and "REFUSE" not in row["recipient"]["address"].get("fullName", "").upper()
        ):
            self._print(order)
            answer["label"] = base64.b64encode(self._file(order)).decode()
        elif wants:
            answer["labelErrors"] = [{"code": "LabelNotGenerated", "message": "The label was not generated."}]
        return {**_info(order), **answer}

    def _print(self, order: dict[str, Any]) -> None:
        order.setdefault("printedOn", self._now())
        order.setdefault("trackingNumber", s10(order["orderIdentifier"]))

    def _file(self, order: Mapping[str, Any]) -> bytes:
        to = order["recipient"]["address"]
        return pdf(
            ["Royal Mail", order["trackingNumber"], to.get("fullName", ""), to["addressLine1"], to["city"]]
        )

    def _label(self, ids: str) -> Response:
        if not self.is_business:
            return Response(403, b"", {})
        rows = self._find(ids)
        if not rows:
            return Response(404, b"", {})
        if "REFUSE" in rows[0]["recipient"]["address"].get("fullName", "").upper():
            return Response.json(
                [{"code": "Refused", "message": "The service does not reach this address."}], 400
            )
        self._print(rows[0])
        self.touch()
        return Response(200, self._file(rows[0]), {"Content-Type": "application/pdf"})

    def _delete(self, ids: str) -> Response:
        rows = self._find(ids)
        if not rows:
            return Response(404, b"", {})
        deleted, errors = [], []
        for row in rows:
            known = {"orderIdentifier": row["orderIdentifier"], "orderReference": row["orderReference"]}
            if row.get("manifestedOn"):
                errors.append({**known, "code": "Manifested", "message": "The order is on a manifest."})
                continue
            del self.orders[str(row["orderIdentifier"])]
            deleted.append(known)
        self.touch()
        return Response.json({"deletedOrders": deleted, "errors": errors})

    def _manifest(self) -> Response:
        rows = [row for row in self.orders.values() if row.get("printedOn") and not row.get("manifestedOn")]
        if not rows:
            problem = {"code": "NoOrders", "description": "There are no orders to manifest."}
            return Response.json({"errors": [problem]}, 400)
        number = 5000 + len(self.manifests) + 1
        for row in rows:
            row["manifestedOn"] = self._now()
        content = base64.b64encode(pdf([f"Manifest {number}", f"{len(rows)} orders"])).decode()
        self.manifests[str(number)] = {
            "manifestNumber": number,
            "status": "Completed",
            "documentPdf": content,
        }
        self.touch()
        if self.late_documents:
            return Response.json({"manifestNumber": number}, 202)
        return Response.json({"manifestNumber": number, "documentPdf": content}, 201)

    def _now(self) -> str:
        return datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="seconds")

    # ------------------------------------------------ controls and state
    @control
    def configure(self, **settings: Any) -> dict[str, Any]:
        """Set `is_business` or `late_documents`."""
        for name in ("is_business", "late_documents"):
            if name in settings:
                setattr(self, name, bool(settings[name]))
        return {"is_business": self.is_business, "late_documents": self.late_documents}

    @control
    def ship(self, number: str) -> dict[str, Any]:
        """Mark the order with this tracking number as shipped."""
        row = next(each for each in self.orders.values() if each.get("trackingNumber") == number)
        row["shippedOn"] = self._now()
        self.touch()
        return {"number": number}

    def page(self, request: Request) -> Response:
        """Return the orders for people."""
        rows = "".join(
            f"<tr><td>{row['orderIdentifier']}</td><td>{escape(row['service'])}</td>"
            f"<td>{escape(row.get('trackingNumber', ''))}</td></tr>"
            for row in self.orders.values()
        )
        return Response.html(f"<!DOCTYPE html><title>Click &amp; Drop</title><table>{rows}</table>")

    def summary(self) -> dict[str, Any]:
        """Return how many orders and manifests it has."""
        return {"orders": len(self.orders), "manifests": len(self.manifests)}

    def dump(self) -> dict[str, Any]:
        """Return the complete state as JSON values."""
        return {
            name: getattr(self, name) for name in ("api_key", "orders", "manifests", "count", "is_business")
        }

    def load(self, data: dict[str, Any]) -> None:
        """Load a state that `dump` returned."""
        for name, value in data.items():
            setattr(self, name, value)


def s10(number: int) -> str:
    """Return a tracking number of this account, with its check digit."""
    digits = f"{number:08d}"
    rest = (
        sum(int(digit) * weight for digit, weight in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)) % 11
    )
    return f"RM{digits}{(5 if rest == 0 else 0 if rest == 1 else 11 - rest)}GB"


def _info(row: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "orderIdentifier", "orderReference", "createdOn", "orderDate", "printedOn", "manifestedOn", "shippedOn",
        "trackingNumber",
    )  # fmt: skip
    return {name: row[name] for name in names if name in row}


def _faults(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    address = (row.get("recipient") or {}).get("address") or {}
    found = [
        (f"Recipient.Address.{name}", "This field is required.")
        for name in ("addressLine1", "city", "countryCode")
        if not address.get(name)
    ]
    if address.get("countryCode") == "GB" and not address.get("postcode"):
        found.append(("Recipient.Address.Postcode", "A postcode is required in the United Kingdom."))
    if (row.get("postageDetails") or {}).get("serviceCode") not in SERVICES:
        found.append(("PostageDetails.ServiceCode", "The service code is not known."))
    weights = [package.get("weightInGrams", 0) for package in row.get("packages") or ()]
    if not all(1 <= grams <= 30_000 for grams in weights):
        found.append(("Packages.WeightInGrams", "The weight must be between 1 and 30,000 g."))
    return [
        {"errorCode": 20 + number, "errorMessage": words, "fields": [{"fieldName": name}]}
        for number, (name, words) in enumerate(found)
    ]


def make_sandbox(
    *, file: Path | None = None, seed: str = "demo", products: int = 0, orders: int = 0, **options: Any
) -> RoyalMailSandbox:
    """Return an account that can be served; it has no data of its own, so `seed` makes no difference."""
    sandbox = RoyalMailSandbox(file=file, **options)
    if not sandbox.restore():
        sandbox.touch()
        sandbox.save()
    return sandbox
