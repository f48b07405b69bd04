"""What the order desk hands to the layers below: sinks, handlers, hooks, sweeps, invariants."""

from __future__ import annotations

from catalogue import hooks as catalogue_hooks
from channels import first_sync, outbox, streams
from channels.base import Lane, Stream
from channels.records import FulfilmentEvent
from inventory import hooks as inventory_hooks
from oms.kit import jobs
from orders import carriers, codes, ingest, invariants, push, refilling, rereading, sweeps


def connect() -> None:
    codes.declare()
    for stream in (
        Stream.ORDERS_NEW,
        Stream.ORDERS_CHANGED,
        Stream.ORDERS_CANCELLED,
        Stream.ORDERS_HISTORY,
    ):
        streams.register_sink(stream, ingest.orders)
    first_sync.register_carrier_sink(carriers.listed)
    handler = push.FulfilmentHandler()
    for event in FulfilmentEvent:
        outbox.register_handler(str(event), handler)
    inventory_hooks.on_more(refilling.wake_refill)
    inventory_hooks.on_short(refilling.take_back_stock)
    inventory_hooks.register_holders(refilling.holders)
    catalogue_hooks.on_mapped(refilling.wake_mapping)
    sweeps.register(Lane.ORDERS)
    jobs.register(rereading.KIND, rereading.step)
    invariants.register()
