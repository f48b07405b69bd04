"""The orders that the packing table works on, by the time they must be shipped."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from catalogue.models import Variant, sku_key
from orders.choices import AllocationState, OrderStatus
from orders.models import Order, OrderLine, Shipment


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person works on: a store, a carrier (ids), orders of one line, orders with one SKU. Empty: all."""

    store: int | None = None
    carrier: int | None = None
    is_one_line: bool = False
    sku: str = ""


#: New orders whose store has no pick step: the station releases them.
_UNRELEASED = Q(
    status=OrderStatus.NEW,
    allocation=AllocationState.FULL,
    connection__order_settings__has_pick_step=False,
)
_RELEASED = Q(status__in=(OrderStatus.READY_FOR_FULFILMENT, OrderStatus.PACKED))


def to_work(wanted: Wanted | None = None, *, may_release: bool = False) -> QuerySet[Order]:
    """Return the orders that can be packed or marked ready to ship now, the first to be shipped first.

    Orders on hold are left out. With `may_release`, New orders of stores without a pick step are among them.
    """
    wanted = wanted or Wanted()
    rows = Order.objects.filter(_RELEASED | _UNRELEASED if may_release else _RELEASED, holds_open=0)
    if wanted.store is not None:
        rows = rows.filter(connection=wanted.store)
    if wanted.carrier is not None:
        rows = rows.filter(_with_carrier(wanted.carrier))
    if wanted.is_one_line:
        kits = OrderLine.objects.filter(parent=OuterRef("pk"), kit_units__gt=0)
        lines = OrderLine.objects.filter(~Exists(kits), order=OuterRef("pk")).order_by().values("order")
        rows = rows.filter(Exists(lines.annotate(count=Count("pk")).filter(count=1)))
    if wanted.sku:
        # The variant first: a join with its key would be read for every open order.
        variants = list(Variant.objects.filter(sku_key=sku_key(wanted.sku)).values_list("pk", flat=True))
        rows = rows.filter(Exists(OrderLine.objects.filter(order=OuterRef("pk"), variant__in=variants)))
    return rows.order_by("ship_by_at", "pk")


def _with_carrier(carrier: int) -> Q:
    """Return the condition for orders with this carrier: of their open shipments, else chosen, else the store's."""
    shipments = Shipment.objects.filter(order=OuterRef("pk"), state__in=("planned", "packed"))
    chosen = Q(carrier=carrier) | Q(carrier=None, connection__order_settings__default_carrier=carrier)
    return Q(Exists(shipments.filter(carrier=carrier))) | (~Q(Exists(shipments)) & chosen)
