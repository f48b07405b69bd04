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
from inventory.offers.compute import Offer
from inventory.offers.kits import kits_at


def locations_of_store(connection: Connection) -> list[str]:
    """Return the locations (ids) of a store's warehouses, nearest first; [] when all belong to the default location."""
    if not connection.spec.supports(Capability.STOCK_LOCATIONS):
        return []
    rows = WarehouseMapping.objects.filter(connection=connection, warehouse__is_active=True)
    found = rows.order_by("priority", "pk").values_list("remote_location", flat=True)
    places = list(dict.fromkeys(found))
    return places if any(places) else []


def available_at(connection: Connection, offers: Collection[Offer]) -> Mapping[int, Mapping[str, int]]:
    """Return the available units of each variant (id) by location; one query.

    Of a kit: as many as can be made of the components that are in one location.
    """
    variant_ids = {offer.variant_id for offer in offers} | {
        part.variant_id for offer in offers for part in offer.parts
    }
    stock_items = StockItem.objects.filter(
        variant__in=list(variant_ids), warehouse__mappings__connection=connection, warehouse__is_active=True
    )
    found: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    free = F("on_hand") - F("allocated")
    for variant_id, place, units in stock_items.values_list(
        "variant_id", "warehouse__mappings__remote_location", free
    ).filter(warehouse__mappings__connection=connection):
        found[variant_id][place] += units
    places = {place for units in found.values() for place in units}
    for offer in offers:
        if offer.parts:
            found[offer.variant_id] = {place: kits_at(offer.parts, found, place) for place in places}
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
