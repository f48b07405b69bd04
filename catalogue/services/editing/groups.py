"""Join single products to a group, and release a SKU from its group as a product of its own (R-CAT-05)."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalogue import search_text
from catalogue.errors import CatalogueError
from catalogue.models import Listing, ListingVariant, Product, ProductImage, Variant, sku_key
from catalogue.services.editing.options import options_of, set_options
from oms.kit.authors import audit

#: What a released SKU takes from its group.
SHARED = ("description", "warranty", "brand_id", "attributes", "tags")


def single_of(sku: str) -> Variant:
    """Return the SKU of a single product. Raise `CatalogueError` for an unknown SKU and for one of a group."""
    found = (
        Variant.objects.current().select_related("product").filter(sku_key=sku_key(sku)).first()
        if sku_key(sku)
        else None
    )
    if found is None:
        raise CatalogueError(_("There is no SKU “%s”. Enter the SKU of a single product.") % sku.strip())
    if found.product.kind == Product.Kind.GROUP:
        raise CatalogueError(
            _("%(sku)s belongs to the group “%(title)s”. Release it there first.")
            % {"sku": found.sku, "title": found.product.title}
        )
    return found


def lost_by_joining(variant: Variant) -> list[str]:
    """Return what is not used any more when this single product joins a group, one sentence each."""
    product = variant.product
    found = [
        _("Its title “%s” is not used any more: the group has one title. It stays in the history.")
        % product.title
    ]
    names = [
        words
        for words, value in (
            (_("description"), product.description),
            (_("warranty"), product.warranty),
            (_("brand"), product.brand_id),
            (_("attributes"), product.attributes),
            (_("tags"), product.tags),
        )
        if value
    ]
    if names:
        found.append(_("Not used any more: its %s. The group's are used.") % ", ".join(names))
    found.append(_("Its first picture becomes the picture of the SKU; the others are added to the group."))
    stores = _stores_of(variant)
    if stores:
        found.append(
            _("%s keeps its own listing of this SKU. It is sent the title of the group with the options.")
            % ", ".join(stores)
        )
    found.append(_("SKU, stock, prices, orders and listings stay. The product without a SKU is archived."))
    return found


@transaction.atomic
def join(product: Product, variant: Variant, values: Mapping[str, str]) -> Variant:
    """Move the SKU of a single product to this group, with its stock, prices, orders and listings. Return the saved SKU.

    `values` has a value for each option of the group. Raise `CatalogueError` for a SKU of another group, a missing value,
    and options that another SKU of the group has.
    """
    pks = sorted({product.pk, variant.product_id})
    rows = {
        row.pk: row
        for row in Product.objects.select_for_update(of=("self",)).filter(pk__in=pks).order_by("pk")
    }
    if len(rows) < 2:
        raise CatalogueError(_("%s is in this group already.") % variant.sku)
    group, source = rows[product.pk], rows[variant.product_id]
    row = Variant.objects.select_for_update(of=("self",)).get(pk=variant.pk)
    if source.kind == Product.Kind.GROUP or row.product_id != source.pk:
        raise CatalogueError(_("%s belongs to another group. Release it there first.") % row.sku)
    if not group.option_names:
        raise CatalogueError(_("Set the options of this product first, for example Size: S, M."))
    options = {name: " ".join(str(values.get(name, "")).split()) for name in group.option_names}
    if empty := next((name for name, value in options.items() if not value), None):
        raise CatalogueError(_("Enter the %(option)s of %(sku)s.") % {"option": empty, "sku": row.sku})
    known = options_of(group)
    for name, value in options.items():
        same = next((one for one in known[name] if one.casefold() == value.casefold()), None)
        options[name] = same or value
        if same is None:
            known[name].append(value)
    for other in group.variants.current():
        if {name: str(other.options.get(name, "")) for name in options} == options:
            raise CatalogueError(
                _("%(sku)s has these options already: %(options)s.")
                % {"sku": other.sku, "options": ", ".join(options.values())}
            )
    Listing.objects.filter(product=source).update(product=group)
    _move_pictures(source, group, row)
    row.product, row.options, row.position = group, options, group.variants.count()
    row.save(update_fields=["product", "options", "position"])
    source.is_archived = True
    source.save(update_fields=["is_archived", "updated_at"])
    group.kind = Product.Kind.GROUP
    group.save(update_fields=["kind", "updated_at"])
    audit.record_many(
        "product.joined",
        [
            (group, {"sku": (None, row.sku)}),
            (source, {"sku": (row.sku, None), "title": (source.title, group.title)}),
        ],
    )
    set_options(group, known)
    search_text.refresh_after(variants=[row.pk])
    return row


def _move_pictures(source: Product, group: Product, variant: Variant) -> None:
    known = set(group.images.values_list("url", flat=True))
    start = group.images.count()
    for place, picture in enumerate(source.images.order_by("variant_id", "position", "pk")):
        if picture.url in known and picture.variant_id is None:
            picture.delete()
            continue
        picture.product, picture.position = group, start + place
        picture.variant = variant if place == 0 or picture.variant_id else None
        picture.save(update_fields=["product", "position", "variant"])


def lost_by_releasing(variant: Variant) -> list[str]:
    """Return what changes when this SKU leaves its group, one sentence each."""
    return [
        _(
            "It becomes a product of its own with the title “%s” and a copy of the group's details and pictures."
        )
        % released_title(variant),
        _("Later changes of the group do not reach it, and it loses its options in the group."),
        _("SKU, stock, prices and orders stay."),
    ]


def released_title(variant: Variant) -> str:
    """Return the title of a SKU that leaves its group."""
    values = ", ".join(str(value) for value in variant.options.values())
    return (f"{variant.product.title} – {values}" if values else variant.product.title)[:300]


@transaction.atomic
def release(variant: Variant) -> Product:
    """Make a SKU of a group a single product of its own; return the product.

    A listing that has this SKU alone goes with it. Raise `CatalogueError` for the last SKU, and while a store lists the SKU
    together with others: the store's product would not be this one.
    """
    group = Product.objects.select_for_update(of=("self",)).get(pk=variant.product_id)
    row = Variant.objects.select_for_update(of=("self",)).select_related("product").get(pk=variant.pk)
    if group.variants.current().count() < 2:
        raise CatalogueError(_("%s is the only SKU of the product: there is nothing to release.") % row.sku)
    own, shared = _listings_of(row)
    if shared:
        raise CatalogueError(
            ngettext(
                "%(store)s lists %(sku)s together with %(count)d other SKU. Delete that listing first.",
                "%(store)s lists %(sku)s together with %(count)d other SKUs. Delete that listing first.",
                shared[0].others,  # type: ignore[attr-defined]
            )
            % {"store": shared[0].connection.name, "sku": row.sku, "count": shared[0].others}  # type: ignore[attr-defined]
        )
    product = Product.objects.create(
        title=released_title(row),
        kind=Product.Kind.SINGLE,
        edited_fields=group.edited_fields,
        **{name: getattr(group, name) for name in SHARED},
    )
    pictures = list(group.images.order_by("position", "pk"))
    mine = [one for one in pictures if one.variant_id == row.pk]
    common = [one for one in pictures if one.variant_id is None]
    ProductImage.objects.filter(pk__in=[one.pk for one in mine]).delete()
    ProductImage.objects.bulk_create(
        ProductImage(product=product, url=one.url, alt=one.alt, position=place)
        for place, one in enumerate([*mine, *common])
    )
    Listing.objects.filter(pk__in=[one.pk for one in own]).update(product=product)
    row.product, row.options, row.position = product, {}, 0
    row.save(update_fields=["product", "options", "position"])
    audit.record_many(
        "product.released", [(group, {"sku": (row.sku, None)}), (product, {"sku": (None, row.sku)})]
    )
    search_text.refresh_after(variants=[row.pk])
    return product


def _listings_of(variant: Variant) -> tuple[list[Listing], list[Listing]]:
    """Return the listings that have this SKU alone, and those of connected stores that have others too (`others`)."""
    own, shared = [], []
    rows = ListingVariant.objects.filter(variant=variant).select_related("listing__connection")
    for listing in {row.listing_id: row.listing for row in rows}.values():
        others = listing.variants.exclude(variant=variant).count()
        if not others:
            own.append(listing)
        elif listing.state != Listing.State.REMOVED:
            listing.others = others  # type: ignore[attr-defined]
            shared.append(listing)
    return own, shared


def _stores_of(variant: Variant) -> list[str]:
    rows = ListingVariant.objects.live().filter(variant=variant).select_related("connection")
    return sorted({row.connection.name for row in rows})
