"""What the order list exports: orders, or the lines of its orders."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.export.resources import ExportField, ExportResource
from orders.models import Order, OrderLine, Shipment


class StatusField(ExportField):
    """The status in words."""

    def get_value(self, instance: Any) -> Any:
        order = instance if isinstance(instance, Order) else instance.order
        return order.get_status_display()


class ShipmentsField(ExportField):
    """One thing of the live shipments of an order, each value once, separated by commas."""

    def get_value(self, instance: Any) -> str:
        values = [self.of(shipment) for shipment in instance.live_shipments]
        return ", ".join(dict.fromkeys(filter(None, values)))

    def of(self, shipment: Shipment) -> str:
        found = getattr(shipment, str(self.attribute))
        return str(found) if found else ""


def address_field(key: str, label: Any) -> ExportField:
    return ExportField(attribute=f"ship_to__{key}", column_name=label)


class OrderResource(ExportResource):
    """One row per order."""

    store = ExportField(attribute="connection__name", column_name=_("store"))
    status = StatusField(attribute="status", column_name=_("status"))
    recipient = address_field("name", _("recipient"))
    company = address_field("company", _("company"))
    line1 = address_field("line1", _("address line 1"))
    line2 = address_field("line2", _("address line 2"))
    postcode = address_field("postcode", _("postcode"))
    city = address_field("city", _("town"))
    region = address_field("region", _("region"))
    carriers = ShipmentsField(attribute="carrier", column_name=_("carrier"))
    tracking = ShipmentsField(attribute="tracking_number", column_name=_("tracking number"))
    warehouses = ShipmentsField(attribute="warehouse", column_name=_("warehouse"))

    class Meta:
        model = Order
        name = _("Orders")
        fields = (
            "number",
            "store",
            "status",
            "placed_at",
            "ship_by_at",
            "shipped_at",
            "customer_name",
            "customer_email",
            "customer_phone",
            "recipient",
            "company",
            "line1",
            "line2",
            "postcode",
            "city",
            "region",
            "country",
            "units",
            "items_total",
            "shipping_total",
            "discount_total",
            "tax_total",
            "total",
            "refunded_total",
            "currency",
            "payment_method",
            "shipping_method",
            "carriers",
            "tracking",
            "warehouses",
        )
        export_order = fields

    @classmethod
    def rows_of(cls, queryset: QuerySet[Order]) -> QuerySet[Order]:
        live = Shipment.objects.live().select_related("carrier", "warehouse").order_by("order", "number")
        shipments = Prefetch("shipments", queryset=live, to_attr="live_shipments")
        return queryset.defer(None).select_related("connection").prefetch_related(shipments)


class OrderLineResource(ExportResource):
    """One row per line of the orders of the list, the newest order first."""

    order_number = ExportField(attribute="order__number", column_name=_("order"))
    store = ExportField(attribute="order__connection__name", column_name=_("store"))
    status = StatusField(attribute="order__status", column_name=_("status"))
    placed_at = ExportField(attribute="order__placed_at", column_name=_("placed"))
    own_sku = ExportField(attribute="variant__sku", column_name=_("SKU"))
    currency = ExportField(attribute="order__currency", column_name=_("currency"))
    sku = ExportField(attribute="sku", column_name=_("SKU in the store"))
    allocated = ExportField(attribute="allocated", column_name=_("allocated"))

    class Meta:
        model = OrderLine
        name = _("Order lines")
        fields = (
            "order_number",
            "store",
            "status",
            "placed_at",
            "own_sku",
            "sku",
            "title",
            "quantity",
            "allocated",
            "shipped",
            "cancelled",
            "unit_price",
            "discount",
            "tax",
            "total",
            "currency",
        )
        export_order = fields

    @classmethod
    def rows_of(cls, queryset: QuerySet[Any]) -> QuerySet[OrderLine]:
        lines = OrderLine.objects.filter(order__in=queryset.order_by().values("pk"), parent=None)
        return lines.select_related("order__connection", "variant").order_by("-order_id", "position", "id")
