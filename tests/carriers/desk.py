"""A desk with carrier accounts: a Sendcloud sandbox over HTTP, a house carrier, and orders that are packed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from channels.connectors.sendcloud.sandbox import SendcloudSandbox, make_sandbox
from channels.push.dispatcher import dispatch
from orders.models import Carrier, CarrierAccount, LabelPurchase, Order, Shipment
from orders.services import packing
from orders.services.labels import accounts, buying
from tests.orders.desk import DESK, an_order, stocked, store

SENDER = {
    "name": "Fern & Kettle", "line1": "2 Mill Lane", "city": "Leeds", "postcode": "LS2 2AA", "country": "GB",
}  # fmt: skip
TRACKED = "royal_mail:tracked48"


@dataclass
class Desk:
    """A store, an account at Sendcloud and the sandbox behind it."""

    shop: Any
    account: CarrierAccount
    sandbox: SendcloudSandbox

    def packed(self, **skus: Any) -> Shipment:
        """Return the shipment of a new order that is packed."""
        order = an_order(self.shop, **(skus or {"MUG": 1}))
        packing.release([order.pk], by=DESK)
        packing.pack([order.pk], by=DESK)
        return Shipment.objects.get(order=order)

    def buy(self, shipment: Shipment, **more: Any) -> LabelPurchase:
        return buying.buy(
            shipment_id=shipment.pk,
            account=self.account,
            service=more.pop("service", TRACKED),
            by=DESK,
            **more,
        )

    def later(self) -> None:
        """Let the workers send what is due, also what waits after a fault."""
        from channels.models import Connection, OutboxMessage

        OutboxMessage.objects.filter(connection=self.account.pk).update(not_before=None)
        LabelPurchase.objects.update(lease_until=None)
        Connection.objects.filter(pk=self.account.pk).update(blocked_until=None)
        for lane in ("orders", "default"):
            dispatch(self.account.pk, lane)

    @property
    def sold(self) -> int:
        """How many labels Sendcloud has sold and not cancelled."""
        return sum(
            row["parcels"][0]["status"]["code"] not in ("CANCELLED", "ANNOUNCEMENT_FAILED")
            for row in self.sandbox.shipments.values()
        )


def connect(running: Any, *, name: str = "Sendcloud", **settings: Any) -> CarrierAccount:
    """Connect an account at a sandbox."""
    settings = {"sender": SENDER, "default_grams": 500, "default_service": TRACKED, **settings}
    return accounts.connect(
        key=running.sandbox.channel, name=name, credentials=running.credentials, settings=settings, by=DESK
    )


@contextmanager
def desk(*, channel: str = "opencart", **settings: Any) -> Iterator[Desk]:
    """A store with stock, an account and its sandbox."""
    shop = store(channel=channel)
    stocked("MUG", leeds=99)
    with make_sandbox().serve() as running:
        yield Desk(shop, connect(running, **settings), running.sandbox)


def house(name: str = "Own van", **settings: Any) -> CarrierAccount:
    """Connect a house carrier with the carrier of its name."""
    carrier = Carrier.objects.create(name=name)
    return accounts.connect(
        key="house",
        name=name,
        credentials={},
        settings={"carrier": carrier, "prefix": "FK", **settings},
        by=DESK,
    )


def order_of(shipment: Shipment) -> Order:
    return Order.objects.get(pk=shipment.order_id)
