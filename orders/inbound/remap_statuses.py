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
SLICE = 500


def remap_all(connection_id: int, *, by: Author = SYSTEM) -> tuple[int, bool]:
    """Read one slice of a store's orders again now, and have the rest done as a job: (how many, whether more follow)."""
    done = remap(connection_id, by=by, limit=SLICE)
    if done < SLICE:
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
    done = remap(job.subject_id or 0, limit=SLICE)
    job.done += done
    job.message = _("%d orders were read again.") % job.done
    return done == SLICE


def remap(connection_id: int, *, by: Author = SYSTEM, limit: int = SLICE) -> int:
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
        work_set = UnitOfWork.load(list(rows.values_list("pk", flat=True)[:limit]))
        was = {id(work): work.order.remote_state for work in work_set.works}
        for work in work_set.works:
            work.order.remote_state = str(states[work.order.remote_status_id])
            if work.order.remote_state != RemoteState.UNKNOWN:
                work.close_problem(problem_codes.UNKNOWN_STATUS, _("The status map was edited."))
        known_now = [work for work in work_set.works if was[id(work)] == RemoteState.UNKNOWN]
        opened = [work for work in known_now if work.order.remote_state not in CLOSED_ON_CHANNEL]
        lines = [(work, line) for work in opened for line in work.lines if line.variant_id]
        add_opening_stock(work_set, lines, by=by)
        done = len(work_set.works)
        for work in work_set.works:
            state = RemoteState(work.order.remote_state)
            at = work.order.remote_changed_at
            if (
                work in known_now
                and state in CLOSED_ON_CHANNEL
                and not work.open_shipments
                and not work.is_ended
            ):
                import_as_history(work_set, work, state, at)
                work.add_event("status", _("Was over when it was first read, says the status map"))
            elif not work.order.is_history:
                apply_status(work_set, work, state, changed_at=at)
        allocate_and_release(work_set, news=work_set.works)
        work_set.flush(by)
    return done
