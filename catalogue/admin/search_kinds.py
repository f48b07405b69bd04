"""What the search box finds of the catalogue: SKUs, products, listings."""

from __future__ import annotations

from django.db.models import F, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from catalogue.models import Listing, Product, ProductImage, Variant
from catalogue.search_text import found_variants
from oms.kit.search import kinds
from oms.kit.search.kinds import Query, Result, SearchKind
from oms.kit.search.query import matching


def _picture(product: str, variant: str = "") -> Subquery:
    """Return the address of a picture: the variant's own first, else the first of the product."""
    shared = Q(variant=None, product=OuterRef(product))
    wanted = Q(variant=OuterRef(variant)) | shared if variant else shared
    images = ProductImage.objects.filter(wanted).order_by(F("variant").asc(nulls_last=True), "position", "id")
    return Subquery(images.values("url")[:1])


def _page(pk: int) -> str:
    return reverse("admin:catalogue_product_change", args=[pk])


def find_variants(query: Query, limit: int) -> list[Result]:
    """Return SKUs in their order."""
    rows = matching(Variant.objects.current().order_by("sku_key"), query.text).annotate(
        picture=_picture("product", "pk")
    )
    return [
        Result(sku, " · ".join([title, *map(str, (options or {}).values())]), _page(product), picture or "")
        for sku, title, options, product, picture in rows.values_list(
            "sku", "product__title", "options", "product", "picture"
        )[:limit]
    ]


def find_products(query: Query, limit: int) -> list[Result]:
    """Return products by their title."""
    rows = Product.objects.filter(pk__in=found_variants(query.text).values("product")).order_by("title", "pk")
    return [
        Result(title, brand or "", _page(pk), picture or "")
        for pk, title, brand, picture in rows.annotate(picture=_picture("pk")).values_list(
            "pk", "title", "brand__name", "picture"
        )[:limit]
    ]


def find_listings(query: Query, limit: int) -> list[Result]:
    """Return listings that are not deleted, the newest first."""
    rows = matching(Listing.objects.exclude(state=Listing.State.REMOVED).order_by("-pk"), query.text)
    states = dict(Listing.State.choices)
    return [
        Result(title or own, f"{store} · {states.get(state, state)}", _page(product), picture)
        for title, own, store, state, product, picture in rows.values_list(
            "remote_title", "product__title", "connection__name", "state", "product", "remote_image"
        )[:limit]
    ]


def register() -> None:
    """Declare the kinds."""
    for position, (key, label, permission, find) in enumerate(
        (
            ("variants", _("SKUs"), "catalogue.view_variant", find_variants),
            ("products", _("Products"), "catalogue.view_product", find_products),
            ("listings", _("Listings"), "catalogue.view_listing", find_listings),
        )
    ):
        name = permission.removeprefix("catalogue.view_")
        kinds.register(
            SearchKind(key, label, permission, find, f"admin:catalogue_{name}_changelist", 40 + position)
        )
