"""The demo: a real store of each sandbox, really connected and read, and a desk in the middle of its day.

`load` builds it by the same services that people use, against the sandbox whose file `make run` keeps, so that what the
shop shows and what we hold agree. `demo_day` is what happens in it, `demo_fixture` writes the result to a file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from catalogue.pictures import sweep
from channels.contract.carriers.spec import CarrierCapability
from channels.contract.registry import carrier_specs, specs
from channels.models import Connection
from channels.push.dispatcher import dispatch
from channels.stores import connect, pull_jobs, services
from channels.workers.enqueue import LANES
from inventory.models import Warehouse
from oms.devserver import demo_day
from oms.devserver.sandboxes import CARRIER_SANDBOXES, sandbox_settings
from oms.kit.authors.actors import SYSTEM
from oms.kit.background import jobs
from oms.kit.models import Job
from orders.models import OrderSettings
from orders.services import carriers as carriers_services
from orders.services.labels import accounts as carrier_accounts

#: What the seller calls its store on each channel. The first one brings the range; the others list parts of it.
STORES = {
    "opencart": "Fern & Kettle",
    "bigcommerce": "Fern & Kettle UK",
    "onbuy": "Fern & Kettle on OnBuy",
    "etsy": "FernAndKettle on Etsy",
    "offline": "Market stall",
}
#: carrier and the address that follows a parcel
CARRIERS = (
    ("DHL Parcel", "https://www.dhl.com/gb-en/home/tracking.html?tracking-id={number}"),
    ("Royal Mail Tracked 48", "https://www.royalmail.com/track-your-item#/tracking-results/{number}"),
)
#: The settings of the account at each carrier.
SENDER = {
    "name": "Fern & Kettle",
    "line1": "2 Mill Lane",
    "city": "Leeds",
    "postcode": "LS2 2AA",
    "country": "GB",
}
ACCOUNTS: dict[str, dict[str, Any]] = {
    "sendcloud": {
        "sender": SENDER,
        "default_grams": 500,
        "default_service": "royal_mail:tracked48",
        "hs_code": "691200",
        "origin": "GB",
    },
    "royal_mail": {"sender": SENDER, "default_grams": 500, "default_service": "TPS48"},
}


def load() -> None:
    """Fill an empty database with the demo; the sandboxes run in this process meanwhile, on the ports they will keep."""
    settings.OMS_PUBLIC_URL = os.environ.get("OMS_PUBLIC_URL", settings.OMS_PUBLIC_URL)
    with ExitStack() as stack:
        credentials: dict[str, dict[str, str]] = {}
        sandboxes: dict[str, Any] = {}
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
            credentials[channel], sandboxes[channel] = running.credentials, running.sandbox
            _take_application(channel, running.url)
        build(credentials, sandboxes)
        connect_carriers(stack)
        while sweep.run():
            pass


def connect_carriers(stack: ExitStack) -> None:
    """Connect a carrier account at each carrier's sandbox, and own delivery for the own van."""
    for path in CARRIER_SANDBOXES:
        key = path.rpartition(".")[2]
        spec = carrier_specs()[key]
        url = os.environ.get(f"OMS_SANDBOX_{key.upper()}_URL", "")
        sandbox = spec.make_sandbox(file=settings.VAR_DIR / f"sandbox-{key}.json")
        running = stack.enter_context(sandbox.serve(port=urlsplit(url).port or 0))
        account = carrier_accounts.connect(
            key=key, name=spec.label, credentials=running.credentials, settings=ACCOUNTS[key], by=SYSTEM
        )
        if settings.OMS_PUBLIC_URL and spec.carrier_capabilities[CarrierCapability.WEBHOOKS].supported:
            sandbox.connect(f"{settings.OMS_PUBLIC_URL}/hooks/{key}/{account.pk}/")
    van = carriers_services.save_carrier(name="Own van", by=SYSTEM)
    carrier_accounts.connect(
        key="house", name="Own van", credentials={}, settings={"carrier": van, "prefix": "FK"}, by=SYSTEM
    )


def _take_application(channel: str, url: str) -> None:
    """The secret with which a sandbox's application signs its webhooks; a real one that is set stays."""
    given = sandbox_settings(channel, url).get(f"{channel.upper()}_WEBHOOK_SECRET", "")
    app = settings.OMS_APPS.get(channel, {})
    if given and not app.get("webhook_secret"):
        settings.OMS_APPS = {**settings.OMS_APPS, channel: {**app, "webhook_secret": given}}


def build(credentials: Mapping[str, dict[str, str]], sandboxes: Mapping[str, Any]) -> list[Connection]:
    """Warehouses, the stores with their first sync, stock in two places, and orders in every status.

    `sandboxes` are the shops themselves, where buyers and the seller do things while we look: by channel.
    """
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
    demo_day.stock(leeds, lyon)
    demo_day.costs()
    demo_day.settle_differences()
    demo_day.at_the_desk(made[0], carriers)
    demo_day.short_of_stock(made[0], leeds)
    _send_all(made)
    _sync_all(made)  # the stores show what they were sent
    if shop := sandboxes.get(made[0].channel):
        demo_day.in_the_shop(shop)
        _sync_all(made[:1])
        demo_day.compare(made[0])
        _send_all(made)
    return made


def _send_all(stores: list[Connection]) -> None:
    for store in stores:
        if store.has_wire:
            _send(store)


def _sync_all(stores: list[Connection]) -> None:
    """Sync Products, then Sync Orders, of each store that has them."""
    for store in stores:
        for ask in (pull_jobs.ask_products, pull_jobs.ask_orders):
            try:
                ask(connection=store)
            except pull_jobs.CannotSync:
                continue
            _work_jobs()


def _work_jobs() -> None:
    while due := list(Job.objects.all().due()):
        for job in due:
            while jobs.work(job.pk):
                pass


def _send(store: Connection) -> None:
    for lane in LANES:
        while dispatch(store.pk, lane):
            pass
