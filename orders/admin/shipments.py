"""The list of shipments, read-only: every row links to its order."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from oms.kit.admin import filters
from oms.kit.admin.badges import NOTHING, ago, badge, link
from oms.kit.admin.lists import ListAdmin, Tab
from oms.kit.admin.pages import Page
from oms.kit.admin.rows import cell
from orders.admin.carriers import labels
from orders.admin.documents import list_actions
from orders.admin.order_list.filters import CarrierFilter, KeyFilter, StoreFilter, WarehouseFilter
from orders.choices import ShipmentState
from orders.models import Order, Shipment, ShipmentLine
from orders.unit_of_work.search_text import search_orders

COLOURS = {
    ShipmentState.PLANNED: "info",
    ShipmentState.PACKED: "primary",
    ShipmentState.READY: "primary",
    ShipmentState.HANDED_OVER: "success",
    ShipmentState.DELIVERED: "success",
    ShipmentState.CANCELLED: "default",
}


class ShipmentStore(StoreFilter):
    field = "order__connection_id"


class ShipmentCarrier(CarrierFilter):
    is_more, field = False, "carrier_id"
    narrow = KeyFilter.narrow


class ShipmentWarehouse(WarehouseFilter):
    is_more, field = False, "warehouse_id"
    narrow = KeyFilter.narrow


class UntrackedFilter(filters.FlagFilter):
    title, parameter_name = _("without tracking number"), "untracked"

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(tracking_number="")


def _tab(state: ShipmentState) -> Tab:
    return Tab(state.value, state.label, lambda rows: rows.filter(state=state.value))


class ShipmentPage(Page):
    """A shipment is shown on the page of its order."""

    permission = "orders.view_shipment"

    def get(self, request: HttpRequest, pk: int) -> HttpResponseRedirect:
        shipment = get_object_or_404(Shipment.objects.only("order_id"), pk=pk)
        page = reverse("admin:orders_order_change", args=[shipment.order_id])
        return HttpResponseRedirect(f"{page}#shipments")


@admin.register(Shipment)
class ShipmentAdmin(ListAdmin):
    """Shipments, the newest first. They are changed on the page of their order."""

    is_read_only = True
    tabs = (Tab("all", _("All")), *(_tab(state) for state in ShipmentState))
    list_display = ("shipment", "state", "warehouse", "carrier", "tracking", "units", "manifest", "ready")
    optional_columns = ("created", "handed_over", "store", "buyer")
    list_filter = (ShipmentStore, ShipmentCarrier, ShipmentWarehouse, UntrackedFilter)
    list_select_related = ("order__connection", "carrier", "warehouse", "manifest")
    search_fields = ("^tracking_number",)
    search_help_text = _("Tracking number, or anything of the order")
    bulk_actions = (*list_actions.actions("shipments"), labels.bulk_action("shipments"))
    object_page = ShipmentPage

    def get_queryset(self, request: HttpRequest) -> QuerySet[Shipment]:
        return super().get_queryset(request).defer("order__ship_to", "order__bill_to")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find the shipments of the orders that are found; their tracking numbers find orders, too."""
        if not search_term.strip():
            return queryset, False
        orders = search_orders(Order.objects.order_by(), search_term)
        return queryset.filter(order__in=orders.values("pk")), False

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        lines = ShipmentLine.objects.filter(shipment__in=rows).order_by().values_list("shipment")
        units = dict(lines.annotate(units=Sum("quantity")))
        chips = {state.value: badge(state.label, COLOURS[state]) for state in ShipmentState}
        base = {
            "order": reverse("admin:orders_order_change", args=[0]),
            "manifest": reverse("admin:orders_manifest_change", args=[0]),
        }
        for shipment in rows:
            shipment.units, shipment.chip = units.get(shipment.pk, 0), chips[shipment.state]
            shipment.order_url = base["order"].replace("/0/", f"/{shipment.order_id}/")
            shipment.manifest_url = base["manifest"].replace("/0/", f"/{shipment.manifest_id}/")
        return rows

    @cell("lead", description=_("shipment"))
    def shipment(self, row: Any) -> SafeString:
        return format_html(
            '<a class="strong nowrap" href="{}">#{}</a> <span class="quiet">S{}</span>',
            row.order_url,
            row.order.number,
            row.number,
        )

    @cell("state", description=_("status"))
    def state(self, row: Any) -> SafeString:
        chip: SafeString = row.chip
        return chip

    @cell(description=_("warehouse"))
    def warehouse(self, row: Any) -> Any:
        return row.warehouse.name if row.warehouse else NOTHING

    @cell(description=_("carrier"))
    def carrier(self, row: Any) -> Any:
        return row.carrier.name if row.carrier else NOTHING

    @cell("nowrap", description=_("tracking number"))
    def tracking(self, row: Any) -> Any:
        if not row.tracking_number:
            return NOTHING
        url = row.tracking_link
        if not url.startswith(("https://", "http://")):
            return row.tracking_number
        return format_html('<a href="{}" rel="noreferrer">{}</a>', url, row.tracking_number)

    @cell("num", description=_("units"))
    def units(self, row: Any) -> int:
        return int(row.units)

    @cell("nowrap", description=_("manifest"))
    def manifest(self, row: Any) -> Any:
        return link(row.manifest_url, row.manifest.number) if row.manifest else NOTHING

    @cell("nowrap", description=_("ready"))
    def ready(self, row: Any) -> Any:
        return ago(row.ready_at) if row.ready_at else NOTHING

    @cell("nowrap", description=_("created"))
    def created(self, row: Any) -> Any:
        return ago(row.created_at)

    @cell("nowrap", description=_("handed over"))
    def handed_over(self, row: Any) -> Any:
        return ago(row.handed_over_at) if row.handed_over_at else NOTHING

    @cell(description=_("store"))
    def store(self, row: Any) -> str:
        return str(row.order.connection.name)

    @cell(description=_("buyer"))
    def buyer(self, row: Any) -> Any:
        return row.order.customer_name or NOTHING
