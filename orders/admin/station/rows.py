"""The rows of the ship station: orders with their first lines, parcel and tracking number, read together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from channels.models import Connection
from oms.kit.admin.paging import capped_count
from oms.kit.numbers import whole_number
from orders.admin.order_rows import Beside, beside
from orders.domain.moves import WORK
from orders.models import Carrier, Order, OrderSettings, Shipment
from orders.services.station.worklist import Wanted, to_work
from orders.services.tracking import expects_tracking

#: Orders that one page shows; the first to be shipped are first.
SHOWN = 100
#: Names of the filters in the address.
FILTERS = ("store", "carrier", "one", "sku")


@dataclass(slots=True)
class Row:
    """One order of the station. `number` is what is in its field; `is_picked`: it is ticked."""

    order: Order
    beside: Beside
    carrier: Carrier | None
    parcels: int
    number: str = ""
    is_picked: bool = False
    is_number_expected: bool = False
    error: str = ""

    @property
    def lacks_number(self) -> bool:
        """Whether its carrier or its channel wants a tracking number and there is none."""
        return self.is_number_expected and not self.number.strip()


def wanted_of(values: Mapping[str, Any]) -> Wanted:
    """Return the filters of a request."""
    return Wanted(
        store=whole_number(values.get("store", "")),
        carrier=whole_number(values.get("carrier", "")),
        is_one_line=bool(values.get("one")),
        sku=str(values.get("sku", "")).replace("\x00", "").strip()[:255],
    )


def may_release(request: HttpRequest) -> bool:
    """Return whether the person may release orders, which the station does for stores without a pick step."""
    return request.user.has_perm(WORK)


def rows_of(orders: Sequence[Order]) -> list[Row]:
    """Return the rows of these orders in five statements, whatever their number."""
    ids = [order.pk for order in orders]
    about = beside(ids, to_pack=True)
    stores = Connection.objects.defer("credentials", "webhook_secret").in_bulk(
        {order.connection_id for order in orders}
    )
    settings = OrderSettings.objects.select_related("default_carrier").in_bulk(list(stores))
    parcels: dict[int, list[Shipment]] = {}
    rows = Shipment.objects.filter(order__in=ids, state__in=("planned", "packed")).select_related("carrier")
    for shipment in rows.order_by("order", "number"):
        parcels.setdefault(shipment.order_id, []).append(shipment)
    found = []
    for order in orders:
        order.connection = stores[order.connection_id]
        own = parcels.get(order.pk, [])
        usual = settings.get(order.connection_id)
        carrier = (own[0].carrier if own else None) or order.carrier or (usual and usual.default_carrier)
        found.append(
            Row(
                order,
                about[order.pk],
                carrier or None,
                len(own),
                own[0].tracking_number if len(own) == 1 else "",
                is_number_expected=bool(usual and usual.require_tracking)
                or expects_tracking(order.connection, carrier or None),
            )
        )
    return found


def station(wanted: Wanted, request: HttpRequest) -> tuple[list[Row], str, int]:
    """Return the rows of the station, the number of orders as text, and how many are late."""
    orders = to_work(wanted, may_release=may_release(request))
    rows = rows_of(list(orders.select_related("carrier")[:SHOWN]))
    late = orders.filter(ship_by_at__lt=timezone.now()).order_by()[: SHOWN * 10].count()
    return rows, str(capped_count(orders)), late


def stores_and_carriers() -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Return (id, name) of the stores and of the active carriers, for the filters."""
    stores = Connection.objects.filter(kind=Connection.Kind.STORE).order_by("name").values_list("pk", "name")
    carriers = Carrier.objects.filter(is_active=True).order_by("name").values_list("pk", "name")
    return list(stores), list(carriers)
