"""The page that explains how an offered quantity is calculated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.models import ListingVariant
from inventory.admin.stock_detail import VIEW
from inventory.offers.explain import explain
from oms.kit.admin.pages import Page, add


class ExplainPage(Page):
    """Show how the quantity is calculated that a store is offered of a SKU."""

    permission = VIEW
    template_name = "inventory/explain.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Stock"), reverse("admin:inventory_stockitem_changelist"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        listed = get_object_or_404(
            ListingVariant.objects.select_related("connection", "variant__product", "listing"), pk=pk
        )
        explanation = explain(listed)
        self.title = gettext("%(sku)s on %(store)s: %(units)d") % {
            "sku": listed.external_sku,
            "store": listed.connection.name,
            "units": explanation.offer.quantity,
        }
        return self.render(
            listed=listed,
            explanation=explanation,
            offer=explanation.offer,
            differs=listed.differs,
            steps=explanation.steps[1:],
        )


add(("inventory/explain/<key:pk>/", ExplainPage, "explain"))
