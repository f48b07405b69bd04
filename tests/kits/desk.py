"""Kits to test with: GIFT is two mugs and a box, TRIO is a mug and a box; both share their components."""

from __future__ import annotations

from typing import Any

from catalogue.models import Listing, ListingVariant, Product, Variant, sku_key
from catalogue.services.kits import set_components
from channels.models import Connection
from oms.kit import doctor
from orders.models import Order, OrderLine
from orders.services import carriers
from tests.orders.desk import DESK, stocked, store

CHECKS = [name for name in doctor.names() if name.startswith(("stock_", "order_", "kits_"))]


def kit(sku: str, **components: int) -> Variant:
    """A kit of so many units of each SKU (MUG=2)."""
    made = Variant.objects.filter(sku=sku).first()
    if made is None:
        product = Product.objects.create(title=f"The {sku}")
        made = Variant.objects.create(product=product, sku=sku)
    parts = {Variant.objects.get(sku=name).pk: units for name, units in components.items()}
    set_components(made, parts, by=DESK)
    made.refresh_from_db()
    return made


def listed(sku: str, connection: Connection) -> ListingVariant:
    """The SKU as the store lists it."""
    variant = Variant.objects.get(sku=sku)
    listing = Listing.objects.create(
        product=variant.product, connection=connection, external_id=f"p-{sku}", state="active"
    )
    return ListingVariant.objects.create(
        listing=listing,
        connection=connection,
        variant=variant,
        external_id=f"v-{sku}",
        external_sku=sku,
        sku_key=sku_key(sku),
    )


def a_shop(*, mugs: int = 10, boxes: int = 10, channel: str = "bigcommerce", **options: Any) -> Connection:
    """A store with mugs and boxes, and the kits GIFT (2 mugs, 1 box) and TRIO (1 mug, 1 box)."""
    carrier = carriers.save_carrier(name="Royal Mail", tracking_url="", by=DESK)
    shop = store(channel=channel, settings={"default_carrier": carrier}, **options)
    stocked("MUG", leeds=mugs)
    stocked("BOX", leeds=boxes)
    kit("GIFT", MUG=2, BOX=1)
    kit("TRIO", MUG=1, BOX=1)
    return shop


def counts(order: Order) -> dict[str, tuple[int, int, int, int]]:
    """(ordered, allocated, shipped, cancelled) by SKU of the line."""
    rows = OrderLine.objects.filter(order=order)
    return {
        row[0]: row[1:] for row in rows.values_list("sku", "quantity", "allocated", "shipped", "cancelled")
    }


def sound() -> None:
    """Every check of stock, orders and kits holds."""
    assert [result for result in doctor.run(CHECKS) if not result.ok] == []
