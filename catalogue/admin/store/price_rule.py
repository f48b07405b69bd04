"""The tab Prices of a store: its price rule, with a preview of every price before it is switched on."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.errors import CatalogueError
from catalogue.models import ListingVariant
from catalogue.models.price_rule import PriceRule
from catalogue.services import price_rules
from channels.admin.store.page import CHANGE, StorePage, go, needs
from channels.contract.spec import Capability
from channels.models import Connection
from oms.kit.admin import panels
from oms.kit.admin.base import dress
from oms.kit.admin.paging import page_of


class RuleForm(forms.Form):
    """A price rule as people type it; the service reads it."""

    change = forms.CharField(
        label=_("Change of the default price"),
        required=False,
        max_length=20,
        help_text=_("A percentage such as +10% or -5%, or a factor such as 1.1. Empty: no change."),
    )
    ending = forms.CharField(
        label=_("Ending"),
        required=False,
        max_length=10,
        help_text=_("Every price ends so: .99 gives 4.99 and 5.99, 9 gives 19 and 29."),
    )
    step = forms.CharField(
        label=_("Step"), required=False, max_length=10, help_text=_("Or: a multiple of it, for example 0.05.")
    )
    mode = forms.ChoiceField(
        label=_("Rounding"),
        choices=[("nearest", _("to the nearest")), ("up", _("up")), ("down", _("down"))],
        initial="nearest",
    )
    margin = forms.CharField(
        label=_("Least margin over the cost (%)"),
        required=False,
        max_length=10,
        help_text=_("No price is lower than cost plus this percentage. SKUs without a cost are not checked."),
    )
    from_currency = forms.CharField(
        label=_("Convert default prices in"),
        required=False,
        max_length=3,
        help_text=_("Currency, for example EUR."),
    )
    rate = forms.CharField(
        label=_("Rate"),
        required=False,
        max_length=20,
        help_text=_("1 of it is so much in the store's currency."),
    )


def typed(rule: PriceRule) -> dict[str, str]:
    """Return a rule as its form shows it."""
    found = {"change": price_rules.typed_change(rule), "mode": rule.mode, "from_currency": rule.from_currency}
    for name in ("ending", "step", "margin", "rate"):
        value = getattr(rule, name)
        found[name] = "" if value is None else f"{value:f}"
    return found


@panels.tab(
    Connection,
    "price_rule",
    label=_("Prices"),
    permission="catalogue.view_listing",
    position=25,
    off=needs(Capability.PUSH_PRICE),
    name="store_price_rule",
)
class PriceRulePage(StorePage):
    """The price rule of a store, and old → new for every listed SKU."""

    title = _("Prices")
    tab = "price_rule"
    permission: ClassVar[Any] = "catalogue.view_listing"
    write_permission: ClassVar[Any] = CHANGE
    template_name = "catalogue/store_price_rule.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the rule; with a form in the address, the prices that it would give."""
        stored = price_rules.stored_rule(self.store)
        is_asked = "mode" in request.GET
        form = RuleForm(request.GET) if is_asked else RuleForm(initial=typed(stored))
        problem, rule = "", stored
        if is_asked and form.is_valid():
            try:
                rule = price_rules.read_rule(form.cleaned_data, is_on=True)
            except CatalogueError as error:
                problem = str(error)
        if not self.may_write:
            for field in form.fields.values():
                field.disabled = True
        listed = ListingVariant.objects.live().filter(connection=self.store).select_related("variant")
        page = page_of(listed.order_by("pk"), request)
        page.object_list = [] if problem else price_rules.compare(self.store, page.object_list, rule)
        return self.render(
            form=dress(form),
            rule=stored,
            rows=page,
            is_asked=is_asked and not problem and form.is_valid(),
            problem=problem,
            asked=typed(rule) if is_asked and not problem else {},
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Switch a rule on, or off."""
        is_on = request.POST.get("do") == "on"
        form = RuleForm(request.POST)
        try:
            if is_on:
                form.is_valid()
                rule = price_rules.read_rule(form.cleaned_data, is_on=True)
            else:
                rule = price_rules.off(price_rules.stored_rule(self.store))
            price_rules.save_rule(self.store, rule)
        except CatalogueError as error:
            messages.error(request, str(error))
            return go("store_price_rule", pk)
        messages.success(
            request,
            gettext("The price rule is on. The changed prices are sent to %s.") % self.store.name
            if is_on
            else gettext("The price rule is off. The default prices are sent to %s.") % self.store.name,
        )
        return go("store_price_rule", pk)
