"""The list of parcels: under way, late, silent, and those that need a person. Read-only: every row links to its order."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.badges import NOTHING, ago, badge
from oms.kit.admin.lists import ListAdmin, Tab
from oms.kit.admin.pages import Page
from oms.kit.admin.rows import cell
from orders.choices import PARCEL_COLOURS, ParcelStatus
from orders.models import Parcel

ATTENTION = (
    ParcelStatus.AT_CUSTOMS,
    ParcelStatus.AWAITING_COLLECTION,
    ParcelStatus.FAILED_ATTEMPT,
    ParcelStatus.RETURNED,
    ParcelStatus.LOST,
)


def _under_way(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows & Parcel.objects.under_way()


def _late(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows & Parcel.objects.late(timezone.now())


def _silent(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows & Parcel.objects.silent(timezone.now())


class ParcelPage(Page):
    """A parcel is shown on the page of its order."""

    permission = "orders.view_parcel"

    def get(self, request: HttpRequest, pk: int) -> HttpResponseRedirect:
        parcel = get_object_or_404(Parcel.objects.select_related("shipment"), pk=pk)
        page = reverse("admin:orders_order_change", args=[parcel.shipment.order_id])
        return HttpResponseRedirect(f"{page}#labels")


@admin.register(Parcel)
class ParcelAdmin(ListAdmin):
    """Parcels as their carriers see them, the newest first."""

    is_read_only = True
    tabs = (
        Tab("under_way", _("Under way"), _under_way),
        Tab("late", _("Late"), _late),
        Tab("silent", _("No news"), _silent),
        Tab("attention", _("Needs attention"), lambda rows: rows.filter(state__in=ATTENTION)),
        Tab("all", _("All")),
    )
    list_display = ("parcel", "state", "carrier", "number", "expected", "heard")
    list_select_related = ("shipment__order", "shipment__carrier")
    search_fields = ("^shipment__tracking_number",)
    search_help_text = _("Tracking number")
    object_page = ParcelPage

    def get_queryset(self, request: HttpRequest) -> QuerySet[Parcel]:
        return super().get_queryset(request).defer("shipment__order__ship_to", "shipment__order__bill_to")

    @cell("lead", description=_("order"))
    def parcel(self, row: Any) -> SafeString:
        url = reverse("admin:orders_order_change", args=[row.shipment.order_id])
        return format_html(
            '<a class="strong nowrap" href="{}#labels">#{}</a> <span class="quiet">S{}</span>',
            url,
            row.shipment.order.number,
            row.shipment.number,
        )

    @cell("state", description=_("parcel"))
    def state(self, row: Any) -> SafeString:
        return badge(row.get_state_display(), PARCEL_COLOURS[row.state])

    @cell(description=_("carrier"))
    def carrier(self, row: Any) -> Any:
        return row.shipment.carrier.name if row.shipment.carrier else NOTHING

    @cell("nowrap", description=_("tracking number"))
    def number(self, row: Any) -> Any:
        return row.shipment.tracking_number or NOTHING

    @cell("nowrap", description=_("expected"))
    def expected(self, row: Any) -> Any:
        return ago(row.expected_at) if row.expected_at else NOTHING

    @cell("nowrap", description=_("last news"))
    def heard(self, row: Any) -> Any:
        return ago(row.heard_at)
