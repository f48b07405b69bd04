"""Orders: read them, and make the moves of `orders.domain.moves`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Schema
from pydantic import AfterValidator, Field

from oms.kit.api.areas import Area
from oms.kit.api.auth import author_of
from oms.kit.api.errors import not_found
from oms.kit.api.fields import Code, Input, Key, Text
from oms.kit.api.paging import After, Limit, Page, answer, page_of
from orders.choices import OrderStatus
from orders.models import Order
from orders.models.querysets import OrderQuerySet
from orders.services import moves

ORDERS = Area("orders", prefix="/orders", tag="Orders")

MOST_MOVED = 50  # orders of one call


def _known(name: str) -> str:
    if name not in moves.SERVICES:
        raise ValueError(f"is none of: {', '.join(moves.SERVICES)}")
    return name


MoveName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(moves.SERVICES)})]


class LineOut(Schema):
    """A line. `quantity` is what was ordered; `cancelled` and `shipped` are parts of it.

    A line with a `kit_line` is a component of the kit on the line with this id: it has the stock, the line of the kit the
    amounts.
    """

    id: int
    kit_line: int | None = Field(None, alias="parent_id")
    sku: str
    title: str
    quantity: int
    allocated: int
    shipped: int
    cancelled: int
    unit_price: Decimal
    total: Decimal


class ShipmentOut(Schema):
    """A shipment of an order."""

    id: int
    number: int
    state: str
    warehouse: str
    carrier: str
    tracking_number: str


class OrderOut(Schema):
    """An order; amounts are in its `currency`."""

    id: int
    number: str
    external_id: str
    store: int
    status: OrderStatus
    remote_status: str
    placed_at: datetime
    ship_by_at: datetime | None
    currency: str
    items_total: Decimal
    shipping_total: Decimal
    tax_total: Decimal
    discount_total: Decimal
    total: Decimal
    customer_name: str
    customer_email: str
    customer_phone: str
    ship_to: dict[str, Any]
    lines: list[LineOut]
    shipments: list[ShipmentOut]


class TrackingIn(Input):
    """The tracking number of one order, for the move `ready_to_ship`; `carrier` is the id of a carrier."""

    order: Key
    number: Code
    carrier: Key | None = None


class MovesIn(Input):
    """A move of up to 50 orders. `reason` is needed by some moves, such as `cancel` and `hold`."""

    move: MoveName
    orders: Annotated[list[Key], Field(min_length=1, max_length=MOST_MOVED)]
    reason: Text = ""
    tracking: Annotated[list[TrackingIn], Field(max_length=MOST_MOVED)] = []


class OutcomeOut(Schema):
    """What became of one order: `message` says why the move was not made, or more about it."""

    order: int
    number: str
    ok: bool
    message: str


def _out(order: Order) -> dict[str, Any]:
    return {
        "id": order.pk,
        "number": order.number,
        "external_id": order.external_id,
        "store": order.connection_id,
        "status": order.status,
        "remote_status": order.remote_status_name,
        **{name: getattr(order, name) for name in _SAME},
        "lines": list(order.lines.all()),
        "shipments": [
            {
                "id": row.pk,
                "number": row.number,
                "state": row.state,
                "warehouse": row.warehouse.code if row.warehouse else "",
                "carrier": row.carrier.name if row.carrier else "",
                "tracking_number": row.tracking_number,
            }
            for row in order.shipments.all()
        ],
    }


_SAME = (
    "placed_at ship_by_at currency items_total shipping_total tax_total discount_total total customer_name "
    "customer_email customer_phone ship_to"
).split()


def _rows() -> OrderQuerySet:
    return Order.objects.prefetch_related("lines", "shipments__warehouse", "shipments__carrier")


@ORDERS.read("", response=Page[OrderOut], summary="List orders")
def list_orders(
    request: HttpRequest,
    status: OrderStatus | None = None,
    store: Key | None = None,
    number: Text = "",
    after: After = "",
    limit: Limit = 50,
) -> dict[str, Any]:
    """Return the orders by id, the oldest import first."""
    rows = _rows()
    if status is not None:
        rows = rows.filter(status=status)
    if store is not None:
        rows = rows.filter(connection=store)
    if number:
        rows = rows.filter(number=number)
    orders, following = page_of(rows, after, limit)
    return answer([_out(order) for order in orders], following)


@ORDERS.write("POST", "/moves", response=list[OutcomeOut], summary="Make a move with orders")
def make_moves(request: HttpRequest, payload: MovesIn) -> list[dict[str, Any]]:
    """Make a move with orders, like the buttons of the order list; each order has its own outcome."""
    outcomes = moves.make_move(
        payload.move,
        payload.orders,
        by=author_of(request),
        reason=payload.reason,
        tracking={row.order: (row.carrier, row.number) for row in payload.tracking},
    )
    return [
        {"order": one.order_id, "number": one.number, "ok": one.ok, "message": str(one.message)}
        for one in outcomes
    ]


@ORDERS.read("/{pk}", response=OrderOut, summary="Read an order")
def read_order(request: HttpRequest, pk: Path[Key]) -> dict[str, Any]:
    """Return one order."""
    order = _rows().filter(pk=pk).first()
    if order is None:
        raise not_found()
    return _out(order)
