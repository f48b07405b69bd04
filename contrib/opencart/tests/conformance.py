#!/usr/bin/env python3
"""Check a running shop with oms_connect against CONTRACT.md. One JSON line for each check, exit code 1 when one failed.

    SHOP=http://127.0.0.1:8141 SECRET_KEY=... python3 conformance.py [name ...]

Standard library only; may be run again and again. It creates products named OMS-CONF-... and deletes them; it buys as a guest and
leaves its orders cancelled (the contract cannot delete them; with the admin they are deleted). With SHOP_ADMIN_PASSWORD (and SHOP_ADMIN_USER, SHOP_ADMIN_PATH)
it also checks what needs the admin: status set by hand, module off, allow-list, key rotation, maintenance mode, time zone.
With SHOP_SQL, a command that runs SQL in the shop's database (`mariadb -N shop`), also what is written past OpenCart's events.
The shop must be able to reach this machine at LISTEN_HOST (default 127.0.0.1) for the webhook checks.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from typing import Any

import shop as shop_module
from checks import access, changes, desk, lists, orders, products, webhooks
from checks.harness import CHECKS, SHOP, Failed, Skip, admin, check, item, ok, refused, same, state

# Products and orders come before what uses them; the lists of a shop come before both.
SUBJECTS = (access, lists, products, orders, webhooks, changes, desk)


@check
def clean_up() -> Any:
    for number in state.get("orders", []):
        if ok("order", order_id=number)["status"]["id"] != 7:
            same(
                7,
                item("order_history", order_id=number, order_status_id=7, comment="Conformance run")[
                    "status_id"
                ],
                "cancelled",
            )
    deleted = []
    for number in state.get("products", []):
        deleted += ok("product_delete", {"product_id": number})["deleted"]
        refused(404, "no_such_product", "product_id", "product", product_id=number)
    if state.get("products"):
        refused(404, "no_such_product", "product_id", "product_delete", {"product_id": state["products"][0]})
    if state.get("order"):
        line = ok("order", order_id=state["order"])["lines"][0]
        same(
            (state["simple"], "", "Tea & Tee"),
            (line["product_id"], line["sku"], line["model"]),
            "line of a deleted product",
        )
    gone = state.get("orders", []) if "admin" in state else []
    for number in gone:
        admin().delete_order(number)
    return {"deleted": deleted, "cancelled": state.get("orders", []), "orders_deleted": len(gone)}


def main(names: list[str]) -> int:
    if not SHOP or not state["key"]:
        print(__doc__)
        return 2
    failed = 0
    modules = [*(subject.__name__ for subject in SUBJECTS), __name__]
    for name, function in sorted(CHECKS, key=lambda entry: modules.index(entry[1].__module__)):
        if names and name not in {*names, "ping", "clean_up"}:
            continue
        began, seen = time.monotonic(), None
        try:
            seen, outcome = function(), "ok"
        except Skip as reason:
            seen, outcome = str(reason), "skipped"
        except Exception as error:  # noqa: BLE001 - one check that breaks must not hide the others
            known = isinstance(error, (Failed, shop_module.ShopError))
            seen, outcome = str(error) if known else traceback.format_exc()[-600:], "failed"
            failed += 1
        line = {
            "check": name,
            "outcome": outcome,
            "seconds": round(time.monotonic() - began, 2),
            "seen": seen,
        }
        print(json.dumps(line, ensure_ascii=False), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
