"""Shipments for a warehouse system: read them, acknowledge them, report what happened (`docs/wms-api.md`)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Schema
from pydantic import AfterValidator, Field

from inventory.api.wms import caller
from inventory.services import wms
from inventory.services.wms import Caller
from oms.kit.api.areas import Area
from oms.kit.api.errors import ApiError, not_found
from oms.kit.api.fields import Code, Input, Instant, Sku, Text, Units
from oms.kit.api.paging import After, Limit, Page, answer, page_of
from orders.choices import HandoverState
from orders.domain import wms_content
from orders.errors import OrderError
from orders.inbound.wms import facts
from orders.inbound.wms.facts import Fact, Parcel, PickedLine
from orders.models import Handover, Order
from orders.models.querysets import HandoverQuerySet

SHIPMENTS = Area("wms", prefix="/shipments", tag="Shipments", secrets_of=wms.secrets_of)

MOST_LINES = 200


def _known(kind: str) -> str:
    if kind not in facts.KINDS:
        raise ValueError(f"is none of: {', '.join(facts.KINDS)}")
    return kind


Kind = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(facts.KINDS)})]


class OrderOut(Schema):
    """The order of a shipment."""

    number: str
    store: str
    channel: str
    placed_at: datetime
    ship_by_at: datetime | None


class LineOut(Schema):
    """Units to pick."""

    sku: str
    barcode: str
    title: str
    quantity: int
    personalisation: str


class LabelOut(Schema):
    """Carrier and tracking number, from when the channel has accepted them."""

    carrier: str
    service: str
    tracking_number: str
    tracking_url: str


class ShipmentOut(Schema):
    """A shipment. `version` counts its contents: work with the highest."""

    id: UUID
    reference: str
    state: str
    version: int
    order: OrderOut
    warehouse: str
    ship_to: dict[str, Any]
    name: str
    phone: str
    email: str
    shipping_method: str
    carrier: str
    gift_message: str
    buyer_note: str
    lines: list[LineOut]
    label: LabelOut | None
    parcels: list[dict[str, Any]]


class AcknowledgementIn(Input):
    """The reference of the shipment in the WMS."""

    reference: Code


class LineIn(Input):
    """How many units of a SKU were picked; `reason` says why fewer than ordered."""

    sku: Sku
    picked: Units
    ordered: Units | None = None
    reason: Literal["", "missing", "damaged", "wrong_location"] = ""


class ParcelIn(Input):
    """A parcel; `lines` are units by SKU, the size is length, width and height."""

    tracking_number: Text = ""
    carrier: Annotated[Text, Field(max_length=120)] = ""
    service: Annotated[Text, Field(max_length=120)] = ""
    weight_grams: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    size_mm: Annotated[list[Annotated[int, Field(ge=0, le=100_000)]], Field(max_length=3)] = []
    lines: Annotated[dict[Sku, Units], Field(max_length=MOST_LINES)] = {}


class EventIn(Input):
    """A fact. `lines` are needed for `shipment.short_picked`; `parcels` belong to `packed` and `dispatched`."""

    type: Kind
    occurred_at: Instant
    reference: Annotated[Text, Field(max_length=120)] = ""
    reason: Text = ""
    lines: Annotated[list[LineIn], Field(max_length=MOST_LINES)] = []
    parcels: Annotated[list[ParcelIn], Field(max_length=50)] = []


def _rows(who: Caller) -> HandoverQuerySet:
    return Handover.objects.filter(connection=who.wms, shipment__warehouse=who.warehouse)


def _documents(rows: list[Handover]) -> list[dict[str, Any]]:
    """Return shipments as they are now. The WMS knows them from now on: their orders are locked meanwhile."""
    ids = [row.pk for row in rows]
    with transaction.atomic():
        orders = Order.objects.filter(shipments__handover__in=ids).order_by("pk")
        list(orders.select_for_update(of=("self",)).values_list("pk", flat=True))
        found = list(wms_content.with_content(Handover.objects.filter(pk__in=ids)).order_by("pk"))
        wms_content.count_versions(found)
        live = [row.pk for row in found if row.is_open and row.offered_at is None]
        Handover.objects.filter(pk__in=live).update(offered_at=timezone.now())
    return [wms_content.document_of(row) for row in found]


@SHIPMENTS.read("", response=Page[ShipmentOut], summary="List shipments")
def list_shipments(
    request: HttpRequest,
    status: Literal["ready_for_warehouse", "open", "all"] = "ready_for_warehouse",
    after: After = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """Return the shipments of the key's warehouse: those that wait for the WMS, all open ones, or all."""
    rows = _rows(caller(request))
    if status == "ready_for_warehouse":
        rows = rows.filter(state=HandoverState.RELEASED, recall="")
    elif status == "open":
        rows = rows.open()
    found, following = page_of(rows, after, limit)
    return answer(_documents(found), following)


@SHIPMENTS.read("/{uuid}", response=ShipmentOut, summary="Read a shipment")
def read_shipment(request: HttpRequest, uuid: Path[UUID]) -> dict[str, Any]:
    """Return a shipment as it is now."""
    found = _documents(list(_rows(caller(request)).filter(uuid=uuid)))
    if not found:
        raise not_found()
    return found[0]


@SHIPMENTS.write("POST", "/{uuid}/acknowledge", response=ShipmentOut, summary="Acknowledge a shipment")
def acknowledge(request: HttpRequest, uuid: Path[UUID], payload: AcknowledgementIn) -> dict[str, Any]:
    """Report that the WMS has received a shipment, with its own reference. Another reference later is refused (409)."""
    return _record(
        request,
        uuid,
        Fact(
            key=request.headers["webhook-id"],
            kind="shipment.received",
            occurred_at=timezone.now(),
            reference=payload.reference,
            data={"reference": payload.reference},
        ),
    )


@SHIPMENTS.write("POST", "/{uuid}/events", response=ShipmentOut, summary="Report an event")
def report_event(request: HttpRequest, uuid: Path[UUID], payload: EventIn) -> dict[str, Any]:
    """Report one fact about a shipment. The same fact again changes nothing; one that comes too late is refused (422)."""
    return _record(
        request,
        uuid,
        Fact(
            key=request.headers["webhook-id"],
            kind=payload.type,
            occurred_at=payload.occurred_at,
            reference=payload.reference,
            reason=payload.reason[:200],
            lines=[PickedLine(line.sku, line.picked, line.reason) for line in payload.lines],
            parcels=[
                Parcel(
                    tracking_number=each.tracking_number.strip()[:120],
                    carrier=each.carrier,
                    service=each.service,
                    weight_grams=each.weight_grams,
                    size_mm=each.size_mm,
                    lines=each.lines,
                )
                for each in payload.parcels
            ],
            data=payload.dict(exclude={"type", "occurred_at"}),
        ),
    )


def _record(request: HttpRequest, uuid: UUID, fact: Fact) -> dict[str, Any]:
    who = caller(request)
    try:
        row = facts.record(wms=who.wms, warehouse_id=who.warehouse.pk, uuid=uuid, fact=fact, by=who.author)
    except facts.NoSuchShipment as error:
        raise not_found() from error
    except facts.OtherReference as error:
        raise ApiError(409, error) from error
    except OrderError as error:
        raise ApiError(422, error) from error
    return _documents([row])[0]
