"""Customers: find a buyer, see the orders and notes of one buyer, block and unblock."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from oms.kit.admin.pages import Page, add
from oms.kit.authors.actors import person
from orders.admin.order_page.page import NO_ROLE, VIEW, address_lines, order_crumbs
from orders.domain.moves import WORK
from orders.errors import OrderError
from orders.models import Note, Order
from orders.services.buyers import blocking, lookup

SHOWN = 30
NOTES = 20


class Customers(Page):
    """Find a buyer by name, e-mail address, phone number or postcode."""

    title = _("Customers")
    permission: ClassVar[str] = VIEW
    template_name = "orders/customers.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return order_crumbs()

    def get(self, request: HttpRequest) -> HttpResponse:
        text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
        return self.render(
            searched=text,
            buyers=lookup.find_buyers(text, SHOWN),
            is_short=bool(text) and len(text) < lookup.FEWEST,
            looked_through=lookup.LOOKED_THROUGH,
        )


class Customer(Page):
    """One buyer, named by any of the buyer's orders."""

    permission: ClassVar[str] = VIEW
    write_permission: ClassVar[str] = WORK
    template_name = "orders/customer.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [*order_crumbs(), (_("Customers"), reverse("admin:customers"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        order = get_object_or_404(Order.objects.select_related("connection"), pk=pk)
        orders = lookup.orders_of_buyer(order, lookup.LOOKED_THROUGH) or [order]
        newest = orders[0]
        self.title = newest.customer_name or newest.customer_email or str(order)
        totals: dict[str, Decimal] = {}
        for each in orders:
            if each.cancelled_at is None:
                totals[each.currency] = totals.get(each.currency, Decimal(0)) + each.total
        notes = Note.objects.filter(order__in=[each.pk for each in orders]).select_related("author", "order")
        return self.render(
            order=order,
            newest=newest,
            orders=orders,
            totals=sorted(totals.items()),
            is_cut=len(orders) >= lookup.LOOKED_THROUGH,
            notes=list(notes[:NOTES]),
            ship_to=address_lines(newest.ship_to),
            blocked=blocking.block_of(newest),
            can_block=bool(lookup.keys_of(newest)),
            block_off="" if self.may_write else NO_ROLE,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        order = get_object_or_404(Order, pk=pk)
        newest = next(iter(lookup.orders_of_buyer(order, 1)), order)
        by = person(request.user)
        try:
            if request.POST.get("do") == "unblock":
                blocking.unblock(newest, by=by)
                messages.success(request, gettext("New orders of this customer are accepted again."))
            else:
                blocking.block(newest, reason=request.POST.get("reason", ""), by=by)
                messages.success(request, gettext("Customer blocked. New orders are put on hold."))
        except OrderError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:customer", args=[pk]))


add(("orders/customers/", Customers, "customers"), ("orders/customers/<key:pk>/", Customer, "customer"))
