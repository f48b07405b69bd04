# long because: the verbs of a product and its listings are read together; each is short.
"""The verbs of the catalogue, for screens, commands and the layers above. One transaction each, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue import faults, hooks, ingest
from catalogue.errors import CatalogueError
from catalogue.lists import brands_by_name, want_attributes
from catalogue.models import Brand, Listing, ListingVariant, Product, ProductImage, SkuAlias, Variant, sku_key
from catalogue.prices import amount, has_currency
from channels import outbox
from channels.base import Capability, Stream
from channels.models import Connection, RejectedRecord
from channels.outbox import Topic
from oms.kit.actors import Author
from oms.kit.models import Problem

#: What may be edited of a product, and the words of `ListingDraft.changed` that tell a store of it.
FIELDS = {
    "title": "title",
    "description": "description",
    "warranty": "warranty",
    "brand": "brand",
    "attributes": "attributes",
    "images": "image_urls",
}


@dataclass(frozen=True, slots=True)
class NewVariant:
    """One SKU of a product to be made."""

    sku: str
    price: Any = None
    selling_price: Any = None
    currency: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    barcode: str = ""
    weight_grams: int | None = None
    image_url: str = ""


def checked_sku(sku: str) -> str:
    """The SKU without outer space; raises `CatalogueError` when it is empty, too long, or taken."""
    clean = sku.strip()
    if not sku_key(clean):
        raise CatalogueError(_("A SKU is needed."))
    if len(clean) > 120 or len(sku_key(clean)) > 120:
        raise CatalogueError(_("The SKU “%s…” is longer than 120 letters.") % clean[:40])
    if Variant.objects.filter(sku_key=sku_key(clean)).exists():
        raise CatalogueError(_("The SKU “%s” is taken.") % clean)
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
    """Make a product with its SKUs: one = single, several = group, told apart by their options.

    Raises `CatalogueError` for an empty title, no SKU, a SKU twice or taken, or variants of a group that have the
    same options or not the same option names.
    """
    if not title.strip():
        raise CatalogueError(_("A product needs a title."))
    if not variants:
        raise CatalogueError(_("A product needs at least one SKU."))
    ingest.lock()
    keys = [sku_key(one.sku) for one in variants]
    if len(set(keys)) != len(keys):
        raise CatalogueError(_("The same SKU is there twice."))
    is_group = len(variants) > 1
    names = list(variants[0].options)
    if is_group and (not names or any(list(one.options) != names for one in variants)):
        raise CatalogueError(
            _("Each variant of a group needs a value for the same options, such as Size and Colour.")
        )
    if is_group and len({tuple(one.options.values()) for one in variants}) != len(variants):
        raise CatalogueError(_("Two variants have the same options."))
    product = Product.objects.create(
        title=title.strip()[:300],
        kind=Product.Kind.GROUP if is_group else Product.Kind.SINGLE,
        description=description,
        warranty=warranty,
        brand=_brand(brand),
        attributes=dict(attributes or {}),
        option_names=names if is_group else [],
        edited_fields=sorted(FIELDS),
    )
    made = [
        Variant(
            product=product,
            sku=checked_sku(one.sku),
            sku_key=sku_key(one.sku),
            options=dict(one.options) if is_group else {},
            barcode=one.barcode[:64],
            price=amount(one.price, _("price")),
            selling_price=amount(one.selling_price, _("selling price")),
            currency=one.currency.upper()[:3],
            weight_grams=one.weight_grams,
            position=place,
        )
        for place, one in enumerate(variants)
    ]
    Variant.objects.bulk_create(made)
    images = [
        ProductImage(product=product, url=url[:1000], position=at) for at, url in enumerate(image_urls) if url
    ]
    images += [
        ProductImage(product=product, variant=variant, url=one.image_url[:1000])
        for variant, one in zip(made, variants, strict=True)
        if one.image_url
    ]
    ProductImage.objects.bulk_create(images)
    hooks.tell_mapped(None, [variant.sku_key for variant in made])
    return product


def _brand(name: str | Brand | None) -> Brand | None:
    if name is None or isinstance(name, Brand):
        return name
    return next(iter(brands_by_name([name]).values()), None)


@transaction.atomic
def edit_product(product: Product, changes: Mapping[str, Any]) -> Product:
    """Change what is common to a product (R-CAT-09): title, description, warranty, brand, attributes, images.

    What was edited here is never changed by a pull again (`edited_fields`), and every store that lists the
    product and can be updated is told. Raises `CatalogueError` for another field or an empty title.
    """
    if unknown := sorted(set(changes) - set(FIELDS)):
        raise CatalogueError(_("“%s” cannot be edited here.") % unknown[0])
    row = Product.objects.select_for_update(of=("self",)).get(pk=product.pk)
    edited = [name for name, value in changes.items() if _edit(row, name, value)]
    if edited:
        row.edited_fields = sorted({*row.edited_fields, *edited})
        row.save()
        _listings_changed(row, {FIELDS[name] for name in edited})
    return row


def _edit(product: Product, name: str, value: Any) -> bool:
    """Set one field; whether that changed anything."""
    if name == "images":
        urls = [str(url).strip()[:1000] for url in value if str(url).strip()]
        common = product.images.filter(variant=None)
        if list(common.values_list("url", flat=True)) == urls:
            return False
        common.delete()
        ProductImage.objects.bulk_create(
            ProductImage(product=product, url=url, position=at) for at, url in enumerate(urls)
        )
        return True
    if name == "brand":
        value = _brand(value)
    elif name == "attributes":
        value = dict(value)
    else:
        value = str(value).strip() if name == "title" else str(value)
    if name == "title" and not value:
        raise CatalogueError(_("A product needs a title."))
    if getattr(product, name) == value:
        return False
    setattr(product, name, value[:300] if name == "title" else value)
    return True


def _listings_changed(product: Product, words: set[str]) -> None:
    """Note these words on the product's listings, and tell their stores; a warranty only where listings have one."""
    listed = product.listings.exclude(external_id="").exclude(state=Listing.State.REMOVED)
    told = []
    for listing in listed.select_related("connection"):
        wanted = words if listing.connection.spec.has_warranty else words - {"warranty"}
        if wanted:
            listing.changed_fields = sorted({*listing.changed_fields, *wanted})
            told.append(listing)
    Listing.objects.bulk_update(told, ["changed_fields"])
    outbox.touch(Topic.LISTING_UPDATE, [(listing.connection_id, listing.pk) for listing in told])


