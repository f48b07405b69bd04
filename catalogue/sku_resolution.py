"""Find the variants that order lines and SKUs of a channel mean."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from django.db.models import Q

from catalogue.inbound.import_problems import DUPLICATE_SKU
from catalogue.models import ListingVariant, SkuAlias, Variant, sku_key
from channels.models import Connection
from oms.kit.models import Problem


def variants_with_skus(keys: Collection[str]) -> dict[str, Variant]:
    """Return the variants with these SKUs (as keys) and their products, by key; for a merged SKU the one that stays."""
    rows = Variant.objects.by_key(keys).select_related("product", "merged_into__product")
    return {row.sku_key: row.merged_into or row for row in rows}


def variant_with_sku(sku: str) -> Variant | None:
    """Return the variant that has this SKU, or the one into which it was merged; None when there is none."""
    return variants_with_skus([sku_key(sku)]).get(sku_key(sku)) if sku.strip() else None


class LineKey(NamedTuple):
    """What an order line says about the product that was sold: the channel id of the variant, the SKU, or both."""

    variant_external_id: str
    sku: str


class VariantFacts(NamedTuple):
    """What an order needs to know about a variant of its lines. `more` is what the caller asked for."""

    sku: str
    barcode: str
    is_counted: bool
    is_kit: bool
    more: tuple[Any, ...] = ()


Facts = dict[int, VariantFacts]


def variant_facts(variant_ids: Collection[int], more: Sequence[str] = ()) -> Facts:
    """Return the facts of these variants by their id. One query; none for an empty collection.

    `more` are other columns that the caller needs, as paths from the variant.
    """
    if not variant_ids:
        return {}
    rows = Variant.objects.filter(pk__in=set(variant_ids)).order_by()
    found = rows.values_list("pk", "sku", "barcode", "is_counted", "is_kit", *more)
    return {row[0]: VariantFacts(row[1], row[2], row[3], row[4], tuple(row[5:])) for row in found}


def resolve_variants(
    connection: Connection,
    keys: Collection[LineKey],
    facts: Facts | None = None,
    unsure: dict[LineKey, list[int]] | None = None,
    more: Sequence[str] = (),
) -> dict[LineKey, int]:
    """Return the variant id of each key; keys without a variant, and keys that may mean several, are left out.

    The channel id is tried first, then the SKU as this store lists it, then a mapped SKU (of this store before one of
    all stores), then Manifold's own SKU. Nothing is guessed: a key whose id and SKU mean two variants is left out, and
    so is one whose SKU several products of the store have, unless its id says which. One query when all ids are known,
    at most five whatever the number of keys. `facts` receives what was read about variants on the way, with the columns
    `more` as in `variant_facts`; `unsure` the possible variants of the keys that mean several.
    """
    wanted = set(keys)
    by_id = _by_id(connection, {key.variant_external_id for key in wanted} - {""}, facts, more)
    found: dict[LineKey, int] = {}
    rest: dict[LineKey, int | None] = {}
    for key in wanted:
        variant_id, skus = by_id.get(key.variant_external_id, (None, frozenset()))
        if variant_id is not None and sku_key(key.sku) in {"", *skus}:
            found[key] = variant_id
        else:
            rest[key] = variant_id
    by_sku = _by_sku(connection, {sku_key(key.sku) for key in rest} - {""}, facts, more)
    by_sku_alone = [key for key in rest if sku_key(key.sku) in by_sku]
    shared, own = _duplicates(connection, by_sku_alone)
    for key, variant_id in rest.items():
        named = by_sku.get(sku_key(key.sku)) if key.sku else None
        if variant_id is not None and key in own:
            named = None  # the product has this SKU in the store, and another one in Manifold
        possible = [pk for pk in dict.fromkeys((variant_id, named)) if pk is not None]
        if len(possible) == 1 and (variant_id is not None or key not in shared):
            found[key] = possible[0]
        elif possible and unsure is not None:
            unsure[key] = possible
    return found


def _by_id(
    connection: Connection, external_ids: Collection[str], facts: Facts | None, more: Sequence[str]
) -> dict[str, tuple[int, frozenset[str]]]:
    """Return the variant of each channel id, with the SKUs that it is known by: the store's and Manifold's own."""
    if not external_ids:
        return {}
    rows = ListingVariant.objects.filter(external_id__in=external_ids, connection=connection).values_list(
        "external_id", "sku_key", "variant_id", *_of_variant(more)
    )
    found = {}
    for external_id, listed_key, variant_id, sku, *rest in rows:
        if facts is not None:
            facts[variant_id] = VariantFacts(sku, rest[0], rest[1], rest[2], tuple(rest[3:]))
        found[external_id] = (variant_id, frozenset({listed_key, sku_key(sku)}))
    return found


def _of_variant(more: Sequence[str]) -> list[str]:
    """Return the columns of `VariantFacts`, as paths from a listed SKU."""
    return [f"variant__{name}" for name in ("sku", "barcode", "is_counted", "is_kit", *more)]


def _by_sku(
    connection: Connection, skus: Collection[str], facts: Facts | None, more: Sequence[str]
) -> dict[str, int]:
    """Return the variant of each SKU (as a key): as listed in the store, else mapped, else Manifold's own."""
    if not skus:
        return {}
    by_sku = dict(Variant.objects.filter(sku_key__in=skus).values_list("sku_key", "pk"))
    aliases = SkuAlias.objects.filter(
        Q(connection=connection) | Q(connection=None), sku_key__in=skus
    ).values_list("connection_id", "sku_key", "variant_id")
    everywhere_first = sorted(aliases, key=lambda row: row[0] is not None)
    by_sku.update({key: variant_id for _store, key, variant_id in everywhere_first})
    listed = ListingVariant.objects.filter(sku_key__in=skus, connection=connection).values_list(
        "sku_key", "variant_id", *_of_variant(more)
    )
    for listed_key, variant_id, sku, *rest in listed:
        by_sku[listed_key] = variant_id
        if facts is not None:
            facts[variant_id] = VariantFacts(sku, rest[0], rest[1], rest[2], tuple(rest[3:]))
    return by_sku


def _duplicates(connection: Connection, keys: Collection[LineKey]) -> tuple[set[LineKey], set[LineKey]]:
    """Return the keys whose SKU several products of the store have, and those whose id is known to have this SKU there.

    By the problems “Duplicate SKU”: an open one says that a SKU is shared; a resolved one that the product of the id
    has got a SKU of its own in Manifold.
    """
    if not keys:
        return set(), set()
    ids, skus = {key.variant_external_id for key in keys} - {""}, {key.sku for key in keys}
    rows = Problem.objects.filter(
        Q(key__in=ids) | Q(data__sku__in=skus),
        code=DUPLICATE_SKU.code,
        subject_kind="connection",
        subject_id=connection.pk,
    ).values_list("key", "data__sku", "resolved_at")
    known = [(external_id, sku_key(str(sku)), resolved_at is None) for external_id, sku, resolved_at in rows]
    refused = {external_id for external_id, _sku, is_open in known if is_open}
    taken = {sku for _external_id, sku, is_open in known if is_open}
    pairs = {(external_id, sku) for external_id, sku, _is_open in known}
    shared = {key for key in keys if key.variant_external_id in refused or sku_key(key.sku) in taken}
    return shared, {key for key in keys if (key.variant_external_id, sku_key(key.sku)) in pairs}
