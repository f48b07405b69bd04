"""The page that moves units between on hand and unusable, and writes unusable ones off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inventory import parsing
from inventory.admin.stock_work.documents import CHANGE
from inventory.errors import StockError
from inventory.models import Warehouse
from inventory.services.stock_work.entered import scanned
from inventory.services.stock_work.unusable import Move, move
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page, add, form_token, is_repeated
from oms.kit.authors.actors import person


class UnusableForm(forms.Form):
    """What a person enters. The service checks whether it is possible."""

    sku = forms.CharField(label=_("SKU or barcode"), max_length=255)
    warehouse = forms.ModelChoiceField(
        label=_("Warehouse"), queryset=Warehouse.objects.filter(is_active=True)
    )
    what = forms.ChoiceField(
        label=_("Change"),
        choices=(
            (Move.SET_ASIDE.value, _("On hand → unusable")),
            (Move.RESTORE.value, _("Unusable → on hand")),
            (Move.WRITE_OFF.value, _("Unusable → written off")),
        ),
    )
    units = forms.CharField(label=_("Units"), max_length=20)
    reason = forms.CharField(
        label=_("Reason"), max_length=200, help_text=_("Damaged, expired … Recorded in the stock history.")
    )

    def clean_units(self) -> int:
        """Return the units."""
        try:
            return parsing.whole(self.cleaned_data["units"], least=1)
        except StockError as error:
            raise forms.ValidationError(str(error)) from error


class UnusablePage(Page):
    """Unusable units of a SKU in a warehouse."""

    title = _("Unusable stock")
    permission = CHANGE
    template_name = "inventory/stock_work/new.html"
    button = _("Save")

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Stock"), reverse("admin:inventory_stockitem_changelist"))]

    def show(self, form: UnusableForm) -> HttpResponse:
        back = reverse("admin:inventory_stockitem_changelist")
        return self.render(form=dress(form), form_token=form_token(), back=back)

    def get(self, request: HttpRequest) -> HttpResponse:
        names = ("sku", "warehouse", "what")
        return self.show(UnusableForm(initial={n: request.GET[n] for n in names if n in request.GET}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = UnusableForm(request.POST)
        if not form.is_valid():
            return self.show(form)
        entered = form.cleaned_data
        try:
            with transaction.atomic():
                if is_repeated(request):
                    raise StockError(gettext("This was already saved. Nothing was changed again."))
                item = move(
                    variant=scanned(entered["sku"].replace("\x00", "")),
                    warehouse=entered["warehouse"],
                    units=entered["units"],
                    what=Move(entered["what"]),
                    reason=entered["reason"],
                    by=person(request.user),
                )
        except StockError as error:
            form.add_error("units", str(error))
            return self.show(form)
        item.refresh_from_db()
        messages.success(
            request,
            gettext("%(item)s: %(on_hand)d on hand, %(unusable)d unusable.")
            % {"item": item, "on_hand": item.on_hand, "unusable": item.unusable},
        )
        return HttpResponseRedirect(reverse("admin:inventory_stockitem_change", args=[item.pk]))


add(("inventory/unusable/", UnusablePage, "stock_unusable"))
