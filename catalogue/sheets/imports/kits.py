"""The sheet of kits: one row for each component; the rows of a kit are all that it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from catalogue import callbacks
from catalogue.errors import CatalogueError
from catalogue.models import KitComponent, Variant, sku_key
from catalogue.services.kits import fault, set_kits
from catalogue.sku_resolution import variants_with_skus
from oms.kit.bulk import among
from oms.kit.imports.kinds import Draft, RowsRefused, Session

Parts = dict[int, int]  # variant id of a component -> its units in one kit


class KitPart:
    """Components of kits. A SKU that is no kit becomes one; the components that the sheet does not name are removed."""

    name = "kit"

    def check(self, drafts: Sequence[Draft], session: Session) -> None:
        wanted = [(draft, *_of(draft)) for draft in drafts]
        found = variants_with_skus(
            {key for _draft, kit, parts in wanted for key in (sku_key(kit), *map(sku_key, parts))}
        )
        kits = {found[key].pk for _draft, kit, _parts in wanted if (key := sku_key(kit)) in found}
        now, skus = _components_of(kits)
        used_in = _kits_with(kits)
        stock = callbacks.stock_of(kits)
        made: set[int] = set()  # kits of the rows above
        for draft, kit, parts in wanted:
            draft.name = kit
            variant = found.get(sku_key(kit))
            if variant is None:
                draft.reject("kit", "sku-unknown", _unknown(kit))
                continue
            draft.subject_id = variant.pk
            new = _resolved(draft, parts, found)
            if draft.is_rejected:
                continue
            if reason := fault(variant, new, used_in):
                draft.reject("component", "kit-impossible", reason)
            elif inner := next((one for one in new if one.pk in made), None):
                draft.reject("component", "kit-nested", _nested(inner.sku))
            elif not variant.is_kit and (units := stock.get(variant.pk)) and units.on_hand:
                draft.reject("kit", "kit-has-stock", _has_stock(variant.sku, units.on_hand))
            else:
                made.add(variant.pk)
                used_in |= {one.pk: variant.sku for one in new}
                skus |= {one.pk: one.sku for one in new}
                self._compare(
                    draft,
                    variant,
                    now.get(variant.pk, {}),
                    {one.pk: units for one, units in new.items()},
                    skus,
                )

    @staticmethod
    def _compare(draft: Draft, kit: Variant, old: Parts, new: Parts, skus: Mapping[int, str]) -> None:
        if old == new:
            return
        draft.is_new = not old
        draft.change("component", _words(old, skus) or None, _words(new, skus))
        draft.data["kit"] = {"old": _as_json(old), "new": _as_json(new)}

    def verify(self, rows: Sequence[Any], session: Session, *, undo: bool) -> Mapping[int, str]:
        mine = [row for row in rows if "kit" in row.data]
        now, _skus = _components_of({row.subject_id for row in mine})
        left = "new" if undo else "old"
        return {
            row.pk: _("The components were changed by somebody else since.")
            for row in mine
            if _as_json(now.get(row.subject_id, {})) != row.data["kit"][left]
        }

    def apply(self, rows: Sequence[Any], session: Session) -> None:
        self._write(rows, session, "new")

    def undo(self, rows: Sequence[Any], session: Session) -> None:
        self._write(rows, session, "old")

    @staticmethod
    def _write(rows: Sequence[Any], session: Session, which: str) -> None:
        wanted = {
            row.subject_id: {int(pk): units for pk, units in row.data["kit"][which].items()}
            for row in rows
            if "kit" in row.data
        }
        try:
            set_kits(wanted, by=session.by)
        except (CatalogueError, KeyError) as error:
            raise RowsRefused(str(error)) from None


def _of(draft: Draft) -> tuple[str, dict[str, int]]:
    """Return the SKU of the kit and the units of its components, by SKU."""
    parts = draft.record.values.get("components")
    kit = str(draft.record.values.get("kit") or "").strip()
    return kit, {str(sku): int(units) for sku, units in parts.items()} if isinstance(parts, Mapping) else {}


def _resolved(draft: Draft, parts: Mapping[str, int], found: Mapping[str, Variant]) -> dict[Variant, int]:
    """Return the components as variants; a SKU that is unknown, or the same as another one, rejects the row."""
    new: dict[Variant, int] = {}
    for sku, units in parts.items():
        variant = found.get(sku_key(sku))
        if variant is None:
            draft.reject("component", "sku-unknown", _unknown(sku))
        elif variant in new:
            reason = _("%(sku)s is the SKU %(other)s, which the kit has already.")
            draft.reject("component", "duplicate-in-file", reason % {"sku": sku, "other": variant.sku})
        else:
            new[variant] = units
    return new


def _unknown(sku: str) -> str:
    return _("Manifold does not have the SKU “%s”.") % sku


def _nested(sku: str) -> str:
    return (
        _("%s is a kit of this file. A kit cannot contain another kit: enter its components instead.") % sku
    )


def _has_stock(sku: str, units: int) -> str:
    return _("%(sku)s has %(units)d units. A kit has no stock of its own: set them to 0 first.") % {
        "sku": sku,
        "units": units,
    }


def _components_of(kit_ids: set[int]) -> tuple[dict[int, Parts], dict[int, str]]:
    """Return the components of these kits now, and the SKUs of all of them; one query."""
    found: dict[int, Parts] = {}
    skus: dict[int, str] = {}
    rows = KitComponent.objects.filter(kit__in=among(kit_ids)).order_by("pk")
    for kit, component, units, sku in rows.values_list("kit", "component", "quantity", "component__sku"):
        found.setdefault(kit, {})[component] = units
        skus[component] = sku
    return found, skus


def _kits_with(variant_ids: set[int]) -> dict[int, str]:
    rows = KitComponent.objects.filter(component__in=among(variant_ids)).order_by("-pk")
    return dict(rows.values_list("component", "kit__sku"))


def _words(parts: Parts, skus: Mapping[int, str]) -> str:
    return ", ".join(f"{units} × {skus[pk]}" for pk, units in parts.items())


def _as_json(parts: Parts) -> dict[str, int]:
    return {str(pk): units for pk, units in sorted(parts.items())}


def rows() -> Iterator[dict[str, Any]]:
    """Yield every component as the sheet has it, kit by kit."""
    found = KitComponent.objects.filter(kit__is_kit=True, kit__merged_into=None).order_by(
        "kit__sku_key", "pk"
    )
    for kit, component, units in found.values_list("kit__sku", "component__sku", "quantity").iterator(
        chunk_size=5_000
    ):
        yield {"kit": kit, "component": component, "quantity": units}
