"""The page of one product: details, SKUs with their stock, its listings and prices in each store, panels of other apps."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import strip_tags
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue import callbacks
from catalogue.admin.product_actions import CHANGE, VIEW
from catalogue.admin.product_forms import DetailsForm
from catalogue.admin.store.columns import DELETE, LISTING, LISTING_COLOURS, columns_of
from catalogue.errors import CatalogueError
from catalogue.models import Product
from catalogue.pictures import copies
from catalogue.pricing import typed_amount
from catalogue.services import products
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page
from oms.kit.admin.panels import panels_of

AMOUNTS = ("price", "selling_price", "cost")
#: Tags after which the text of a description goes on in a new line.
LINE_ENDS = re.compile(r"<br\s*/?>|</(?:p|li|div|h[1-6]|tr)>", re.IGNORECASE)


def plain_text(description: str) -> str:
    """Return a description without its HTML tags; paragraphs and list items are lines."""
    text = html.unescape(strip_tags(LINE_ENDS.sub("\n", description)))
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def typed(row: Any) -> dict[str, str]:
    """Return the amounts of a SKU as a person types them."""
    return {name: typed_amount(getattr(row, name, None)) for name in AMOUNTS}


class ProductPage(Page):
    """Details, SKUs and stores of one product, with the panels of other apps."""

    permission = VIEW
    write_permission = (CHANGE, LISTING)
    template_name = "catalogue/product.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Products"), reverse("admin:catalogue_product_changelist"))]

    def get(self, request: HttpRequest, pk: int, form: DetailsForm | None = None) -> HttpResponse:
        product = get_object_or_404(Product.objects.select_related("brand"), pk=pk)
        self.title = product.title
        variants = list(product.variants.current().order_by("position", "id"))
        stock = callbacks.stock_of([variant.pk for variant in variants])
        images = list(product.images.order_by("position", "id"))
        own = {image.variant_id: image.url for image in reversed(images) if image.variant_id}
        common = [image.url for image in images if image.variant_id is None]
        shown = common or [image.url for image in images][:1]
        form = form or DetailsForm(
            initial={
                "title": product.title,
                "description": product.description,
                "brand": product.brand.name if product.brand else "",
                "warranty": product.warranty,
                "images": "\n".join(common),
            }
        )
        columns = columns_of(product)
        for row in [*variants, *(row for column in columns for row in column.rows.values())]:
            row.typed = typed(row)  # type: ignore[attr-defined]
        user = request.user
        may_edit = user.has_perm(CHANGE)
        if not may_edit:
            for field in form.fields.values():
                field.disabled = True
        return self.render(
            product=product,
            form=dress(form),
            description=plain_text(product.description),
            images=shown,
            reasons=copies.reasons(shown) if shown else {},
            variants=[
                (one, own.get(one.pk, common[0] if common else ""), stock.get(one.pk)) for one in variants
            ],
            columns=columns,
            matrix=[(one, [(column, column.rows.get(one.pk)) for column in columns]) for one in variants],
            panels=panels_of(request, product),
            colours=LISTING_COLOURS,
            may_edit=may_edit,
            archive_off=next(
                (
                    gettext("The product is listed on %s. Delete that listing first.") % column.store.name
                    for column in columns
                    if column.is_listed and not product.is_archived
                ),
                "",
            ),
            allowed={name: user.has_perm(name) for name in (LISTING, DELETE)},
            no_role=gettext("Your role does not allow this."),
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Save the details that all variants have in common."""
        product = get_object_or_404(Product, pk=pk)
        form = DetailsForm(request.POST)
        if not request.user.has_perm(CHANGE):
            messages.error(request, gettext("Your role does not allow this."))
            return HttpResponseRedirect(request.path)
        if form.is_valid():
            data = form.cleaned_data
            try:
                products.edit_product(product, {**data, "images": data["images"].splitlines()})
            except CatalogueError as error:
                form.add_error(None, str(error))
            else:
                messages.success(
                    request,
                    gettext(
                        "Saved. The change is sent to the stores that list this product, where the channel allows it."
                    ),
                )
                return HttpResponseRedirect(request.path)
        return self.get(request, pk, form)
