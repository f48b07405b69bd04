"""Filters that several lists of the catalogue have: store, listing status, brand, category, difference, low stock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from catalogue import callbacks
from catalogue.models import Brand, Category, Listing, ListingVariant, Product, Variant, sku_key
from channels.models import Connection
from oms.kit.admin.filters import ChoiceFilter, FlagFilter, RowFilter, TextFilter
from oms.kit.numbers import whole_number

#: Categories with the same words that are looked at.
MOST_CATEGORIES = 50
LISTED_STATES = [choice for choice in Listing.State.choices if choice[0] != Listing.State.REMOVED]


def asked_store(request: HttpRequest) -> int | None:
    """Return the store that the list is filtered by."""
    return whole_number(request.GET.get("store", ""))


def shown_listings(store: int | None = None) -> QuerySet[Listing]:
    """Return the listings that were not deleted, of one store or of all."""
    rows = Listing.objects.exclude(state=Listing.State.REMOVED)
    return rows if store is None else rows.filter(connection=store)


def brands_with(word: str) -> QuerySet[Brand]:
    """Return the brands that have `word` in their name."""
    return Brand.objects.filter(key__contains=sku_key(word))


def in_category(listings: QuerySet[Listing], text: str) -> QuerySet[Any]:
    """Return the listings in the categories of their store that have this id, or this text in their name.

    A listing keeps the ids of its categories as JSON, which SQLite cannot look into: the text of the JSON is compared,
    after at most 50 categories were read.
    """
    named = Category.objects.filter(Q(external_id=text) | Q(name__icontains=text)).order_by("pk")
    wanted = Q(pk=None)
    for store, external_id in named.values_list("connection_id", "external_id")[:MOST_CATEGORIES]:
        wanted |= Q(connection=store, categories_text__contains=f'"{external_id}"')
    return listings.annotate(categories_text=Cast("category_external_ids", TextField())).filter(wanted)


class StoreFilter(RowFilter):
    """Rows of one store. `field` is the path from the row to the id of its store."""

    title, parameter_name, field = _("store"), "store", "connection_id"
    all_words = _("All stores")

    def rows(self) -> QuerySet[Connection]:
        return Connection.objects.stores().only("pk", "name", "channel").order_by("name")


class ProductStoreFilter(StoreFilter):
    """Products that are listed in a store."""

    def narrow(self, queryset: QuerySet[Product], value: str) -> QuerySet[Product]:
        return queryset.filter(pk__in=shown_listings(int(value)).values("product"))


class VariantStoreFilter(StoreFilter):
    """SKUs that are listed in a store."""

    def narrow(self, queryset: QuerySet[Variant], value: str) -> QuerySet[Variant]:
        listed = ListingVariant.objects.filter(connection=int(value)).exclude(
            listing__state=Listing.State.REMOVED
        )
        return queryset.filter(pk__in=listed.values("variant"))


class ListingStateFilter(ChoiceFilter):
    """Listings with one status."""

    title, parameter_name = _("listing status"), "state"
    all_words = _("All statuses")

    def options(self, request: HttpRequest) -> Sequence[tuple[Any, Any]]:
        return Listing.State.choices

    def narrow(self, queryset: QuerySet[Listing], value: str) -> QuerySet[Listing]:
        return queryset.filter(state=value)


class ProductStateFilter(ListingStateFilter):
    """Products that have a listing with one status, in the store of the store filter or in any store."""

    def options(self, request: HttpRequest) -> Sequence[tuple[Any, Any]]:
        return LISTED_STATES

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product] | None:
        if not (value := self.value()):
            return None
        listings = shown_listings(asked_store(request)).filter(state=value)
        return queryset.filter(pk__in=listings.values("product"))


class BrandFilter(TextFilter):
    """Rows of products whose brand has this text in its name. `field` is the path from the row to the brand."""

    title, parameter_name = _("brand"), "brand"
    field: ClassVar[str] = "brand"

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(**{f"{self.field}__in": brands_with(value).values("pk")})


class VariantBrandFilter(BrandFilter):
    field = "product__brand"


class CategoryFilter(TextFilter):
    """Listings in a category of their store, by its name or its id."""

    title, parameter_name = _("category"), "category"
    is_more = True

    def narrow(self, queryset: QuerySet[Listing], value: str) -> QuerySet[Listing]:
        return in_category(queryset, value)


class ProductCategoryFilter(CategoryFilter):
    """Products that have a listing in a category, in the store of the store filter or in any store."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product] | None:
        if not (value := self.value()):
            return None
        listings = in_category(shown_listings(asked_store(request)), value)
        return queryset.filter(pk__in=listings.values("product"))


class DiffersFilter(FlagFilter):
    """Rows whose store shows another quantity than was sent. `column` is the path from the listed SKU to the row."""

    title, parameter_name = _("Differs in a store"), "differs"
    is_more = True
    column: ClassVar[str] = "listing"

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(pk__in=ListingVariant.objects.live().differing().values(self.column))


class ProductDiffersFilter(DiffersFilter):
    column = "variant__product"


class VariantDiffersFilter(DiffersFilter):
    column = "variant"


class VariantLowFilter(FlagFilter):
    """SKUs whose available units are at or below their reorder point."""

    title, parameter_name = _("Low stock"), "low"

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any] | None:
        low = callbacks.low_stock()
        return None if low is None else queryset.filter(pk__in=low)


class VariantKitFilter(FlagFilter):
    """SKUs that are made of others."""

    title, parameter_name = _("Kits"), "kits"

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(is_kit=True)


class ProductKitFilter(FlagFilter):
    """Products with a SKU that is made of others."""

    title, parameter_name = _("Kits"), "kits"
    is_more = True

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(pk__in=Variant.objects.filter(is_kit=True).values("product"))


class ProductLowFilter(VariantLowFilter):
    """Products with a SKU whose available units are at or below its reorder point."""

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any] | None:
        low = callbacks.low_stock()
        if low is None:
            return None
        return queryset.filter(pk__in=Variant.objects.filter(pk__in=low).values("product"))
