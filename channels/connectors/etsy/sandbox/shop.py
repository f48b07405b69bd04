"""The shop's state and the rules by which it changes: listings with their inventory, receipts, tokens."""

from __future__ import annotations

import itertools
import random
import secrets
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
_shops = itertools.count(random.SystemRandom().randint(20_000_000, 90_000_000))


def money(value: object, currency: str, divisor: int = 100) -> Row:
    return {"amount": int(Decimal(str(value)) * divisor), "divisor": divisor, "currency_code": currency}


class Shop:
    """Everything is plain dicts with text keys, so that the whole shop can be written to a file."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        shop_id = next(_shops)
        self.base_url = ""  # begins the addresses of the sandbox's own pictures
        self.settings: Row = {
            "shop_id": shop_id,
            "user_id": shop_id + 1_000_000,
            "shop_name": "SandboxShop",
            "currency": "EUR",
            "country": "GB",
            "is_vacation": False,
            "is_restricted": False,
            "sorts_listings": True,  # False: the requested order is ignored, as Etsy's document says
            "scopes": "listings_r listings_w shops_r shops_w transactions_r transactions_w",
            "per_second": 150,
            "per_day": 100_000,
            # id and name; a processing profile is named by its state and days, a return policy by its days
            "shipping_profiles": [[501, "Standard"]],
            "processing_profiles": [[701, "ready_to_ship", 1, 2]],
            "return_policies": [[601, 30]],
            "sections": [[801, "Kitchen"]],
            "webhook_url": "",
            "webhook_secret": "whsec_c2FuZGJveC13ZWJob29rLXNlY3JldA==",
        }
        self.listings: dict[str, Row] = {}
        self.receipts: dict[str, Row] = {}
        self.delivered: list[int] = []
        self.taxonomy: list[Row] = []
        self.properties: dict[str, list[Row]] = {}
        self.access: dict[str, float] = {}  # access token -> second at which it ends
        self.refresh: list[str] = []  # refresh tokens that work; each works once
        self.codes: dict[str, Row] = {}
        self.counters: dict[str, int] = {}
        self.values: dict[str, int] = {}

    def next_id(self, table: str, first: int = 1000) -> int:
        self.counters[table] = self.counters.get(table, first) + 1
        return self.counters[table]

    def value_id(self, property_id: int, value: str) -> int:
        """Return one id for each value of a property, wherever it is used."""
        key = f"{property_id}:{value}"
        if key not in self.values:
            self.values[key] = self.next_id("value", 5000)
        return self.values[key]

    def now(self) -> int:
        return int(self.clock())

    # ------------------------------------------------ tokens
    def issue(self) -> Row:
        """Return a new pair of tokens; the former refresh token is used up."""
        user = self.settings["user_id"]
        access, refresh = f"{user}.{secrets.token_urlsafe(32)}", f"{user}.{secrets.token_urlsafe(32)}"
        self.access[access] = self.clock() + 3600
        self.refresh.append(refresh)
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": refresh,
        }

    # ------------------------------------------------ listings
    def add_listing(
        self,
        title: str,
        variants: Sequence[Row],
        *,
        state: str = "active",
        taxonomy_id: int | None = 1,
        moment: float | None = None,
        options: Sequence[tuple[int, str]] = (),
        **more: Any,
    ) -> Row:
        """Add a listing; a variant is {sku, price, quantity, options?: [value per option]}."""
        listing_id = self.next_id("listing", 1_400_000_000)
        at = int(moment if moment is not None else self.now())
        currency, settings = self.settings["currency"], self.settings
        quantity = sum(variant["quantity"] for variant in variants)
        row: Row = {
            "listing_id": listing_id, "user_id": settings["user_id"], "shop_id": settings["shop_id"], "title": title,
            "description": f"{title}: made to last.", "state": state, "creation_timestamp": at, "created_timestamp": at,
            "ending_timestamp": at + 120 * 86_400, "original_creation_timestamp": at, "last_modified_timestamp": at,
            "updated_timestamp": at, "state_timestamp": at, "quantity": quantity, "shop_section_id": None,
            "featured_rank": -1, "url": f"https://www.etsy.com/listing/{listing_id}", "num_favorers": 0,
            "non_taxable": False, "is_taxable": True, "is_customizable": False, "is_personalizable": False,
            "listing_type": "physical", "tags": ["homeware"], "materials": [], "shipping_profile_id": 501,
            "return_policy_id": 601, "processing_min": 1, "processing_max": 2, "who_made": "i_did",
            "when_made": "made_to_order", "is_supply": False, "item_weight": None, "item_weight_unit": None,
            "item_length": None, "item_width": None, "item_height": None, "item_dimensions_unit": None,
            "is_private": False, "style": [], "file_data": "", "has_variations": bool(options),
            "should_auto_renew": False, "language": "en-GB", "taxonomy_id": taxonomy_id, "readiness_state_id": 701,
            "price": money(min(Decimal(str(v["price"])) for v in variants), currency), "images": [], **more,
        }  # fmt: skip
        ids = [property_id for property_id, _ in options]
        row["inventory"] = {
            "products": [self._product(variant, options) for variant in variants],
            "price_on_property": ids if len({str(v["price"]) for v in variants}) > 1 else [],
            "quantity_on_property": ids, "sku_on_property": ids, "readiness_state_on_property": [],
        }  # fmt: skip
        self.listings[str(listing_id)] = row
        return row

    def _product(self, variant: Row, options: Sequence[tuple[int, str]]) -> Row:
        values = [
            {
                "property_id": property_id, "property_name": name, "scale_id": None, "scale_name": None,
                "value_ids": [self.value_id(property_id, variant["options"][position])], "values": [variant["options"][position]],
            }
            for position, (property_id, name) in enumerate(options)
        ]  # fmt: skip
        return {
            "product_id": self.next_id("product", 20_000_000), "sku": variant["sku"], "is_deleted": False,
            "offerings": [self._offering(variant["price"], variant["quantity"])], "property_values": values,
        }  # fmt: skip

    def _offering(self, price: object, quantity: int, readiness: int | None = 701) -> Row:
        return {
            "offering_id": self.next_id("offering", 30_000_000), "quantity": quantity, "is_enabled": True,
            "is_deleted": False, "price": money(price, self.settings["currency"]), "readiness_state_id": readiness,
        }  # fmt: skip

    def add_image(self, listing: Row, name: str, rank: int) -> Row:
        image_id = self.next_id("image", 9000)
        base = f"/image/{name}"
        image = {
            "listing_id": listing["listing_id"], "listing_image_id": image_id, "hex_code": None, "red": None,
            "green": None, "blue": None, "hue": None, "saturation": None, "brightness": None,
            "is_black_and_white": None, "creation_tsz": self.now(), "created_timestamp": self.now(), "rank": rank,
            "url_75x75": f"{base}?75", "url_170x135": f"{base}?170", "url_570xN": f"{base}?570", "url_fullxfull": base,
            "full_height": None, "full_width": None, "alt_text": None,
        }  # fmt: skip
        listing["images"] = [old for old in listing["images"] if old["rank"] != rank] + [image]
        return image

    def touch_listing(self, row: Row) -> None:
        row["updated_timestamp"] = row["last_modified_timestamp"] = self.now()
        products = row["inventory"]["products"]
        row["quantity"] = sum(o["quantity"] for p in products for o in p["offerings"])
        row["price"] = min(
            (o["price"] for p in products for o in p["offerings"]), key=lambda price: price["amount"]
        )

    def find_product(self, sku: str) -> tuple[Row, Row] | None:
        for listing in self.listings.values():
            for product in listing["inventory"]["products"]:
                if product["sku"] == sku:
                    return listing, product
        return None

    # ------------------------------------------------ receipts
    def add_receipt(
        self,
        goods: Sequence[tuple[Row, Row, int]],
        person: tuple[str, str, str, str, str],
        *,
        moment: float | None = None,
        is_paid: bool = True,
        is_digital: bool = False,
        personalisation: str = "",
        shipping: object = "4.50",
        discount: object = "0",
        takes_stock: bool = True,
    ) -> Row:
        """Add a buyer's order of (listing, product, quantity); paid ones lower the stock, as Etsy does itself."""
        receipt_id = self.next_id("receipt", 3_000_000_000)
        at = int(moment if moment is not None else self.now())
        currency, settings = self.settings["currency"], self.settings
        buyer = 70_000 + receipt_id % 1000
        lines = []
        total = Decimal(0)
        for listing, product, quantity in goods:
            price = product["offerings"][0]["price"]
            total += Decimal(price["amount"]) / price["divisor"] * quantity
            variations = [
                {
                    "property_id": value["property_id"], "value_id": value["value_ids"][0] if value["value_ids"] else None,
                    "formatted_name": value["property_name"], "formatted_value": ", ".join(value["values"]),
                    "question_id": None,
                }
                for value in product["property_values"]
            ]  # fmt: skip
            if personalisation:
                variations.append({
                    "property_id": 54, "value_id": None, "formatted_name": "Personalization",
                    "formatted_value": personalisation, "question_id": None,
                })  # fmt: skip
            lines.append({
                "transaction_id": self.next_id("transaction", 4_000_000_000), "title": listing["title"],
                "description": "", "seller_user_id": settings["user_id"], "buyer_user_id": buyer, "create_timestamp": at,
                "created_timestamp": at, "paid_timestamp": at if is_paid else None, "shipped_timestamp": None,
                "quantity": quantity, "listing_image_id": None, "receipt_id": receipt_id, "is_digital": is_digital,
                "file_data": "", "listing_id": listing["listing_id"], "transaction_type": "listing",
                "product_id": product["product_id"], "sku": product["sku"], "price": price,
                "shipping_cost": money(0, currency), "variations": variations, "product_data": [],
                "shipping_profile_id": 501, "min_processing_days": 1, "max_processing_days": 2,
                "shipping_method": "Standard", "shipping_upgrade": None, "expected_ship_date": at + 2 * 86_400,
                "buyer_coupon": 0, "shop_coupon": 0,
            })  # fmt: skip
            if is_paid and takes_stock:
                self.sell(listing, product, quantity)
        name, street, city, postcode, country = person
        grand = total - Decimal(str(discount)) + Decimal(str(shipping))
        row: Row = {
            "receipt_id": receipt_id, "receipt_type": 0, "seller_user_id": settings["user_id"], "seller_email": None,
            "buyer_user_id": buyer, "buyer_email": None, "name": name, "first_line": street, "second_line": None,
            "city": city, "state": None, "zip": postcode, "status": "Paid" if is_paid else "Open",
            "formatted_address": f"{name}\n{street}\n{postcode} {city}", "country_iso": country, "payment_method": "cc",
            "payment_email": None, "message_from_seller": None, "message_from_buyer": None, "message_from_payment": None,
            "is_paid": is_paid, "is_shipped": False, "create_timestamp": at, "created_timestamp": at,
            "update_timestamp": at, "updated_timestamp": at, "is_gift": False, "gift_message": "", "gift_sender": "",
            "grandtotal": money(grand, currency), "subtotal": money(total - Decimal(str(discount)), currency),
            "total_price": money(total, currency), "total_shipping_cost": money(shipping, currency),
            "total_tax_cost": money(0, currency), "total_vat_cost": money(0, currency),
            "discount_amt": money(discount, currency), "gift_wrap_price": money(0, currency), "shipments": [],
            "transactions": lines, "refunds": [],
        }  # fmt: skip
        self.receipts[str(receipt_id)] = row
        return row

    def sell(self, listing: Row, product: Row, quantity: int) -> None:
        """Lower the quantity at a sale, as Etsy does; the last unit makes the listing sold out."""
        offering = product["offerings"][0]
        offering["quantity"] = max(offering["quantity"] - quantity, 0)
        self.touch_listing(listing)
        if listing["quantity"] == 0 and listing["state"] == "active":
            listing["state"] = "sold_out"

    def move(self, receipt: Row, status: str, moment: float | None = None) -> None:
        """Change an order's status: paid, completed (shipped), canceled, refunded, delivered (a filter, no status)."""
        at = int(moment if moment is not None else self.now())
        name = status.lower()
        if name == "delivered":
            if receipt["receipt_id"] not in self.delivered:
                self.delivered.append(receipt["receipt_id"])
        else:
            receipt["status"] = status
        if name == "paid":
            receipt["is_paid"] = True
        if name in ("completed", "delivered"):
            receipt["is_shipped"] = True
            receipt["status"] = "Completed"
        receipt["updated_timestamp"] = receipt["update_timestamp"] = max(at, receipt["updated_timestamp"])

    def refund(
        self,
        receipt: Row,
        amount: object,
        reason: str = "",
        *,
        is_told: bool = True,
        moment: float | None = None,
    ) -> Row:
        """Refund a part, or all that is left. `is_told` False: `updated_timestamp` stays, as it may at Etsy."""
        currency, at = (
            receipt["grandtotal"]["currency_code"],
            int(moment if moment is not None else self.now()),
        )
        receipt["refunds"].append({
            "amount": money(amount, currency), "created_timestamp": at, "reason": reason or None,
            "note_from_issuer": None, "status": "success",
        })  # fmt: skip
        given = sum(row["amount"]["amount"] for row in receipt["refunds"])
        before = receipt["updated_timestamp"]
        is_whole = given >= receipt["grandtotal"]["amount"]
        self.move(receipt, "Fully Refunded" if is_whole else "Partially Refunded", at)
        if not is_told:
            receipt["updated_timestamp"] = receipt["update_timestamp"] = before
        return receipt

    def ship(self, receipt: Row, tracking_code: str, carrier: str, moment: float | None = None) -> Row:
        """Answer createReceiptShipment: one more shipment, one more e-mail, the whole receipt completed."""
        at = int(moment if moment is not None else self.now())
        if tracking_code:
            receipt["shipments"].append({
                "receipt_shipping_id": self.next_id("shipment", 8_000_000), "shipment_notification_timestamp": at,
                "carrier_name": carrier or "other", "tracking_code": tracking_code,
            })  # fmt: skip
        self.move(receipt, "Completed", at)
        return receipt

    # ------------------------------------------------ saving
    KEPT = (
        "settings", "listings", "receipts", "delivered", "taxonomy", "properties", "access", "refresh", "codes",
        "counters", "values",
    )  # fmt: skip

    def dump(self) -> Row:
        return {name: getattr(self, name) for name in self.KEPT}

    def load(self, data: Row) -> None:
        fresh = self.settings
        for name in self.KEPT:
            setattr(self, name, data.get(name, getattr(self, name)))
        self.settings = {**fresh, **self.settings}  # an older file lacks the newer settings
