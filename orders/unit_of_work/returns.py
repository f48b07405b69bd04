"""Create returns in the transaction of their order, and count what open ones still expect."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from secrets import token_hex

from django.db.models import F, Q, Sum
from django.utils.translation import gettext as _

from channels.models import Connection
from oms.kit.authors.actors import Author
from orders.choices import ReturnOrigin, ReturnReason, ReturnState
from orders.models import Order, OrderEvent, OrderLine, Return, ReturnLine
from orders.unit_of_work.order_state import OrderState

#: Statuses of returns that still expect units.
OPEN = (ReturnState.REQUESTED, ReturnState.APPROVED, ReturnState.RECEIVED)


def expected_units(order_ids: Collection[int]) -> dict[int, int]:
    """Return the units that the open returns of these orders still expect, by order line (id). One query."""
    rows = ReturnLine.objects.filter(of__order__in=list(order_ids), of__state__in=OPEN, line__isnull=False)
    sums = (
        rows.order_by()
        .values("line")
        .annotate(units=Sum(F("quantity") - F("usable") - F("unusable") - F("written_off") - F("missing")))
    )
    return dict(sums.values_list("line", "units"))


def new_return(
    order: Order | None,
    lines: Sequence[tuple[OrderLine, int]],
    *,
    reason: str,
    origin: str,
    at: datetime,
    author_id: int | None = None,
    note: str = "",
    tracking_number: str = "",
    store: Connection | None = None,
) -> Return:
    """Create a requested return with these lines and units; return it. The caller has locked the order and checked them."""
    made = Return.objects.create(
        number=token_hex(12),
        order=order,
        connection=order.connection if order else store,
        origin=origin,
        reason=reason,
        note=note,
        tracking_number=tracking_number,
        currency=order.currency if order else "",
        refunded_before=order.refunded_total if order else None,
        requested_at=at,
        author_id=author_id,
    )
    # The number comes from the primary key, so two returns that are created at the same time differ.
    made.number = f"R{made.pk:06d}"
    made.save(update_fields=["number"])
    ReturnLine.objects.bulk_create(
        [
            ReturnLine(
                of=made,
                line=line,
                variant_id=line.variant_id,
                sku=line.sku,
                title=line.title,
                quantity=units,
            )
            for line, units in lines
        ]
    )
    return made


def _refunded(line: OrderLine) -> int:
    """Return the units of a line that the channel has refunded; of a component those in the refunded kits."""
    return line.parent.refunded * line.kit_units if line.parent is not None else line.refunded


def write_channel_returns(order_states: Iterable[OrderState], now: datetime, by: Author) -> None:
    """Create the returns that channels have reported (`OrderState.is_return_reported`); no statement without one.

    All units that were shipped and are not back, or as many as the channel says it has refunded, where it says so. An
    order with an open return gets no second one, nor one whose return from the channel was decided before.
    """
    reported = [each for each in order_states if each.is_return_reported]
    if not reported:
        return
    ids = [each.order.pk for each in reported]
    known = Return.objects.filter(Q(state__in=OPEN) | Q(origin=ReturnOrigin.CHANNEL), order__in=ids)
    have = set(known.values_list("order", flat=True))
    for order_state in reported:
        if order_state.order.pk in have:
            continue
        names_units = any(line.refunded for line in order_state.lines)
        rows = [
            (line, units)
            for line in order_state.lines
            if not order_state.components_of(line)
            if (units := min(line.shipped - line.returned, _refunded(line) if names_units else line.shipped))
            > 0
        ]
        if not rows:
            continue
        made = new_return(
            order_state.order, rows, reason=ReturnReason.NOT_SAID, origin=ReturnOrigin.CHANNEL, at=now
        )
        OrderEvent.objects.create(
            order=order_state.order,
            kind="return",
            text=_("Return %(number)s requested by %(store)s")
            % {"number": made.number, "store": order_state.connection.name},
            actor=by.kind,
            at=now,
        )
