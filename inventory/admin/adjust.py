"""The page that changes what is on a shelf: say what and why, preview it, confirm."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from catalogue.models import ListingVariant, Variant, sku_key
from inventory import callbacks, parsing
from inventory.errors import StockError
from inventory.models import StockItem, StockMovement, Warehouse
from inventory.services.adjust import adjust, receive
from oms.kit.actors import person
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page

CHANGE = "inventory.change_stockitem"


class AdjustForm(forms.Form):
    """What is typed; whether it makes sense is for the service to say, in one sentence."""

    sku = forms.CharField(label=_("SKU"), max_length=120)
    warehouse = forms.ModelChoiceField(
        label=_("Warehouse"), queryset=Warehouse.objects.filter(is_active=True)
    )
    how = forms.ChoiceField(
        label=_("What happened"),
        choices=(
            ("delta", _("It changed by (such as 5 or -2)")),
            ("set_to", _("Counted: there are now")),
            ("receive", _("Goods came in")),
        ),
    )
    quantity = forms.CharField(label=_("Units"), max_length=20)
    reason = forms.CharField(
        label=_("Reason"), max_length=200, help_text=_("It stands in the ledger for ever.")
    )

    def clean_sku(self) -> Variant:
        typed = self.cleaned_data["sku"]
        variant = Variant.objects.filter(sku_key=sku_key(typed)).select_related("product").first()
        if variant is None:
            raise forms.ValidationError(_("There is no SKU “%(sku)s” here.") % {"sku": typed})
        return variant

    def clean_quantity(self) -> int:
        """Checked together with the rest, so that two mistakes are said at once; the service says the same."""
        least = {"set_to": 0, "receive": 1}.get(self.cleaned_data.get("how", ""))
        try:
            return parsing.whole(self.cleaned_data["quantity"], least=least)
        except StockError as error:
            raise forms.ValidationError(str(error)) from error


class AdjustPage(Page):
    """Change what is on a shelf: say what and why, see what it will do, confirm."""

    title = _("Adjust stock")
    permission = CHANGE
    template_name = "inventory/adjust.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Stock"), reverse("admin:inventory_stockitem_changelist"))]

    def get(self, request: HttpRequest) -> HttpResponse:
        names = ("sku", "warehouse", "how")
        form = AdjustForm(initial={name: request.GET[name] for name in names if name in request.GET})
        return self.render(form=dress(form))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AdjustForm(request.POST)
        if not form.is_valid():
            return self.render(form=dress(form))
        wish = form.cleaned_data
        is_sure = "confirmed" in request.POST
        try:
            with transaction.atomic():
                before = StockItem.objects.filter(variant=wish["sku"], warehouse=wish["warehouse"]).first()
                was = before.on_hand if before else 0
                takes = self._taken_back(before, wish) if not is_sure else []
                item = self._adjust(request, wish)
                if not is_sure:  # the service itself said that it can be done; nothing of it is kept
                    transaction.set_rollback(True)
        except StockError as error:
            form.add_error("quantity", str(error))
            return self.render(form=dress(form))
        if not is_sure:
            return self._ask(request, wish, was, item.on_hand, takes)
        messages.success(
            request,
            _t("%(sku)s in %(warehouse)s: %(was)d → %(now)d on hand.")
            % {"sku": wish["sku"].sku, "warehouse": wish["warehouse"].name, "was": was, "now": item.on_hand},
        )
        return HttpResponseRedirect(reverse("admin:inventory_stockitem_change", args=[item.pk]))

    @staticmethod
    def _adjust(request: HttpRequest, wish: dict[str, Any]) -> StockItem:
        told = {"variant": wish["sku"], "warehouse": wish["warehouse"], "reason": wish["reason"]}
        by = person(request.user)
        if wish["how"] == "receive":
            return receive(**told, quantity=wish["quantity"], by=by)
        if wish["how"] == "set_to":
            return adjust(**told, set_to=wish["quantity"], by=by, kind=StockMovement.Kind.COUNT)
        return adjust(**told, delta=wish["quantity"], by=by)

    @staticmethod
    def _taken_back(item: StockItem | None, wish: dict[str, Any]) -> list[callbacks.Holder]:
        """The orders that hold units of this shelf, while some of them may lose theirs."""
        return callbacks.holders_of([item.pk]) if item is not None and item.allocated else []

    def _ask(
        self, request: HttpRequest, wish: dict[str, Any], was: int, now: int, holders: list[callbacks.Holder]
    ) -> HttpResponse:
        variant, warehouse = wish["sku"], wish["warehouse"]
        stores = list(
            ListingVariant.objects.pushable()
            .filter(variant=variant, connection__warehouse_mappings__warehouse=warehouse)
            .values_list("connection__name", flat=True)
        )
        lines = [_t("Reason: %s") % wish["reason"]]
        held = sum(holder.units for holder in holders)
        if held > now:
            youngest = ", ".join(holder.label for holder in holders[-3:])
            lines.append(
                _t("%(units)d promised units are taken back, the youngest orders first (%(orders)s).")
                % {"units": held - now, "orders": youngest}
            )
        if was == now:
            lines.append(_t("Nothing changes."))
        elif stores:
            lines.append(_t("These stores are told at once: %s.") % ", ".join(stores))
        else:
            lines.append(_t("No store shows this SKU from this warehouse."))
        return self.confirm(
            question=_t("%(sku)s in %(warehouse)s: %(was)d on hand becomes %(now)d (%(delta)+d).")
            % {"sku": variant.sku, "warehouse": warehouse.name, "was": was, "now": now, "delta": now - was},
            button=_t("Adjust"),
            back=reverse("admin:stock_adjust")
            + f"?sku={variant.sku}&warehouse={warehouse.pk}&how={wish['how']}",
            lines=lines,
            hidden=[
                ("sku", variant.sku),
                ("warehouse", warehouse.pk),
                *((name, wish[name]) for name in ("how", "quantity", "reason")),
            ],
        )