@transaction.atomic
def set_price(
    what: Variant | ListingVariant,
    *,
    price: Any,
    selling_price: Any = None,
    currency: str = "",
) -> None:
    """Set the price of a SKU everywhere (`Variant`), or on one store (`ListingVariant`); stores that show it are told.

    On a store, no price = the SKU's own again. `currency` is checked against the store's where it is given.
    Raises `CatalogueError` for what is no amount, or a currency that the store does not have.
    """
    new, offer = amount(price, _("price")), amount(selling_price, _("selling price"))
    if new is None and offer is not None and isinstance(what, Variant):
        raise CatalogueError(_("A selling price needs a price beside it."))
    if isinstance(what, ListingVariant):
        if currency and not has_currency(what.connection, currency):
            raise CatalogueError(
                _("%(store)s has no prices in %(currency)s: it keeps %(own)s.")
                % {
                    "store": what.connection.name,
                    "currency": currency.upper(),
                    "own": what.connection.currency,
                }
            )
        what.price, what.selling_price = new, offer
        what.save(update_fields=["price", "selling_price"])
        _price_changed([what.listing_id])
        return
    what.price, what.selling_price = new, offer
    if currency:
        what.currency = currency.upper()[:3]
    what.save(update_fields=["price", "selling_price", "currency"])
    _price_changed(what.listing_variants.values_list("listing_id", flat=True))


def _price_changed(listing_ids: Iterable[int]) -> None:
    """Tell of the listing's other SKUs too: some channels keep one offer for the whole product."""
    shown = ListingVariant.objects.live().filter(listing__in=list(listing_ids))
    outbox.touch(Topic.PRICE, list(shown.values_list("connection_id", "pk")))


@transaction.atomic
def stop_selling(
    *,
    variants: Iterable[Variant] = (),
    listing_variants: Iterable[ListingVariant] = (),
    stopped: bool = True,
) -> None:
    """Offer 0 of these SKUs on every store, or of these listed SKUs on theirs, at once; or sell again (R-INV-07)."""
    everywhere, here = [row.pk for row in variants], list(listing_variants)
    Variant.objects.filter(pk__in=everywhere).update(is_stopped=stopped)
    ListingVariant.objects.filter(pk__in=[row.pk for row in here]).update(is_stopped=stopped)
    for row in here:
        row.is_stopped = stopped
    hooks.tell_availability({*everywhere, *(row.variant_id for row in here)})


# ------------------------------------------------------------------------------------ on a store


@transaction.atomic
def list_on_store(
    product: Product, connection: Connection, *, category_external_ids: Sequence[str] = ()
) -> Listing:
    """Put a product on a store (R-CAT-08): a draft here, and the message that makes it there.

    Raises `CatalogueError` when the channel cannot make such a listing, the product is there already, or one of
    its SKUs is listed there under another product.
    """
    capability = (
        Capability.CREATE_LISTING_GROUP
        if product.kind == Product.Kind.GROUP
        else Capability.CREATE_LISTING_SINGLE
    )
    _must(connection, capability)
    Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=connection.pk)
    variants = list(product.variants.all())
    keys = {sku_key(variant.sku): variant for variant in variants}
    there = {
        row.sku_key: row
        for row in ListingVariant.objects.filter(connection=connection, sku_key__in=keys).select_related(
            "listing"
        )
    }
    for row in there.values():
        if row.listing.state != Listing.State.REMOVED and row.external_id:
            raise CatalogueError(
                _("%(sku)s is on %(store)s already.") % {"sku": row.external_sku, "store": connection.name}
            )
        if row.listing.state == Listing.State.DRAFT:
            raise CatalogueError(
                _("%(sku)s is being put on %(store)s already.")
                % {"sku": row.external_sku, "store": connection.name}
            )
    listing = Listing.objects.create(
        product=product,
        connection=connection,
        state=Listing.State.DRAFT,
        remote_kind=product.kind,
        remote_title=product.title,
        category_external_ids=[str(each) for each in category_external_ids],
    )
    for key, variant in keys.items():
        row = there.get(key) or ListingVariant(connection=connection, external_sku=variant.sku, sku_key=key)
        row.listing, row.variant, row.external_id = listing, variant, ""
        row.sent_quantity = row.sent_at = row.remote_quantity = None
        row.save()
    outbox.touch(Topic.LISTING_CREATE, [(connection.pk, listing.pk)])
    want_attributes(connection, listing.category_external_ids)
    return listing


