"""The ship station (R-PLUS-18): orders by the time they must be shipped, a field for each tracking number, one button."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.pages import Page, add
from oms.kit.authors.actors import person
from oms.kit.numbers import whole_number
from orders.admin.order_page.page import order_crumbs
from orders.admin.station.rows import (
    FILTERS,
    SHOWN,
    Row,
    may_release,
    rows_of,
    station,
    stores_and_carriers,
    wanted_of,
)
from orders.domain.moves import SHIP
from orders.models import Order
from orders.services.apply_moves import MoveOutcome
from orders.services.station.ship import Parcel, ship


class ShipStation(Page):
    """Enter tracking numbers and mark orders ready to ship, with the keyboard or a scanner alone."""

    title = _("Ship station")
    permission: ClassVar[str] = SHIP
    template_name = "orders/station.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return order_crumbs()

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(request.GET)

    def post(self, request: HttpRequest) -> HttpResponse:
        picked = [pk for text in request.POST.getlist("pick") if (pk := whole_number(text)) is not None]
        orders = Order.objects.select_related("carrier").filter(pk__in=picked[: 2 * SHOWN])
        rows = rows_of(list(orders.order_by("ship_by_at", "pk")))
        for row in rows:
            row.number = self._typed(request, row.order.pk, row.number)
        self._warn_about_the_others(request, picked)
        if not rows:
            messages.error(
                request, gettext("No order is selected. Enter a tracking number, or tick an order.")
            )
            return self._show(request.POST, typed=request)
        lacking = [row for row in rows if row.lacks_number]
        do = request.POST.get("do", "")
        if lacking and do not in ("all", "numbered"):
            return self._show(request.POST, typed=request, lacking=lacking, chosen=len(rows))
        if do == "numbered":
            rows = [row for row in rows if not row.lacks_number]
        carrier = whole_number(request.POST.get("other_carrier", ""))
        parcels = {row.order.pk: Parcel(row.number, carrier if row.carrier is None else None) for row in rows}
        outcomes = ship(parcels, by=person(request.user), may_release=may_release(request))
        return self._report(request, outcomes)

    def _report(self, request: HttpRequest, outcomes: Sequence[MoveOutcome]) -> HttpResponse:
        refused = {outcome.order_id: str(outcome.message) for outcome in outcomes if not outcome.ok}
        done = len(outcomes) - len(refused)
        if done:
            text = ngettext("%d order is ready to ship.", "%d orders are ready to ship.", done) % done
            messages.success(request, text)
        if not refused:
            query = {name: request.POST[name] for name in FILTERS if request.POST.get(name)}
            return HttpResponseRedirect(
                reverse("admin:ship_station") + (f"?{urlencode(query)}" if query else "")
            )
        for outcome in outcomes:
            if not outcome.ok:
                messages.error(request, f"#{outcome.number or outcome.order_id}: {outcome.message}")
        return self._show(request.POST, typed=request, errors=refused)

    def _warn_about_the_others(self, request: HttpRequest, picked: Sequence[int]) -> None:
        """Say that a number was typed for an order that is not ticked: it is not moved."""
        typed = {
            pk
            for name in request.POST
            if name.startswith("number-") and request.POST[name].strip()
            if (pk := whole_number(name.removeprefix("number-"))) is not None and pk not in picked
        }
        if not typed:
            return
        known = set(
            Order.objects.filter(pk__in=typed, shipments__tracking_number__gt="").values_list("pk", flat=True)
        )
        if numbers := list(Order.objects.filter(pk__in=typed - known).values_list("number", flat=True)):
            text = gettext("A number was typed, but the order is not ticked: %s. It was not changed.")
            messages.warning(request, text % ", ".join(f"#{number}" for number in numbers[:10]))

    @staticmethod
    def _typed(request: HttpRequest, pk: int, stored: str) -> str:
        return request.POST.get(f"number-{pk}", stored).replace("\x00", "").strip()

    def _show(
        self,
        values: Mapping[str, Any],
        *,
        typed: HttpRequest | None = None,
        lacking: Sequence[Row] = (),
        chosen: int = 0,
        errors: Mapping[int, str] | None = None,
    ) -> HttpResponse:
        wanted = wanted_of(values)
        rows, count, late = station(wanted, self.request)
        if typed is not None:
            picked = set(typed.POST.getlist("pick"))
            for row in rows:
                row.number = self._typed(typed, row.order.pk, row.number)
                row.is_picked = str(row.order.pk) in picked
                row.error = (errors or {}).get(row.order.pk, "")
        stores, carriers = stores_and_carriers()
        return self.render(
            rows=rows,
            count=count,
            late=late,
            without=sum(row.lacks_number for row in rows),
            lacking=lacking,
            chosen=chosen,
            wanted=wanted,
            is_narrowed=wanted != wanted_of({}),
            stores=stores,
            carriers=carriers,
            at_most=SHOWN,
            needs_carrier=any(row.carrier is None for row in rows),
        )


add(("orders/station/", ShipStation, "ship_station"))
