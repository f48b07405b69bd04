"""The state of a sandbox store, and its rules: sales lower stock, shipments change orders, names are unique."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from channels.sandbox.refusal import Refusal

Row = dict[str, Any]
STATUSES = {
    0: "Incomplete", 1: "Pending", 2: "Shipped", 3: "Partially Shipped", 4: "Refunded", 5: "Cancelled", 6: "Declined",
    7: "Awaiting Payment", 8: "Awaiting Pickup", 9: "Awaiting Shipment", 10: "Completed", 11: "Awaiting Fulfillment",
    12: "Manual Verification Required", 13: "Disputed", 14: "Partially Refunded",
}  # fmt: skip
#: Settings; `scopes_missing` are beginnings of paths that answer 403; `restocks`: a cancelled or refunded order adds its
#: units to the stock; `multi_storefront`: a product is shown by the channels that it is assigned to; `currencies`: further
#: currencies of payment, `display_currencies`: those in which prices are only displayed.
SETTINGS: Row = {
    "name": "Fern & Kettle UK", "currency": "GBP", "country": "GB", "timezone": "Europe/London", "decimal_places": 2,
    "with_tax": True, "update_stock_behavior": "order_placed", "plan": "Sandbox", "quota": 20_000, "window_ms": 30_000,
    "clock_offset": 0, "scopes_missing": [], "maintenance": False, "revoked": False, "ship_moves_status": True,
    "new_status": 11, "labels": {}, "strict_hooks": False, "restocks": False,
    "multi_storefront": False, "currencies": [], "display_currencies": [],
}  # fmt: skip
VAT = Decimal("1.2")
FOUR = Decimal("0.0001")


def refuse(status: int, title: str, errors: Row | None = None) -> Refusal:
    """Return the refusal of a call, as BigCommerce's v3 writes it; `errors` are its reasons by field."""
    return Refusal(status, {"title": title, "errors": errors or {}})


