"""The page that explains the price of a SKU in a store (R-PLUS-08)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.errors import CatalogueError
from catalogue.models import ListingVariant
from catalogue.pricing import Step, explain_price
from catalogue.services.details.store_differences import price_difference
from catalogue.services.selling_prices import sale_days
from oms.kit.admin.pages import Page, add


class ExplainPrice(Page):
    """Show how the price comes about that a store is to show, and what it shows."""

    permission = "catalogue.view_product"
    template_name = "catalogue/explain_price.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Products"), reverse("admin:catalogue_product_changelist"))]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = ListingVariant.objects.select_related("connection", "variant__product", "listing")
        row = get_object_or_404(rows, pk=pk)
        self.title = gettext("Price of %(sku)s in %(store)s") % {
            "sku": row.external_sku,
            "store": row.connection.name,
        }
        steps: list[Step] = []
        problem = ""
        try:
            steps = explain_price(row)
        except CatalogueError as error:
            problem = str(error)
        return self.render(
            row=row,
            steps=steps,
            problem=problem,
            days=sale_days(row),
            difference=price_difference(row),
        )


add(("catalogue/price/<key:pk>/", ExplainPrice, "explain_price"))
