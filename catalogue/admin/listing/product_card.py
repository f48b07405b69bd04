"""The card Category and attributes on the page of a product, and its form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue.admin.editor.actions import CHANGE, VIEW
from catalogue.admin.listing.forms import LINE, lines_of, values_of
from catalogue.errors import CatalogueError
from catalogue.models import Product, ProductCategory
from catalogue.models.category import path_key
from catalogue.services import products
from catalogue.services.listing import categories
from oms.kit.admin.actions import keys_in
from oms.kit.admin.base import dress
from oms.kit.admin.pages import Page, add
from oms.kit.admin.panels import panel


def own_category_field() -> forms.CharField:
    """Return the field of one of Manifold's categories: text, with suggestions."""
    attrs = {"data-suggest": reverse_lazy("admin:product_category_names"), "autocomplete": "off"}
    return forms.CharField(
        label=_("Category"), max_length=1000, required=False, widget=forms.TextInput(attrs=attrs)
    )


class CategoryAndAttributes(forms.Form):
    """Category and attributes of a product."""

    category = own_category_field()
    attributes = forms.CharField(
        label=_("Attributes"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=LINE,
    )

    def clean_category(self) -> ProductCategory | None:
        return own_category(self.cleaned_data["category"])

    def clean_attributes(self) -> dict[str, str]:
        try:
            return values_of(self.cleaned_data["attributes"])
        except CatalogueError as error:
            raise forms.ValidationError(str(error)) from None


def own_category(text: str) -> ProductCategory | None:
    """Return the category with this path, None for an empty text; raises `ValidationError` for one that does not exist."""
    wanted = text.strip()
    if not wanted:
        return None
    row = ProductCategory.objects.filter(key=path_key(wanted)).first()
    if row is None:
        raise forms.ValidationError(
            gettext("There is no product category “%s”. Choose one of the list, or add it first.") % wanted
        )
    return row


@panel(
    Product,
    "attributes",
    label=_("Category and attributes"),
    permission=VIEW,
    template="catalogue/listing/product_card.html",
    position=15,
)
def attributes(request: HttpRequest, product: Product) -> dict[str, Any]:
    """Return category and attributes of the product; one statement."""
    return {
        "product": product,
        "category": product.category,
        "attributes": product.attributes,
        "edit": reverse("admin:product_attributes", args=[product.pk])
        if request.user.has_perm(CHANGE)
        else "",
    }


class ProductAttributes(Page):
    """The form of category and attributes. Changed attributes are sent to the stores that list the product."""

    title: Any = _("Category and attributes")
    permission: ClassVar[Any] = CHANGE
    template_name = "catalogue/listing/product_form.html"
    product: Product

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.product = get_object_or_404(Product.objects.select_related("category"), pk=kwargs["pk"])
        self.subtitle = self.product.title

    @property
    def back(self) -> str:
        """The address of the product's page."""
        return reverse("admin:catalogue_product_change", args=[self.product.pk])

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [
            (_("Products"), reverse("admin:catalogue_product_changelist")),
            (self.product.title, self.back),
        ]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        initial = {
            "category": self.product.category.path if self.product.category else "",
            "attributes": lines_of(self.product.attributes),
        }
        return self.render(form=dress(CategoryAndAttributes(initial=initial)), back=self.back)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = CategoryAndAttributes(request.POST)
        if not form.is_valid():
            return self.render(form=dress(form), back=self.back)
        with transaction.atomic():
            categories.set_category([self.product], form.cleaned_data["category"])
            products.edit_product(self.product, {"attributes": form.cleaned_data["attributes"]})
        messages.success(
            request, gettext("Saved. Changed attributes are sent to the stores that list the product.")
        )
        return HttpResponseRedirect(self.back)


class SetCategoryForm(forms.Form):
    category = own_category_field()

    def clean_category(self) -> ProductCategory | None:
        return own_category(self.cleaned_data["category"])


class SetCategory(Page):
    """Set the category of the selected products."""

    title: Any = _("Set category")
    permission: ClassVar[Any] = CHANGE
    template_name = "catalogue/listing/set_category.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Products"), reverse("admin:catalogue_product_changelist"))]

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.choose(keys_in(request.GET.get("ids", "")))

    def choose(self, ids: Sequence[int]) -> HttpResponse:
        """Show the empty form for these products."""
        return self.page(ids, SetCategoryForm())

    def page(self, ids: Sequence[int], form: SetCategoryForm) -> HttpResponse:
        """Show the form for these products."""
        return self.render(form=dress(form), ids=",".join(map(str, ids)), count=len(ids))

    def post(self, request: HttpRequest) -> HttpResponse:
        ids, form = keys_in(request.POST.get("ids", "")), SetCategoryForm(request.POST)
        if not form.is_valid():
            return self.page(ids, form)
        rows = list(Product.objects.filter(pk__in=ids).order_by("pk"))
        changed = categories.set_category(rows, form.cleaned_data["category"])
        messages.success(request, gettext("Category set: %d products.") % changed)
        return HttpResponseRedirect(reverse("admin:catalogue_product_changelist"))


add(("catalogue/set-category/", SetCategory, "set_category"))
