"""Expected deliveries: the list, the form for a new one, and the page where goods are received."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import F, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inventory.admin.filters import WarehouseFilter
from inventory.admin.stock_work.documents import (
    CHANGE,
    COLOURS,
    DocumentAdmin,
    DocumentPage,
    NewDocument,
    tabs_of,
    units_of,
)
from inventory.models import Delivery, DeliveryLine, Supplier, Warehouse
from inventory.reports.reorder import purchase_lines
from inventory.services.stock_work import deliveries
from inventory.services.stock_work.entered import read_lines
from oms.kit.admin.badges import NOTHING
from oms.kit.admin.pages import form_token
from oms.kit.admin.rows import cell
from oms.kit.authors.actors import person
from oms.kit.authors.audit import history_of
from oms.kit.numbers import whole_number


class DeliveryForm(forms.Form):
    """What a person enters about an expected delivery."""

    supplier = forms.ModelChoiceField(label=_("Supplier"), queryset=Supplier.objects.filter(is_active=True))
    warehouse = forms.ModelChoiceField(
        label=_("Warehouse"), queryset=Warehouse.objects.filter(is_active=True)
    )
    reference = forms.CharField(
        label=_("Reference"), max_length=120, required=False, help_text=_("The number of your order there.")
    )
    expected_on = forms.DateField(
        label=_("Expected on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    lines = forms.CharField(
        label=_("SKUs"),
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_(
            "One a line: SKU, units, cost of one unit. Cells copied from a spreadsheet can be pasted. "
            "The cost can be left out."
        ),
    )
    note = forms.CharField(
        label=_("Note"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class NewDelivery(NewDocument):
    """Enter an expected delivery."""

    title = _("New delivery")
    list_title = _("Deliveries")
    model = Delivery
    form_class = DeliveryForm
    button = _("Create delivery")

    def initial(self, request: HttpRequest) -> dict[str, Any]:
        """Fill the form with what the reorder list suggests for a supplier."""
        supplier = Supplier.objects.filter(pk=whole_number(request.GET.get("supplier", "")) or 0).first()
        if supplier is None:
            return {}
        lines = [f"{row.sku}\t{row.suggested}" for row in purchase_lines(supplier.pk) if row.suggested]
        return {"supplier": supplier.pk, "lines": "\n".join(lines)}

    def make(self, request: HttpRequest, entered: dict[str, Any]) -> Delivery:
        return deliveries.expect(
            **{**entered, "lines": read_lines(entered["lines"])}, by=person(request.user)
        )


class DeliveryPage(DocumentPage):
    """One delivery: what is expected and what came; receive goods by typing or by scanning."""

    permission = "inventory.view_delivery"
    template_name = "inventory/stock_work/delivery.html"
    model = Delivery
    list_title = _("Deliveries")
    acts: ClassVar[dict[str, str]] = dict.fromkeys(("receive", "scan", "close"), CHANGE)

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = Delivery.objects.select_related("supplier", "warehouse", "author")
        found = get_object_or_404(rows, pk=pk)
        self.title = gettext("Delivery %s") % found
        return self.render(
            found=found,
            colour=COLOURS[found.state],
            lines=list(found.lines.select_related("variant__product").order_by("pk")),
            events=history_of(found),
            form_token=form_token(),
            accepts_others=bool(request.GET.get("others")),
        )

    def do_receive(self, request: HttpRequest, pk: int) -> str:
        units = {
            line: units_of(request, f"units-{line}")
            for line in DeliveryLine.objects.filter(delivery=pk).values_list("pk", flat=True)
        }
        found = deliveries.receive(delivery_id=pk, units=units, by=person(request.user))
        if found.state == Delivery.State.CLOSED:
            return gettext("Goods received. The delivery is complete.")
        return gettext("Goods received. More units are expected.")

    def do_scan(self, request: HttpRequest, pk: int) -> str:
        line = deliveries.scan(
            delivery_id=pk,
            code=request.POST.get("code", "").replace("\x00", ""),
            units=units_of(request, "units"),
            accepts_others=bool(request.POST.get("others")),
            by=person(request.user),
        )
        return gettext("%(sku)s: %(received)d of %(expected)d received.") % {
            "sku": line.variant.sku,
            "received": line.received,
            "expected": line.quantity,
        }

    def do_close(self, request: HttpRequest, pk: int) -> str:
        found = deliveries.close(delivery_id=pk, by=person(request.user))
        if found.state == Delivery.State.CANCELLED:
            return gettext("Delivery cancelled: nothing had come.")
        return gettext("Delivery closed. Units that have not come are short.")


class DeliveryWarehouse(WarehouseFilter):
    field = "warehouse_id"


@admin.register(Delivery)
class DeliveryAdmin(DocumentAdmin):
    """Deliveries, newest first."""

    title = _("Deliveries")
    object_page = DeliveryPage
    tabs = tabs_of(Delivery.State)
    open_states = tuple(Delivery.OPEN)
    new_page, new_name, new_words = NewDelivery, "delivery_new", _("New delivery")
    empty_title = _("No deliveries.")
    empty_words = _("Enter what a supplier will send. When it comes, its goods are received on its page.")
    list_display = ("document", "state", "supplier", "warehouse", "reference", "expected", "units")
    optional_columns = ("created", "who")
    list_select_related: ClassVar[Any] = ("supplier", "warehouse")
    list_filter: ClassVar[Any] = (DeliveryWarehouse,)

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        sums = DeliveryLine.objects.filter(delivery__in=rows).order_by().values("delivery")
        found = {
            row["delivery"]: row for row in sums.annotate(asked=Sum("quantity"), came=Sum(F("received")))
        }
        for row in rows:
            figures = found.get(row.pk, {"asked": 0, "came": 0})
            row.asked, row.came = figures["asked"], figures["came"]
        return rows

    @cell(description=_("supplier"))
    def supplier(self, row: Delivery) -> str:
        return row.supplier.name

    @cell(description=_("warehouse"))
    def warehouse(self, row: Delivery) -> str:
        return row.warehouse.name

    @cell(description=_("reference"))
    def reference(self, row: Delivery) -> Any:
        return row.reference or NOTHING

    @cell("nowrap", description=_("expected on"))
    def expected(self, row: Delivery) -> Any:
        return f"{row.expected_on:%d %b %Y}" if row.expected_on else NOTHING

    @cell("num", description=_("received / expected"))
    def units(self, row: Any) -> str:
        return f"{row.came:,} / {row.asked:,}"
