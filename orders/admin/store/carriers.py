"""The tab Carrier map of a store: the carrier of Manifold for each carrier of the channel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from channels.admin.store import report
from channels.admin.store.page import StorePage, go, needs
from channels.contract.spec import Capability
from channels.models import Connection
from oms.kit.admin import panels
from oms.kit.numbers import whole_number
from orders.errors import OrderError
from orders.models import Carrier, CarrierMap
from orders.services.rules import store_settings

SEE = "orders.view_carriermap"
FIELD = "carrier-"


@panels.tab(
    Connection,
    "carrier-map",
    label=_("Carrier map"),
    permission=SEE,
    position=80,
    off=needs(Capability.PULL_CARRIERS),
    name="store_carriers",
)
class Carriers(StorePage):
    """The carrier of Manifold for each carrier of the store."""

    title = _("Carrier map")
    tab = "carrier-map"
    permission: ClassVar[Any] = SEE
    write_permission: ClassVar[Any] = "orders.change_carriermap"
    template_name = "orders/store_carriers.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = CarrierMap.objects.filter(connection=self.store).select_related("carrier").order_by("name")
        return self.render(rows=rows, carriers=list(Carrier.objects.filter(is_active=True)))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        chosen = {
            key: whole_number(value)
            for name, value in request.POST.dict().items()
            if name.startswith(FIELD) and (key := whole_number(name.removeprefix(FIELD))) is not None
        }
        try:
            count = store_settings.map_carriers(connection=self.store, chosen=chosen)
        except OrderError as error:
            messages.error(request, str(error))
        else:
            messages.success(
                request,
                ngettext(
                    "Carrier map saved: %d carrier changed.", "Carrier map saved: %d carriers changed.", count
                )
                % count,
            )
        return go("store_carriers", pk)


def _counts(store: Connection) -> dict[str, int]:
    return CarrierMap.objects.filter(connection=store).aggregate(
        all=Count("pk"), open=Count("pk", filter=Q(carrier=None))
    )


@report.findings(position=50)
def unmapped(store: Connection) -> Iterable[report.Finding]:
    """Count the carriers of the store that are not mapped."""
    url = reverse("admin:store_carriers", args=[store.pk])
    yield report.Finding(_counts(store)["open"], _("Carriers not mapped"), "", url, _("View"))


@report.findings(position=70)
def found(store: Connection) -> Iterable[report.Finding]:
    """Count the carriers of the store."""
    url = reverse("admin:store_carriers", args=[store.pk])
    yield report.Finding(_counts(store)["all"], _("Carriers imported"), "", url, _("View"), is_wrong=False)
