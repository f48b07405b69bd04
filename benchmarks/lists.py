"""Every list, tab, filter, deep page, search and page of staff on 1,000,000 orders, against the twin of 1,000, in one run.

    BENCH_DATABASE_URL=postgres://user@host:5432/postgres python -m benchmarks lists [--only=text] [--rounds=7]

The installations are those of `benchmarks/million.py`. The rounds alternate between the two databases, so that a change
of the machine's load meets both. A figure is the ratio of the medians; beside it the milliseconds and the statements of the
large installation. With a server on this machine, the time is that of the processors: of this process and of its
connection's server process, so other work on the machine counts little. `wall_ms` is the time by the clock. Statements are the
fewest of the rounds: figures of the menu are counted again every half minute.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks import million
from benchmarks._common import ROUNDS, figure, seconds, use_settings

NAME = "lists"
ONLY = next((one[7:] for one in sys.argv if one.startswith("--only=")), "")
TIMES = next((int(one[9:]) for one in sys.argv if one.startswith("--rounds=")), max(ROUNDS, 5))
ORDER_TABS = (
    "unpaid", "draft", "new", "partial", "rfp", "packed", "rts", "in_transit", "delivered", "completed", "cancelled",
    "returned", "problem", "held",
)  # fmt: skip
#: The highest ratio allowed, by the kind of the page.
TARGETS = {"first": 1.3, "deep": 1.5, "filter": 1.5, "search": 3.0, "page": 1.5}
STATEMENTS = 8  # of a list


@dataclass
class Measured:
    """The times of one page in one installation, in seconds, and what it asked the database."""

    whole: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    statements: int = 1_000
    status: int = 0


def pages() -> Iterator[tuple[str, str, str]]:
    """Yield (kind, name, address) of each page; `{…}` in an address is filled in for each installation."""
    orders = "/admin/orders/order/"
    yield "first", "orders", orders
    for tab in ORDER_TABS:
        yield "filter", f"orders, tab {tab}", f"{orders}?tab={tab}"
    for text in (
        "store={store}", "sku={sku}", "sku=NO-SUCH-SKU", "warehouse={warehouse}", "carrier={carrier}", "country=FR",
        "due=late", "due=later", "tracking=none", "problem=unknown_sku", "total_from=30", "since=2026-06-01&until=2026-06-30",
    ):  # fmt: skip
        yield "filter", f"orders, {text.split('=')[0]} {text.split('=')[1][:9]}", f"{orders}?{text}"
    for order in ("number", "-number", "total", "-total"):
        yield "filter", f"orders by {order}", f"{orders}?o={order}"
    yield "deep", "orders, middle", orders + "?{middle}"
    yield "deep", "orders, completed, middle", orders + "?tab=completed&{middle_completed}"
    for text in (
        "{number}",
        "buyer{number}",
        "argreav",
        "Olivia",
        "olivia leeds",
        "LS6 3BJ",
        "S000042",
        "enamel",
        "ol",
        "7911 000700",
        "no-such",
    ):
        yield "search", f"orders: {text}", f"{orders}?q={text}"
        yield "search", f"box: {text}", f"/admin/search/results/?q={text}"
    yield "page", "one order", orders + "{order}/"
    yield "page", "one order of a kit", orders + "{kit_order}/"
    yield from newer_pages()
    for name in (
        "orders/shipment", "orders/manifest", "orders/carrier", "catalogue/product", "catalogue/variant", "catalogue/listing",
        "catalogue/category", "catalogue/brand", "inventory/stockitem", "inventory/stockmovement", "inventory/warehouse",
        "integrations/jobs", "integrations/parked-messages",
    ):  # fmt: skip
        yield "first", name, f"/admin/{name}/"
    yield "search", "products: mug", "/admin/catalogue/product/?q=mug"
    yield "search", "SKUs: S000042", "/admin/catalogue/variant/?q=S000042"
    yield "search", "listings: S000042", "/admin/catalogue/listing/?q=S000042"
    yield "search", "stock: S000042", "/admin/inventory/stockitem/?q=S000042"
    yield "filter", "stock, low", "/admin/inventory/stockitem/?tab=low"
    yield "filter", "listings of a store", "/admin/catalogue/listing/?store={store}"
    yield "filter", "movements of a kind", "/admin/inventory/stockmovement/?kind=shipment"
    yield "filter", "messages, sent", "/admin/integrations/parked-messages/?tab=sent"
    yield "page", "one product", "/admin/catalogue/product/{product}/"
    yield "page", "explain", "/admin/inventory/explain/{listed}/"
    yield "page", "new manifest", "/admin/orders/manifest/add/"
    yield "page", "home", "/admin/"
    yield "page", "stores", "/admin/integrations/ecommerce-sales-channels/"
    for part in (
        "",
        "listings/",
        "plan/",
        "first-sync/",
        "differences/",
        "reconcile/?part=prices",
        "messages/",
        "warehouses/",
    ):
        yield (
            "page",
            f"a store: {part or 'overview'}",
            "/admin/integrations/ecommerce-sales-channels/{store}/" + part,
        )


def newer_pages() -> Iterator[tuple[str, str, str]]:
    """Yield the pages of stock work, exposure, rules, labels, parcels, returns, customers, the station, reports and settings."""
    for name in (
        "inventory/delivery", "inventory/stockcount", "inventory/transfer", "inventory/supplier", "orders/parcel", "orders/return",
        "orders/orderrule", "settings/audit", "channels/calllog", "channels/rejectedrecord", "alerts", "catalogue/excel",
    ):  # fmt: skip
        yield "first", name, f"/admin/{name}/"
    for tab in ("part", "closed"):
        yield "filter", f"deliveries, {tab}", f"/admin/inventory/delivery/?tab={tab}"
    for tab in ("late", "silent", "attention", "all"):
        yield "filter", f"parcels, {tab}", f"/admin/orders/parcel/?tab={tab}"
    yield "filter", "returns, requested", "/admin/orders/return/?tab=requested"
    yield "search", "returns: RA", "/admin/orders/return/?q=RA{copy}003"
    yield "search", "audit log: S000042", "/admin/settings/audit/?q=S000042"
    yield "deep", "audit log, middle", "/admin/settings/audit/?{middle_audit}"
    yield "deep", "parcels, middle", "/admin/orders/parcel/?tab=all&{middle_parcels}"
    yield "page", "one SKU", "/admin/catalogue/variant/{variant}/"
    yield "page", "components of a kit", "/admin/catalogue/skus/{kit}/kit/"
    yield "page", "one delivery", "/admin/inventory/delivery/{delivery}/"
    yield "page", "one count", "/admin/inventory/stockcount/{count}/"
    yield "page", "one transfer", "/admin/inventory/transfer/{transfer}/"
    yield "page", "one parcel", "/admin/orders/parcel/{parcel}/"
    yield "page", "one return", "/admin/orders/return/{return}/"
    yield "page", "one rule", "/admin/orders/orderrule/{rule}/"
    yield "page", "trial of a rule", "/admin/orders/orderrule/{rule}/try/"
    yield "page", "SKU inbox", "/admin/catalogue/sku-inbox/"
    for code in ("unknown_sku", "duplicate_sku", "recreated", "done"):
        yield "page", f"SKU inbox, {code}", f"/admin/catalogue/sku-inbox/?code={code}"
    yield "search", "SKU inbox: mug", "/admin/catalogue/sku-inbox/?q=mug"
    for part in ("", "products", "stock", "prices"):
        yield (
            "page",
            f"Reconcile {part}",
            "/admin/integrations/ecommerce-sales-channels/{store}/reconcile/?part=" + part,
        )
    for place in (
        "inventory/exposure", "inventory/reorder", "inventory/ageing", "inventory/low-stock", "inventory/value", "inventory/unusable",
        "orders/station", "orders/pack", "orders/customers", "orders/carrier-names", "orders/order/new", "orders/return/scan",
        "integrations/carriers", "integrations/warehouse-systems", "integrations/outgoing-webhooks", "settings/system", "settings/api-keys",
        "settings/personal-data", "account/alerts", "reports",
    ):  # fmt: skip
        yield "page", place, f"/admin/{place}/"
    yield "page", "account of a carrier", "/admin/integrations/carriers/{carrier_account}/"
    for by in ("store", "country", "sku", "warehouse"):
        yield "page", f"reports by {by}", f"/admin/reports/?by={by}"
    yield "page", "reports of a year", "/admin/reports/?since=2026-01-01&until=2026-11-30"
    yield "search", "customers: olivia hargreaves", "/admin/orders/customers/?q=olivia hargreaves"
    yield "search", "customers: e-mail", "/admin/orders/customers/?q=buyer{number}@example.com"
    yield "page", "one customer", "/admin/orders/customers/{order}/"


def samples() -> dict[str, Any]:
    """Return what fills the addresses, from the installation in use."""
    from catalogue.models import ListingVariant, Product, Variant
    from channels.models import Connection
    from inventory.models import Delivery, StockCount, Transfer, Warehouse
    from oms.kit.models import AuditEntry
    from orders.models import Carrier, CarrierAccount, Order, OrderRule, Parcel, Return

    order = Order.objects.filter(status="completed").order_by("placed_at")[500]
    return {
        "store": Connection.objects.order_by("pk")[0].pk,
        "sku": "ENA-S000000",
        "warehouse": Warehouse.objects.order_by("pk")[0].pk,
        "carrier": Carrier.objects.order_by("pk")[0].pk,
        "number": order.number,
        "order": order.pk,
        "product": Product.objects.order_by("pk")[5].pk,
        "listed": ListingVariant.objects.order_by("pk")[5].pk,
        "middle": middle_of(Order.objects.all()),
        "middle_completed": middle_of(Order.objects.filter(status="completed")),
        "kit_order": Order.objects.filter(lines__variant__is_kit=True).order_by("pk")[0].pk,
        "kit": Variant.objects.filter(is_kit=True).order_by("pk")[0].pk,
        "variant": Variant.objects.order_by("pk")[5].pk,
        "carrier_account": CarrierAccount.objects.get().pk,
        "rule": OrderRule.objects.order_by("pk")[5].pk,
        "copy": "000",
        "middle_audit": middle_of(AuditEntry.objects.all(), "id"),
        "middle_parcels": middle_of(Parcel.objects.all(), "pk"),
        **{
            str(model._meta.model_name): model.objects.order_by("pk")[0].pk
            for model in (Delivery, Transfer, Parcel, Return)
        },
        "count": StockCount.objects.order_by("pk")[0].pk,
    }


def middle_of(rows: Any, by: str = "placed_at") -> str:
    """Return the parameter of the page behind the row in the middle of a list, the newest first."""
    number = rows.count() // 2
    value, pk = rows.order_by(f"-{by}", "-pk").values_list(by, "pk")[number]
    return urlencode({"after": json.dumps([str(value), pk])})


def server_seconds() -> float | None:
    """Return the processor seconds of the server process of this connection; None on another machine."""
    from django.db import connection

    connection.ensure_connection()
    try:
        path = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
        return int(path.read_text().split()[0]) / 1e9
    except OSError:
        return None


def measure(client: Any, address: str, into: Measured, *, again: bool = False) -> None:
    from django.db import connection, reset_queries
    from django.test.utils import CaptureQueriesContext

    reset_queries()  # the log has an end: beyond it nothing is counted
    with CaptureQueriesContext(connection) as asked:
        answers: list[Any] = []
        server, own = server_seconds(), time.process_time()
        took = seconds(lambda: answers.append(client.get(address)))
        own, ended = time.process_time() - own, server_seconds()
    into.status = answers[0].status_code
    into.statements = min(into.statements, len(asked))
    if again:
        into.wall.append(took)
        if server is not None and ended is not None and ended >= server:
            into.whole.append(own + ended - server)
            into.database.append(ended - server)
        else:
            into.whole.append(took)
            into.database.append(sum(float(query["time"]) for query in asked))


def run() -> None:
    from django.contrib.auth import get_user_model
    from django.test import Client

    found: dict[str, dict[str, Measured]] = {}
    clients, filled = {}, {}
    for database in (million.TWIN, million.LARGE):
        million.use(database)
        owner = get_user_model().objects.filter(username="bench").first()
        client = Client()
        client.force_login(owner or get_user_model().objects.create_superuser("bench"))
        clients[database], filled[database] = client, samples()
    kinds = {}
    for kind, name, address in pages():
        if ONLY and ONLY not in name:
            continue
        kinds[name] = kind
        here = found.setdefault(name, {million.TWIN: Measured(), million.LARGE: Measured()})
        for turn in range(TIMES + 1):
            for database in (million.TWIN, million.LARGE):
                million.use(database)
                measure(clients[database], address.format(**filled[database]), here[database], again=turn > 0)
        report(kind, name, here)
    over = [name for name, here in found.items() if ratio_of(here) > TARGETS[kinds[name]]]
    figure(NAME, "pages over their target", len(over), "pages", of=len(found), names=over)


def ratio_of(here: dict[str, Measured]) -> float:
    large, twin = (statistics.median(here[name].whole) for name in (million.LARGE, million.TWIN))
    return large / twin


def report(kind: str, name: str, here: dict[str, Measured]) -> None:
    large, twin = here[million.LARGE], here[million.TWIN]
    figure(
        NAME,
        name,
        ratio_of(here),
        "ratio",
        kind=kind,
        target=TARGETS[kind],
        ms=round(statistics.median(large.whole) * 1000, 1),
        twin_ms=round(statistics.median(twin.whole) * 1000, 1),
        database_ms=round(statistics.median(large.database) * 1000, 1),
        wall_ms=round(statistics.median(large.wall) * 1000, 1),
        load=round(os.getloadavg()[0], 1),
        statements=large.statements,
        status=large.status,
    )


def main() -> None:
    use_settings()
    million.ready()
    run()


if __name__ == "__main__":
    main()
