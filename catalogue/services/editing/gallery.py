"""The gallery of a product: add, order, describe and remove pictures (R-CAT-09).

Pictures without a SKU are common to the product, those of a SKU belong to that variant. A change of the common pictures is
an edit of the field `images`: imports do not change it again, and the stores that list the product are sent the pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from catalogue.errors import CatalogueError
from catalogue.models import Product, ProductImage
from catalogue.pictures import copies, originals, sweep
from catalogue.pictures.convert import UnusablePicture, original
from catalogue.services.products import FIELDS, send_changes
from oms.kit.authors import audit
from oms.kit.numbers import is_web_address

MOST_BYTES = 10 * 1024 * 1024  # of an uploaded file
MOST_FILES = 20  # of one upload
MOST_PICTURES = 60  # of one product
LONGEST_ADDRESS = 1000


@transaction.atomic
def add_addresses(product: Product, addresses: Iterable[str], *, variant_id: int | None = None) -> int:
    """Add pictures by web address after the others, of the product or of one of its SKUs; return how many were new.

    Raise `CatalogueError` for an address that is none, and above `MOST_PICTURES`.
    """
    wanted = list(dict.fromkeys(line.strip() for line in addresses if line.strip()))
    for address in wanted:
        if not is_web_address(address) or len(address) > LONGEST_ADDRESS or " " in address:
            raise CatalogueError(
                _("“%s” is not a web address. Enter one that begins with https://.") % address[:100]
            )
    if not wanted:
        raise CatalogueError(_("Enter the web address of a picture."))
    row = _locked(product)
    known = set(row.images.filter(variant=variant_id).values_list("url", flat=True))
    return _add(row, [address for address in wanted if address not in known], variant_id)


def upload(product: Product, files: Sequence[tuple[str, bytes]], *, variant_id: int | None = None) -> int:
    """Add uploaded pictures, given as (name of the file, its bytes); all of them or none. Return how many.

    Raise `CatalogueError` with the name of the first file that is no usable picture or is too large.
    """
    if not files:
        raise CatalogueError(_("Choose a picture."))
    if len(files) > MOST_FILES:
        raise CatalogueError(_("Upload at most %d pictures at a time.") % MOST_FILES)
    ready = []
    for name, content in files:
        if len(content) > MOST_BYTES:
            raise CatalogueError(too_large(name))
        try:
            ready.append(original(content))
        except UnusablePicture as error:
            raise CatalogueError(f"{name}: {error}") from error
    with transaction.atomic():
        row = _locked(product)
        _check_room(row, len(ready))
        addresses = [originals.save(content, suffix) for content, suffix in ready]
        added = _add(row, addresses, variant_id)
        sweep.store_now(addresses)
    return added


def too_large(name: str) -> str:
    """Return the sentence for a file that is too large."""
    return _("%(name)s is larger than %(most)d MB. Upload a smaller picture.") % {
        "name": name,
        "most": MOST_BYTES // (1024 * 1024),
    }


@transaction.atomic
def set_order(product: Product, picture_ids: Sequence[int]) -> None:
    """Order the pictures of a product as given; the first common one is the main picture.

    Pictures that are not named keep their order, after the others.
    """
    row = _locked(product)
    rows = {one.pk: one for one in _of(row)}
    order = [pk for pk in dict.fromkeys(picture_ids) if pk in rows]
    order += [pk for pk in rows if pk not in order]
    before = _words(row)
    for place, pk in enumerate(order):
        rows[pk].position = place
    ProductImage.objects.bulk_update(rows.values(), ["position"])
    _saved(row, before)


def move(product: Product, picture_id: int, steps: int) -> None:
    """Move one picture by so many places: -1 is one place to the front."""
    order = [one.pk for one in _of(product)]
    if picture_id not in order:
        raise CatalogueError(_("The picture was removed meanwhile."))
    at = order.index(picture_id)
    order.insert(max(0, min(len(order) - 1, at + steps)), order.pop(at))
    set_order(product, order)


@transaction.atomic
def describe(product: Product, picture_id: int, *, alt: str, variant_id: int | None) -> None:
    """Set the description of a picture, and the SKU that it shows (None: all)."""
    row = _locked(product)
    picture = _one(row, picture_id)
    before = _words(row)
    _check_variant(row, variant_id)
    with audit.watch(picture, "alt"):
        picture.alt, picture.variant_id = " ".join(alt.split())[:300], variant_id
        picture.save(update_fields=["alt", "variant"])
    _saved(row, before)


@transaction.atomic
def remove(product: Product, picture_id: int) -> None:
    """Remove a picture from the product; stores that take pictures no longer show it."""
    row = _locked(product)
    picture = _one(row, picture_id)
    before = _words(row)
    picture.delete()
    _saved(row, before)


def _locked(product: Product) -> Product:
    return Product.objects.select_for_update(of=("self",)).get(pk=product.pk)


def _of(product: Product) -> list[ProductImage]:
    return list(product.images.order_by("position", "pk"))


def _one(product: Product, picture_id: int) -> ProductImage:
    picture = product.images.filter(pk=picture_id).first()
    if picture is None:
        raise CatalogueError(_("The picture was removed meanwhile."))
    return picture


def _check_variant(product: Product, variant_id: int | None) -> None:
    if variant_id is not None and not product.variants.filter(pk=variant_id).exists():
        raise CatalogueError(_("The SKU does not belong to this product any more."))


def _check_room(product: Product, more: int) -> None:
    if product.images.count() + more > MOST_PICTURES:
        raise CatalogueError(_("A product has at most %d pictures. Remove some first.") % MOST_PICTURES)


def _add(product: Product, addresses: Sequence[str], variant_id: int | None) -> int:
    _check_variant(product, variant_id)
    _check_room(product, len(addresses))
    before = _words(product)
    last = product.images.aggregate(last=Max("position"))["last"]
    start = 0 if last is None else last + 1
    ProductImage.objects.bulk_create(
        ProductImage(product=product, variant_id=variant_id, url=address, position=start + place)
        for place, address in enumerate(addresses)
    )
    copies.want(addresses)
    _saved(product, before)
    return len(addresses)


def _words(product: Product) -> dict[str, str]:
    """Return the pictures as the audit log shows them: the common ones, and those of each SKU."""
    found: dict[str, list[str]] = {"images": []}
    for picture in product.images.select_related("variant").order_by("position", "pk"):
        name = f"images.{picture.variant.sku}" if picture.variant else "images"
        found.setdefault(name, []).append(picture.url)
    return {name: ", ".join(map(originals.short, urls)) for name, urls in found.items()}


def _saved(product: Product, before: dict[str, str]) -> None:
    """Record the change and send the pictures to the stores; nothing is done when the pictures are as before."""
    changes = audit.difference(before, _words(product))
    if not changes:
        return
    product.edited_fields = sorted({*product.edited_fields, "images"})
    product.save(update_fields=["edited_fields", "updated_at"])
    audit.record("changed", product, changes)
    send_changes(product, {FIELDS["images"]})
