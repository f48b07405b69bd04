"""The page that adjusts stock: enter the change and its reason, preview it, confirm it."""

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

from catalogue.models import ListingVariant, Variant
from catalogue.sku_resolution import variant_with_sku
from inventory import callbacks, parsing
from inventory.errors import StockError
from inventory.models import StockItem, StockMovement, Warehouse
from inventory.services.adjust import adjust, receive
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page, is_repeated
from oms.kit.authors.actors import person

CHANGE = "inventory.change_stockitem"


class AdjustForm(forms.Form):
    """What a person enters. The service checks whether the change is possible."""

    sku = forms.CharField(label=_("SKU"), max_length=255)
    warehouse = forms.ModelChoiceField(
        label=_("Warehouse"), queryset=Warehouse.objects.filter(is_active=True)
    )
    how = forms.ChoiceField(
        label=_("Change"),
        choices=(
            ("delta", _("Add or remove units (5 or -2)")),
            ("set_to", _("Counted: new total")),
            ("receive", _("Goods received")),
        ),
    )
    quantity = forms.CharField(label=_("Units"), max_length=20)
    reason = forms.CharField(label=_("Reason"), max_length=200, help_text=_("Recorded in the stock history."))

    def clean_sku(self) -> Variant:
        """Return the variant with this SKU."""
        typed = self.cleaned_data["sku"]
        variant = variant_with_sku(typed)
        if variant is None:
            raise forms.ValidationError(_("No product has the SKU “%(sku)s”.") % {"sku": typed})
        return variant

    def clean_quantity(self) -> int:
        """Return the units. The service checks them, too; checking them here shows all mistakes at once."""
        least = {"set_to": 0, "receive": 1}.get(self.cleaned_data.get("how", ""))
        try:
            return parsing.whole(self.cleaned_data["quantity"], least=least)
        except StockError as error:
            raise forms.ValidationError(str(error)) from error


class AdjustPage(Page):
    """Adjust the stock of a SKU in a warehouse: enter, preview, confirm."""

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
        entered = form.cleaned_data
        is_confirmed = "confirmed" in request.POST
        try:
            with transaction.atomic():
                before = StockItem.objects.filter(
                    variant=entered["sku"], warehouse=entered["warehouse"]
                ).first()
                was = before.on_hand if before else 0
                if is_confirmed and is_repeated(request):
                    messages.info(
                        request, gettext("This change was already saved. Nothing was changed again.")
                    )
                    return HttpResponseRedirect(reverse("admin:inventory_stockitem_changelist"))
                holders = self._holders(before, entered) if not is_confirmed else []
                item = self._adjust(request, entered)
                if not is_confirmed:  # the service has checked the change; it is not saved yet
                    transaction.set_rollback(True)
        except StockError as error:
            form.add_error("quantity", str(error))
            return self.render(form=dress(form))
        if not is_confirmed:
            return self._ask(request, entered, was, item.on_hand, holders)
        messages.success(
            request,
            gettext("%(sku)s in %(warehouse)s: %(was)d → %(now)d on hand.")
            % {
                "sku": entered["sku"].sku,
                "warehouse": entered["warehouse"].name,
                "was": was,
                "now": item.on_hand,
            },
        )
        return HttpResponseRedirect(reverse("admin:inventory_stockitem_change", args=[item.pk]))

    @staticmethod
    def _adjust(request: HttpRequest, entered: dict[str, Any]) -> StockItem:
        change = {"variant": entered["sku"], "warehouse": entered["warehouse"], "reason": entered["reason"]}
        by = person(request.user)
        if entered["how"] == "receive":
            return receive(**change, quantity=entered["quantity"], by=by)
        if entered["how"] == "set_to":
            return adjust(**change, set_to=entered["quantity"], by=by, kind=StockMovement.Kind.COUNT)
        return adjust(**change, delta=entered["quantity"], by=by)

    @staticmethod
    def _holders(item: StockItem | None, entered: dict[str, Any]) -> list[callbacks.Holder]:
        """Return the orders to which units of this stock item are allocated; [] when none is."""
        return callbacks.holders_of([item.pk]) if item is not None and item.allocated else []

    def _ask(
        self,
        request: HttpRequest,
        entered: dict[str, Any],
        was: int,
        now: int,
        holders: list[callbacks.Holder],
    ) -> HttpResponse:
        variant, warehouse = entered["sku"], entered["warehouse"]
        stores = list(
            ListingVariant.objects.pushable()
            .filter(variant=variant, connection__warehouse_mappings__warehouse=warehouse)
            .values_list("connection__name", flat=True)
        )
        lines = [gettext("Reason: %s") % entered["reason"]]
        allocated = sum(holder.units for holder in holders)
        if allocated > now:
            newest = ", ".join(holder.label for holder in holders[-3:])
            lines.append(
                gettext("%(units)d allocated units are released, from the newest orders first (%(orders)s).")
                % {"units": allocated - now, "orders": newest}
            )
        if was == now:
            lines.append(gettext("Nothing changes."))
        elif stores:
            lines.append(gettext("Stock is sent to: %s.") % ", ".join(stores))
        else:
            lines.append(gettext("No store sells this SKU from this warehouse."))
        return self.confirm(
            question=gettext("%(sku)s in %(warehouse)s: %(was)d on hand becomes %(now)d (%(delta)+d).")
            % {"sku": variant.sku, "warehouse": warehouse.name, "was": was, "now": now, "delta": now - was},
            button=gettext("Adjust stock"),
            back=reverse("admin:stock_adjust")
            + f"?sku={variant.sku}&warehouse={warehouse.pk}&how={entered['how']}",
            lines=lines,
            hidden=[
                ("sku", variant.sku),
                ("warehouse", warehouse.pk),
                *((name, entered[name]) for name in ("how", "quantity", "reason")),
            ],
        )
