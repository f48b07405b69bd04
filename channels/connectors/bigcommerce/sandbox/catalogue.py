# long because: every call of V3 is one short method here.
"""V3 of the store: products, variants, stock, locations, hooks, refunds, with their batch sizes and refusals."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from channels.connectors.bigcommerce.payloads import instant
from channels.connectors.bigcommerce.sandbox import rows
from channels.connectors.bigcommerce.sandbox.shop import Row, Shop, refuse
from channels.sandbox.refusal import Refusal
from channels.sandbox.server import Response

PRODUCTS, VARIANTS, LINES = 10, 50, 2000
MOST_BYTES = 8 * 1024 * 1024
PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")
MISMATCH = "[Item with variant_id {0} is tracked by product, please update stock by product id]"


def numbers(text: str) -> set[int]:
    return {int(part) for part in text.split(",") if part.strip()}


class Catalogue:
    """Routes of V3 over the shop."""

    def __init__(self, shop: Shop, store_hash: str, client_id: str) -> None:
        self.shop = shop
        self.store_hash = store_hash
        self.client_id = client_id
        self.routes: list[tuple[str, re.Pattern[str], Callable[..., Response]]] = [
            (method, re.compile(pattern), call)
            for method, pattern, call in (
                ("GET", r"/v3/catalog/products", self.products),
                ("POST", r"/v3/catalog/products", self.create),
                ("PUT", r"/v3/catalog/products", self.update_many),
                ("PUT", r"/v3/catalog/products/channel-assignments", self.assign),
                ("GET", r"/v3/catalog/products/(\d+)", self.product),
                ("PUT", r"/v3/catalog/products/(\d+)", self.update),
                ("DELETE", r"/v3/catalog/products/(\d+)", self.delete),
                ("GET", r"/v3/catalog/products/(\d+)/images", self.images),
                ("POST", r"/v3/catalog/products/(\d+)/images", self.add_image),
                ("DELETE", r"/v3/catalog/products/(\d+)/images/(\d+)", self.drop_image),
                ("GET", r"/v3/catalog/products/(\d+)/options", self.options),
                ("POST", r"/v3/catalog/products/(\d+)/options/(\d+)/values", self.add_value),
                ("POST", r"/v3/catalog/products/(\d+)/variants", self.add_variant),
                ("DELETE", r"/v3/catalog/products/(\d+)/variants/(\d+)", self.drop_variant),
                ("GET", r"/v3/catalog/variants", self.variants),
                ("PUT", r"/v3/catalog/variants", self.update_variants),
                ("GET", r"/v3/catalog/brands", self.brands),
                ("GET", r"/v3/catalog/trees/categories", self.categories),
                ("GET", r"/v3/inventory/locations", self.locations),
                ("GET", r"/v3/inventory/items", self.items),
                ("PUT", r"/v3/inventory/adjustments/absolute", self.adjust),
                ("GET", r"/v3/settings/inventory", self.inventory_settings),
                ("GET", r"/v3/hooks", self.hooks),
                ("POST", r"/v3/hooks", self.add_hook),
                ("PUT", r"/v3/hooks/(\d+)", self.change_hook),
                ("DELETE", r"/v3/hooks/(\d+)", self.drop_hook),
                ("GET", r"/v3/orders/payment_actions/refunds", self.refunds),
            )
        ]

    def route(self, method: str, path: str, params: dict[str, str], body: Any) -> Response:
        for verb, pattern, call in self.routes:
            found = pattern.fullmatch(path)
            if found and verb == method:
                return call(params, body, *(int(number) for number in found.groups()))
        raise refuse(404, "The requested resource was not found.")

    def _list(self, found: list[Any], params: dict[str, str], most: int = 250) -> Response:
        part, meta = rows.page_of(found, params, most)
        return Response.json({"data": part, "meta": meta})

    def _one(self, value: Any, status: int = 200) -> Response:
        return Response.json({"data": value, "meta": {}}, status)

    def _product(self, number: int) -> Row:
        try:
            return self.shop.products[number]
        except KeyError:
            raise refuse(404, "A product was not found with that id.") from None

    # ------------------------------------------------ products
    def products(self, params: dict[str, str], body: Any) -> Response:
        found = list(self.shop.products.values())
        if "id:in" in params:
            found = [row for row in found if row["id"] in numbers(params["id:in"])]
        if "id:greater" in params:
            found = [row for row in found if row["id"] > int(params["id:greater"])]
        if "sku" in params:
            found = [row for row in found if row["sku"].casefold() == params["sku"].casefold()]
        if "date_modified:min" in params:
            moment = instant(params["date_modified:min"])
            found = [row for row in found if row["modified"] >= (moment.timestamp() if moment else 0)]
        include = set(params.get("include", "").split(","))
        most = 10 if {"options", "modifiers"} & include else 250
        part, meta = rows.page_of(found, params, most)
        shown = [self._shown(row, params, include) for row in part]
        return Response.json({"data": shown, "meta": meta})

    def _shown(self, row: Row, params: dict[str, str], include: set[str]) -> Row:
        """Return a product with the requested fields; those that `include` names are always part of it."""
        shown = rows.product(self.shop, row, include)
        wanted = {"id", *params.get("include_fields", "").split(","), *include}
        unwanted = set(params.get("exclude_fields", "").split(",")) - {"id"}
        return {
            name: value
            for name, value in shown.items()
            if ("include_fields" not in params or name in wanted) and name not in unwanted
        }

    def product(self, params: dict[str, str], body: Any, number: int) -> Response:
        include = set(params.get("include", "").split(","))
        return self._one(self._shown(self._product(number), params, include))

    def create(self, params: dict[str, str], body: Row) -> Response:
        missing = {
            name: "The field is required" for name in ("name", "type", "weight", "price") if name not in body
        }
        if missing or "categories" not in body:
            raise refuse(422, "Required fields are missing.", missing or {"categories": "required"})
        images = body.get("images") or []
        variants = [
            {
                "sku": given["sku"],
                "options": {v["option_display_name"]: v["label"] for v in given["option_values"]},
                "quantity": given.get("inventory_level", 0),
                "price": given.get("price"),
                "sale_price": given.get("sale_price"),
                "image_url": given.get("image_url", ""),
            }
            for given in body.get("variants") or ()
        ]
        row = self.shop.add_product(
            body["name"],
            body["price"],
            sku=body.get("sku", ""),
            quantity=body.get("inventory_level", 0),
            variants=variants,
            tracking=body.get("inventory_tracking", "none"),
        )
        self._take(row, body)
        for image in images:
            self._add_image(row, image)
        return self._one(self._shown(row, params, set()))

    def _take(self, row: Row, body: Row) -> None:
        wanted = str(body.get("name") or row["name"]).casefold()
        if any(p is not row and p["name"].casefold() == wanted for p in self.shop.products.values()):
            raise refuse(409, "The product name is a duplicate", {"name": "The product name is a duplicate"})
        if float(body.get("price", 0) or 0) < 0 or float(body.get("sale_price", 0) or 0) < 0:
            raise refuse(422, "A price is out of range.", {"price": "must be 0 or more"})
        for name in (
            "name", "description", "warranty", "price", "sale_price", "weight", "categories", "is_visible", "availability",
            "inventory_tracking", "upc", "brand_id",
        ):  # fmt: skip
            if name in body:
                row[name] = body[name]
        if body.get("brand_name"):
            known = {name.casefold(): number for number, name in self.shop.brands.items()}
            number = known.get(body["brand_name"].casefold()) or self.shop.next_id("brand", 40)
            self.shop.brands.setdefault(number, body["brand_name"])
            row["brand_id"] = number
        if "custom_fields" in body:
            kept = {item["id"]: item for item in row["custom_fields"]}
            for item in body["custom_fields"]:
                number = item.get("id") or self.shop.next_id("field", 60)
                kept[number] = {"id": number, "name": item["name"], "value": item["value"]}
            row["custom_fields"] = list(kept.values())
        row["modified"] = int(self.shop.now())
        self.shop.emit("store/product/updated", {"type": "product", "id": row["id"]})

    def update(self, params: dict[str, str], body: Row, number: int) -> Response:
        row = self._product(number)
        self._take(row, body)
        return self._one(self._shown(row, params, set()))

    def assign(self, params: dict[str, str], body: list[Row]) -> Response:
        for given in body:
            row = self._product(given["product_id"])
            row["channels"] = sorted({*row.get("channels", ()), given["channel_id"]})
        return Response(204)

    def delete(self, params: dict[str, str], body: Any, number: int) -> Response:
        self._product(number)
        del self.shop.products[number]
        return Response(204)

    def update_many(self, params: dict[str, str], body: list[Row]) -> Response:
        """Save up to 10 products; where some are invalid, answer 207 and save the rest."""
        if len(body) > PRODUCTS:
            raise refuse(422, "The maximum number of products is 10.", {"": "too many"})
        saved, errors = [], {}
        for place, given in enumerate(body):
            row = self.shop.products.get(given.get("id", 0))
            if row is None:
                errors[f"{place}.id"] = f"Product {given.get('id')} was not found"
                continue
            try:
                self._take(row, given)
                saved.append(self._shown(row, params, set()))
            except Refusal as refusal:
                errors[f"{place}"] = refusal.document["title"]
        if errors and not saved:
            raise refuse(422, "No product was saved.", errors)
        if errors:
            document = {"status": 207, "title": "Some products were not saved.", "type": "", "errors": errors}
            return Response.json({"data": saved, "errors": document, "meta": {}}, 207)
        return self._one(saved)

    def images(self, params: dict[str, str], body: Any, number: int) -> Response:
        return self._list(self._product(number)["images"], params)

    def add_image(self, params: dict[str, str], body: Row, number: int) -> Response:
        return self._one(self._add_image(self._product(number), body))

    def _add_image(self, row: Row, body: Row) -> Row:
        if "image_file" in body:
            if not 0 < len(body["image_file"]) <= MOST_BYTES:
                raise refuse(422, "image_file is too large.", {"image_file": "at most 8 MB"})
            if not body["image_file"].startswith(PICTURES):
                raise refuse(422, "image_file is no picture.", {"image_file": "of a type that is taken"})
            url = f"/image/{body['filename']}"
        else:
            url = body["image_url"]
        if len(url) > 255:
            raise refuse(422, "image_url is too long.", {"image_url": "at most 255 characters"})
        image = {
            "id": self.shop.next_id("image", 80), "product_id": row["id"],
            "is_thumbnail": body.get("is_thumbnail") in (True, "true"),
            "sort_order": int(body.get("sort_order", len(row["images"]))), "description": "", "url_zoom": url, "url_standard": url,
            "url_thumbnail": url, "url_tiny": url,
        }  # fmt: skip
        if image["is_thumbnail"]:
            for other in row["images"]:
                other["is_thumbnail"] = False
        row["images"].append(image)
        row["modified"] = int(self.shop.now())
        return image

    def drop_image(self, params: dict[str, str], body: Any, number: int, image: int) -> Response:
        row = self._product(number)
        row["images"] = [one for one in row["images"] if one["id"] != image]
        return Response(204)

    # ------------------------------------------------ variants
    def options(self, params: dict[str, str], body: Any, number: int) -> Response:
        return self._list(self._product(number)["options"], params)

    def add_value(self, params: dict[str, str], body: Row, number: int, option: int) -> Response:
        row = self._product(number)
        name = next(o["display_name"] for o in row["options"] if o["id"] == option)
        value = self.shop.option_value(row, name, body["label"])
        return self._one(
            {"id": value["id"], "label": value["label"], "sort_order": body.get("sort_order", 0)}
        )

    def add_variant(self, params: dict[str, str], body: Row, number: int) -> Response:
        row = self._product(number)
        if self.shop.sku_owner(body["sku"]):
            raise refuse(409, f"The product sku is a duplicate: {body['sku']}", {"sku": "duplicate"})
        labels = {
            v["id"]: (o["display_name"], v["label"]) for o in row["options"] for v in o["option_values"]
        }
        options = dict(labels[value["id"]] for value in body["option_values"])
        variant = self.shop.add_variant(
            row,
            sku=body["sku"],
            options=options,
            price=body.get("price"),
            sale_price=body.get("sale_price"),
            image_url=body.get("image_url", ""),
        )
        return self._one(rows.variant(self.shop, row, variant))

    def drop_variant(self, params: dict[str, str], body: Any, number: int, variant: int) -> Response:
        row = self._product(number)
        if all(one["id"] != variant for one in row["variants"]):
            raise refuse(404, "A variant was not found with that id.")
        row["variants"] = [one for one in row["variants"] if one["id"] != variant]
        self.shop.stock.pop(f"1/{variant}", None)
        return Response(204)

    def variants(self, params: dict[str, str], body: Any) -> Response:
        products = list(self.shop.products.values())
        if "product_id:in" in params:
            products = [row for row in products if row["id"] in numbers(params["product_id:in"])]
        pairs = [(row, variant) for row in products for variant in row["variants"]]
        if "sku" in params:
            pairs = [pair for pair in pairs if pair[1]["sku"].casefold() == params["sku"].casefold()]
        return self._list([rows.variant(self.shop, row, variant) for row, variant in pairs], params)

    def update_variants(self, params: dict[str, str], body: list[Row]) -> Response:
        if len(body) > VARIANTS:
            return Response.json({}, 413)
        pairs = [self.shop.variant(given["id"]) for given in body]
        bad = [given["id"] for given, pair in zip(body, pairs, strict=True) if pair is None]
        if bad:
            wrong = {
                "status": 422,
                "title": f"Variant {bad[0]} was not found",
                "type": "",
                "errors": {"id": str(bad[0])},
            }
            return Response.json({"batch_errors": [wrong]}, 422)
        for given, pair in zip(body, pairs, strict=True):
            if pair is not None:
                pair[1].update({name: given[name] for name in ("price", "sale_price") if name in given})
                pair[0]["modified"] = int(self.shop.now())
        return self._list([rows.variant(self.shop, *pair) for pair in pairs if pair], {"limit": "250"})

    # ------------------------------------------------ lists
    def brands(self, params: dict[str, str], body: Any) -> Response:
        found = [{"id": number, "name": name} for number, name in sorted(self.shop.brands.items())]
        if "id:in" in params:
            found = [row for row in found if row["id"] in numbers(params["id:in"])]
        return self._list(found, params)

    def categories(self, params: dict[str, str], body: Any) -> Response:
        return self._list(list(self.shop.categories.values()), params)

    def locations(self, params: dict[str, str], body: Any) -> Response:
        found = [
            {**row, "type_id": "PHYSICAL", "managed_by_external_source": False, "storefront_visibility": True}
            for row in self.shop.locations.values()
            if "is_default" not in params or row["id"] == 1
        ]
        return self._list(found, params, 1000)

    def inventory_settings(self, params: dict[str, str], body: Any) -> Response:
        behaviour = self.shop.settings["update_stock_behavior"]
        return self._one({
            "update_stock_behavior": behaviour, "edit_order_stock_adjustment": True, "refund_order_stock_adjustment": False,
            "product_out_of_stock_behavior": "do_nothing", "option_out_of_stock_behavior": "do_nothing",
        })  # fmt: skip

    def refunds(self, params: dict[str, str], body: Any) -> Response:
        found = [{**row, "created": rows.iso(row["created"])} for row in self.shop.refunds]
        if "order_id:in" in params:
            found = [row for row in found if row["order_id"] in numbers(params["order_id:in"])]
        return self._list(found, params)

    # ------------------------------------------------ stock
    def items(self, params: dict[str, str], body: Any) -> Response:
        places = numbers(params.get("location_id:in", "")) or set(self.shop.locations)
        wanted = numbers(params.get("product_id:in", ""))
        products = [self.shop.products[n] for n in sorted(wanted) if n in self.shop.products] if wanted else list(
            self.shop.products.values()
        )  # fmt: skip
        found = [
            {
                "identity": {"sku": v["sku"], "variant_id": v["id"], "product_id": row["id"]},
                # A location that never had a figure is not listed.
                "locations": [
                    self._place(n, v["id"]) for n in sorted(places) if f"{n}/{v['id']}" in self.shop.stock
                ],
            }
            for row in products
            if row["inventory_tracking"] != "none"
            for v in row["variants"]
        ]
        return self._list(found, params, 1000)

    def _place(self, number: int, variant_id: int) -> Row:
        have, row = self.shop.stock.get(f"{number}/{variant_id}", 0), self.shop.locations[number]
        kept = self.shop.safety.get(variant_id, 0)
        return {
            "location_id": number, "location_code": row["code"], "location_name": row["label"],
            "location_enabled": row["enabled"], "available_to_sell": max(have - kept, 0), "total_inventory_onhand": have,
            "settings": {"safety_stock": kept, "is_in_stock": have > kept, "warning_level": 0, "bin_picking_number": ""},
        }  # fmt: skip

    def adjust(self, params: dict[str, str], body: Row) -> Response:
        """Change all lines or none."""
        items = body["items"]
        if not 0 < len(items) <= LINES:
            raise refuse(422, f"Between 1 and {LINES} items.", {"items": "too many"})
        moves = [self._move(item) for item in items]
        for key, quantity in moves:
            self.shop.stock[key] = quantity
        return Response.json({"transaction_id": f"t{int(time.time() * 1000)}"})

    def _move(self, item: Row) -> tuple[str, int]:
        identities = [name for name in ("variant_id", "product_id", "sku") if name in item]
        place = self.shop.locations.get(item["location_id"])
        if len(identities) != 1 or item["quantity"] < 0:
            raise refuse(422, "Each item has exactly one identity and a quantity of 0 or more.")
        if place is None or not place["enabled"]:
            raise refuse(422, f"Location {item['location_id']} does not take changes.")
        if "product_id" in item:
            row = self.shop.products.get(item["product_id"])
            if row is None or row["inventory_tracking"] != "product":
                raise refuse(422, f"Item with product_id {item['product_id']} is not tracked by product")
            return f"{item['location_id']}/{row['variants'][0]['id']}", item["quantity"]
        pair = self.shop.variant(item.get("variant_id", 0))
        if pair is None or pair[0]["inventory_tracking"] == "none":
            raise refuse(422, f"Item with variant_id {item.get('variant_id')} is not found or not tracked")
        if pair[0]["inventory_tracking"] == "product":
            raise refuse(422, MISMATCH.format(item["variant_id"]))
        return f"{item['location_id']}/{item['variant_id']}", item["quantity"]

    # ------------------------------------------------ hooks
    def hooks(self, params: dict[str, str], body: Any) -> Response:
        return self._list(list(self.shop.hooks.values()), params)

    def add_hook(self, params: dict[str, str], body: Row) -> Response:
        self._check_hook(body)
        at = int(self.shop.now())
        hook = {
            "id": self.shop.next_id("hook"), "client_id": self.client_id, "store_hash": self.store_hash,
            "scope": body["scope"], "destination": body["destination"], "headers": body.get("headers") or {},
            "is_active": body.get("is_active", True), "created_at": at, "updated_at": at,
        }  # fmt: skip
        if any(
            (h["scope"], h["destination"]) == (hook["scope"], hook["destination"])
            for h in self.shop.hooks.values()
        ):
            raise refuse(422, "This hook exists already.")
        self.shop.hooks[hook["id"]] = hook
        return self._one(hook)

    def _check_hook(self, body: Row) -> None:
        url = body["destination"]
        if self.shop.settings["strict_hooks"] and not re.match(r"https://[^/:]+(:443)?(/|$)", url):
            raise refuse(422, "The destination must be https on port 443.", {"destination": "invalid"})

    def change_hook(self, params: dict[str, str], body: Row, number: int) -> Response:
        hook = self.shop.hooks.get(number)
        if hook is None:
            raise refuse(404, "There is no such hook.")
        hook.update({name: body[name] for name in ("is_active", "headers", "destination") if name in body})
        return self._one(hook)

    def drop_hook(self, params: dict[str, str], body: Any, number: int) -> Response:
        return self._one(self.shop.hooks.pop(number, {}))
