"""Carriers by the names that the stores use (R-SHIP-01), and the carrier of an order."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from django.core.cache import cache

from catalogue.models import Variant
from channels.contract.records.orders import CarrierRecord
from channels.contract.spec import Capability
from channels.models import Connection
from orders.models import Carrier, CarrierAccount, CarrierMap, CarrierRule, Order, Parcel, Shipment
from orders.unit_of_work.announcements import is_enabled
from orders.unit_of_work.order_state import OrderState

_IN_USE = "orders.carriers.in_use"
KNOWN_FOR = 60  # seconds


def carrier_key(name: str) -> str:
    """Return the key of a carrier: its name without differences of case, at most 120 characters."""
    return name.casefold().strip()[:120]


def _bare(name: str) -> str:
    """Return a name without spaces and signs, so that “royal-mail” and “royalmail” are Royal Mail."""
    return re.sub(r"[\W_]+", "", name.casefold()) or carrier_key(name)


def mapped_names(names: Iterable[str]) -> set[str]:
    """Return names of carriers as the carrier map has them."""
    return {name.strip()[:120] for name in names if name.strip()}


def import_named_carriers(
    connection: Connection, names: Collection[str], known: Collection[str] | None = None
) -> None:
    """Create the carriers that a store's orders name. One query when all of them exist.

    No query with `known`, the names that are mapped to a carrier.
    """
    wanted = mapped_names(names)
    if not wanted:
        return
    known = (
        set(known)
        if known is not None
        else set(
            CarrierMap.objects.filter(
                connection=connection, external_id__in=list(wanted), carrier__isnull=False
            ).values_list("external_id", flat=True)
        )
    )
    missing = sorted(name for name in wanted if name not in known)
    if not missing:
        return
    carriers = carriers_by_name(missing)
    for row in CarrierMap.objects.filter(connection=connection, external_id__in=missing, carrier=None):
        # The channel had listed it; now an order uses it.
        CarrierMap.objects.filter(pk=row.pk).update(carrier=carriers[carrier_key(row.external_id)])
    CarrierMap.objects.bulk_create(
        [
            CarrierMap(
                connection=connection, external_id=name, name=name, carrier=carriers[carrier_key(name)]
            )
            for name in missing
        ],
        ignore_conflicts=True,
    )


def import_carrier_list(connection: Connection, records: Sequence[CarrierRecord]) -> int:
    """Add the carriers that a channel lists to the store's carrier map; return how many the channel lists.

    Each is mapped to the carrier of Manifold with its name, if there is one. No carrier is created: most are not used.
    """
    rows = {record.external_id[:120]: record for record in records if record.external_id}
    known = CarrierMap.objects.filter(connection=connection, external_id__in=rows)
    for external_id in known.values_list("external_id", flat=True):
        rows.pop(external_id, None)
    carriers = _known()
    CarrierMap.objects.bulk_create(
        [
            CarrierMap(
                connection=connection,
                external_id=external_id,
                name=record.name[:200],
                carrier=carriers.get(carrier_key(record.name)) or carriers.get(_bare(record.name)),
            )
            for external_id, record in rows.items()
        ],
        ignore_conflicts=True,
    )
    return len(records)


def carriers_by_name(names: Iterable[str]) -> dict[str, Carrier]:
    """Return the carriers with these names by `carrier_key`; create those that do not exist. 1 or 3 queries.

    Another spelling of a carrier is the same carrier: one store may use a code, another store a name. A created carrier
    is not marked as added by hand.
    """
    wanted = {carrier_key(name): name.strip()[:120] for name in names if name.strip()}
    known = _known()
    if missing := {_bare(key): key for key in sorted(wanted) if key not in known and _bare(key) not in known}:
        Carrier.objects.bulk_create(
            [Carrier(name=wanted[key], key=key, is_own=False) for key in missing.values()],
            ignore_conflicts=True,
        )
        known = _known()
    return {key: known.get(key) or known[_bare(key)] for key in wanted}


def _known() -> dict[str, Carrier]:
    """Return all carriers (some dozens) by key and by bare name; of several with one bare name the oldest. One query."""
    carriers = list(Carrier.objects.order_by("pk"))
    bare: dict[str, Carrier] = {}
    for carrier in carriers:
        bare.setdefault(_bare(carrier.key), carrier)
    return bare | {carrier.key: carrier for carrier in carriers}


def carriers_for(order_states: Iterable[OrderState]) -> dict[int, Carrier]:
    """Return the carrier of each order, by `id(order_state)`; at most four queries.

    It is the carrier that was chosen for the order, else that of the first carrier rule of the store that fits, else its
    default carrier. Without one, and if the channel ships with its own methods (R-SHIP-02, OpenCart), it is the carrier
    with the name of the order's shipping method. An order with none is left out. Stores with rules need two queries more.
    """
    chosen: dict[int, Carrier] = {}
    methods: dict[int, str] = {}
    ships_itself: dict[int, bool] = {}
    order_states = list(order_states)
    own = Carrier.objects.in_bulk(
        {each.order.carrier_id for each in order_states if each.order.carrier_id is not None}
    )
    ruled = _ruled_carriers(
        [
            each
            for each in order_states
            if each.settings.has_carrier_rules and each.order.carrier_id not in own
        ]
    )
    for order_state in order_states:
        store = order_state.connection
        if id(order_state) in ruled:
            chosen[id(order_state)] = ruled[id(order_state)]
        elif order_state.order.carrier_id in own:
            chosen[id(order_state)] = own[order_state.order.carrier_id]
        elif order_state.settings.default_carrier is not None:
            chosen[id(order_state)] = order_state.settings.default_carrier
        elif order_state.order.shipping_method.strip():
            if store.pk not in ships_itself:
                ships_itself[store.pk] = is_enabled(store, Capability.CHANNEL_SHIPPING)
            if ships_itself[store.pk]:
                methods[id(order_state)] = order_state.order.shipping_method
    if methods:
        carriers = carriers_by_name(methods.values())
        chosen.update({key: carriers[carrier_key(name)] for key, name in methods.items()})
    return chosen


def _ruled_carriers(order_states: Sequence[OrderState]) -> dict[int, Carrier]:
    """Return the carrier that the rules of their stores choose, by `id(order_state)`. Two queries, none for no orders."""
    if not order_states:
        return {}
    rules: dict[int, list[CarrierRule]] = defaultdict(list)
    stores = {order_state.connection.pk for order_state in order_states}
    for rule in CarrierRule.objects.filter(connection__in=stores).select_related("carrier"):
        rules[rule.connection_id].append(rule)
    skus = {line.variant_id for order_state in order_states for line in order_state.lines if line.variant_id}
    weights = dict(Variant.objects.filter(pk__in=skus).values_list("pk", "weight_grams"))
    found: dict[int, Carrier] = {}
    for order_state in order_states:
        units = [
            (weights.get(line.variant_id or 0), line.quantity - line.cancelled)
            for line in order_state.lines
            if line.needs_parcel and line.quantity > line.cancelled and not order_state.components_of(line)
        ]
        chosen = first_rule(rules[order_state.connection.pk], order_state.order, total_grams(units))
        if chosen is not None and chosen.carrier is not None:
            found[id(order_state)] = chosen.carrier
    return found


def is_in_use() -> bool:
    """Whether this installation has a carrier account or a parcel with news; no query for `KNOWN_FOR` seconds."""
    found = cache.get(_IN_USE)
    if found is None:
        found = CarrierAccount.objects.exists() or Parcel.objects.exists()
        cache.set(_IN_USE, found, KNOWN_FOR)
    return bool(found)


def note_in_use() -> None:
    """Remember that there is a carrier account or a parcel: an account was connected, or the first news has come."""
    cache.set(_IN_USE, True, KNOWN_FOR)


def total_grams(units: Iterable[tuple[int | None, int]]) -> int | None:
    """Return the weight of (grams of one, quantity) pairs; None where one is not known."""
    total = 0
    for grams, quantity in units:
        if grams is None:
            return None
        total += grams * quantity
    return total


def first_rule(rules: Iterable[CarrierRule], order: Order, grams: int | None) -> CarrierRule | None:
    """Return the first of these rules, in their order, that fits an order of this weight (grams, None: not known)."""
    return next((rule for rule in rules if _fits(rule, order, grams)), None)


def _fits(rule: CarrierRule, order: Order, grams: int | None) -> bool:
    country = str(order.ship_to.get("country") or order.country or "").upper()
    countries = re.findall(r"[A-Z]{2}", rule.countries.upper())
    if countries and country not in countries:
        return False
    if (rule.min_grams is not None or rule.max_grams is not None) and grams is None:
        return False  # a weight that is not known fits no limit
    if rule.min_grams is not None and (grams or 0) < rule.min_grams:
        return False
    if rule.max_grams is not None and (grams or 0) > rule.max_grams:
        return False
    if rule.min_value is not None and order.total < rule.min_value:
        return False
    if rule.max_value is not None and order.total > rule.max_value:
        return False
    return rule.method.casefold().strip() in order.shipping_method.casefold()


def rule_for_shipment(shipment: Shipment, grams: int | None) -> CarrierRule | None:
    """Return the rule of its store that chooses the carrier and the service of a shipment, if one fits. One query."""
    rules = CarrierRule.objects.filter(connection=shipment.order.connection_id).select_related("carrier")
    return first_rule(rules, shipment.order, grams)
