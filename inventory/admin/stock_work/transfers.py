"""Transfers between warehouses: the list, the form for a new one, and the page where it is shipped and received."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import F, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inventory.admin.stock_work.documents import (
    CHANGE,
    COLOURS,
    DocumentAdmin,
    DocumentPage,
    NewDocument,
    tabs_of,
    units_of,
)
from inventory.models import StockItem, Transfer, TransferLine, Warehouse
from inventory.services.stock_work import transfers
from inventory.services.stock_work.entered import read_lines
from oms.kit.admin.pages import form_token
from oms.kit.admin.rows import cell
from oms.kit.authors.actors import person
from oms.kit.authors.audit import history_of
from oms.kit.numbers import grouped


class TransferForm(forms.Form):
    """What a person enters about a transfer."""

    source = forms.ModelChoiceField(label=_("From"), queryset=Warehouse.objects.filter(is_active=True))
    destination = forms.ModelChoiceField(label=_("To"), queryset=Warehouse.objects.filter(is_active=True))
    lines = forms.CharField(
        label=_("SKUs"),
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_("One a line: SKU, units. Cells copied from a spreadsheet can be pasted."),
    )
    note = forms.CharField(
        label=_("Note"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class NewTransfer(NewDocument):
    """Enter a transfer; its units leave the first warehouse when it is shipped."""

    title = _("New transfer")
    list_title = _("Transfers")
    model = Transfer
    form_class = TransferForm
    button = _("Create transfer")

    def make(self, request: HttpRequest, entered: dict[str, Any]) -> Transfer:
        return transfers.plan(**{**entered, "lines": read_lines(entered["lines"])}, by=person(request.user))


class TransferPage(DocumentPage):
    """One transfer: its lines, what is in transit, and what can be done now."""

    permission = "inventory.view_transfer"
    template_name = "inventory/stock_work/transfer.html"
    model = Transfer
    list_title = _("Transfers")
    acts: ClassVar[dict[str, str]] = dict.fromkeys(("ship", "receive", "cancel"), CHANGE)

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = Transfer.objects.select_related("source", "destination", "author")
        found = get_object_or_404(rows, pk=pk)
        self.title = gettext("Transfer %s") % found
        lines = list(found.lines.select_related("variant__product").order_by("pk"))
        available: dict[int, int] = {}
        if found.state == Transfer.State.DRAFT:
            items = StockItem.objects.filter(
                warehouse=found.source_id, variant__in=[line.variant_id for line in lines]
            )
            available = {item.variant_id: item.available for item in items}
        return self.render(
            found=found,
            colour=COLOURS[found.state],
            rows=[(line, available.get(line.variant_id, 0)) for line in lines],
            is_draft=found.state == Transfer.State.DRAFT,
            is_in_transit=found.state == Transfer.State.IN_TRANSIT,
            events=history_of(found),
            form_token=form_token(),
        )

    def do_ship(self, request: HttpRequest, pk: int) -> str:
        transfers.ship(transfer_id=pk, by=person(request.user))
        return gettext("Shipped. The units are in transit.")

    def do_receive(self, request: HttpRequest, pk: int) -> str:
        keys = list(TransferLine.objects.filter(transfer=pk).values_list("pk", flat=True))
        found = transfers.receive(
            transfer_id=pk,
            units={line: units_of(request, f"units-{line}") for line in keys},
            lost={line: units_of(request, f"lost-{line}") for line in keys},
            by=person(request.user),
        )
        if found.state == Transfer.State.CLOSED:
            return gettext("Received. Nothing of it is in transit any more.")
        return gettext("Received. The rest is still in transit.")

    def do_cancel(self, request: HttpRequest, pk: int) -> str:
        transfers.cancel(transfer_id=pk, by=person(request.user))
        return gettext("Transfer cancelled.")


@admin.register(Transfer)
class TransferAdmin(DocumentAdmin):
    """Transfers, newest first."""

    title = _("Transfers")
    object_page = TransferPage
    tabs = tabs_of(Transfer.State)
    open_states = (Transfer.State.DRAFT, Transfer.State.IN_TRANSIT)
    new_page, new_name, new_words = NewTransfer, "transfer_new", _("New transfer")
    empty_title = _("No transfers.")
    empty_words = _(
        "A transfer brings units from one warehouse to another. Units in transit are not offered."
    )
    list_display = ("document", "state", "source", "destination", "units", "on_the_way", "created", "who")
    list_select_related: ClassVar[Any] = ("source", "destination")

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        sums = TransferLine.objects.filter(transfer__in=rows).order_by().values("transfer")
        found = {
            row["transfer"]: row
            for row in sums.annotate(
                units=Sum("quantity"), rest=Sum(F("quantity") - F("received") - F("lost"))
            )
        }
        for row in rows:
            figures = found.get(row.pk, {"units": 0, "rest": 0})
            row.all_units = figures["units"]
            row.rest = figures["rest"] if row.state == Transfer.State.IN_TRANSIT else 0
        return rows

    @cell(description=_("from"))
    def source(self, row: Transfer) -> str:
        return row.source.name

    @cell(description=_("to"))
    def destination(self, row: Transfer) -> str:
        return row.destination.name

    @cell("num", description=_("units"))
    def units(self, row: Any) -> str:
        return grouped(row.all_units)

    @cell("num", description=_("in transit"))
    def on_the_way(self, row: Any) -> str:
        return grouped(row.rest)
