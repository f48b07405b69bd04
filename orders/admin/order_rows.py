"""What the order list shows beside each order: its first lines, shipments and warehouses, read in two statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import CharField, Exists, F, Q, QuerySet, Subquery, Value
from django.db.models.expressions import OuterRef

from catalogue.models import ProductImage
from channels.models import OutboxMessage
from orders.choices import EVENT_LABELS
from orders.models import Allocation, Order, OrderLine, Shipment

SHOWN_LINES = 2


def thumb_of(product: str, variant: str) -> Subquery:
    """Return the address of a line's picture: its variant's own first, else the first of its product."""
    images = ProductImage.objects.filter(
        Q(variant=OuterRef(variant)) | Q(variant=None, product=OuterRef(product))
    ).order_by(F("variant").asc(nulls_last=True), "position", "id")
    return Subquery(images.values("url")[:1])


def lines_of(orders: Sequence[int]) -> QuerySet[OrderLine]:
    """Return the lines of these orders with variant, product and `thumb`, in the order of the channel."""
    lines = OrderLine.objects.filter(order__in=orders).select_related("variant__product")
    return lines.annotate(thumb=thumb_of("variant__product", "variant")).order_by("order", "position", "id")


def without_kits(lines: QuerySet[OrderLine]) -> QuerySet[OrderLine]:
    """Return the lines without those of kits: what lies in a parcel."""
    return lines.exclude(Exists(OrderLine.objects.filter(parent=OuterRef("pk"), kit_units__gt=0)))


class LineCell(NamedTuple):
    """One line in the cell “items”; `own_sku` is "" while the SKU is unknown."""

    title: str
    sku: str
    own_sku: str
    quantity: int
    thumb: str


@dataclass(slots=True)
class Beside:
    """What the list shows of one order: `more` lines are not shown, `shipments` are (carrier, tracking number)."""

    lines: list[LineCell] = field(default_factory=list)
    more: int = 0
    shipments: list[tuple[str, str]] = field(default_factory=list)
    ships_from: dict[str, None] = field(default_factory=dict)
    allocated_in: dict[str, None] = field(default_factory=dict)

    @property
    def warehouses(self) -> list[str]:
        """The warehouses of its shipments; before there are any, those where its units are allocated."""
        return list(self.ships_from or self.allocated_in)


def accepted_events(orders: Sequence[Order]) -> dict[int, tuple[Any, datetime]]:
    """Return what the channels of these orders were sent and accepted after the last import: (event, time) by order."""
    read_at = {order.pk: order.read_at for order in orders}
    rows = OutboxMessage.objects.filter(
        kind="event", group__in=list(read_at), sent_at__isnull=False, skipped_at=None, is_written=True
    )
    found: dict[int, tuple[Any, datetime]] = {}
    for pk, topic, at in rows.order_by("id").values_list("group", "topic", "sent_at"):
        if pk is not None and at is not None and at > read_at[pk]:
            found[pk] = (EVENT_LABELS.get(topic, topic), at)  # type: ignore[call-overload]
    return found


def beside(ids: Sequence[int], *, to_pack: bool = False) -> dict[int, Beside]:
    """Return what the list shows of these orders, by id. Two statements; values instead of models, for speed.

    Of a kit the line that was sold; with `to_pack` its components instead.
    """
    found = {pk: Beside() for pk in ids}
    lines = OrderLine.objects.filter(order__in=ids).order_by("order", "position", "id")
    lines = without_kits(lines) if to_pack else lines.filter(parent=None)
    for pk, title, sku, own, quantity, thumb in lines.values_list(
        "order_id", "title", "sku", "variant__sku", "quantity", thumb_of("variant__product", "variant")
    ):
        if len(found[pk].lines) < SHOWN_LINES:
            found[pk].lines.append(LineCell(title, sku, own or "", quantity, thumb or ""))
        else:
            found[pk].more += 1
    text = CharField()
    shipments = Shipment.objects.filter(order__in=ids).live().order_by()
    allocated = Allocation.objects.filter(line__order__in=ids, state="open").order_by()
    rows = shipments.values_list(
        "order_id", "number", "carrier__name", "tracking_number", "warehouse__name", Value("s", text)
    ).union(
        allocated.values_list(
            "line__order_id",
            "id",
            Value(None, text),
            Value("", text),
            "stock_item__warehouse__name",
            Value("a", text),
        ),
        all=True,
    )
    for pk, _number, carrier, tracking, warehouse, kind in sorted(rows, key=lambda r: (r[0], r[5], r[1])):
        if kind == "a":
            found[pk].allocated_in[warehouse] = None
            continue
        found[pk].shipments.append((carrier or "", tracking))
        if warehouse:
            found[pk].ships_from[warehouse] = None
    return found
