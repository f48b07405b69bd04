"""The page of one return: approve or refuse it, grade what came back, close it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inventory.models import Warehouse
from oms.kit.admin.pages import Page, form_token, is_repeated
from oms.kit.authors.actors import person
from oms.kit.authors.audit import history_of
from oms.kit.numbers import whole_number
from orders.choices import RETURN_COLOURS, ReturnState
from orders.errors import OrderError
from orders.models import Return, ReturnLine, Shipment
from orders.services.returns.receipt import Grade, close, receive
from orders.services.returns.requests import approve, refuse

VIEW = "orders.view_return"
DECIDE = "orders.decide_return"
RECEIVE = "orders.receive_return"
#: What the page posts, and the permission for each.
RIGHTS = {"approve": DECIDE, "refuse": DECIDE, "receive": RECEIVE, "close": RECEIVE}


class ReturnPage(Page):
    """One return. Each of its forms acts once, however often it is sent."""

    permission = VIEW
    write_permission = (DECIDE, RECEIVE)
    template_name = "orders/return.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Returns"), reverse("admin:orders_return_changelist"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        found = get_object_or_404(
            Return.objects.select_related("order__connection", "connection", "warehouse", "author"), pk=pk
        )
        self.title = gettext("Return %s") % found
        lines = list(found.lines.select_related("variant", "line").order_by("pk"))
        is_receivable = found.state in (ReturnState.APPROVED, ReturnState.RECEIVED)
        return self.render(
            found=found,
            order=found.order,
            lines=lines,
            colour=RETURN_COLOURS[found.state],
            value=sum((row.amount for row in lines), Decimal(0)),
            refunded=self._refunded(found),
            is_receivable=is_receivable,
            warehouses=list(Warehouse.objects.filter(is_active=True).order_by("name"))
            if is_receivable
            else [],
            warehouse_id=self._likely_warehouse(found) if is_receivable else None,
            may_decide=request.user.has_perm(DECIDE),
            may_receive=request.user.has_perm(RECEIVE),
            events=history_of(found),
            form_token=form_token(),
        )

    @staticmethod
    def _refunded(found: Return) -> Decimal | None:
        """Return what the channel has refunded since the return was requested; None when it does not say."""
        if found.refund_noted is not None or found.order is None or not found.is_open:
            return found.refund_noted
        if found.order.refunded_total is None:
            return None
        return max(found.order.refunded_total - (found.refunded_before or Decimal(0)), Decimal(0))

    @staticmethod
    def _likely_warehouse(found: Return) -> int | None:
        """Return the warehouse (id) of the earlier receipt, else the one that shipped the order."""
        if found.warehouse_id or found.order_id is None:
            return found.warehouse_id
        shipped = Shipment.objects.filter(order=found.order_id, warehouse__is_active=True).order_by("-pk")
        return shipped.values_list("warehouse", flat=True).first()

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        found = get_object_or_404(Return, pk=pk)
        what = request.POST.get("what", "")
        if what not in RIGHTS:
            raise Http404(gettext("This action was not found."))
        here = HttpResponseRedirect(reverse("admin:orders_return_change", args=[pk]))
        if not request.user.has_perm(RIGHTS[what]):
            messages.error(request, gettext("Your role does not allow this."))
            return here
        try:
            with transaction.atomic():
                if is_repeated(request):
                    raise OrderError(gettext("This was already saved. Nothing was changed again."))
                text = getattr(self, f"_{what}")(request, found)
        except OrderError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, text)
        return here

    @staticmethod
    def _approve(request: HttpRequest, found: Return) -> str:
        approve(return_id=found.pk, by=person(request.user))
        return gettext("Return approved. Receive the goods when they arrive.")

    @staticmethod
    def _refuse(request: HttpRequest, found: Return) -> str:
        refuse(return_id=found.pk, reason=request.POST.get("reason", ""), by=person(request.user))
        return gettext("Return refused.")

    @staticmethod
    def _close(request: HttpRequest, found: Return) -> str:
        close(return_id=found.pk, by=person(request.user))
        return gettext("Return closed.")

    @staticmethod
    def _receive(request: HttpRequest, found: Return) -> str:
        place = whole_number(request.POST.get("warehouse", "")) or 0
        warehouse = Warehouse.objects.filter(pk=place, is_active=True).first()
        if warehouse is None:
            raise OrderError(gettext("Choose the warehouse that received the goods."))
        made = receive(
            return_id=found.pk,
            grades={row.pk: _grade(request, row) for row in found.lines.all()},
            warehouse=warehouse,
            by=person(request.user),
        )
        if made.state == ReturnState.CLOSED:
            return gettext("Goods received. The return is closed.")
        return gettext("Goods received. More units are expected.")


def _grade(request: HttpRequest, row: ReturnLine) -> Grade:
    """Return the grade of a line from its four fields. Raises `OrderError` for what is no number of units."""

    def units(name: str) -> int:
        text = request.POST.get(f"{name}-{row.pk}", "").strip()
        number = whole_number(text) if text else 0
        if number is None:
            raise OrderError(gettext("“%s” is not a number of units.") % text[:20])
        return number

    return Grade(units("usable"), units("unusable"), units("written_off"), units("missing"))
