"""Orders that their channel does not have any more (docs/remote-ids.md).

Before packing such an order is cancelled, so that its stock is free. From Packed on a problem blocks shipping: a person
decides. The channel is asked for an order by its id before it counts as deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from channels.models import Connection, SyncRun
from channels.pull.single_records import request_orders
from oms.kit.authors.actors import channel
from orders import problem_codes
from orders.choices import CancelParty
from orders.domain.lifecycle import end_as_cancelled
from orders.models import Order
from orders.unit_of_work.order_state import OrderState, is_before_packing
from orders.unit_of_work.unit_of_work import UnitOfWork

CHECKED_EVERY = timedelta(days=1)
CHECKED = (
    500  # open orders of one store that are asked for in a day, those that were imported longest ago first
)
_KEY = "orders_checked_at"


def orders_vanished(connection: Connection, external_ids: Sequence[str]) -> None:
    """Apply that the channel does not have these orders any more, in the transaction of the page."""
    rows = Order.objects.filter(
        connection=connection, external_id__in=list(external_ids), cancelled_at=None, shipped_at=None
    ).exclude(is_history=True)
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    if not ids:
        return
    unit = UnitOfWork.load(ids)
    for order_state in unit.order_states:
        _delete(unit, order_state)
    unit.flush(channel(connection.name))


def _delete(unit: UnitOfWork, order_state: OrderState) -> None:
    order, store = order_state.order, {"store": order_state.connection.name}
    order.remote_hash = ""  # if the channel has it again, it is imported like a changed one
    if order_state.is_ended or order.completed_at or order.returned_at:
        return
    if is_before_packing(order_state) and not any(line.shipped for line in order_state.lines):
        if not order.cancel_asked_by:
            order.cancel_asked_by, order.cancel_asked_at = CancelParty.BUYER, unit.now
        end_as_cancelled(order_state, unit)
        order_state.add_event("cancel", _("Deleted on %(store)s, so it was cancelled") % store)
        return
    order_state.open_problem(
        problem_codes.DELETED_ON_CHANNEL,
        _("%(store)s does not have this order any more. Cancel it, or dismiss this problem and ship it.")
        % store,
    )


def seen_again(order_state: OrderState) -> None:
    """Close the problem of a deleted order: the channel has sent it again."""
    order_state.close_problem(problem_codes.DELETED_ON_CHANNEL, _("The channel has the order again."))


def request_unseen(connection: Connection, run: SyncRun) -> None:
    """Ask the channel, by id, for open orders of the period of *Sync Orders* that the import did not have.

    Only runs by a person compare whole periods; with chosen statuses an order may be missing because of its status.
    """
    start = run.window_start
    if run.trigger != SyncRun.Trigger.MANUAL or start is None or run.query.get("statuses"):
        return
    rows = Order.objects.open().filter(
        connection=connection, placed_at__gte=start, read_at__lt=run.started_at
    )
    if run.window_end is not None:
        rows = rows.filter(placed_at__lt=run.window_end)
    ids = list(rows.order_by("read_at", "pk").values_list("external_id", flat=True)[:CHECKED])
    if ids:
        request_orders(connection, ids)


def check_open_orders() -> None:
    """Ask each store once a day for its open orders by id: an order that was deleted is in no list of changes."""
    now = timezone.now()
    for store in Connection.objects.stores().active().order_by("pk"):
        if store.spec.has_wire and _is_due(store, now):
            with transaction.atomic():
                row = Connection.objects.select_for_update(no_key=True).get(pk=store.pk)
                if _is_due(row, now):
                    row.account = {**row.account, _KEY: now.isoformat()}
                    row.save(update_fields=["account"])
                    _request_open_orders(row, now)


def _is_due(store: Connection, now: datetime) -> bool:
    at = parse_datetime(str(store.account.get(_KEY, "")))
    return at is None or now - at >= CHECKED_EVERY


def _request_open_orders(store: Connection, now: datetime) -> None:
    rows = Order.objects.open().filter(connection=store, read_at__lt=now - CHECKED_EVERY)
    ids = list(rows.order_by("read_at", "pk").values_list("external_id", flat=True)[:CHECKED])
    if ids:
        request_orders(store, ids)
