"""The catalogue's part of merging two SKUs: their listings, mapped SKUs and products. `orders.services.stock.sku_merging` does the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import F, OuterRef, Subquery
from django.utils.translation import gettext as _

from catalogue import callbacks
from catalogue.errors import CatalogueError
from catalogue.models import KitComponent, Listing, ListingVariant, Product, SkuAlias, SkuMerge, Variant
from channels.models import Connection
from channels.stores import first_sync
from oms.kit.models import Job


def lock_pair(source_id: int, target_id: int) -> tuple[Variant, Variant]:
    """Lock two variants until the transaction ends, and return them as they are now."""
    rows = Variant.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=(source_id, target_id))
    found = {row.pk: row for row in rows.order_by("pk").select_related("product")}
    return found[source_id], found[target_id]


def check(source: Variant, target: Variant) -> None:
    """Raise `CatalogueError` with a sentence when `source` cannot be merged into `target`."""
    if source.pk == target.pk:
        raise CatalogueError(_("Choose another SKU: %s cannot be merged into itself.") % source.sku)
    for row in (source, target):
        if row.merged_into is not None:
            raise CatalogueError(
                _("%(sku)s is merged into %(target)s already. Undo that merge first.")
                % {"sku": row.sku, "target": row.merged_into.sku}
            )
    if source.is_counted != target.is_counted:
        raise CatalogueError(
            _("Stock is tracked for one of the two SKUs and not for the other. Make them equal first.")
        )
    if reason := _kit_fault(source, target):
        raise CatalogueError(reason)
    stores = ListingVariant.objects.filter(variant__in=(source, target)).values("connection")
    running = Job.objects.live().filter(kind=first_sync.KIND, subject_id__in=stores).values("subject_id")
    store = Connection.objects.filter(pk__in=running).first()
    if store is not None:
        raise CatalogueError(
            _("The first sync of %s is running. Merge the SKUs when it has ended.") % store.name
        )


def _kit_fault(source: Variant, target: Variant) -> str:
    """Return why two SKUs of which one is a kit, or is in one, cannot be merged; "" when they can."""
    parts = KitComponent.objects.filter(kit__in=(source, target)).select_related("kit")
    if (one := parts.filter(component__in=(source, target)).first()) is not None:
        return _("%(kit)s contains the other SKU. Remove it from the kit first.") % {"kit": one.kit.sku}
    if not target.is_kit:
        return ""
    outer = KitComponent.objects.filter(component=source, kit__is_kit=True).select_related("kit").first()
    if outer is not None:
        return _("%(sku)s is a component of %(kit)s, and a kit cannot contain another kit.") % {
            "sku": source.sku,
            "kit": outer.kit.sku,
        }
    if callbacks.stock_of([source.pk]).get(source.pk, callbacks.Units()).on_hand:
        return _("%(sku)s has stock, and the kit %(kit)s has none of its own. Set it to 0 first.") % {
            "sku": source.sku,
            "kit": target.sku,
        }
    return ""


def _move_in_kits(source: Variant, target: Variant) -> list[list[int]]:
    """Put `target` in place of `source` in all kits; return (kit, units of source, units of target before) for each."""
    before = dict(KitComponent.objects.filter(component=target).values_list("kit", "quantity"))
    rows = KitComponent.objects.filter(component=source).order_by("pk")
    moved = [[kit, units, before.get(kit, 0)] for kit, units in rows.values_list("kit", "quantity")]
    both = [kit for kit, _units, had in moved if had]
    doubled = KitComponent.objects.filter(component=source, kit=OuterRef("kit")).values("quantity")
    KitComponent.objects.filter(component=target, kit__in=both).update(
        quantity=F("quantity") + Subquery(doubled)
    )
    rows.filter(kit__in=both).delete()
    rows.update(component=target)
    return moved


def _move_back_in_kits(source: Variant, target: Variant, moved: Sequence[Sequence[int]]) -> None:
    """Undo `_move_in_kits` in the kits that were not changed since."""
    now = dict(KitComponent.objects.filter(component=target).values_list("kit", "quantity"))
    same = [(kit, units, had) for kit, units, had in moved if now.get(kit) == units + had]
    alone = [kit for kit, _units, had in same if not had]
    KitComponent.objects.filter(component=target, kit__in=alone).update(component=source)
    for kit, units, had in same:
        if had:
            KitComponent.objects.filter(component=target, kit=kit).update(quantity=had)
            KitComponent.objects.create(kit_id=kit, component=source, quantity=units)


def move_to_target(source: Variant, target: Variant) -> dict[str, Any]:
    """Make the listings and mapped SKUs of `source` those of `target`; return their ids as `SkuMerge.moved` has them.

    The SKU of `source` is mapped to `target` in all stores. The product of `source` is archived when none of its SKUs is left.
    """
    listed = list(ListingVariant.objects.filter(variant=source).order_by("pk").values_list("pk", "listing"))
    aliases = list(SkuAlias.objects.filter(variant=source).order_by("pk").values_list("pk", flat=True))
    ListingVariant.objects.filter(variant=source).update(variant=target)
    SkuAlias.objects.filter(variant=source).update(variant=target)
    SkuAlias.objects.update_or_create(
        connection=None, sku_key=source.sku_key, defaults={"variant": target, "sku": source.sku}
    )
    in_kits = _move_in_kits(source, target)
    listings = _follow_product({pk for _row, pk in listed}, target.product_id)
    Variant.objects.filter(merged_into=source).update(merged_into=target)
    source.merged_into = target
    source.save(update_fields=["merged_into"])
    is_archived = (
        not source.product.is_archived
        and source.product_id != target.product_id
        and not source.product.variants.filter(merged_into=None).exists()
        and not source.product.listings.exclude(state=Listing.State.REMOVED).exists()
    )
    if is_archived:
        Product.objects.filter(pk=source.product_id).update(is_archived=True)
    return {
        "listed": [pk for pk, _listing in listed],
        "listings": sorted(listings),
        "aliases": aliases,
        "kits": in_kits,
        "is_archived": is_archived,
    }


def move_back(merge: SkuMerge) -> None:
    """Give `merge.source` its listings and mapped SKUs back, as far as they still belong to `merge.target`."""
    source, target, moved = merge.source, merge.target, _moved(merge)
    ListingVariant.objects.filter(pk__in=moved["listed"], variant=target).update(variant=source)
    SkuAlias.objects.filter(pk__in=moved["aliases"], variant=target).update(variant=source)
    SkuAlias.objects.filter(connection=None, sku_key=source.sku_key, variant=target).delete()
    Listing.objects.filter(pk__in=moved["listings"], product=target.product).update(product=source.product)
    _move_back_in_kits(source, target, merge.moved.get("kits", []))
    source.merged_into = None
    source.save(update_fields=["merged_into"])
    if merge.moved.get("is_archived"):
        Product.objects.filter(pk=source.product_id).update(is_archived=False)


def _moved(merge: SkuMerge) -> Mapping[str, list[int]]:
    return {name: merge.moved.get(name, []) for name in ("listed", "listings", "aliases")}


def _follow_product(listing_ids: Collection[int], product_id: int) -> set[int]:
    """Make these listings listings of the product to which all their SKUs belong now; return those that changed."""
    stay = ListingVariant.objects.filter(listing__in=listing_ids).exclude(variant__product=product_id)
    rows = Listing.objects.filter(pk__in=listing_ids).exclude(pk__in=stay.values("listing"))
    changed = set(rows.exclude(product=product_id).values_list("pk", flat=True))
    Listing.objects.filter(pk__in=changed).update(product=product_id)
    return changed


def last_merge(variant: Variant) -> SkuMerge | None:
    """Return the merge by which `variant` became another SKU; None when it is not merged."""
    return SkuMerge.objects.filter(source=variant, undone_at=None).select_related("source", "target").first()
