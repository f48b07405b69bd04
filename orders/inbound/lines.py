"""Update the lines of a stored order from its record. Lines are matched by what they are, not by their id alone.

Some channels give all lines of an order new ids when one of them is edited (OpenCart). Goods that are the same stay the
same line, with its stock, its SKU mapping and its history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from catalogue.models import sku_key
from channels.contract.records.orders import OrderLineRecord, OrderRecord
from orders import problem_codes
from orders.choices import ShipmentState
from orders.domain import kits
from orders.domain import shipments as domain_shipments
from orders.domain.allocation import release_stock
from orders.inbound.fields import line_columns, lines_of
from orders.models import OrderLine
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.unit_of_work import UnitOfWork

#: Kind of the timeline entries about options and personal texts; `orders.ops.retention` removes their texts.
TEXT_KIND = "line_text"
#: Columns that say what a line is. After packing they do not change: what is packed is what was ordered then.
GOODS = ("variant_external_id", "sku", "title", "options", "personalisation", "needs_stock", "needs_parcel")


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the record, with its id in the order and the columns that it sets."""

    external_id: str
    record: OrderLineRecord
    columns: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Match:
    """A line of the record and the stored line that it is. `is_replaced`: the channel sells other goods under its id."""

    row: _Row
    line: OrderLine | None = None
    is_replaced: bool = False

    @property
    def is_resized(self) -> bool:
        """Whether the quantity differs from the stored one."""
        return self.line is not None and _live_units(self.line) != self.row.record.quantity

    @property
    def is_reworded(self) -> bool:
        """Whether the chosen options or the personal text differ from the stored ones."""
        line, columns = self.line, self.row.columns
        return line is not None and (line.options, line.personalisation) != (
            columns["options"],
            columns["personalisation"],
        )


def _live_units(line: OrderLine) -> int:
    """Return the units of a line that are not cancelled on the channel; it still lists those that staff cancelled."""
    return line.quantity - line.cancelled + line.dropped


def _is_same_goods(line: OrderLine, row: _Row) -> bool:
    """Return whether a stored line and a line of the record are the same goods: by the channel's id, else by SKU."""
    theirs = row.columns["variant_external_id"]
    if line.variant_external_id and theirs:
        return line.variant_external_id == theirs or _has_same_sku(line, row)
    return _has_same_sku(line, row) if line.sku or row.columns["sku"] else line.title == row.columns["title"]


def _has_same_sku(line: OrderLine, row: _Row) -> bool:
    return bool(line.sku) and sku_key(line.sku) == sku_key(row.columns["sku"])


def _is_same_text(line: OrderLine, row: _Row) -> bool:
    return (line.options, line.personalisation) == (row.columns["options"], row.columns["personalisation"])


def match_lines(lines: Sequence[OrderLine], rows: Sequence[_Row]) -> list[_Match]:
    """Return the stored line of each line of the record, in their order; a new one has none.

    The first of these rules that finds a free line decides: the same id and goods; the same goods, options and quantity;
    the same goods and options; the same goods; the same id with other goods. A line that is cancelled completely is
    found only if no other is.
    """
    rules: tuple[Callable[[OrderLine, _Row], bool], ...] = (
        lambda line, row: line.external_id == row.external_id and _is_same_goods(line, row),
        lambda line, row: (
            _is_same_goods(line, row)
            and _is_same_text(line, row)
            and _live_units(line) == row.record.quantity
        ),
        lambda line, row: _is_same_goods(line, row) and _is_same_text(line, row),
        _is_same_goods,
        lambda line, row: line.external_id == row.external_id,
    )
    free = sorted(lines, key=lambda line: _live_units(line) <= 0)
    found: dict[int, tuple[OrderLine, bool]] = {}
    for number, rule in enumerate(rules):
        for index, row in enumerate(rows):
            if index in found:
                continue
            line = next((each for each in free if rule(each, row)), None)
            if line is not None:
                free.remove(line)
                found[index] = (line, number == len(rules) - 1)
    return [_Match(row, *found.get(index, (None, False))) for index, row in enumerate(rows)]


def apply_lines(unit: UnitOfWork, order_state: OrderState, record: OrderRecord) -> bool:
    """Update the lines of an order from a record; return whether the channel changed goods or a quantity.

    Lines that staff added (`is_added`) are not the channel's and do not change.

    Before packing, quantities change, and lines are added and removed. After packing that is a problem, and they do not
    change; the problem ends when the channel's lines are again those that were packed. Prices are always updated.
    """
    order, name = order_state.order, order_state.connection.name
    rows = [
        _Row(external_id, row, line_columns(row, position))
        for position, (external_id, row) in enumerate(lines_of(record))
    ]
    listed = [line for line in order_state.sold_lines if not line.is_added]
    matches = match_lines(listed, rows)
    kept = {id(match.line) for match in matches}
    removed = [line for line in listed if id(line) not in kept and _live_units(line) > 0]
    is_closed = order_state.is_ended or order.is_history
    changes, texts = _changes(matches, removed), _text_changes(matches)
    is_packed = _is_packed(order_state)
    _write_columns(order_state, matches, is_fixed=is_packed and not is_closed)
    if is_closed:
        return False
    if is_packed:
        _follow_late_change(order_state, changes + texts)
        return bool(changes)
    if texts:
        order_state.add_news(
            TEXT_KIND, _("Changed on %(store)s: %(changes)s") % {"store": name, "changes": "; ".join(texts)}
        )
    if changes:
        was_released = bool(order_state.open_shipments)
        domain_shipments.cancel_open_shipments(order_state)
        _apply(unit, order_state, matches, removed)
        order_state.add_news(
            "lines",
            _("Changed on %(store)s: %(changes)s") % {"store": name, "changes": "; ".join(changes)},
            was_released=was_released,
        )
    return bool(changes)


