"""In which sequence the warehouses of a store are asked for the stock of an order, and why one serves it (R-INV-03)."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import InvalidOperation
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from oms.kit.numbers import is_digits
from orders.choices import Routing
from orders.unit_of_work.order_state import OrderState
from orders.unit_of_work.stock_session import Place, StockSession

EARTH_KM = 6371.0


def fold_postcode(text: str) -> str:
    """Return a postcode as it is compared: in capitals, without spaces."""
    return re.sub(r"[\s-]", "", text.upper())


def is_in_range(postcode: str, low: str, high: str) -> bool:
    """Return whether a postcode of digits is in a range of postcodes of the same length."""
    return len(postcode) == len(low) and is_digits(postcode) and low <= postcode <= high


@dataclass(frozen=True, slots=True)
class Way:
    """How near a warehouse is to an address: `rank` 0 postcode, 1 country, 2 elsewhere; `km` infinite if not known."""

    rank: int
    km: float
    reason: str


def way_to(place: Place, ship_to: Mapping[str, Any]) -> Way:
    """Return how near a warehouse is to an address.

    The postcodes that it serves decide first, in its own country; then its country and those that it serves; of equal
    ones the distance as the crow flies, where both have coordinates.
    """
    country = str(ship_to.get("country") or "").upper()
    postcode = fold_postcode(str(ship_to.get("postcode") or ""))
    km = _distance(place, ship_to)
    near = _("%(km)d km away") % {"km": round(km)} if math.isfinite(km) else ""
    if postcode and (not place.country or place.country == country):
        found = next((one for one in _ranges(place.serves_postcodes) if _covers(one, postcode)), None)
        if found is not None:
            return Way(0, km, _("serves the postcodes %s") % found)
    if country and (country == place.country or country in _codes(place.serves_countries)):
        return Way(1, km, near or _("serves the country %s") % country)
    return Way(2, km, near or _("none is nearer by country or postcode"))


def _codes(text: str) -> list[str]:
    return [part.strip().upper() for part in text.split(",") if part.strip()]


@lru_cache(maxsize=512)
def _ranges(text: str) -> tuple[str, ...]:
    return tuple(fold_range(part) for part in text.split(",") if part.strip())


def fold_range(text: str) -> str:
    """Return one beginning or range of postcodes as it is compared: in capitals, without spaces."""
    return re.sub(r"\s", "", text.upper()).replace("–", "-")


def _covers(one: str, postcode: str) -> bool:
    low, dash, high = one.partition("-")
    if dash:
        return is_in_range(postcode, low, high)
    if one.isalpha():  # LS covers LS1 1AA, L does not
        return bool(re.match(rf"{one}(?![A-Z])", postcode))
    return postcode.startswith(one)


def _distance(place: Place, ship_to: Mapping[str, Any]) -> float:
    """Return the distance in km, infinite where one of the two has no coordinates."""
    try:
        there = math.radians(float(ship_to["latitude"])), math.radians(float(ship_to["longitude"]))
        here = math.radians(float(place.latitude)), math.radians(float(place.longitude))  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError, InvalidOperation):
        return math.inf
    half = (
        math.sin((there[0] - here[0]) / 2) ** 2
        + math.cos(here[0]) * math.cos(there[0]) * math.sin((there[1] - here[1]) / 2) ** 2
    )
    km = 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))
    return km if math.isfinite(km) else math.inf


def sequence_for(order_state: OrderState, stock: StockSession) -> list[int]:
    """Return the warehouses (ids) that may serve an order, the one to ask first at the beginning.

    The warehouse that a person or a rule chose is first; then those of the store, nearest first or by their priority as
    the store's settings say. Only where “nearest” is used are the places of the warehouses read, once for all orders.
    """
    ids = stock.warehouses_of[order_state.connection.pk]
    if len(ids) < 2:
        return ids
    if order_state.settings.routing == Routing.NEAREST:
        places, ship_to = stock.places(), order_state.order.ship_to
        ways = {pk: way_to(places[pk], ship_to) for pk in ids}
        ids = sorted(ids, key=lambda pk: (ways[pk].rank, ways[pk].km))
    chosen = order_state.order.warehouse_id
    if chosen in ids:
        ids = [chosen, *(pk for pk in ids if pk != chosen)]
    return ids


def explain(order_state: OrderState, stock: StockSession, asked: Sequence[int], used: Collection[int]) -> str:
    """Return why these warehouses (`used`, ids) serve an order, in one sentence; `asked` is their sequence."""
    order = order_state.order
    if used == {order.warehouse_id}:
        return order.warehouse_reason or _("It was chosen for this order.")
    if len(stock.warehouses_of[order_state.connection.pk]) < 2:
        return _("The only warehouse that the store sells from.")
    is_nearest = order_state.settings.routing == Routing.NEAREST
    if len(used) > 1:
        if is_nearest:
            return _("No warehouse has the whole order: the nearest serve it together.")
        return _("No warehouse has the whole order: they serve it together, by their priority.")
    (pk,) = used
    if pk != asked[0]:
        if asked[0] == order.warehouse_id:
            return _("The chosen warehouse does not have these units; this one has.")
        if is_nearest:
            return _("The nearest warehouse that has these units.")
        return _("The first warehouse of the store, by priority, that has these units.")
    if is_nearest:
        way = way_to(stock.places()[pk], order.ship_to)
        return (_("The nearest warehouse: %s.") % way.reason)[:200]
    return _("The first warehouse of the store, by priority.")
