"""The forms of a product: a new one, and the details of one that exists."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.admin.brand_search import brand_field
from catalogue.errors import CatalogueError
from catalogue.services import products as products_services
from channels.models import Connection
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page

ADD = "catalogue.add_product"


class DetailsForm(forms.Form):
    """What all variants of a product have in common."""

    title = forms.CharField(label=_("Title"), max_length=300)
    description = forms.CharField(
        label=_("Description (HTML)"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 10, "data-rich": "1"}),
        help_text=_(
            "Paragraphs, headings, lists, tables, links, bold and italic are kept. Preview shows the result."
        ),
    )
    brand = brand_field()
    warranty = forms.CharField(label=_("Warranty"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    tags = forms.CharField(
        label=_("Tags"),
        required=False,
        max_length=2600,
        help_text=_("Separated by commas. Products are found by their tags; stores are not sent them."),
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def marks(self) -> dict[str, str]:
        """Return the marks of what the person saw; {} where the form has none."""
        try:
            found = json.loads(self.cleaned_data["seen"] or "{}")
        except ValueError:
            return {}
        return {key: str(mark) for key, mark in found.items()} if isinstance(found, dict) else {}

    def values(self) -> dict[str, Any]:
        """Return the details as typed; the brand by its name."""
        data = {name: value for name, value in self.cleaned_data.items() if name != "seen"}
        return {**data, "brand": str(data["brand"] or "")}


class ProductForm(forms.Form):
    """A new product. A group has one line for each variant: SKU, option values, price."""

    title = forms.CharField(label=_("Title"), max_length=300)
    sku = forms.CharField(
        label=_("SKU"), max_length=255, required=False, help_text=_("For a single product.")
    )
    price = forms.CharField(label=_("Price"), max_length=20, required=False)
    selling_price = forms.CharField(
        label=_("Selling price"),
        max_length=20,
        required=False,
        help_text=_("Must be lower than the price. Leave empty for no reduced price."),
    )
    currency = forms.CharField(label=_("Currency"), max_length=3, required=False)
    barcode = forms.CharField(label=_("Barcode"), max_length=64, required=False)
    brand = brand_field()
    warranty = forms.CharField(label=_("Warranty"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    description = forms.CharField(
        label=_("Description (HTML)"), required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    images = forms.CharField(
        label=_("Pictures"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One address (https://…) per line. The first is the main picture."),
    )
    options = forms.CharField(
        label=_("Options of a group"),
        max_length=200,
        required=False,
        help_text=_("For a group: Size, Colour. Leave empty for a single product."),
    )
    variants = forms.CharField(
        label=_("Variants of a group"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("One variant per line: SKU, option values, price. Example: TEE-M-RED, M, Red, 24.00"),
    )

    def new_variants(self) -> list[products_services.NewVariant]:
        """Return the SKUs as typed. Raise `CatalogueError` for a line whose values do not match the options."""
        data = self.cleaned_data
        options = [name.strip() for name in data["options"].split(",") if name.strip()]
        rows = [line for line in data["variants"].splitlines() if line.strip()]
        if not options and not rows:
            return [
                products_services.NewVariant(
                    sku=data["sku"],
                    price=data["price"],
                    selling_price=data["selling_price"],
                    currency=data["currency"],
                    barcode=data["barcode"],
                )
            ]
        found = []
        for number, row in enumerate(rows, start=1):
            parts = [part.strip() for part in row.split(",")]
            if len(parts) not in (len(options) + 1, len(options) + 2):
                raise CatalogueError(
                    gettext(
                        "Line %(number)d of the variants is “%(row)s”. Enter a SKU, %(count)d option values and a price."
                    )
                    % {"number": number, "count": len(options), "row": row.strip()}
                )
            price = parts[len(options) + 1] if len(parts) > len(options) + 1 else data["price"]
            found.append(
                products_services.NewVariant(
                    sku=parts[0],
                    options=dict(zip(options, parts[1 : len(options) + 1], strict=True)),
                    price=price,
                    selling_price=data["selling_price"],
                    currency=data["currency"],
                )
            )
        return found


class NewProduct(Page):
    """The form of a new product; `?sku=` fills its SKU."""

    title = _("New product")
    permission = ADD
    template_name = "catalogue/product_new.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Products"), reverse("admin:catalogue_product_changelist"))]

    def get(self, request: HttpRequest) -> HttpResponse:
        own = (
            Connection.objects.stores().exclude(currency="").order_by("pk").values_list("currency", flat=True)
        )
        known = {"sku": request.GET.get("sku", ""), "currency": own.first() or ""}
        return self.render(form=dress(ProductForm(initial=known)))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ProductForm(request.POST)
        if form.is_valid():
            data = form.cleaned_data
            try:
                product = products_services.create_product(
                    title=data["title"],
                    variants=form.new_variants(),
                    description=data["description"],
                    warranty=data["warranty"],
                    brand=data["brand"],
                    image_urls=[url.strip() for url in data["images"].splitlines() if url.strip()],
                )
            except CatalogueError as error:
                form.add_error(None, str(error))
            else:
                messages.success(
                    request, gettext("“%s” was created. List it in your stores below.") % product.title
                )
                return HttpResponseRedirect(reverse("admin:catalogue_product_change", args=[product.pk]))
        return self.render(form=dress(form))
