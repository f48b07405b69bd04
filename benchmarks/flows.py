"""How much code three common flows run: functions, modules and crossings between modules (issue "layout").

order    an order is bought in the shop; it is imported, stored, and its stock is queued for the other stores
stock    one unit is received; its figure is sent
ship     an order is marked ready to ship; its tracking number is sent

Counted with `sys.setprofile` in every thread, over functions of our own outside sandboxes; comprehensions, lambdas and class
bodies are left out. A crossing is a pair of modules of which one calls the other.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from benchmarks._common import figure, in_own_database

NAME = "flows"
ROOT = str(Path(__file__).resolve().parent.parent)
OURS = tuple(f"{ROOT}/{package}/" for package in ("oms", "orders", "inventory", "catalogue", "channels"))


def module_of(code: CodeType) -> str:
    """Return the path of our own module of this code, "" for any other code."""
    name = code.co_filename
    if not name.startswith(OURS) or "/sandbox/" in name or code.co_name.startswith("<"):
        return ""
    return name[len(ROOT) + 1 :]


def counted(act: Callable[[], object]) -> tuple[int, int, int]:
    """Run `act()`; return how many functions and modules it used, and how many crossings between modules."""
    functions: set[CodeType] = set()
    crossings: set[tuple[str, str]] = set()

    def profile(frame: FrameType, what: str, _arg: Any) -> None:
        if what != "call" or not (module := module_of(frame.f_code)):
            return
        functions.add(frame.f_code)
        caller = frame.f_back
        while caller is not None and not module_of(caller.f_code):
            caller = caller.f_back
        if caller is not None and (origin := module_of(caller.f_code)) != module:
            crossings.add((origin, module))

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        act()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return len(functions), len({module_of(code) for code in functions}), len(crossings)


def measure() -> None:
    from channels.connectors.opencart.sandbox import make_sandbox
    from channels.stores import connect, services
    from inventory.models import StockItem
    from inventory.services.adjust import receive
    from oms.kit.authors.actors import SYSTEM
    from orders.models import Order
    from orders.services import carriers, packing
    from tests.support.workers import work
    from tests.test_main_flow import listed

    with make_sandbox(seed="demo").serve() as shop:
        store = connect.connect(channel="opencart", name="Mug Shop", credentials=shop.credentials)
        work()
        services.switch_on(connection=store)
        work()
        item = listed(store)
        known = set(Order.objects.values_list("pk", flat=True))
        shop.sandbox.buy(item.external_id, 2)

        def order_is_imported() -> None:
            services.refresh_now(connection=store, stream="orders.new")
            work()

        def stock_is_sent() -> None:
            row = StockItem.objects.select_related("variant", "warehouse").get(variant=item.variant)
            receive(variant=row.variant, warehouse=row.warehouse, quantity=1, reason="goods", by=SYSTEM)
            work()

        flows = {"order": counted(order_is_imported), "stock": counted(stock_is_sent)}
        order = Order.objects.exclude(pk__in=known).get()
        carrier = carriers.save_carrier(name="Royal Mail 48", by=SYSTEM)
        packing.release([order.pk], by=SYSTEM)
        packing.pack([order.pk], by=SYSTEM)
        work()

        def ready_to_ship() -> None:
            packing.mark_ready_to_ship(
                [order.pk], tracking={order.pk: (carrier.pk, "AB123456785GB")}, by=SYSTEM
            )
            work()

        flows["ship"] = counted(ready_to_ship)
    for name, (functions, modules, crossings) in flows.items():
        figure(NAME, f"{name}_functions", functions, "functions", modules=modules, crossings=crossings)


if __name__ == "__main__":
    in_own_database(measure)
