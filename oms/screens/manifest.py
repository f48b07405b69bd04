"""Manifests: what is ready, handed over to a carrier on one list, and what each channel was told of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from channels.contract.records.orders import FulfilmentEvent
from channels.models import OutboxMessage
from inventory.models import Warehouse
from oms.kit.actors import person
from oms.kit.admin.pages import Page
from oms.screens.order_moves import SHIP
from oms.screens.order_view import ToldView, told_view
from orders.errors import OrderError
from orders.models import Carrier, Manifest, Shipment
from orders.services import manifests

VIEW = ("orders.view_manifest", SHIP)
#: Parcels on one manifest.
AT_MOST = 500


class ManifestList(Page):
    title = _("Manifests")
    permission = VIEW
    write_permission = SHIP
    template_name = "orders/manifests.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = Manifest.objects.select_related("carrier", "warehouse", "author").order_by("-id")
        return self.render(
            manifests=list(rows.annotate(parcels=Count("shipments"))[:100]), ready=ready_groups()
        )


def ready_groups() -> list[Any]:
    """What is ready, per carrier and warehouse; one query in the index of ready parcels."""
    ready = Shipment.objects.ready_for_manifest().filter(warehouse__isnull=False)
    rows = ready.values("carrier", "warehouse", "carrier__name", "warehouse__name")
    return list(
        rows.annotate(parcels=Count("id"), oldest=Min("ready_at")).order_by(
            "carrier__name", "warehouse__name"
        )
    )


class NewManifest(Page):
    title = _("New manifest")
    permission = SHIP
    template_name = "orders/manifest_new.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Manifests"), reverse("admin:orders_manifest_changelist"))]

    def get(self, request: HttpRequest) -> HttpResponse:
        carrier, warehouse = self._chosen(request.GET)
        parcels = []
        if carrier and warehouse:
            ready = Shipment.objects.ready_for_manifest().filter(carrier=carrier, warehouse=warehouse)
            parcels = list(
                ready.select_related("order__connection")
                .prefetch_related("lines__line")
                .order_by("ready_at", "id")[: AT_MOST + 1]
            )
        return self.render(
            groups=ready_groups(),
            carrier=carrier,
            warehouse=warehouse,
            parcels=parcels[:AT_MOST],
            has_more=len(parcels) > AT_MOST,
            at_most=AT_MOST,
        )

    @staticmethod
    def _chosen(data: Any) -> tuple[Carrier | None, Warehouse | None]:
        carrier, warehouse = data.get("carrier", ""), data.get("warehouse", "")
        return (
            Carrier.objects.filter(pk=int(carrier)).first() if carrier.isdigit() else None,
            Warehouse.objects.filter(pk=int(warehouse)).first() if warehouse.isdigit() else None,
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        carrier, warehouse = self._chosen(request.POST)
        ids = [int(pk) for pk in request.POST.getlist("pick") if pk.isdigit()][:AT_MOST]
        if carrier is None or warehouse is None or not ids:
            messages.warning(request, _t("Choose a carrier, a warehouse and at least one parcel."))
            return HttpResponseRedirect(request.get_full_path())
        try:
            made = manifests.create_manifest(
                carrier=carrier, warehouse=warehouse, shipment_ids=ids, by=person(request.user)
            )
        except OrderError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())
        for outcome in [outcome for outcome in made.outcomes if not outcome.ok][:10]:
            messages.error(
                request,
                _t("Left off: #%(number)s: %(why)s") % {"number": outcome.number, "why": outcome.message},
            )
        if made.manifest is None:
            return HttpResponseRedirect(request.get_full_path())
        count = sum(outcome.ok for outcome in made.outcomes)
        messages.success(
            request,
            ngettext(
                "%(n)d order was handed over to %(carrier)s.",
                "%(n)d orders were handed over to %(carrier)s.",
                count,
            )
            % {"n": count, "carrier": carrier},
        )
        return HttpResponseRedirect(reverse("admin:orders_manifest_change", args=[made.manifest.pk]))


class ManifestPage(Page):
    """The list that the driver signs; beside each parcel what its channel was told (not printed)."""

    permission = VIEW
    template_name = "orders/manifest.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Manifests"), reverse("admin:orders_manifest_changelist"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        manifest = get_object_or_404(Manifest.objects.select_related("carrier", "warehouse", "author"), pk=pk)
        self.title = _t("Manifest %s") % manifest
        parcels = list(
            manifest.shipments.select_related("order__connection")
            .prefetch_related("lines__line")
            .order_by("order", "number")
        )
        told: dict[int, list[ToldView]] = defaultdict(list)
        messages_of = OutboxMessage.objects.filter(
            kind="event", topic=FulfilmentEvent.SHIPPED, group__in={parcel.order_id for parcel in parcels}
        )
        for message in messages_of.order_by("id"):
            told[message.group or 0].append(told_view(message))
        return self.render(
            manifest=manifest,
            rows=[
                (parcel, sum(row.quantity for row in parcel.lines.all()), told[parcel.order_id])
                for parcel in parcels
            ],
            units=sum(row.quantity for parcel in parcels for row in parcel.lines.all()),
        )


ROUTES = [
    ("orders/manifest/", ManifestList, "orders_manifest_changelist"),
    ("orders/manifest/add/", NewManifest, "orders_manifest_add"),
    ("orders/manifest/<int:pk>/", ManifestPage, "orders_manifest_change"),
]
