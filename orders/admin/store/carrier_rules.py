"""The tab Carrier rules of a store: an ordered table whose first line that fits chooses carrier and service."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store.page import StorePage, go
from channels.models import Connection
from oms.kit.admin import panels
from oms.kit.authors.actors import person
from orders.errors import OrderError
from orders.models import Carrier, CarrierRule
from orders.services.labels import rules

SEE = "orders.view_carriermap"


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """One line of the table."""

    position = forms.IntegerField(label=_("Position"), required=False, min_value=0, max_value=32_000)

    class Meta:
        model = CarrierRule
        fields = "position countries min_grams max_grams min_value max_value method carrier service".split()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["carrier"] = forms.ModelChoiceField(
            label=_("Carrier"),
            queryset=Carrier.objects.filter(is_active=True).order_by("name"),
            required=False,
        )
        for name, field in self.fields.items():
            field.widget.attrs |= {"class": "oms-input", "aria-label": str(field.label)}
            field.help_text = ""
            if name != "carrier":
                field.widget.attrs["size"] = "16" if name in ("countries", "method", "service") else "6"

    @property
    def is_used(self) -> bool:
        """Whether the line says anything besides its position."""
        return any(
            self.cleaned_data.get(name) not in (None, "") for name in self.Meta.fields if name != "position"
        )


RuleFormSet = forms.modelformset_factory(CarrierRule, RuleForm, extra=2, max_num=rules.MOST)


@panels.tab(
    Connection,
    "carrier-rules",
    label=_("Carrier rules"),
    permission=SEE,
    position=81,
    name="store_carrier_rules",
)
class CarrierRules(StorePage):
    """The table of carriers of a store."""

    title = _("Carrier rules")
    tab = "carrier-rules"
    permission: ClassVar[Any] = SEE
    write_permission: ClassVar[Any] = "orders.change_carriermap"
    template_name = "orders/carriers/rules.html"

    def _rows(self) -> Any:
        return CarrierRule.objects.filter(connection=self.store).order_by("position", "pk")

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.render(formset=RuleFormSet(queryset=self._rows()))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        formset = RuleFormSet(request.POST, queryset=self._rows())
        if not formset.is_valid():
            return self.render(formset=formset)
        used = [form for form in formset.forms if form.has_changed() or form.instance.pk]
        lines = [form for form in used if form.is_used]
        lines.sort(key=lambda form: form.cleaned_data.get("position") or 32_001)
        made = [
            CarrierRule(
                **{name: form.cleaned_data[name] for name in RuleForm.Meta.fields if name != "position"}
            )
            for form in lines
        ]
        try:
            count = rules.save(connection=self.store, rules=made, by=person(request.user))
        except OrderError as error:
            messages.error(request, str(error))
            return self.render(formset=formset)
        messages.success(request, gettext("Carrier rules saved: %d.") % count)
        return go("store_carrier_rules", pk)
