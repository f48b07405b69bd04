"""The parts of reconcile that orders know: which orders there are, and their statuses (R-PLUS-05, field pain 6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels.contract.records.orders import OrderRecord, RemoteState
from channels.contract.spec import Capability
from channels.models import Connection, Difference, OutboxMessage, ReconcileSeen
from channels.pull.single_records import request_orders
from channels.reconcile import parts
from channels.reconcile.parts import Found, Kind, Part, Repair
from oms.kit.authors.actors import Author
from orders.choices import CANCELLED_STATUSES
from orders.models import Order

#: What a channel changed so recently may not have been imported yet: other statuses are imported every 30 minutes.
POLLED = timedelta(minutes=40)
#: Orders so near the ends of the period may stand on the other side of it on the channel's clock.
MARGIN = timedelta(hours=26)

#: States of a channel in which it expects a parcel that Manifold has shipped.
_NOT_SHIPPED = frozenset({RemoteState.UNPAID, RemoteState.DRAFT, RemoteState.NEW, RemoteState.READY})


class OrdersPart(Part):
    """The ids of the orders of 90 days, both ways."""

    key = "orders"
    position = 10
    title = gettext_lazy("Orders")
    stream = parts.ORDERS
    link = "orders_order_change"
    needs = (Capability.PULL_ORDERS,)
    repairs = (
        Repair("import", gettext_lazy("Import"), frozenset({Kind.MISSING_HERE})),
        Repair(
            "check", gettext_lazy("Request again and apply the deletion"), frozenset({Kind.MISSING_THERE})
        ),
    )

    def compare_page(
        self, connection: Connection, records: Sequence[OrderRecord], read_from: datetime
    ) -> list[Found]:
        """Return the orders that Manifold does not have. One statement."""
        ids = [record.external_id for record in records]
        known = set(
            Order.objects.filter(connection=connection, external_id__in=ids)
            .order_by()
            .values_list("external_id", flat=True)
        )
        return [
            Found(
                record.external_id,
                Kind.LAG if record.changed_at > read_from - POLLED else Kind.MISSING_HERE,
                f"#{record.number}",
                theirs=record.status_name,
            )
            for record in records
            if record.external_id not in known and record.remote_state != RemoteState.IGNORED
        ]

    def compare_missing(self, connection: Connection, since: datetime, until: datetime) -> list[Found]:
        """Return the orders of the period that were not read. One statement."""
        seen = ReconcileSeen.objects.filter(
            connection=connection, stream=parts.ORDERS, key=OuterRef("external_id")
        )
        rows = (
            Order.objects.filter(
                connection=connection, placed_at__gt=since + MARGIN, placed_at__lt=until - MARGIN
            )
            .exclude(status__in=CANCELLED_STATUSES)
            .exclude(Exists(seen))
            .order_by("pk")
        )
        return [
            Found(
                order.external_id,
                Kind.MISSING_THERE,
                str(order),
                ours=order.get_status_display(),
                subject_id=order.pk,
            )
            for order in rows.only("external_id", "number", "status")
        ]

    def repair(self, connection: Connection, rows: Sequence[Difference], how: str, by: Author) -> list[str]:
        """Import the orders by id: new ones are created, those that do not exist are handled as deleted."""
        request_orders(connection, [row.key for row in rows])
        return []


class StatusesPart(Part):
    """The statuses of the orders of 90 days: what the channel says now, and what Manifold knows and has done."""

    key = "statuses"
    position = 20
    title = gettext_lazy("Order statuses")
    stream = parts.ORDERS
    link = "orders_order_change"
    needs = (Capability.PULL_ORDERS,)
    fields = {"status": gettext_lazy("Channel status"), "shipped": gettext_lazy("Shipped")}
    repairs = (Repair("import", gettext_lazy("Import the channel's status"), frozenset({Kind.DIFFERS})),)

    def compare_page(
        self, connection: Connection, records: Sequence[OrderRecord], read_from: datetime
    ) -> list[Found]:
        """Return the orders with another channel status than at their import, and those that the channel does not know
        to be shipped. Two statements at most."""
        rows = Order.objects.filter(
            connection=connection, external_id__in=[record.external_id for record in records]
        ).only(
            "external_id",
            "number",
            "status",
            "remote_status_id",
            "remote_status_name",
            "shipped_at",
            "is_history",
        )
        known = {order.external_id: order for order in rows.order_by()}
        found = []
        for record in records:
            order = known.get(record.external_id)
            if order is None:
                continue
            is_new = record.changed_at > read_from - POLLED
            if record.status_id != order.remote_status_id:
                found.append(
                    Found(
                        record.external_id,
                        Kind.LAG if is_new else Kind.DIFFERS,
                        str(order),
                        ours=order.remote_status_name,
                        theirs=record.status_name,
                        field="status",
                        subject_id=order.pk,
                    )
                )
        return found + self._unshipped(connection, records, known)

    def _unshipped(
        self, connection: Connection, records: Sequence[OrderRecord], known: dict[str, Order]
    ) -> list[Found]:
        """Return the orders that Manifold has shipped and the channel, which can be sent that, shows as not shipped."""
        if connection.why_not(Capability.PUSH_SHIPPED):
            return []
        open_there = {
            record.external_id: record
            for record in records
            if record.remote_state in _NOT_SHIPPED
            and record.external_id in known
            and known[record.external_id].shipped_at is not None
            and not known[record.external_id].is_history
        }
        if not open_there:
            return []
        groups = {known[key].pk: key for key in open_there}
        waiting = OutboxMessage.objects.filter(
            Q(sent_at=None), connection=connection, group__in=groups, skipped_at=None
        ).values_list("group", flat=True)
        late = {groups[group] for group in waiting if group is not None}
        return [
            Found(
                key,
                Kind.LAG if key in late else Kind.DIFFERS,
                str(known[key]),
                ours=known[key].get_status_display(),
                theirs=record.status_name,
                field="shipped",
                subject_id=known[key].pk,
            )
            for key, record in open_there.items()
        ]

    def repair(self, connection: Connection, rows: Sequence[Difference], how: str, by: Author) -> list[str]:
        """Import the orders again: the channel's status becomes that of Manifold as far as it moves an order forward."""
        keys = [row.key for row in rows]
        # Without its hash the document is compared again, also when only Manifold's row has changed.
        Order.objects.filter(connection=connection, external_id__in=keys).update(remote_hash="")
        request_orders(connection, keys)
        shipped = [row for row in rows if row.field == "shipped"]
        return [
            _("%s: retry its message “Shipped” on the order page, or mark it as shipped in the store.") % row
            for row in shipped
        ]


def register() -> None:
    """Register the parts; called at start-up."""
    for part in (OrdersPart(), StatusesPart()):
        parts.register(part)
