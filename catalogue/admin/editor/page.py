"""The page of one product: details, SKUs with their stock, its listings and prices in each store, panels of other apps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import linebreaks
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue import callbacks
from catalogue.admin.editor.actions import ACCEPT, CHANGE, GRID, VIEW
from catalogue.admin.editor.forms import DetailsForm
from catalogue.admin.editor.gallery import pictures_of, upload_hint
from catalogue.admin.editor.options import options_card
from catalogue.admin.store.columns import DELETE, LISTING, LISTING_COLOURS, columns_of
from catalogue.descriptions import Cleaned, clean, safe_html
from catalogue.errors import CatalogueError
from catalogue.models import Product, Variant
from catalogue.pricing import typed_amount
from catalogue.services import products
from catalogue.services import variants as variants_services
from catalogue.services.details import seen
from catalogue.services.listing.previews import StorePreview, preview
from catalogue.services.selling_prices import sale_days
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page
from oms.kit.admin.panels import panels_of

AMOUNTS = ("price", "selling_price", "cost")
#: A description without any tag is shown with its line ends.
TAG = re.compile(r"<[a-zA-Z!/]")


def shown_html(description: str) -> SafeString:
    """Return a description as it looks: its safe HTML, or a text with its line ends."""
    text = description if TAG.search(description) else linebreaks(description, autoescape=True)
    return SafeString(safe_html(text))


def grid_value(variant: Variant, name: str) -> str:
    """Return a cell of the table of SKUs as the page shows it."""
    if name in AMOUNTS:
        return typed_amount(getattr(variant, name))
    return variants_services.shown(variant, name)


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

    def get(
        self,
        request: HttpRequest,
        pk: int,
        form: DetailsForm | None = None,
        preview: Cleaned | None = None,
        previews: list[StorePreview] | None = None,
    ) -> HttpResponse:
        product = get_object_or_404(Product.objects.select_related("brand"), pk=pk)
        self.title = product.title
        variants = list(product.variants.current().order_by("position", "id"))
        stock = callbacks.stock_of([variant.pk for variant in variants])
        pictures = pictures_of(product)
        images = [one.row for one in pictures]
        own = {image.variant_id: image.url for image in reversed(images) if image.variant_id}
        common = [image.url for image in images if image.variant_id is None]
        if form is None:
            shown = {**seen.details_of(product), "seen": json.dumps(seen.marks_of(product))}
            form = DetailsForm(initial=shown)
        columns = columns_of(product)
        for row in [*variants, *(row for column in columns for row in column.rows.values())]:
            row.typed = typed(row)  # type: ignore[attr-defined]
        for column in columns:
            for row in column.rows.values():
                row.days = sale_days(row)  # type: ignore[attr-defined]
        for variant in variants:
            variant.size = variants_services.shown(variant, "dimensions")  # type: ignore[attr-defined]
        user = request.user
        may_edit = user.has_perm(CHANGE)
        if not may_edit:
            for field in form.fields.values():
                field.disabled = True
        return self.render(
            product=product,
            form=dress(form),
            preview=preview,
            previews=previews,
            previews_note=gettext("Nothing is saved or sent yet."),
            previewed=shown_html(preview.html) if preview else "",
            description=shown_html(product.description) if product.description else "",
            pictures=pictures,
            upload_hint=upload_hint(),
            grid_seen=json.dumps(
                {one.pk: {name: grid_value(one, name) for name in GRID} for one in variants}
            ),
            options=options_card(request, product) if may_edit else None,
            variants=[
                (one, own.get(one.pk, common[0] if common else ""), stock.get(one.pk)) for one in variants
            ],
            columns=columns,
            matrix=[(one, [(column, column.rows.get(one.pk)) for column in columns]) for one in variants],
            panels=panels_of(request, product),
            colours=LISTING_COLOURS,
            may_edit=may_edit,
            may_accept=user.has_perm(ACCEPT),
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
        if not form.is_valid():
            return self.get(request, pk, form)
        values = form.values()
        cleaned = clean(values["description"])
        if request.POST.get("preview") == "1":
            return self.get(request, pk, form, cleaned)
        try:
            if "preview" in request.POST:
                found = preview(product, lambda: products.edit_product(product, values, seen=form.marks()))
                return self.get(request, pk, form, previews=found)
            products.edit_product(product, values, seen=form.marks())
        except seen.ProductChanged as error:
            form = self._again(product, form)
            form.add_error(None, str(error))
        except CatalogueError as error:
            form.add_error(None, str(error))
        else:
            if cleaned.sentence and values["description"] != product.description:
                messages.warning(request, cleaned.sentence)
            messages.success(
                request,
                gettext(
                    "Saved. The change is sent to the stores that list this product, where the channel allows it."
                ),
            )
            return HttpResponseRedirect(request.path)
        return self.get(request, pk, form)

    @staticmethod
    def _again(product: Product, form: DetailsForm) -> DetailsForm:
        """Return the form with the typed texts and the marks of what is saved now.

        A field that the person left alone shows what is saved now, so that saving again does not change it back.
        """
        now = Product.objects.select_related("brand").get(pk=product.pk)
        mine = seen.edited(form.values(), form.marks())
        data = {**seen.details_of(now), **mine, "seen": json.dumps(seen.marks_of(now))}
        again = DetailsForm(data)
        again.is_valid()
        return again