def _is_packed(order_state: OrderState) -> bool:
    """Return whether goods are in a parcel or have left. By the facts: the status of a reopened order is not made yet."""
    order = order_state.order
    return (
        bool(order.shipped_at or order.delivered_at)
        or any(line.shipped for line in order_state.lines)
        or any(shipment.state != ShipmentState.PLANNED for shipment in order_state.live_shipments)
    )


def _changes(matches: Iterable[_Match], removed: Iterable[OrderLine]) -> list[str]:
    """Return each change of goods and quantities as text, old → new. New ids of the same goods are no change."""
    found = []
    for match in matches:
        line, row = match.line, match.row.record
        name = row.sku or row.title
        if line is None or not _live_units(line):
            if row.quantity:
                found.append(_("%(units)d × %(name)s added") % {"units": row.quantity, "name": name})
        elif match.is_replaced:
            found.append(
                _("%(old)s → %(new)s")
                % {
                    "old": f"{_live_units(line)} × {line.sku or line.title}",
                    "new": f"{row.quantity} × {name}",
                }
            )
        elif match.is_resized:
            found.append(
                _("%(name)s: %(old)d → %(new)d units")
                % {"name": name, "old": _live_units(line), "new": row.quantity}
            )
    found += [
        _("%(units)d × %(name)s removed") % {"units": _live_units(line), "name": line.sku or line.title}
        for line in removed
    ]
    return found


def _text_changes(matches: Iterable[_Match]) -> list[str]:
    """Return each change of options and personal texts, old → new."""
    return [
        _("%(name)s: “%(old)s” → “%(new)s”")
        % {
            "name": match.row.record.sku or match.row.record.title,
            "old": _words(match.line.options, match.line.personalisation),
            "new": _words(match.row.columns["options"], match.row.columns["personalisation"]),
        }
        for match in matches
        if match.line is not None and not match.is_replaced and match.is_reworded
    ]


def _words(options: dict[str, str], personalisation: str) -> str:
    """Return the options and the personal text of a line on one line."""
    parts = [*(f"{name}: {value}" for name, value in options.items()), *personalisation.splitlines()]
    return ", ".join(parts)


def _write_columns(order_state: OrderState, matches: Iterable[_Match], *, is_fixed: bool) -> None:
    """Write ids, prices and texts of the matched lines. `is_fixed`: what the goods are does not change any more."""
    for match in matches:
        line = match.line
        if line is None:
            continue
        is_kit = bool(order_state.components_of(line))
        for name, value in match.row.columns.items():
            if not (is_fixed and name in GOODS) and not (is_kit and name == "needs_stock"):
                setattr(line, name, value)
        if line.external_id != match.row.external_id:
            order_state.close_line_problems(_("The line has a new ID on the channel."), key=line.external_id)
            line.external_id = match.row.external_id


def _follow_late_change(order_state: OrderState, changes: Sequence[str]) -> None:
    """Open or close the problem that the channel's lines are not those that were packed."""
    if not changes:
        order_state.close_problem(
            problem_codes.LATE_CHANGE, _("The lines are again those that were packed."), key=""
        )
        return
    order_state.open_problem(
        problem_codes.LATE_CHANGE,
        _("Changed on %(store)s after packing: %(changes)s. Undo packing and compare the lines.")
        % {"store": order_state.connection.name, "changes": "; ".join(changes)[:350]},
    )


def _apply(
    unit: UnitOfWork, order_state: OrderState, matches: Iterable[_Match], removed: Iterable[OrderLine]
) -> None:
    """Change quantities and goods, add and remove lines; stock that is not needed any more is released."""
    stock = unit.stock()
    for match in matches:
        line, quantity = match.line, match.row.record.quantity
        if line is None:
            order_state.lines.append(
                OrderLine(
                    order=order_state.order,
                    external_id=match.row.external_id,
                    quantity=quantity,
                    **match.row.columns,
                )
            )
            continue
        if match.is_replaced:
            release_stock(order_state, stock, unit.now, line=line)
            if order_state.components_of(line):
                kits.end_components(order_state, unit, line)
                line.needs_stock = match.row.columns["needs_stock"]
            order_state.close_line_problems(_("The line was replaced."), key=line.external_id)
            line.variant, line.is_counted, line.dropped = None, True, 0
            line.is_substituted = False
        if match.is_resized or match.is_replaced:
            # Units that the channel removes are first those that staff have cancelled already.
            line.dropped = max(line.dropped - max(_live_units(line) - quantity, 0), 0)
            wanted = quantity - line.dropped
            if line.allocated > wanted:
                release_stock(order_state, stock, unit.now, line=line, units=line.allocated - wanted)
            line.quantity, line.cancelled = quantity, line.dropped
    for line in removed:
        if line.allocated:
            release_stock(order_state, stock, unit.now, line=line)
        line.cancelled, line.dropped = line.quantity, 0
        order_state.close_line_problems(_("The line was removed."), key=line.external_id)
    kits.follow_parents(order_state, unit)
    order_state.order.units = sum(line.quantity - line.cancelled for line in order_state.sold_lines)
