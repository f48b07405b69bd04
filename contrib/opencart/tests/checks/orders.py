"""Orders from the storefront, and their history."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import shop as shop_module

from checks.harness import (
    MARK,
    Skip,
    age,
    buy,
    check,
    item,
    item_refused,
    ok,
    product,
    refused,
    same,
    scan,
    state,
    utc,
)


@check
def order_from_the_storefront() -> Any:
    number = state["simple"]
    item("stock_price", product_id=number, quantity=50, price="22.5")
    order = buy(number, 2)
    same(
        (state["ping"]["new_order_status"], 48),
        (order["status"]["id"], product(number)["quantity"]),
        "status and stock",
    )
    line = order["lines"][0]
    same(
        (number, f"{MARK}-2", "Tea & Tee", "Größe & Co", 2, "22.5000", "45.0000", None),
        tuple(
            line[name]
            for name in ("product_id", "sku", "model", "name", "quantity", "price", "total", "child_key")
        ),
        "line",
    )
    same(
        ("O'Lee & Sons", "Tea & Co", "GB", "GBR", "United Kingdom"),
        tuple(
            order["shipping"]["address"][name] for name in ("lastname", "company", "iso2", "iso3", "country")
        ),
        "address",
    )
    # The storefront of 4.1.0.0 loses the buyer's comment by itself.
    same(
        True,
        order["comment"]
        in ({'Ring <twice> & "wait"'} | ({""} if state["ping"]["version"] == "4.1.0.0" else set())),
        f"comment {order['comment']!r}",
    )
    same(
        (shop_module.ADDRESS["email"], "5.0000"),
        (order["email"], order["shipping"]["cost"]),
        "e-mail and shipping",
    )
    same(
        Decimal(order["total"]),
        next(Decimal(total["value"]) for total in order["totals"] if total["code"] == "total"),
        "total",
    )
    same(1, len(order["history"]), "history")
    for name in ("changed_at", "date_added"):
        same(True, -5 < age(order[name]) < 60, f"{name} {order[name]} is now")
    state["order"] = order["order_id"]
    return {
        "order_id": order["order_id"],
        "total": order["total"],
        "payment_address": order["payment"]["address"] is not None,
    }


@check
def orders_are_found() -> None:
    number = state["order"]
    for params in (
        {"ids": number},
        {"modified_since": utc(timedelta(minutes=-5))},
        {"created_since": utc(timedelta(minutes=-5))},
        {"status_ids": f"{state['ping']['new_order_status']},2", "created_since": utc(timedelta(minutes=-5))},
    ):
        rows = scan("orders", 200, **params)
        same(1, len([row for row in rows if row["order_id"] == number]), str(params))
        same(False, "history" in rows[0], "history in a list")
    same([], ok("orders", ids=number, status_ids=7), "wrong status")
    same([], ok("orders", modified_since=utc(timedelta(minutes=5))), "from the future")
    refused(404, "no_such_order", "order_id", "order", order_id=999999999)


@check
def order_with_an_option() -> Any:
    row = product(state["group"]["product_id"])
    child = row["children"][0]
    order = buy(row["product_id"], 2, {child["product_option_id"]: child["product_option_value_id"]})
    line = order["lines"][0]
    same(
        (child["key"], child["sku"], child["option_value_id"]),
        (line["child_key"], line["child_sku"], line["options"][0]["option_value_id"]),
        "which child",
    )
    after = product(row["product_id"])
    same(
        (child["quantity"] - 2, row["quantity"] - 2),
        (after["children"][0]["quantity"], after["quantity"]),
        "both figures went down",
    )
    cancelled = item(
        "order_history",
        order_id=order["order_id"],
        order_status_id=7,
        comment="Cancelled by the conformance run",
    )
    same(7, cancelled["status_id"], "cancelled")
    after = product(row["product_id"])
    same(
        (child["quantity"], row["quantity"]),
        (after["children"][0]["quantity"], after["quantity"]),
        "both came back",
    )
    return {"line": {name: line[name] for name in ("sku", "child_key", "child_sku")}}


@check
def order_history_once() -> Any:
    number, ref = state["order"], secrets.token_hex(8)
    entry = {
        "ref": ref,
        "order_id": number,
        "order_status_id": 2,
        "comment": "Packed & <ready>",
        "expect_status_ids": [1, 2],
        "tracking": {
            "carrier": "DHL",
            "number": "00340434161094042557",
            "url": "https://dhl.example/1?a=1&b=2",
        },
    }
    before = product(state["simple"])["quantity"]
    answer = ok("order_history", {"items": [entry]})[0]
    same(
        {"ref", "ok", "order_id", "status_id", "order_history_id", "mail_failed", "duplicate"},
        set(answer),
        "answer",
    )
    same(
        (True, 2, False, False),
        (answer["ok"], answer["status_id"], answer["mail_failed"], answer["duplicate"]),
        "answer",
    )
    again = ok("order_history", {"items": [entry]})[0]
    same(
        (answer["order_history_id"], True), (again["order_history_id"], again["duplicate"]), "same ref again"
    )
    order = ok("order", order_id=number)
    same((2, ref, 2), (order["status"]["id"], order["last_ref"], len(order["history"])), "order")
    comment = (
        "Packed & <ready>\nCarrier: DHL\nTracking number: 00340434161094042557\nhttps://dhl.example/1?a=1&b=2"
    )
    same((comment, ref), (order["history"][-1]["comment"], order["history"][-1]["ref"]), "history entry")
    same(before, product(state["simple"])["quantity"], "no stock moved")
    error = item_refused(
        "status_conflict",
        "expect_status_ids",
        "order_history",
        order_id=number,
        order_status_id=3,
        expect_status_ids=[1],
    )
    same(2, error["status_id"], "status told")
    item_refused("invalid", "order_status_id", "order_history", order_id=number, order_status_id=4)
    item_refused("no_such_order", "order_id", "order_history", order_id=999999999, order_status_id=2)
    item_refused(
        "invalid",
        "tracking.url",
        "order_history",
        order_id=number,
        order_status_id=2,
        tracking={"url": "javascript:alert(1)"},
    )
    same(2, len(ok("order", order_id=number)["history"]), "refused items wrote nothing")
    return {"order_id": number, "order_history_id": answer["order_history_id"]}


@check
def history_moves_changed_at() -> Any:
    number = state["order"]
    before = ok("order", order_id=number)["changed_at"]
    time.sleep(1.1)
    same(True, item("order_history", order_id=number, order_status_id=2, comment="again")["ok"], "history")
    order = ok("order", order_id=number)
    same(True, order["changed_at"] > before, "changed_at moved")
    same(
        [number],
        [
            row["order_id"]
            for row in ok("orders", modified_since=order["changed_at"])
            if row["order_id"] == number
        ],
        "inclusive",
    )
    return {"before": before, "after": order["changed_at"]}


@check
def stock_trap() -> Any:
    """Status 15 lies outside both lists of a fresh shop: writing it gives stock back."""
    number, line = state["order"], state["simple"]
    inside = set(state["ping"]["processing_statuses"]) | set(state["ping"]["complete_statuses"])
    if 15 in inside:
        raise Skip("this shop counts status 15 as processing")
    steps = {}
    for status in (2, 15, 2, 3, 7, 2):
        same(status, item("order_history", order_id=number, order_status_id=status)["status_id"], "status")
        steps[f"{len(steps) + 1}: status {status}"] = product(line)["quantity"]
    same([48, 50, 48, 48, 50, 48], list(steps.values()), "stock after each step")
    return steps


@check
def notify_does_not_fail() -> Any:
    answer = item(
        "order_history", order_id=state["order"], order_status_id=2, comment="With mail", notify=True
    )
    same(True, answer["ok"], "history with notify")
    return {"mail_failed": answer["mail_failed"]}
