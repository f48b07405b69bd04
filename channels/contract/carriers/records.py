"""What carriers are sent and what they answer: addresses, parcels, services, labels, tracking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class LabelFormat(StrEnum):
    """The format of a label's file."""

    PDF = "pdf"
    PNG = "png"
    ZPL = "zpl"


#: The media type of each format.
MEDIA = {
    LabelFormat.PDF: "application/pdf",
    LabelFormat.PNG: "image/png",
    LabelFormat.ZPL: "application/zpl",
}


class ParcelState(StrEnum):
    """Where a parcel is, in the words of all carriers."""

    READY = "ready"
    HANDED_OVER = "handed_over"
    IN_TRANSIT = "in_transit"
    AT_CUSTOMS = "at_customs"
    OUT_FOR_DELIVERY = "out_for_delivery"
    AWAITING_COLLECTION = "awaiting_collection"
    FAILED_ATTEMPT = "failed_attempt"
    DELIVERED = "delivered"
    RETURNED = "returned"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """A sender or a recipient."""

    name: str
    line1: str
    city: str
    postcode: str
    country: str
    company: str = ""
    line2: str = ""
    region: str = ""
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class ParcelItem:
    """Goods in a parcel; `grams` and `value` are those of one unit."""

    description: str
    quantity: int
    grams: int
    value: Decimal
    currency: str
    sku: str = ""
    hs_code: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """One parcel for which a label is wanted. `reference` never changes: it makes the purchase idempotent.

    `number` is the tracking number, where Manifold makes it itself. `is_customs`: customs data must go with it.
    """

    reference: str
    order_number: str
    service: str
    sender: PostalAddress
    recipient: PostalAddress
    grams: int
    items: Sequence[ParcelItem]
    value: Decimal
    currency: str
    label_format: LabelFormat = LabelFormat.PDF
    is_customs: bool = False
    is_return: bool = False
    number: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A service of a carrier for one parcel. `cost` None: the carrier names no price. `hours` until it is delivered."""

    code: str
    name: str
    carrier: str = ""
    cost: Decimal | None = None
    currency: str = ""
    hours: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class LabelFile:
    """The file of a label."""

    content: bytes
    format: LabelFormat


@dataclass(frozen=True, slots=True)
class Bought:
    """A label that was bought. `label` None: it must be fetched by `label()`, or Manifold sets it itself."""

    external_id: str
    tracking_number: str
    tracking_url: str = ""
    parcel_id: str = ""
    carrier: str = ""
    cost: Decimal | None = None
    currency: str = ""
    label: LabelFile | None = None
    note: str = ""


class CancelAnswer(StrEnum):
    """What became of a cancellation; a refused one raises `Rejected`."""

    CANCELLED = "cancelled"
    QUEUED = "queued"


@dataclass(frozen=True, slots=True)
class TrackedParcel:
    """A parcel whose events are wanted."""

    ref: str
    tracking_number: str
    external_id: str = ""
    parcel_id: str = ""


@dataclass(frozen=True, slots=True)
class ParcelEventRecord:
    """One event of a carrier. `state` None: its code is not known, or says nothing about where the parcel is."""

    code: str
    at: datetime
    state: ParcelState | None = None
    text: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Tracked:
    """The events of one parcel, in any sequence. `expected`: the day of delivery, where the carrier gives one."""

    ref: str
    events: Sequence[ParcelEventRecord] = field(default_factory=tuple)
    expected: datetime | None = None


@dataclass(frozen=True, slots=True)
class CarrierManifest:
    """The carrier's own manifest of a day: its number and, where it is ready, its PDF."""

    number: str
    content: bytes = b""
