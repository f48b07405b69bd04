"""What the page “New order” asks while somebody types: buyers, their earlier orders, SKUs, and the totals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from catalogue.models import Variant, sku_key
from catalogue.pricing import store_prices, typed_amount
from channels.models import Connection
from inventory.stock_figures import available_in_store
from oms.kit.admin.pages import Page
from oms.kit.numbers import whole_number
from oms.kit.search.query import matching
from orders.admin.new_order import fields
from orders.admin.order_page.page import ENTER
from orders.models import Order
from orders.services import manual_orders
from orders.services.buyers import lookup

SHOWN = 8


@dataclass(frozen=True, slots=True)
class FoundSku:
    """One SKU of the list under the field: `available` None where its stock is not tracked."""

    sku: str
    title: str
    barcode: str
    price: str
    available: int | None


def store_of(request: HttpRequest) -> Connection:
    """Return the store of a request; raises `Http404` for one in which no orders are entered."""
    values = request.POST if request.method == "POST" else request.GET
    pk = whole_number(values.get("store", "")) or 0
    store = get_object_or_404(Connection, pk=pk)
    if reason := manual_orders.why_no_orders(store):
        raise Http404(reason)
    return store


def find_skus(text: str, store: Connection) -> list[FoundSku]:
    """Return up to eight SKUs: the one with this SKU or barcode first, then those that begin with it, then the others."""
    key = sku_key(text)
    if not key:
        return []
    sold = Variant.objects.filter(product__is_archived=False).select_related("product")
    found = {row.pk: row for row in sold.filter(Q(sku_key=key) | Q(barcode=text.strip()))[:SHOWN]}
    for rows in (
        sold.filter(sku_key__startswith=key).order_by("sku_key"),
        matching(sold.order_by("sku_key"), text),
    ):
        if len(found) < SHOWN:
            found |= {row.pk: row for row in rows[:SHOWN] if row.pk not in found}
    listed = list(found.values())[:SHOWN]
    prices = store_prices(store, [row.pk for row in listed])
    units = available_in_store(store, [row.pk for row in listed])
    return [
        FoundSku(
            row.sku,
            " · ".join([row.product.title, *map(str, (row.options or {}).values())]),
            row.barcode,
            typed_amount(prices.get(row.pk)),
            units[row.pk] if row.is_counted else None,
        )
        for row in listed
    ]


class Lookup(Page):
    """A part of the page. It changes nothing."""

    permission: ClassVar[str] = ENTER

    def part(self, template: str, **context: object) -> HttpResponse:
        """Answer with a template alone, without the frame of the page."""
        return TemplateResponse(self.request, f"orders/parts/{template}.html", context)


class FindBuyers(Lookup):
    """The buyers that are found, as options of the list under the field."""

    def get(self, request: HttpRequest) -> HttpResponse:
        text = request.GET.get("q", "").replace("\x00", "")[:200]
        buyers = lookup.find_buyers(text) if request.user.has_perm("orders.view_order") else []
        return self.part("new_order_buyers", buyers=buyers, searched=text)


class BuyerHistory(Lookup):
    """The newest orders of the buyer of one order."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        order = get_object_or_404(Order, pk=pk)
        if not request.user.has_perm("orders.view_order"):
            raise Http404(gettext("This order was not found."))
        return self.part(
            "new_order_history",
            orders=lookup.orders_of_buyer(order),
            store=whole_number(request.GET.get("store", "")) or "",
        )


class FindSkus(Lookup):
    """The SKUs that are found, as options of the list under the field."""

    def get(self, request: HttpRequest) -> HttpResponse:
        text = request.GET.get("q", "").replace("\x00", "")[:200]
        store = store_of(request)
        found = find_skus(text, store)
        return self.part("new_order_skus", skus=found, searched=text, currency=store.currency)


class Totals(Lookup):
    """The totals of the form as it is now."""

    def get(self, request: HttpRequest) -> HttpResponse:
        raise Http404(gettext("Send the form."))

    def post(self, request: HttpRequest) -> HttpResponse:
        store = store_of(request)
        form = fields.typed(request.POST)
        order, unreadable = fields.order_of(form, reference="")
        prepared = manual_orders.prepare([order], store)[0]
        amounts: list[Decimal] = [line.net for line in prepared.totals.lines] if prepared.totals else []
        wrong = {**prepared.errors, **unreadable}
        return self.part(
            "new_order_totals",
            totals=prepared.totals,
            basis=prepared.basis,
            currency=store.currency,
            amounts=amounts,
            wrong=[
                text
                for name, text in wrong.items()
                if name.startswith(("lines.", "discount", "shipping", "tax"))
            ],
        )
