"""Create many products, each with its SKUs, in a constant number of statements; remove those of an import again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import models, transaction
from django.utils.translation import gettext as _

from catalogue import callbacks, search_text
from catalogue.errors import CatalogueError
from catalogue.inbound.matching import lock_new_skus
from catalogue.inbound.reference_data import brand_key, brands_by_name
from catalogue.models import Brand, Product, ProductImage, Variant, sku_key
from catalogue.pictures import copies
from catalogue.services.products import FIELDS
from oms.kit.authors import audit
from oms.kit.bulk import insert, make


@dataclass(slots=True)
class BulkVariant:
    """One SKU to create; all values are checked before. After `create_products` it has the key of its row."""

    sku: str
    price: Decimal | None = None
    selling_price: Decimal | None = None
    cost: Decimal | None = None
    currency: str = ""
    options: dict[str, str] = field(default_factory=dict)
    barcode: str = ""
    weight_grams: int | None = None
    pk: int | None = None


@dataclass(slots=True)
class BulkProduct:
    """One product to create with its SKUs, or SKUs to add to `existing` (a product id)."""

    title: str
    variants: list[BulkVariant]
    is_group: bool = False
    description: str = ""
    warranty: str = ""
    brand: str = ""
    image_urls: tuple[str, ...] = ()
    existing: int | None = None


@transaction.atomic
def create_products(products: Sequence[BulkProduct]) -> None:
    """Create products and SKUs, about twelve statements for any number.

    The rules are those of `services.products.create_product`. Raise `CatalogueError` when one of the SKUs is taken.
    """
    if not products:
        return
    lock_new_skus()
    keys = {sku_key(one.sku): one.sku for product in products for one in product.variants}
    taken = Variant.objects.by_key(keys).values_list("sku", flat=True).first()
    if taken is not None:
        raise CatalogueError(_("The SKU “%s” is taken. Enter another SKU.") % taken)
    brands = brands_by_name([one.brand for one in products if one.brand])
    rows = _product_rows(products, brands)
    places = _last_places([one.existing for one in products if one.existing is not None])
    variants: list[Variant] = []
    for product, row in zip(products, rows, strict=True):
        first = places.get(row.pk, -1) + 1
        for place, one in enumerate(product.variants, start=first):
            variant = make(
                Variant,
                product=row,
                sku=one.sku,
                sku_key=sku_key(one.sku),
                options=one.options if product.is_group else {},
                barcode=one.barcode,
                price=one.price,
                selling_price=one.selling_price,
                cost=one.cost,
                currency=one.currency,
                weight_grams=one.weight_grams,
                position=place,
            )
            variant.search_text = search_text.variant_text(variant)
            variants.append(variant)
    insert(variants)
    wanted = [one for product in products for one in product.variants]
    for one, variant in zip(wanted, variants, strict=True):
        one.pk = variant.pk
    images = [
        make(ProductImage, product_id=row.pk, url=url[:1000], position=at)
        for product, row in zip(products, rows, strict=True)
        for at, url in enumerate(product.image_urls)
        if product.existing is None
    ]
    insert(images, keys=False)
    copies.want(image.url for image in images)
    skus: dict[int, list[str]] = defaultdict(list)
    for variant in variants:
        skus[variant.product_id].append(variant.sku)
    audit.record_many("added", [(row, {"sku": (None, ", ".join(skus[row.pk]))}) for row in rows])
    callbacks.call_mapped(None, list(keys))


def _product_rows(products: Sequence[BulkProduct], brands: Mapping[str, Brand]) -> list[Product]:
    """Return the row of each product; new ones are inserted."""
    ids = [one.existing for one in products if one.existing is not None]
    known = {row.pk: row for row in Product.objects.filter(pk__in=ids).select_related("brand")}
    rows, new = [], []
    for one in products:
        if one.existing is not None:
            rows.append(known[one.existing])
            continue
        row = make(
            Product,
            title=one.title[:300],
            kind=Product.Kind.GROUP if one.is_group else Product.Kind.SINGLE,
            description=one.description,
            warranty=one.warranty,
            brand=brands.get(brand_key(one.brand)),
            option_names=list(one.variants[0].options) if one.is_group else [],
            edited_fields=sorted(FIELDS),
        )
        rows.append(row)
        new.append(row)
    insert(new)
    return rows


def _last_places(product_ids: Collection[int]) -> dict[int, int]:
    last = Variant.objects.filter(product__in=product_ids).order_by().values("product")
    return dict(last.annotate(last=models.Max("position")).values_list("product", "last"))


@transaction.atomic
def remove_variants(variant_ids: Collection[int]) -> None:
    """Remove SKUs that were created by mistake, and products that have no other SKU.

    A SKU that stock history or orders name is not deleted: it is no longer sold, and its product is archived when all its
    SKUs are removed. Raise `CatalogueError` when a store lists one of them.
    """
    rows = list(Variant.objects.filter(pk__in=list(variant_ids)).select_related("product").order_by("pk"))
    ids = [row.pk for row in rows]
    listed = Variant.objects.filter(pk__in=ids, listing_variants__isnull=False).first()
    if listed is not None:
        raise CatalogueError(_("%s is listed on a store. Delete the listing first.") % listed.sku)
    named = _named_elsewhere(ids)
    audit.record_many("deleted", [(row, {}) for row in rows if row.pk not in named])
    Variant.objects.filter(pk__in=[pk for pk in ids if pk not in named]).delete()
    Variant.objects.filter(pk__in=named).update(is_stopped=True)
    products = {row.product_id for row in rows}
    left = set(Variant.objects.filter(product__in=products).values_list("product", flat=True))
    sold = set(
        Variant.objects.filter(product__in=products, is_stopped=False).values_list("product", flat=True)
    )
    Product.objects.filter(pk__in=products - left).delete()
    Product.objects.filter(pk__in=(products & left) - sold).update(is_archived=True)
    callbacks.call_availability(named)


def _named_elsewhere(variant_ids: Collection[int]) -> set[int]:
    """Return the variants that rows of other apps name which may not be deleted: stock, orders."""
    found: set[int] = set()
    for relation in Variant._meta.related_objects:
        if relation.on_delete is models.PROTECT:
            rows = relation.related_model._base_manager.filter(
                **{f"{relation.field.name}__in": list(variant_ids)}
            )
            found.update(rows.values_list(f"{relation.field.name}_id", flat=True))
    return found
