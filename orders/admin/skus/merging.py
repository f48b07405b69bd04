"""Merge a SKU into another one, and undo it: two pages, and the card on the page of a product that leads to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalogue.errors import CatalogueError
from catalogue.models import Product, SkuMerge, Variant
from catalogue.sku_resolution import variant_with_sku
from inventory.errors import StockError
from inventory.models import StockItem
from inventory.parsing import whole
from oms.kit.admin.pages import Page, add, is_repeated
from oms.kit.admin.panels import panel
from oms.kit.authors.actors import person
from oms.kit.numbers import grouped
from orders.services.stock import sku_merging
from orders.services.stock.sku_merging import MergePreview

MERGE = "catalogue.add_skumerge"


def product_page(variant: Variant) -> str:
    """Return the address of the product of a SKU."""
    return reverse("admin:catalogue_product_change", args=[variant.product_id])


class MergeForm(forms.Form):
    """The SKU into which another one is merged."""

    sku = forms.CharField(
        label=_("Merge into SKU"), max_length=255, help_text=_("The SKU that stays. Type or scan it.")
    )

    def clean_sku(self) -> Variant:
        typed = self.cleaned_data["sku"].strip()
        found = variant_with_sku(typed)
        if found is None:
            raise forms.ValidationError(_("No product has the SKU “%(sku)s”.") % {"sku": typed})
        return found


class MergePage(Page):
    """Merge a SKU into another: enter, see what moves, confirm."""

    permission = MERGE
    template_name = "orders/merge_sku.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Products"), reverse("admin:catalogue_product_changelist"))]

    def get(self, request: HttpRequest, pk: int, form: MergeForm | None = None) -> HttpResponse:
        source = get_object_or_404(Variant.objects.select_related("product", "merged_into"), pk=pk)
        self.title = gettext("Merge %s") % source.sku
        form = form or MergeForm(initial={"sku": request.GET.get("into", "")})
        twins = [] if not source.barcode else self._twins(source)
        return self.render(source=source, form=form, twins=twins, back=product_page(source))

    @staticmethod
    def _twins(source: Variant) -> list[Variant]:
        same = Variant.objects.current().filter(barcode=source.barcode).exclude(pk=source.pk)
        return list(same.select_related("product").order_by("sku_key")[:3])

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        source = get_object_or_404(Variant.objects.select_related("product", "merged_into"), pk=pk)
        form = MergeForm(request.POST)
        if not form.is_valid():
            return self.get(request, pk, form)
        target = form.cleaned_data["sku"]
        self.title = gettext("Merge %s") % source.sku
        try:
            if "confirmed" not in request.POST:
                return self._ask(source, target, sku_merging.preview(source, target))
            with transaction.atomic():
                if is_repeated(request):
                    messages.info(
                        request, gettext("%s is merged already. Nothing was changed again.") % source.sku
                    )
                    return HttpResponseRedirect(product_page(target))
                sku_merging.merge(source, target, by=person(request.user))
        except (CatalogueError, StockError) as error:
            form.add_error("sku", str(error))
            return self.get(request, pk, form)
        messages.success(
            request,
            gettext("%(source)s was merged into %(target)s. The stock is sent to its stores.")
            % {"source": source.sku, "target": target.sku},
        )
        return HttpResponseRedirect(product_page(target))

    def _ask(self, source: Variant, target: Variant, moved: MergePreview) -> HttpResponse:
        stores = ", ".join(sorted(set(moved.stores)))
        lines = [
            gettext("Listings: %s.") % stores if stores else gettext("No store lists %s.") % source.sku,
            ngettext(
                "Stock: %(units)s unit on hand, %(allocated)s of it allocated to orders.",
                "Stock: %(units)s units on hand, %(allocated)s of them allocated to orders.",
                moved.on_hand,
            )
            % {"units": grouped(moved.on_hand), "allocated": grouped(moved.allocated)},
            ngettext(
                "Orders: %(lines)s line, in %(open)s open orders.",
                "Orders: %(lines)s lines, in %(open)s open orders.",
                moved.lines,
            )
            % {"lines": grouped(moved.lines), "open": grouped(moved.open_orders)},
            gettext(
                "All of it becomes %(target)s (%(title)s). Orders with the SKU %(source)s are %(target)s from now on."
            )
            % {"target": target.sku, "title": target.product.title, "source": source.sku},
            gettext("The merge can be undone on the page of the product."),
        ]
        return self.confirm(
            question=gettext("Merge %(source)s into %(target)s?")
            % {"source": source.sku, "target": target.sku},
            button=gettext("Merge SKUs"),
            back=reverse("admin:sku_merge", args=[source.pk]),
            lines=lines,
            hidden=[("sku", target.sku)],
        )


class UnmergePage(Page):
    """Undo a merge: choose how many available units of each warehouse go back."""

    permission = MERGE
    template_name = "orders/unmerge_sku.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        return [(_("Products"), reverse("admin:catalogue_product_changelist"))]

    def get(
        self, request: HttpRequest, pk: int, typed: dict[int, str] | None = None, error: str = ""
    ) -> HttpResponse:
        row = get_object_or_404(SkuMerge.objects.select_related("source", "target"), pk=pk)
        self.title = gettext("Undo the merge of %s") % row.source.sku
        return self.render(
            row=row,
            error=error,
            rows=[
                (item, (typed or {}).get(item.warehouse_id, str(self._suggested(row, item))))
                for item in self._items(row)
            ],
            back=product_page(row.target),
        )

    @staticmethod
    def _items(row: SkuMerge) -> list[StockItem]:
        items = StockItem.objects.filter(variant=row.target_id, on_hand__gt=F("allocated"))
        return list(items.select_related("warehouse").order_by("warehouse__name"))

    @staticmethod
    def _suggested(row: SkuMerge, item: StockItem) -> int:
        moved = int(row.moved.get("stock", {}).get(str(item.warehouse_id), 0))
        return min(moved, item.available)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = get_object_or_404(SkuMerge.objects.select_related("source", "target"), pk=pk)
        typed = {
            item.warehouse_id: request.POST.get(f"units_{item.warehouse_id}", "").strip()
            for item in self._items(row)
        }
        try:
            units = {warehouse: whole(text or "0") for warehouse, text in typed.items()}
            sku_merging.unmerge(row, units=units, by=person(request.user))
        except (CatalogueError, StockError) as error:
            return self.get(request, pk, typed, str(error))
        messages.success(
            request,
            gettext("%(source)s is a SKU of its own again. The stock of both SKUs is sent to their stores.")
            % {"source": row.source.sku},
        )
        return HttpResponseRedirect(product_page(row.source))


@panel(
    Product,
    "merges",
    label=_("Merged SKUs"),
    permission=MERGE,
    template="orders/merges_panel.html",
    position=200,
)
def merges(request: HttpRequest, product: Product) -> dict[str, Any]:
    """Return the SKUs of a product, which can be merged, and those that were merged into them."""
    return {
        "variants": list(product.variants.current().order_by("position", "id")),
        "merges": list(
            SkuMerge.objects.filter(target__product=product, undone_at=None).select_related(
                "source", "target", "author"
            )
        ),
        "gone": list(
            product.variants.exclude(merged_into=None)
            .select_related("merged_into")
            .order_by("position", "id")
        ),
    }


add(
    ("catalogue/skus/<key:pk>/merge/", MergePage, "sku_merge"),
    ("catalogue/sku-merges/<key:pk>/undo/", UnmergePage, "sku_unmerge"),
)
