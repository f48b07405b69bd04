"""The stock of kits in a store: how many of each can be made from the components that are available there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from django.utils.translation import gettext as _

from catalogue.models import KitComponent
from oms.kit.bulk import among


class Row(NamedTuple):
    """A component of a kit, as it is stored."""

    variant_id: int
    sku: str
    units_in_kit: int
    is_counted: bool
    is_stopped: bool


class Part(NamedTuple):
    """A component of a kit, with its units in the warehouses of a store. One that is not tracked never runs out."""

    variant_id: int
    sku: str
    units_in_kit: int
    is_counted: bool
    is_stopped: bool
    on_hand: int
    allocated: int

    @property
    def available(self) -> int:
        """Units that are allocated to no order."""
        return self.on_hand - self.allocated

    @property
    def kits(self) -> int | None:
        """Return how many kits the component is enough for; 0 when it is not sold, None when it is not tracked."""
        if self.is_stopped:
            return 0
        return max(self.available, 0) // self.units_in_kit if self.is_counted else None


def components_of(kit_ids: Collection[int]) -> dict[int, list[Row]]:
    """Return (variant id, SKU, units in one kit, tracked, not sold) of each component, by the id of the kit; one query."""
    found: dict[int, list[Row]] = {}
    rows = KitComponent.objects.filter(kit__in=among(kit_ids), kit__is_kit=True).order_by("pk")
    for kit_id, variant_id, sku, units, is_counted, is_stopped in rows.values_list(
        "kit_id",
        "component_id",
        "component__sku",
        "quantity",
        "component__is_counted",
        "component__is_stopped",
    ):
        found.setdefault(kit_id, []).append(Row(variant_id, sku, units, is_counted, is_stopped))
    return found


def with_stock(rows: Sequence[Row], stock: Mapping[int, tuple[int, int]]) -> list[Part]:
    """Return the components with their units; `stock` is variant id -> (on hand, allocated) in the store's warehouses."""
    return [Part(*row, *stock.get(row.variant_id, (0, 0))) for row in rows]


def kits_possible(parts: Sequence[Part]) -> int | None:
    """Return how many kits can be made: as many as the scarcest component is enough for.

    None: no component's stock is tracked. 0 without a component.
    """
    counts = [count for part in parts if (count := part.kits) is not None]
    if not counts:
        return None if parts else 0
    return min(counts)


def kits_at(parts: Sequence[Part], available: Mapping[int, Mapping[str, int]], place: str) -> int:
    """Return how many kits can be made in one location; `available` is variant id -> location -> units."""
    counts = [
        max(available.get(part.variant_id, {}).get(place, 0), 0) // part.units_in_kit
        for part in parts
        if part.is_counted
    ]
    return min(counts, default=0)


def not_tracked() -> str:
    """Return why no quantity of a kit is sent."""
    return _("Stock of its components not tracked: the store shows its own figure.")
