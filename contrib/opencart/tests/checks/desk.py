"""What needs the admin's password: settings of the module and of the shop."""

from __future__ import annotations

import json
import secrets
import threading
import time
from datetime import timedelta
from typing import Any

from checks.harness import (
    MARK,
    Listener,
    Skip,
    admin,
    age,
    buy,
    call,
    check,
    hook,
    item,
    item_refused,
    make,
    ok,
    product,
    refused,
    same,
    scan,
    state,
    utc,
)


@check
def status_set_in_the_admin() -> Any:
    desk, number, listener = admin(), state["order"], Listener()
    try:
        hook(listener.url, ["order.updated"])
        before = ok("order", order_id=number)["changed_at"]
        time.sleep(1.1)
        desk.set_status(number, 3, "Sent by hand")
        got = listener.wait()
        order = ok("order", order_id=number)
        same((3, True), (order["status"]["id"], order["changed_at"] > before), "status and changed_at")
        same(1, len(got), "webhook")
        event = json.loads(got[0][2])
        same(
            ("order.updated", number, 2, 3),
            (event["event"], event["order_id"], event["from"], event["to"]),
            "event",
        )
        rows = desk.history(number)
        same(True, any("Sent by hand" in cell for row in rows for cell in row), "history table of the admin")
        seen = desk.status(number)
        same(3, seen["status_id"], "status on the order's page")
        return {"history_rows": len(rows), "status": seen["status"]}
    finally:
        hook(listener.url, [])
        listener.close()


@check
def stock_seen_in_the_admin() -> Any:
    desk, number = admin(), state["group"]["product_id"]
    child = product(number)["children"][0]
    item("stock_price", product_id=number, option_value_id=child["option_value_id"], quantity=23)
    seen = desk.stock(number)
    same(
        (23, product(number)["quantity"]),
        (seen["values"][str(child["product_option_value_id"])], seen["quantity"]),
        "figures in the admin",
    )
    before = [
        (part["key"], part["sku"], part["product_option_value_id"]) for part in product(number)["children"]
    ]
    desk.save_product(number)
    after = [
        (part["key"], part["sku"], part["product_option_value_id"]) for part in product(number)["children"]
    ]
    same(before, after, "saving the product in the admin keeps keys and child SKUs")
    return seen