@transaction.atomic
def delete_listing(listing: Listing) -> None:
    """Take a product off a store (R-CAT-11); the product itself stays. A draft that was not sent is dropped here.

    Raises `CatalogueError` with the reason where the channel cannot delete.
    """
    _must(listing.connection, Capability.DELETE_LISTING)
    row = Listing.objects.select_for_update(of=("self",)).get(pk=listing.pk)
    if row.external_id:
        outbox.touch(Topic.LISTING_DELETE, [(row.connection_id, row.pk)])
    else:
        Listing.objects.filter(pk=row.pk).update(state=Listing.State.REMOVED)


def _must(connection: Connection, capability: Capability) -> None:
    offered: Mapping[str, str] = connection.account.get("offered", {})
    if not connection.spec.supports(capability) or capability in offered:
        reason = offered.get(capability) or connection.spec.reason(capability)
        raise CatalogueError(str(reason) or _("%s cannot do this.") % connection.spec.label)


# ------------------------------------------------------------------------------------ SKUs


@transaction.atomic
def map_sku(connection: Connection | None, sku: str, variant: Variant, by: Author) -> SkuAlias:
    """Say that a channel's SKU (on one store, or everywhere) means this variant; orders waiting for it go on.

    Saying it again for another variant moves the mapping. Raises `CatalogueError` when the SKU is empty, is one
    of our own that means another variant, or is listed on the store as another variant (that is a merge).
    """
    key = sku_key(sku)
    if not key:
        raise CatalogueError(_("A SKU is needed."))
    own = Variant.objects.filter(sku_key=key).exclude(pk=variant.pk).first()
    if own is not None and connection is None:
        raise CatalogueError(_("“%s” is a SKU of its own here: map it for one store.") % own.sku)
    if connection is not None:
        listed = (
            ListingVariant.objects.filter(connection=connection, sku_key=key).exclude(variant=variant).first()
        )
        if listed is not None:
            raise CatalogueError(
                _("“%(sku)s” is listed on %(store)s as %(other)s: merge the two instead.")
                % {"sku": sku, "store": connection.name, "other": listed.variant.sku}
            )
    alias, _made = SkuAlias.objects.update_or_create(
        connection=connection, sku_key=key, defaults={"variant": variant, "sku": sku.strip()[:120]}
    )
    hooks.tell_mapped(connection.pk if connection is not None else None, [key])
    return alias


@transaction.atomic
def give_sku(*, problem: Problem, sku: str, by: Author) -> ListingVariant:
    """Let a product without SKU, or with one that is taken, in under this SKU; later pulls remember it (R-CAT-02).

    A SKU that we know makes it a listing of that product. Raises `CatalogueError` when the SKU is empty, too
    long, or listed on this store already, or the problem is solved.
    """
    row = Problem.objects.select_for_update(of=("self",)).get(pk=problem.pk)
    if row.resolved_at is not None or row.code not in {code.code for code in faults.CODES}:
        raise CatalogueError(_("This is solved already."))
    connection = Connection.objects.get(pk=row.subject_id)
    clean = sku.strip()
    if not sku_key(clean):
        raise CatalogueError(_("A SKU is needed."))
    if len(clean) > 120 or len(sku_key(clean)) > 120:
        raise CatalogueError(_("The SKU “%s…” is longer than 120 letters.") % clean[:40])
    taken = ListingVariant.objects.filter(connection=connection, sku_key=sku_key(clean)).first()
    if taken is not None:
        raise CatalogueError(
            _("%(store)s has the SKU “%(sku)s” already (%(id)s).")
            % {"store": connection.name, "sku": clean, "id": taken.external_id}
        )
    record, digest = faults.unpacked(row.data["record"], clean)
    read_from, read_at = faults.reading(row)
    ingest.store(
        connection,
        [record],
        read_from=read_from,
        read_at=read_at,
        hashes={record.external_id: digest},
        is_part=True,
    )
    now = timezone.now()
    Problem.objects.filter(pk=row.pk).update(
        resolved_at=now, resolution=_("given the SKU %s") % clean, resolved_by=by.user_id
    )
    RejectedRecord.objects.filter(
        connection=connection, stream=str(Stream.PRODUCTS), external_id=record.external_id, resolved_at=None
    ).update(resolved_at=now)
    return ListingVariant.objects.get(connection=connection, external_id=row.data["external_id"])
