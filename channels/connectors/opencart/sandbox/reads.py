"""The GET calls of `oms_connect` (CONTRACT.md §4): filters, keyset paging, cursors."""

from __future__ import annotations

import base64
import json
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any

from channels.connectors.opencart.sandbox import rows
from channels.connectors.opencart.sandbox.shop import Row, Shop
from channels.connectors.opencart.sandbox.writes import refuse

PAGING = frozenset({"limit", "after"})
SKEW = 300
NEWEST = 500  # orders that are compared at each poll
Key = Callable[[Row], tuple[Any, ...]]


class Reads:
    """Mixin of the sandbox, which has the shop, its address and the version of its state."""

    shop: Shop
    url: str
    folder: str
    version: int
    _indexes: dict[str, tuple[int, list[tuple[tuple[Any, ...], Row]]]]

    def _read_ping(self, params: Row) -> tuple[Row, None]:
        settings = self.shop.settings
        version = settings["version"]
        capabilities = ["variants"] if version.startswith("4") else []
        capabilities += ["product_code", "special_in_discount"] if version.startswith("4.1") else []
        return {
            "version": version, "php": "8.2.36", "module_version": settings["extension"], "api": "1", "store_id": 0,
            "store_name": settings["name"], "url": f"{self.url}{self.folder}/", "currency": settings["currency"],
            "language": settings["language"], "language_id": 1, "timezone": settings["timezone"], "weight_unit": "kg",
            "default_customer_group_id": 1, "new_order_status": settings["new_status"],
            "processing_statuses": settings["processing"], "complete_statuses": settings["complete"],
            "capabilities": capabilities, "transactions": settings["transactions"], "max_batch": 100, "max_limit": 200,
            "max_skew": SKEW, "request_budget": settings["request_budget"], "server_time": rows.stamp(self.shop.now()),
        }, None  # fmt: skip

    def _read_stores(self, params: Row) -> tuple[list[Row], None]:
        name = self.shop.settings["name"]
        return [
            {"id": 0, "code": "0", "name": name, "url": f"{self.url}{self.folder}/", "default": True}
        ], None

    def _read_languages(self, params: Row) -> tuple[list[Row], None]:
        code = self.shop.settings["language"]
        return [{"id": 1, "code": code, "name": "English", "default": True, "status": True}], None

    def _read_currencies(self, params: Row) -> tuple[list[Row], None]:
        default = self.shop.settings["currency"]
        return [
            {
                "id": number,
                "code": code,
                "name": code,
                "default": code == default,
                "value": value,
                "status": True,
            }
            for number, (code, value) in enumerate(self.shop.settings["currencies"].items(), 1)
        ], None

    def _read_order_statuses(self, params: Row) -> tuple[list[Row], None]:
        settings = self.shop.settings
        return [
            {"id": key, "name": name, "in_processing": key in settings["processing"], "in_complete": key in settings["complete"]}
            for key, name in sorted(self.shop.statuses.items())
        ], None  # fmt: skip

    def _read_stock_statuses(self, params: Row) -> tuple[list[Row], None]:
        names = {5: "Out Of Stock", 6: "2-3 Days", 7: "In Stock", 8: "Pre-Order"}
        return [{"id": key, "name": name} for key, name in names.items()], None

    def _read_tax_classes(self, params: Row) -> tuple[list[Row], None]:
        return [{"id": 9, "name": "Taxable Goods"}, {"id": 10, "name": "Downloadable Products"}], None

    def _read_categories(self, params: Row) -> tuple[list[Row], str | None]:
        return self._paged(
            "categories", params, self.shop.categories.values(), lambda row: (row["id"],), lambda row: row
        )

    def _read_attributes(self, params: Row) -> tuple[list[Row], str | None]:
        def show(row: Row) -> Row:
            return {
                "group_id": row["group_id"], "group_name": row["group"], "attribute_id": row["id"],
                "attribute_name": row["name"],
            }  # fmt: skip

        return self._paged(
            "attributes", params, self.shop.attributes.values(), lambda row: (row["id"],), show
        )

    def _read_manufacturers(self, params: Row) -> tuple[list[Row], str | None]:
        makers = {
            p["manufacturer"]["id"]: p["manufacturer"]
            for p in self.shop.products.values()
            if p["manufacturer"]
        }
        return self._paged(
            "manufacturers", params, makers.values(), lambda row: (row["id"],), lambda row: row
        )

    def _read_options(self, params: Row) -> tuple[list[Row], str | None]:
        def show(row: Row) -> Row:
            values = [
                {"option_value_id": key, "name": name, "sort_order": number}
                for number, (key, name) in enumerate(row["values"].items())
            ]
            return {"option_id": row["option_id"], "name": row["name"], "type": row["type"], "values": values}

        return self._paged(
            "options", params, self.shop.options.values(), lambda row: (row["option_id"],), show
        )

    def _read_products(self, params: Row) -> tuple[list[Row], str | None]:
        products, ids = self.shop.products, _ids(params)
        since = _time(params["modified_since"], "modified_since") if "modified_since" in params else ""

        def wanted(product: Row) -> bool:
            return (
                (ids is not None or product["master_id"] not in products)
                and all(
                    self._has_code(product, name, params[name]) for name in ("sku", "model") if name in params
                )
                and ("status" not in params or product["status"] == (params["status"] == "1"))
                and (not since or (self.shop.utc(self.shop.modified(product)) or "") >= since)
            )

        def key(product: Row) -> tuple[str, int]:
            return self.shop.modified(product), product["product_id"]

        found = products.values() if ids is None else [products[i] for i in ids if i in products]
        base = self.url + self.folder
        rest = filter(wanted, self._sorted("products", found, key, params, is_whole=ids is None))
        return self._cut("products", params, rest, key, lambda p: rows.product_row(self.shop, p, base))

    def _has_code(self, product: Row, name: str, code: str) -> bool:
        family = [
            product,
            *(self.shop.products[i] for i in self.shop.variants.get(product["product_id"], ())),
        ]
        if any(member[name].casefold() == code.casefold() for member in family):
            return True
        option = self.shop.counted(product) if name == "sku" else None
        return any(
            rows.child_sku(product, value)[0].casefold() == code.casefold()
            for value in (option or {"values": ()})["values"]
        )

    def _read_product(self, params: Row) -> tuple[Row, None]:
        product_id = _int(params, "product_id")
        if product_id not in self.shop.products:
            raise refuse(404, "no_such_product", f"No product has id {product_id}.", field="product_id")
        return rows.product_row(self.shop, self.shop.products[product_id], self.url + self.folder), None

    def _read_orders(self, params: Row) -> tuple[list[Row], str | None]:
        orders, ids = self.shop.orders, _ids(params)
        since = _time(params["modified_since"], "modified_since") if "modified_since" in params else ""
        self._look_for_changes(params)
        created = _time(params["created_since"], "created_since") if "created_since" in params else ""
        states = set(_numbers(params["status_ids"], "status_ids")) if "status_ids" in params else None

        def wanted(order: Row) -> bool:
            return (
                bool(order["status_id"])
                and not order.get("is_unseen")
                and not (order.get("before_edit") and ids is None)
                and (states is None or order["status_id"] in states)
                and (not since or rows.stamp(order["changed_at"]) >= since)
                and (not created or (self.shop.utc(order["date_added"]) or "") >= created)
            )

        def key(order: Row) -> tuple[int, int]:
            return order["changed_at"], order["order_id"]

        found = orders.values() if ids is None else [orders[i] for i in ids if i in orders]
        rest = filter(wanted, self._sorted("orders", found, key, params, is_whole=ids is None))
        base = self.url + self.folder
        return self._cut("orders", params, rest, key, lambda order: rows.order_row(self.shop, order, base))

    def _look_for_changes(self, params: Row) -> None:
        """Show what was written past OpenCart's events: from version 1.1 on the newest orders at each poll, others by `compare`."""
        is_old = self.shop.settings["extension"] < "1.1"
        if is_old and "compare" in params:
            raise refuse(400, "bad_param", "The call orders has no such parameter.", field="compare")
        newest = max(self.shop.orders, default=0) - NEWEST
        for order in self.shop.orders.values():
            is_found = "compare" in params or order["order_id"] > newest
            if order.get("is_unseen") and (is_found or "ids" in params) and not is_old:
                order["is_unseen"], order["changed_at"] = False, int(self.shop.now())
                self.version += 1

    def _read_order(self, params: Row) -> tuple[Row, None]:
        order = self.shop.orders.get(_int(params, "order_id"))
        if order is None or not order["status_id"]:
            raise refuse(404, "no_such_order", f"No order has id {params['order_id']}.", field="order_id")
        return rows.order_row(self.shop, order, self.url + self.folder, with_history=True), None

    def _paged(
        self, call: str, params: Row, found: Iterable[Row], key: Key, show: Callable[[Row], Row]
    ) -> tuple[list[Row], str | None]:
        return self._cut(call, params, iter(self._sorted(call, found, key, params)), key, show)

    def _sorted(
        self, call: str, found: Iterable[Row], key: Key, params: Row, *, is_whole: bool = False
    ) -> Iterable[Row]:
        """Return rows by key, from the cursor on. A table that is read without ids is sorted once after each change."""
        version, pairs = self._indexes.get(call, (-1, []))
        if not is_whole or version != self.version:
            pairs = sorted(((key(row), row) for row in found), key=itemgetter(0))
            if is_whole:
                self._indexes[call] = (self.version, pairs)
        start = 0
        if "after" in params:
            start = bisect_right(pairs, _open_cursor(call, params["after"]), key=itemgetter(0))
        return (pairs[number][1] for number in range(start, len(pairs)))

    @staticmethod
    def _cut(
        call: str, params: Row, rest: Iterator[Row], key: Key, show: Callable[[Row], Row]
    ) -> tuple[list[Row], str | None]:
        """Return one page and the cursor of the next one (a keyset, no offset)."""
        asked = params.get("limit", "50")
        if not asked.isdigit() or not 1 <= int(asked) <= 200:
            raise refuse(400, "bad_param", "limit is 1 to 200.", field="limit")
        found = list(islice(rest, int(asked) + 1))
        shown = found[: int(asked)]
        return [show(row) for row in shown], _cursor(call, key(shown[-1])) if len(found) > len(
            shown
        ) else None


