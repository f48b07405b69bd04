"""The demo: a real store of each sandbox, really connected and read, and a desk in the middle of its day.

`load` builds it by the same services that people use, against the sandbox whose file `make run` keeps, so that what the
shop shows and what we hold agree. `dump` writes the result, without credentials, as `fixtures/demo.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.core import serializers
from django.core.management import call_command
from django.db.models import Model
from django.utils import timezone

from catalogue.models import Variant
from channels.contract.registry import specs
from channels.models import Connection
from channels.push.dispatcher import dispatch
from channels.stores import connect, services
from channels.workers.enqueue import LANES
from inventory.models import StockItem, Warehouse
from inventory.services import adjust as stock
from oms.devserver.sandboxes import sandbox_settings
from oms.kit import jobs
from oms.kit.actors import SYSTEM, Author
from oms.kit.models import Job
from orders.choices import OrderStatus
from orders.models import Carrier, Order, OrderSettings
from orders.services import carriers as carriers_services
from orders.services import decisions, manifests, packing

#: What the seller calls its store on each channel. The first one brings the range; the others list parts of it.
STORES = {
    "opencart": "Fern & Kettle",
    "bigcommerce": "Fern & Kettle UK",
    "onbuy": "Fern & Kettle on OnBuy",
    "etsy": "FernAndKettle on Etsy",
    "offline": "Market stall",
}
FIXTURE = settings.BASE_DIR / "fixtures" / "demo.json"
MAYA = Author("person", None, "Maya, warehouse")
#: carrier and the address that follows a parcel
CARRIERS = (
    ("DHL Parcel", "https://www.dhl.com/gb-en/home/tracking.html?tracking-id={number}"),
    ("Royal Mail Tracked 48", "https://www.royalmail.com/track-your-item#/tracking-results/{number}"),
)
#: What a fixture may hold: everything of the house but people, credentials, calls and work that is under way.
DUMPED = (
    "channels.connection", "channels.http.rate_limit", "channels.syncstream", "channels.syncrun", "channels.statusmapentry",
    "channels.outboxmessage", "channels.rejectedrecord",
    "catalogue.brand", "catalogue.category", "catalogue.attribute", "catalogue.product", "catalogue.variant",
    "catalogue.productimage", "catalogue.listing", "catalogue.listingvariant", "catalogue.skualias",
    "inventory.warehouse", "inventory.warehousemapping", "inventory.stockitem", "inventory.stockmovement",
    "inventory.stockpolicy", "inventory.stockdifference",
    "orders.carrier", "orders.carriermap", "orders.ordersettings", "orders.manifest", "orders.order",
    "orders.orderline", "orders.domain.allocation", "orders.shipment", "orders.shipmentline",
    "orders.ordersearch", "orders.hold", "orders.orderevent", "orders.note", "kit.problem", "kit.job",
)  # fmt: skip

#: State messages are made anew with the first change of what they are about.
ONLY = {"channels.outboxmessage": {"kind": "event"}}


def load() -> None:
    """Fill an empty database with the demo; the sandboxes run in this process meanwhile, on the ports they will keep."""
    settings.OMS_PUBLIC_URL = os.environ.get("OMS_PUBLIC_URL", settings.OMS_PUBLIC_URL)
    with ExitStack() as stack:
        credentials: dict[str, dict[str, str]] = {}
        for channel in STORES:
            spec = specs().get(channel)
            if spec is None:
                continue
            if not spec.sandbox:
                credentials[channel] = {"currency": "EUR", "time_zone": settings.TIME_ZONE}
                continue
            url = os.environ.get(f"OMS_SANDBOX_{channel.upper()}_URL", "")
            sandbox = spec.make_sandbox(file=settings.VAR_DIR / f"sandbox-{channel}.json", seed="demo")
            running = stack.enter_context(sandbox.serve(port=urlsplit(url).port or 0))
            credentials[channel] = running.credentials
            _take_application(channel, running.url)
        build(credentials)


def _take_application(channel: str, url: str) -> None:
    """The secret with which a sandbox's application signs its webhooks; a real one that is set stays."""
    given = sandbox_settings(channel, url).get(f"{channel.upper()}_WEBHOOK_SECRET", "")
    app = settings.OMS_APPS.get(channel, {})
    if given and not app.get("webhook_secret"):
        settings.OMS_APPS = {**settings.OMS_APPS, channel: {**app, "webhook_secret": given}}


