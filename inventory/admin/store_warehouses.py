"""The tab Warehouses of a store: the warehouses that it sells from. And the card of its stock limits (settings)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store import settings
from channels.admin.store.page import StorePage, go
from channels.models import Connection
from inventory.errors import QuantityError, StockError
from inventory.models import StockPolicy, Warehouse, WarehouseMapping
from inventory.services import selling_limits, warehouse_mapping
from oms.kit.admin import panels
from oms.kit.numbers import whole_number

SEE = "inventory.view_warehousemapping"
DEFAULT_PRIORITY = 10


def whole(text: str, otherwise: int) -> int:
    """Return the whole number in `text`, else `otherwise`."""
    number = whole_number(text)
    return otherwise if number is None else number


@panels.tab(
    Connection, "warehouses", label=_("Warehouses"), permission=SEE, position=60, name="store_warehouses"
)
class Warehouses(StorePage):
    """Which warehouses this store sells from, in which order."""

    title = _("Warehouses")
    tab = "warehouses"
    permission: ClassVar[Any] = SEE
    write_permission: ClassVar[Any] = "inventory.change_warehousemapping"
    template_name = "inventory/store_warehouses.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        mapped = {row.warehouse_id: row for row in WarehouseMapping.objects.filter(connection=self.store)}
        rows: list[dict[str, Any]] = [
            {"warehouse": warehouse, "mapping": mapped.get(warehouse.pk)}
            for warehouse in Warehouse.objects.filter(is_active=True)
        ]
        rows.sort(key=lambda row: (row["mapping"] is None, row["mapping"].priority if row["mapping"] else 0))
        return self.render(rows=rows, locations=warehouse_mapping.locations_of(self.store))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        default = request.POST.get("default", "")
        servings = [
            warehouse_mapping.Serving(
                warehouse_id,
                whole(request.POST.get(f"priority-{key}", ""), DEFAULT_PRIORITY),
                is_default=key == default,
                remote_location=request.POST.get(f"location-{key}", "").strip(),
            )
            for key in request.POST.getlist("row")
            if (warehouse_id := whole_number(key)) is not None
        ]
        try:
            warehouse_mapping.set_warehouses(connection=self.store, servings=servings)
        except StockError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, gettext("Warehouses of %s saved.") % self.store)
        return go("store_warehouses", pk)


@panels.panel(
    Connection, "warehouses", label=_("Warehouses"), permission=SEE, template="inventory/store_panel.html"
)
def selling_warehouses(request: HttpRequest, store: Connection) -> dict[str, Any]:
    """Return the warehouses that a store sells from, for the card on its page."""
    mappings = WarehouseMapping.objects.filter(connection=store).select_related("warehouse")
    return {
        "warehouses": [mapping.warehouse for mapping in mappings.order_by("priority", "pk")],
        "url": reverse("admin:store_warehouses", args=[store.pk]),
    }


class PolicyForm(forms.Form):
    """The stock limits of a store."""

    buffer = forms.IntegerField(
        label=_("Buffer (units)"),
        required=False,
        min_value=0,
        help_text=_("Units of each SKU that are never offered in this store."),
    )
    percentage = forms.IntegerField(
        label=_("Percentage offered"),
        required=False,
        min_value=0,
        max_value=100,
        help_text=_("Percent of the units above the buffer."),
    )
    cap = forms.IntegerField(
        label=_("Offer at most (units)"), required=False, min_value=0, help_text=_("The limit for each SKU.")
    )
    is_holiday = forms.BooleanField(label=_("Holiday mode: offer 0 of all SKUs"), required=False)
    is_master = forms.BooleanField(
        label=_("Manifold is the master"),
        required=False,
        help_text=_(
            "A quantity that was changed in the store is overwritten at once. Otherwise it is shown under Differences."
        ),
    )


def policy_form(store: Connection, data: Any) -> PolicyForm:
    """Return the form of the stock limits of a store."""
    policy = StockPolicy.objects.filter(connection=store, listing_variant=None).first()
    names = ("buffer", "percentage", "cap", "is_holiday", "is_master")
    limits = {name: getattr(policy, name) for name in names} if policy else {}
    return PolicyForm(data, initial=limits, prefix="policy")


def save_policy(store: Connection, values: Mapping[str, Any]) -> None:
    """Save the stock limits of a store. Raises `StockError` or `QuantityError`."""
    limits = {name: value for name, value in values.items() if not name.startswith("is_")}
    selling_limits.set_policy(store, **limits)
    selling_limits.set_master(store, is_master=values["is_master"])
    selling_limits.set_holiday(store, is_holiday=values["is_holiday"])


settings.add(
    settings.SettingsCard(
        "policy",
        lambda store: _("Stock offered in this store"),
        policy_form,
        save_policy,
        (QuantityError,),
        position=20,
        columns=3,
        hint=_("These limits change only what the store shows. Orders can use all available stock."),
    )
)
