"""Kits: the card on the page of a product, and the page on which the components of a SKU are entered."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalogue import callbacks
from catalogue.errors import CatalogueError
from catalogue.models import KitComponent, Product, Variant, sku_key
from catalogue.services.kits import set_components
from catalogue.sku_resolution import variants_with_skus
from oms.kit.admin.pages import Page, add, form_token, is_repeated
from oms.kit.admin.panels import panel
from oms.kit.authors.actors import person
from oms.kit.numbers import whole_number

VIEW = "catalogue.view_product"
CHANGE = "catalogue.change_variant"
#: Empty rows of the form, and suggestions while a SKU is typed.
ADDED_ROWS = 4
MOST_NAMES = 12


@dataclass(frozen=True, slots=True)
class PartView:
    """A component on the card: how many kits its available units are enough for; None where it is not tracked."""

    row: KitComponent
    available: int | None
    kits: int | None
    url: str


@dataclass(frozen=True, slots=True)
class KitView:
    """One SKU on the card: its components, and the kits that contain it."""

    variant: Variant
    parts: list[PartView]
    inside: list[KitComponent]
    edit_url: str

    @property
    def possible(self) -> int | None:
        """How many kits can be made of what is available in all warehouses."""
        counts = [part.kits for part in self.parts if part.kits is not None]
        return min(counts) if counts else None


def product_url(variant: Variant) -> str:
    """Return the address of a SKU on the page of its product."""
    page = reverse("admin:catalogue_product_change", args=[variant.product_id])
    return f"{page}#sku-{variant.pk}"


@panel(Product, "kits", label=_("Kit"), permission=VIEW, template="catalogue/kits_panel.html", position=20)
def kits(request: HttpRequest, product: Product) -> dict[str, Any] | None:
    """Return each SKU with its components and the kits that contain it; three statements."""
    variants = list(product.variants.current().order_by("position", "id"))
    related = Q(kit__in=variants) | Q(component__in=variants, kit__is_kit=True)
    rows = list(
        KitComponent.objects.filter(related).select_related("kit", "component__product").order_by("pk")
    )
    stock = callbacks.stock_of([row.component_id for row in rows])
    may_edit = request.user.has_perm(CHANGE)
    shown = [
        KitView(
            one,
            [_part(row, stock.get(row.component_id)) for row in rows if row.kit_id == one.pk],
            [row for row in rows if row.component_id == one.pk],
            reverse("admin:sku_kit", args=[one.pk]) if may_edit else "",
        )
        for one in variants
    ]
    if not may_edit and not rows:
        return None
    return {"shown": shown}


def _part(row: KitComponent, units: callbacks.Units | None) -> PartView:
    component = row.component
    if not component.is_counted:
        return PartView(row, None, 0 if component.is_stopped else None, product_url(component))
    available = (units or callbacks.Units()).available
    possible = 0 if component.is_stopped else max(available, 0) // row.quantity
    return PartView(row, available, possible, product_url(component))


@dataclass(frozen=True, slots=True)
class Typed:
    """A row of the form with its values."""

    row: KitComponent
    units: str


class KitPage(Page):
    """Enter the components of a SKU: change units, remove (0 units), add by SKU. All or nothing is saved."""

    permission = CHANGE
    template_name = "catalogue/kit.html"

    def crumbs(self) -> Iterable[tuple[Any, str]]:
        yield _("Products"), reverse("admin:catalogue_product_changelist")
        yield self.variant.product.title, product_url(self.variant)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.variant = get_object_or_404(Variant.objects.select_related("product"), pk=kwargs["pk"])
        self.title = gettext("Kit %s") % self.variant.sku
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._show(QueryDict())

    def _show(self, typed: QueryDict) -> HttpResponse:
        rows = list(self.variant.components.select_related("component__product").order_by("pk"))
        return self.render(
            variant=self.variant,
            rows=[Typed(row, typed.get(f"units-{row.component_id}", str(row.quantity))) for row in rows],
            added=[
                (number, typed.get(f"add-sku-{number}", ""), typed.get(f"add-units-{number}", ""))
                for number in range(1, ADDED_ROWS + 1)
            ],
            seen=typed.get("seen", json.dumps({row.component_id: row.quantity for row in rows})),
            form_token=form_token(),
            back=product_url(self.variant),
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            with transaction.atomic():
                if is_repeated(request):
                    raise CatalogueError(gettext("This form was already saved. Nothing was changed again."))
                wanted = self._wanted(request.POST)
                changed = set_components(
                    self.variant, wanted, by=person(request.user), was=_seen(request.POST.get("seen", ""))
                )
        except CatalogueError as error:
            messages.error(request, str(error))
            return self._show(request.POST)
        if not changed:
            messages.info(request, gettext("Nothing was changed: the kit has these components already."))
        elif wanted:
            text = gettext("Saved. Every store that lists %s is sent how many kits can be made.")
            messages.success(request, text % self.variant.sku)
        else:
            messages.success(
                request,
                gettext("%s is no kit any more. It has stock of its own: count it.") % self.variant.sku,
            )
        return HttpResponseRedirect(product_url(self.variant))

    def _wanted(self, post: QueryDict) -> dict[int, int]:
        """Return the components of the form, by variant id. Raises `CatalogueError` for what cannot be read."""
        wanted: dict[int, int] = {}
        for row in self.variant.components.select_related("component"):
            units = _units(post.get(f"units-{row.component_id}", "0"), row.component.sku)
            if units:
                wanted[row.component_id] = units
        typed = [
            (sku, post.get(f"add-units-{number}", "").strip() or "1")
            for number in range(1, ADDED_ROWS + 1)
            if (sku := post.get(f"add-sku-{number}", "").replace("\x00", "").strip()[:255])
        ]
        found = variants_with_skus([sku_key(sku) for sku, _text in typed])
        for sku, text in typed:
            variant = found.get(sku_key(sku))
            if variant is None:
                raise CatalogueError(gettext("No product has the SKU “%s”.") % sku)
            if variant.pk in wanted:
                raise CatalogueError(
                    gettext("%s is entered twice. Enter its units in one row.") % variant.sku
                )
            wanted[variant.pk] = _units(text, variant.sku)
        return wanted


def _units(text: str, sku: str) -> int:
    number = whole_number(text.strip() or "0")
    if number is None:
        raise CatalogueError(
            gettext("“%(value)s” is not a number of units of %(sku)s. Enter a whole number.")
            % {"value": text.strip()[:20], "sku": sku}
        )
    return number


def _seen(text: str) -> dict[int, int] | None:
    """Return the components that the person saw; None where the form does not say it."""
    try:
        found = json.loads(text)
        return {int(pk): int(units) for pk, units in found.items()}
    except (ValueError, AttributeError, TypeError):
        return None


class SkuNames(Page):
    """Return `{"names": [...]}`: SKUs that can be components, for the typed beginning of a SKU or a barcode."""

    permission = CHANGE

    def get(self, request: HttpRequest) -> JsonResponse:
        text = request.GET.get("q", "").replace("\x00", "").strip()[:120]
        names: list[str] = []
        if key := sku_key(text):
            rows = Variant.objects.current().filter(is_kit=False, product__is_archived=False)
            rows = rows.filter(Q(sku_key__startswith=key) | Q(barcode=text)).order_by("sku_key")
            names = list(rows.values_list("sku", flat=True)[:MOST_NAMES])
        answer = JsonResponse({"names": names})
        answer["Cache-Control"] = "no-store"
        return answer


add(
    ("catalogue/skus/<key:pk>/kit/", KitPage, "sku_kit"),
    ("catalogue/sku-names.json", SkuNames, "sku_names"),
)
