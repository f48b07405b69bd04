"""The pages of the reports about stock, each with the same rows as Excel (R-INV-08)."""

from __future__ import annotations

from datetime import date
from itertools import islice
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inventory.reports.low_stock import SOLD_IN, low_stock
from inventory.reports.value import lines_at, values_at
from oms.kit.admin.base import dress
from oms.kit.admin.export.files import table_file
from oms.kit.admin.filters import day_of
from oms.kit.admin.pages import Page, add

VIEW = "inventory.view_stockitem"
EXPORT = "inventory.export_stockitem"
SHOWN = 200


class StockReport(Page):
    """The base of these pages: `?file=1` answers with the Excel file."""

    permission: ClassVar[Any] = VIEW

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if not request.GET.get("file"):
            return self.show(request)
        if not request.user.has_perm(EXPORT):
            raise PermissionDenied(gettext("Your role does not allow this."))
        return self.file(request)

    def show(self, request: HttpRequest) -> HttpResponse:
        """Answer with the page."""
        raise NotImplementedError

    def file(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the file."""
        raise NotImplementedError


class LowStock(StockReport):
    """SKUs at or below their reorder point."""

    title = _("Low stock")
    template_name = "inventory/low_stock.html"

    def show(self, request: HttpRequest) -> HttpResponse:
        rows = list(islice(low_stock(), SHOWN + 1))
        return self.render(
            rows=rows[:SHOWN],
            is_cut=len(rows) > SHOWN,
            shown=SHOWN,
            days=SOLD_IN,
            may_export=request.user.has_perm(EXPORT),
            variants=reverse("admin:catalogue_variant_changelist"),
        )

    def file(self, request: HttpRequest) -> HttpResponseBase:
        headings = [
            gettext("SKU"),
            gettext("Title"),
            gettext("Brand"),
            gettext("Available"),
            gettext("Reorder point"),
            gettext("Missing"),
            gettext("Shipped in 30 days"),
            gettext("Days of cover"),
        ]
        rows = (
            [
                row.sku,
                row.title,
                row.brand,
                row.available,
                row.reorder_point,
                row.missing,
                row.shipped,
                row.cover,
            ]
            for row in low_stock()
        )
        return table_file(f"low-stock-{timezone.localdate()}", headings, rows)


class DayForm(forms.Form):
    day = forms.DateField(
        label=_("At the end of"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


def asked_day(request: HttpRequest) -> date:
    """Return the day of the request; today without one, and for a day that has not come yet."""
    today = timezone.localdate(timezone=timezone.get_default_timezone())
    return min(day_of(request.GET.get("day", "")) or today, today)


class StockValue(StockReport):
    """The units on hand at the end of a day, at the average cost that each SKU had then."""

    title = _("Stock value")
    template_name = "inventory/stock_value.html"

    def show(self, request: HttpRequest) -> HttpResponse:
        day = asked_day(request)
        return self.render(
            form=dress(DayForm(initial={"day": day})),
            day=day,
            rows=values_at(day),
            file_url=f"?file=1&day={day}",
            may_export=request.user.has_perm(EXPORT),
        )

    def file(self, request: HttpRequest) -> HttpResponseBase:
        day = asked_day(request)
        headings = [
            gettext("SKU"),
            gettext("Title"),
            gettext("Warehouse"),
            gettext("Units"),
            gettext("Cost"),
            gettext("Currency"),
            gettext("Value"),
        ]
        rows = (
            [row.sku, row.title, row.warehouse, row.units, row.cost, row.currency, row.worth]
            for row in lines_at(day)
        )
        return table_file(f"stock-value-{day}", headings, rows)


add(("inventory/low-stock/", LowStock, "low_stock"), ("inventory/value/", StockValue, "stock_value"))
