"""Send shipments to a warehouse system (WMS): released, changed, recalled, label ready.

A message is about a shipment. What has to be sent is found by comparing the shipment now with what the WMS has taken, so
a message that is sent twice, late or after many changes leads to the same. Each call has an id that does not change when
it is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import Rejected
from channels.contract.records.updates import Notice, Outcome
from channels.models import Connection, OutboxMessage
from channels.push.outbox import PlanLine
from orders.choices import Recall
from orders.domain import wms_content
from orders.models import Handover, Order, WmsEvent

RELEASED = "shipment.released"
CHANGED = "shipment.changed"
RECALLED = "shipment.cancel_requested"
LABEL = "shipment.label_ready"
REFUSED = "shipment.cancel_refused"


class WmsHandler:
    """The outbox handler of the shipments for warehouse systems."""

    def send(
        self, connection: Connection, messages: Sequence[OutboxMessage], adapter: ChannelAdapter
    ) -> Sequence[Outcome]:
        """Send what each WMS has not taken yet; the adapter raises a failure of the whole system."""
        return [self._send(connection, message, adapter) for message in messages]

    def _send(self, connection: Connection, message: OutboxMessage, adapter: ChannelAdapter) -> Outcome:
        notices = offer(connection, message.subject)
        for notice, done in notices:
            try:
                adapter.send_notice(notice)
            except Rejected as error:
                return Outcome(str(message.pk), error=error)
            _store(message.subject, done)
        words = "" if notices else _("The warehouse system has the newest data of the shipment.")
        return Outcome(str(message.pk), note=words, is_written=bool(notices))

    def plan(self, connection: Connection, messages: Sequence[OutboxMessage]) -> Sequence[PlanLine]:
        """Return what would be sent, one line per call; nothing is changed."""
        lines = []
        subjects = {message.subject: message for message in messages}
        rows = Handover.objects.filter(connection=connection, shipment__in=subjects)
        for row in wms_content.with_content(rows):
            lines += [
                PlanLine(
                    message_id=subjects[row.shipment_id].pk,
                    what=str(row.shipment),
                    old=row.get_state_display(),
                    new=kind,
                )
                for kind, _digest, _data, _done in _due(row)
            ]
        return lines


def offer(connection: Connection, shipment_id: int) -> list[tuple[Notice, dict[str, Any]]]:
    """Return the calls that a WMS needs about a shipment, each with what is stored when it was taken.

    From now on the WMS may know the shipment. The order is locked meanwhile: it is either cancelled before, or its
    cancellation asks the WMS.
    """
    with transaction.atomic():
        order_id = Order.objects.filter(shipments=shipment_id).values_list("pk", flat=True).first()
        if order_id is None:
            return []
        Order.objects.select_for_update(of=("self",)).get(pk=order_id)
        rows = Handover.objects.filter(connection=connection, shipment=shipment_id)
        row = wms_content.with_content(rows).first()
        if row is None:
            return []
        wms_content.count_versions([row])
        due = _due(row)
        if due and row.offered_at is None:
            Handover.objects.filter(pk=row.pk).update(offered_at=timezone.now())
    return [
        (Notice(f"{connection.birthmark}-{row.uuid.hex}-{kind}-{mark}"[:120], kind, data), done)
        for kind, mark, data, done in due
    ]


def _due(row: Handover) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Return (kind, mark, data, what is stored) of the calls that the WMS has not taken yet, in their sequence."""
    identity = {"id": str(row.uuid), "reference": row.reference, "version": row.version}
    found: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = []
    if row.is_open and row.recall == Recall.REQUESTED:
        number = 1 + WmsEvent.objects.filter(handover=row, kind=REFUSED).count()
        if row.sent.get("recall", 0) < number:
            reason = row.shipment.order.cancel_reason
            found.append((RECALLED, str(number), {**identity, "reason": reason}, {"recall": number}))
        return found
    digest = row.digest or wms_content.digest_of(wms_content.content_of(row))
    if row.is_open and row.sent.get("content") != digest:
        kind = CHANGED if row.sent.get("content") else RELEASED
        data = wms_content.plain(wms_content.document_of(row))
        found.append((kind, str(row.version), data, {"content": digest}))
    label = wms_content.label_of(row)
    if row.is_open and label is not None and label["tracking_number"]:
        mark = wms_content.digest_of(label)
        if row.sent.get("label") != mark:
            found.append((LABEL, mark[:12], {**identity, "label": label}, {"label": mark}))
    return found


def _store(shipment_id: int, done: dict[str, Any]) -> None:
    """Store what a WMS has taken."""
    with transaction.atomic():
        row = Handover.objects.select_for_update(of=("self",)).get(shipment=shipment_id)
        Handover.objects.filter(pk=row.pk).update(sent={**row.sent, **done})
