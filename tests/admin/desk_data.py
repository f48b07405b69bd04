"""A small, believable house for the tests of the desk's pages: one shop, two warehouses, orders in every state."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.utils import timezone

from catalogue.models import ProductImage
from channels.contract.records.orders import AddressRecord, OrderLineRecord, OrderRecord, RemoteState
from channels.models import Connection
from oms.kit.authors.actors import SYSTEM
from orders.inbound import orders
from orders.models import Carrier, Order
from orders.services import carriers, packing
from tests import factories

_numbers = count(100_480)
BUYERS = (
    ("Amelia Hargreaves", "14 Cardigan Road", "Leeds", "LS6 3BJ", "GB"),
    ("Étienne Marchand", "8 rue des Forges", "Dijon", "21000", "FR"),
    ("Oluwaseun Adeyemi-Brathwaite", "Flat 3, 210 Old Kent Road", "London", "SE1 5TY", "GB"),
    ("J. Park", "27 Queen Street", "Cardiff", "CF10 2BH", "GB"),
)


def picture(letters: str) -> str:
    return f"https://img.example/{letters}.png"


def shop(name: str = "UK Shop") -> Connection:
    """A store that sells four SKUs from Leeds and Lyon."""
    store = factories.store(name, maps={"leeds": 1, "lyon": 2})
    mug = factories.product(
        "MUG-RED", "MUG-BLUE", title="Enamel mug, 350 ml", price=Decimal("12.00"), cost=Decimal("4.10")
    )
    tee = factories.product("TEE-M", title="T-shirt “Harbour”, organic cotton, M", price=Decimal("24.00"))
    tea = factories.product(
        "TEA-250",
        title="Loose leaf tea, 250 g",
        price=Decimal("8.50"),
        cost=Decimal("3.00"),
        reorder_point=10,
    )
    for number, product in enumerate((mug, tee, tea)):
        ProductImage.objects.create(product=product, url=picture(f"p{number}"))
        for variant in product.variants.all():
            factories.listed(variant, store)
    factories.shelf(factories.variant("MUG-RED"), "leeds", 40)
    factories.shelf(factories.variant("MUG-BLUE"), "lyon", 25)
    factories.shelf(factories.variant("TEE-M"), "leeds", 6)
    factories.shelf(factories.variant("TEA-250"), "leeds", 8)
    return store


def line(sku: str, quantity: int = 1, price: str = "12.00", title: str = "", **more: Any) -> OrderLineRecord:
    more.setdefault("external_id", f"{sku or title}-{quantity}")
    return OrderLineRecord(
        title=title or sku.title(),
        sku=sku,
        quantity=quantity,
        unit_price=Decimal(price),
        total=Decimal(price) * quantity,
        **more,
    )


def order(
    store: Connection,
    *lines: OrderLineRecord,
    state: RemoteState = RemoteState.NEW,
    placed_at: datetime | None = None,
    ship_in: timedelta | None = timedelta(hours=26),
    buyer: int = 0,
    **more: Any,
) -> Order:
    """An order as the channel's sink takes it in."""
    number = str(next(_numbers))
    now = timezone.now()
    name, street, city, postcode, country = BUYERS[buyer % len(BUYERS)]
    address = AddressRecord(name=name, line1=street, city=city, postcode=postcode, country=country)
    lines = lines or (line("MUG-RED", 2),)
    items = sum((one.total for one in lines), Decimal(0))
    more.setdefault("shipping_total", Decimal("3.95"))
    more.setdefault("native", {"order_id": number, "items": [one.sku for one in lines]})
    record = OrderRecord(
        external_id=number,
        number=number,
        status_id={"new": "2", "unpaid": "1", "cancelled": "7", "shipped": "3", "completed": "5"}.get(
            str(state), "2"
        ),
        status_name={"new": "Processing", "unpaid": "Pending"}.get(str(state), str(state).title()),
        remote_state=state,
        placed_at=placed_at or now - timedelta(minutes=25),
        changed_at=now,
        currency="GBP",
        items_total=items,
        total=items + more["shipping_total"],
        lines=tuple(lines),
        customer_name=name,
        customer_email=f"buyer{number}@example.com",
        ship_to=address,
        bill_to=address,
        payment_method="Card",
        shipping_method="Tracked 48",
        ship_by_at=now + ship_in if ship_in is not None else None,
        **more,
    )
    orders.store_orders(store, [record])
    return Order.objects.get(connection=store, external_id=number)


def carrier(name: str = "Royal Mail") -> Carrier:
    return carriers.save_carrier(
        name=name, tracking_url="https://track.example/{number}" if name == "Royal Mail" else "", by=SYSTEM
    )


def ready(store: Connection, *lines: OrderLineRecord, tracking: str = "AB123456785GB", **more: Any) -> Order:
    """An order that is packed and ready to ship with Royal Mail."""
    made = order(store, *lines, **more)
    ids = [made.pk]
    for outcome in (
        *packing.release(ids, by=SYSTEM),
        *packing.pack(ids, by=SYSTEM),
        *packing.mark_ready_to_ship(ids, by=SYSTEM, tracking={made.pk: (carrier().pk, tracking)}),
    ):
        assert outcome.ok, outcome.message
    made.refresh_from_db()
    return made
