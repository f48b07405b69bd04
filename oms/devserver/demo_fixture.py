"""`fixtures/demo.json`: the demo without its shops, for `manage.py loaddata demo`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import serializers
from django.core.management import call_command
from django.db.models import Model
from django.utils import timezone

from channels.models import Connection
from oms.devserver import demo

FIXTURE = settings.BASE_DIR / "fixtures" / "demo.json"
#: What a fixture may hold: everything but people, credentials, calls and work that is under way.
DUMPED = (
    "channels.connection", "channels.budget", "channels.syncstream", "channels.syncrun", "channels.statusmapentry",
    "channels.outboxmessage", "channels.rejectedrecord",
    "catalogue.brand", "catalogue.category", "catalogue.attribute", "catalogue.product", "catalogue.variant",
    "catalogue.productimage", "catalogue.listing", "catalogue.listingvariant", "catalogue.skualias",
    "inventory.warehouse", "inventory.warehousemapping", "inventory.stockitem", "inventory.stockmovement",
    "inventory.stockpolicy", "inventory.stockdifference",
    "orders.carrier", "orders.carriermap", "orders.ordersettings", "orders.manifest", "orders.order",
    "orders.orderline", "orders.allocation", "orders.shipment", "orders.shipmentline",
    "orders.ordersearch", "orders.hold", "orders.orderevent", "orders.note", "kit.problem", "kit.job",
)  # fmt: skip

#: State messages are made anew with the first change of what they are about.
ONLY = {"channels.outboxmessage": {"kind": "event"}}


def dumped_models() -> list[type[Model]]:
    """Return the models of the fixture in the order in which their rows can be loaded."""
    return [apps.get_model(label) for label in DUMPED]


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
    for model in dumped_models():
        rows += list(model._base_manager.filter(**ONLY.get(model._meta.label_lower, {})).order_by("pk"))
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
    demo.load()
    print(f"{dump()} rows in {FIXTURE.name}")  # noqa: T201
