"""Carriers of all stores that are not mapped, in one list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.pages import Crumb, Page, add
from oms.kit.numbers import whole_number
from orders.errors import OrderError
from orders.models import Carrier, CarrierMap
from orders.services.rules import store_settings

FIELD = "carrier-"
AT_ONCE = 200


class CarrierNames(Page):
    """Names of carriers that stores use and that no carrier of Manifold has yet."""

    title = _("Carriers not mapped")
    permission = "orders.view_carriermap"
    write_permission = "orders.change_carriermap"
    template_name = "orders/carriers/names.html"

    def crumbs(self) -> Iterable[Crumb]:
        return [(_("Carriers"), reverse("admin:orders_carrier_changelist"))]

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = CarrierMap.objects.filter(carrier=None).select_related("connection").order_by("name", "pk")
        return self.render(
            rows=list(rows[:AT_ONCE]),
            count=rows.count(),
            at_once=AT_ONCE,
            carriers=list(Carrier.objects.filter(is_active=True)),
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        chosen = {
            key: carrier
            for name, value in request.POST.dict().items()
            if name.startswith(FIELD)
            and (key := whole_number(name.removeprefix(FIELD))) is not None
            and (carrier := whole_number(value)) is not None
        }
        by_store: dict[int, dict[int, int | None]] = defaultdict(dict)
        rows = CarrierMap.objects.filter(pk__in=chosen).select_related("connection")
        stores = {}
        for row in rows:
            by_store[row.connection_id][row.pk] = chosen[row.pk]
            stores[row.connection_id] = row.connection
        try:
            with transaction.atomic():
                count = sum(
                    store_settings.map_carriers(connection=stores[pk], chosen=some)
                    for pk, some in by_store.items()
                )
        except OrderError as error:
            messages.error(request, str(error))
        else:
            text = ngettext("%d carrier mapped.", "%d carriers mapped.", count) % count
            messages.success(request, text if count else gettext("Nothing was chosen."))
        return HttpResponseRedirect(request.path)


add(("orders/carrier-names/", CarrierNames, "carrier_names"))
