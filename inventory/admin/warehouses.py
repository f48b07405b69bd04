"""The list of warehouses. The page of a store shows which of them it sells from."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inventory.models import Warehouse
from inventory.stock_changes import availability_changed
from oms.kit.admin.badges import badge, link
from oms.kit.admin.lists import ListAdmin
from oms.kit.admin.rows import cell
from oms.kit.numbers import is_digits


class WarehouseForm(forms.ModelForm):  # type: ignore[type-arg]
    """The form of a warehouse: what it serves is checked, because the routing of orders uses it."""

    def clean_country(self) -> str:
        return str(self.cleaned_data["country"]).strip().upper()

    def clean_serves_countries(self) -> str:
        codes = [
            part.strip().upper() for part in self.cleaned_data["serves_countries"].split(",") if part.strip()
        ]
        for code in codes:
            if not re.fullmatch(r"[A-Z]{2}", code):
                raise forms.ValidationError(gettext("“%s” is not a country code of two letters.") % code[:20])
        return ", ".join(codes)

    def clean_serves_postcodes(self) -> str:
        found = []
        for part in self.cleaned_data["serves_postcodes"].split(","):
            if text := re.sub(r"\s", "", part.upper()).replace("–", "-"):
                low, dash, high = text.partition("-")
                is_range = is_digits(low) and is_digits(high) and len(low) == len(high) and low <= high
                if not text.isascii() or not low.isalnum() or (dash and not is_range):
                    raise forms.ValidationError(
                        gettext("“%s” is not the beginning or a range of postcodes: LS, or 10000-19999.")
                        % part[:30]
                    )
                found.append(text)
        return ", ".join(found)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        for name, most in (("latitude", 90), ("longitude", 180)):
            if (degrees := values.get(name)) is not None and not -most <= degrees <= most:
                self.add_error(name, gettext("Enter degrees from -%(most)d to %(most)d.") % {"most": most})
        if (values.get("latitude") is None) != (values.get("longitude") is None):
            self.add_error("longitude", gettext("Enter both latitude and longitude, or neither."))
        return values


@admin.register(Warehouse)
class WarehouseAdmin(ListAdmin):
    """Warehouses."""

    list_display = ("name", "code", "country", "is_active")
    sortable_by = ("name", "code")
    default_sort = "name"
    search_fields = ("^name", "=code")
    search_help_text = _("Search name or code")
    form = WarehouseForm
    fields = (
        "name",
        "code",
        "country",
        "serves_countries",
        "serves_postcodes",
        "latitude",
        "longitude",
        "is_active",
    )

    @cell("lead", description=_("name"), ordering="name")
    def name(self, warehouse: Warehouse) -> Any:
        return link(self.row_url(warehouse), warehouse.name)

    @cell(description=_("active"))
    def is_active(self, warehouse: Warehouse) -> Any:
        return badge(_("Yes"), "success") if warehouse.is_active else badge(_("No"))

    def save_model(self, request: HttpRequest, obj: Warehouse, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data:  # its stores are offered another quantity
            availability_changed(set(obj.stock_items.exclude(on_hand=0).values_list("variant", flat=True)))
