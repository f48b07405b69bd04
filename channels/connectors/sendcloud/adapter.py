"""The adapter of Sendcloud v3. A purchase is idempotent by `external_reference_id`, and looked up before it is repeated."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from functools import cached_property
from typing import Any

from channels.connectors.sendcloud import payloads
from channels.connectors.sendcloud.channel import SPEC
from channels.connectors.sendcloud.client import SendcloudClient, errors_of, refusal, segment
from channels.connectors.sendcloud.statuses import CANCELLED, FAILED, STATES, code_of
from channels.contract.carriers.adapter import CarrierAdapter
from channels.contract.carriers.records import (
    MEDIA,
    Bought,
    CancelAnswer,
    LabelFile,
    LabelFormat,
    LabelRequest,
    ParcelEventRecord,
    Service,
    Tracked,
    TrackedParcel,
)
from channels.contract.errors import ChannelError, Rejected, Uncertain
from channels.contract.records.account import AccountRecord, WebhookRecord
from channels.contract.translation import gettext as _
from channels.http.session import ChannelSession


class SendcloudAdapter(CarrierAdapter):
    """One Sendcloud account (one integration of it)."""

    spec = SPEC

    @cached_property
    def client(self) -> SendcloudClient:
        """Client for this account."""
        return SendcloudClient(self.connection, self.session or ChannelSession(self.connection))

    def verify(self) -> AccountRecord:
        """Return the user and the integration of the keys (`GET /user/auth/metadata`)."""
        data = self.client.get("/user/auth/metadata").get("data") or {}
        identity = ":".join(str(data[name]) for name in ("user_id", "integration_id") if data.get(name))
        return AccountRecord(identity, _("Sendcloud account %s") % identity, "", "", "UTC")

    # ------------------------------------------------ labels
    def services(self) -> Sequence[Service]:
        """Return the options of the account, without prices."""
        document = self.client.post("/shipping-options", {}, repeatable=True).json()
        return [payloads.service(row) for row in document.get("data") or ()]

    def rates(self, request: LabelRequest) -> Sequence[Service]:
        """Return the options that can carry this parcel, with prices. Those to a parcel shop are left out: none is chosen."""
        document = self.client.post("/shipping-options", payloads.options(request), repeatable=True).json()
        found = [payloads.service(row) for row in document.get("data") or ()]
        return [row for row in found if row.note != "service_point"]

    def buy(self, request: LabelRequest) -> Bought:
        """Announce one shipment. The answer 409 with the existing shipment means that it was bought before."""
        self.check_test(request.service)
        answer = self.client.try_post("/shipments/announce", payloads.announcement(request))
        document = answer.json()
        data = document.get("data") if isinstance(document, dict) else None
        if answer.status == 409 and not isinstance(data, dict):
            found = self.find(request)
            if found is None:
                raise refusal(errors_of(document), "409")
            return found
        if not isinstance(data, dict):
            raise Uncertain(_("Sendcloud's answer has no shipment."), code="no_data")
        return self._finish(data, request.label_format)

    def find(self, request: LabelRequest) -> Bought | None:
        """Look up the shipment with our reference (`GET /shipments?external_reference_id=`)."""
        try:
            document = self.client.get("/shipments", {"external_reference_id": request.reference})
        except Rejected as error:
            if error.code in ("404", "not_found"):
                return None
            raise
        rows = [
            row
            for row in document.get("data") or ()
            if row.get("external_reference_id", request.reference) == request.reference
        ]
        alive = [row for row in rows if code_of(payloads.status_of(row)) not in CANCELLED]
        return self._finish(alive[0], request.label_format) if alive else None

    def _finish(self, data: Mapping[str, Any], label_format: LabelFormat) -> Bought:
        """Return what was bought, with its label. A 201 may say that the carrier refused it: then nothing was bought."""
        made = payloads.bought(data)
        rows = errors_of(data)
        if code_of(payloads.status_of(data)) in FAILED or (rows and not made.tracking_number):
            raise refusal(rows, "announcement_failed")
        if not made.tracking_number:
            raise Uncertain(
                _("Sendcloud has not announced the parcel to the carrier yet."), code="announcing"
            )
        parcel = next(iter(data.get("parcels") or ()), None) or {}
        try:
            content = base64.b64decode(parcel.get("label_file") or "", validate=True)
        except (binascii.Error, ValueError):
            content = b""
        if content:
            return replace(made, label=LabelFile(content, label_format))
        try:
            return replace(made, label=self.label(made, label_format))
        except Rejected as error:  # it is bought; its file is fetched again when it is printed
            return replace(made, note=error.message)

    def label(self, bought: Bought, label_format: LabelFormat) -> LabelFile:
        """Fetch a label (`GET /parcels/{id}/documents/label`)."""
        path = f"/parcels/{segment(bought.parcel_id)}/documents/label"
        return LabelFile(self.client.file(path, MEDIA[label_format], {"dpi": "203"}), label_format)

    def cancel(self, external_id: str) -> CancelAnswer:
        """Cancel a shipment: 200 done, 202 queued, 409 refused (or cancelled before)."""
        try:
            answer = self.client.post(f"/shipments/{segment(external_id)}/cancel", None, repeatable=True)
        except Rejected:
            document = self.client.get(f"/shipments/{segment(external_id)}")
            if code_of(payloads.status_of(document.get("data") or {})) in CANCELLED:
                return CancelAnswer.CANCELLED
            raise
        return CancelAnswer.QUEUED if answer.status == 202 else CancelAnswer.CANCELLED

    # ------------------------------------------------ tracking
    def track(self, parcels: Sequence[TrackedParcel]) -> Sequence[Tracked | ChannelError]:
        """Return the events of each parcel; one whose number is not known has none yet."""
        found: list[Tracked | ChannelError] = []
        for parcel in parcels:
            try:
                document = self.client.get(f"/parcels/tracking/{segment(parcel.tracking_number)}")
            except Rejected as error:
                found.append(Tracked(parcel.ref) if error.code == "404" else error)
                continue
            events = [_event(row) for row in document.get("events") or () if isinstance(row, dict)]
            day = str((document.get("details") or {}).get("expected_delivery_date") or "")
            expected = payloads.instant(f"{day}T23:59:00+00:00") if day else None
            found.append(Tracked(parcel.ref, tuple(each for each in events if each), expected))
        return found

    def read_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> Sequence[WebhookRecord]:
        """Verify `Sendcloud-Signature` (hex HMAC-SHA256 of the raw body); name the parcel whose status changed."""
        given = {name.lower(): value for name, value in headers.items()}.get("sendcloud-signature", "")
        wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(given.strip().lower().encode(), wanted.encode()):
            raise Rejected(_("The signature of this call is wrong."), code="signature")
        try:
            document = json.loads(body)
        except ValueError as error:
            raise Rejected(_("The body of this call is not JSON."), code="not_json") from error
        if not isinstance(document, dict) or document.get("action") != "parcel_status_changed":
            return ()
        parcel = document.get("parcel") or {}
        number = str(parcel.get("tracking_number") or "")
        status = parcel.get("status") or {}
        word = status.get("code") or status.get("id") or status.get("message") or ""
        event = f"{parcel.get('id', '')}:{word}:{document.get('timestamp', '')}"
        return [WebhookRecord(event, "parcel_status_changed", "tracking", number)] if number else ()


def _event(row: Mapping[str, Any]) -> ParcelEventRecord | None:
    at = payloads.instant(row.get("event_at"))
    code = code_of(str(row.get("status_code") or ""))
    if at is None or not code:
        return None
    return ParcelEventRecord(
        code, at.astimezone(UTC), STATES.get(code), str(row.get("status_description") or "")[:200]
    )
