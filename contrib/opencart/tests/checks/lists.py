"""The lists of a shop, and paging."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from checks.harness import check, ok, refused, same, scan, state


@check
def small_lists() -> Any:
    same({"id", "code", "name", "url", "default"}, set(ok("stores")[0]), "store")
    same([True], [row["default"] for row in ok("languages") if row["default"]], "default language")
    default = [row for row in ok("currencies") if row["default"]]
    same(
        [(state["ping"]["currency"], Decimal(1))],
        [(row["code"], Decimal(row["value"])) for row in default],
        "default currency",
    )
    statuses = {row["id"]: row for row in ok("order_statuses")}
    same(
        set(state["ping"]["processing_statuses"]),
        {number for number, row in statuses.items() if row["in_processing"]},
        "processing",
    )
    same(
        set(state["ping"]["complete_statuses"]),
        {number for number, row in statuses.items() if row["in_complete"]},
        "complete",
    )
    same(len(statuses), len(ok("order_statuses", language=state["ping"]["language"])), "statuses by language")
    for name in ("stock_statuses", "tax_classes"):
        same({"id", "name"}, set(ok(name)[0]), name)
    return {number: row["name"] for number, row in statuses.items()}


@check
def paged_lists() -> Any:
    counts = {}
    for name, key in (
        ("categories", "id"),
        ("attributes", "attribute_id"),
        ("manufacturers", "id"),
        ("options", "option_id"),
    ):
        whole = scan(name, 200)
        same(whole, scan(name, 2), f"{name} in pages of 2")
        same(len(whole), len({row[key] for row in whole}), f"{name} without doubles")
        counts[name] = len(whole)
    paths = {row["id"]: row for row in scan("categories", 200)}
    for row in paths.values():
        if row["parent_id"] in paths:
            same([*paths[row["parent_id"]]["path"], row["name"]], row["path"], "path")
    return counts


@check
def products_in_pages() -> Any:
    whole = scan("products", 200)
    same(
        [row["product_id"] for row in whole],
        [row["product_id"] for row in scan("products", 3)],
        "products in pages of 3",
    )
    same(len(whole), len({row["product_id"] for row in whole}), "no doubles")
    fields = {
        "product_id", "master_id", "kind", "sku", "model", "ean", "upc", "jan", "isbn", "mpn", "name", "description", "price", "special",
        "special_from", "special_to", "quantity", "subtract", "status", "minimum", "stock_status_id", "tax_class_id", "weight", "weight_unit",
        "manufacturer", "category_ids", "attributes", "image", "images", "date_added", "date_modified", "descriptions", "children",
    }  # fmt: skip
    same(fields, set(whole[0]), "fields of a product")
    same([], [row["product_id"] for row in whole if "&amp;" in row["name"]], "names that are still escaped")
    refused(404, "no_such_product", "product_id", "product", product_id=999999999)
    refused(400, "bad_param", "product_id", "product")
    kinds: dict[str, int] = {}
    for row in whole:
        kinds[row["kind"]] = kinds.get(row["kind"], 0) + 1
    return {
        "products": len(whole),
        "kinds": kinds,
        "without_sku": len([row for row in whole if not row["sku"]]),
    }
