"""Register the sheets of products, prices, kits and SKU mappings; their exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_lazy as _

from catalogue.models import KitComponent, ListingVariant, Product, ProductImage, SkuAlias, Variant
from catalogue.services.selling_prices import sale_days
from catalogue.sheets import kits as kit_sheet
from catalogue.sheets import prices as price_sheet
from catalogue.sheets import products as product_sheet
from catalogue.sheets.imports import kits, listings, sku_mappings
from catalogue.sheets.imports.groups import group_of
from catalogue.sheets.imports.prices import PricePart
from catalogue.sheets.imports.products import ProductPart
from catalogue.sheets.imports.sale_days import SaleDaysPart
from channels.models import Connection
from oms.kit.bulk import among
from oms.kit.imports import kinds
from oms.kit.sheets.fields import SheetField

SLICE = 2_000
#: Columns of an exported SKU: those that are worked on, then those that are columns of the sheet as they are.
EXPORTED = (
    *("pk", "product", "product__kind", "options"),
    *("sku", "product__title", "price", "selling_price", "currency", "cost", "barcode", "weight_grams"),
    *("product__brand__name", "product__description", "product__warranty"),
)
EXPORTED_AS = (
    *("sku", "title", "price", "selling_price", "currency", "cost", "barcode", "weight"),
    *("brand", "description", "warranty"),
)

STORE = SheetField(
    "store",
    _("Store"),
    max_length=200,
    synonyms=("shop", "store name", "boutique", "magasin"),
    help=_("The name of a store, for a price of its own. Blank: the price for all stores."),
)
WAREHOUSE = SheetField(
    "warehouse",
    _("Warehouse"),
    max_length=200,
    synonyms=("location", "location name", "warehouse name", "entrepôt", "dépôt"),
    help=_("Where the quantity is. Blank: the only warehouse of the SKU, or the one chosen for the file."),
)
#: Columns that are read and have no place in Manifold yet.
NOT_STORED = frozenset({"selling_from", "selling_until", "categories", "tags"})

PRODUCTS = replace(product_sheet.PRODUCTS, fields=(*product_sheet.PRODUCTS.fields, WAREHOUSE))
PRICES = replace(price_sheet.PRICES, fields=(*price_sheet.PRICES.fields, STORE), identity=("sku", "store"))


def register() -> None:
    """Register the kinds."""
    kinds.register(
        kinds.ImportKind(
            sheet=PRODUCTS,
            permissions=("catalogue.add_product", "catalogue.change_product", "catalogue.change_variant"),
            export_permission="catalogue.export_product",
            parts=[ProductPart(), PricePart()],
            export=product_rows,
            export_count=lambda: current().count(),
            defaults=defaults,
            not_stored=NOT_STORED,
            asks=("warehouse",),
            together=group_of,
            help=_("Products and their SKUs: new ones and changes of those that exist."),
        )
    )
    kinds.register(
        kinds.ImportKind(
            sheet=PRICES,
            permissions=("catalogue.change_variant",),
            export_permission="catalogue.export_variant",
            parts=[PricePart(), SaleDaysPart()],
            export=price_rows,
            export_count=lambda: current().count(),
            allowed=store_names,
            defaults=defaults,
            help=_("Prices for all stores, or for the store that a row names."),
        )
    )
    kinds.register(
        kinds.ImportKind(
            sheet=kit_sheet.KITS,
            permissions=("catalogue.change_variant",),
            export_permission="catalogue.export_variant",
            parts=[kits.KitPart()],
            export=kits.rows,
            export_count=lambda: KitComponent.objects.count(),
            help=_("What kits are made of, one row for each component."),
        )
    )
    kinds.register(
        kinds.ImportKind(
            sheet=listings.LISTINGS,
            permissions=("catalogue.change_listing",),
            export_permission="catalogue.export_listing",
            parts=[listings.ListingPart()],
            export=listings.rows,
            export_count=listings.count,
            allowed=store_names,
            help=_("Listings of products on stores: new drafts, and changes of drafts and listings."),
        )
    )
    kinds.register(
        kinds.ImportKind(
            sheet=sku_mappings.SKU_MAPPINGS,
            permissions=("catalogue.add_skualias", "catalogue.change_skualias"),
            export_permission="catalogue.export_variant",
            parts=[sku_mappings.MappingPart()],
            export=sku_mappings.rows,
            export_count=lambda: SkuAlias.objects.count(),
            allowed=store_names,
            help=_("SKUs that stores use for a SKU of Manifold."),
        )
    )


def current() -> Any:
    """Return the SKUs of products that are not archived."""
    return Variant.objects.current().filter(product__is_archived=False)


def defaults() -> Mapping[str, str]:
    """Return the currency of the prices where all stores have the same one."""
    found = set(Connection.objects.connected().exclude(currency="").values_list("currency", flat=True))
    return {"currency": found.pop()} if len(found) == 1 else {}


def store_names() -> Mapping[str, Sequence[str]]:
    """Return the names of the stores for the drop-down."""
    return {"store": list(Connection.objects.connected().order_by("name").values_list("name", flat=True))}


def _slices(queryset: Any) -> Iterator[list[Any]]:
    """Yield rows in the order of their keys, some thousand at a time."""
    last = 0
    while part := list(queryset.filter(pk__gt=last).order_by("pk")[:SLICE]):
        yield part
        last = part[-1].pk


def product_rows() -> Iterator[dict[str, Any]]:
    """Yield each SKU with its product and its default prices; `_variant` is its key, for the parts of other apps."""
    rows = current().values_list(*EXPORTED)
    last = 0
    while part := list(rows.filter(pk__gt=last).order_by("pk")[:SLICE]):
        last = part[-1][0]
        groups = {one[1] for one in part if one[2] == Product.Kind.GROUP}
        firsts = _first_skus(groups) if groups else {}
        images = _images({one[1] for one in part})
        for pk, product, _kind, options, *values in part:
            found = dict(zip(EXPORTED_AS, values, strict=True))
            found["_variant"] = pk
            if product in firsts:
                found["group"] = firsts[product]
            if options:
                found.update(_options(options))
            if found["weight"] is not None:
                found["weight_unit"] = "g"
            if product in images:
                found["images"] = images[product]
            yield found


def _options(options: Mapping[str, str]) -> dict[str, str]:
    """Return the options of a SKU as the columns of the sheet have them."""
    found = {}
    for number, (name, value) in enumerate(options.items(), start=1):
        if number <= product_sheet.OPTIONS:
            found[f"option_{number}_name"], found[f"option_{number}_value"] = name, str(value)
    return found


def _first_skus(product_ids: set[int]) -> dict[int, str]:
    """Return product → the SKU of its first variant, which names the group."""
    rows = Variant.objects.filter(product__in=among(product_ids)).order_by("-position", "-pk")
    return dict(rows.values_list("product", "sku"))


def _images(product_ids: set[int]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    rows = ProductImage.objects.filter(product__in=among(product_ids), variant=None)
    for pk, url in rows.order_by("position", "id").values_list("product", "url"):
        found[pk] = (*found.get(pk, ()), url)
    return found


def price_rows() -> Iterator[dict[str, Any]]:
    """Yield the default prices of each SKU, then the prices that stores have of their own."""
    columns = ("pk", "sku", "product__title", "price", "selling_price", "currency")
    for part in _slices(current().select_related("product").only(*columns)):
        for one in part:
            yield {
                "sku": one.sku,
                "title": one.product.title,
                "price": one.price,
                "selling_price": one.selling_price,
                "currency": one.currency,
            }
    own = ListingVariant.objects.live().exclude(price=None, sale_from=None, sale_until=None)
    own = own.select_related("variant__product", "connection")
    for part in _slices(own):
        for listed in part:
            first, last = sale_days(listed)
            yield {
                "sku": listed.variant.sku,
                "title": listed.variant.product.title,
                "store": listed.connection.name,
                "price": listed.price,
                "selling_price": listed.selling_price,
                "selling_from": first,
                "selling_until": last,
                "currency": listed.connection.currency,
            }
