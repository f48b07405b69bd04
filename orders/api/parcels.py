"""Parcels: report what happened to them, and read where they are."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Schema
from pydantic import Field

from oms.kit.api.areas import Area
from oms.kit.api.auth import author_of
from oms.kit.api.errors import not_found
from oms.kit.api.fields import Code, Input, Text
from orders.choices import ParcelStatus
from orders.errors import OrderError
from orders.inbound import parcels
from orders.models import Parcel

PARCELS = Area("orders", prefix="/parcels", tag="Parcels")
MOST_EVENTS = 50  # of one call


class EventIn(Input):
    """What happened to the parcel with this tracking number. `at` has a time zone; the same event again changes nothing."""

    tracking_number: Code
    status: ParcelStatus
    at: datetime
    text: Text = ""
    place: Text = ""


class EventsIn(Input):
    """Up to 50 events, in any sequence."""

    events: Annotated[list[EventIn], Field(min_length=1, max_length=MOST_EVENTS)]


class EventOutcome(Schema):
    """What became of one event: `is_new` False where it was recorded before; `message` says why it was refused."""

    tracking_number: str
    ok: bool
    is_new: bool
    message: str


class ParcelOut(Schema):
    """Where a parcel is."""

    tracking_number: str
    order: int
    shipment: int
    status: ParcelStatus
    since: datetime
    expected_at: datetime | None
    events: list[dict[str, Any]]


@PARCELS.write("POST", "/events", response=list[EventOutcome], summary="Report events of parcels")
def report_events(request: HttpRequest, payload: EventsIn) -> list[dict[str, Any]]:
    """Record events of parcels, and move their orders; each event has its own outcome."""
    outcomes = []
    for one in payload.events:
        number, is_new, message = one.tracking_number, False, ""
        try:
            is_new = parcels.report(
                number=number,
                status=one.status,
                at=one.at,
                text=one.text,
                place=one.place,
                source=author_of(request).label,
                by=author_of(request),
            )
        except OrderError as error:
            message = str(error)
        outcomes.append({"tracking_number": number, "ok": not message, "is_new": is_new, "message": message})
    return outcomes


@PARCELS.read("/{number}", response=ParcelOut, summary="Read a parcel")
def read_parcel(request: HttpRequest, number: Path[Code]) -> dict[str, Any]:
    """Return where the parcel with this tracking number is, and its newest 50 events."""
    rows = Parcel.objects.filter(shipment__tracking_number=number).select_related("shipment")
    parcel = rows.order_by("-pk").first()
    if parcel is None:
        raise not_found()
    return {
        "tracking_number": number,
        "order": parcel.shipment.order_id,
        "shipment": parcel.shipment_id,
        "status": parcel.state,
        "since": parcel.state_at,
        "expected_at": parcel.expected_at,
        "events": [
            {"code": row.code, "status": row.state, "at": row.at, "text": row.text, "place": row.place}
            for row in parcel.events.all()[:50]
        ],
    }
