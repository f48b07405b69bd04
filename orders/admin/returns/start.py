"""Request a return: of an order, or of goods of which nobody knows the order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.models import Connection
from oms.kit.admin.pages import Page, add, form_token, is_repeated
from oms.kit.authors.actors import person
from oms.kit.numbers import whole_number
from orders.admin.order_page.page import order_crumbs
from orders.admin.returns.page import DECIDE
from orders.choices import ReturnOrigin, ReturnReason
from orders.domain.returned_units import reason_against, returnable
from orders.errors import OrderError
from orders.models import Order, Return
from orders.services.returns.requests import approve, request_return, request_without_order
from orders.unit_of_work.returns import expected_units
from orders.unit_of_work.unit_of_work import UnitOfWork

#: Lines of the form without an order.
ROWS = 5


class StartReturn(Page):
    """The base of both forms: reason, note, tracking number; approved at once where that is ticked."""

    permission = DECIDE

    def post(self, request: HttpRequest, **places: int) -> HttpResponse:
        try:
            with transaction.atomic():
                if is_repeated(request):
                    raise OrderError(gettext("This return was already requested. Nothing was changed again."))
                made = self.request_it(request, **places)
                if request.POST.get("approved"):
                    approve(return_id=made.pk, by=person(request.user))
        except OrderError as error:
            messages.error(request, str(error))
            return self.show(request, request.POST, **places)
        messages.success(request, gettext("Return %s requested.") % made.number)
        return HttpResponseRedirect(reverse("admin:orders_return_change", args=[made.pk]))

    def get(self, request: HttpRequest, **places: int) -> HttpResponse:
        return self.show(request, QueryDict(), **places)

    def request_it(self, request: HttpRequest, **places: int) -> Return:
        """Call the service with what was entered."""
        raise NotImplementedError

    def show(self, request: HttpRequest, typed: QueryDict, **places: int) -> HttpResponse:
        """Answer with the form and what was typed."""
        raise NotImplementedError

    @staticmethod
    def fields(typed: QueryDict) -> dict[str, Any]:
        """Return the context that both templates share."""
        return {
            "reasons": ReturnReason.choices,
            "reason": typed.get("reason", ""),
            "note": typed.get("note", ""),
            "tracking_number": typed.get("tracking_number", ""),
            "approved": bool(typed.get("approved")) or not typed,
            "form_token": form_token(),
        }


class ReturnOfOrder(StartReturn):
    """Request the return of units of one order."""

    template_name = "orders/return_start.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        yield from order_crumbs()
        yield f"#{self.order.number}", reverse("admin:orders_order_change", args=[self.order.pk])

    def show(self, request: HttpRequest, typed: QueryDict, **places: int) -> HttpResponse:
        self.order = get_object_or_404(Order.objects.select_related("connection"), pk=places["pk"])
        self.title = gettext("Start a return of %s") % self.order
        (order_state,) = UnitOfWork.load([self.order.pk], lock=False).order_states
        expected = expected_units([self.order.pk])
        rows = [
            (line, returnable(line, expected))
            for line in order_state.lines
            if line.shipped and not order_state.components_of(line)
        ]
        origin = (
            ReturnOrigin.LATE_CANCEL if request.GET.get("origin") == "late_cancel" else ReturnOrigin.STAFF
        )
        context = self.fields(typed)
        if origin == ReturnOrigin.LATE_CANCEL and not typed:
            context["reason"] = ReturnReason.CANCELLED
        off = reason_against(order_state)
        if not off and not any(most for _line, most in rows):
            off = gettext("All units of this order are back or in an open return.")
        return self.render(
            order=self.order,
            off=off,
            rows=[
                (line, most, typed.get(f"units-{line.pk}", str(most) if origin == "late_cancel" else ""))
                for line, most in rows
            ],
            **context,
        )

    def request_it(self, request: HttpRequest, **places: int) -> Return:
        order = get_object_or_404(Order, pk=places["pk"])
        post = request.POST
        origin = (
            ReturnOrigin.LATE_CANCEL if request.GET.get("origin") == "late_cancel" else ReturnOrigin.STAFF
        )
        return request_return(
            order_id=order.pk,
            units={
                pk: _units(post.get(f"units-{pk}", "")) for pk in order.lines.values_list("pk", flat=True)
            },
            reason=post.get("reason", ""),
            note=post.get("note", "")[:2000].replace("\x00", ""),
            origin=origin,
            tracking_number=post.get("tracking_number", "").replace("\x00", ""),
            by=person(request.user),
        )


class ReturnWithoutOrder(StartReturn):
    """Request a return of goods of which nobody knows the order: by SKU."""

    title = _("Return without an order")
    template_name = "orders/return_without_order.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Returns"), reverse("admin:orders_return_changelist"))]

    def show(self, request: HttpRequest, typed: QueryDict, **places: int) -> HttpResponse:
        return self.render(
            rows=[
                (number, typed.get(f"sku-{number}", ""), typed.get(f"units-{number}", ""))
                for number in range(1, ROWS + 1)
            ],
            stores=list(Connection.objects.filter(kind="store").order_by("name").only("pk", "name")),
            store=typed.get("store", ""),
            **self.fields(typed),
        )

    def request_it(self, request: HttpRequest, **places: int) -> Return:
        post = request.POST
        store = whole_number(post.get("store", ""))
        return request_without_order(
            lines=[
                (sku, _units(post.get(f"units-{number}", "") or "1"))
                for number in range(1, ROWS + 1)
                if (sku := post.get(f"sku-{number}", "").replace("\x00", "").strip())
            ],
            store=Connection.objects.filter(kind="store", pk=store).first() if store else None,
            reason=post.get("reason", ""),
            note=post.get("note", "")[:2000].replace("\x00", ""),
            tracking_number=post.get("tracking_number", "").replace("\x00", ""),
            by=person(request.user),
        )


def _units(text: str) -> int:
    """Return a number of units, 0 for nothing; raises `OrderError` for anything else."""
    number = whole_number(text.strip()) if text.strip() else 0
    if number is None:
        raise OrderError(gettext("“%s” is not a number of units.") % text.strip()[:20])
    return number


add(("orders/order/<key:pk>/return/", ReturnOfOrder, "order_return"))
