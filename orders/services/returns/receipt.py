"""Receive and grade the goods of a return, put them into the stock, and close it (R-PLUS-10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from inventory import stock_changes
from inventory.models import StockMovement, Warehouse
from inventory.stock_changes import StockChange
from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from orders import problem_codes
from orders.choices import ReturnState
from orders.domain.returned_units import is_all_back, value_of_units
from orders.errors import OrderError
from orders.models import Return, ReturnLine
from orders.services.returns.loading import load_return
from orders.unit_of_work.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Grade:
    """Units of one line of a return by their condition: see `ReturnLine`."""

    usable: int = 0
    unusable: int = 0
    written_off: int = 0
    missing: int = 0

    @property
    def units(self) -> int:
        return self.usable + self.unusable + self.written_off + self.missing

    @property
    def came_back(self) -> int:
        return self.usable + self.unusable + self.written_off


def receive(*, return_id: int, grades: Mapping[int, Grade], warehouse: Warehouse, by: Author) -> Return:
    """Receive units of an approved return and grade them (return line id -> grade); a part of them, too.

    Usable units are on hand at once, with a row of the stock history; unusable ones go to the unusable stock of the
    warehouse; written-off and missing ones change no stock. A SKU whose stock is not tracked changes none. When no unit
    is expected any more the return is closed; the order is Returned when all that was shipped is back.

    Raises `OrderError` for a return that is not approved or is closed, without units, for more than are expected, and
    for a line of another return. Nothing is changed then.
    """
    wanted = {pk: grade for pk, grade in grades.items() if grade.units}
    if not wanted or any(
        min(grade.usable, grade.unusable, grade.written_off, grade.missing) < 0 for grade in wanted.values()
    ):
        raise OrderError(_("Enter how many units came back, and in which condition."))
    with transaction.atomic():
        found, unit = load_return(return_id)
        _check_receivable(found)
        rows = {row.pk: row for row in found.lines.select_related("variant__merged_into").order_by("pk")}
        for pk, grade in wanted.items():
            if pk not in rows:
                raise OrderError(_("This line belongs to another return."))
            if grade.units > rows[pk].expected:
                raise OrderError(
                    _("Only %(units)d units of %(sku)s are expected.")
                    % {"units": rows[pk].expected, "sku": rows[pk].sku or rows[pk].title}
                )
        _count_lines(found, unit, {rows[pk]: grade for pk, grade in wanted.items()})
        _put_back(found, unit, {rows[pk]: grade for pk, grade in wanted.items()}, warehouse, by)
        found.state, found.warehouse = ReturnState.RECEIVED, warehouse
        found.received_at = found.received_at or timezone.now()
        text = _("Return %(number)s: %(units)s") % {
            "number": found.number,
            "units": "; ".join(_in_words(rows[pk], grade) for pk, grade in wanted.items())[:240],
        }
        is_done = not any(row.expected for row in rows.values())
        _finish(found, unit, text, is_closed=is_done, by=by)
        audit.record("return.received", found, by=by)
    return found


def close(*, return_id: int, by: Author) -> Return:
    """Close a return: units that are still expected are missing. Raises `OrderError` for one that is not approved."""
    with transaction.atomic():
        found, unit = load_return(return_id)
        _check_receivable(found)
        missing = 0
        for row in found.lines.order_by("pk"):
            if row.expected:
                missing += row.expected
                row.missing += row.expected
                row.save(update_fields=["missing"])
        text = _("Return %(number)s closed, %(units)d units missing") % {
            "number": found.number,
            "units": missing,
        }
        _finish(found, unit, text, is_closed=True, by=by)
        audit.record("return.closed", found, by=by)
    return found


def _check_receivable(found: Return) -> None:
    if found.state == ReturnState.REQUESTED:
        raise OrderError(_("Approve the return first."))
    if found.state not in (ReturnState.APPROVED, ReturnState.RECEIVED):
        raise OrderError(
            _("This return is %(status)s. No more units can be received.")
            % {"status": str(found.get_state_display()).lower()}
        )


def _count_lines(found: Return, unit: UnitOfWork | None, grades: Mapping[ReturnLine, Grade]) -> None:
    """Write the graded units of the return, with their value, and count those that came back on the order."""
    lines = {line.pk: line for line in unit.order_states[0].lines} if unit is not None else {}
    for row, grade in grades.items():
        line = lines.get(row.line_id or 0)
        if unit is not None and line is not None:
            if line.returned + grade.came_back > line.shipped:
                raise OrderError(
                    _("Only %(units)d units of %(sku)s were shipped and are not back yet.")
                    % {"units": line.shipped - line.returned, "sku": row.sku or row.title}
                )
            row.amount += value_of_units(
                unit.order_states[0], line, line.returned, grade.came_back, found.currency
            )
            line.returned += grade.came_back
        row.usable += grade.usable
        row.unusable += grade.unusable
        row.written_off += grade.written_off
        row.missing += grade.missing
        row.save(update_fields=["usable", "unusable", "written_off", "missing", "amount"])


def _put_back(
    found: Return,
    unit: UnitOfWork | None,
    grades: Mapping[ReturnLine, Grade],
    warehouse: Warehouse,
    by: Author,
) -> None:
    """Add the units to the stock of the warehouse, where their SKU is known and its stock is tracked.

    Units of a SKU that was merged since go to the SKU that stays.
    """
    counted: list[tuple[int, Grade]] = []
    for row, grade in grades.items():
        variant = row.variant and (row.variant.merged_into or row.variant)
        if variant is not None and variant.is_counted and (grade.usable or grade.unusable):
            if variant.is_kit:
                raise OrderError(
                    _(
                        "%s is a kit now and has no stock of its own. Grade its units as written off, then adjust the stock"
                        " of its components."
                    )
                    % variant.sku
                )
            counted.append((variant.pk, grade))
    if not counted:
        return
    places = [(variant_id, warehouse.pk) for variant_id, _grade in counted]
    if unit is not None:  # the stock items of the whole order are locked together, by primary key
        unit.stock(also=[variant_id for variant_id, _place in places])
    stock_items = stock_changes.ensure_stock_items(places)
    item_at = {(item.variant_id, item.warehouse_id): item for items in stock_items.values() for item in items}
    changes = [
        StockChange(
            stock_item_id=item_at[variant_id, warehouse.pk].pk,
            on_hand=grade.usable,
            unusable=grade.unusable,
            kind=StockMovement.Kind.RETURN,
            reason=_("Return %s") % found.number,
            reference_kind="return",
            reference_id=found.pk,
        )
        for variant_id, grade in counted
    ]
    if unit is not None:
        unit.stock().receive(changes, stock_items)
    else:
        stock_changes.apply(changes, stock_items=stock_items, by=by)


def _finish(found: Return, unit: UnitOfWork | None, text: str, *, is_closed: bool, by: Author) -> None:
    """Save the return, closed or not, and its order with its new status."""
    if is_closed:
        found.state, found.closed_at = ReturnState.CLOSED, timezone.now()
    if unit is not None:
        order_state = unit.order_states[0]
        order = order_state.order
        if is_closed and order.refunded_total is not None:
            found.refund_noted = max(order.refunded_total - (found.refunded_before or Decimal(0)), Decimal(0))
        if is_all_back(order_state) and order.cancelled_at is None and order.returned_at is None:
            order.returned_at = unit.now
            order_state.end_holds(unit.now)
            for code in (problem_codes.REFUNDED_ON_CHANNEL, problem_codes.LATE_CANCEL):
                order_state.close_problem(code, _("All units have come back."))
        order_state.add_event("return", text)
        unit.flush(by)
    found.save()


def _in_words(row: ReturnLine, grade: Grade) -> str:
    parts = [
        (grade.usable, _("usable")),
        (grade.unusable, _("unusable")),
        (grade.written_off, _("written off")),
        (grade.missing, _("missing")),
    ]
    return f"{row.sku or row.title}: " + ", ".join(f"{units} {word}" for units, word in parts if units)
