"""The filters of the order list."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalogue.models import sku_key
from catalogue.sku_resolution import variants_with_skus
from channels.models import Connection
from inventory.models import Warehouse
from oms.kit.admin import filters
from oms.kit.models import Problem
from oms.kit.numbers import is_whole_number
from orders import problem_codes
from orders.choices import OPEN_STATUSES, OrderPriority, OrderStatus
from orders.domain import ship_by
from orders.models import Allocation, Carrier, Order, OrderLine, Shipment

Orders = QuerySet[Order]


def shipments() -> QuerySet[Shipment]:
    """Return the live shipments of the order of the outer query, for `Exists`."""
    return Shipment.objects.filter(order=OuterRef("pk")).live().order_by()


class KeyFilter(filters.RowFilter):
    """A select of rows; a key that is not among them finds nothing.

    The names are cached, so a store that was connected a moment ago is not among them yet: its orders must not become
    all orders.
    """

    def value(self) -> str:
        text = filters.ListFilter.value(self)
        return text if is_whole_number(text) else ""


class StoreFilter(KeyFilter):
    title, parameter_name, field = _("store"), "store", "connection_id"
    all_words = _("All stores")

    def rows(self) -> QuerySet[Any]:
        return Connection.objects.filter(kind="store").order_by("name")


class SkuFilter(filters.TextFilter):
    """Orders with this SKU. The variant is looked up first: an OR inside EXISTS would use no index."""

    title, parameter_name, size = _("SKU"), "sku", 10

    def narrow(self, queryset: Orders, value: str) -> Orders:
        found = [variant.pk for variant in variants_with_skus([sku_key(value)]).values()]
        lines = OrderLine.objects.filter(order=OuterRef("pk")).order_by()
        if found:
            return queryset.filter(Exists(lines.filter(variant__in=found)))
        return queryset.filter(Exists(lines.filter(variant=None, sku__iexact=value)))


class WarehouseFilter(KeyFilter):
    """Orders that ship from a warehouse or whose units are allocated there.

    One EXISTS over a UNION: PostgreSQL would hash all open allocations for two EXISTS under an OR.
    """

    title, parameter_name, is_more, field = _("warehouse"), "warehouse", True, ""

    def rows(self) -> QuerySet[Any]:
        return Warehouse.objects.order_by("name")

    def narrow(self, queryset: Orders, value: str) -> Orders:
        shipping = shipments().filter(warehouse_id=int(value)).values("pk")
        allocated = Allocation.objects.filter(
            line__order=OuterRef("pk"), state="open", stock_item__warehouse_id=int(value)
        )
        return queryset.filter(Exists(shipping.union(allocated.order_by().values("pk"), all=True)))


class CarrierFilter(KeyFilter):
    title, parameter_name, is_more, field = _("carrier"), "carrier", True, ""

    def rows(self) -> QuerySet[Any]:
        return Carrier.objects.order_by("name")

    def narrow(self, queryset: Orders, value: str) -> Orders:
        return queryset.filter(Exists(shipments().filter(carrier_id=int(value))))


class CountryFilter(filters.TextFilter):
    title, parameter_name, is_more, size, placeholder = _("country"), "country", True, 3, "GB"

    def narrow(self, queryset: Orders, value: str) -> Orders:
        return queryset.filter(country=value.upper()[:2])


class DueFilter(filters.ChoiceFilter):
    """Orders that may be shipped, by the time that is left until their ship-by."""

    title, parameter_name, is_more = _("ship by"), "due", True

    def options(self, request: HttpRequest) -> Sequence[tuple[str, Any]]:
        return (
            ("late", _("late")),
            ("1h", _("within 1 hour")),
            ("4h", _("in 1 to 4 hours")),
            ("24h", _("in 4 to 24 hours")),
            ("later", _("later")),
        )

    def narrow(self, queryset: Orders, value: str) -> Orders:
        return queryset.filter(ship_by.due_within(value, timezone.now()))


class ProblemFilter(filters.ChoiceFilter):
    """Orders with an open problem of one kind."""

    title, parameter_name, is_more = _("problem"), "problem", True

    def options(self, request: HttpRequest) -> Sequence[tuple[str, Any]]:
        return [(one.code, one.title) for one in problem_codes.CODES]

    def narrow(self, queryset: Orders, value: str) -> Orders:
        wanted = Problem.objects.open().filter(subject_kind=problem_codes.SUBJECT, code=value)
        return queryset.filter(Exists(wanted.filter(subject_id=OuterRef("pk"))), problems_open__gt=0)


class TagFilter(filters.TextFilter):
    """Orders with this tag, whatever its case. The partial index of orders with tags answers."""

    title, parameter_name, is_more, size = _("tag"), "tag", True, 10

    def narrow(self, queryset: Orders, value: str) -> Orders:
        return queryset.exclude(tags="").filter(tags__icontains=f"|{value.replace('|', ' ')}|")


class PriorityFilter(filters.ChoiceFilter):
    """Open orders with this priority: who gets stock first matters to them alone."""

    title, parameter_name, is_more = _("priority"), "priority", True

    def options(self, request: HttpRequest) -> Sequence[tuple[str, Any]]:
        return [(str(value), label) for value, label in OrderPriority.choices]

    def narrow(self, queryset: Orders, value: str) -> Orders:
        return queryset.filter(status__in=OPEN_STATUSES, priority=int(value))


class TrackingFilter(filters.ChoiceFilter):
    """Packed orders and orders ready to ship that have no tracking number."""

    title, parameter_name = _("tracking number"), "tracking"

    def options(self, request: HttpRequest) -> Sequence[tuple[str, Any]]:
        return (("none", _("without tracking")),)

    def narrow(self, queryset: Orders, value: str) -> Orders:
        waiting = queryset.filter(status__in=(OrderStatus.PACKED, OrderStatus.READY_TO_SHIP))
        return waiting.exclude(Exists(shipments().exclude(tracking_number="")))


class PlacedSince(filters.SinceFilter):
    title, parameter_name, field, is_more = _("placed from"), "since", "placed_at", True


class PlacedUntil(filters.UntilFilter):
    title, parameter_name, field, is_more = _("placed to"), "until", "placed_at", True


class AmountFilter(filters.TextFilter):
    """A bound of the order's total, in the currency of the order; text that is no amount is left out."""

    is_more, size = True, 6

    def value(self) -> str:
        text = super().value().replace(",", ".")
        try:
            amount = Decimal(text)
        except InvalidOperation:
            return ""
        return text if amount.is_finite() and abs(amount) < 10**10 else ""


class TotalFrom(AmountFilter):
    title, parameter_name = _("total from"), "total_from"

    def narrow(self, queryset: Orders, value: str) -> Orders:
        return queryset.filter(total__gte=Decimal(value))


class TotalTo(AmountFilter):
    title, parameter_name = _("total to"), "total_to"

    def narrow(self, queryset: Orders, value: str) -> Orders:
        return queryset.filter(total__lte=Decimal(value))


FILTERS = (
    StoreFilter,
    SkuFilter,
    WarehouseFilter,
    CarrierFilter,
    CountryFilter,
    DueFilter,
    ProblemFilter,
    TrackingFilter,
    TagFilter,
    PriorityFilter,
    PlacedSince,
    PlacedUntil,
    TotalFrom,
    TotalTo,
)
