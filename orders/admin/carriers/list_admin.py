"""The list of carriers, and the form of one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.badges import NOTHING, link
from oms.kit.admin.lists import ListAdmin, Tab
from oms.kit.admin.rows import cell
from orders.models import Carrier


@admin.register(Carrier)
class CarrierAdmin(ListAdmin):
    """The carriers that stores use, and those that were added by hand (R-SHIP-01)."""

    change_list_template = "orders/carriers.html"
    tabs = (
        Tab("all", _("All")),
        Tab("active", _("Active"), lambda rows: rows.filter(is_active=True)),
        Tab("inactive", _("Not active"), lambda rows: rows.filter(is_active=False)),
    )
    list_display = ("carrier", "tracking", "origin", "active")
    sortable_by = ("carrier",)
    default_sort = "name"
    search_fields = ("^name",)
    search_help_text = _("Search name")
    fields = ("name", "tracking_url", "cut_off", "working_days", "transit_days", "is_active")

    def with_related(self, request: HttpRequest, rows: list[Any]) -> list[Any]:
        by_hand, by_store, yes, no = gettext("Manifold"), gettext("Store"), gettext("yes"), gettext("no")
        for carrier in rows:
            carrier.origin_word = by_hand if carrier.is_own else by_store
            carrier.active_word = yes if carrier.is_active else no
        return rows

    @cell("lead", description=_("name"), ordering="name")
    def carrier(self, carrier: Carrier) -> SafeString:
        return link(f"{carrier.pk}/change/", carrier.name)

    @cell(description=_("tracking link"))
    def tracking(self, carrier: Carrier) -> Any:
        return carrier.tracking_url or NOTHING

    @cell(description=_("added by"))
    def origin(self, carrier: Any) -> str:
        return str(carrier.origin_word)

    @cell(description=_("active"))
    def active(self, carrier: Any) -> str:
        return str(carrier.active_word)

    def save_model(self, request: HttpRequest, obj: Carrier, form: Any, change: bool) -> None:
        if not change:
            obj.is_own = True
        super().save_model(request, obj, form, change)
