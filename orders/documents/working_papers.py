"""Pick lists, packing slips, labels and return slips: printed from the present data, counted, marked as reprints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from orders.choices import DocumentKind, LabelFileFormat, LabelState, ShipmentState
from orders.documents import files, loading
from orders.documents.contents import labels as label_builder
from orders.documents.contents import pick_lists
from orders.documents.contents.parts import Frame, frame_for, staff_frame
from orders.documents.contents.slips import packing_slip, return_slip
from orders.documents.sheets import positions
from orders.documents.typesetting.render import Request, set_into
from orders.errors import OrderError
from orders.models import Document, DocumentSettings, LabelPurchase, Order, Shipment

#: Labels of one file of typst: a whole number of sheets.
LABELS_TOGETHER = 100


@dataclass
class Refusals:
    """Why orders or shipments were not printed, by id; and characters that no font has, by order number."""

    reasons: dict[str, str]
    unprintable: dict[str, str] = field(default_factory=dict)

    def add(self, pk: int, label: str, reason: Any) -> None:
        """Note why one was not printed."""
        self.reasons[str(pk)] = f"{label}: {reason}"

    def without(self, ids: Sequence[int], shipments: Sequence[Shipment], of: str) -> None:
        """Note those of which nothing can be printed: they have no shipment that Manifold packs."""
        found = {row.order_id if of == "orders" else row.pk for row in shipments}
        missing = [pk for pk in ids if pk not in found and str(pk) not in self.reasons]
        if of == "orders":
            names = dict(Order.objects.filter(pk__in=missing).values_list("pk", "number"))
        else:
            rows = Shipment.objects.filter(pk__in=missing).values_list("pk", "order__number")
            names = dict(rows)
        for pk in missing:
            self.add(pk, f"#{names.get(pk, pk)}", _("No shipment to print for. Release the order first."))

    def unreadable(self, number: str, frame: Frame) -> None:
        """Note the characters of an order that print as “?”."""
        if frame.printer.missing:
            self.unprintable[number] = " ".join(sorted(frame.printer.missing)[:10])

    def sentences(self) -> list[str]:
        """Return the first 200 refusals as sentences."""
        return list(self.reasons.values())[:200]

    def warnings(self) -> list[str]:
        """Return one sentence for each order with characters that could not be printed."""
        return [
            ngettext(
                "#%(number)s: a character could not be printed: %(letters)s",
                "#%(number)s: some characters could not be printed: %(letters)s",
                len(letters.split()),
            )
            % {"number": number, "letters": letters}
            for number, letters in list(self.unprintable.items())[:200]
        ]


def chosen(kind: DocumentKind, shipments: Sequence[Shipment], refused: Refusals) -> list[Shipment]:
    """Return the shipments of which `kind` is printed: a pick list has only what is not packed yet."""
    if kind not in {DocumentKind.PICK_LIST, DocumentKind.ORDER_PICK_LIST}:
        return list(shipments)
    planned = [row for row in shipments if row.state == ShipmentState.PLANNED]
    orders = {row.order_id for row in planned}
    for row in shipments:
        if row.order_id not in orders:
            refused.add(row.order_id, f"#{row.order.number}", _("It is packed: nothing is left to pick."))
    return planned


def count_prints(kind: DocumentKind, shipments: Sequence[Shipment], author_id: int | None) -> dict[int, int]:
    """Count one print of each shipment; return how often each was printed before, by shipment id."""
    ids = [row.pk for row in shipments]
    Document.objects.bulk_create(
        [
            Document(
                kind=kind,
                connection_id=row.order.connection_id,
                order_id=row.order_id,
                shipment=row,
                author_id=author_id,
            )
            for row in shipments
        ],
        ignore_conflicts=True,
    )
    rows = Document.objects.filter(kind=kind, shipment__in=ids)
    rows.update(prints=F("prints") + 1, printed_at=timezone.now())
    return {pk: prints - 1 for pk, prints in rows.values_list("shipment", "prints")}


def _frames(shipments: Sequence[Shipment]) -> list[tuple[Shipment, Frame]]:
    """Return each shipment with a frame of its own: settings of its store, language of its buyer."""
    settings = loading.settings_of({row.order.connection_id for row in shipments})
    now = timezone.now()
    return [(row, frame_for(settings[row.order.connection_id], row.order.country, now)) for row in shipments]


def slips(
    kind: DocumentKind,
    shipments: Sequence[Shipment],
    copies: dict[int, int],
    folder: Path,
    refused: Refusals,
) -> list[Path]:
    """Set a packing slip or a return slip for each shipment; return the files."""
    build = packing_slip if kind == DocumentKind.PACKING_SLIP else return_slip
    requests = []
    for row, frame in _frames(shipments):
        requests.append(Request(str(kind), build(frame, row, copies.get(row.pk, 0))))
        refused.unreadable(row.order.number, frame)
    return set_into(requests, folder)


def labels(
    shipments: Sequence[Shipment], copies: dict[int, int], folder: Path, start: int, refused: Refusals
) -> list[Path]:
    """Set the labels of all shipments, stores with the same paper together; return the files.

    `start` is how many positions of the first A4 sheet are used already.
    """
    bought, shipments = bought_labels(shipments, refused)
    parcels = loading.parcels_of(shipments)
    by_size: dict[str, list[dict[str, Any]]] = {}
    frames: dict[str, Frame] = {}
    for row, frame in _frames(shipments):
        size = frame.settings.label_size
        made = label_builder.label(frame, row, parcels[row.order_id], copies.get(row.pk, 0))
        made["words"] = {"deliver_to": frame.words["deliver_to"]}
        by_size.setdefault(size, []).append(made)
        frames.setdefault(size, frame)
        refused.unreadable(row.order.number, frame)
    requests = []
    for size, made_labels in by_size.items():
        used = start % positions(size)
        first, rest = made_labels[: LABELS_TOGETHER - used], made_labels[LABELS_TOGETHER - used :]
        sheets = [(first, used)]
        sheets += [(rest[at : at + LABELS_TOGETHER], 0) for at in range(0, len(rest), LABELS_TOGETHER)]
        requests += [
            Request("label", label_builder.sheet(frames[size], rows, size, skip)) for rows, skip in sheets
        ]
    return [*set_into(requests, folder, in_a_child=2), *bought]


def bought_labels(shipments: Sequence[Shipment], refused: Refusals) -> tuple[list[Path], list[Shipment]]:
    """Return the files of labels that carriers sold for these shipments, and the shipments without one.

    A carrier's label is printed as it is. One that is no PDF cannot be in the same file: it is printed on the order page.
    """
    rows = LabelPurchase.objects.filter(shipment__in=shipments, state=LabelState.BOUGHT, is_return=False)
    found = {row.shipment_id: row for row in rows.exclude(content_hash="")}
    paths = []
    for shipment in shipments:
        label = found.get(shipment.pk)
        if label is None:
            continue
        name = f"#{shipment.order.number}"
        if label.label_format != LabelFileFormat.PDF:
            text = _("Its label is a %s file. Print it on the order page.") % label.label_format.upper()
            refused.add(shipment.pk, name, text)
            continue
        try:
            files.read(label.content_hash)
        except OrderError as error:
            refused.add(shipment.pk, name, error)
            continue
        paths.append(files.path_of(label.content_hash))
    LabelPurchase.objects.filter(pk__in=[row.pk for row in found.values()]).update(prints=F("prints") + 1)
    return paths, [row for row in shipments if row.pk not in found]


def pick_list(
    kind: DocumentKind, shipments: Sequence[Shipment], folder: Path, language: str, refused: Refusals
) -> list[Path]:
    """Set the pick list of all shipments, one for each warehouse, in the language of the person."""
    paper: DocumentSettings = loading.settings_of([shipments[0].order.connection_id]).popitem()[1]
    build = pick_lists.combined if kind == DocumentKind.PICK_LIST else pick_lists.by_order
    by_warehouse: dict[int, list[Shipment]] = {}
    for row in shipments:
        by_warehouse.setdefault(row.warehouse_id or 0, []).append(row)
    requests = []
    for rows in by_warehouse.values():
        frame = staff_frame(paper, language, timezone.now())
        requests.append(Request("pick_list", build(frame, rows)))
        if frame.printer.missing:
            refused.unreadable("–", frame)
    return set_into(requests, folder)
