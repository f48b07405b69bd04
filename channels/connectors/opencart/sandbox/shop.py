# long because: OpenCart's stock rules, orders and products change one state, and are read together.
"""An OpenCart shop in memory: its tables, and the rules by which they change (`opencart.md` §4).

As in OpenCart, texts are HTML-escaped and dates are in the shop's time zone; only `changed_at` of an order is UTC.
Everything is plain dicts, so that the shop can be written to a file.
"""

from __future__ import annotations

import html
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from channels.sandbox.server import SandboxError

Row = dict[str, Any]
STATUS_NAMES = {
    1: "Pending", 2: "Processing", 3: "Shipped", 5: "Complete", 7: "Canceled", 8: "Denied", 9: "Canceled Reversal",
    10: "Failed", 11: "Refunded", 12: "Reversed", 13: "Chargeback", 14: "Expired", 15: "Processed", 16: "Voided",
}  # fmt: skip
COUNTED = frozenset({"select", "radio", "image"})
TYPED = frozenset({"checkbox", "text", "textarea", "file", "date", "time", "datetime"})
TABLES = ("products", "orders", "options", "categories", "attributes", "webhooks")
CENTS = Decimal("0.0001")


class Shop:
    """The state of one shop. `emit(event, order)` is called for each order event that OpenCart would fire."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.emit: Callable[[Row], None] = lambda event: None
        self.settings: Row = {
            "name": "Sandbox Shop",
            "timezone": "Europe/Berlin",
            "currency": "EUR",
            "currencies": {"EUR": "1.00000000", "USD": "1.08500000", "GBP": "0.84200000"},
            "language": "en-gb",
            "version": "4.1.0.4",
            "extension": "1.1.0",
            "stores": {},  # names of further stores of the shop, by id as text
            "processing": [5, 1, 2, 12, 3],
            "complete": [5, 3],
            "new_status": 1,
            "disabled": False,
            "maintenance": False,
            "ip_allow": [],
            "clock_offset": 0.0,
            "request_budget": 1200,
            "transactions": True,
        }
        self.statuses: dict[int, str] = dict(STATUS_NAMES)
        self.products: dict[int, Row] = {}
        self.orders: dict[int, Row] = {}
        self.options: dict[int, Row] = {}
        self.categories: dict[int, Row] = {}
        self.attributes: dict[int, Row] = {}
        self.webhooks: dict[int, Row] = {}
        self.refs: dict[str, Row] = {}  # everything written through the API under a `ref`
        self.counters: dict[str, int] = {}
        self.variants: dict[int, list[int]] = {}  # master -> its variants

    # ------------------------------------------------ time
    def now(self) -> float:
        """Return the time on the shop's clock, in Unix seconds."""
        return self.clock() + float(self.settings["clock_offset"])

    def local(self, moment: float) -> str:
        """Return a DATETIME as OpenCart stores it: local time of the shop, without the zone."""
        zone = ZoneInfo(self.settings["timezone"])
        return datetime.fromtimestamp(moment, zone).strftime("%Y-%m-%d %H:%M:%S")

    def utc(self, stored: str) -> str | None:
        """Return a stored DATETIME in UTC, converted from the shop's present time zone; None for no date."""
        if not stored or stored.startswith("0000"):
            return None
        zone = ZoneInfo(self.settings["timezone"])
        moment = datetime.strptime(stored, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def next_id(self, table: str) -> int:
        self.counters[table] = self.counters.get(table, 0) + 1
        return self.counters[table]

    # ------------------------------------------------ products
    def add_product(
        self,
        name: str,
        price: str,
        *,
        model: str = "",
        sku: str = "",
        quantity: int = 0,
        moment: float | None = None,
        **more: Any,
    ) -> Row:
        """Add a product and return its row; texts are HTML-escaped."""
        product_id = self.next_id("product")
        stamp = self.local(self.now() if moment is None else moment)
        row: Row = {
            "product_id": product_id, "master_id": 0, "model": model or sku, "sku": sku, "price": price,
            "special": None, "special_from": None, "special_to": None, "quantity": quantity, "subtract": True,
            "status": True, "minimum": 1, "weight": "0.00000000", "weight_unit": "kg", "manufacturer": None,
            "category_ids": [], "attributes": [], "image": "", "images": [], "stock_status_id": 7, "tax_class_id": 0,
            "ean": "", "upc": "", "jan": "", "isbn": "", "mpn": "", "options": [], "variant": {},
            "name": html.escape(name, quote=True), "description": html.escape(str(more.pop("description", "")), quote=True),
            "date_added": stamp, "date_modified": stamp,
        }  # fmt: skip
        row.update(more)
        self.products[product_id] = row
        if row["master_id"]:
            self.variants.setdefault(row["master_id"], []).append(product_id)
        return row

    def find_option(self, name: str, kind: str = "select") -> Row:
        """Return the shop's option with this name; it is created if it does not exist."""
        for option in self.options.values():
            if option["name"].casefold() == name.casefold():
                return option
        option = {"option_id": self.next_id("option"), "name": name, "type": kind, "values": {}}
        self.options[option["option_id"]] = option
        return option

    def find_value(self, option: Row, name: str) -> int:
        for value_id, value in option["values"].items():
            if value.casefold() == name.casefold():
                return int(value_id)
        value_id = self.next_id("option_value")
        option["values"][value_id] = name
        return value_id

    def add_option(
        self,
        product: Row,
        name: str,
        values: Iterable[Row] = (),
        *,
        kind: str = "select",
        is_required: bool = True,
    ) -> Row:
        """Add an option to a product. A value is {name, quantity, difference?, subtract?, sku?}."""
        option = self.find_option(name, kind)
        taken: Row = {
            "product_option_id": self.next_id("product_option"),
            "option_id": option["option_id"], "type": kind, "required": is_required, "values": [],
        }  # fmt: skip
        product["options"].append(taken)
        for value in values:
            self.add_value(product, taken, **value)
        return taken

    def add_value(
        self,
        product: Row,
        taken: Row,
        name: str,
        quantity: int,
        difference: str = "0.0000",
        subtract: bool = True,
        sku: str = "",
    ) -> Row:
        option = self.options[taken["option_id"]]
        row = {
            "product_option_value_id": self.next_id("product_option_value"),
            "option_value_id": self.find_value(option, name),
            "quantity": quantity, "difference": difference, "subtract": subtract, "sku": sku,
        }  # fmt: skip
        taken["values"].append(row)
        counted = self.counted(product)
        if counted is taken:
            product["quantity"] = sum(value["quantity"] for value in taken["values"])
        return row

    def counted(self, product: Row) -> Row | None:
        """Return the option that has the stock, if the product is of kind `options`; else None."""
        return self.counted_option(product) if self.kind(product) == "options" else None

    @staticmethod
    def counted_option(product: Row) -> Row | None:
        return next((o for o in product["options"] if any(v["subtract"] for v in o["values"])), None)

    def kind(self, product: Row) -> str:
        """Return the kind of CONTRACT.md §4: variants, complex, options or simple."""
        if self.variants.get(product["product_id"]):
            return "variants"
        options = product["options"]
        counted = [option for option in options if any(value["subtract"] for value in option["values"])]
        option_ids = [option["option_id"] for option in options]
        if (
            len(counted) > 1
            or any(option["type"] not in COUNTED for option in counted)
            or any(option["required"] and option["type"] in TYPED for option in options)
            or len(set(option_ids)) != len(option_ids)
        ):
            return "complex"
        return "options" if counted else "simple"

    def touch(self, product: Row) -> None:
        product["date_modified"] = self.local(self.now())

    def modified(self, product: Row) -> str:
        """Return the time of the last change of a product or of its variants."""
        dates = [self.products[i]["date_modified"] for i in self.variants.get(product["product_id"], ())]
        return str(max([product["date_modified"], *dates]))

    def set_quantity(self, product: Row, quantity: int, value: Row | None = None) -> None:
        """Set the quantity of a product or option value, and the two figures that depend on it (§4.2)."""
        if value is not None:
            value["quantity"] = quantity
            option = self.counted_option(product)
            product["quantity"] = sum(row["quantity"] for row in option["values"]) if option else quantity
        else:
            product["quantity"] = quantity
        master = self.products.get(product["master_id"])
        if master:
            for taken, chosen in self.variant_values(product, master):
                chosen["quantity"] = quantity
                master["quantity"] = sum(row["quantity"] for row in taken["values"])
        self.touch(product)

    def variant_values(self, variant: Row, master: Row) -> list[tuple[Row, Row]]:
        """Return the master's options and option values of a variant."""
        wanted = {int(key): int(value) for key, value in variant["variant"].items()}
        return [
            (option, value)
            for option in master["options"]
            for value in option["values"]
            if wanted.get(option["product_option_id"]) == value["product_option_value_id"]
        ]

    def delete_product(self, product_id: int) -> list[int]:
        """Delete a product and its variants; lines of orders stay. Return the deleted ids."""
        deleted = [*self.variants.pop(product_id, []), product_id]
        for deleted_id in deleted:
            row = self.products.pop(deleted_id, None)
            if row and row["master_id"] in self.variants:
                self.variants[row["master_id"]].remove(deleted_id)
        return deleted

    # ------------------------------------------------ orders
    def add_order(self, order: Row, *, moment: float | None = None) -> Row:
        """Add an order as it is after the checkout's confirm step: status 0, no stock deducted."""
        at = self.now() if moment is None else moment
        order_id = self.next_id("order")
        stamp = self.local(at)
        for line in order["lines"]:
            line.setdefault("order_product_id", self.next_id("order_product"))
        row: Row = {
            "order_id": order_id, "store_id": 0, "invoice_no": "", "status_id": 0, "comment": "", "history": [],
            "customer_id": 0, "customer_group_id": 1, "last_ref": None, "date_added": stamp, "date_modified": stamp,
            "changed_at": int(at), **order,
        }  # fmt: skip
        self.orders[order_id] = row
        return row

    def add_history(
        self, order: Row, status_id: int, *, comment: str = "", notify: bool = False, ref: str | None = None,
        moment: float | None = None, is_quiet: bool = False,
    ) -> Row:  # fmt: skip
        """Do what OpenCart's addHistory does: deduct or return stock when the order enters or leaves the two status lists.

        On 4.1 `date_modified` does not change, only the extension's `changed_at`. `is_quiet`: written by the
        extension's API, which sends no webhooks for it.
        """
        if status_id not in self.statuses:
            raise SandboxError(f"There is no order status {status_id}.")
        at, before = self.now() if moment is None else moment, order["status_id"]
        holding = {*self.settings["processing"], *self.settings["complete"]}
        if (before in holding) != (status_id in holding):
            self.move_stock(order, -1 if status_id in holding else 1)
        order["status_id"] = status_id
        order["changed_at"] = int(at)
        if not str(self.settings["version"]).startswith("4.1"):
            order["date_modified"] = self.local(at)
        entry = {
            "order_history_id": self.next_id("order_history"), "status_id": status_id, "notify": notify,
            "comment": html.escape(comment, quote=False), "date_added": self.local(at), "ref": ref,
        }  # fmt: skip
        order["history"].append(entry)
        if ref:
            order["last_ref"] = ref
        if not is_quiet:
            name = "order.updated" if before else "order.created"
            self.fire(name, order["order_id"], before, status_id, at)
        return entry

    def fire(self, name: str, order_id: int, before: int, after: int, at: float) -> None:
        moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.emit(
            {
                "id": uuid.uuid4().hex,
                "event": name,
                "order_id": order_id,
                "from": before,
                "to": after,
                "at": moment,
            }
        )

    def move_stock(self, order: Row, sign: int) -> None:
        """Deduct (-1) or return (+1) the stock of an order: of products with option values, or of variants with their masters."""
        for line in order["lines"]:
            product, change = self.products.get(line["product_id"]), sign * line["quantity"]
            if product is None:
                continue
            if product["subtract"]:
                product["quantity"] += change
            chosen = {option["product_option_value_id"] for option in line["options"]}
            for option in product["options"]:
                for value in option["values"]:
                    if value["product_option_value_id"] in chosen and value["subtract"]:
                        value["quantity"] += change
            master = self.products.get(product["master_id"])
            if master:
                master["quantity"] += change
                for _, value in self.variant_values(product, master):
                    value["quantity"] += change

    def line_for(
        self, product: Row, quantity: int, option_value_ids: Iterable[int] = (), texts: Iterable[Row] = ()
    ) -> Row:
        """Return the order line of a product with the chosen option values."""
        price, options = Decimal(product["price"]), []
        if product["special"] is not None:
            price = min(price, Decimal(product["special"]))
        wanted = set(option_value_ids)
        for option in product["options"]:
            for value in option["values"]:
                if value["option_value_id"] in wanted:
                    shared = self.options[option["option_id"]]
                    price += Decimal(value["difference"])
                    options.append({
                        "product_option_id": option["product_option_id"],
                        "product_option_value_id": value["product_option_value_id"],
                        "option_value_id": value["option_value_id"],
                        "name": shared["name"], "value": shared["values"][value["option_value_id"]], "type": option["type"],
                    })  # fmt: skip
        typed = {
            "product_option_id": 0,
            "product_option_value_id": None,
            "option_value_id": None,
            "type": "text",
        }
        options.extend({**typed, **written} for written in texts)
        tax = (price * Decimal("0.19")).quantize(CENTS, ROUND_HALF_UP)
        return {
            "product_id": product["product_id"], "master_id": product["master_id"], "model": product["model"],
            "name": product["name"], "quantity": quantity, "price": f"{price:.4f}", "tax": f"{tax:.4f}",
            "total": f"{price * quantity:.4f}", "options": options,
        }  # fmt: skip

    @staticmethod
    def totals_for(lines: list[Row], shipping: str = "5.0000", discount: str = "") -> list[Row]:
        items = sum((Decimal(line["total"]) for line in lines), Decimal(0))
        tax = sum((Decimal(line["tax"]) * line["quantity"] for line in lines), Decimal(0))
        rows = [("sub_total", "Sub-Total", items)]
        if discount:
            rows.append(("coupon", "Coupon (WELCOME)", -Decimal(discount)))
        if shipping:
            rows.append(("shipping", "Flat Shipping Rate", Decimal(shipping)))
        rows.append(("tax", "VAT (19%)", tax))
        rows.append(("total", "Total", sum((value for _, _, value in rows), Decimal(0))))
        return [
            {"code": code, "title": title, "value": f"{value:.4f}", "sort_order": number}
            for number, (code, title, value) in enumerate(rows, 1)
        ]

    # ------------------------------------------------ saving
    def dump(self) -> Row:
        tables = {name: list(getattr(self, name).values()) for name in TABLES}
        return {
            "settings": self.settings, "statuses": list(self.statuses.items()), "counters": self.counters,
            "refs": self.refs, **tables,
        }  # fmt: skip

    def load(self, data: Row) -> None:
        self.settings.update(data["settings"])
        self.statuses = {int(key): name for key, name in data["statuses"]}
        self.counters, self.refs = data["counters"], data["refs"]
        keys = {"products": "product_id", "orders": "order_id", "options": "option_id"}
        for name in TABLES:
            key = keys.get(name, "id")
            setattr(self, name, {row[key]: row for row in data[name]})
        for option in self.options.values():
            option["values"] = {int(key): value for key, value in option["values"].items()}
        self.variants = {}
        for row in self.products.values():
            if row["master_id"]:
                self.variants.setdefault(row["master_id"], []).append(row["product_id"])