class Shop:
    """State in plain rows; times are unix seconds, prices what the buyer sees (with VAT)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.settings: Row = {**SETTINGS, "scopes_missing": [], "labels": {}}
        self.products: dict[int, Row] = {}
        self.orders: dict[int, Row] = {}
        self.brands: dict[int, str] = {}
        self.categories: dict[int, Row] = {}
        self.locations: dict[int, Row] = {1: {"id": 1, "code": "BC-1", "label": "Default", "enabled": True}}
        self.stock: dict[str, int] = {}  # "location/variant" -> on hand
        self.safety: dict[int, int] = {}  # variant -> safety stock in every location
        self.hooks: dict[int, Row] = {}
        self.refunds: list[Row] = []
        self.counters: dict[str, int] = {}
        self.base_url = ""  # begins the addresses of the sandbox's own pictures
        self.owners: dict[int, int] = {}  # variant -> product
        self.emit: Callable[[str, Row], None] = lambda scope, data: None

    def now(self) -> float:
        return self.clock() + float(self.settings["clock_offset"])

    def next_id(self, kind: str, first: int = 1) -> int:
        self.counters[kind] = self.counters.get(kind, first - 1) + 1
        return self.counters[kind]

    # ------------------------------------------------ products
    def sku_owner(self, sku: str) -> Row | None:
        wanted = sku.casefold()
        for product in self.products.values():
            for variant in product["variants"]:
                if wanted and variant["sku"].casefold() == wanted:
                    return product
        return None

    def add_product(
        self,
        name: str,
        price: float,
        *,
        sku: str = "",
        quantity: int = 0,
        variants: list[Row] | None = None,
        tracking: str = "",
        moment: float | None = None,
        checks: bool = True,
        **more: Any,
    ) -> Row:
        """Add a product; with `variants` ({sku, options, quantity, price?}) it is a group."""
        if checks and any(p["name"].casefold() == name.casefold() for p in self.products.values()):
            raise refuse(409, "The product name is a duplicate", {"name": "The product name is a duplicate"})
        for given in [sku, *[v["sku"] for v in variants or ()]]:
            if checks and given and self.sku_owner(given):
                raise refuse(409, f"The product sku is a duplicate: {given}", {"sku": "duplicate"})
        at = int(self.now() if moment is None else moment)
        product: Row = {
            "id": self.next_id("product", 100), "name": name, "type": "physical", "sku": sku, "description": "", "warranty": "", "weight": 0.5,
            "price": price, "sale_price": 0, "categories": [], "brand_id": 0, "is_visible": True, "availability": "available",
            "inventory_tracking": tracking or ("variant" if variants else "product"), "upc": "", "custom_fields": [],
            "images": [], "options": [], "variants": [], "created": at, "modified": at, **more,
        }  # fmt: skip
        if variants:
            product["base_variant_id"] = None
            for given in variants:
                self.add_variant(product, **given)
        else:
            variant = self.add_variant(product, sku=sku, options={}, quantity=quantity)
            product["base_variant_id"] = variant["id"]
        self.products[product["id"]] = product
        return product

    def add_variant(
        self,
        product: Row,
        *,
        sku: str,
        options: dict[str, str],
        quantity: int = 0,
        price: float | None = None,
        sale_price: float | None = None,
        upc: str = "",
        image_url: str = "",
    ) -> Row:
        values = [self.option_value(product, name, label) for name, label in options.items()]
        variant = {
            "id": self.next_id("variant", 1000), "product_id": product["id"], "sku": sku, "price": price,
            "sale_price": sale_price, "upc": upc, "option_values": values, "image_url": image_url,
        }  # fmt: skip
        product["variants"].append(variant)
        self.owners[variant["id"]] = product["id"]
        self.stock[f"1/{variant['id']}"] = quantity
        return variant

    def option_value(self, product: Row, name: str, label: str) -> Row:
        option = next((o for o in product["options"] if o["display_name"] == name), None)
        if option is None:
            option = {
                "id": self.next_id("option", 500),
                "product_id": product["id"],
                "display_name": name,
                "type": "dropdown",
                "sort_order": len(product["options"]),
                "option_values": [],
            }
            product["options"].append(option)
        value = next((v for v in option["option_values"] if v["label"] == label), None)
        if value is None:
            value = {
                "id": self.next_id("value", 700),
                "label": label,
                "sort_order": len(option["option_values"]),
            }
            option["option_values"].append(value)
        return {
            "id": value["id"],
            "label": label,
            "option_id": option["id"],
            "option_display_name": name,
        }

    def variant(self, variant_id: int) -> tuple[Row, Row] | None:
        product = self.products.get(self.owners.get(variant_id, 0))
        if product is None:
            return None
        found = next((row for row in product["variants"] if row["id"] == variant_id), None)
        return (product, found) if found else None

    def price_of(self, product: Row, variant: Row) -> Decimal:
        price = Decimal(str(product["price"] if variant["price"] is None else variant["price"]))
        sale = variant["sale_price"]
        if sale is None:
            sale = product["sale_price"]
        return Decimal(str(sale)) if sale else price

    def move(self, line: Row, sign: int) -> None:
        if line["variant_id"] and line["type"] == "physical":
            key = f"1/{line['variant_id']}"
            self.stock[key] = self.stock.get(key, 0) + sign * line["quantity"]

    # ------------------------------------------------ orders
    def line_for(self, product: Row, variant: Row, quantity: int, *, kind: str = "physical") -> Row:
        inc = self.price_of(product, variant)
        ex = (inc / VAT).quantize(FOUR, ROUND_HALF_UP)
        return {
            "product_id": product["id"], "variant_id": variant["id"], "name": product["name"], "sku": variant["sku"],
            "type": kind, "quantity": quantity, "ex": str(ex), "inc": str(inc), "quantity_shipped": 0,
            "quantity_refunded": 0, "order_pickup_method_id": 0, "address": 0,
            "product_options": [
                {"display_name": v["option_display_name"], "display_value": v["label"], "option_id": v["option_id"]}
                for v in variant["option_values"]
            ],
        }  # fmt: skip

    def add_order(
        self,
        lines: list[Row],
        *,
        addresses: list[Row],
        status: int,
        moment: float | None = None,
        billing: Row | None = None,
        **more: Any,
    ) -> Row:
        """Add an order; each line names its address by its position in `addresses`."""
        at = int(self.now() if moment is None else moment)
        places = [{"id": self.next_id("address", 300), **place} for place in addresses]
        rows = []
        for line in lines:
            place = places[line["address"]]["id"] if places and line["type"] == "physical" else 0
            rows.append({"id": self.next_id("line", 2000), **line, "order_address_id": place})
        order: Row = {
            "id": self.next_id("order", 100), "status_id": 0, "created": at, "modified": at, "shipped": None,
            "customer_id": 0, "lines": rows, "addresses": places, "shipments": [], "took_stock": False,
            "shipping_inc": "4.8000" if places else "0.0000", "discount": "0.0000", "payment_method": "Stripe",
            "customer_message": "", "billing": billing or (addresses[0] if addresses else {}), "is_deleted": False,
            "staff_notes": "", "external_order_id": "", **more,
        }  # fmt: skip
        self.orders[order["id"]] = order
        self.set_status(order, status, moment=at, scope="store/order/created")
        return order

    def set_status(
        self,
        order: Row,
        status: int,
        *,
        moment: float | None = None,
        scope: str = "store/order/statusUpdated",
    ) -> None:
        before, order["status_id"] = order["status_id"], status
        order["modified"] = max(int(self.now() if moment is None else moment), order["created"])
        late = self.settings["update_stock_behavior"] == "order_completed_or_shipped"
        takes = status in (2, 10) if late else status not in (0, 5, 6)
        if takes and not order["took_stock"]:
            for line in order["lines"]:
                self.move(line, -1)
            order["took_stock"] = True
        elif status in (4, 5, 6) and order["took_stock"] and self.settings["restocks"]:
            for line in order["lines"]:
                self.move(line, 1)
            order["took_stock"] = False
        if status == 2 and order["shipped"] is None:
            order["shipped"] = order["modified"]
        data: Row = {"type": "order", "id": order["id"]}
        if scope == "store/order/statusUpdated":
            data["status"] = {"previous_status_id": before, "new_status_id": status}
        self.emit(scope, data)

    def ship(self, order: Row, body: Row) -> Row:
        """Ship items: the order becomes Shipped or Partially Shipped."""
        items = body.get("items") or []
        lines = {line["id"]: line for line in order["lines"]}
        if not items or not body.get("order_address_id"):
            raise refuse(400, "The required field 'items' or 'order_address_id' was not supplied.")
        if len(str(body.get("tracking_number") or "")) > 50:
            raise refuse(400, "The field 'tracking_number' is too long.")
        self.check_carrier(body)
        for item in items:
            line = lines.get(item["order_product_id"])
            if line is None or line["order_address_id"] != body["order_address_id"]:
                raise refuse(400, "The field 'order_product_id' is invalid.")
            left = line["quantity"] - line["quantity_shipped"]
            if item["quantity"] > left or item["quantity"] < 1:
                raise refuse(400, "The field 'quantity' is invalid: more than is left to ship.")
        for item in items:
            lines[item["order_product_id"]]["quantity_shipped"] += item["quantity"]
        shipment = {
            "id": self.next_id("shipment", 1), "created": int(self.now()), **{
                name: body.get(name) or "" for name in
                ("tracking_number", "shipping_provider", "tracking_carrier", "tracking_link", "shipping_method", "comments")
            },
            "order_address_id": body["order_address_id"],
            "items": [{**item, "product_id": lines[item["order_product_id"]]["product_id"]} for item in items],
        }  # fmt: skip
        order["shipments"].append(shipment)
        order["modified"] = int(self.now())
        if self.settings["ship_moves_status"]:
            self.set_status(order, 2 if self.is_all_shipped(order) else 3)
        return shipment

    @staticmethod
    def check_carrier(shipment: Row) -> None:
        if shipment.get("shipping_provider") and shipment.get("tracking_carrier"):
            raise refuse(400, "shipping_provider and tracking_carrier contradict each other.")

    @staticmethod
    def is_all_shipped(order: Row) -> bool:
        return all(
            line["quantity_shipped"] + line["quantity_refunded"] >= line["quantity"]
            for line in order["lines"]
            if line["type"] == "physical" and not line["order_pickup_method_id"]
        )

    def refund(self, order: Row, amount: float, *, is_whole: bool) -> Row:
        row = {
            "id": self.next_id("refund", 1), "order_id": order["id"], "user_id": 1, "created": int(self.now()),
            "reason": "Sandbox", "total_amount": amount, "total_tax": 0,
        }  # fmt: skip
        self.refunds.append(row)
        self.set_status(order, 4 if is_whole else 14, scope="store/order/refund/created")
        return row

    # ------------------------------------------------ saving
    def dump(self) -> Row:
        names = ("settings", "stock", "refunds", "counters")
        tables = ("products", "orders", "brands", "categories", "locations", "hooks")
        return {
            **{name: getattr(self, name) for name in names},
            **{name: list(getattr(self, name).items()) for name in tables},
        }

    def load(self, data: Row) -> None:
        self.settings.update(data["settings"])
        self.stock, self.refunds, self.counters = data["stock"], data["refunds"], data["counters"]
        for name in ("products", "orders", "brands", "categories", "locations", "hooks"):
            setattr(self, name, {int(key): row for key, row in data[name]})
        self.owners = {v["id"]: p["id"] for p in self.products.values() for v in p["variants"]}


def new_hash() -> str:
    """Return a store hash that no other sandbox has."""
    return uuid.uuid4().hex[:10]
