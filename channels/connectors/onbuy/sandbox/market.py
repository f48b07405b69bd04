"""The state of OnBuy in memory: the shared catalogue, one seller's listings and orders, and the queue.

Documents have OnBuy's form (`onbuy.md` §6 to §8) and can be written to a file. Times are UTC, or the United Kingdom's
with the setting `uk_times`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from channels.sandbox.server import SandboxError

Row = dict[str, Any]
LABELS = {
    "awaiting_dispatch": "Awaiting Dispatch",
    "dispatched": "Dispatched",
    "complete": "Complete",
    "cancelled": "Cancelled",
    "cancelled_by_seller": "Cancelled By Seller",
    "cancelled_by_buyer": "Cancelled By Buyer",
    "partially_dispatched": "Partially Dispatched",
    "partially_refunded": "Partially Refunded",
    "refunded": "Refunded",
}
SLUGS = {label: slug for slug, label in LABELS.items()}
TABLES = ("categories", "features", "details", "brands", "products", "listings", "queues", "orders")
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ23456789"
PROVIDERS = (
    (1, "DPD"), (3, "DHL"), (4, "Parcelforce"), (6, "Royal Mail"), (7, "myHermes"), (8, "Yodel"), (11, "UPS"),
    (16, "Other"), (20, "DPD Local"),
)  # fmt: skip


def code(number: int, prefix: str = "") -> str:
    """Return a short code of letters and digits, another one for each number."""
    letters = ""
    value = number * 7919 + 104_729
    while value:
        value, place = divmod(value, len(ALPHABET))
        letters = ALPHABET[place] + letters
    return prefix + letters


#: Where OnBuy keeps the pictures of its products. The sandbox shows an address of its own instead, which it answers.
CDN = "https://cdn.onbuy.test"


class Market:
    """The state of one account."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.pictures_at = ""
        self.settings: Row = {
            "name": "Fern & Kettle",
            "entity_id": uuid.uuid4().hex[:6],
            "seller_id": 4711,
            "uk_times": False,
            "queue_seconds": 20.0,  # until a queued product is created
            "listing_seconds": 5.0,  # until its listing is found by SKU
            "shown_seconds": 0.0,  # until a changed listing is shown with the change
            "refuses_whole": False,  # a batch with one wrong product is refused as a whole
            "token_seconds": 900,
            "newer_token_kills": True,
            "filters_queue_ids": True,
            "since_leaves_out": False,  # leave out orders of exactly the second that is asked for
            "may_create": True,
            "has_tracking_providers": True,
            "takes_late_tracking": False,
            "confirms_cancel": True,
            "limits": {},  # method -> requests per hour
            "limits_per_day": {},
            "retry_after": True,
        }
        self.categories: dict[str, Row] = {}
        self.features: dict[str, Row] = {}  # category -> {"id", "rows"}
        self.details: dict[str, Row] = {}
        self.brands: dict[str, Row] = {}
        self.products: dict[str, Row] = {}  # opc -> product of the shared catalogue
        self.listings: dict[str, Row] = {}  # listing id -> listing
        self.queues: dict[str, Row] = {}
        self.orders: dict[str, Row] = {}
        self.by_sku: dict[str, str] = {}
        self.counters: dict[str, int] = {}

    # ------------------------------------------------ time
    def stamp(self, moment: float | None = None) -> str:
        zone = ZoneInfo("Europe/London") if self.settings["uk_times"] else UTC
        at = self.clock() if moment is None else moment
        return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S")

    def next_id(self, table: str, first: int = 1) -> int:
        self.counters[table] = self.counters.get(table, first - 1) + 1
        return self.counters[table]

    # ------------------------------------------------ catalogue and listings
    def add_product(self, name: str, codes: Iterable[str] = (), *, is_own: bool = False, **more: Any) -> Row:
        number = self.next_id("product", 1000)
        opc = code(number, "P")
        row = {
            "opc": opc, "name": name, "url": f"https://www.onbuy.com/gb/p/{opc.lower()}~p{number}/",
            "thumbnail_url": f"{CDN}/{opc}.jpg", "product_codes": list(codes), "is_own": is_own, **more,
        }  # fmt: skip
        self.products[opc] = row
        return row

    def add_listing(
        self,
        product: Row,
        sku: str,
        price: str = "0.00",
        stock: int = 0,
        *,
        group_sku: str | None = None,
        moment: float | None = None,
        **more: Any,
    ) -> Row:
        """Add a listing of the seller. Listings that are created by the API have no price and no stock at first."""
        if sku and sku in self.by_sku:
            raise SandboxError(f"The SKU {sku} is taken.")
        number = self.next_id("listing", 144_083_000)
        stamp = self.stamp(moment)
        row = {
            "name": product["name"], "sku": sku, "group_sku": group_sku, "price": price, "stock": stock,
            "product_listing_id": number, "product_listing_condition_id": 1, "condition": "New", "handling_time": 1,
            "boost_marketing_commission": "0.0", "delivery_template_id": 245, "opc": product["opc"],
            "product_url": product["url"], "image_url": product["thumbnail_url"],
            "product_codes": list(product["product_codes"]), "sale_price": None, "sale_start_date": None,
            "sale_end_date": None, "created_at": stamp, "updated_at": stamp, **more,
        }  # fmt: skip
        self.listings[str(number)] = row
        if sku:
            self.by_sku[sku] = str(number)
        return row

    def listing(self, sku: str) -> Row | None:
        """Return the listing with this SKU; None while OnBuy does not find it yet."""
        row = self.listings.get(self.by_sku.get(sku, ""))
        if row is None or row.get("known_at", 0) > self.clock():
            return None
        return row

    def change(self, row: Row, **fields: Any) -> None:
        """Change a listing; for `shown_seconds` it is shown without the change."""
        if delay := float(self.settings["shown_seconds"]):
            before = row.get("before") or {}
            if before.get("until", 0) <= self.clock():
                before = {}
            was = {name: row[name] for name in fields} | before.get("was", {})
            row["before"] = {"until": self.clock() + delay, "was": was}
        row |= fields

    def shown(self, row: Row) -> Row:
        """Return a listing as the API shows it now."""
        seen = {key: value for key, value in row.items() if key not in ("known_at", "before")}
        if self.pictures_at and seen["image_url"] == f"{CDN}/{seen['opc']}.jpg":
            seen["image_url"] = f"{self.pictures_at}/{seen['opc']}.jpg"
        before = row.get("before") or {}
        return seen | before["was"] if before.get("until", 0) > self.clock() else seen

    # ------------------------------------------------ queue
    def enqueue(self, uid: str, product: Row, opc: str = "") -> Row:
        entry: Row = {
            "queue_id": f"{self.next_id('queue', 0x5A00_0000):08x}" + uuid.uuid4().hex[:16],
            "uid": uid, "status": "pending", "at": self.clock(), "product": product, "update": opc,
        }  # fmt: skip
        self.queues[entry["queue_id"]] = entry
        return entry

    def work_queue(self, *, at_once: bool = False) -> bool:
        """Process the queue entries that are due, or all of them with `at_once`; return whether anything changed."""
        changed = False
        for entry in self.queues.values():
            waited = self.clock() - entry["at"]
            if entry["status"] == "pending" and (at_once or waited >= self.settings["queue_seconds"]):
                self._make(entry, 0.0 if at_once else self.settings["listing_seconds"])
                changed = True
        if at_once:
            for row in self.listings.values():
                changed = bool(row.pop("known_at", 0)) or changed
        return changed

    def _make(self, entry: Row, delay: float) -> None:
        body = entry["product"]
        if entry["update"]:
            product = self.products.get(entry["update"])
            if product is None or not product["is_own"]:
                entry |= {
                    "status": "failed",
                    "error_message": "You can only edit products that you have created",
                }
                return
            for field, column in (("product_name", "name"), ("default_image", "thumbnail_url")):
                if field in body:
                    product[column] = body[field]
            for row in self.listings.values():
                if row["opc"] == product["opc"]:
                    row |= {
                        "name": product["name"],
                        "image_url": product["thumbnail_url"],
                        "updated_at": self.stamp(),
                    }
            entry |= {"status": "success", "opc": product["opc"], "product_url": product["url"]}
            return
        parts = body.get("variants") or [body]
        for part in parts:
            for wanted in part.get("product_codes") or ():
                known = next((p for p in self.products.values() if wanted in p["product_codes"]), None)
                if known is not None:
                    entry |= {
                        "status": "failed",
                        "error_message": f'Product code "{wanted}" already exists',
                        "existing_opc": known["opc"],
                    }
                    return
        opcs = []
        for part in parts:
            options = [
                part[key]["name"] for key in ("variant_1", "variant_2") if part is not body and key in part
            ]
            name = " - ".join([body["product_name"], *options])
            image = part.get("default_image") or body.get("default_image")
            more = {"thumbnail_url": image} if image else {}
            product = self.add_product(name, part.get("product_codes") or (), is_own=True, **more)
            opcs.append(product["opc"])
            for offer in (part.get("listings") or {}).values():
                self.add_listing(
                    product, offer["sku"], group_sku=offer.get("group_sku"), known_at=self.clock() + delay
                )
        entry |= {"status": "success", "opc": opcs[0], "product_url": self.products[opcs[0]]["url"]}
        if body.get("variants"):
            entry["variant_opcs"] = opcs

    # ------------------------------------------------ orders
    def add_order(
        self,
        lines: list[tuple[Row, int]],
        person: Row,
        *,
        moment: float | None = None,
        delivery: str = "3.99",
    ) -> Row:
        """Add a paid order and take its units off the stock of the listings."""
        at = self.clock() if moment is None else moment
        number = self.next_id("order", 1_234_567)
        products = []
        for listing, quantity in lines:
            listing["stock"] = max(int(listing["stock"]) - quantity, 0)
            unit = Decimal(listing["price"])
            total = unit * quantity
            products.append({
                "onbuy_internal_reference": self.next_id("line", 7001), "name": listing["name"], "sku": listing["sku"],
                "condition": "New", "condition_id": 1, "quantity": quantity, "quantity_dispatched": 0,
                "unit_price": f"{unit:.2f}", "total_price": f"{total:.2f}", "price_delivery_total": "0.00",
                "seller_delivery_template_id": 245, "expected_dispatch_date": self.stamp(at + 86_400)[:10],
                "expected_delivery_date": self.stamp(at + 4 * 86_400)[:10], "opc": listing["opc"],
                "image_urls": {"thumb": listing["image_url"]},
                "tax": {"tax_total": f"{total / 6:.2f}", "tax_product": f"{total / 6:.2f}", "tax_delivery": "0.00"},
                "tracking": None,
            })  # fmt: skip
        items = sum((Decimal(line["total_price"]) for line in products), Decimal(0))
        total = items + Decimal(delivery)
        stamp = self.stamp(at)
        row = {
            "order_id": code(number, "T"), "onbuy_internal_reference": number, "date": stamp, "updated_at": stamp,
            "cancelled_at": None, "shipped_at": None, "status": LABELS["awaiting_dispatch"], "site_id": 2000,
            "site_name": "OnBuy UK", "price_subtotal": f"{items:.2f}", "price_delivery": delivery,
            "price_total": f"{total:.2f}", "price_discount": "0.00", "sales_fee_ex_VAT": f"{total * Decimal('0.09'):.2f}",
            "sales_fee_inc_VAT": f"{total * Decimal('0.108'):.2f}", "currency_code": "GBP", "dispatched": False,
            "delivery_service": "Standard Delivery" if delivery != "0.00" else "Free Delivery",
            "delivery_tag": "standard", "stripe_transaction_id": f"pi_{number}", "paypal_capture_id": None,
            "buyer": {"name": person["name"], "email": person["email"], "phone": "07700900000", "ip_address": None},
            "billing_address": person["address"], "delivery_address": person["address"],
            "tax": {"tax_total": f"{total / 6:.2f}", "tax_subtotal": f"{items / 6:.2f}",
                    "tax_delivery": f"{Decimal(delivery) / 6:.2f}"},
            "tracking": None, "products": products,
        }  # fmt: skip
        self.orders[row["order_id"]] = row
        return row

    def set_status(self, order: Row, slug: str, moment: float | None = None) -> None:
        """Set the status of an order; a cancelled order returns its units to the stock of the listings."""
        if slug not in LABELS:
            raise SandboxError(f"There is no status {slug}: {', '.join(LABELS)}.")
        stamp = self.stamp(moment)
        order |= {"status": LABELS[slug], "updated_at": stamp}
        if slug in ("dispatched", "complete"):
            order |= {"dispatched": True, "shipped_at": order["shipped_at"] or stamp}
            for line in order["products"]:
                line["quantity_dispatched"] = line["quantity"]
        if slug.startswith("cancelled"):
            order["cancelled_at"] = stamp
            for line in order["products"]:
                row = self.listings.get(self.by_sku.get(line["sku"], ""))
                if row is not None:
                    row["stock"] = int(row["stock"]) + line["quantity"] - line["quantity_dispatched"]

    def dispatch(self, order: Row, units: dict[int, int], tracking: Row | None) -> None:
        """Dispatch these units by line number; the order is dispatched when no units are left."""
        for line in order["products"]:
            sent = units.get(line["onbuy_internal_reference"], 0)
            if sent:
                line["quantity_dispatched"] += sent
                line["tracking"] = tracking
        if all(line["quantity_dispatched"] >= line["quantity"] for line in order["products"]):
            self.set_status(order, "dispatched")
        else:
            self.set_status(order, "partially_dispatched")
        order["tracking"] = tracking or order["tracking"]

    # ------------------------------------------------ saving
    def dump(self) -> Row:
        return {
            "settings": self.settings,
            "counters": self.counters,
            **{name: getattr(self, name) for name in TABLES},
        }

    def load(self, data: Row) -> None:
        self.settings.update(data["settings"])
        self.counters = data["counters"]
        for name in TABLES:
            setattr(self, name, data[name])
        self.by_sku = {row["sku"]: key for key, row in self.listings.items() if row["sku"]}
