"""The stock that the orders of one unit of work use: locked once, changed in memory, written together.

The order of locks is the same everywhere: orders by primary key, then stock items by primary key.
`stock_changes.lock_stock_items` does the second half.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from channels.models import Connection
from inventory import stock_changes
from inventory.models import StockItem, StockMovement, Warehouse, WarehouseMapping
from inventory.services import warehouse_mapping
from oms.kit.authors.actors import Author
from orders.models import Shipment


def warehouses_by_store(connection_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return the active warehouses (ids) that each store (id) sells from, nearest first; one query."""
    found: dict[int, list[int]] = {connection_id: [] for connection_id in connection_ids}
    rows = WarehouseMapping.objects.filter(connection__in=list(found), warehouse__is_active=True)
    for connection_id, warehouse_id in rows.order_by("priority", "id").values_list("connection", "warehouse"):
        found[connection_id].append(warehouse_id)
    return found


class Place(NamedTuple):
    """Where a warehouse is, and what it serves, as its page has it."""

    name: str
    country: str = ""
    serves_countries: str = ""
    serves_postcodes: str = ""
    latitude: Decimal | None = None
    longitude: Decimal | None = None


class StockSession:
    """The stock items of some variants, with the changes of this unit of work. Nothing is written before `write`.

    `by_variant` are the stock items of each variant (id), `items` the same by their own id, `warehouses_of` the
    warehouses (ids) that each store (id) sells from, nearest first.
    """

    def __init__(
        self,
        variant_ids: Collection[int],
        connections: Mapping[int, Connection],
        warehouses: Mapping[int, Sequence[int]] | None = None,
    ) -> None:
        """Lock the stock items of these variants, for the stores `connections` (by id).

        `warehouses` is `warehouses_by_store` of all of them, where it was read already.
        """
        self._variant_ids = sorted(variant_ids)
        self.by_variant: Mapping[int, Sequence[StockItem]] = {}
        self.items: dict[int, StockItem] = {}
        self.warehouses_of: dict[int, list[int]] = {connection_id: [] for connection_id in connections}
        if variant_ids:
            if warehouses is None:
                warehouses = warehouses_by_store(connections)
            self.warehouses_of = {store: list(warehouses[store]) for store in connections}
            for connection_id, warehouse_ids in self.warehouses_of.items():
                if not warehouse_ids:  # a store that was never mapped sells from the main warehouse
                    mapping = warehouse_mapping.ensure_default_mapping(connections[connection_id])
                    warehouse_ids.append(mapping.warehouse_id)
            self._add(stock_changes.lock_stock_items(self._variant_ids))
        self._received: list[stock_changes.StockChange] = []
        self._allocated: dict[int, int] = defaultdict(int)
        self._shipped: list[tuple[int, int, int, Shipment, str]] = []
        #: Units by stock item that left without having been allocated, minus the units that were received.
        self._taken: dict[int, int] = defaultdict(int)
        self._places: dict[int, Place] | None = None

    def _add(self, stock_items: Mapping[int, Sequence[StockItem]]) -> None:
        self.by_variant = {**self.by_variant, **stock_items}
        self.items |= {item.pk: item for row in stock_items.values() for item in row}

    def places(self) -> Mapping[int, Place]:
        """Return where the warehouses of these stores are, by id; one statement, read when it is first asked for."""
        if self._places is None:
            ids = {pk for row in self.warehouses_of.values() for pk in row}
            rows = Warehouse.objects.filter(pk__in=ids)
            self._places = {row[0]: Place(*row[1:]) for row in rows.values_list("pk", *Place._fields)}
        return self._places

    def available(self, item_id: int) -> int:
        """Return the units of a stock item that are allocated to no order, with the changes of this session."""
        item = self.items[item_id]
        return item.on_hand - item.allocated - self._allocated[item_id] - self._taken[item_id]

    def receive(
        self, changes: Sequence[stock_changes.StockChange], stock_items: Mapping[int, Sequence[StockItem]]
    ) -> None:
        """Add units to stock items that are locked in this transaction; they can be allocated at once."""
        self._add({pk: row for pk, row in stock_items.items() if row is not self.by_variant.get(pk)})
        self._received += changes
        for change in changes:
            self._taken[change.stock_item_id] -= change.on_hand

    def remove(self, item_id: int, units: int, reason: str) -> None:
        """Take units off a stock item that a warehouse did not find; they must not be allocated any more."""
        self._received.append(
            stock_changes.StockChange(
                item_id, on_hand=-units, kind=StockMovement.Kind.ADJUSTMENT, reason=reason
            )
        )
        self._taken[item_id] += units

    def allocate(self, item_id: int, units: int) -> None:
        """Allocate units of a stock item to an order."""
        self._allocated[item_id] += units

    def release(self, item_id: int, units: int) -> None:
        """Make allocated units of a stock item available again."""
        self._allocated[item_id] -= units

    def ship(self, item_id: int, units: int, *, is_allocated: bool, shipment: Shipment, reason: str) -> None:
        """Remove units from a stock item, because they leave with a shipment.

        `is_allocated` says whether they were allocated to its order. `reason` is shown in the stock history.
        """
        self._shipped.append((item_id, units, units if is_allocated else 0, shipment, reason))
        if not is_allocated:
            self._taken[item_id] += units

    def write(self, by: Author) -> None:
        """Write all changes, in a constant number of statements. Call it once, when shipments have primary keys."""
        changes = self._received + [
            stock_changes.StockChange(stock_item_id=item_id, allocated=units)
            for item_id, units in sorted(self._allocated.items())
            if units
        ]
        changes += [
            stock_changes.StockChange(
                stock_item_id=item_id,
                on_hand=-units,
                allocated=-allocated,
                kind=StockMovement.Kind.SHIPMENT,
                reason=reason,
                reference_kind="shipment",
                reference_id=shipment.pk,
            )
            for item_id, units, allocated, shipment, reason in self._shipped
        ]
        if changes:
            stock_changes.apply(changes, stock_items=self.by_variant, by=by)
