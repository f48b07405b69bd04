"""Two shops and one warehouse as a plain model: what each shop has, sells and shows, and what really lies on the shelf.

The model knows nothing of Manifold's tables. `Shop` behaves as OpenCart does: a status reserves stock or not, and the
shop changes its own figure when an order is placed, edited, cancelled or gets a status that reserves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from channels.contract.records.orders import AddressRecord, OrderLineRecord, OrderRecord, RemoteState
from channels.contract.records.products import ProductKind, ProductRecord, VariantRecord
from channels.contract.records.updates import Outcome, StockUpdate
from channels.models import Connection

S = RemoteState
HOME = AddressRecord(name="Jo Doe", line1="1 High Street", city="Leeds", postcode="LS1 1AA", country="GB")
#: Native status of each state; only `NEW`, `READY` and `SHIPPED` reserve stock.
STATUS = {S.UNPAID: "1", S.NEW: "2", S.READY: "15", S.SHIPPED: "3", S.CANCELLED: "7", S.UNKNOWN: "99"}
HOLDING = (S.NEW, S.READY, S.SHIPPED)


@dataclass
class Sale:
    """One order of a shop. `lines` are SKU and units by line id; `gone` units have left the warehouse."""

    number: str
    lines: dict[str, tuple[str, int]]
    state: RemoteState
    placed: datetime
    changed: datetime
    refunded: dict[str, int] = field(default_factory=dict)
    #: Units that staff cancelled in Manifold, by line id.
    dropped: dict[str, int] = field(default_factory=dict)
    #: Set when Manifold has imported it: whether it saw a payment.
    paid: bool | None = None
    has_left: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the buyer still waits for goods."""
        return not self.has_left and self.state != S.CANCELLED

    def units(self, sku: str) -> int:
        """Return the units of a SKU in the shop's order."""
        return sum(units for one, units in self.lines.values() if one == sku)

    def wanted(self, sku: str) -> int:
        """Return the units of a SKU that are still to be shipped."""
        if not self.is_open or not self.paid:
            return 0
        return sum(
            max(units - self.dropped.get(key, 0), 0) for key, (one, units) in self.lines.items() if one == sku
        )


@dataclass
class Shop:
    """One shop: the figure that it shows of each SKU, and its orders."""

    connection: Connection
    shown: dict[str, int]
    sales: dict[str, Sale] = field(default_factory=dict)
    #: Versions (number -> changed) that Manifold has imported.
    imported: dict[str, datetime] = field(default_factory=dict)
    #: Whether Manifold has imported its products.
    is_listed: bool = False

    # ------------------------------------------------ what happens in the shop

    def place(self, lines: Sequence[tuple[str, int]], state: RemoteState, now: datetime) -> Sale:
        number = f"{self.connection.name}{len(self.sales) + 1}"
        rows = {f"{number}-{place}": line for place, line in enumerate(lines, 1)}
        sale = self.sales[number] = Sale(number, rows, state, now, now)
        self._move(sale, -1)
        return sale

    def edit(self, sale: Sale, key: str, sku: str, units: int, now: datetime) -> None:
        """Set a line to so many units; 0 removes it, a new key adds it."""
        self._move(sale, +1)
        if units:
            sale.lines[key] = (sku, units)
        else:
            sale.lines.pop(key, None)
        sale.changed = now
        self._move(sale, -1)

    def set_state(self, sale: Sale, state: RemoteState, now: datetime) -> None:
        self._move(sale, +1)
        sale.state, sale.changed = state, now
        self._move(sale, -1)

    def refund(self, sale: Sale, key: str, units: int, now: datetime, *, restock: bool) -> None:
        sale.refunded[key] = sale.refunded.get(key, 0) + units
        sale.changed = now
        sku = sale.lines[key][0]
        if restock and sku in self.shown:
            self.shown[sku] += units

    def _move(self, sale: Sale, sign: int) -> None:
        if sale.state in HOLDING:
            for sku, units in sale.lines.values():
                if sku in self.shown:
                    self.shown[sku] += sign * units

    def deducted(self, sku: str) -> int:
        """Return the units of orders that lie on the shelf and that the shop has taken off its figure."""
        return sum(
            sale.units(sku) for sale in self.sales.values() if sale.state in HOLDING and not sale.has_left
        )

    # ------------------------------------------------ what Manifold imports

    def products(self) -> Iterator[ProductRecord]:
        for number, (sku, quantity) in enumerate(sorted(self.shown.items()), 1):
            yield ProductRecord(
                external_id=str(number),
                kind=ProductKind.SINGLE,
                title=sku,
                variants=(VariantRecord(str(number), sku, quantity, Decimal(10)),),
                currency="GBP",
                native={"id": number, "quantity": quantity},
            )

    def record(self, sale: Sale) -> OrderRecord:
        ids = {sku: str(number) for number, sku in enumerate(sorted(self.shown), 1)}
        lines = tuple(
            OrderLineRecord(
                external_id=key,
                title=sku,
                quantity=units,
                unit_price=Decimal(10),
                total=Decimal(10) * units,
                sku=sku,
                variant_external_id=ids.get(sku, ""),
            )
            for key, (sku, units) in sale.lines.items()
        )
        total = sum((row.total for row in lines), Decimal(0))
        refunded = Decimal(10) * sum(sale.refunded.values())
        row = OrderRecord(
            external_id=sale.number,
            number=sale.number,
            status_id=STATUS[sale.state],
            status_name=sale.state.value,
            remote_state=sale.state,
            placed_at=sale.placed,
            changed_at=sale.changed,
            currency="GBP",
            total=total,
            items_total=total,
            lines=lines,
            stock_deducted=sale.state in HOLDING,
            ship_to=HOME,
            bill_to=HOME,
            refunded_total=refunded or None,
        )
        return replace(row, native={"repr": repr(row)})

    # ------------------------------------------------ what Manifold sends

    def push_stock(self, updates: Sequence[StockUpdate]) -> list[Outcome]:
        """The adapter's call: absolute figures."""
        skus = dict(enumerate(sorted(self.shown), 1))
        for update in updates:
            assert update.quantity is not None
            self.shown[skus[int(update.external_id)]] = update.quantity
        return [Outcome(update.ref) for update in updates]
