"""Carriers as the stores name them (R-SHIP-01), and which one an order goes with."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from channels.contract.records.orders import CarrierRecord
from channels.contract.spec import Capability
from channels.models import Connection
from orders.models import Carrier, CarrierMap
from orders.unit_of_work.announcements import is_enabled
from orders.unit_of_work.order_state import OrderState


def carrier_key(name: str) -> str:
    return name.casefold().strip()[:120]


def _bare(name: str) -> str:
    """A name without what channels write differently: “royal-mail” and “royalmail” are Royal Mail."""
    return re.sub(r"[\W_]+", "", name.casefold()) or carrier_key(name)


def import_named_carriers(connection: Connection, names: Collection[str]) -> None:
    """Carriers that a store's orders name come in by themselves: one query when all are known already."""
    wanted = {name.strip()[:120]: name.strip()[:120] for name in names if name.strip()}
    if not wanted:
        return
    known = set(
        CarrierMap.objects.filter(
            connection=connection, external_id__in=list(wanted), carrier__isnull=False
        ).values_list("external_id", flat=True)
    )
    missing = sorted(name for name in wanted if name not in known)
    if not missing:
        return
    carriers = carriers_by_name(missing)
    for row in CarrierMap.objects.filter(connection=connection, external_id__in=missing, carrier=None):
        # The channel had listed it, and now an order names it.
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
    """Carriers that a channel lists by itself: codes for the store's carrier map, tied to a carrier of that name if
    there is one. Those that nobody uses make no carrier of ours. Returns how many the channel lists.
    """
    rows = {record.external_id[:120]: record for record in records if record.external_id}
    known = CarrierMap.objects.filter(connection=connection, external_id__in=rows)
    for external_id in known.values_list("external_id", flat=True):
        rows.pop(external_id, None)
    ours = _known()
    CarrierMap.objects.bulk_create(
        [
            CarrierMap(
                connection=connection,
                external_id=external_id,
                name=record.name[:200],
                carrier=ours.get(carrier_key(record.name)) or ours.get(_bare(record.name)),
            )
            for external_id, record in rows.items()
        ],
        ignore_conflicts=True,
    )
    return len(records)


def carriers_by_name(names: Iterable[str]) -> dict[str, Carrier]:
    """Carriers by the key of these names; those that do not exist are made (not “added by hand”). 1 or 3 queries.

    A carrier that we have under another spelling is that carrier, so that a code on one store's shipments and a name
    on another's are one row in every list.
    """
    wanted = {carrier_key(name): name.strip()[:120] for name in names if name.strip()}
    ours = _known()
    if missing := {_bare(key): key for key in sorted(wanted) if key not in ours and _bare(key) not in ours}:
        Carrier.objects.bulk_create(
            [Carrier(name=wanted[key], key=key, is_own=False) for key in missing.values()],
            ignore_conflicts=True,
        )
        ours = _known()
    return {key: ours.get(key) or ours[_bare(key)] for key in wanted}


def _known() -> dict[str, Carrier]:
    """All carriers, some dozens: by key, and by bare name, where the oldest of several wins. One query."""
    carriers = list(Carrier.objects.order_by("pk"))
    bare: dict[str, Carrier] = {}
    for carrier in carriers:
        bare.setdefault(_bare(carrier.key), carrier)
    return bare | {carrier.key: carrier for carrier in carriers}


def carriers_for(works: Iterable[OrderState]) -> dict[int, Carrier]:
    """The carrier of each order (by `id(work)`): the store's default, else the shop's own shipping method.

    The latter where the channel ships with its own (R-SHIP-02, OpenCart). An order without either is left out.
    At most three queries.
    """
    chosen: dict[int, Carrier] = {}
    methods: dict[int, str] = {}
    ships: dict[int, bool] = {}
    for work in works:
        store = work.connection
        if work.settings.default_carrier is not None:
            chosen[id(work)] = work.settings.default_carrier
        elif work.order.shipping_method.strip():
            if store.pk not in ships:
                ships[store.pk] = is_enabled(store, Capability.CHANNEL_SHIPPING)
            if ships[store.pk]:
                methods[id(work)] = work.order.shipping_method
    if methods:
        carriers = carriers_by_name(methods.values())
        chosen.update({key: carriers[carrier_key(name)] for key, name in methods.items()})
    return chosen
