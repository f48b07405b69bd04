# long because: the operations of one interface are read side by side.
"""The operations of Etsy's API: what each checks and returns (`etsy.md` §3 to §7)."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from channels.connectors.etsy.carriers import CODES
from channels.connectors.etsy.sandbox.shop import Row, Shop, money
from channels.sandbox.refusal import Refusal
from channels.sandbox.server import Request

EARLIEST = 946_684_800
MOST_OFFSET = 12_000
ARRAYS = ("price_on_property", "quantity_on_property", "sku_on_property", "readiness_state_on_property")
OFFERING = {"price", "quantity", "is_enabled", "readiness_state_id"}
MADE = {"who_made", "when_made", "is_supply"}  # only together
BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    name: str
    scope: str = ""
    status: int = 200


def _route(method: str, path: str, name: str, scope: str = "", status: int = 200) -> Route:
    return Route(method, re.compile(path.replace("{}", r"(\d+)")), name, scope, status)


ROUTES = (
    _route("GET", "/users/me", "me", "shops_r"),
    _route("POST", "/scopes", "scopes"),
    _route("GET", "/openapi-ping", "ping"),
    _route("GET", "/shops/{}", "get_shop"),
    _route("GET", "/shops/{}/shipping-profiles", "shipping_profiles", "shops_r"),
    _route("GET", "/shops/{}/readiness-state-definitions", "readiness", "shops_r"),
    _route("GET", "/shops/{}/policies/return", "policies"),
    _route("GET", "/shops/{}/sections", "sections"),
    _route("GET", "/shipping-carriers", "carriers"),
    _route("GET", "/seller-taxonomy/nodes", "taxonomy"),
    _route("GET", "/seller-taxonomy/nodes/{}/properties", "properties"),
    _route("GET", "/shops/{}/listings", "listings", "listings_r"),
    _route("POST", "/shops/{}/listings", "create_listing", "listings_w", 201),
    _route("PATCH", "/shops/{}/listings/{}", "update_listing", "listings_w"),
    _route("POST", "/shops/{}/listings/{}/images", "upload_image", "listings_w", 201),
    _route("GET", "/listings/{}/images", "images"),
    _route("DELETE", "/shops/{}/listings/{}/images/{}", "delete_image", "listings_w", 204),
    _route("POST", "/shops/{}/listings/{}/variation-images", "put_variation_images", "listings_w"),
    _route("PUT", "/shops/{}/listings/{}/properties/{}", "put_property", "listings_w"),
    _route("GET", "/listings/batch", "batch"),
    _route("GET", "/listings/batch/inventory", "batch_inventory", "listings_r"),
    _route("GET", "/listings/{}/inventory", "get_inventory", "listings_r"),
    _route("PUT", "/listings/{}/inventory", "put_inventory", "listings_w"),
    _route("GET", "/shops/{}/receipts", "receipts", "transactions_r"),
    _route("GET", "/shops/{}/receipts/{}", "get_receipt", "transactions_r"),
    _route("POST", "/shops/{}/receipts/{}/tracking", "create_shipment", "transactions_w"),
)


def integer(params: dict[str, str], name: str, default: int) -> int:
    try:
        return int(params.get(name, default))
    except ValueError:
        raise Refusal(400, f"Expected int value for '{name}'") from None


def boolean(params: dict[str, str], name: str) -> bool | None:
    if name not in params:
        return None
    if params[name] not in BOOLEANS:
        raise Refusal(400, f"Expected bool value for '{name}'")
    return BOOLEANS[params[name]]


def paged(rows: Sequence[Row], params: dict[str, str]) -> tuple[int, Sequence[Row]]:
    limit, offset = integer(params, "limit", 25), integer(params, "offset", 0)
    if not 1 <= limit <= 100:
        raise Refusal(400, "limit must be between 1 and 100")
    if not 0 <= offset <= MOST_OFFSET:
        raise Refusal(400, f"offset must be between 0 and {MOST_OFFSET}")
    return len(rows), rows[offset : offset + limit]


def form_of(request: Request) -> dict[str, str]:
    """Return a form body; JSON is read as empty, as Etsy does."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Refusal(400, "Expected a form body")
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def json_of(request: Request) -> Any:
    if not request.headers.get("content-type", "").startswith("application/json"):
        return {}  # Etsy reads it as empty
    try:
        return json.loads(request.body or b"{}")
    except ValueError:
        raise Refusal(400, "Invalid JSON") from None


