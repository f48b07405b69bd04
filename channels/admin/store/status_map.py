"""The tab Status map: the Manifold status of each channel status, and the channel status that is sent for each event."""

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
from oms.kit.admin import panels
from oms.kit.authors.actors import person

SEE = "channels.view_statusmapentry"

STATES: dict[str, Any] = {
    RemoteState.UNPAID: _("Unpaid"),
    RemoteState.DRAFT: _("Draft (waits for approval)"),
    RemoteState.NEW: _("New"),
    RemoteState.READY: _("Ready to ship"),
    RemoteState.SHIPPED: _("Shipped"),
    RemoteState.DELIVERED: _("Delivered"),
    RemoteState.COMPLETED: _("Completed"),
    RemoteState.CANCELLED: _("Cancelled"),
    RemoteState.RETURNED: _("Returned"),
    RemoteState.IGNORED: _("Ignored (not an order)"),
    RemoteState.UNKNOWN: _("Not mapped (problem on the order)"),
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
    """The status map of a store, in one form."""

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
        """Save the statuses whose values differ from those that the form showed."""
        try:
            rows = status_map.edit_all(connection=self.store, changes=self._changes(request))
        except status_map.StatusMapError as error:
            messages.error(request, str(error))
            return go("store_statuses", pk)
        if not rows:
            messages.info(request, gettext("Nothing was changed."))
            return go("store_statuses", pk)
        done, more = status_map.apply_to_orders(connection_id=pk, by=person(request.user))
        mapped = gettext("“%(name)s” is mapped to: %(state)s.")
        parts = [mapped % {"name": row.name, "state": STATES[row.remote_state]} for row in rows]
        if done:
            parts.append(ngettext("%d order was updated.", "%d orders were updated.", done) % done)
        if more:
            parts.append(gettext("The other orders are updated in the background."))
        messages.success(request, " ".join(parts))
        return go("store_statuses", pk)

    def _changes(self, request: HttpRequest) -> list[status_map.Change]:
        """Return the posted rows that a person has changed. `was-<id>` is what the form showed."""
        sets_events = self.store.spec.writes_statuses
        found = []
        for external_id in request.POST.getlist("status"):
            state = request.POST.get(f"state-{external_id}", "")
            events = request.POST.getlist(f"events-{external_id}") if sets_events else []
            was_state, _colon, was = request.POST.get(f"was-{external_id}", "").partition(":")
            shown = was.split() if sets_events else []
            if (state, sorted(events)) != (was_state, sorted(shown)):
                found.append(status_map.Change(external_id, state, events if sets_events else None, shown))
        return found
