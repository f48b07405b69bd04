"""A unit of work on a set of orders: load and lock in a constant number of queries, decide, write in bulk.

`load` locks the orders in pk order; `stock()` then locks the shelves in pk order. Verbs change facts in memory.
`flush` writes whatever changed, set-wise: orders, lines, parcels, allocations, stock with its ledger, events,
problems, messages for the channels. Everything happens inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.models import Connection
from oms.kit import bulk
from oms.kit.actors import Author
from oms.kit.models import Problem
from orders.models import (
    Allocation,
    Hold,
    NativeOrder,
    Order,
    OrderLine,
    OrderSettings,
    Shipment,
    ShipmentLine,
)
from orders.problem_codes import SUBJECT
from orders.unit_of_work import search_text
from orders.unit_of_work.announcements import enqueue_announcements, withdraw
from orders.unit_of_work.order_state import OrderState, TimelineEntry
from orders.unit_of_work.stock_session import StockSession, warehouses_by_store


class UnitOfWork:
    """Orders that are worked together, in pk order (new ones last, in the order given)."""

    def __init__(self, works: Iterable[OrderState] = (), *, now: datetime | None = None) -> None:
        self.works: list[OrderState] = list(works)
        self.now = now or timezone.now()
        self.extra_variants: set[int] = set()  # variants that lines may get before the shelves are locked
        self.announced_ready: set[int | None] | None = (
            None  # orders of which the channel was, or may have been, told
        )
        self.codes: dict[
            int, tuple[str, str]
        ] = {}  # (SKU, barcode) of variants, where they were read already
        self._stock: StockSession | None = None
        self._homes: dict[int, int | None] | None = None

    @classmethod
    def load(cls, order_ids: Collection[int], *, lock: bool = True) -> UnitOfWork:
        """Read these orders with all their facts: 9 queries, whatever their number. Missing ids are left out."""
        rows = Order.objects.filter(pk__in=list(order_ids)).order_by("pk")
        orders = list(rows.select_for_update(of=("self",)) if lock else rows)
        if not orders:
            return cls()
        ids = [order.pk for order in orders]
        store_ids = {order.connection_id for order in orders}
        stores = Connection.objects.defer("credentials", "webhook_secret").in_bulk(store_ids)
        settings = OrderSettings.objects.select_related("default_carrier").in_bulk(store_ids)
        works = {
            order.pk: OrderState(
                order=order,
                connection=stores[order.connection_id],
                settings=settings.get(order.connection_id)
                or OrderSettings(connection_id=order.connection_id),
                before={id(order): snapshot(order)},
            )
            for order in orders
        }
        for work in works.values():
            work.order.connection = work.connection
        lines: dict[int, OrderLine] = {}
        for line in OrderLine.objects.filter(order__in=ids).order_by("position", "pk"):
            work = works[line.order_id]
            line.order = work.order
            lines[line.pk] = line
            work.lines.append(line)
            work.before[id(line)] = snapshot(line)
        held = Allocation.objects.filter(line__order__in=ids, state=Allocation.State.OPEN)
        for allocation in held.select_related("stock_item").order_by("pk"):
            allocation.line = lines[allocation.line_id]
            work = works[allocation.line.order_id]
            work.allocations.append(allocation)
            work.before[id(allocation)] = snapshot(allocation)
        shipments: dict[int, Shipment] = {}
        for shipment in Shipment.objects.filter(order__in=ids).select_related("carrier").order_by("number"):
            work = works[shipment.order_id]
            shipment.order = work.order
            shipments[shipment.pk] = shipment
            work.shipments.append(shipment)
            work.before[id(shipment)] = snapshot(shipment)
        for row in ShipmentLine.objects.filter(shipment__order__in=ids).order_by("pk"):
            row.shipment = shipments[row.shipment_id]
            row.line = lines[row.line_id]
            work = works[row.shipment.order_id]
            work.parcel_lines.append(row)
            work.before[id(row)] = snapshot(row)
        for hold in Hold.objects.filter(order__in=ids, lifted_at=None).order_by("pk"):
            work = works[hold.order_id]
            work.holds.append(hold)
            work.before[id(hold)] = snapshot(hold)
        for problem in Problem.objects.filter(subject_kind=SUBJECT, subject_id__in=ids, resolved_at=None):
            works[problem.subject_id].problems[problem.code, problem.key] = problem
        return cls(works.values())

    def by_id(self) -> dict[int, OrderState]:
        return {work.order.pk: work for work in self.works if work.order.pk}

    def stock(self, also: Iterable[int] = ()) -> StockSession:
        """The shelves of every known SKU of the set (and `also`), locked now; the same object afterwards.

        Lines that get a SKU must have it before the first call, or it must be named in `also`.
        """
        if self._stock is None:
            variants = {
                line.variant_id
                for work in self.works
                if not work.order.is_history
                for line in work.lines
                if line.variant_id
            }
            variants.update(also, self.extra_variants)
            self._stock = StockSession(variants, {work.connection.pk: work.connection for work in self.works})
        return self._stock

    def home_of(self, work: OrderState) -> int | None:
        """The nearest warehouse of the order's store, for what is sent and not counted; asked once for all of them."""
        if all(line.is_counted for line in work.lines):
            return None
        if self._homes is None:
            serving = warehouses_by_store({each.connection.pk for each in self.works})
            self._homes = {store: next(iter(places), None) for store, places in serving.items()}
        return self._homes.get(work.connection.pk)

    def settle(self, works: Iterable[OrderState] | None = None) -> None:
        """Bring every status in line with its facts; a change that no verb has named gets an event of its own."""
        for work in self.works if works is None else works:
            before, after = work.settle()
            if before != after:
                said = _("Now: %(status)s") % {"status": work.order.get_status_display()}
                work.timeline.append(TimelineEntry("status", said, {}, before, after))

    # ------------------------------------------------ writing
    def assign_keys(self) -> None:
        """Give new orders and their lines their keys before the rest is decided.

        A database that gives a key only to a row that it inserts gets them now.
        """
        fresh = [work for work in self.works if work.order._state.adding]
        orders, lines = [work.order for work in fresh], [line for work in fresh for line in work.lines]
        if bulk.draw_keys(orders, lines):
            return
        bulk.insert(orders)
        bulk.insert(lines)
        for work in fresh:
            for row in (work.order, *work.lines):
                work.before[id(row)] = snapshot(row)

    def flush(self, by: Author) -> None:
        """Write all that changed in a constant number of statements; what did not change costs none."""
        self.settle()
        stale = [work for work in self.works if search_text.is_stale(work)]
        self._write_orders()
        self._write_children([line for work in self.works for line in work.lines])
        self._write_children([shipment for work in self.works for shipment in work.shipments])
        dropped = [row.pk for work in self.works for row in work.dropped]
        if dropped:
            ShipmentLine.objects.filter(pk__in=dropped).delete()
        self._write_children([row for work in self.works for row in work.parcel_lines], keys=False)
        self._write_children([row for work in self.works for row in work.allocations], keys=False)
        if self._stock is not None:
            self._stock.write(by)
        self._write_children([hold for work in self.works for hold in work.holds])
        rows = [row for work in self.works for row in work.event_rows(by.kind, by.user_id, self.now)]
        bulk.insert(rows, keys=False)
        search_text.write(stale, self.codes)
        self._write_problems(by)
        withdraw(self.works, self.now)
        enqueue_announcements([(work, told) for work in self.works for told in work.announcements])
        self.works, self._stock = [], None

    def _write_orders(self) -> None:
        new = [work for work in self.works if work.order._state.adding]
        bulk.give_keys([work.order for work in new], [line for work in new for line in work.lines])
        bulk.insert([work.order for work in new])
        self._write_children([work.order for work in self.works if id(work.order) in work.before])
        fresh = [work for work in new if work.native is not None]
        bulk.insert([_native(work, self.now) for work in fresh])
        again = [work for work in self.works if work.native is not None and id(work.order) in work.before]
        if again:
            NativeOrder.objects.bulk_create(
                [_native(work, self.now) for work in again],
                update_conflicts=True,
                unique_fields=["order"],
                update_fields=["document", "read_at"],
            )

    def _write_children(self, rows: Sequence[models.Model], *, keys: bool = True) -> None:
        """Insert the rows that are new; update, of the others, the columns that changed in any of them."""
        if not rows:
            return
        bulk.insert([row for row in rows if row._state.adding], keys=keys)
        before: dict[int, dict[str, Any]] = {}
        for work in self.works:
            before.update(work.before)
        changed: list[models.Model] = []
        names: set[str] = set()
        for row in rows:
            was = before.get(id(row))
            if was is not None:
                differing = {name for name, value in was.items() if getattr(row, name) != value}
                if differing:
                    changed.append(row)
                    names |= differing
        if changed:
            columns = sorted(names)
            values = {row.pk: [getattr(row, name) for name in columns] for row in changed}
            bulk.set_to(type(changed[0]), columns, values)

    def _write_problems(self, by: Author) -> None:
        raised = [
            Problem(
                code=fault.code,
                subject_kind=SUBJECT,
                subject_id=work.order.pk,
                key=fault.key[:120],
                connection_id=work.connection.pk,
                message=fault.message,
                data=dict(fault.data),
                opened_at=self.now,
            )
            for work in self.works
            for fault in work.new_problems.values()
        ]
        if raised:
            Problem.objects.bulk_create(raised, ignore_conflicts=True)
        solved: dict[str, list[int]] = {}
        for work in self.works:
            for problem_id, how in work.closed_problems.items():
                solved.setdefault(how, []).append(problem_id)
        for how, ids in solved.items():
            Problem.objects.filter(pk__in=ids).update(
                resolved_at=self.now, resolution=how, resolved_by_id=by.user_id
            )


def snapshot(row: models.Model) -> dict[str, Any]:
    return {field.attname: row.__dict__[field.attname] for field in row._meta.concrete_fields}


def _native(work: OrderState, now: datetime) -> NativeOrder:
    return bulk.make(NativeOrder, order=work.order, document=work.native, read_at=now)