def build(credentials: Mapping[str, dict[str, str]]) -> list[Connection]:
    """Warehouses, the stores with their first sync, stock in two places, and orders at every step of the desk."""
    leeds = Warehouse.objects.create(code="LEEDS", name="Leeds", country="GB")
    lyon = Warehouse.objects.create(code="LYON", name="Lyon", country="FR")
    carriers = [
        carriers_services.save_carrier(name=name, tracking_url=url, by=SYSTEM) for name, url in CARRIERS
    ]
    made = []
    for channel, given in credentials.items():
        store = connect.connect(channel=channel, name=STORES[channel], credentials=given)
        OrderSettings.objects.update_or_create(connection=store, defaults={"default_carrier": carriers[0]})
        _work_jobs()
        if store.has_wire:
            services.switch_on(connection=store)
        store.warehouse_mappings.get_or_create(warehouse=lyon, defaults={"priority": 20})
        made.append(store)
    _stock(leeds, lyon)
    _day_at_the_desk(made[0], carriers)
    for store in made:
        if store.has_wire:
            _send(store)
    return made


def _work_jobs() -> None:
    while due := list(Job.objects.all().due()):
        for job in due:
            while jobs.work(job.pk):
                pass


def _send(store: Connection) -> None:
    for lane in LANES:
        while dispatch(store.pk, lane):
            pass


def _stock(leeds: Warehouse, lyon: Warehouse) -> None:
    """Some of the range lies in Lyon too; one shelf was counted and found short."""
    for variant in Variant.objects.order_by("pk")[:12]:
        stock.receive(variant=variant, warehouse=lyon, quantity=6, reason="First delivery to Lyon", by=MAYA)
    Variant.objects.filter(stock_items__on_hand__lt=20).update(reorder_point=20)
    counted = StockItem.objects.filter(warehouse=leeds, on_hand__gte=30, allocated=0).order_by("pk").first()
    if counted:
        stock.adjust(
            variant=counted.variant,
            warehouse=leeds,
            set_to=counted.on_hand - 2,
            reason="Counted: two broken",
            by=MAYA,
        )


def _day_at_the_desk(store: Connection, carriers: Sequence[Carrier]) -> None:
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


def dump(path: Path = FIXTURE) -> int:
    """Write the demo as a fixture that `loaddata demo` reads into an empty, migrated database; returns the rows.

    The store comes without credentials, so it is paused there and says so.
    """
    Connection.objects.update(
        state=Connection.State.PAUSED,
        state_reason="Demo data without its shop: start the shop by `make run`, or reconnect this store.",
        state_since=timezone.now(),
    )
    rows: list[Model] = []
    for label in DUMPED:
        model = apps.get_model(label)
        rows += list(model._base_manager.filter(**ONLY.get(label, {})).order_by("pk"))
    text = serializers.serialize("json", rows)
    entries = [_without_defaults(entry) for entry in json.loads(text)]
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in entries)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return len(entries)


def _without_defaults(entry: dict[str, Any]) -> dict[str, Any]:
    """A row that says only what is not said by its model anyway."""
    plain = {
        field.name: field.get_default()
        for field in apps.get_model(entry["model"])._meta.concrete_fields
        if not callable(field.default) or field.default in (dict, list)
    }
    told = {
        name: value
        for name, value in entry["fields"].items()
        if name not in plain or str(value) != str(plain[name] if plain[name] is not None else None)
    }
    return {**entry, "fields": told}


def main() -> None:
    """`make demo-fixture`: the fixture made anew, in a database and a sandbox of its own."""
    call_command("migrate", verbosity=0)
    load()
    print(f"{dump()} rows in {FIXTURE.name}")  # noqa: T201
