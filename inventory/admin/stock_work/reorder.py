"""The pages Reorder and Stock ageing, each with the same rows as Excel; and the purchase list of one supplier."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.models import Variant
from inventory.admin.reports import EXPORT, SHOWN, StockReport
from inventory.models import Supplier
from inventory.reports import ageing
from inventory.reports.reorder import PERIODS, ReorderSku, reorder_list
from inventory.services.stock_work.suppliers import set_supplier
from oms.kit.admin.base import dress
from oms.kit.admin.export.files import table_file
from oms.kit.admin.pages import add
from oms.kit.authors.actors import person
from oms.kit.numbers import whole_number

SUPPLIERS = "inventory.change_supplier"


class ReorderForm(forms.Form):
    """What the list shows."""

    supplier = forms.ModelChoiceField(
        label=_("Supplier"), queryset=Supplier.objects.all(), required=False, empty_label=_("All")
    )
    days = forms.TypedChoiceField(
        label=_("Sales of"),
        choices=[(days, _("%d days") % days) for days in PERIODS],
        coerce=int,
        required=False,
        empty_value=None,
    )
    all = forms.BooleanField(label=_("Also SKUs that are not due"), required=False)


class Reorder(StockReport):
    """What to order, the most urgent first; the file is the purchase list of the supplier."""

    title = _("Reorder")
    template_name = "inventory/reorder.html"
    write_permission: ClassVar[Any] = SUPPLIERS

    def rows(self, request: HttpRequest) -> tuple[ReorderForm, Supplier | None, list[ReorderSku]]:
        """Return the form, the chosen supplier and the rows."""
        form = ReorderForm(request.GET)
        asked = form.cleaned_data if form.is_valid() else {}
        supplier = asked.get("supplier")
        rows = reorder_list(asked.get("days") or PERIODS[0], supplier_id=supplier.pk if supplier else None)
        return form, supplier, rows if asked.get("all") else [row for row in rows if row.is_due]

    def show(self, request: HttpRequest) -> HttpResponse:
        form, supplier, rows = self.rows(request)
        query = {key: request.GET[key] for key in ("supplier", "days", "all") if key in request.GET}
        return self.render(
            form=dress(form),
            supplier=supplier,
            rows=rows[:SHOWN],
            is_cut=len(rows) > SHOWN,
            shown=SHOWN,
            file_url=f"?{urlencode({**query, 'file': 1})}",
            may_export=request.user.has_perm(EXPORT),
            may_choose=request.user.has_perm(SUPPLIERS),
            suppliers=list(Supplier.objects.filter(is_active=True)),
            query=urlencode(query),
            variants=reverse("admin:catalogue_variant_changelist"),
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set the supplier of the chosen SKUs."""
        here = HttpResponseRedirect(f"{reverse('admin:reorder')}?{request.GET.urlencode()}")
        supplier = Supplier.objects.filter(pk=whole_number(request.POST.get("supplier", "")) or 0).first()
        keys = [key for one in request.POST.getlist("sku") if (key := whole_number(one)) is not None]
        keys = list(Variant.objects.filter(pk__in=keys).values_list("pk", flat=True))
        if supplier is None or not keys:
            messages.error(request, gettext("Choose SKUs and a supplier."))
            return here
        changed = set_supplier(keys, supplier, by=person(request.user))
        messages.success(
            request,
            gettext("%(count)d SKUs are bought from %(supplier)s now.")
            % {"count": changed, "supplier": supplier.name},
        )
        return here

    def file(self, request: HttpRequest) -> HttpResponseBase:
        _form, supplier, rows = self.rows(request)
        headings = [
            gettext("Supplier"),
            gettext("SKU"),
            gettext("Number at the supplier"),
            gettext("Title"),
            gettext("Order (units)"),
            gettext("Cost"),
            gettext("Currency"),
            gettext("Available"),
            gettext("Coming"),
            gettext("Sold"),
            gettext("Days of cover"),
            gettext("Lead time (days)"),
        ]
        table = (
            [
                row.supplier,
                row.sku,
                row.code,
                row.title,
                row.suggested,
                row.cost,
                row.currency,
                row.available,
                row.coming,
                row.sold,
                row.cover,
                row.lead_days,
            ]
            for row in sorted(rows, key=lambda row: row.supplier)
        )
        name = f"purchase-list-{supplier.pk}" if supplier else "reorder"
        return table_file(f"{name}-{timezone.localdate()}", headings, table)


class StockAgeing(StockReport):
    """The units on hand by age, and the SKUs with most old units."""

    title = _("Stock ageing")
    template_name = "inventory/stock_ageing.html"

    def show(self, request: HttpRequest) -> HttpResponse:
        places, old = ageing.summary(SHOWN)
        return self.render(
            bands=ageing.band_names(),
            places=places,
            old=old,
            may_export=request.user.has_perm(EXPORT),
            variants=reverse("admin:catalogue_variant_changelist"),
        )

    def file(self, request: HttpRequest) -> HttpResponseBase:
        headings = [
            gettext("SKU"),
            gettext("Title"),
            gettext("Warehouse"),
            *(gettext("%s days") % band for band in ageing.band_names()),
            gettext("Cost"),
            gettext("Currency"),
        ]
        rows = (
            [row.sku, row.title, row.warehouse, *row.units, row.cost, row.currency] for row in ageing.ageing()
        )
        return table_file(f"stock-ageing-{timezone.localdate()}", headings, rows)


add(("inventory/reorder/", Reorder, "reorder"), ("inventory/ageing/", StockAgeing, "stock_ageing"))
