"""Stored orders read again by a status map that the seller has edited."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from channels.contract.records.orders import RemoteState
from channels.contract.spec import Lane
from channels.models import Connection
from channels.stores.status_map import status_map
from oms.kit import jobs
from oms.kit.actors import SYSTEM, Author
from oms.kit.models import Job
from orders import problem_codes
from orders.inbound.opening_stock import add_opening_stock
from orders.inbound.orders import allocate_and_release, lock_store_ingest
from orders.inbound.updates import CLOSED_ON_CHANNEL, apply_status, import_as_history
from orders.models import Order
from orders.unit_of_work.unit_of_work import UnitOfWork

KIND = "orders.reread"
BATCH_SIZE = 500


def remap_all(connection_id: int, *, by: Author = SYSTEM) -> tuple[int, bool]:
    """Read one slice of a store's orders again now, and have the rest done as a job: (how many, whether more follow)."""
    done = remap(connection_id, by=by, limit=BATCH_SIZE)
    if done < BATCH_SIZE:
        return done, False
    name = Connection.objects.values_list("name", flat=True).get(pk=connection_id)
    jobs.start(
        kind=KIND,
        title=_("Orders of %s by its status map") % name,
        lane=str(Lane.ORDERS),
        subject_kind="connection",
        subject_id=connection_id,
        author=by,
    )
    return done, True


def step(job: Job) -> bool:
    """One slice of the rest (the step of jobs of this kind); what is read already does not come again."""
    done = remap(job.subject_id or 0, limit=BATCH_SIZE)
    job.done += done
    job.message = _("%d orders were read again.") % job.done
    return done == BATCH_SIZE


def remap(connection_id: int, *, by: Author = SYSTEM, limit: int = BATCH_SIZE) -> int:
    """Read stored orders by a status map that was edited; returns how many changed their meaning.

    One slice of at most `limit`; call again while it returns that many. An order whose status was unknown and
    turns out to be over is history, as if it had been understood when it was first read.
    """
    connection = Connection.objects.get(pk=connection_id)
    with transaction.atomic():
        lock_store_ingest(connection)
        states = {
            entry.external_id: entry.remote_state
            for entry in status_map(connection).values()
            if entry.is_edited
        }
        differing = Q(pk__in=[])
        for status_id, state in states.items():
            differing |= Q(remote_status_id=status_id) & ~Q(remote_state=state)
        rows = Order.objects.filter(differing, connection=connection).order_by("pk")
        unit = UnitOfWork.load(list(rows.values_list("pk", flat=True)[:limit]))
        was = {id(order_state): order_state.order.remote_state for order_state in unit.order_states}
        for order_state in unit.order_states:
            order_state.order.remote_state = str(states[order_state.order.remote_status_id])
            if order_state.order.remote_state != RemoteState.UNKNOWN:
                order_state.close_problem(problem_codes.UNKNOWN_STATUS, _("The status map was edited."))
        known_now = [
            order_state for order_state in unit.order_states if was[id(order_state)] == RemoteState.UNKNOWN
        ]
        opened = [
            order_state
            for order_state in known_now
            if order_state.order.remote_state not in CLOSED_ON_CHANNEL
        ]
        lines = [
            (order_state, line) for order_state in opened for line in order_state.lines if line.variant_id
        ]
        add_opening_stock(unit, lines, by=by)
        done = len(unit.order_states)
        for order_state in unit.order_states:
            state = RemoteState(order_state.order.remote_state)
            at = order_state.order.remote_changed_at
            if (
                order_state in known_now
                and state in CLOSED_ON_CHANNEL
                and not order_state.open_shipments
                and not order_state.is_ended
            ):
                import_as_history(unit, order_state, state, at)
                order_state.add_event("status", _("Was over when it was first read, says the status map"))
            elif not order_state.order.is_history:
                apply_status(unit, order_state, state, changed_at=at)
        allocate_and_release(unit, news=unit.order_states)
        unit.flush(by)
    return done
