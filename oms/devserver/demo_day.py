"""What happens in the demo: a day of staff, warehouse and shop, by the services that people use."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from catalogue.models import Variant
from catalogue.services.variants import edit_variant
from channels.models import Connection, SyncStream
from channels.pull import runner
from inventory.models import StockDifference, StockItem, Warehouse
from inventory.services import adjust, difference_decisions, stock_differences
from oms.kit.authors.actors import Author
from orders.choices import OrderStatus
from orders.models import Carrier, Order, OrderLine
from orders.services import decisions, packing
from orders.services.handing_over import manifests

MAYA = Author("person", None, "Maya, warehouse")
CENT = Decimal("0.01")
#: A cost of every SKU but these: a report must show what has none.
WITHOUT_COST = 3
#: Units that somebody sold over the counter and took off in the shop's own admin.
SOLD_OVER_THE_COUNTER = 2


def stock(leeds: Warehouse, lyon: Warehouse) -> None:
    """Some of the range lies in Lyon too; one shelf was counted and found short."""
    for variant in Variant.objects.order_by("pk")[:12]:
        adjust.receive(variant=variant, warehouse=lyon, quantity=6, reason="First delivery to Lyon", by=MAYA)
    Variant.objects.filter(stock_items__on_hand__lt=20).update(reorder_point=20)
    counted = StockItem.objects.filter(warehouse=leeds, on_hand__gte=30, allocated=0).order_by("pk").first()
    if counted:
        adjust.adjust(
            variant=counted.variant,
            warehouse=leeds,
            set_to=counted.on_hand - 2,
            reason="Counted: two broken",
            by=MAYA,
        )


def costs() -> None:
    """Goods cost about 45 % of their price."""
    priced = Variant.objects.filter(price__gt=0).order_by("pk")
    for variant in priced[WITHOUT_COST:]:
        assert variant.price is not None
        cost = (variant.price * Decimal("0.45")).quantize(CENT, ROUND_HALF_UP)
        edit_variant(variant, {"cost": str(cost)})


def at_the_desk(store: Connection, carriers: Sequence[Carrier]) -> None:
    """Of the orders that are new: some are left, one is held, the others stand at every step up to the van."""
    new = Order.objects.filter(connection=store, status=OrderStatus.NEW).order_by("placed_at")
    ids = list(new.values_list("pk", flat=True))
    if len(ids) < 8:
        return
    held, released, packed, ready, gone = ids[0], ids[1:3], ids[3:4], ids[4:6], ids[6:7]
    decisions.hold([held], reason="Buyer asks for a gift note: waiting for the text", by=MAYA)
    packing.release([*released, *packed, *ready, *gone], by=MAYA)
    packing.pack([*packed, *ready, *gone], by=MAYA)
    tracking = {pk: (carriers[0].pk, f"JD01460000{pk:08d}") for pk in (*ready, *gone)}
    packing.mark_ready_to_ship([*ready, *gone], tracking=tracking, by=MAYA)
    for order in Order.objects.filter(pk__in=gone):
        for shipment in order.shipments.select_related("warehouse"):
            if shipment.warehouse is not None and shipment.carrier is not None:
                manifests.create_manifest(
                    carrier=shipment.carrier,
                    warehouse=shipment.warehouse,
                    shipment_ids=[shipment.pk],
                    by=MAYA,
                )


def short_of_stock(store: Connection, leeds: Warehouse) -> None:
    """A shelf is empty that a new order needs: the order is partly allocated and waits for the rest."""
    elsewhere = StockItem.objects.filter(variant=OuterRef("variant"), on_hand__gt=0).exclude(warehouse=leeds)
    other = OrderLine.objects.filter(order=OuterRef("order"), allocated__gt=0).exclude(pk=OuterRef("pk"))
    line = (
        OrderLine.objects.filter(
            ~Exists(elsewhere),
            Exists(other),
            order__connection=store,
            order__status=OrderStatus.NEW,
            order__holds=None,
            allocated__gt=0,
            variant__isnull=False,
        )
        .select_related("variant")
        .order_by("order__placed_at", "pk")
        .first()
    )
    if line is None or line.variant is None:
        return
    item = StockItem.objects.get(variant=line.variant, warehouse=leeds)
    adjust.adjust(
        variant=line.variant,
        warehouse=leeds,
        set_to=item.allocated - line.allocated,  # what the other orders need is still there
        reason="Counted: water damage",
        by=MAYA,
    )


def settle_differences() -> None:
    """The figures of the first sync that differed were looked through: Manifold's are right."""
    for row in StockDifference.objects.filter(decided_at=None):
        difference_decisions.keep_own_figure(row)


def in_the_shop(sandbox: Any) -> None:
    """In the OpenCart shop: a buyer orders a gift box that the seller then deletes, and two SKUs are sold over the counter."""
    shop = sandbox.shop
    box = shop.add_product("Gift Box, Tea Lovers", "34.0000", model="GIFT-TEA", sku="GIFT-TEA", quantity=5)
    known = [row for row in shop.products.values() if shop.kind(row) == "simple" and row["quantity"] > 30]
    sandbox.place_order(
        [
            {"product_id": box["product_id"], "quantity": 1},
            {"product_id": known[0]["product_id"], "quantity": 1},
        ],
        customer="Grace Holm",
    )
    shop.delete_product(box["product_id"])
    for row in known[4:6]:
        sandbox.set_stock(row["product_id"], row["quantity"] - SOLD_OVER_THE_COUNTER)


def compare(store: Connection) -> None:
    """Import the orders of the store up to now, then list the figures that nobody here can explain."""
    for stream in SyncStream.objects.filter(
        connection=store, name__startswith="orders.", period__isnull=False
    ):
        SyncStream.objects.filter(pk=stream.pk).update(due_at=timezone.now())
        while runner.run_stream(stream.pk):
            pass
    stock_differences.find_differences(store)