@check
def variants() -> Any:
    """4.x: a sale takes from the variant, its master and the master's option value; a push must set all three."""
    if "variants" not in state["ping"]["capabilities"]:
        raise Skip("this version has no variants")
    desk = admin()
    master = make(
        sku=f"{MARK}-V",
        name="Variant shirt",
        kind="options",
        children=[
            {"label": {f"{MARK} size": size}, "quantity": 1, "price": "30"}
            for size in ("Small & tiny", "Large")
        ],
    )
    number = master["product_id"]
    made = []
    for index, child in enumerate(master["children"]):
        made.append(
            desk.add_variant(
                number,
                {child["product_option_id"]: child["product_option_value_id"]},
                model=f"Variant {index}",
                quantity="3",
            )
        )
    same(True, item("stock_price", product_id=made[0], quantity=5, price="33")["ok"], "push to a variant")
    same(True, item("stock_price", product_id=made[1], quantity=7)["ok"], "push to the other")
    ok("product_update", {"product_id": made[0], "sku": f"{MARK}-V-S"})
    row = product(number)
    same(("variants", 12), (row["kind"], row["quantity"]), "master")
    found = [
        (child["key"], child["product_id"], child["sku"], child["quantity"], child["price"])
        for child in row["children"]
    ]
    same(
        [
            (str(made[0]), made[0], f"{MARK}-V-S", 5, "33.0000"),
            (str(made[1]), made[1], row["children"][1]["sku"], 7, "30.0000"),
        ],
        found,
        "children",
    )
    same(
        [{f"{MARK} size": "Small & tiny"}, {f"{MARK} size": "Large"}],
        [child["label"] for child in row["children"]],
        "labels",
    )
    values = desk.stock(number)["values"]
    same(
        {
            str(child["product_option_value_id"]): quantity
            for child, quantity in zip(master["children"], (5, 7), strict=True)
        },
        values,
        "option values of the master",
    )
    same(False, made[0] in [part["product_id"] for part in scan("products", 200)], "no row of its own")
    same(
        [made[0]],
        [part["product_id"] for part in ok("products", ids=made[0])],
        "its own row when asked by id",
    )
    same(
        [number],
        [part["product_id"] for part in ok("products", sku=f"{MARK}-V-S")],
        "the SKU of a variant leads to its master",
    )
    item_refused("invalid", "quantity", "stock_price", product_id=number, quantity=1)
    desk.save_product(number)
    same(
        [(5, "33.0000"), (7, "30.0000")],
        [(child["quantity"], child["price"]) for child in product(number)["children"]],
        "saving the master in the admin keeps pushed figures",
    )
    order = buy(made[0])
    sold_as = (made[0], number) if "product_code" in state["ping"]["capabilities"] else (number, 0)
    line = order["lines"][0]
    same(
        (*sold_as, str(made[0]), f"{MARK}-V-S", "33.0000"),
        tuple(line[name] for name in ("product_id", "master_id", "child_key", "child_sku", "price")),
        "line",
    )
    row = product(number)
    same(
        (4, 11, 4),
        (
            row["children"][0]["quantity"],
            row["quantity"],
            desk.stock(number)["values"][str(master["children"][0]["product_option_value_id"])],
        ),
        "what counts went down",
    )
    same(7, item("order_history", order_id=order["order_id"], order_status_id=7)["status_id"], "cancelled")
    same((5, 12), (product(number)["children"][0]["quantity"], product(number)["quantity"]), "and came back")
    same([*made, number], ok("product_delete", {"product_id": number})["deleted"], "variants go first")
    state["products"].remove(number)
    return {
        "master": number,
        "variants": made,
        "line": {name: line[name] for name in ("product_id", "master_id", "child_key", "child_sku", "price")},
    }


@check
def order_deleted_in_the_admin() -> Any:
    desk, listener = admin(), Listener()
    try:
        hook(listener.url, ["order.deleted"])
        order = buy(state["simple"])
        number = order["order_id"]
        state["orders"].remove(number)
        item("order_history", order_id=number, order_status_id=7)
        desk.delete_order(number)
        refused(404, "no_such_order", "order_id", "order", order_id=number)
        same([], ok("orders", ids=number), "list")
        got = listener.wait()
        same(
            [("order.deleted", number, 7, 0)],
            [
                (event["event"], event["order_id"], event["from"], event["to"])
                for event in (json.loads(body) for _, _, body in got)
            ],
            "webhook",
        )
        return {"order_id": number}
    finally:
        hook(listener.url, [])
        listener.close()


@check
def module_off_and_on() -> None:
    desk = admin()
    desk.settings(module_oms_connect_status="0")
    try:
        refused(403, "disabled", None, "ping")
    finally:
        desk.settings(module_oms_connect_status="1")
    ok("ping")


@check
def allow_list() -> None:
    desk = admin()
    same(True, "is no IP address" in desk.settings(allow_ips="shop.example"), "a wrong entry is refused")
    ok("ping")
    desk.settings(allow_ips="198.51.100.0/24")
    try:
        refused(403, "ip_not_allowed", None, "ping")
    finally:
        desk.settings(allow_ips="")
    ok("ping")


@check
def request_budget() -> Any:
    desk = admin()
    desk.settings(request_budget="3")
    try:
        answers = [call("ping") for _ in range(6)]
        slow = [answer for status, answer in answers if status == 429]
        same((True, "slow_down"), (len(slow) >= 1, slow[-1]["error"]["code"]), "slowed down")
        return {"retry_after": slow[-1]["error"]["retry_after"]}
    finally:
        desk.settings(request_budget="1200")


