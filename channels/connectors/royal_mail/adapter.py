"""The adapter of Click & Drop v1. Its references are not unique: a purchase is looked up before it is repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from channels.connectors.royal_mail import payloads
from channels.connectors.royal_mail.channel import SPEC
from channels.connectors.royal_mail.client import RoyalMailClient, reference_path, refusal
from channels.connectors.royal_mail.statuses import STATES
from channels.contract.carriers.adapter import CarrierAdapter
from channels.contract.carriers.records import (
    Bought,
    CancelAnswer,
    CarrierManifest,
    LabelFile,
    LabelFormat,
    LabelRequest,
    ParcelEventRecord,
    Tracked,
    TrackedParcel,
)
from channels.contract.errors import ChannelError, Rejected, Uncertain
from channels.contract.records.account import AccountRecord
from channels.contract.translation import gettext as _
from channels.http.session import ChannelSession

#: The most orders of one call.
AT_ONCE = 100


class RoyalMailAdapter(CarrierAdapter):
    """One Click & Drop account."""

    spec = SPEC

    @cached_property
    def client(self) -> RoyalMailClient:
        """Client for this account."""
        return RoyalMailClient(self.connection, self.session or ChannelSession(self.connection))

    def verify(self) -> AccountRecord:
        """Return the account of the key (`GET /orders?pageSize=1`). The API names no account: its key identifies it."""
        self.client.get("/orders", {"pageSize": "1"})
        key = str(self.connection.credentials.get("api_key") or "")
        return AccountRecord(
            hashlib.sha256(key.encode()).hexdigest()[:16], _("Royal Mail account"), "", "", "Europe/London"
        )

    # ------------------------------------------------ labels
    def buy(self, request: LabelRequest) -> Bought:
        """Create one order with its label. One order in a call: the answer has at most one label."""
        self.check_test(request.service)
        if payloads.service_of(request.service)[1] not in payloads.FORMATS:
            raise Rejected(
                _("Royal Mail has no parcel format “%(format)s”. It has: %(formats)s.")
                % {"format": payloads.service_of(request.service)[1], "formats": ", ".join(payloads.FORMATS)},
                code="format",
                field="service",
            )
        document = self.client.post("/orders", payloads.order(request, datetime.now(UTC)))
        document = document if isinstance(document, dict) else {}
        created = next(iter(document.get("createdOrders") or ()), None)
        if created is None:
            failed = next(iter(document.get("failedOrders") or ()), None) or {}
            raise refusal(failed, "200") or Uncertain(_("Royal Mail's answer has no order."), code="no_order")
        return self._finish(created, request)

    def find(self, request: LabelRequest) -> Bought | None:
        """Look up the order with our reference (`GET /orders/"reference"`)."""
        try:
            rows = self.client.get(f"/orders/{reference_path(request.reference)}")
        except Rejected as error:
            if error.code == "404":
                return None
            raise
        row = next(
            (
                each
                for each in rows
                if isinstance(each, dict) and each.get("orderReference") == request.reference
            ),
            None,
        )
        return self._finish(row, request) if row else None

    def _finish(self, row: Mapping[str, Any], request: LabelRequest) -> Bought:
        """Return what was bought, with its label. An order without a label is deleted again: nothing was bought."""
        made = payloads.bought(row)
        content = payloads.pdf(row.get("label"))
        if not content:
            try:
                content = self._label(made.external_id, is_customs=request.is_customs)
            except Rejected as error:
                errors = refusal(list(row.get("labelErrors") or ()), "200")
                self.cancel(made.external_id)
                raise errors or error from error
        if not made.tracking_number:  # it is made with the label
            rows = self.client.get(f"/orders/{made.external_id}")
            made = replace(made, tracking_number=payloads.bought(rows[0]).tracking_number) if rows else made
        return replace(made, label=LabelFile(content, LabelFormat.PDF))

    def _label(self, external_id: str, *, is_customs: bool) -> bytes:
        params = {
            "documentType": "postageLabel",
            "includeReturnsLabel": "false",
            "includeCN": "true" if is_customs else "false",
        }
        return self.client.pdf(f"/orders/{external_id}/label", params)

    def label(self, bought: Bought, label_format: LabelFormat) -> LabelFile:
        """Fetch a label again; its page size is a setting of the account."""
        return LabelFile(self._label(bought.external_id, is_customs=False), LabelFormat.PDF)

    def cancel(self, external_id: str) -> CancelAnswer:
        """Delete the order. A label that is used after that is charged, says Royal Mail."""
        try:
            document = self.client.delete(f"/orders/{external_id}")
        except Rejected as error:
            if error.code == "404":
                return CancelAnswer.CANCELLED
            raise
        rows = [row for row in document.get("errors") or () if isinstance(row, dict)]
        if rows and not document.get("deletedOrders"):
            raise refusal(rows, "200") or Rejected(_("Royal Mail did not delete the order."), code="refused")
        return CancelAnswer.CANCELLED

    # ------------------------------------------------ tracking and manifests
    def track(self, parcels: Sequence[TrackedParcel]) -> Sequence[Tracked | ChannelError]:
        """Return when each order was printed, put on a manifest and shipped; 100 orders in a call."""
        rows: dict[str, Mapping[str, Any]] = {}
        ids = [parcel.external_id for parcel in parcels if parcel.external_id]
        for start in range(0, len(ids), AT_ONCE):
            rows |= self._orders(ids[start : start + AT_ONCE])
        return [Tracked(parcel.ref, tuple(_events(rows.get(parcel.external_id, {})))) for parcel in parcels]

    def _orders(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        try:
            found = self.client.get(f"/orders/{';'.join(ids)}")
        except Rejected as error:
            if error.code != "404":
                raise
            if len(ids) == 1:
                return {}
            # One order that was deleted must not hide the others.
            return {key: row for each in ids for key, row in self._orders([each]).items()}
        return {str(row.get("orderIdentifier")): row for row in found if isinstance(row, dict)}

    def close_out(self, parcels: Sequence[TrackedParcel]) -> CarrierManifest:
        """Manifest all orders of the account that have a label (`POST /manifests`); Royal Mail cannot leave any out."""
        name = str(self.connection.credentials.get("carrier_name") or "")
        document = self.client.post("/manifests", {"carrierName": name} if name else {})
        number = document.get("manifestNumber") if isinstance(document, dict) else None
        if number is None:
            raise Uncertain(_("Royal Mail's answer has no manifest number."), code="no_number")
        return CarrierManifest(str(number), payloads.pdf(document.get("documentPdf")))

    def find_close_out(self, parcels: Sequence[TrackedParcel]) -> CarrierManifest | None:
        """Return a manifest without a number when all these orders are on one: Royal Mail does not tell which."""
        ids = [parcel.external_id for parcel in parcels if parcel.external_id]
        rows: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(ids), AT_ONCE):
            rows |= self._orders(ids[start : start + AT_ONCE])
        is_done = bool(ids) and all(rows.get(key, {}).get("manifestedOn") for key in ids)
        return CarrierManifest("") if is_done else None

    def close_out_file(self, number: str) -> CarrierManifest:
        """Fetch the PDF of a manifest (`GET /manifests/{number}`); it is empty while Royal Mail makes it."""
        document = self.client.get(f"/manifests/{number}")
        if document.get("status") == "Failed":
            raise Rejected(_("Royal Mail could not make manifest %s. Retry it in Click & Drop.") % number)
        return CarrierManifest(number, payloads.pdf(document.get("documentPdf")))


def _events(row: Mapping[str, Any]) -> list[ParcelEventRecord]:
    found = [(name, payloads.instant(row.get(name)), state) for name, state in STATES.items()]
    return [ParcelEventRecord(name, at.astimezone(UTC), state) for name, at, state in found if at]
