"""A unit of work: a set of orders that are loaded and locked together, changed in memory, and written together.

`UnitOfWork.load` locks the orders by primary key; `stock()` then locks the stock items by primary key. Services change
facts in memory. `flush` writes what has changed: orders, lines, shipments, allocations, stock with its history, the
timeline, problems, and messages for the channels. All of it happens in the caller's transaction, in a number of
statements that does not depend on the number of orders.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.services.kits import Component
from channels.models import Connection
from oms.kit import bulk
from oms.kit.authors.actors import Author
from oms.kit.models import Problem
from orders.models import (
    Allocation,
    Hold,
    NativeOrder,
    Order,
    OrderLine,
    OrderSettings,
    RuleState,
    Shipment,
    ShipmentLine,
)
from orders.problem_codes import SUBJECT
from orders.unit_of_work import handovers, labels, search_text
from orders.unit_of_work.announcements import enqueue_announcements, withdraw
from orders.unit_of_work.order_state import OrderState, TimelineEntry
from orders.unit_of_work.returns import write_channel_returns
from orders.unit_of_work.stock_session import StockSession, warehouses_by_store


class UnitOfWork:
    """The orders of one transaction, by primary key; new ones last, in the order given.

    Typical use:

        with transaction.atomic():
            unit = UnitOfWork.load(order_ids)
            for order_state in unit.order_states:
                ...  # change facts, `order_state.add_event(...)`
            unit.flush(by)
    """

    def __init__(self, order_states: Iterable[OrderState] = (), *, now: datetime | None = None) -> None:
        self.order_states: list[OrderState] = list(order_states)
        self.now = now or timezone.now()
        #: Variants that lines may get before the stock items are locked.
        self.extra_variants: set[int] = set()
        #: Orders (ids) whose channel was sent “ready to ship”, or may have been; None until it is looked up.
        self.announced_ready: set[int | None] | None = None
        #: Orders (ids) that a person has worked on since they were cancelled; None until it is looked up.
        self.touched_since_cancelled: set[int] | None = None
        #: (SKU, barcode) of variants, where they were read already.
        self.variant_codes: dict[int, tuple[str, str]] = {}
        #: Active warehouses (ids) of each store (id), nearest first, where they were read already.
        self.warehouses: dict[int, list[int]] | None = None
        #: The version of the automation rules when the orders were loaded, "" while none is switched on.
        self.rules_version = ""
        self._stock: StockSession | None = None
        self._nearest_warehouses: dict[int, int | None] | None = None

    @classmethod
    def load(cls, order_ids: Collection[int], *, lock: bool = True) -> UnitOfWork:
        """Load these orders with all their facts in 9 queries, whatever their number. Unknown ids are left out.

        With `lock` the orders are locked until the transaction ends.
        """
        rows = Order.objects.filter(pk__in=list(order_ids)).order_by("pk")
        orders = list(rows.select_for_update(of=("self",)) if lock else rows)
        if not orders:
            return cls()
        ids = [order.pk for order in orders]
        store_ids = {order.connection_id for order in orders}
        version = Subquery(RuleState.objects.order_by().values("version")[:1])
        annotated = Connection.objects.defer("credentials", "webhook_secret").annotate(rules_version=version)
        stores = annotated.in_bulk(store_ids)
        settings = OrderSettings.objects.select_related("default_carrier").in_bulk(store_ids)
        order_states = {
            order.pk: OrderState(
                order=order,
                connection=stores[order.connection_id],
                settings=settings.get(order.connection_id)
                or OrderSettings(connection_id=order.connection_id),
                snapshots={id(order): snapshot(order)},
            )
            for order in orders
        }
        for order_state in order_states.values():
            order_state.order.connection = order_state.connection
        lines: dict[int, OrderLine] = {}
        for line in OrderLine.objects.filter(order__in=ids).order_by("position", "pk"):
            order_state = order_states[line.order_id]
            line.order = order_state.order
            lines[line.pk] = line
            order_state.lines.append(line)
            order_state.snapshots[id(line)] = snapshot(line)
        for line in lines.values():
            if line.parent_id:
                line.parent = lines[line.parent_id]
        allocations = Allocation.objects.filter(line__order__in=ids, state=Allocation.State.OPEN)
        for allocation in allocations.select_related("stock_item").order_by("pk"):
            allocation.line = lines[allocation.line_id]
            order_state = order_states[allocation.line.order_id]
            order_state.allocations.append(allocation)
            order_state.snapshots[id(allocation)] = snapshot(allocation)
        shipments: dict[int, Shipment] = {}
        loaded = Shipment.objects.filter(order__in=ids).select_related("carrier", "handover")
        for shipment in loaded.order_by("number"):
            order_state = order_states[shipment.order_id]
            if (handover := handovers.handover_of(shipment)) is not None:
                order_state.handovers.append(handover)
                order_state.snapshots[id(handover)] = snapshot(handover)
            shipment.order = order_state.order
            shipments[shipment.pk] = shipment
            order_state.shipments.append(shipment)
            order_state.snapshots[id(shipment)] = snapshot(shipment)
        for row in ShipmentLine.objects.filter(shipment__order__in=ids).order_by("pk"):
            row.shipment = shipments[row.shipment_id]
            row.line = lines[row.line_id]
            order_state = order_states[row.shipment.order_id]
            order_state.shipment_lines.append(row)
            order_state.snapshots[id(row)] = snapshot(row)
        for hold in Hold.objects.filter(order__in=ids, lifted_at=None).order_by("pk"):
            order_state = order_states[hold.order_id]
            order_state.holds.append(hold)
            order_state.snapshots[id(hold)] = snapshot(hold)
        for problem in Problem.objects.filter(subject_kind=SUBJECT, subject_id__in=ids, resolved_at=None):
            order_states[problem.subject_id].problems[problem.code, problem.key] = problem
        unit = cls(order_states.values())
        unit.rules_version = next(str(store.__dict__["rules_version"] or "") for store in stores.values())
        return unit

    def by_id(self) -> dict[int, OrderState]:
        """Return the orders by primary key; new ones without a key are left out."""
        return {
            order_state.order.pk: order_state for order_state in self.order_states if order_state.order.pk
        }

    def know_components(self, kits: Mapping[int, Sequence[Component]]) -> None:
        """Note what kits are made of, before the stock is locked: that of their components is locked, too."""
        for components in kits.values():
            self.extra_variants.update(one.variant_id for one in components)
            self.variant_codes.update({one.variant_id: (one.sku, one.barcode) for one in components})

    def stock(self, also: Iterable[int] = ()) -> StockSession:
        """Return the stock of all SKUs of these orders, and of the variants (ids) `also`.

        The first call locks it; later calls return the same object. A line that gets a SKU must have it before the
        first call, or its variant must be in `also`.
        """
        if self._stock is None:
            variants = {
                line.variant_id
                for order_state in self.order_states
                if not order_state.order.is_history or order_state.order.cancelled_at  # it may be reopened
                for line in order_state.lines
                if line.variant_id
            }
            variants.update(also, self.extra_variants)
            self._stock = StockSession(
                variants,
                {order_state.connection.pk: order_state.connection for order_state in self.order_states},
                self.warehouses,
            )
        return self._stock

    def nearest_warehouse_of(self, order_state: OrderState) -> int | None:
        """Return the nearest warehouse (id) of the order's store: lines whose stock is not tracked ship from it.

        None when the stock of all lines is tracked. One query for all orders.
        """
        if all(line.is_counted for line in order_state.lines):
            return None
        if self._nearest_warehouses is None:
            found = self.warehouses
            if found is None:
                found = warehouses_by_store({each.connection.pk for each in self.order_states})
            self._nearest_warehouses = {store: next(iter(ids), None) for store, ids in found.items()}
        return self._nearest_warehouses.get(order_state.connection.pk)

    def settle(self, order_states: Iterable[OrderState] | None = None) -> None:
        """Compute the status of these orders, or of all, from their facts.

        A change of status without a timeline entry gets one.
        """
        for order_state in self.order_states if order_states is None else order_states:
            before, after = order_state.settle()
            if before != after:
                text = _("Status changed to %(status)s") % {"status": order_state.order.get_status_display()}
                order_state.timeline.append(TimelineEntry("status", text, {}, before, after))

    # ------------------------------------------------ writing
    def assign_keys(self) -> None:
        """Give new orders, and new lines of any order, primary keys before `flush`.

        They are inserted now on a database that gives keys only to inserted rows.
        """
        orders = [each.order for each in self.order_states if each.order._state.adding]
        lines = [line for each in self.order_states for line in each.lines if line._state.adding]
        if bulk.draw_keys(orders, lines):
            return
        bulk.insert(orders)
        bulk.insert([line for line in lines if not line.is_component])
        bulk.insert([line for line in lines if line.is_component])
        inserted = {id(row) for row in (*orders, *lines)}
        for order_state in self.order_states:
            for row in (order_state.order, *order_state.lines):
                if id(row) in inserted:
                    order_state.snapshots[id(row)] = snapshot(row)

    def flush(self, by: Author) -> None:
        """Write all changes in a constant number of statements; `by` is their author.

        The unit of work is empty afterwards.
        """
        self.settle()
        stale = [order_state for order_state in self.order_states if search_text.is_stale(order_state)]
        self._write_orders()
        lines = [line for order_state in self.order_states for line in order_state.lines]
        self._write_children([line for line in lines if not line.is_component])
        self._write_children([line for line in lines if line.is_component])
        at_warehouse = handovers.prepare(self.order_states, self.now)
        self._write_children(
            [shipment for order_state in self.order_states for shipment in order_state.shipments]
        )
        self._write_handovers()
        removed_lines = [row.pk for order_state in self.order_states for row in order_state.removed_lines]
        if removed_lines:
            ShipmentLine.objects.filter(pk__in=removed_lines).delete()
        self._write_children(
            [row for order_state in self.order_states for row in order_state.shipment_lines], keys=False
        )
        self._write_children(
            [row for order_state in self.order_states for row in order_state.allocations], keys=False
        )
        if self._stock is not None:
            self._stock.write(by)
        self._write_children([hold for order_state in self.order_states for hold in order_state.holds])
        rows = [row for order_state in self.order_states for row in order_state.event_rows(by, self.now)]
        bulk.insert(rows, keys=False)
        search_text.write(stale, self.variant_codes)
        self._write_problems(by)
        write_channel_returns(self.order_states, self.now, by)
        withdraw(self.order_states, self.now)
        handovers.announce(at_warehouse)
        labels.recall(self.order_states, self.now)
        enqueue_announcements(
            [
                (order_state, event)
                for order_state in self.order_states
                for event in order_state.channel_events
            ]
        )
        self.order_states, self._stock = [], None

    def _write_orders(self) -> None:
        new = [order_state for order_state in self.order_states if order_state.order._state.adding]
        bulk.give_keys(
            [order_state.order for order_state in new],
            [line for order_state in new for line in order_state.lines],
        )
        bulk.insert([order_state.order for order_state in new])
        self._write_children(
            [
                order_state.order
                for order_state in self.order_states
                if id(order_state.order) in order_state.snapshots
            ]
        )
        first = [order_state for order_state in new if order_state.native is not None]
        bulk.insert([_native(order_state, self.now) for order_state in first])
        again = [
            order_state
            for order_state in self.order_states
            if order_state.native is not None and id(order_state.order) in order_state.snapshots
        ]
        if again:
            NativeOrder.objects.bulk_create(
                [_native(order_state, self.now) for order_state in again],
                update_conflicts=True,
                unique_fields=["order"],
                update_fields=["document", "read_at"],
            )

    def _write_children(self, rows: Sequence[models.Model], *, keys: bool = True) -> None:
        """Insert the new rows. Of the others update the columns that differ from the snapshot in any of them."""
        if not rows:
            return
        bulk.insert([row for row in rows if row._state.adding], keys=keys)
        snapshots: dict[int, dict[str, Any]] = {}
        for order_state in self.order_states:
            snapshots.update(order_state.snapshots)
        changed: list[models.Model] = []
        names: set[str] = set()
        for row in rows:
            was = snapshots.get(id(row))
            if was is not None:
                differing = {name for name, value in was.items() if getattr(row, name) != value}
                if differing:
                    changed.append(row)
                    names |= differing
        if changed:
            columns = sorted(names)
            values = {row.pk: [getattr(row, name) for name in columns] for row in changed}
            bulk.set_to(type(changed[0]), columns, values)

    def _write_handovers(self) -> None:
        rows = [row for each in self.order_states for row in each.handovers]
        for row in rows:
            row.shipment_id = row.shipment.pk
        self._write_children(rows)

    def _write_problems(self, by: Author) -> None:
        raised = [
            Problem(
                code=problem.code,
                subject_kind=SUBJECT,
                subject_id=order_state.order.pk,
                key=problem.key[:120],
                connection_id=order_state.connection.pk,
                message=problem.message,
                data=dict(problem.data),
                opened_at=self.now,
            )
            for order_state in self.order_states
            for problem in order_state.new_problems.values()
        ]
        # The ended ones first: a problem that is opened again with another text has the same code and key.
        resolved: dict[str, list[int]] = {}
        for order_state in self.order_states:
            for problem_id, how in order_state.closed_problems.items():
                resolved.setdefault(how, []).append(problem_id)
        for how, ids in resolved.items():
            Problem.objects.filter(pk__in=ids).update(
                resolved_at=self.now, resolution=how, resolved_by_id=by.user_id
            )

        if raised:
            Problem.objects.bulk_create(raised, ignore_conflicts=True)


def snapshot(row: models.Model) -> dict[str, Any]:
    """Return the present values of a row's columns, to find out later which of them changed."""
    return {field.attname: row.__dict__[field.attname] for field in row._meta.concrete_fields}


def _native(order_state: OrderState, now: datetime) -> NativeOrder:
    return bulk.make(NativeOrder, order=order_state.order, document=order_state.native, read_at=now)
