"""The sheet of parcel news: each row says what happened to the parcel with a tracking number (R-SHIP-06)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from oms.kit.imports import kinds
from oms.kit.imports.kinds import Draft, RowsRefused, Session
from oms.kit.sheets.fields import FieldType, SheetField, SheetKind
from orders.choices import ParcelStatus
from orders.errors import OrderError
from orders.inbound import parcels
from orders.models import Parcel, Shipment

NUMBER = SheetField(
    "number", gettext_lazy("Tracking number"), FieldType.CODE, required=True, max_length=120, example="TT123456785GB",
    synonyms=("tracking", "tracking no", "parcel number", "barcode", "n° de suivi", "numéro de suivi"),
)  # fmt: skip
STATUS = SheetField(
    "status", gettext_lazy("Parcel status"), required=True, max_length=40, example="delivered",
    synonyms=("status", "event", "statut"),
    help=gettext_lazy("One of the statuses of a parcel, such as in_transit, delivered, awaiting_collection, lost."),
)  # fmt: skip
DATE = SheetField(
    "date", gettext_lazy("Date"), FieldType.DATE, date_order="dmy", required=True, example="2026-12-03",
    synonyms=("event date", "delivered on", "delivery date", "date de livraison"),
)  # fmt: skip
TEXT = SheetField("text", gettext_lazy("Text"), max_length=200, example="Left with a neighbour")
PARCELS = SheetKind("parcel-news", gettext_lazy("News of parcels"), (NUMBER, STATUS, DATE, TEXT))


def status_of(text: str) -> str:
    """Return the status that a person wrote, by its code or its label; "" for another word."""
    key = "_".join(text.casefold().split())
    labels = {"_".join(str(label).casefold().split()): value for value, label in ParcelStatus.choices}
    return key if key in ParcelStatus.values else labels.get(key, "")


class NewsPart:
    """Records one event for each row, by the same rules as the API does."""

    name = "parcel"

    def check(self, drafts: Sequence[Draft], session: Session) -> None:
        numbers = {str(draft.record.values.get("number") or "") for draft in drafts} - {""}
        rows = Shipment.objects.live().filter(tracking_number__in=numbers).select_related("parcel")
        found: dict[str, list[Shipment]] = {}
        for row in rows:
            found.setdefault(row.tracking_number, []).append(row)
        for draft in drafts:
            values = draft.record.values
            number, status = str(values.get("number") or ""), status_of(str(values.get("status") or ""))
            draft.name = number
            if not status:
                draft.reject(
                    "status", "status-unknown", _("“%s” is no status of a parcel.") % values.get("status")
                )
            if len(found.get(number, ())) != 1:
                draft.reject(
                    "number", "number-unknown", _("No shipment has the tracking number “%s”.") % number
                )
                continue
            if not status:
                continue
            shipment = found[number][0]
            draft.subject_id = shipment.pk
            parcel = getattr(shipment, "parcel", None)
            old = parcel.get_state_display() if isinstance(parcel, Parcel) else ""
            draft.change("status", old, str(ParcelStatus(status).label))
            draft.data[self.name] = {
                "status": status,
                "date": str(values["date"]),
                "text": str(values.get("text") or ""),
            }

    def verify(self, rows: Sequence[Any], session: Session, *, undo: bool) -> Mapping[int, str]:
        if not undo:
            return {}
        words = _("What a carrier or a person said about a parcel cannot be undone.")
        return {row.row: words for row in rows if self.name in row.data}

    def apply(self, rows: Sequence[Any], session: Session) -> None:
        numbers = dict(
            Shipment.objects.filter(pk__in=[row.subject_id for row in rows]).values_list(
                "pk", "tracking_number"
            )
        )
        for row in rows:
            said = row.data.get(self.name)
            if said is None:
                continue
            day = datetime.fromisoformat(said["date"]).date()
            try:
                parcels.report(
                    number=numbers.get(row.subject_id, ""),
                    status=said["status"],
                    at=timezone.make_aware(datetime.combine(day, time(12))),
                    text=said["text"],
                    source=session.reason[:60],
                    by=session.by,
                )
            except OrderError as error:
                raise RowsRefused(str(error)) from None

    def undo(self, rows: Sequence[Any], session: Session) -> None:
        raise RowsRefused(_("What a carrier or a person said about a parcel cannot be undone."))


def rows() -> Iterator[dict[str, Any]]:
    """Yield the parcels under way with what was said last."""
    found = Parcel.objects.exclude(shipment__tracking_number="").select_related("shipment").order_by("pk")
    for row in found.iterator(chunk_size=5_000):
        day = timezone.localtime(row.state_at).date()
        yield {"number": row.shipment.tracking_number, "status": row.state, "date": day}


def register() -> None:
    """Register the kind of import and export."""
    kinds.register(
        kinds.ImportKind(
            sheet=PARCELS,
            permissions=("orders.ship_order",),
            export_permission="orders.export_order",
            parts=[NewsPart()],
            export=rows,
            export_count=lambda: Parcel.objects.exclude(shipment__tracking_number="").count(),
            help=gettext_lazy("What happened to parcels: their orders move to In transit and Delivered."),
        )
    )
