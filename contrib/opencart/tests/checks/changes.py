"""Orders that change past OpenCart's events or inside its own edit, and the facts that version 1.1 added."""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
import time
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

from browser import ShopError

from checks.harness import SHOP, Skip, admin, buy, call, check, item, make, ok, same, scan, state, utc

VOIDED = 16


def sql(text: str) -> str:
    """Run SQL in the shop's database; `SHOP_SQL` is a command that reads it (`mariadb -N shop`), prefix `oc_`."""
    command = os.environ.get("SHOP_SQL", "")
    if not command:
        raise Skip("SHOP_SQL is not set")
    done = subprocess.run(shlex.split(command), input=text, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def fresh_order(quantity: int = 1) -> dict[str, Any]:
    order = buy(state["simple"], quantity)
    item("order_history", order_id=order["order_id"], order_status_id=2, comment="Conformance run")
    return ok("order", order_id=order["order_id"])


@check
def an_edit_in_the_admin_is_never_seen_half_done() -> Any:
    desk, before = admin(), fresh_order()
    number, seen, stop = before["order_id"], [], threading.Event()

    def watch() -> None:
        while not stop.is_set():
            found = [
                row
                for row in ok("orders", modified_since=utc(timedelta(minutes=-5)))
                if row["order_id"] == number
            ]
            seen.extend((row["status"]["id"], len(row["lines"])) for row in found)
            status, answer = call("order", order_id=number)
            seen.append(
                (answer["data"]["status"]["id"], len(answer["data"]["lines"]))
                if status == 200
                else (status, 0)
            )

    watchers = [threading.Thread(target=watch) for _each in range(2)]
    for watcher in watchers:
        watcher.start()
    try:
        try:
            desk.edit_order(number, {state["simple"]: 2})
        except ShopError as error:
            if "another way" in str(error):
                raise Skip(str(error)) from None
            raise
        time.sleep(0.5)
    finally:
        stop.set()
        for watcher in watchers:
            watcher.join()
    after = ok("order", order_id=number)
    same({(2, 1)}, set(seen), "status and lines that a reader saw")
    same(
        True,
        VOIDED in [entry["status_id"] for entry in after["history"]],
        "the shop voids the order for a moment",
    )
    same(
        (2, 2, True),
        (
            after["status"]["id"],
            after["lines"][0]["quantity"],
            after["changed_at"] > before["changed_at"]
            or after["lines"][0]["order_product_id"] > before["lines"][0]["order_product_id"],
        ),
        "the edit",
    )
    return {"reads": len(seen), "line": after["lines"][0]["order_product_id"]}


@check
def orders_and_statuses_written_by_sql_are_found() -> Any:
    number = fresh_order()["order_id"]
    moment = utc(timedelta(seconds=-1))
    sql(
        f"UPDATE oc_order SET order_status_id = 5, date_modified = NOW() - INTERVAL 1 MINUTE WHERE order_id = {number}"
    )
    rows = scan("orders", 200, modified_since=moment)
    same([5], [row["status"]["id"] for row in rows if row["order_id"] == number], "a status by SQL")
    copy = int(
        sql(
            f"CREATE TEMPORARY TABLE t AS SELECT * FROM oc_order WHERE order_id = {number};"
            "UPDATE t SET order_id = (SELECT MAX(order_id) + 1 FROM oc_order), order_status_id = 2,"
            " date_added = NOW() - INTERVAL 1 MINUTE, date_modified = NOW() - INTERVAL 1 MINUTE;"
            "INSERT INTO oc_order SELECT * FROM t; SELECT MAX(order_id) FROM oc_order;"
        )
    )
    state.setdefault("orders", []).append(copy)
    rows = scan("orders", 200, modified_since=moment)
    same([2], [row["status"]["id"] for row in rows if row["order_id"] == copy], "a new order by SQL")
    sql(f"DELETE FROM oc_oms_order_change WHERE order_id = {number}")
    rows = scan("orders", 200, created_since=utc(timedelta(hours=-1)), compare=1)
    same(1, len([row for row in rows if row["order_id"] == number]), "compared because a person asks")
    return {"status": number, "copy": copy}


@check
def facts_of_a_line() -> Any:
    ticket = make(sku="", model=f"ticket-{time.time_ns()}", quantity=9, subtract=True)["product_id"]
    sql(f"UPDATE oc_product SET shipping = 0 WHERE product_id = {ticket}")
    order = buy(state["simple"])
    sql(f"UPDATE oc_order_product SET product_id = {ticket} WHERE order_id = {order['order_id']}")
    line = ok("order", order_id=order["order_id"])["lines"][0]
    same((True, False), (line["subtract"], line["shipping"]), "a ticket: counted, not shipped")
    sql(f"UPDATE oc_order_product SET product_id = 99999999 WHERE order_id = {order['order_id']}")
    line = ok("order", order_id=order["order_id"])["lines"][0]
    same((None, None), (line["subtract"], line["shipping"]), "a deleted product")
    sql(f"UPDATE oc_order_product SET product_id = {state['simple']} WHERE order_id = {order['order_id']}")
    line = ok("order", order_id=order["order_id"])["lines"][0]
    same((True, True), (line["subtract"], line["shipping"]), "goods")


@check
def files_and_the_second_store() -> Any:
    number = fresh_order()["order_id"]
    line = ok("order", order_id=number)["lines"][0]["order_product_id"]
    code = f"conf{time.time_ns()}"
    sql(
        f"INSERT INTO oc_upload SET name = 'logo &amp; co.pdf', filename = 'gone', code = '{code}', date_added = NOW();"
        f"INSERT INTO oc_order_option SET order_id = {number}, order_product_id = {line}, product_option_id = 1,"
        f" product_option_value_id = 0, name = 'Design', value = '{code}', type = 'file';"
        f"UPDATE oc_order SET store_id = 1, store_name = 'Tea Deutschland', store_url = 'https://de.example/'"
        f" WHERE order_id = {number}"
    )
    order = ok("order", order_id=number)
    same({"id": 1, "name": "Tea Deutschland", "url": "https://de.example/"}, order["store"], "store")
    file = order["lines"][0]["options"][0]["file"]
    same("logo & co.pdf", file["name"], "name of the file")
    same(404, _status(file["url"]), "a file that the shop no longer has")
    same(401, _status(file["url"][:-1] + ("0" if file["url"][-1] != "0" else "1")), "another signature")
    same(True, file["url"].startswith(SHOP), "address of the shop")
    sql(f"UPDATE oc_order SET store_id = 0 WHERE order_id = {number}")
    return {"url": file["url"].partition("?")[0]}


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
