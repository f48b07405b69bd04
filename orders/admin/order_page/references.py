"""The address that leads from a row of the stock history to its order."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse

from oms.kit.admin.pages import Page, add
from orders.models import Order


class ReferencePage(Page):
    """Redirect to the order of a shipment (`kind` “shipment”) or of an order line."""

    permission = "orders.view_order"

    def get(self, request: HttpRequest, kind: str, pk: int) -> HttpResponse:
        lookup = {"shipments": pk} if kind == "shipment" else {"lines": pk}
        order = get_object_or_404(Order.objects.only("pk"), **lookup)
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[order.pk]))


add(("orders/of/<slug:kind>/<key:pk>/", ReferencePage, "order_of"))
