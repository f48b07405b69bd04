"""Pick waves: which released shipments are picked together, from which bins, and what was not found (R-PLUS-18)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from inventory.models import StockItem, Warehouse
from oms.kit.authors.actors import Author
from oms.kit.numbers import whole_number
from orders.choices import OrderStatus, ShipmentState
from orders.domain import lifecycle
from orders.domain.allocation import allocate, release_from_item
from orders.domain.carriers import carriers_for
from orders.domain.handovers import at_work
from orders.domain.moves import refusal
from orders.domain.shipments import cancel_open_shipments
from orders.errors import OrderError
from orders.models import OrderLine, PickWave, Shipment, ShipmentLine, WaveTote
from orders.unit_of_work.unit_of_work import UnitOfWork

#: Totes of one wave: what one person pushes.
MOST_TOTES = 60


@dataclass(slots=True)
class PickRow:
    """One place to go to: the units of a SKU that a wave needs, and the totes that they go into."""

    bin_code: str
    line: OrderLine
    units: int = 0
    #: (tote, units, shipment id) in the sequence of the totes.
    totes: list[tuple[WaveTote, int]] = field(default_factory=list)


def waiting_for_wave(warehouse_id: int, zone: str = "") -> QuerySet[Shipment]:
    """Return the shipments of a warehouse that can be picked and are in no wave: one-line orders first, then by ship-by.

    `zone` is the beginning of a bin: only shipments of which every SKU is on such a bin.
    """
    rows = Shipment.objects.filter(
        warehouse=warehouse_id,
        state=ShipmentState.PLANNED,
        wave_tote=None,
        handover=None,
        order__status=OrderStatus.READY_FOR_FULFILMENT,
        order__holds_open=0,
    ).filter(Exists(ShipmentLine.objects.filter(shipment=OuterRef("pk"))))
    if zone:
        there = StockItem.objects.filter(
            warehouse=warehouse_id, variant=OuterRef("line__variant"), bin_code__istartswith=zone
        )
        elsewhere = ShipmentLine.objects.filter(~Exists(there), shipment=OuterRef("pk"))
        rows = rows.exclude(Exists(elsewhere))
    return rows.annotate(line_count=Count("lines")).order_by("line_count", "order__ship_by_at", "pk")


def make_wave(*, warehouse_id: int, zone: str = "", totes: int, by: Author) -> PickWave:
    """Put the next shipments of a warehouse into a wave, each into its own tote; return the wave.

    One-line orders come first: they are picked and packed without sorting. `totes` is how many at most (1 to 60).
    Raises `OrderError` for another number, an unknown warehouse, or when no shipment waits.
    """
    if not 1 <= totes <= MOST_TOTES:
        raise OrderError(_("A wave has 1 to %d totes.") % MOST_TOTES)
    zone = zone.strip()[:60]
    with transaction.atomic():
        # The lock of the warehouse: two people who start a wave at once get different shipments.
        warehouse = Warehouse.objects.select_for_update(of=("self",)).filter(pk=warehouse_id).first()
        if warehouse is None:
            raise OrderError(_("This warehouse no longer exists."))
        ids = list(waiting_for_wave(warehouse_id, zone).values_list("pk", flat=True)[:totes])
        if not ids:
            raise OrderError(
                _("No released order of this zone waits to be picked.")
                if zone
                else _("No released order waits to be picked in this warehouse.")
            )
        wave = PickWave.objects.create(warehouse=warehouse, zone=zone, author_id=by.user_id)
        WaveTote.objects.bulk_create(
            [WaveTote(wave=wave, shipment_id=pk, number=at) for at, pk in enumerate(ids, 1)]
        )
    return wave


def open_totes(wave: PickWave) -> list[WaveTote]:
    """Return the totes of a wave whose shipment is not packed yet."""
    rows = wave.totes.filter(shipment__state=ShipmentState.PLANNED)
    return list(
        rows.select_related("shipment__order__connection")
        .prefetch_related("shipment__lines__line")
        .order_by("number")
    )


def pick_rows(wave: PickWave) -> list[PickRow]:
    """Return what is still to be picked for a wave, by bin, then SKU. Four statements, whatever the number of totes."""
    totes = {tote.shipment_id: tote for tote in open_totes(wave)}
    lines = list(
        ShipmentLine.objects.filter(shipment__in=list(totes)).select_related("line__variant__product")
    )
    variants = {row.line.variant_id for row in lines if row.line.variant_id}
    bins = dict(
        StockItem.objects.filter(warehouse=wave.warehouse_id, variant__in=variants).values_list(
            "variant", "bin_code"
        )
    )
    found: dict[tuple[object, ...], PickRow] = {}
    for row in lines:
        line = row.line
        # Units with a personalisation are not alike.
        key = (line.variant_id or line.sku, line.personalisation, "" if line.variant_id else line.title)
        one = found.setdefault(key, PickRow(bins.get(line.variant_id or 0, ""), line))
        one.units += row.quantity
        one.totes.append((totes[row.shipment_id], row.quantity))
    for one in found.values():
        one.totes.sort(key=lambda pair: pair[0].number)
    return sorted(found.values(), key=lambda one: (not one.bin_code, one.bin_code.casefold(), _sku(one.line)))


def _sku(line: OrderLine) -> str:
    return line.variant.sku_key if line.variant else line.sku.casefold()


def progress_of(waves: Iterable[PickWave]) -> dict[int, tuple[int, int]]:
    """Return (packed or further, all) of the totes of each wave, by id; one statement."""
    rows = WaveTote.objects.filter(wave__in=list(waves)).order_by().values_list("wave", "shipment__state")
    found: dict[int, tuple[int, int]] = {}
    for wave_id, state in rows:
        done, count = found.get(wave_id, (0, 0))
        found[wave_id] = (done + (state != ShipmentState.PLANNED), count + 1)
    return found


def end_wave(wave_id: int) -> int:
    """Take the shipments that are not packed out of a wave, so that another wave picks them; return how many."""
    return WaveTote.objects.filter(wave=wave_id, shipment__state=ShipmentState.PLANNED).delete()[0]


def short_pick(*, order_id: int, line_id: int, units: int, reason: str, by: Author) -> str:
    """Record that `units` of a line were not found on their bin; return what happens to the order, as a sentence.

    The units leave the stock of the warehouse, so that no other order gets them. Another warehouse that has them serves
    them, and the order is released again; otherwise it is Partial, and its available part can be released.

    Raises `OrderError` without a reason, for an order that is not Ready for fulfilment or is at a warehouse system, and
    for more units than the order has on that bin. Nothing is changed then.
    """
    if not reason.strip():
        raise OrderError(_("Enter why the units are missing."))
    with transaction.atomic():
        unit = UnitOfWork.load([order_id])
        order_state = unit.order_states[0] if unit.order_states else None
        if order_state is None or order_state.status != OrderStatus.READY_FOR_FULFILMENT:
            raise OrderError(_("This order is not waiting to be packed any more."))
        if at_work(order_state):
            raise OrderError(
                _("The warehouse system is working on this order. Cancel the order to recall it.")
            )
        line = next((one for one in order_state.lines if one.pk == line_id), None)
        rows = [
            row
            for row in order_state.allocations
            if line is not None and row.line is line and row.state == row.State.OPEN
        ]
        if line is None or not 0 < units <= sum(row.quantity for row in rows):
            raise OrderError(_("Enter how many units are missing, at most as many as the order needs."))
        stock, left = unit.stock(), units
        why = _("Short pick of order %(order)s: %(reason)s") % {
            "order": order_state.order,
            "reason": reason.strip(),
        }
        for item_id in dict.fromkeys(row.stock_item_id for row in rows):
            gone = release_from_item(order_state, stock, unit.now, stock_item_id=item_id, units=left)
            if gone:
                stock.remove(item_id, gone, why[:200])
                left -= gone
        cancel_open_shipments(order_state)
        order_state.add_event(
            "short_pick",
            _("Short pick: %(units)d × %(sku)s not found. %(reason)s")
            % {
                "units": units,
                "sku": line.variant.sku if line.variant else line.sku,
                "reason": reason.strip(),
            },
        )
        allocate(order_state, stock, unit.now)
        order_state.settle()
        if refusal(order_state, "release") is None:
            lifecycle.release_order(order_state, unit, carriers_for([order_state]).get(id(order_state)))
            text = _("Another warehouse has the units. The order was released again.")
        elif order_state.status == OrderStatus.PARTIAL:
            text = _("The order is Partial now. Release its available part, or wait for stock.")
        else:
            text = _("The order is not released any more: %s") % refusal(order_state, "release")
        unit.flush(by)
    return text


def totes_with(code: str) -> Sequence[int]:
    """Return the orders (ids) of a tote whose code was scanned, as “W12-3”; none for another code."""
    wave, _dash, number = code.strip().upper().removeprefix("W").partition("-")
    wave_id, tote = whole_number(wave), whole_number(number)
    if not code.strip().upper().startswith("W") or wave_id is None or tote is None or tote > MOST_TOTES:
        return []
    rows = WaveTote.objects.filter(wave=wave_id, number=tote)
    return list(rows.values_list("shipment__order", flat=True))
