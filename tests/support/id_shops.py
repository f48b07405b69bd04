"""A live store of any channel with its sandbox, for tests of what happens to ids (docs/remote-ids.md)."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.test import Client
from django.utils import timezone

from catalogue.models import Listing, ListingVariant
from channels.connectors.opencart.auth import webhook_signature
from channels.contract.registry import specs
from channels.models import Connection
from channels.pull.single_records import request_orders, request_products
from channels.stores import connect, pull_jobs, services
from inventory.models import OpeningStock, StockItem
from inventory.services import adjust as stock
from inventory.services import stock_differences
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Problem
from orders.choices import OrderStatus
from orders.inbound import vanished
from orders.models import Carrier, Order
from orders.services import packing
from tests.support.workers import work

CHANNELS = ("opencart", "bigcommerce", "onbuy", "etsy")
#: The SKUs of the group product.
SMALL, LARGE = "TEA-S", "TEA-L"


def add_group(channel: str, sandbox: Any) -> None:
    """Add a product with two variants."""
    sizes = ((SMALL, "Small"), (LARGE, "Large"))
    if channel == "opencart":
        product = sandbox.shop.add_product("Tea", "10.0000", model="TEA")
        values = [{"name": name, "quantity": 50, "sku": sku} for sku, name in sizes]
        sandbox.shop.add_option(product, "Size", values)
    elif channel == "bigcommerce":
        variants = [{"sku": sku, "options": {"Size": name}, "quantity": 50} for sku, name in sizes]
        sandbox.shop.add_product("Tea", 10.0, variants=variants)
    elif channel == "etsy":
        rows = [{"sku": sku, "price": "10.00", "quantity": 50, "options": [name]} for sku, name in sizes]
        sandbox.shop.add_listing("Tea", rows, options=[(100, "Size")])
    else:
        for sku, name in sizes:
            product = sandbox.market.add_product(f"Tea - {name}")
            sandbox.market.add_listing(product, sku, "10.00", 50, group_sku="TEA")


class Shop:
    """A live store and its sandbox: three single products, one with two variants, 50 units of each SKU."""

    def __init__(self, channel: str, stack: ExitStack) -> None:
        sandbox: Any = specs()[channel].make_sandbox(seed="empty", products=3)
        add_group(channel, sandbox)
        running = stack.enter_context(sandbox.serve())
        self.channel, self.sandbox = channel, sandbox
        self.store: Connection = connect.connect(
            channel=channel, name="Shop", credentials=running.credentials
        )
        work()
        if channel == "bigcommerce":  # it calls for changed products, too
            Connection.objects.filter(pk=self.store.pk).update(
                options={**self.store.options, "auto_update_products": True}
            )
            self.store.refresh_from_db()
        services.switch_on(connection=self.store)
        for row in StockItem.objects.all():
            stock.adjust(variant=row.variant, warehouse=row.warehouse, set_to=50, reason="Count", by=SYSTEM)
        work()
        # As if it was an hour ago: an order within a second of the first count leaves that count in doubt.
        OpeningStock.objects.update(
            read_from=F("read_from") - timedelta(hours=1), read_at=F("read_at") - timedelta(hours=1)
        )
        self.singles = sorted(
            ListingVariant.objects.exclude(external_sku__startswith="TEA").values_list(
                "external_sku", flat=True
            )
        )

    # ------------------------------------------------ orders

    def place(self, *lines: tuple[str, int]) -> str:
        """Place an order of these SKUs and units; return its id."""
        rows: list[dict[str, Any]] = [{"sku": sku, "quantity": units} for sku, units in lines]
        if self.channel == "onbuy":
            return str(self.sandbox.place_order(dict(lines))["order_id"])
        return str(self.sandbox.place_order(rows or None)["order_id"])

    def order(self, *lines: tuple[str, int]) -> Order:
        """Place an order, of one unit of a single product without lines, and import it."""
        return self.imported(self.place(*(lines or ((self.singles[0], 1),))))

    def imported(self, number: str) -> Order:
        request_orders(self.store, [number])
        work()
        return Order.objects.get(connection=self.store, external_id=number)

    def packed(self) -> Order:
        order = self.order()
        carrier, _made = Carrier.objects.get_or_create(name="Royal Mail", defaults={"key": "royal mail"})
        packing.release([order.pk], by=SYSTEM)
        order.shipments.update(carrier=carrier)
        packing.pack([order.pk], by=SYSTEM)
        order.refresh_from_db()
        assert order.status == OrderStatus.PACKED
        return order

    def allocated(self) -> int:
        return sum(StockItem.objects.values_list("allocated", flat=True))

    def lines(self, order: Order) -> list[tuple[str, int]]:
        """Return SKU and live units of the order's lines."""
        rows = order.lines.exclude(quantity=0).order_by("sku")
        return [(line.sku, line.quantity - line.cancelled) for line in rows if line.quantity > line.cancelled]

    # ------------------------------------------------ listings

    def listed(self, sku: str) -> ListingVariant:
        return ListingVariant.objects.select_related("listing", "variant").get(
            connection=self.store, external_sku=sku
        )

    def listing(self, sku: str) -> Listing:
        return self.listed(sku).listing

    def set_stock(self, sku: str, units: int) -> None:
        item = StockItem.objects.get(variant=self.listed(sku).variant)
        stock.adjust(variant=item.variant, warehouse=item.warehouse, set_to=units, reason="Count", by=SYSTEM)

    # ------------------------------------------------ ways of noticing

    def webhook(self) -> bool:
        """Send the channel's new webhooks to Manifold; return whether it sent one that was taken."""
        work()
        sent = list(getattr(self.sandbox, "webhooks_sent", ()))
        sent, self._sent = sent[getattr(self, "_sent", 0) :], len(sent)
        taken = False
        for event in sent:
            path = f"/hooks/{self.channel}/{self.store.pk}/"
            if self.channel == "opencart":
                body = json.dumps({key: value for key, value in event.items() if key != "status"}).encode()
                secret = str(Connection.objects.get(pk=self.store.pk).webhook_secret["secret"])
                headers = {
                    "X-OMS-Event": event["event"],
                    "X-OMS-Signature": webhook_signature(secret, body),
                }
            else:
                body, headers = event["body"], dict(event["headers"])
            answer = Client().post(path, data=body, content_type="application/json", headers=headers)
            taken = taken or answer.status_code in (200, 202, 204)
        work()
        return taken

    def poll(self) -> None:
        """Import what is due: changes of orders, and the sample of products; a day has passed."""
        Order.objects.filter(connection=self.store).update(read_at=timezone.now() - timedelta(days=2))
        vanished.check_open_orders()
        stock_differences.sample(Connection.objects.get(pk=self.store.pk))
        self.store.streams.filter(period__isnull=False).update(due_at=timezone.now())
        work()

    def sync_order(self, number: str) -> None:
        pull_jobs.ask_orders(connection=self.store, numbers=[number])
        work()

    def sync_orders(self) -> None:
        pull_jobs.ask_orders(connection=self.store)
        work()

    def sync_product(self, external_id: str) -> None:
        request_products(self.store, [external_id])
        work()

    def sync_products(self) -> None:
        pull_jobs.ask_products(connection=self.store)
        work()

    def problems(self, order: Order | None = None) -> list[str]:
        rows = Problem.objects.open()
        if order is not None:
            rows = rows.filter(subject_kind="order", subject_id=order.pk)
        return sorted(rows.values_list("code", flat=True))
