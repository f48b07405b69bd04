"""Suggest categories while a person types: a store's, and Manifold's own. No page shows a whole tree."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404

from catalogue.models import ProductCategory
from catalogue.services.listing import categories
from channels.models import Connection
from oms.kit.admin.pages import Page, add

SHORTEST = 2  # letters


class _Names(Page):
    permission = "catalogue.view_category"

    def answer(self, names: list[str]) -> JsonResponse:
        answer = JsonResponse({"names": names})
        answer["Cache-Control"] = "no-store"
        return answer

    def text(self, request: HttpRequest) -> str:
        return request.GET.get("q", "").strip()[:200]


class CategoryNames(_Names):
    """Return `{"names": [...]}`: categories of one store that have all typed words, at most 20."""

    def get(self, request: HttpRequest, pk: int) -> JsonResponse:
        store = get_object_or_404(Connection.objects.stores(), pk=pk)
        text = self.text(request)
        found = categories.search(store, text) if len(text) >= SHORTEST else []
        return self.answer([categories.text_of(each) for each in found])


class ProductCategoryNames(_Names):
    """Return `{"names": [...]}`: Manifold's own categories that have all typed words, at most 20."""

    permission = "catalogue.view_productcategory"

    def get(self, request: HttpRequest) -> JsonResponse:
        text = self.text(request)
        rows = ProductCategory.objects.all()
        for word in text.split():
            rows = rows.filter(path__icontains=word)
        found = rows[: categories.MOST_FOUND] if len(text) >= SHORTEST else []
        return self.answer([each.path for each in found])


add(
    ("catalogue/categories/<key:pk>/names.json", CategoryNames, "category_names"),
    ("catalogue/product-categories/names.json", ProductCategoryNames, "product_category_names"),
)
