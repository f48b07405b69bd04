"""Carriers. The order desk itself has pages of its own (`oms.screens`)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.base import ModelAdmin, display
from orders.models import Carrier


@admin.register(Carrier)
class CarrierAdmin(ModelAdmin):
    """Who carries parcels: those that stores named, and those added by hand (R-SHIP-01)."""

    list_display = ("name", "tracking", "origin", "is_active")
    search_fields = ("^name",)
    fields = ("name", "tracking_url", "is_active")

    @display(description=_("tracking link"))
    def tracking(self, carrier: Carrier) -> str:
        return carrier.tracking_url or "–"

    @display(description=_("from"))
    def origin(self, carrier: Carrier) -> Any:
        return _("added here") if carrier.is_own else _("a store")

    def save_model(self, request: HttpRequest, obj: Carrier, form: Any, change: bool) -> None:
        if not change:
            obj.is_own = True
        super().save_model(request, obj, form, change)
