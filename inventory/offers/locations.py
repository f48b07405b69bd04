"""Which part of an offer stands at which location of the channel (R-INV-03).

Where a store's warehouses are mapped to locations of the channel, the offered units are laid out over them: nearest
warehouse first, at most what is available there. Warehouses without a location stand at the channel's default one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from django.db.models import F

from channels.contract.spec import Capability
from channels.models import Connection
from inventory.models import StockItem, WarehouseMapping


def locations_of_store(connection: Connection) -> list[str]:
    """The channel's locations that this store's warehouses feed, nearest first; one or none needs no laying out."""
    if not connection.spec.supports(Capability.STOCK_LOCATIONS):
        return []
    rows = WarehouseMapping.objects.filter(connection=connection, warehouse__is_active=True)
    found = rows.order_by("priority", "pk").values_list("remote_location", flat=True)
    places = list(dict.fromkeys(found))
    return places if any(places) else []


def available_at(connection: Connection, variant_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """Variant id -> location -> units available there. One query."""
    shelves = StockItem.objects.filter(
        variant__in=list(variant_ids), warehouse__mappings__connection=connection, warehouse__is_active=True
    )
    found: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    free = F("on_hand") - F("allocated")
    for variant_id, place, units in shelves.values_list(
        "variant_id", "warehouse__mappings__remote_location", free
    ).filter(warehouse__mappings__connection=connection):
        found[variant_id][place] += units
    return found


def split_by_location(
    units: int, places: Sequence[str], available: Mapping[str, int]
) -> list[tuple[str, int]]:
    """`units` over the locations in their order: each gets at most what is available there, all of them a figure.

    The parts add up to `units` as long as that much is available in all.
    """
    left = units
    parts = []
    for place in places:
        here = min(left, max(available.get(place, 0), 0))
        parts.append((place, here))
        left -= here
    return parts