READS: dict[str, frozenset[str]] = {
    "ping": frozenset(),
    "stores": frozenset(),
    "languages": frozenset(),
    "currencies": frozenset(),
    "order_statuses": frozenset({"language"}),
    "stock_statuses": frozenset(),
    "tax_classes": frozenset(),
    "categories": PAGING,
    "attributes": PAGING,
    "manufacturers": PAGING,
    "options": PAGING,
    "products": PAGING | {"modified_since", "ids", "sku", "model", "status"},
    "product": frozenset({"product_id"}),
    "orders": PAGING | {"modified_since", "created_since", "status_ids", "ids", "compare"},
    "order": frozenset({"order_id"}),
}


def _cursor(call: str, key: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(json.dumps([call, *key]).encode()).decode().rstrip("=")


def _open_cursor(call: str, cursor: str) -> tuple[Any, ...]:
    try:
        name, *key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError):
        name, key = "", []
    if name != call or not key:
        raise refuse(400, "bad_param", "The cursor cannot be read.", field="after")
    return tuple(key)


def _numbers(text: str, field: str) -> list[int]:
    parts = [part for part in text.split(",") if part]
    if not all(part.isdigit() for part in parts) or len(parts) > 200:
        raise refuse(400, "bad_param", f"{field} is a list of at most 200 numbers.", field=field)
    return [int(part) for part in parts]


def _ids(params: Row) -> list[int] | None:
    return _numbers(params["ids"], "ids") if "ids" in params else None


def _int(params: Row, name: str) -> int:
    if not params.get(name, "").isdigit():
        raise refuse(400, "bad_param", f"{name} must be a number.", field=name)
    return int(params[name])


def _time(text: str, field: str) -> str:
    try:
        time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        raise refuse(400, "bad_param", f"{field} must be a UTC time.", field=field) from None
    return text
