"""One row of each model that has a page, and the addresses of all pages of these rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group

from catalogue.models import Brand, Category, Listing, Product, ProductCategory, Variant
from channels.models import CallLog, OutboxMessage, RejectedRecord, SyncStream
from channels.pull.page_writer import packed
from inventory.models import Delivery, StockCount, StockItem, StockMovement, Supplier, Transfer, Warehouse
from oms.kit.imports.models import SheetImport
from oms.kit.models import Job
from orders.models import Manifest, OrderLine, OrderRule, Parcel, Return, Shipment
from tests import factories
from tests.admin import desk_data
from tests.security.addresses import every_address

PLACE = re.compile(r"<(?:\w+:)?(\w+)>")

#: Start of an address under admin/ -> the model of its first place.
OWNERS = {
    "orders/pack/": "orders.order",
    "orders/customers/": "orders.order",
    "orders/order/new/": "orders.order",
    "integrations/ecommerce-sales-channels/": "channels.connection",
    "integrations/jobs/": "kit.job",
    "integrations/parked-messages/": "channels.outboxmessage",
    "inventory/explain/": "catalogue.variant",
    "catalogue/excel/": "imports.sheetimport",
    "orders/of/": "orders.shipment",
    "print/order/": "orders.order",
    "print/manifest/": "orders.manifest",
    "prints/": "kit.job",
    "documents/": "orders.document",
}
#: The words of a place that is no number.
WORDS = {
    "channel": "opencart",
    "what": "note",
    "name": "release",
    "kind": "shipment",
    "app_label": "orders",
    "key": "products",
}


@dataclass(frozen=True)
class Rows:
    """`ids`: model label -> key of a row; `others`: name of a further place in an address -> key."""

    ids: dict[str, int]
    others: dict[str, int]

    def filled(self, route: str) -> str:
        """Return the address of this route for the rows; "" for a route that has none."""
        plain = re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", route).replace("^", "").replace("$", "")
        rest = plain.removeprefix("admin/")
        app, model = [*rest.split("/"), "", ""][:2]
        owner = next((label for start, label in OWNERS.items() if rest.startswith(start)), f"{app}.{model}")
        if "/jobs/<" in rest:
            owner = "kit.job"
        if rest.startswith(("r/", "<url>")):
            return ""

        def value(place: re.Match[str]) -> str:
            name = place.group(1)
            if name in WORDS:
                return WORDS[name]
            return str(self.others[name] if name in self.others else self.ids.get(owner, 1))

        return "/" + PLACE.sub(value, plain)

    def named(self) -> dict[str, str]:
        """Name of an address (with its namespace) -> the address of these rows."""
        return {name: url for route, name in every_address() if (url := self.filled(route))}

    def addresses(self) -> Iterator[str]:
        """Every address of these rows, once."""
        yield from sorted({url for route, _name in every_address() if (url := self.filled(route))})


def stock_documents() -> list[Any]:
    """One supplier, delivery, count and transfer."""
    supplier = Supplier.objects.create(name="Potters")
    (here, there) = (factories.warehouse("leeds"), factories.warehouse("lyon"))
    return [
        supplier,
        Delivery.objects.create(supplier=supplier, warehouse=here),
        StockCount.objects.create(warehouse=here, scope="Whole warehouse"),
        Transfer.objects.create(source=here, destination=there),
    ]


def every_row() -> Rows:
    """Create one row of each model that has an admin class, and what the pages of a store need."""
    store = desk_data.shop()
    order = desk_data.ready(store)
    royal = desk_data.carrier()
    shipment = Shipment.objects.filter(order=order).latest("pk")
    found = [
        order,
        royal,
        shipment,
        store,
        Manifest.objects.create(carrier=royal, warehouse=Warehouse.objects.latest("pk")),
        Return.objects.create(number="R1", order=order, reason="faulty"),
        Parcel.objects.create(shipment=shipment),
        OrderRule.objects.create(name="Rule", actions=[{"kind": "tag", "value": "x"}]),
        Brand.objects.create(name="Fern", key="fern"),
        Category.objects.create(connection=store, external_id="1", name="Mugs", path="Mugs"),
        ProductCategory.objects.create(name="Kitchen"),
        OutboxMessage.objects.create(
            connection=store, kind="state", topic="stock", lane="stock", subject=99_999
        ),
        SheetImport.objects.create(kind="stock", file_name="stock.csv", sha256="0"),
        Job.objects.create(kind="channels.pull", title="A job", state=Job.State.DONE),
        *(m.objects.latest("pk") for m in (Product, Variant, Listing, StockItem, StockMovement, Warehouse)),
        *stock_documents(),
        factories.user("somebody"),
        Group.objects.create(name="Our own"),
    ]
    rejected = RejectedRecord.objects.create(
        connection=store, stream="products", external_id="7", reason="no", native=packed({"id": 7})
    )
    call = CallLog.objects.create(connection=store, method="GET", url="/x", status=200)
    stream = SyncStream.objects.create(connection=store, name="orders.new", period=300)
    line = OrderLine.objects.filter(order=order).latest("pk")
    return Rows(
        ids={one._meta.label_lower: one.pk for one in [*found, rejected, call]},
        others={
            "record": rejected.pk,
            "call": call.pk,
            "stream": stream.pk,
            "line": line.pk,
            "store": store.pk,
        },
    )
