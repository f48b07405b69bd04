"""A warehouse system that is connected: its sandbox is called over HTTP, and it calls the API with its key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from channels.connectors.wms.sandbox import WmsSandbox
from channels.models import Connection, OutboxMessage
from channels.push.dispatcher import dispatch
from inventory.models import Warehouse
from orders.models import Carrier, Handover, Order, OrderSettings
from orders.services import packing
from tests.api.caller import SECRET, Caller
from tests.orders.desk import DESK, an_order, stocked, store

AT = "2026-11-21T12:00:00Z"


class Site:
    """A store that sells from Leeds, and the WMS of Leeds."""

    def __init__(self, sandbox: WmsSandbox, *, channel: str = "opencart") -> None:
        self.sandbox = sandbox
        self.shop = store(channel=channel, options={"push_seller_cancel": True})
        carrier = Carrier.objects.get_or_create(key="dpd", defaults={"name": "DPD"})[0]
        OrderSettings.objects.filter(connection=self.shop).update(default_carrier=carrier)
        self.leeds = Warehouse.objects.get(code="LEEDS")
        self.wms = Connection.objects.create(
            kind=Connection.Kind.WMS,
            channel="wms",
            name="Leeds WMS",
            fingerprint="leeds",
            url=sandbox.credentials()["url"],
            credentials=sandbox.credentials(),
            is_read_only=False,
        )
        Warehouse.objects.filter(pk=self.leeds.pk).update(wms=self.wms)
        self.api = self.key_of(self.leeds)

    def key_of(self, warehouse: Warehouse) -> Caller:
        scopes = ("wms:read", "wms:write")
        return Caller(*scopes, base="/wms/v1", secret=SECRET, warehouse_id=warehouse.pk)

    def released(self, units: int = 2, on_hand: int = 5) -> Order:
        """An order of mugs that is released, so that the WMS gets it."""
        stocked("MUG", leeds=on_hand)
        order = an_order(self.shop, MUG=units)
        assert packing.release([order.pk], by=DESK)[0].ok
        return order

    def send(self) -> list[str]:
        """Send what waits for the WMS; return the kinds of calls that it has taken so far."""
        dispatch(self.wms.pk, "orders")
        return list(self.sandbox.calls.values())

    def handover(self, order: Order) -> Handover:
        return Handover.objects.filter(shipment__order=order).latest("pk")

    def report(self, order: Order, kind: str, *, path: str = "events", **more: Any) -> Any:
        """Report an event of the newest shipment of an order."""
        headers = {name: more.pop(name) for name in ("key", "message") if name in more}
        body = {"type": kind, "occurred_at": AT, **more}
        return self.api.post(f"/shipments/{self.handover(order).uuid}/{path}", body, **headers)


@contextmanager
def site(**options: Any) -> Iterator[Site]:
    sandbox = WmsSandbox(secret=SECRET)
    with sandbox.serve():
        yield Site(sandbox, **options)


def accepted_by_channel(order: Order) -> None:
    """The channel has taken “ready to ship” (its own wire is not what these tests are about)."""
    from channels.connectors.opencart.adapter import OpenCartAdapter
    from channels.contract.records.updates import Outcome
    from orders.outbound.fulfilment_handler import FulfilmentHandler

    class Accepting(OpenCartAdapter):
        def push_fulfilment(self, update: Any) -> Outcome:
            return Outcome(update.ref)

    messages = list(OutboxMessage.objects.filter(group=order.pk, topic="ready_to_ship"))
    FulfilmentHandler().send(order.connection, messages, Accepting(order.connection))
