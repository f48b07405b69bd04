"""Pick waves: start one, pick it bin by bin into its totes, say what was not found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from inventory.models import Warehouse
from oms.kit.admin.pages import Page, add
from oms.kit.authors.actors import person
from oms.kit.numbers import whole_number
from orders.admin.documents.print_jobs import start_print
from orders.admin.order_page.page import order_crumbs
from orders.choices import DocumentKind
from orders.domain.moves import SHIP
from orders.errors import OrderError
from orders.models import PickWave
from orders.services.station import waves

#: Waves that the list shows, the newest first.
SHOWN = 30
#: Totes of a wave, where nothing else was typed.
TOTES = 12


def station_crumbs() -> list[tuple[Any, str]]:
    """Return the breadcrumbs down to the ship station."""
    return [*order_crumbs(), (_("Ship station"), reverse("admin:ship_station"))]


class Waves(Page):
    """The newest waves, and the form that starts one."""

    title = _("Pick waves")
    permission: ClassVar[str] = SHIP
    template_name = "orders/waves.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return station_crumbs()

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show()

    def post(self, request: HttpRequest) -> HttpResponse:
        warehouse = whole_number(request.POST.get("warehouse", ""))
        totes = whole_number(request.POST.get("totes", ""))
        zone = request.POST.get("zone", "").replace("\x00", "")
        try:
            wave = waves.make_wave(
                warehouse_id=warehouse or 0, zone=zone, totes=totes or 0, by=person(request.user)
            )
        except OrderError as error:
            messages.error(request, str(error))
            return self._show(zone=zone, totes=request.POST.get("totes", "")[:4], chosen=warehouse)
        return HttpResponseRedirect(reverse("admin:pick_wave", args=[wave.pk]))

    def _show(self, *, zone: str = "", totes: str = str(TOTES), chosen: int | None = None) -> HttpResponse:
        rows = list(PickWave.objects.select_related("warehouse", "author").order_by("-pk")[:SHOWN])
        progress = waves.progress_of(rows)
        places = Warehouse.objects.filter(is_active=True).order_by("name")
        return self.render(
            waves=[(row, *progress.get(row.pk, (0, 0))) for row in rows],
            places=[(place, waves.waiting_for_wave(place.pk).order_by().count()) for place in places],
            zone=zone,
            totes=totes,
            chosen=chosen,
        )


class Wave(Page):
    """One wave: what is picked, in the sequence of the bins, and into which tote."""

    permission: ClassVar[str] = SHIP
    template_name = "orders/wave.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [*station_crumbs(), (_("Pick waves"), reverse("admin:pick_waves"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        wave = get_object_or_404(PickWave.objects.select_related("warehouse", "author"), pk=pk)
        self.title = gettext("Pick wave %s") % wave
        return self.render(wave=wave, rows=waves.pick_rows(wave), totes=waves.open_totes(wave))


class WaveAct(Page):
    """What the page of a wave posts: print its pick list, a short pick, end it."""

    permission: ClassVar[str] = SHIP

    def get(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:pick_wave", args=[pk]))

    def post(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        wave = get_object_or_404(PickWave, pk=pk)
        back = reverse("admin:pick_wave", args=[wave.pk])
        if what == "end":
            count = waves.end_wave(wave.pk)
            text = ngettext(
                "%d order can be picked in another wave.", "%d orders can be picked in another wave.", count
            )
            messages.success(request, text % count)
            return HttpResponseRedirect(reverse("admin:pick_waves"))
        if what == "print":
            ids = [tote.shipment_id for tote in waves.open_totes(wave)]
            if not ids:
                messages.error(
                    request, gettext("Everything in this wave is packed: nothing is left to pick.")
                )
                return HttpResponseRedirect(back)
            return HttpResponseRedirect(start_print(request, DocumentKind.PICK_LIST, shipments=ids))
        if what == "short":
            return self._short(request, back)
        raise Http404(gettext("This action was not found."))

    @staticmethod
    def _short(request: HttpRequest, back: str) -> HttpResponse:
        try:
            text = waves.short_pick(
                order_id=whole_number(request.POST.get("order", "")) or 0,
                line_id=whole_number(request.POST.get("line", "")) or 0,
                units=whole_number(request.POST.get("units", "")) or 0,
                reason=request.POST.get("reason", "").replace("\x00", "")[:150],
                by=person(request.user),
            )
            messages.success(request, text)
        except OrderError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(back)


add(
    ("orders/waves/", Waves, "pick_waves"),
    ("orders/waves/<key:pk>/", Wave, "pick_wave"),
    ("orders/waves/<key:pk>/do/<slug:what>/", WaveAct, "pick_wave_act"),
)
