"""The tab Status map: what each status of the channel means, and which one is sent for which event."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from channels.admin.store.page import StorePage, go, needs
from channels.admin.store.sync_forms import natural
from channels.contract.records.orders import FulfilmentEvent, RemoteState
from channels.contract.spec import Capability
from channels.models import Connection, StatusMapEntry
from channels.stores import status_map
from oms.kit.actors import person
from oms.kit.admin import panels

SEE = "channels.view_statusmapentry"

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
    FulfilmentEvent.ACCEPTED: _("accepted"),
    FulfilmentEvent.READY_TO_SHIP: _("ready to ship"),
    FulfilmentEvent.SHIPPED: _("shipped"),
    FulfilmentEvent.TRACKING: _("tracking number"),
    FulfilmentEvent.DELIVERED: _("delivered"),
    FulfilmentEvent.COMPLETED: _("completed"),
    FulfilmentEvent.CANCELLED: _("cancelled by seller"),
}


@panels.tab(
    Connection,
    "status-map",
    label=_("Status map"),
    permission=SEE,
    position=70,
    off=needs(Capability.PULL_ORDERS),
    name="store_statuses",
)
class StatusMap(StorePage):
    """What each status of the channel means in Manifold, and which is sent for which event."""

    title = _("Status map")
    tab = "status-map"
    permission: ClassVar[Any] = SEE
    write_permission: ClassVar[Any] = "channels.change_statusmapentry"
    template_name = "channels/store_statuses.html"

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
        done, more = status_map.apply_to_orders(connection_id=pk, by=person(request.user))
        said = [
            gettext("“%(name)s” means: %(state)s.") % {"name": row.name, "state": STATES[row.remote_state]}
        ]
        if done:
            said.append(ngettext("%d order was updated.", "%d orders were updated.", done) % done)
        if more:
            said.append(gettext("The others follow in the background."))
        messages.success(request, " ".join(said))
        return go("store_statuses", pk)