class Calls:
    """One method for each operation."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def _own(self, shop_id: str) -> None:
        if int(shop_id) != self.shop.settings["shop_id"]:
            raise Refusal(403, "The shop does not belong to this user.")

    def _listing(self, listing_id: str) -> Row:
        row = self.shop.listings.get(listing_id)
        if row is None:
            raise Refusal(404, "Could not find a Listing with this id.")
        return row

    # ------------------------------------------------ shop
    def me(self, request: Request) -> Row:
        settings = self.shop.settings
        return {"user_id": settings["user_id"], "shop_id": settings["shop_id"]}

    def ping(self, request: Request) -> Row:
        return {"application_id": 1}

    def scopes(self, request: Request) -> Row:
        if form_of(request).get("token") not in self.shop.access:
            raise Refusal(400, "token is not valid")
        return {"scopes": self.shop.settings["scopes"].split()}

    def get_shop(self, request: Request, shop_id: str) -> Row:
        s = self.shop.settings
        if int(shop_id) != s["shop_id"]:
            raise Refusal(404, "Could not find a Shop with this id.")
        active = sum(row["state"] == "active" for row in self.shop.listings.values())
        texts = (
            "announcement vacation_message sale_message digital_sale_message policy_welcome policy_payment policy_shipping "
            "policy_refunds policy_additional policy_seller_info policy_privacy vacation_autoreply image_url_760x100 "
            "icon_url_fullxfull"
        )
        flags = (
            "accepts_custom_requests policy_has_private_receipt_info has_unstructured_policies "
            "is_using_structured_policies has_onboarded_structured_policies include_dispute_form_link "
            "is_direct_checkout_onboarded is_etsy_payments_onboarded is_calculated_eligible is_opted_in_to_buyer_promise"
        )
        return {
            **dict.fromkeys(texts.split()), **dict.fromkeys(flags.split(), False), "shop_id": s["shop_id"],
            "user_id": s["user_id"], "shop_name": s["shop_name"], "title": s["shop_name"], "create_date": EARLIEST,
            "created_timestamp": EARLIEST, "update_date": EARLIEST, "updated_timestamp": EARLIEST,
            "currency_code": s["currency"], "is_vacation": s["is_vacation"], "listing_active_count": active,
            "digital_listing_count": 0, "login_name": s["shop_name"].lower(), "policy_update_date": EARLIEST,
            "url": f"https://www.etsy.com/shop/{s['shop_name']}", "num_favorers": 3, "languages": ["en-GB"],
            "is_shop_us_based": s["country"] == "US", "transaction_sold_count": len(self.shop.receipts),
            "shipping_from_country_iso": s["country"], "shop_location_country_iso": s["country"], "review_count": None,
            "review_average": None,
        }  # fmt: skip

    def shipping_profiles(self, request: Request, shop_id: str) -> Row:
        self._own(shop_id)
        rows = [
            {
                "shipping_profile_id": number, "title": title, "user_id": self.shop.settings["user_id"],
                "origin_country_iso": self.shop.settings["country"], "is_deleted": False,
                "shipping_profile_destinations": [], "shipping_profile_upgrades": [], "origin_postal_code": None,
                "profile_type": "manual", "domestic_handling_fee": 0, "international_handling_fee": 0,
            }
            for number, title in self.shop.settings["shipping_profiles"]
        ]  # fmt: skip
        return {"count": len(rows), "results": rows}

    def readiness(self, request: Request, shop_id: str) -> Row:
        self._own(shop_id)
        rows = [
            {
                "shop_id": int(shop_id), "readiness_state_id": number, "readiness_state": state,
                "min_processing_days": least, "max_processing_days": most,
                "processing_days_display_label": f"{least}-{most} days",
            }
            for number, state, least, most in self.shop.settings["processing_profiles"]
        ]  # fmt: skip
        count, part = paged(rows, request.params)
        return {"count": count, "results": part}

    def policies(self, request: Request, shop_id: str) -> Row:
        rows = [
            {
                "return_policy_id": number, "shop_id": int(shop_id), "accepts_returns": days > 0,
                "accepts_exchanges": days > 0, "return_deadline": days or None,
            }
            for number, days in self.shop.settings["return_policies"]
        ]  # fmt: skip
        return {"count": len(rows), "results": rows}

    def sections(self, request: Request, shop_id: str) -> Row:
        rows = [
            {
                "shop_section_id": number, "title": title, "rank": rank, "active_listing_count": 0,
                "user_id": self.shop.settings["user_id"],
            }
            for rank, (number, title) in enumerate(self.shop.settings["sections"])
        ]  # fmt: skip
        return {"count": len(rows), "results": rows}

    def carriers(self, request: Request) -> Row:
        if len(request.params.get("origin_country_iso", "")) != 2:
            raise Refusal(400, "origin_country_iso is required")
        names = ("Royal Mail", "DHL", "UPS")
        rows = [
            {"shipping_carrier_id": n, "name": name, "domestic_classes": [], "international_classes": []}
            for n, name in enumerate(names, start=1)
        ]
        return {"count": len(rows), "results": rows}

    def taxonomy(self, request: Request) -> Row:
        return {"count": len(self.shop.taxonomy), "results": self.shop.taxonomy}

    def properties(self, request: Request, taxonomy_id: str) -> Row:
        rows = self.shop.properties.get(taxonomy_id, [])
        return {"count": len(rows), "results": rows}

    # ------------------------------------------------ listings
    def _shown(self, row: Row, *, images: bool = False, inventory: bool = False) -> Row:
        kept = {
            name: value
            for name, value in row.items()
            if name not in ("inventory", "images", "variation_images", "properties")
        }
        if images:
            kept["images"] = self._images_of(row)
        if inventory:
            kept["inventory"] = row["inventory"]
        return kept

    def listings(self, request: Request, shop_id: str) -> Row:
        self._own(shop_id)
        params = request.params
        state = params.get("state", "active")
        if state not in ("active", "inactive", "sold_out", "draft", "expired"):
            raise Refusal(400, "state is one value")
        rows = [row for row in self.shop.listings.values() if row["state"] == state]
        down = params.get("sort_order", "desc") in ("desc", "descending", "down")
        down = down or not self.shop.settings["sorts_listings"]
        rows.sort(key=lambda row: (row["created_timestamp"], row["listing_id"]), reverse=down)
        count, part = paged(rows, params)
        wants = "Images" in params.get("includes", "")
        return {"count": count, "results": [self._shown(row, images=wants) for row in part]}

    def _ids(self, request: Request) -> list[Row]:
        ids = [one for one in request.params.get("listing_ids", "").split(",") if one]
        if not 1 <= len(ids) <= 100:
            raise Refusal(400, "listing_ids has 1 to 100 ids")
        return [self._listing(listing_id) for listing_id in ids]  # one unknown id fails all

    def batch(self, request: Request) -> Row:
        rows = self._ids(request)
        wants = "Images" in request.params.get("includes", "")
        return {"count": len(rows), "results": [self._shown(row, images=wants) for row in rows]}

    def batch_inventory(self, request: Request) -> Row:
        rows = self._ids(request)
        return {"count": len(rows), "results": [self._shown(row, inventory=True) for row in rows]}

    def get_inventory(self, request: Request, listing_id: str) -> Row:
        row = self._listing(listing_id)
        answer = dict(row["inventory"])
        if request.params.get("includes") == "Listing":
            answer["listing"] = self._shown(row)
        return answer

    def put_inventory(self, request: Request, listing_id: str) -> Row:
        """Replace the whole document; what is not in it is deleted."""
        row, body = self._listing(listing_id), json_of(request)
        products = body.get("products") if isinstance(body, dict) else None
        if not products:
            raise Refusal(400, "products is required")
        most = int(request.params.get("max_variations_supported", 2))
        for product in products:
            self._check_product(product, most)
        if not any(o["quantity"] > 0 and o["is_enabled"] for p in products for o in p["offerings"]):
            raise Refusal(400, "One offering must have quantity greater than 0")
        for name, field in (
            ("quantity_on_property", "quantity"), ("price_on_property", "price"), ("sku_on_property", "sku"),
        ):  # fmt: skip
            groups: dict[Any, set[Any]] = {}
            for product in products:
                key = tuple(
                    (v["property_id"], *v["values"])
                    for v in product["property_values"]
                    if v["property_id"] in body.get(name, [])
                )
                groups.setdefault(key, set()).add({**product["offerings"][0], **product}[field])
            if any(len(values) > 1 for values in groups.values()):
                raise Refusal(400, f"{name} must name the property by which the value differs")
        old = {_options(p): p for p in row["inventory"]["products"]}
        row["inventory"] = {
            "products": [self._taken(product, old.get(_options(product))) for product in products],
            **{name: list(body.get(name) or []) for name in ARRAYS},
        }
        row["has_variations"] = any(p["property_values"] for p in products)
        self.shop.touch_listing(row)
        return dict(row["inventory"])

    def _check_product(self, product: Row, most: int) -> None:
        extra = set(product) - {"sku", "offerings", "property_values"}
        if extra:
            raise Refusal(400, f"Invalid keys in products: {', '.join(sorted(extra))}")
        if len(product["property_values"]) > most:
            raise Refusal(400, f"At most {most} variations are supported")
        for value in product["property_values"]:
            if "scale_name" in value or any(sign in text for text in value["values"] for sign in "()"):
                raise Refusal(400, "Invalid property value")
        for offering in product["offerings"]:
            if set(offering) != OFFERING:
                raise Refusal(
                    400, "offerings need price, quantity, is_enabled and readiness_state_id, and nothing else"
                )
            if isinstance(offering["price"], (dict, str)) or offering["price"] <= 0:
                raise Refusal(400, "price must be a number")
            if not isinstance(offering["quantity"], int) or not 0 <= offering["quantity"] <= 999:
                raise Refusal(400, "quantity must be between 0 and 999")
            if offering["readiness_state_id"] is None:
                raise Refusal(400, "readiness_state_id is required for physical listings")

    def _taken(self, product: Row, old: Row | None) -> Row:
        offering = product["offerings"][0]
        return {
            "product_id": old["product_id"] if old else self.shop.next_id("product", 20_000_000),
            "sku": product["sku"], "is_deleted": False,
            "offerings": [{
                "offering_id": old["offerings"][0]["offering_id"] if old else self.shop.next_id("offering", 30_000_000),
                "quantity": offering["quantity"], "is_enabled": offering["is_enabled"], "is_deleted": False,
                "price": money(str(offering["price"]), self.shop.settings["currency"]),
                "readiness_state_id": offering["readiness_state_id"],
            }],
            "property_values": [
                {
                    "property_id": value["property_id"], "property_name": value["property_name"],
                    "scale_id": value["scale_id"], "scale_name": None,
                    "value_ids": value["value_ids"]
                    or [self.shop.value_id(value["property_id"], one) for one in value["values"]],
                    "values": value["values"],
                }
                for value in product["property_values"]
            ],
        }  # fmt: skip

    def create_listing(self, request: Request, shop_id: str) -> Row:
        self._own(shop_id)
        form = form_of(request)
        needed = "quantity title description price who_made when_made taxonomy_id shipping_profile_id readiness_state_id"
        missing = [name for name in needed.split() if not form.get(name)]
        if missing:
            raise Refusal(400, f"missing: {', '.join(missing)}")
        self._check_title(form["title"])
        names = ("shipping_profile_id", "return_policy_id", "shop_section_id", "readiness_state_id")
        chosen: Row = {name: int(form[name]) for name in names if form.get(name)}
        row = self.shop.add_listing(
            form["title"],
            [{"sku": "", "price": form["price"], "quantity": int(form["quantity"])}],
            state="draft",
            taxonomy_id=int(form["taxonomy_id"]),
            description=form["description"],
            tags=[tag for tag in form.get("tags", "").split(",") if tag],
            **chosen,
        )
        return self._shown(row)

    def _check_title(self, title: str) -> None:
        strange = [sign for sign in title if unicodedata.category(sign) in ("So", "Sc", "Sk", "No", "Cc")]
        if len(title) > 140 or any(title.count(sign) > 1 for sign in "%:&+") or set(strange) - set("™©®"):
            raise Refusal(400, "The title is invalid")

    def update_listing(self, request: Request, shop_id: str, listing_id: str) -> Row:
        self._own(shop_id)
        row, form = self._listing(listing_id), form_of(request)
        if "title" in form:
            self._check_title(form["title"])
        if (given := MADE & form.keys()) and given != MADE:
            raise Refusal(400, f"{min(given)} requires {', '.join(sorted(MADE - given))}")
        if "is_supply" in form:
            row["is_supply"] = boolean(form, "is_supply")
        for name in ("title", "description", "who_made", "when_made"):
            if name in form:
                row[name] = form[name]
        for name in ("tags", "materials"):
            if name in form:
                row[name] = [one for one in form[name].split(",") if one]
        for name in ("taxonomy_id", "shop_section_id", "shipping_profile_id", "return_policy_id"):
            if name in form:
                row[name] = int(form[name])
        if "state" in form:
            self._move(row, form["state"])
        row["updated_timestamp"] = self.shop.now()
        return self._shown(row)

    def _move(self, row: Row, state: str) -> None:
        if state not in ("active", "inactive"):
            raise Refusal(400, "state must be active or inactive")
        if state == "active" and row["state"] == "draft" and not row["images"]:
            raise Refusal(400, "An active listing needs an image")
        if state == "active" and row["state"] == "sold_out":  # a renewal: a fee, and one unit
            row["inventory"]["products"][0]["offerings"][0]["quantity"] = 1
            self.shop.touch_listing(row)
        if state == "active" and row["state"] in ("sold_out", "expired", "draft"):
            self.shop.counters["fees"] = self.shop.counters.get("fees", 0) + 1
        row["state"] = state

    def upload_image(self, request: Request, shop_id: str, listing_id: str) -> Row:
        row = self._listing(listing_id)
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise Refusal(400, "Expected multipart form data")
        rank = re.search(rb'name="rank"\r\n\r\n(\d+)', request.body)
        name = re.search(rb'filename="([^"]*)"', request.body)
        if name is None:
            raise Refusal(400, "image is required")
        return self._with_host(
            self.shop.add_image(row, name.group(1).decode(), int(rank.group(1)) if rank else 1)
        )

    def _with_host(self, image: Row) -> Row:
        """Return its addresses: the sandbox draws its pictures itself."""
        base = self.shop.base_url
        own = {name: f"{base}{url}" for name, url in image.items() if name[:4] == "url_" and url[:1] == "/"}
        return {**image, **own}

    def _images_of(self, row: Row) -> list[Row]:
        return [self._with_host(image) for image in row["images"]]

    def images(self, request: Request, listing_id: str) -> Row:
        rows = self._images_of(self._listing(listing_id))
        return {"count": len(rows), "results": rows}

    def delete_image(self, request: Request, shop_id: str, listing_id: str, image_id: str) -> None:
        row = self._listing(listing_id)
        kept = [image for image in row["images"] if image["listing_image_id"] != int(image_id)]
        if len(kept) == len(row["images"]):
            raise Refusal(404, "Could not find a ListingImage with this id.")
        row["images"] = kept

    def put_variation_images(self, request: Request, shop_id: str, listing_id: str) -> Row:
        """Replace all of them; one property only, with the values of this listing's inventory and its own pictures."""
        row, rows = self._listing(listing_id), json_of(request).get("variation_images")
        if not isinstance(rows, list):
            raise Refusal(400, "variation_images is required")
        values = {
            (value["property_id"], value["value_ids"][0]): ", ".join(value["values"])
            for product in row["inventory"]["products"]
            for value in product["property_values"]
        }
        images = {image["listing_image_id"] for image in row["images"]}
        if len({one["property_id"] for one in rows}) > 1:
            raise Refusal(400, "variation images may be of one property only")
        for one in rows:
            if (one["property_id"], one["value_id"]) not in values or one["image_id"] not in images:
                raise Refusal(
                    400, "The variation image names a value or an image that the listing does not have"
                )
        row["variation_images"] = [
            {**one, "value": values[one["property_id"], one["value_id"]]} for one in rows
        ]
        return {"count": len(rows), "results": row["variation_images"]}

    def put_property(self, request: Request, shop_id: str, listing_id: str, property_id: str) -> Row:
        row, form = self._listing(listing_id), form_of(request)
        if "value_ids" not in form or "values" not in form:
            raise Refusal(400, "value_ids and values are required")
        known = {str(p["property_id"]): p for p in self.shop.properties.get(str(row["taxonomy_id"]), [])}
        if property_id not in known:
            raise Refusal(400, "The category has no such property")
        ids = [int(one) for one in form["value_ids"].split(",") if one]
        allowed = {value["value_id"] for value in known[property_id]["possible_values"]}
        if allowed and not (ids and allowed.issuperset(ids)):
            raise Refusal(400, "value_ids must be values of the property")
        shown = {
            "property_id": int(property_id), "property_name": known[property_id]["display_name"], "scale_id": None,
            "scale_name": None, "value_ids": ids, "values": form["values"].split(","),
        }  # fmt: skip
        row.setdefault("properties", {})[property_id] = shown
        return shown

    # ------------------------------------------------ receipts
    def _receipt_shown(self, row: Row) -> Row:
        if not self.shop.settings["is_restricted"]:
            return row
        return {
            **row,
            **dict.fromkeys(("first_line", "second_line", "city", "state", "zip", "formatted_address")),
        }

    def receipts(self, request: Request, shop_id: str) -> Row:
        self._own(shop_id)
        params = request.params
        for name in ("min_created", "max_created", "min_last_modified", "max_last_modified"):
            if name in params and integer(params, name, 0) < EARLIEST:
                raise Refusal(400, f"{name} must be at least {EARLIEST}")
        wanted = {
            name: boolean(params, f"was_{name}") for name in ("paid", "shipped", "delivered", "canceled")
        }
        delivered = set(self.shop.delivered)
        rows = []
        for row in self.shop.receipts.values():
            facts = {
                "paid": row["is_paid"],
                "shipped": row["is_shipped"],
                "delivered": row["receipt_id"] in delivered,
                "canceled": row["status"].lower() == "canceled",
            }
            if any(value is not None and facts[name] != value for name, value in wanted.items()):
                continue
            created, updated = row["created_timestamp"], row["updated_timestamp"]
            if not integer(params, "min_created", 0) <= created <= integer(params, "max_created", 10**12):
                continue
            if (
                not integer(params, "min_last_modified", 0)
                <= updated
                <= integer(params, "max_last_modified", 10**12)
            ):
                continue
            rows.append(row)
        by = {"created": "created_timestamp", "updated": "updated_timestamp", "receipt_id": "receipt_id"}
        sort_on = params.get("sort_on", "created")
        if sort_on not in by:
            raise Refusal(400, "sort_on is not valid")
        down = params.get("sort_order", "desc") in ("desc", "descending", "down")
        rows.sort(key=lambda row: (row[by[sort_on]], row["receipt_id"]), reverse=down)
        count, part = paged(rows, params)
        return {"count": count, "results": [self._receipt_shown(row) for row in part]}

    def _receipt(self, receipt_id: str) -> Row:
        row = self.shop.receipts.get(receipt_id)
        if row is None:
            raise Refusal(404, "Could not find a Receipt with this id.")
        return row

    def get_receipt(self, request: Request, shop_id: str, receipt_id: str) -> Row:
        self._own(shop_id)
        return self._receipt_shown(self._receipt(receipt_id))

    def create_shipment(self, request: Request, shop_id: str, receipt_id: str) -> Row:
        self._own(shop_id)
        row, body = self._receipt(receipt_id), json_of(request)
        if self.shop.settings["is_restricted"]:
            raise Refusal(403, "Unauthorized")
        code, carrier = body.get("tracking_code", ""), body.get("carrier_name", "")
        if not isinstance(code, str):
            raise Refusal(400, "Expected string value for 'tracking_code'")
        if not (code and carrier) and row["country_iso"] in ("US", "IN"):
            raise Refusal(400, "A tracking number is required")
        if carrier not in CODES:  # shipped, without its number
            code = ""
        return self._receipt_shown(self.shop.ship(row, code, carrier))


def _options(product: Row) -> tuple[Any, ...]:
    return tuple((v["property_id"], *v["values"]) for v in product["property_values"])
