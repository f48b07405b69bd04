"""The tabs of a store on which something is set: warehouses, status map, carriers, settings."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from channels.contract.records.orders import FulfilmentEvent, RemoteState
from channels.models import Connection, StatusMapEntry
from channels.stores import connect, remote_options, services, status_map
from inventory.errors import QuantityError, StockError
from inventory.models import StockPolicy, Warehouse, WarehouseMapping
from inventory.services import selling_limits, warehouse_mapping
from oms.kit.actors import person
from oms.kit.admin.base import dress
from oms.screens.stores.base import CHANGE, StorePage, go
from oms.screens.stores.sync import natural
from orders.errors import OrderError
from orders.models import Carrier, CarrierMap, OrderSettings
from orders.services import problems, store_settings

STATES: dict[str, Any] = {
    RemoteState.UNPAID: _("Unpaid"),
    RemoteState.DRAFT: _("Draft, waits for approval"),
    RemoteState.NEW: _("New, to be fulfilled"),
    RemoteState.READY: _("Ready to ship"),
    RemoteState.SHIPPED: _("Shipped"),
    RemoteState.DELIVERED: _("Delivered"),
    RemoteState.COMPLETED: _("Completed"),
    RemoteState.CANCELLED: _("Cancelled"),
    RemoteState.RETURNED: _("Returned"),
    RemoteState.IGNORED: _("Not an order: ignored"),
    RemoteState.UNKNOWN: _("Unknown: a problem on the order"),
}
EVENTS: dict[str, Any] = {
    FulfilmentEvent.ACCEPTED: _("accepted by us"),
    FulfilmentEvent.READY_TO_SHIP: _("ready to ship"),
    FulfilmentEvent.SHIPPED: _("shipped"),
    FulfilmentEvent.TRACKING: _("tracking number"),
    FulfilmentEvent.DELIVERED: _("delivered"),
    FulfilmentEvent.COMPLETED: _("completed"),
    FulfilmentEvent.CANCELLED: _("cancelled by us"),
}


def whole(text: str, otherwise: int) -> int:
    return int(text) if text.isdigit() else otherwise


class Warehouses(StorePage):
    """Which warehouses this store sells from, in which order."""

    title = _("Warehouses")
    tab = "store_warehouses"
    permission: ClassVar[Any] = "inventory.view_warehousemapping"
    write_permission: ClassVar[Any] = "inventory.change_warehousemapping"
    template_name = "oms/stores/warehouses.html"

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
                int(key),
                whole(request.POST.get(f"priority-{key}", ""), 10),
                is_default=key == default,
                remote_location=request.POST.get(f"location-{key}", "").strip(),
            )
            for key in request.POST.getlist("row")
            if key.isdigit()
        ]
        try:
            warehouse_mapping.set_warehouses(connection=self.store, servings=servings)
        except StockError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _t("%s now sells from these warehouses.") % self.store)
        return go("store_warehouses", pk)


class StatusMap(StorePage):
    """What each status of the channel means here, and which is written for which event."""

    title = _("Status map")
    tab = "store_statuses"
    permission: ClassVar[Any] = "channels.view_statusmapentry"
    write_permission: ClassVar[Any] = "channels.change_statusmapentry"
    template_name = "oms/stores/statuses.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = StatusMapEntry.objects.filter(connection=self.store)
        spec = self.store.spec
        events = [(str(event), EVENTS[event]) for event in spec.events] if spec.writes_statuses else []
        return self.render(
            rows=sorted(
                rows, key=lambda row: (row.remote_state != RemoteState.UNKNOWN, natural(row.external_id))
            ),
            states=[(str(key), label) for key, label in STATES.items()],
            events=events,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        key = request.POST.get("status", "")
        try:
            row = status_map.edit(
                connection=self.store,
                external_id=key,
                remote_state=request.POST.get("means"),
                events=request.POST.getlist("events") if self.store.spec.writes_statuses else None,
            )
        except status_map.StatusMapError as error:
            messages.error(request, str(error))
            return go("store_statuses", pk)
        read, more = problems.apply_status_map(connection_id=pk, by=person(request.user))
        messages.success(
            request,
            _t("“%(name)s” means: %(state)s.") % {"name": row.name, "state": STATES[row.remote_state]}
            + (
                " " + ngettext("%d order was read again.", "%d orders were read again.", read) % read
                if read
                else ""
            )
            + (" " + _t("The others follow in the background.") if more else ""),
        )
        return go("store_statuses", pk)


class Carriers(StorePage):
    """How this store names the carriers."""

    title = _("Carrier map")
    tab = "store_carriers"
    permission: ClassVar[Any] = "orders.view_carriermap"
    write_permission: ClassVar[Any] = "orders.change_carriermap"
    template_name = "oms/stores/carriers.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = CarrierMap.objects.filter(connection=self.store).select_related("carrier").order_by("name")
        return self.render(rows=rows, carriers=list(Carrier.objects.filter(is_active=True)))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        chosen = {
            int(name.removeprefix("carrier-")): int(value) if value.isdigit() else None
            for name, value in request.POST.dict().items()
            if name.removeprefix("carrier-").isdigit() and name.startswith("carrier-")
        }
        try:
            count = store_settings.map_carriers(connection=self.store, chosen=chosen)
        except OrderError as error:
            messages.error(request, str(error))
        else:
            messages.success(
                request, ngettext("%d carrier is changed.", "%d carriers are changed.", count) % count
            )
        return go("store_carriers", pk)


class StoreForm(forms.Form):
    name = forms.CharField(label=_("Name of the store here"), max_length=120)


class ChannelForm(forms.Form):
    """The switches that only this channel has, made from its declaration."""

    def __init__(self, store: Connection, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for setting in store.spec.settings:
            given: dict[str, Any] = {
                "label": setting.label,
                "help_text": setting.help_text,
                "required": False,
                "initial": store.option(setting.name),
            }
            if setting.kind == "bool":
                field: forms.Field = forms.BooleanField(**given)
            elif setting.kind == "choice":
                field = forms.ChoiceField(choices=list(setting.choices), **given)
            elif setting.kind == "remote" and (listed := remote_options.options_for(store, setting)):
                field = forms.ChoiceField(choices=[("", _("– none chosen –")), *listed], **given)
            elif setting.kind == "number":
                field = forms.IntegerField(min_value=0, **given)
            else:
                field = forms.CharField(max_length=500, **given)
            self.fields[setting.name] = field


class OrdersForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = OrderSettings
        fields = (
            "auto_release",
            "default_carrier",
            "unpaid_hold_hours",
            "action_window_days",
            "ship_within_hours",
        )


class PolicyForm(forms.Form):
    buffer = forms.IntegerField(
        label=_("Keep back (units)"),
        required=False,
        min_value=0,
        help_text=_("Of each SKU, never offered here."),
    )
    percentage = forms.IntegerField(
        label=_("Offer at most (%)"),
        required=False,
        min_value=0,
        max_value=100,
        help_text=_("Of what is left."),
    )
    cap = forms.IntegerField(
        label=_("Offer at most (units)"), required=False, min_value=0, help_text=_("Of each SKU.")
    )
    is_holiday = forms.BooleanField(label=_("Holiday: offer 0 of everything, at once"), required=False)


class Settings(StorePage):
    """Name, the channel's own switches, how orders are handled, what is kept back of the stock."""

    title = _("Settings")
    tab = "store_settings"
    permission: ClassVar[Any] = CHANGE
    template_name = "oms/stores/settings.html"

    def all_forms(self, which: str = "", data: Any = None) -> dict[str, forms.Form | OrdersForm]:
        store = self.store
        policy = StockPolicy.objects.filter(connection=store, listing_variant=None).first()
        orders = OrderSettings.objects.filter(connection=store).first() or OrderSettings(connection=store)
        limits = (
            {name: getattr(policy, name) for name in ("buffer", "percentage", "cap", "is_holiday")}
            if policy
            else {}
        )
        return {
            "store": StoreForm(
                data if which == "store" else None, initial={"name": store.name}, prefix="store"
            ),
            "channel": ChannelForm(store, data if which == "channel" else None, prefix="channel"),
            "orders": OrdersForm(data if which == "orders" else None, instance=orders, prefix="orders"),
            "policy": PolicyForm(data if which == "policy" else None, initial=limits, prefix="policy"),
        }

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(self.all_forms())

    def show(self, shown: dict[str, forms.Form | OrdersForm], status: int = 200) -> HttpResponse:
        return self.render(forms={name: dress(form) for name, form in shown.items()}, status=status)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        which = request.POST.get("which", "")
        shown = self.all_forms(which, request.POST)
        form = shown.get(which)
        if form is None or not form.is_valid():
            return self.show(shown)
        try:
            self.save(which, form)
        except (connect.StoreError, OrderError, QuantityError) as error:
            field = getattr(error, "field", "")
            form.add_error(field if field in form.fields else None, str(error))
            return self.show(shown)
        messages.success(request, _t("The settings of %s are saved.") % self.store)
        return go("store_settings", pk)

    def save(self, which: str, form: Any) -> None:
        given = form.cleaned_data
        if which == "store":
            services.change_settings(connection=self.store, name=given["name"])
        elif which == "channel":
            options = {name: value for name, value in given.items() if value is not None}
            services.change_settings(connection=self.store, options=options)
        elif which == "orders":
            store_settings.set_order_settings(connection=self.store, **given)
        else:
            holiday = given.pop("is_holiday")
            selling_limits.set_policy(self.store, **given)
            selling_limits.set_holiday(self.store, is_holiday=holiday)
