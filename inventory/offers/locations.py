"""Divide an offered quantity among the locations of the channel (R-INV-03).

Where the warehouses of a store are mapped to locations of the channel, each location gets at most what is available in
its warehouses, nearest first. A warehouse without a location belongs to the default location.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from django.db.models import F

from channels.contract.spec import Capability
from channels.models import Connection
from inventory.models import StockItem, WarehouseMapping


def locations_of_store(connection: Connection) -> list[str]:
    """Return the locations (ids) of a store's warehouses, nearest first; [] when all belong to the default location."""
    if not connection.spec.supports(Capability.STOCK_LOCATIONS):
        return []
    rows = WarehouseMapping.objects.filter(connection=connection, warehouse__is_active=True)
    found = rows.order_by("priority", "pk").values_list("remote_location", flat=True)
    places = list(dict.fromkeys(found))
    return places if any(places) else []


def available_at(connection: Connection, variant_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """Return the available units of each variant (id) by location; one query."""
    stock_items = StockItem.objects.filter(
        variant__in=list(variant_ids), warehouse__mappings__connection=connection, warehouse__is_active=True
    )
    found: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    free = F("on_hand") - F("allocated")
    for variant_id, place, units in stock_items.values_list(
        "variant_id", "warehouse__mappings__remote_location", free
    ).filter(warehouse__mappings__connection=connection):
        found[variant_id][place] += units
    return found


def split_by_location(
    units: int, places: Sequence[str], available: Mapping[str, int]
) -> list[tuple[str, int]]:
    """Divide `units` among the locations, in their order; return (location, units) for each, also when it is 0.

    Each location gets at most what is available in it. The parts add up to `units` if that much is available in all.
    """
    left = units
    parts = []
    for place in places:
        part = min(left, max(available.get(place, 0), 0))
        parts.append((place, part))
        left -= part
    return parts
