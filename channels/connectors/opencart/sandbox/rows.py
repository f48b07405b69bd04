"""Rows of the shop as `oms_connect` returns them (CONTRACT.md §4): HTML entities decoded, times in UTC."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from channels.connectors.opencart.sandbox.shop import Row, Shop


def stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def picture(path: str, base_url: str) -> str | None:
    """Return the absolute URL of a stored picture; None for none."""
    if not path:
        return None
    return path if "://" in path else f"{base_url}/image/{path}"


def product_row(shop: Shop, product: Row, base_url: str) -> Row:
    kind = shop.kind(product)
    text = {"name": html.unescape(product["name"]), "description": html.unescape(product["description"])}
    plain = {
        name: product[name]
        for name in (
            "product_id", "master_id", "sku", "model", "ean", "upc", "jan", "isbn", "mpn", "price", "special",
            "special_from", "special_to", "quantity", "subtract", "status", "minimum", "stock_status_id",
            "tax_class_id", "weight", "weight_unit", "manufacturer", "category_ids",
        )
    }  # fmt: skip
    return {
        **plain,
        **text,
        "kind": kind,
        "model": html.unescape(product["model"]),
        "attributes": [
            {
                "attribute_id": item["attribute_id"],
                "name": shop.attributes.get(item["attribute_id"], {}).get("name", ""),
                "text": html.unescape(item["text"]),
            }
            for item in product["attributes"]
        ],
        "image": picture(product["image"], base_url),
        "images": [picture(path, base_url) for path in product["images"]],
        "date_added": shop.utc(product["date_added"]),
        "date_modified": shop.utc(shop.modified(product)),
        "descriptions": {shop.settings["language"]: text},
        "children": children(shop, product, kind, base_url),
    }


def children(shop: Shop, product: Row, kind: str, base_url: str) -> list[Row]:
    if kind == "variants":
        return [
            _variant(shop, shop.products[i], product, base_url) for i in shop.variants[product["product_id"]]
        ]
    if kind != "options":
        return []
    option = shop.counted_option(product)
    assert option is not None
    return [_value(shop, product, option, value) for value in option["values"]]


def _variant(shop: Shop, variant: Row, master: Row, base_url: str) -> Row:
    label = {}
    for option, value in shop.variant_values(variant, master):
        shared = shop.options[option["option_id"]]
        label[shared["name"]] = shared["values"][value["option_value_id"]]
    return {
        "key": str(variant["product_id"]), "product_id": variant["product_id"], "option_id": None,
        "option_value_id": None, "product_option_id": None, "product_option_value_id": None, "sku": variant["sku"],
        "sku_source": "own", "label": label, "quantity": variant["quantity"], "price": variant["price"],
        "image": picture(variant["image"], base_url),
    }  # fmt: skip


def _value(shop: Shop, product: Row, option: Row, value: Row) -> Row:
    shared = shop.options[option["option_id"]]
    sku, source = child_sku(product, value)
    return {
        "key": f"{product['product_id']}-{value['option_value_id']}", "product_id": None,
        "option_id": option["option_id"], "option_value_id": value["option_value_id"],
        "product_option_id": option["product_option_id"],
        "product_option_value_id": value["product_option_value_id"], "sku": sku, "sku_source": source,
        "label": {shared["name"]: shared["values"][value["option_value_id"]]}, "quantity": value["quantity"],
        "price": f"{Decimal(product['price']) + Decimal(value['difference']):.4f}", "image": None,
    }  # fmt: skip


def child_sku(product: Row, value: Row) -> tuple[str, str]:
    if value["sku"]:
        return value["sku"], "own"
    return f"{product['sku'] or product['model']}-{value['option_value_id']}", "default"


def order_row(shop: Shop, order: Row, base_url: str, *, with_history: bool = False) -> Row:
    """Return an order. While the shop edits it, it has the status from before (since version 1.1 of the extension)."""
    is_new = shop.settings["extension"] >= "1.1"
    status_id = (order.get("before_edit") if is_new else 0) or order["status_id"]
    shown = {
        name: order[name]
        for name in (
            "order_id", "store_id", "invoice_no", "currency", "currency_value", "total", "firstname", "lastname",
            "email", "telephone", "customer_id", "customer_group_id", "payment", "shipping", "totals", "last_ref",
        )
    }  # fmt: skip
    row: Row = {
        **shown,
        "language": shop.settings["language"],
        "date_added": shop.utc(order["date_added"]),
        "changed_at": stamp(order["changed_at"]),
        "status": {"id": status_id, "name": shop.statuses.get(status_id, "")},
        "comment": html.unescape(order["comment"]),
        "lines": [_line(shop, line, base_url, is_new=is_new) for line in order["lines"]],
    }
    if is_new:
        store_id = order["store_id"]
        name = shop.settings["stores"].get(str(store_id), shop.settings["name"])
        row["store"] = {"id": store_id, "name": name, "url": f"{base_url}/"}
    if with_history:
        row["history"] = [
            {**entry, "comment": html.unescape(entry["comment"]), "date_added": shop.utc(entry["date_added"])}
            for entry in order["history"]
        ]
    return row


def _line(shop: Shop, line: Row, base_url: str, *, is_new: bool) -> Row:
    product = shop.products.get(line["product_id"])
    key, sku = _child_of(shop, product, line) if product else (None, None)
    facts: Row = {}
    if is_new:
        is_counted = bool(product and (product["subtract"] or "-" in (key or "")))
        facts["subtract"] = is_counted if product else None
        facts["shipping"] = product.get("shipping", True) if product else None
    return {
        **line,
        **facts,
        "options": [_option(option, base_url, is_new=is_new) for option in line["options"]],
        "name": html.unescape(line["name"]),
        "model": html.unescape(line["model"]),
        "sku": product["sku"] if product else "",
        "child_key": key,
        "child_sku": sku,
    }


def _option(option: Row, base_url: str, *, is_new: bool) -> Row:
    """Return a chosen option. An uploaded file has its code as value; since version 1.1 its name and a link, too."""
    shown = {name: value for name, value in option.items() if name != "file_name"}
    if is_new and option["type"] == "file" and option.get("file_name"):
        link = f"{base_url}/index.php?route=extension/oms_connect/v1&call=file&code={option['value']}&sig=0"
        shown["file"] = {"name": option["file_name"], "url": link}
    return shown


def _child_of(shop: Shop, product: Row, line: Row) -> tuple[Any, Any]:
    if product["master_id"]:
        return str(product["product_id"]), product["sku"]
    chosen = {taken["product_option_value_id"] for taken in line["options"]}
    for variant_id in shop.variants.get(product["product_id"], ()):
        variant = shop.products[variant_id]
        values = {value["product_option_value_id"] for _, value in shop.variant_values(variant, product)}
        if values and values <= chosen:
            return str(variant_id), variant["sku"]
    option = shop.counted(product)
    for value in option["values"] if option else ():
        if value["product_option_value_id"] in chosen:
            return f"{product['product_id']}-{value['option_value_id']}", child_sku(product, value)[0]
    return None, None
