"""Products: made, changed, stocked, priced."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from typing import Any

import shop as shop_module

from checks.harness import (
    MARK,
    SHOP,
    Skip,
    check,
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
def simple_product() -> Any:
    ref = secrets.token_hex(8)
    attribute = ok("attributes", limit=1)[0]["attribute_id"]
    category = ok("categories", limit=1)[0]["id"]
    body = {
        "ref": ref, "kind": "simple", "sku": f"{MARK}-1", "model": "Tea & Tee", "ean": "4006381333931", "name": 'Tea & "Tee" <1>',
        "description": "<p>Soft &amp; warm.</p>", "price": "19.99", "special": "15.5", "special_to": "2099-12-31", "quantity": 5,
        "weight": "1.25", "weight_unit": state["ping"]["weight_unit"], "manufacturer": {"name": "OMS-CONF & Co"}, "category_ids": [category],
        "attributes": [{"attribute_id": attribute, "text": "100 < 200"}],
    }  # fmt: skip
    made = ok("product_create", body)
    state.setdefault("products", []).append(made["product_id"])
    same({"product_id", "duplicate", "warnings", "children"}, set(made), "answer")
    same((False, [], []), (made["duplicate"], made["warnings"], made["children"]), "answer")
    row = product(made["product_id"])
    expected = {
        "kind": "simple", "sku": f"{MARK}-1", "model": "Tea & Tee", "ean": "4006381333931", "name": 'Tea & "Tee" <1>',
        "description": "<p>Soft &amp; warm.</p>", "price": "19.9900", "special": "15.5000", "special_from": None, "special_to": "2099-12-31",
        "quantity": 5, "subtract": True, "status": True, "minimum": 1, "weight": "1.25000000", "category_ids": [category], "children": [],
    }  # fmt: skip
    same(expected, {name: row[name] for name in expected}, "product row")
    same("OMS-CONF & Co", row["manufacturer"]["name"], "manufacturer")
    same(
        [(attribute, "100 < 200")],
        [(part["attribute_id"], part["text"]) for part in row["attributes"]],
        "attributes",
    )
    again = ok("product_create", body)
    same((made["product_id"], True), (again["product_id"], again["duplicate"]), "same ref again")
    error = refused(409, "duplicate_sku", "sku", "product_create", {**body, "ref": secrets.token_hex(8)})
    same(made["product_id"], error["product_id"], "owner of the SKU")
    same(
        [made["product_id"]], [part["product_id"] for part in ok("products", sku=f"{MARK}-1")], "found by SKU"
    )
    same(
        [made["product_id"]],
        [
            part["product_id"]
            for part in ok(
                "products", modified_since=utc(timedelta(minutes=-2)), model="Tea & Tee", sku=f"{MARK}-1"
            )
        ],
        "found by change",
    )
    status, page, _ = storefront_page(f"index.php?route=product/product&product_id={made['product_id']}")
    same(
        (200, True),
        (status, "Tea &amp; " in page and "Tea &amp;amp;" not in page),
        "storefront shows it, escaped once",
    )
    state["simple"] = made["product_id"]
    return {"product_id": made["product_id"]}


def storefront_page(path: str) -> tuple[int, str, str]:
    return shop_module.Browser(SHOP).open(path)


@check
def product_needs_sense() -> None:
    good = {"ref": secrets.token_hex(8), "sku": f"{MARK}-X", "name": "x", "price": "1"}
    for field, change in (
        ("price", {"price": "-1"}),
        ("price", {"price": None}),
        ("name", {"name": ""}),
        ("name", {"name": "&" * 200}),
        ("description", {"description": "é" * 40000}),
        ("quantity", {"quantity": -1}),
        ("quantity", {"quantity": 1.5}),
        ("ref", {"ref": ""}),
        ("kind", {"kind": "variants"}),
        ("category_ids", {"category_ids": [999999999]}),
        ("weight_unit", {"weight_unit": "stone-ish"}),
        ("special_to", {"special": "1", "special_to": "2026-02-30"}),
        ("children", {"kind": "options", "children": []}),
        ("children.0.label", {"kind": "options", "children": [{"label": {"A": "1", "B": "2"}}]}),
        (
            "children",
            {"kind": "options", "children": [{"label": {f"{MARK} A": "1"}}, {"label": {f"{MARK} B": "2"}}]},
        ),
    ):
        refused(422, "invalid", field, "product_create", {**good, **change})
    same([], ok("products", sku=f"{MARK}-X"), "nothing was made")


@check
def update_product() -> Any:
    number = state["simple"]
    before = product(number)
    row = ok(
        "product_update",
        {
            "product_id": number,
            "name": "Größe & Co",
            "price": "21",
            "sku": f"{MARK}-2",
            "weight": "2",
            "special": None,
            "minimum": 2,
        },
    )
    changed = {
        "name": "Größe & Co",
        "price": "21.0000",
        "sku": f"{MARK}-2",
        "weight": "2.00000000",
        "special": None,
        "special_to": None,
        "minimum": 2,
    }
    same(changed, {name: row[name] for name in changed}, "changed")
    kept = ("description", "quantity", "category_ids", "attributes", "model", "ean", "status", "manufacturer")
    same({name: before[name] for name in kept}, {name: row[name] for name in kept}, "kept")
    row = ok(
        "product_update",
        {
            "product_id": number,
            "description": "<p>New</p>",
            "category_ids": [],
            "attributes": [],
            "manufacturer": None,
            "ean": "",
            "quantity": 9,
            "minimum": 1,
        },
    )
    same(
        ("<p>New</p>", [], [], None, "", 9),
        tuple(
            row[name]
            for name in ("description", "category_ids", "attributes", "manufacturer", "ean", "quantity")
        ),
        "emptied",
    )
    refused(422, "invalid", "kind", "product_update", {"product_id": number, "kind": "options"})
    refused(422, "invalid", "children", "product_update", {"product_id": number, "children": []})
    refused(404, "no_such_product", "product_id", "product_update", {"product_id": 999999999, "name": "x"})
    return {"name": row["name"]}


@check
def pictures() -> Any:
    number = state["simple"]
    known = next(row["image"] for row in scan("products", 200) if row["image"])
    row = ok("product_update", {"product_id": number, "image": known, "images": [known]})
    same((known, [known]), (row["image"], row["images"]), "pictures of the shop itself")
    made = make(sku=f"{MARK}-PIC", image="http://127.0.0.1:1/none.jpg")
    same(
        (1, None),
        (len(made["warnings"]), product(made["product_id"])["image"]),
        "a picture that cannot be had",
    )
    copied = make(sku=f"{MARK}-PIC2", image=known.replace("image/catalog", "image/./catalog"))
    return {"warnings": made["warnings"], "copied": copied["warnings"]}


@check
def stock_and_price() -> None:
    number = state["simple"]
    same(
        True,
        item(
            "stock_price",
            product_id=number,
            quantity=17,
            price="22.5",
            special={"price": "20", "date_from": None, "date_to": "2099-01-31"},
        )["ok"],
        "push",
    )
    row = product(number)
    same(
        (17, "22.5000", "20.0000", "2099-01-31"),
        (row["quantity"], row["price"], row["special"], row["special_to"]),
        "pushed",
    )
    same(
        True,
        item(
            "stock_price",
            product_id=number,
            special={"price": "19", "date_from": "2098-01-01", "date_to": None},
        )["ok"],
        "replace special",
    )
    row = product(number)
    same(
        ("19.0000", "2098-01-01", None, 17),
        (row["special"], row["special_from"], row["special_to"], row["quantity"]),
        "special replaced",
    )
    same(True, item("stock_price", product_id=number, special=None, quantity="0")["ok"], "clear")
    row = product(number)
    same((0, None), (row["quantity"], row["special"]), "cleared")
    item_refused("invalid", "quantity", "stock_price", product_id=number, quantity=-1)
    item_refused("invalid", "quantity", "stock_price", product_id=number, quantity=1.5)
    item_refused("invalid", "quantity", "stock_price", product_id=number)
    item_refused("invalid", "price", "stock_price", product_id=number, quantity=3, price="1,5")
    item_refused("invalid", "special", "stock_price", product_id=number, special="9")
    item_refused(
        "invalid", "option_value_id", "stock_price", product_id=number, option_value_id=1, quantity=1
    )
    item_refused("no_such_product", "product_id", "stock_price", product_id=999999999, quantity=1)
    same(0, product(number)["quantity"], "a refused item changes nothing")


@check
def batch_in_order() -> Any:
    number = state["simple"]
    items = [
        {"ref": f"r{index}", "product_id": number if index % 10 else 999999999, "quantity": index}
        for index in range(100)
    ]
    began = time.monotonic()
    answers = ok("stock_price", {"items": items})
    took = round(time.monotonic() - began, 2)
    same([f"r{index}" for index in range(100)], [answer["ref"] for answer in answers], "order")
    same([bool(index % 10) for index in range(100)], [answer["ok"] for answer in answers], "which went")
    same(99, product(number)["quantity"], "last one counts")
    return {"seconds_for_100": took}


@check
def options_product() -> Any:
    label = f"{MARK} size"
    made = make(
        sku=f"{MARK}-G",
        name="Shirt",
        price=None,
        kind="options",
        children=[
            {"sku": f"{MARK}-G-S", "label": {label: "Small & tiny"}, "quantity": 3, "price": "30.00"},
            {"label": {label: "Large"}, "quantity": 4, "price": "32.5"},
        ],
    )
    number = made["product_id"]
    row = product(number)
    same(("options", 7, "30.0000"), (row["kind"], row["quantity"], row["price"]), "group product")
    found = [
        (child["sku"], child["sku_source"], child["label"], child["quantity"], child["price"])
        for child in row["children"]
    ]
    second = row["children"][1]["option_value_id"]
    same(
        [
            (f"{MARK}-G-S", "own", {label: "Small & tiny"}, 3, "30.0000"),
            (f"{MARK}-G-{second}", "default", {label: "Large"}, 4, "32.5000"),
        ],
        found,
        "children",
    )
    same(
        [(child["key"], child["option_value_id"], child["sku"]) for child in row["children"]],
        [(child["key"], child["option_value_id"], child["sku"]) for child in made["children"]],
        "answer names them",
    )
    same([number], [part["product_id"] for part in ok("products", sku=f"{MARK}-G-S")], "found by child SKU")
    refused(
        409,
        "duplicate_sku",
        "sku",
        "product_create",
        {"ref": secrets.token_hex(8), "sku": f"{MARK}-G-S", "name": "x", "price": "1"},
    )
    state["group"] = row
    return {"product_id": number, "keys": [child["key"] for child in row["children"]]}


@check
def options_stock_and_price() -> None:
    row = state["group"]
    number, first, second = row["product_id"], *[child["option_value_id"] for child in row["children"]]
    same(
        True,
        item("stock_price", product_id=number, option_value_id=first, quantity=10)["ok"],
        "push to a value",
    )
    row = product(number)
    same(([10, 4], 14), ([child["quantity"] for child in row["children"]], row["quantity"]), "value and sum")
    same(
        True,
        item("stock_price", product_id=number, option_value_id=second, price="28")["ok"],
        "cheaper than the product",
    )
    same(["30.0000", "28.0000"], [child["price"] for child in product(number)["children"]], "absolute prices")
    same(True, item("stock_price", product_id=number, price="40")["ok"], "product price")
    same(
        ["40.0000", "38.0000"],
        [child["price"] for child in product(number)["children"]],
        "values keep their differences",
    )
    item_refused("invalid", "option_value_id", "stock_price", product_id=number, quantity=1)
    item_refused("invalid", "special", "stock_price", product_id=number, option_value_id=first, special=None)
    item_refused(
        "no_such_product",
        "option_value_id",
        "stock_price",
        product_id=number,
        option_value_id=999999999,
        quantity=1,
    )
    updated = ok(
        "product_update",
        {
            "product_id": number,
            "children": [
                {"option_value_id": second, "sku": f"{MARK}-G-L", "quantity": 6},
                {"label": {f"{MARK} size": "Huge"}, "quantity": 2, "price": "50"},
            ],
        },
    )
    same(
        [(f"{MARK}-G-S", 10), (f"{MARK}-G-L", 6)],
        [(child["sku"], child["quantity"]) for child in updated["children"]][:2],
        "children updated",
    )
    same(
        (3, 18, "50.0000"),
        (len(updated["children"]), updated["quantity"], updated["children"][2]["price"]),
        "value added",
    )
    refused(
        409,
        "duplicate_sku",
        "children.0.sku",
        "product_update",
        {"product_id": number, "children": [{"option_value_id": first, "sku": f"{MARK}-G-L"}]},
    )


@check
def complex_product_takes_no_stock() -> Any:
    rows = [row for row in scan("products", 200) if row["kind"] == "complex"]
    if not rows:
        raise Skip("the shop has no such product")
    item_refused(
        "invalid", "quantity", "stock_price", product_id=rows[0]["product_id"], quantity=rows[0]["quantity"]
    )
    return {"product_id": rows[0]["product_id"]}
