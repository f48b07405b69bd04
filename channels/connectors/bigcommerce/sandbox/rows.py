"""The store's rows as BigCommerce's API shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

from channels.connectors.bigcommerce.sandbox.shop import STATUSES, VAT, Row, Shop

LINES_SHOWN = 50
ZERO = "0.0000"
PICKUP: Row = {
    "id": 1, "pickup_method_id": 1, "pickup_method_display_name": "Collect in the shop", "collection_instructions": "",
    "collection_time_description": "",
    "location": {
        "id": 1, "name": "Harbour shop", "code": "BC-1", "address_line_1": "1 Quay Street", "address_line_2": "",
        "city": "Bristol", "state": "", "postal_code": "BS1 4DB", "country_alpha2": "GB", "email": "shop@example.com",
        "phone": "+44 117 496 0111",
    },
}  # fmt: skip


def rfc(moment: float | None) -> str:
    return "" if moment is None else format_datetime(datetime.fromtimestamp(moment, UTC))


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def four(value: Decimal) -> str:
    return f"{value:.4f}"


def status(shop: Shop, status_id: int) -> Row:
    name = STATUSES[status_id]
    return {
        "id": status_id, "name": name, "system_label": name, "custom_label": shop.settings["labels"].get(str(status_id), name),
        "system_description": f"The order is {name.lower()}.",
    }  # fmt: skip


def line(row: Row, order: Row) -> Row:
    quantity = row["quantity"]
    ex, inc = Decimal(row["ex"]), Decimal(row["inc"])
    return {
        "id": row["id"], "order_id": order["id"], "product_id": row["product_id"], "variant_id": row["variant_id"],
        "order_pickup_method_id": row["order_pickup_method_id"], "order_address_id": row["order_address_id"],
        "name": row["name"], "name_customer": row["name"], "name_merchant": row["name"], "sku": row["sku"], "type": row["type"],
        "base_price": four(inc), "price_ex_tax": four(ex), "price_inc_tax": four(inc), "price_tax": four(inc - ex),
        "base_total": four(inc * quantity), "total_ex_tax": four(ex * quantity), "total_inc_tax": four(inc * quantity),
        "total_tax": four((inc - ex) * quantity), "quantity": quantity, "quantity_shipped": row["quantity_shipped"],
        "quantity_refunded": row["quantity_refunded"], "is_refunded": bool(row["quantity_refunded"]), "refund_amount": ZERO,
        "weight": "0.5000", "product_options": [
            {
                "id": 1, "option_id": o["option_id"], "order_product_id": row["id"], "product_option_id": o["option_id"],
                "display_name": o["display_name"], "display_value": o["display_value"], "value": "1", "type": "Multiple choice",
                "name": o["display_name"], "display_style": "Pick list", "display_name_customer": o["display_name"],
                "display_name_merchant": o["display_name"], "display_value_customer": o["display_value"],
                "display_value_merchant": o["display_value"],
            }
            for o in row["product_options"]
        ],
        "applied_discounts": [], "parent_order_product_id": None, "is_bundled_product": False, "external_id": None,
        "wrapping_name": None, "discounted_total_inc_tax": four(inc * quantity), "upc": "",
    }  # fmt: skip


def address(place: Row) -> Row:
    names = "first_name last_name company street_1 street_2 city state zip country country_iso2 phone email".split()
    return {name: str(place.get(name) or "") for name in names}


def payment(shop: Shop, row: Row, total: Decimal) -> str:
    back = sum(
        (Decimal(str(one["total_amount"])) for one in shop.refunds if one["order_id"] == row["id"]),
        Decimal(0),
    )
    if back:
        return "refunded" if back >= total else "partially refunded"
    return "" if row["status_id"] in (0, 7) else "captured"


def order(shop: Shop, row: Row, *, with_lines: bool) -> Row:
    ex = sum((Decimal(each["ex"]) * each["quantity"] for each in row["lines"]), Decimal(0))
    inc = sum((Decimal(each["inc"]) * each["quantity"] for each in row["lines"]), Decimal(0))
    post_inc = Decimal(row["shipping_inc"])
    post_ex = (post_inc / VAT).quantize(Decimal("0.0001"))
    discount = Decimal(row["discount"])
    total = inc + post_inc - discount
    link = f"/v2/orders/{row['id']}"
    state = STATUSES[row["status_id"]]
    shown: Row = {
        "id": row["id"], "customer_id": row["customer_id"], "date_created": rfc(row["created"]),
        "date_modified": rfc(row["modified"]), "date_shipped": rfc(row["shipped"]), "status_id": row["status_id"],
        "status": state, "custom_status": shop.settings["labels"].get(str(row["status_id"]), state),
        "subtotal_ex_tax": four(ex), "subtotal_inc_tax": four(inc), "subtotal_tax": four(inc - ex),
        "base_shipping_cost": four(post_inc), "shipping_cost_ex_tax": four(post_ex), "shipping_cost_inc_tax": four(post_inc),
        "shipping_cost_tax": four(post_inc - post_ex), "handling_cost_ex_tax": ZERO, "handling_cost_inc_tax": ZERO,
        "wrapping_cost_ex_tax": ZERO, "wrapping_cost_inc_tax": ZERO, "total_tax": four(inc - ex + post_inc - post_ex),
        "total_inc_tax": four(total), "total_ex_tax": four(ex + post_ex - discount), "discount_amount": four(discount),
        "coupon_discount": ZERO, "store_credit_amount": ZERO, "gift_certificate_amount": ZERO, "refunded_amount": ZERO,
        "items_total": sum(each["quantity"] for each in row["lines"]),
        "items_shipped": sum(each["quantity_shipped"] for each in row["lines"]),
        "payment_method": row["payment_method"], "payment_status": payment(shop, row, total),
        "order_is_digital": all(each["type"] == "digital" for each in row["lines"]), "currency_code": shop.settings["currency"],
        "default_currency_code": row.get("currency", shop.settings["currency"]), "store_default_currency_code": shop.settings["currency"],
        "store_default_to_transactional_exchange_rate": "1.0000000000", "customer_message": row["customer_message"],
        "staff_notes": row["staff_notes"], "channel_id": 1, "external_source": None, "external_id": None,
        "external_order_id": row["external_order_id"], "is_deleted": row["is_deleted"], "is_tax_inclusive_pricing": True,
        "shipping_address_count": len(row["addresses"]), "customer_locale": "en", "order_source": "www",
        "billing_address": {**address(row["billing"]), "form_fields": []},
        "products": {"url": link + "/products", "resource": f"/orders/{row['id']}/products"},
        "shipping_addresses": {"url": link + "/shipping_addresses", "resource": f"/orders/{row['id']}/shipping_addresses"},
        "coupons": {"url": link + "/coupons", "resource": f"/orders/{row['id']}/coupons"},
    }  # fmt: skip
    if with_lines:
        shown["consignments"] = consignments(row, post_ex, post_inc)
    else:
        shown["consignments"] = {
            "url": link + "/consignments",
            "resource": f"/orders/{row['id']}/consignments",
        }
    return shown


def consignments(row: Row, post_ex: Decimal, post_inc: Decimal) -> Row:
    """Return lines by delivery address, at most 50 for each, then a warning."""
    ships = []
    for place in row["addresses"]:
        all_lines = [
            line(each, row)
            for each in row["lines"]
            if each["order_address_id"] == place["id"] and not each["order_pickup_method_id"]
        ]
        ships.append({
            "id": place["id"], **address(place), "form_fields": [], "line_items": all_lines[:LINES_SHOWN],
            "items_total": len(all_lines), "items_shipped": 0, "shipping_method": place.get("shipping_method", "Royal Mail"),
            "base_cost": float(post_inc), "cost_ex_tax": float(post_ex), "cost_inc_tax": float(post_inc),
            **({"__warning__": "Only the first 50 line items are shown."} if len(all_lines) > LINES_SHOWN else {}),
        })  # fmt: skip
    collected = [line(each, row) for each in row["lines"] if each["order_pickup_method_id"]]
    digital = [line(each, row) for each in row["lines"] if each["type"] == "digital"]
    gifts = [line(each, row) for each in row["lines"] if each["type"] == "giftcertificate"]
    email = row["billing"].get("email", "")
    return {
        "shipping": ships,
        "pickups": [{**PICKUP, "line_items": collected}] if collected else [],
        "downloads": [{"recipient_email": email, "line_items": digital}] if digital else [],
        "email": {"gift_certificates": [{"recipient_email": email, "line_items": gifts}] if gifts else []},
    }


def shipment(row: Row, order: Row) -> Row:
    place: Row = next((p for p in order["addresses"] if p["id"] == row["order_address_id"]), {})
    return {
        "id": row["id"], "order_id": order["id"], "customer_id": order["customer_id"],
        "order_address_id": row["order_address_id"], "date_created": rfc(row["created"]),
        "tracking_number": row["tracking_number"], "merchant_shipping_cost": ZERO, "shipping_method": row["shipping_method"],
        "shipping_provider": row["shipping_provider"], "tracking_carrier": row["tracking_carrier"],
        "tracking_link": row["tracking_link"], "comments": row["comments"], "items": row["items"],
        "billing_address": address(order["billing"]), "shipping_address": address(place),
        "shipping_provider_display_name": row["shipping_provider"], "generated_tracking_link": "",
    }  # fmt: skip


def variant(shop: Shop, product: Row, row: Row) -> Row:
    price = float(product["price"] if row["price"] is None else row["price"])
    shown = {
        "id": row["id"], "product_id": product["id"], "sku": row["sku"], "sku_id": row["id"], "upc": row["upc"],
        "calculated_price": float(shop.price_of(product, row)), "inventory_level": shop.stock.get(f"1/{row['id']}", 0),
        "option_values": row["option_values"], "purchasing_disabled": False, "weight": product["weight"],
        "calculated_weight": price * 0, "image_url": row.get("image_url", ""),
    }  # fmt: skip
    # A price that is inherited is null on the real store; the schema has no null, so both are shown where they are set.
    shown |= {"price": row["price"], "sale_price": row["sale_price"]}
    return shown


def product(shop: Shop, row: Row, include: set[str]) -> Row:
    first = row["variants"][0]
    shown: Row = {
        "id": row["id"], "name": row["name"], "type": row["type"], "sku": row["sku"], "description": row["description"],
        "warranty": row.get("warranty", ""), "weight": row["weight"], "price": row["price"], "sale_price": row["sale_price"], "categories": row["categories"],
        "brand_id": row["brand_id"], "inventory_tracking": row["inventory_tracking"],
        "inventory_level": sum(shop.stock.get(f"1/{v['id']}", 0) for v in row["variants"]), "is_visible": row["is_visible"],
        "availability": row["availability"], "upc": row["upc"], "date_created": iso(row["created"]),
        "date_modified": iso(row["modified"]), "base_variant_id": row["base_variant_id"],
        "calculated_price": float(shop.price_of(row, first)),
        "custom_url": {"url": f"/{row['name'].lower().replace(' ', '-')[:200]}/", "is_customized": False},
    }  # fmt: skip
    if "variants" in include:
        shown["variants"] = [variant(shop, row, each) for each in row["variants"]]
    if "custom_fields" in include:
        shown["custom_fields"] = row["custom_fields"]
    if "images" in include:
        shown["images"] = [picture(shop, image) for image in row["images"]]
    if "options" in include:
        shown["options"] = row["options"]
    return shown


def picture(shop: Shop, image: Row) -> Row:
    """Return a picture with absolute addresses."""
    return {
        name: f"{shop.base_url}{value}" if name.startswith("url_") and str(value).startswith("/") else value
        for name, value in image.items()
    }


def page_of(found: list[Any], params: dict[str, str], most: int, usual: int = 50) -> tuple[list[Any], Row]:
    """Return a page of v3, with its paging."""
    size = max(min(int(params.get("limit") or usual), most), 1)
    number = max(int(params.get("page") or 1), 1)
    rows = found[(number - 1) * size : number * size]
    paging = {
        "total": len(found), "count": len(rows), "per_page": size, "current_page": number,
        "total_pages": max(-(-len(found) // size), 1 if found else 0), "links": {"current": f"?page={number}&limit={size}"},
    }  # fmt: skip
    return rows, {"pagination": paging}
