"""Suggest brands while a person types: brands of Manifold, and brands that a channel finds by name (R-CAT-12)."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, JsonResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from catalogue.models import Brand
from channels.stores import brand_search
from oms.kit.admin.pages import Page, add

MOST = 20


def brand_field() -> forms.CharField:
    """Return the field of a brand: text, with suggestions."""
    attrs = {"data-suggest": reverse_lazy("admin:brand_names"), "autocomplete": "off"}
    return forms.CharField(
        label=_("Brand"), max_length=120, required=False, widget=forms.TextInput(attrs=attrs)
    )


class BrandNames(Page):
    """Return `{"names": [...]}` for the typed text; a new brand is created when its product is saved."""

    permission = "catalogue.view_product"

    def get(self, request: HttpRequest) -> JsonResponse:
        text = request.GET.get("q", "").strip()[:120]
        names: dict[str, str] = {}
        if len(text) >= brand_search.SHORTEST:
            own = Brand.objects.filter(name__icontains=text).order_by("key")
            for name in [*own.values_list("name", flat=True)[:MOST], *brand_search.search(text)]:
                names.setdefault(name.casefold(), name)
        found = sorted(names.values(), key=lambda name: not name.casefold().startswith(text.casefold()))
        answer = JsonResponse({"names": found[:MOST]})
        answer["Cache-Control"] = "no-store"
        return answer


add(("catalogue/brand-names.json", BrandNames, "brand_names"))
