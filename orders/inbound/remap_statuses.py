"""Apply a status map that the seller has edited to stored orders."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from channels.contract.records.orders import RemoteState
from channels.contract.spec import Lane
from channels.models import Connection
from channels.stores.status_map import status_map
from oms.kit.authors.actors import SYSTEM, Author
from oms.kit.background import jobs
from oms.kit.models import Job
from orders import problem_codes
from orders.inbound.opening_stock import add_opening_stock
from orders.inbound.orders import allocate_and_release, lock_store_ingest
from orders.inbound.updates import CLOSED_ON_CHANNEL, apply_status, import_as_history
from orders.models import Order
from orders.unit_of_work.unit_of_work import UnitOfWork

KIND = "orders.reread"
#: Orders of one transaction.
BATCH_SIZE = 500


def remap_all(connection_id: int, *, by: Author = SYSTEM) -> tuple[int, bool]:
    """Apply the status map to one batch of a store's orders, and start a job for the rest.

    Return how many orders changed, and whether the job was started.
    """
    done = remap(connection_id, by=by, limit=BATCH_SIZE)
    if done < BATCH_SIZE:
        return done, False
    name = Connection.objects.values_list("name", flat=True).get(pk=connection_id)
    jobs.start(
        kind=KIND,
        title=_("Apply the status map of %s to its orders") % name,
        lane=str(Lane.ORDERS),
        subject_kind="connection",
        subject_id=connection_id,
        author=by,
    )
    return done, True


def step(job: Job) -> bool:
    """Do one step of the job; return True while more may be left. Orders that were done are not selected again."""
    done = remap(job.subject_id or 0, limit=BATCH_SIZE)
    job.done += done
    job.message = _("%d orders updated.") % job.done
    return done == BATCH_SIZE


def remap(connection_id: int, *, by: Author = SYSTEM, limit: int = BATCH_SIZE) -> int:
    """Apply an edited status map to at most `limit` orders whose status now means something else; return how many.

    Call it again while it returns `limit`. An order whose status was unknown and which has ended on the channel becomes
    history, as if its status had been mapped at the first import.
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
        still_open = [
            order_state
            for order_state in known_now
            if order_state.order.remote_state not in CLOSED_ON_CHANNEL
        ]
        lines = [
            (order_state, line) for order_state in still_open for line in order_state.lines if line.variant_id
        ]
        add_opening_stock(unit, lines, by=by)
        count = len(unit.order_states)
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
                order_state.add_event("status", _("Ended before the first import, by the status map"))
            elif not order_state.order.is_history:
                apply_status(unit, order_state, state, changed_at=at)
        allocate_and_release(unit, updated=unit.order_states)
        unit.flush(by)
    return count