@check
def mail_server_down() -> Any:
    """OpenCart mails before it stores a status: a dead mail server must not keep the status from being stored."""
    desk, number = admin(), state["order"]
    desk.shop_settings(
        config_mail_engine="smtp",
        config_mail_smtp_hostname="127.0.0.1",
        config_mail_smtp_port="1",
        config_mail_smtp_timeout="1",
    )
    try:
        before = len(ok("order", order_id=number)["history"])
        answer = item(
            "order_history", order_id=number, order_status_id=2, comment="Mail is down", notify=True
        )
        same((True, True, 2), (answer["ok"], answer["mail_failed"], answer["status_id"]), "answer")
        history = ok("order", order_id=number)["history"]
        same((before + 1, "Mail is down"), (len(history), history[-1]["comment"]), "history")
        return {"mail_failed": answer["mail_failed"]}
    finally:
        desk.shop_settings(
            config_mail_engine="mail",
            config_mail_smtp_hostname="",
            config_mail_smtp_port="25",
            config_mail_smtp_timeout="5",
        )


@check
def same_ref_at_the_same_time() -> Any:
    """Ten requests with one ref write one history entry."""
    number, ref = state["order"], secrets.token_hex(8)
    before = len(ok("order", order_id=number)["history"])
    answers: list[Any] = []

    def send() -> None:
        body = {"items": [{"ref": ref, "order_id": number, "order_status_id": 2, "comment": "once"}]}
        # A cookie jar is not shared between threads: each call opens its own session.
        answers.append(call("order_history", body))

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same(before + 1, len(ok("order", order_id=number)["history"]), "entries")
    same([200] * 10, [status for status, _ in answers], "answers")
    results = [answer["data"][0] for _, answer in answers]
    same(
        (10, 9),
        (
            len([result for result in results if result["ok"]]),
            len([result for result in results if result.get("duplicate")]),
        ),
        "ok and duplicates",
    )
    return {"order_history_id": results[0]["order_history_id"]}


@check
def key_rotation() -> None:
    desk, old = admin(), state["key"]
    desk.settings(rotate="1")
    new = desk.secret_key()
    same(True, new != old and len(new) >= 48, "new key")
    same(200, call("ping", key=old)[0], "the old key still works")
    state["key"] = new
    ok("ping")


@check
def maintenance_mode() -> Any:
    desk = admin()
    desk.maintenance(True)
    try:
        status, answer = call("ping")
        same((503, True), (status, isinstance(answer, str)), "HTML with 503")
        return {"status": status, "begins": str(answer).strip()[:15]}
    finally:
        desk.maintenance(False)
        ok("ping")


@check
def other_time_zone() -> Any:
    desk, number = admin(), state["order"]
    zone = state["ping"]["timezone"]
    before = ok("order", order_id=number)
    desk.timezone("America/New_York")
    try:
        same("America/New_York", ok("ping")["timezone"], "time zone")
        after = ok("order", order_id=number)
        same(before["changed_at"], after["changed_at"], "changed_at stands still")
        fresh = buy(state["simple"])
        for name in ("date_added", "changed_at"):
            same(True, -5 < age(fresh[name]) < 60, f"{name} {fresh[name]} of a new order is now")
        same(
            True,
            fresh["order_id"]
            in [row["order_id"] for row in scan("orders", 200, modified_since=utc(timedelta(minutes=-2)))],
            "found",
        )
        same(
            True,
            fresh["order_id"]
            in [row["order_id"] for row in scan("orders", 200, created_since=utc(timedelta(minutes=-2)))],
            "found by creation",
        )
        item("stock_price", product_id=state["simple"], quantity=50)
        same(
            True,
            state["simple"]
            in [
                row["product_id"] for row in scan("products", 200, modified_since=utc(timedelta(minutes=-2)))
            ],
            "product found by change",
        )
        return {"old_order_date_added": [before["date_added"], after["date_added"]]}
    finally:
        desk.timezone(zone)
