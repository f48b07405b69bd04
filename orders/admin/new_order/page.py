"""The page “New order” (R-OFF-01). `orders.services.manual_orders` checks and enters the order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels.contract.records.orders import PaymentState
from channels.models import Connection
from oms.kit.admin.pages import Page, form_token
from oms.kit.authors.actors import person
from oms.kit.numbers import whole_number
from orders.admin.new_order import fields
from orders.admin.new_order.lookups import BuyerHistory, FindBuyers, FindSkus, Totals
from orders.admin.order_page.page import ENTER, order_crumbs
from orders.choices import PaymentStatus
from orders.domain.manual.checks import PAYMENTS, Errors, has_wrong_line
from orders.models import Carrier, Order
from orders.services import manual_orders


class NewOrder(Page):
    """Enter an order: buyer, lines, discount, tax, shipping, payment, carrier, note."""

    title = _("New order")
    permission: ClassVar[str] = ENTER
    template_name = "orders/new_order.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return order_crumbs()

    def get(self, request: HttpRequest) -> HttpResponse:
        stores = manual_orders.stores_with_manual_orders()
        store = self._store(stores, request.GET.get("store", ""))
        if store is None:
            return self.render(stores=[], store=None)
        earlier = self._earlier(request)
        if earlier is not None:
            self.subtitle = gettext("Copy of #%s. The prices are those of today.") % earlier.number
            return self._show(stores, store, fields.copied(store, earlier))
        return self._show(stores, store, fields.fresh(store))

    def post(self, request: HttpRequest) -> HttpResponse:
        stores = manual_orders.stores_with_manual_orders()
        store = self._store(stores, request.POST.get("store", ""))
        if store is None:
            return self.render(stores=[], store=None)
        form = fields.typed(request.POST)
        token = request.POST.get("token", "")[:64] or form_token()
        order, errors = fields.order_of(
            form, reference=f"form-{token}", is_draft=request.POST.get("do") == "draft"
        )
        if errors:
            checked = manual_orders.prepare([order], store)[0].errors
            if has_wrong_line(errors):
                checked.pop("discount", None)  # it was compared with lines that could not be read
            errors = {**checked, **errors}
            return self._show(stores, store, form, errors, token)
        outcome = manual_orders.enter_order(order, connection=store, by=person(request.user))
        if outcome.order_id is None:
            return self._show(stores, store, form, dict(outcome.errors), token)
        words = {"number": outcome.number}
        if outcome.is_new:
            messages.success(request, gettext("Order #%(number)s entered.") % words)
        else:
            messages.info(
                request,
                gettext("This order was already entered as #%(number)s. Nothing was entered again.") % words,
            )
        if request.user.has_perm("orders.view_order"):
            return HttpResponseRedirect(reverse("admin:orders_order_change", args=[outcome.order_id]))
        return HttpResponseRedirect(reverse("admin:order_new"))

    @staticmethod
    def _store(stores: list[Connection], asked: str) -> Connection | None:
        pk = whole_number(asked)
        return next((store for store in stores if store.pk == pk), stores[0] if stores else None)

    @staticmethod
    def _earlier(request: HttpRequest) -> Order | None:
        pk = whole_number(request.GET.get("copy", ""))
        if pk is None or not request.user.has_perm("orders.view_order"):
            return None
        return Order.objects.filter(pk=pk).first()

    def _show(
        self,
        stores: list[Connection],
        store: Connection,
        form: fields.Typed,
        errors: Errors | None = None,
        token: str = "",
    ) -> HttpResponse:
        labels = dict(PaymentStatus.choices)
        return self.render(
            stores=stores,
            store=store,
            form=fields.with_errors(form, errors) if errors is not None else form,
            errors=errors or {},
            token=token or form_token(),
            payments=[(str(one), labels[str(one)]) for one in PAYMENTS],
            part_paid=str(PaymentState.PART_PAID),
            carriers=Carrier.objects.filter(is_active=True).order_by("name"),
            default_carrier=self._default_carrier(store),
        )

    @staticmethod
    def _default_carrier(store: Connection) -> Carrier | None:
        settings = getattr(store, "order_settings", None)
        return settings.default_carrier if settings else None


#: Address below the order list, page, name.
PAGES: tuple[tuple[str, type[Page], str], ...] = (
    ("new/", NewOrder, "order_new"),
    ("new/do/buyers/", FindBuyers, "order_new_buyers"),
    ("new/do/history/<key:pk>/", BuyerHistory, "order_new_history"),
    ("new/do/skus/", FindSkus, "order_new_skus"),
    ("new/do/totals/", Totals, "order_new_totals"),
)
