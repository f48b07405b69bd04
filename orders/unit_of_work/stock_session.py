"""Stock as one unit of work sees it: shelves locked once, changes noted in memory, written in one go.

Lock order everywhere: orders by primary key, then shelves by primary key (`lock_shelves` keeps the second half).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from channels.models import Connection
from inventory import stock_changes
from inventory.models import StockItem, StockMovement, WarehouseMapping
from inventory.services import warehouse_mapping
from oms.kit.actors import Author
from orders.models import Shipment


def warehouses_by_store(connection_ids: Iterable[int]) -> dict[int, list[int]]:
    """The active warehouses that each store sells from, nearest first; one query."""
    serving: dict[int, list[int]] = {connection_id: [] for connection_id in connection_ids}
    rows = WarehouseMapping.objects.filter(connection__in=list(serving), warehouse__is_active=True)
    for connection_id, warehouse_id in rows.order_by("priority", "id").values_list("connection", "warehouse"):
        serving[connection_id].append(warehouse_id)
    return serving


class StockSession:
    """The shelves of one unit of work. `free` is what may still be promised, own changes included."""

    def __init__(self, variant_ids: Collection[int], connections: Mapping[int, Connection]) -> None:
        self._variant_ids = sorted(variant_ids)
        self.shelves: Mapping[int, Sequence[StockItem]] = {}
        self.items: dict[int, StockItem] = {}
        self.serving: dict[int, list[int]] = {connection_id: [] for connection_id in connections}
        if variant_ids:
            self.serving = warehouses_by_store(connections)
            for connection_id, places in self.serving.items():
                if not places:  # a store that was never mapped sells from the main warehouse
                    mapping = warehouse_mapping.ensure_default_mapping(connections[connection_id])
                    places.append(mapping.warehouse_id)
            self._know(stock_changes.lock_shelves(self._variant_ids))
        self._come: list[stock_changes.StockChange] = []
        self._held: dict[int, int] = defaultdict(int)
        self._shipped: list[tuple[int, int, int, Shipment, str]] = []
        self._gone: dict[int, int] = defaultdict(int)  # below zero: more has come than gone

    def _know(self, shelves: Mapping[int, Sequence[StockItem]]) -> None:
        self.shelves = {**self.shelves, **shelves}
        self.items |= {item.pk: item for row in shelves.values() for item in row}

    def free(self, item_id: int) -> int:
        """Units of this shelf that are promised to nobody."""
        item = self.items[item_id]
        return item.on_hand - item.allocated - self._held[item_id] - self._gone[item_id]

    def receive(
        self, changes: Sequence[stock_changes.StockChange], shelves: Mapping[int, Sequence[StockItem]]
    ) -> None:
        """Units that are put on shelves (locked in this transaction), to be promised like any other."""
        self._know({pk: row for pk, row in shelves.items() if row is not self.shelves.get(pk)})
        self._come += changes
        for change in changes:
            self._gone[change.stock_item_id] -= change.on_hand

    def hold(self, item_id: int, units: int) -> None:
        self._held[item_id] += units

    def let_go(self, item_id: int, units: int) -> None:
        self._held[item_id] -= units

    def consume(self, item_id: int, units: int, *, held: bool, shipment: Shipment, reason: str) -> None:
        """Units leave the shelf in this parcel; `held` says that they were promised to its order."""
        self._shipped.append((item_id, units, units if held else 0, shipment, reason))
        if not held:
            self._gone[item_id] += units

    def write(self, by: Author) -> None:
        """Everything noted so far goes to the shelves, set-wise; call once, when parcels have their keys."""
        changes = self._come + [
            stock_changes.StockChange(stock_item_id=item_id, allocated=units)
            for item_id, units in sorted(self._held.items())
            if units
        ]
        changes += [
            stock_changes.StockChange(
                stock_item_id=item_id,
                on_hand=-units,
                allocated=-held,
                kind=StockMovement.Kind.SHIPMENT,
                reason=reason,
                reference_kind="shipment",
                reference_id=shipment.pk,
            )
            for item_id, units, held, shipment, reason in self._shipped
        ]
        if changes:
            stock_changes.apply(changes, shelves=self.shelves, by=by)
