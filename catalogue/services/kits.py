"""Kits: SKUs that are made of other SKUs. Their stock is that of their components (docs/kits.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from catalogue import callbacks
from catalogue.errors import CatalogueError
from catalogue.models import KitComponent, Variant
from oms.kit.authors import audit
from oms.kit.authors.actors import Author
from oms.kit.bulk import among, insert, make

#: Components of one kit, and units of one component in it.
MOST_COMPONENTS = 100
MOST_UNITS = 10_000

Wanted = Mapping[int, int]  # variant id of a component -> its units in one kit


class Component(NamedTuple):
    """One component of a kit, with what an order line of it needs."""

    variant_id: int
    units: int
    sku: str
    title: str
    barcode: str
    is_counted: bool


def components_of(kit_ids: Collection[int]) -> dict[int, list[Component]]:
    """Return the components of these kits by the id of the kit; one query, none for an empty collection."""
    found: dict[int, list[Component]] = {}
    if not kit_ids:
        return found
    rows = KitComponent.objects.filter(kit__in=among(kit_ids), kit__is_kit=True).order_by("pk")
    for kit_id, component_id, units, sku, title, barcode, is_counted in rows.values_list(
        "kit_id",
        "component_id",
        "quantity",
        "component__sku",
        "component__product__title",
        "component__barcode",
        "component__is_counted",
    ):
        one = Component(component_id, units, sku, title, barcode, is_counted)
        found.setdefault(kit_id, []).append(one)
    return found


def kits_with(component_ids: Collection[int]) -> list[int]:
    """Return the kits (ids) that contain one of these variants; one query, none for an empty collection."""
    if not component_ids:
        return []
    rows = KitComponent.objects.filter(component__in=among(component_ids))
    return sorted(set(rows.values_list("kit_id", flat=True)))


def set_components(kit: Variant, wanted: Wanted, *, by: Author, was: Wanted | None = None) -> bool:
    """Make `wanted` the components of one kit; return whether anything changed. `was` is what the person saw.

    Raises like `set_kits`, and when the components are no longer `was`.
    """
    with transaction.atomic():
        return bool(set_kits({kit.pk: wanted}, by=by, was={kit.pk: was} if was is not None else {}))


@transaction.atomic
def set_kits(
    wanted: Mapping[int, Wanted], *, by: Author, was: Mapping[int, Wanted] | None = None
) -> list[int]:
    """Make these the components of kits (variant id of the kit -> components); return the kits that changed.

    No component: the SKU is no kit any more and has stock of its own again, at first none. A constant number of
    statements, whatever the number of kits. Orders that exist keep the components that they were sold with; lines
    that wait for the stock of a SKU which becomes a kit now wait for its components.

    Raises `CatalogueError`, and changes nothing: for a kit that contains itself or another kit, that is a component or
    merged, or has stock of its own; for a component that is merged; for too many components or impossible units.
    """
    variants = _locked({*wanted, *(pk for parts in wanted.values() for pk in parts)})
    now = _components_now(wanted)
    for pk, seen in (was or {}).items():
        if dict(seen) != now.get(pk, {}):
            raise CatalogueError(
                _("The components of %s were changed by somebody else. Look at them again.")
                % variants[pk].sku
            )
    changed = {pk: dict(parts) for pk, parts in wanted.items() if dict(parts) != now.get(pk, {})}
    used_in = _kits_of_components(changed)
    for pk, parts in changed.items():
        if reason := fault(variants[pk], {variants[one]: units for one, units in parts.items()}, used_in):
            raise CatalogueError(reason)
        if inner := next((one for one in parts if changed.get(one)), None):
            raise CatalogueError(_nested(variants[inner]))
    if not changed:
        return []
    KitComponent.objects.filter(kit__in=among(list(changed))).delete()
    insert(
        [
            make(KitComponent, kit_id=pk, component_id=one, quantity=units)
            for pk, parts in changed.items()
            for one, units in parts.items()
        ],
        keys=False,
    )
    made = [pk for pk, parts in changed.items() if parts and not variants[pk].is_kit]
    ended = [pk for pk, parts in changed.items() if not parts]
    if made:
        Variant.objects.filter(pk__in=among(made)).update(is_kit=True, is_counted=True)
    if ended:
        Variant.objects.filter(pk__in=among(ended)).update(is_kit=False)
    names = _skus_of({one for parts in (*now.values(), *changed.values()) for one in parts})
    audit.record_many(
        "sku.kit",
        [
            (variants[pk], {"components": (_text(now.get(pk, {}), names), _text(parts, names))})
            for pk, parts in changed.items()
        ],
        by=by,
    )
    callbacks.call_kits_made(made, by)
    callbacks.call_availability(list(changed))
    return list(changed)


def fault(kit: Variant, parts: Mapping[Variant, int], used_in: Mapping[int, str]) -> str:
    """Return why `kit` cannot be made of these components, in one sentence; "" when it can.

    `used_in` is the SKU of a kit that contains a variant (id). No component is always possible.
    """
    if not parts:
        return ""
    if kit.merged_into_id:
        return _("%s is merged into another SKU. It cannot be a kit.") % kit.sku
    if kit.pk in used_in:
        return _("%(sku)s is a component of the kit %(kit)s, so it cannot be a kit itself.") % {
            "sku": kit.sku,
            "kit": used_in[kit.pk],
        }
    if len(parts) > MOST_COMPONENTS:
        return _("A kit can have %d components at most.") % MOST_COMPONENTS
    for one, units in parts.items():
        if one.pk == kit.pk:
            return _("%s cannot be a component of itself.") % kit.sku
        if one.is_kit:
            return _nested(one)
        if one.merged_into_id:
            return _("%s is merged into another SKU. Enter the SKU that is left.") % one.sku
        if not 1 <= units <= MOST_UNITS:
            return _("Enter from 1 to %(most)s units of %(sku)s.") % {
                "most": f"{MOST_UNITS:,}",
                "sku": one.sku,
            }
    return ""


def _nested(inner: Variant) -> str:
    return (
        _("%s is a kit. A kit cannot contain another kit: enter the components of that kit instead.")
        % inner.sku
    )


def _locked(variant_ids: Collection[int]) -> dict[int, Variant]:
    """Lock these variants by primary key, so that none becomes a kit or a component of one at the same time."""
    rows = Variant.objects.filter(pk__in=among(variant_ids)).defer("search_text").order_by("pk")
    return {row.pk: row for row in rows.select_for_update(of=("self",), no_key=True)}


def _components_now(kit_ids: Collection[int]) -> dict[int, dict[int, int]]:
    found: dict[int, dict[int, int]] = defaultdict(dict)
    rows = KitComponent.objects.filter(kit__in=among(kit_ids)).order_by("pk")
    for kit_id, component_id, units in rows.values_list("kit_id", "component_id", "quantity"):
        found[kit_id][component_id] = units
    return found


def _kits_of_components(variant_ids: Collection[int]) -> dict[int, str]:
    """Return the SKU of a kit that contains the variant, by the id of the variant."""
    rows = KitComponent.objects.filter(component__in=among(variant_ids)).order_by("-pk")
    return dict(rows.values_list("component_id", "kit__sku"))


def _skus_of(variant_ids: Collection[int]) -> dict[int, str]:
    return dict(Variant.objects.filter(pk__in=among(variant_ids)).values_list("pk", "sku"))


def _text(parts: Wanted, names: Mapping[int, str]) -> str:
    return ", ".join(f"{units} × {names[pk]}" for pk, units in parts.items())


def words(components: Sequence[Component]) -> str:
    """Return "2 × MUG-BLU, 1 × BOX"."""
    return ", ".join(f"{one.units} × {one.sku}" for one in components)
