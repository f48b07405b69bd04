"""Find the variants that order lines and SKUs of a channel mean."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Q

from catalogue.models import ListingVariant, SkuAlias, Variant, sku_key
from channels.models import Connection


class LineKey(NamedTuple):
    """What an order line says about the product that was sold: the channel id of the variant, the SKU, or both."""

    variant_external_id: str
    sku: str


class VariantFacts(NamedTuple):
    """What an order needs to know about a variant of its lines."""

    sku: str
    barcode: str
    is_counted: bool


Facts = dict[int, VariantFacts]


def variant_facts(variant_ids: Collection[int]) -> Facts:
    """Return the facts of these variants by their id. One query; none for an empty collection."""
    if not variant_ids:
        return {}
    rows = Variant.objects.filter(pk__in=set(variant_ids)).order_by()
    return {row[0]: VariantFacts(*row[1:]) for row in rows.values_list("pk", "sku", "barcode", "is_counted")}


def resolve_variants(
    connection: Connection, keys: Collection[LineKey], facts: Facts | None = None
) -> dict[LineKey, int]:
    """Return the variant id of each key; keys without a variant are left out.

    The channel id is tried first, then the SKU as this store lists it, then a mapped SKU (of this store before one of
    all stores), then Manifold's own SKU. At most three queries, whatever the number of keys.
    `facts` receives what was read about variants on the way.
    """
    wanted = set(keys)
    external_ids = {key.variant_external_id for key in wanted if key.variant_external_id}
    skus = {sku_key(key.sku) for key in wanted} - {""}
    if not external_ids and not skus:
        return {}
    by_id: dict[str, int] = {}
    by_sku: dict[str, int] = {}
    listed = ListingVariant.objects.filter(
        Q(external_id__in=external_ids) | Q(sku_key__in=skus), connection=connection
    ).values_list(
        "external_id", "sku_key", "variant_id", "variant__sku", "variant__barcode", "variant__is_counted"
    )
    listed_skus: dict[str, int] = {}
    for external_id, listed_key, variant_id, sku, barcode, is_counted in listed:
        if facts is not None:
            facts[variant_id] = VariantFacts(sku, barcode, is_counted)
        if external_id in external_ids:
            by_id[external_id] = variant_id
        listed_skus[listed_key] = variant_id
    if skus:
        by_sku.update(Variant.objects.filter(sku_key__in=skus).values_list("sku_key", "pk"))
        aliases = SkuAlias.objects.filter(
            Q(connection=connection) | Q(connection=None), sku_key__in=skus
        ).values_list("connection_id", "sku_key", "variant_id")
        everywhere_first = sorted(aliases, key=lambda row: row[0] is not None)
        by_sku.update({key: variant_id for _store, key, variant_id in everywhere_first})
        by_sku.update(listed_skus)
    found: dict[LineKey, int] = {}
    for key in wanted:
        variant = by_id.get(key.variant_external_id) if key.variant_external_id else None
        if variant is None:
            variant = by_sku.get(sku_key(key.sku)) if key.sku else None
        if variant is not None:
            found[key] = variant
    return found
