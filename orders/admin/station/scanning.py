"""Pack by scanning (R-PLUS-18): scan an order, scan its items, the last one packs it. For a keyboard or a scanner alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.pages import Page, add
from oms.kit.numbers import whole_number
from orders.admin.order_page.page import order_crumbs
from orders.admin.order_rows import lines_of
from orders.admin.station.rows import may_release
from orders.domain.moves import SHIP
from orders.errors import OrderError
from orders.models import Order, PackingSession
from orders.services.station import scan as scanning
from orders.services.station.worklist import to_work

NEXT = 5  # orders that the first page suggests


def first_page() -> HttpResponseRedirect:
    """Return to the page on which an order is scanned."""
    return HttpResponseRedirect(reverse("admin:pack_scan"))


class PackScan(Page):
    """Scan the number of an order, or take the next one."""

    title = _("Pack by scanning")
    permission: ClassVar[str] = SHIP
    template_name = "orders/pack_scan.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [*order_crumbs(), (_("Ship station"), reverse("admin:ship_station"))]

    def get(self, request: HttpRequest) -> HttpResponse:
        code = request.GET.get("code", "").replace("\x00", "").strip()
        found = scanning.find_orders(code) if code else []
        if len(found) == 1:
            return HttpResponseRedirect(reverse("admin:pack_order", args=[found[0].pk]))
        unpacked = to_work(may_release=may_release(request)).exclude(status="packed")
        return self.render(
            found=found,
            code=code,
            next_orders=unpacked.select_related("connection", "packing_session__author")[:NEXT],
        )


class PackOrder(Page):
    """The order that is packed: its lines, large, and one field to scan into."""

    permission: ClassVar[str] = SHIP
    template_name = "orders/pack_order.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [*order_crumbs(), (_("Pack by scanning"), reverse("admin:pack_scan"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._begin(request, get_object_or_404(Order.objects.select_related("connection"), pk=pk))

    def _begin(self, request: HttpRequest, order: Order, *, wrong: str = "", grams: str = "") -> HttpResponse:
        """Show the order as far as it is scanned. It is begun by a form, which its page sends at once."""
        self.title = gettext("Pack %s") % order
        session = PackingSession.objects.select_related("author").filter(order=order).first()
        mine = session if session is not None and session.author_id == request.user.pk else None
        items = scanning.items_of(order.pk, mine.scanned if mine else {})
        is_complete = bool(mine and items) and all(item.is_complete for item in items)
        thumbs = {line.pk: line.thumb for line in lines_of([order.pk])}  # type: ignore[attr-defined]
        return self.render(
            order=order,
            session=mine,
            other=session if session is not None and mine is None else None,
            items=[(item, thumbs.get(item.line.pk, "")) for item in items],
            total=sum(item.needed for item in items),
            scanned=sum(item.scanned for item in items),
            expected=scanning.expected_weight(order.pk, items) if is_complete else 0,
            tolerance=scanning.tolerance_of(order.pk) if is_complete else None,
            wrong=wrong,
            grams=grams,
        )


class PackAct(PackOrder):
    """What the page of an order that is packed posts: begin, a scan, its weight, start again, leave."""

    def get(self, request: HttpRequest, pk: int, what: str = "") -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:pack_order", args=[pk]))

    def post(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        order = get_object_or_404(Order, pk=pk)
        if what in ("begin", "take-over"):
            return self._start(request, order, take_over=what == "take-over")
        if what == "scan":
            return self._scan(request, order)
        if what == "weigh":
            return self._weigh(request, order)
        if what == "restart":
            scanning.restart(order.pk, user=request.user)
            return HttpResponseRedirect(reverse("admin:pack_order", args=[pk]))
        if what == "leave":
            scanning.leave(order.pk, user=request.user)
            return first_page()
        raise Http404(gettext("This action was not found."))

    def _start(self, request: HttpRequest, order: Order, *, take_over: bool) -> HttpResponse:
        try:
            scanning.begin(order.pk, user=request.user, may_release=may_release(request), take_over=take_over)
        except scanning.TakenError as error:
            messages.warning(request, str(error))
        except OrderError as error:
            messages.error(request, f"{order}: {error}")
            return first_page()
        return HttpResponseRedirect(reverse("admin:pack_order", args=[order.pk]))

    def _weigh(self, request: HttpRequest, order: Order) -> HttpResponse:
        typed = request.POST.get("grams", "")[:12]
        grams = whole_number(typed)
        if grams is None:
            return self._begin(request, order, wrong=gettext("Enter the weight in whole grams."), grams=typed)
        reason = request.POST.get("reason", "").replace("\x00", "")[:200]
        answer = scanning.weigh(order.pk, grams, reason=reason, user=request.user)
        if answer.kind == "packed":
            messages.success(request, answer.text)
            return first_page()
        return self._begin(request, order, wrong=answer.text, grams=str(grams))

    def _scan(self, request: HttpRequest, order: Order) -> HttpResponse:
        code = request.POST.get("code", "").replace("\x00", "")[:255]
        answer = scanning.scan(order.pk, code, user=request.user)
        is_packed = answer.kind == "packed"
        if request.headers.get("Accept") == "application/json" and not is_packed:
            found: dict[str, Any] = {
                "kind": answer.kind,
                "text": answer.text,
                "scanned": {str(item.line.pk): item.scanned for item in answer.items},
            }
            if answer.kind == "weigh":
                found["next"] = reverse("admin:pack_order", args=[order.pk])
            return JsonResponse(found)
        if is_packed:
            messages.success(request, answer.text)
            if request.headers.get("Accept") == "application/json":
                return JsonResponse(
                    {"kind": "packed", "text": answer.text, "next": reverse("admin:pack_scan")}
                )
            return first_page()
        level = messages.INFO if answer.kind in ("ok", "weigh") else messages.ERROR
        messages.add_message(request, level, answer.text)
        return HttpResponseRedirect(reverse("admin:pack_order", args=[order.pk]))


add(
    ("orders/pack/", PackScan, "pack_scan"),
    ("orders/pack/<key:pk>/", PackOrder, "pack_order"),
    ("orders/pack/<key:pk>/do/<slug:what>/", PackAct, "pack_act"),
)
