"""Create and edit products and their variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue import callbacks, search_text
from catalogue.descriptions import clean
from catalogue.errors import CatalogueError
from catalogue.inbound.matching import lock_new_skus
from catalogue.inbound.reference_data import brands_by_name
from catalogue.models import Brand, Listing, Product, ProductImage, Variant, sku_key
from catalogue.pictures import copies
from catalogue.pricing import amount
from catalogue.services.details import seen as seen_details
from catalogue.services.details.codes import checked_barcode
from channels.push import outbox
from channels.push.topics import Topic
from oms.kit.authors import audit

#: Fields of a product that can be edited, with their names in `ListingDraft.changed`; "" is not sent.
FIELDS = {
    "title": "title",
    "description": "description",
    "warranty": "warranty",
    "brand": "brand",
    "attributes": "attributes",
    "images": "image_urls",
    "tags": "",
}
MOST_TAGS, LONGEST_TAG = 50, 50


@dataclass(frozen=True, slots=True)
class NewVariant:
    """One SKU of a new product; amounts are as typed."""

    sku: str
    price: Any = None
    selling_price: Any = None
    currency: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    barcode: str = ""
    weight_grams: int | None = None
    image_url: str = ""


def checked_sku(sku: str) -> str:
    """Return the SKU without outer space. Raise `CatalogueError` when it is empty, too long or taken."""
    clean = sku.strip()
    if not sku_key(clean):
        raise CatalogueError(_("Enter a SKU."))
    if len(clean) > 120 or len(sku_key(clean)) > 120:
        raise CatalogueError(_("The SKU “%s…” is longer than 120 characters.") % clean[:40])
    if Variant.objects.filter(sku_key=sku_key(clean)).exists():
        raise CatalogueError(_("The SKU “%s” is taken. Enter another SKU.") % clean)
    return clean


@transaction.atomic
def create_product(
    *,
    title: str,
    variants: Sequence[NewVariant],
    description: str = "",
    warranty: str = "",
    brand: str = "",
    attributes: Mapping[str, str] | None = None,
    image_urls: Sequence[str] = (),
) -> Product:
    """Create a product with its SKUs: a single product with one, a group with several, which differ in their options.

    Raise `CatalogueError` for an empty title, no SKU, a SKU that is taken or used twice, and for variants of a group that
    have the same options or other option names.
    """
    if not title.strip():
        raise CatalogueError(_("Enter a title."))
    if not variants:
        raise CatalogueError(_("Enter at least one SKU."))
    lock_new_skus()
    keys = [sku_key(one.sku) for one in variants]
    if len(set(keys)) != len(keys):
        raise CatalogueError(_("Two variants have the same SKU."))
    is_group = len(variants) > 1
    names = list(variants[0].options)
    if is_group and (not names or any(list(one.options) != names for one in variants)):
        raise CatalogueError(
            _("Each variant of a group needs a value for the same options, for example Size and Colour.")
        )
    if is_group and len({tuple(one.options.values()) for one in variants}) != len(variants):
        raise CatalogueError(_("Two variants have the same options."))
    product = Product.objects.create(
        title=title.strip()[:300],
        kind=Product.Kind.GROUP if is_group else Product.Kind.SINGLE,
        description=clean(description).html,
        warranty=warranty,
        brand=_brand(brand),
        attributes=dict(attributes or {}),
        option_names=names if is_group else [],
        edited_fields=sorted(FIELDS),
    )
    created = [
        Variant(
            product=product,
            sku=checked_sku(one.sku),
            sku_key=sku_key(one.sku),
            options=dict(one.options) if is_group else {},
            barcode=checked_barcode(one.barcode),
            price=amount(one.price, _("price")),
            selling_price=amount(one.selling_price, _("selling price")),
            currency=one.currency.upper()[:3],
            weight_grams=one.weight_grams,
            position=place,
        )
        for place, one in enumerate(variants)
    ]
    Variant.objects.bulk_create(created)
    images = [
        ProductImage(product=product, url=url[:1000], position=at) for at, url in enumerate(image_urls) if url
    ]
    images += [
        ProductImage(product=product, variant=variant, url=one.image_url[:1000])
        for variant, one in zip(created, variants, strict=True)
        if one.image_url
    ]
    ProductImage.objects.bulk_create(images)
    copies.want(image.url for image in images)
    search_text.refresh_after(products=[product.pk])
    audit.record("added", product, {"sku": (None, ", ".join(variant.sku for variant in created))})
    callbacks.call_mapped(None, [variant.sku_key for variant in created])
    return product


def _brand(name: str | Brand | None) -> Brand | None:
    if name is None or isinstance(name, Brand):
        return name
    return next(iter(brands_by_name([name]).values()), None)


@transaction.atomic
def edit_product(
    product: Product, changes: Mapping[str, Any], *, seen: Mapping[str, str] | None = None
) -> Product:
    """Change title, description, warranty, brand, attributes, images or tags of a product (R-CAT-09). Return the saved row.

    Imports do not change an edited field again (`edited_fields`). The change is sent to the stores that list the product
    and can be updated. Of a description the safe HTML is saved (`catalogue.descriptions`). `seen` are the marks of what the
    person saw (`details.seen`): values that they left alone are not saved. Raise `ProductChanged` when somebody else changed
    a field that they edited, `CatalogueError` for another field or an empty title.
    """
    if unknown := sorted(set(changes) - set(FIELDS)):
        raise CatalogueError(_("“%s” cannot be edited here.") % unknown[0])
    row = Product.objects.select_for_update(of=("self",)).get(pk=product.pk)
    if seen:
        changes = seen_details.edited(changes, seen)
        seen_details.check(row, changes, seen)
    before = _shown(row)
    edited = [name for name, value in changes.items() if _edit(row, name, value)]
    if edited:
        row.edited_fields = sorted({*row.edited_fields, *edited})
        row.save()
        audit.record("changed", row, audit.difference(before, _shown(row)))
        if {"title", "brand", "tags"} & set(edited):
            search_text.refresh_after(products=[row.pk])
        send_changes(row, {FIELDS[name] for name in edited} - {""})
    return row


def _shown(product: Product) -> dict[str, Any]:
    """Return the fields of a product as the audit log shows them."""
    images = product.images.filter(variant=None).order_by("position").values_list("url", flat=True)
    return {**audit.snapshot(product, [n for n in FIELDS if n != "images"]), "images": ", ".join(images)}


def _edit(product: Product, name: str, value: Any) -> bool:
    """Set one field; return whether it changed."""
    if name == "images":
        urls = [str(url).strip()[:1000] for url in value if str(url).strip()]
        common = product.images.filter(variant=None)
        if list(common.values_list("url", flat=True)) == urls:
            return False
        texts = dict(common.values_list("url", "alt"))
        common.delete()
        ProductImage.objects.bulk_create(
            ProductImage(product=product, url=url, position=at, alt=texts.get(url, ""))
            for at, url in enumerate(urls)
        )
        copies.want(urls)
        return True
    if name == "brand":
        value = _brand(value)
    elif name == "attributes":
        value = dict(value)
    elif name == "tags":
        value = _tags(value)
    elif name == "description":
        value = clean(str(value)).html
    else:
        value = str(value).strip() if name == "title" else str(value)
    if name == "title" and not value:
        raise CatalogueError(_("Enter a title."))
    if getattr(product, name) == value:
        return False
    setattr(product, name, value[:300] if name == "title" else value)
    return True


def _tags(value: str | Sequence[str]) -> list[str]:
    """Return tags, given as a list or separated by commas, each once in whatever case. Raise `CatalogueError` for too many."""
    names = value.split(",") if isinstance(value, str) else value
    found: dict[str, str] = {}
    for name in names:
        clean_name = " ".join(name.split())
        found.setdefault(clean_name.casefold(), clean_name)
    tags = [name for name in found.values() if name]
    if len(tags) > MOST_TAGS or any(len(name) > LONGEST_TAG for name in tags):
        raise CatalogueError(
            _("A product has up to %(most)d tags, of %(long)d characters each.")
            % {"most": MOST_TAGS, "long": LONGEST_TAG}
        )
    return tags


def send_changes(product: Product, fields: set[str]) -> None:
    """Note the changed fields on the product's listings and send them; the warranty only where listings have one."""
    listed = product.listings.exclude(external_id="").exclude(state=Listing.State.REMOVED)
    changed = []
    for listing in listed.select_related("connection"):
        wanted = fields if listing.connection.spec.has_warranty else fields - {"warranty"}
        if wanted:
            listing.changed_fields = sorted({*listing.changed_fields, *wanted})
            changed.append(listing)
    Listing.objects.bulk_update(changed, ["changed_fields"])
    outbox.touch(Topic.LISTING_UPDATE, [(listing.connection_id, listing.pk) for listing in changed])
