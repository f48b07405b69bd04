"""Brands while somebody types: those that are here, and those that a channel finds by name (R-CAT-12)."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, JsonResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from catalogue.models import Brand
from channels.stores import brand_search
from oms.kit.admin.pages import Page

MOST = 20


def brand_field() -> forms.CharField:
    """The brand as text, with suggestions."""
    attrs = {"data-suggest": reverse_lazy("admin:brand_names"), "autocomplete": "off"}
    return forms.CharField(
        label=_("Brand"), max_length=120, required=False, widget=forms.TextInput(attrs=attrs)
    )


class BrandNames(Page):
    """`{"names": [...]}` for what was typed; a new one is made when its product is saved."""

    permission = "catalogue.view_product"

    def get(self, request: HttpRequest) -> JsonResponse:
        text = request.GET.get("q", "").strip()[:120]
        names: dict[str, str] = {}
        if len(text) >= brand_search.LEAST:
            here = Brand.objects.filter(name__icontains=text).order_by("key")
            for name in [*here.values_list("name", flat=True)[:MOST], *brand_search.search(text)]:
                names.setdefault(name.casefold(), name)
        found = sorted(names.values(), key=lambda name: not name.casefold().startswith(text.casefold()))
        answer = JsonResponse({"names": found[:MOST]})
        answer["Cache-Control"] = "no-store"
        return answer


ROUTES = [("catalogue/brand-names.json", BrandNames, "brand_names")]
