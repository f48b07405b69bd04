"""The calls of the API: what each returns and changes, and what OnBuy refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from channels.connectors.onbuy.sandbox.market import LABELS, PROVIDERS, SLUGS, Market, Row
from channels.connectors.onbuy.sandbox.reference import Reference, refuse
from channels.sandbox.refusal import Refusal
from channels.sandbox.server import Request

SITE = 2000
FILTER = re.compile(r"filter\[(\w+)\]")
SORT = re.compile(r"sort\[(\w+)\]")


class Calls(Reference):
    """The calls by method and path."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._cache: tuple[Any, list[Row]] = (None, [])

    def answer(self, request: Request, path: str) -> tuple[Any, bool]:
        """Return the document for a call, and whether the call changed anything."""
        for method, pattern, function, *fields in self._routes():
            found = re.fullmatch(pattern, path) if method == request.method else None
            if found is None:
                continue
            if method == "GET":
                self._check_query(request, set(fields))
                return function(request, *found.groups()), False
            return function(self._body(request), *found.groups()), True
        if path.strip("/").partition("/")[0] in ("disputes", "cases", "returns", "refunds", "messages"):
            raise refuse(403, "Access denied", "forbidden")
        raise refuse(404, "Not found", "notFound")

    def _routes(self) -> Iterable[tuple[Any, ...]]:
        yield "GET", "/orders", self.orders, "status", "order_ids", "modified_since", "previously_exported"
        yield "GET", "/listings", self.listings, "sku", "opc", "condition", "in_stock"
        yield "PUT", "/listings/by-sku", self.update_listings
        yield "GET", "/orders/tracking-providers", self.providers
        yield "GET", r"/orders/([A-Z0-9]+)", self.order
        yield "PUT", "/orders/dispatch", self.dispatch
        yield "PUT", "/orders/cancel", self.cancel
        yield "POST", "/listings", self.create_listings
        yield "POST", "/products", self.create_products
        yield "PUT", "/products", self.update_products
        yield "GET", "/products", self.search, "query", "field", "category_id"
        yield "GET", "/queues", self.queues, "queue_ids", "status"
        yield "GET", r"/queues/([0-9a-f]+)", self.queue
        yield (
            "GET", "/categories", self.categories, "onbuy_category_id", "category_type_id", "name", "can_list_in",
            "seller_approved_for_refurbished", "search",
        )  # fmt: skip
        yield "GET", r"/categories/(\d+)/features", self.features
        yield "GET", r"/categories/(\d+)/technical-details", self.details
        yield "GET", "/brands", self.brands, "name"
        yield "GET", "/carriers", self.carriers, "name"
        yield "GET", "/sellers/entities", self.entities
        yield "GET", "/sellers/deliveries", self.deliveries
        yield "GET", r"/sellers/(\d+)", self.seller

    # ------------------------------------------------ checks
    def _check_query(self, request: Request, filters: set[str]) -> None:
        for name, _value in request.query:
            wanted, sorting = FILTER.fullmatch(name), SORT.fullmatch(name)
            if wanted and wanted[1] not in filters:
                raise refuse(400, f"Invalid filter: {wanted[1]}")
            if sorting and sorting[1] not in ("created", "modified", "last_created", "name"):
                raise refuse(400, f"Invalid sort field: {sorting[1]}")
        needs_site = (
            not request.path.endswith(("/brands", "/sellers/entities")) and "/sellers/" not in request.path
        )
        if (
            needs_site
            and "site_id" not in request.params
            and not re.search(r"/orders/[A-Z0-9]+$", request.path)
        ):
            raise refuse(400, "site_id is required")

    @staticmethod
    def _body(request: Request) -> Row:
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise refuse(400, "Content-Type must be application/json")
        try:
            body = json.loads(request.body)
        except ValueError:
            raise refuse(400, "The body is not JSON") from None
        if not isinstance(body, dict) or body.get("site_id") != SITE:
            raise refuse(400, "site_id is required")
        return body

    def _filtered(self, request: Request, make: Callable[[], list[Row]]) -> list[Row]:
        """Return the rows of a list, which are made once for all its pages until something changes."""
        query = tuple(pair for pair in request.query if pair[0] not in ("limit", "offset"))
        mark = (request.path, query, len(self.market.orders), len(self.market.listings), self.changes)
        if self._cache[0] != mark:
            self._cache = (mark, make())
        return self._cache[1]

    @property
    def changes(self) -> str:
        """Return a text that is another one after each new row."""
        return json.dumps(self.market.counters, sort_keys=True)

    def forget(self) -> None:
        self._cache = (None, [])

    # ------------------------------------------------ products and queue
    def search(self, request: Request) -> Row:
        wanted = request.params.get("filter[query]", "").casefold()
        field = request.params.get("filter[field]", "name")
        rows = []
        for row in self.market.products.values():
            texts = row["product_codes"] if field == "product_code" else [row.get(field, "")]
            if any(wanted in str(text).casefold() for text in texts):
                rows.append(
                    {key: row[key] for key in ("opc", "name", "url", "thumbnail_url", "product_codes")}
                )
        return self._list(request, rows)

    def create_products(self, body: Row) -> Row:
        if not self.market.settings["may_create"]:
            raise refuse(403, "Product creation is not enabled for this account", "forbidden")
        if "products" not in body:
            self._check_product(body)
            return {
                "success": True,
                "queue_id": self.market.enqueue(str(body.get("uid", "")), body)["queue_id"],
            }
        results = []
        if self.market.settings["refuses_whole"]:
            for product in body["products"]:
                self._check_product(product)
        for product in body["products"]:
            try:
                self._check_product(product)
            except Refusal as error:
                results.append(
                    {
                        "success": False,
                        "uid": product.get("uid"),
                        "message": error.document["error"]["message"],
                    }
                )
                continue
            entry = self.market.enqueue(str(product["uid"]), product)
            results.append({"success": True, "uid": product["uid"], "queue_id": entry["queue_id"]})
        return {"success": True, "results": results}

    def _check_product(self, body: Row) -> None:
        for field in ("category_id", "product_name", "description", "brand_name"):
            if not body.get(field):
                raise refuse(400, f"{field} is required")
        category = self.market.categories.get(str(body["category_id"]))
        if category is None or not category["can_list_in"]:
            raise refuse(400, "Category is not listable")
        if len(body["product_name"]) > 150:
            raise refuse(400, "product_name is too long")
        chosen = {feature["option_id"] for feature in body.get("features") or ()}
        for feature in self.market.features.get(str(body["category_id"]), {"rows": []})["rows"]:
            options = {option["option_id"] for option in feature["options"]}
            if feature["required"] and not chosen & options:
                raise refuse(400, f"Feature {feature['name']} is required for this category")

    def update_products(self, body: Row) -> Row:
        results = []
        for product in body.get("products") or ():
            entry = self.market.enqueue(str(product.get("uid", "")), product, product["opc"])
            results.append({"success": True, "uid": product.get("uid", ""), "queue_id": entry["queue_id"]})
        return {"success": True, "results": results}

    def queues(self, request: Request) -> Row:
        ids = request.params.get("filter[queue_ids]")
        rows = [self._entry(entry) for entry in reversed(self.market.queues.values())]
        if ids and self.market.settings["filters_queue_ids"]:
            rows = [row for row in rows if row["queue_id"] in ids.split(",")]
        return self._list(request, rows)

    def queue(self, request: Request, queue_id: str) -> Row:
        if queue_id not in self.market.queues:
            raise refuse(404, "Not found", "notFound")
        return {"results": self._entry(self.market.queues[queue_id])}

    @staticmethod
    def _entry(entry: Row) -> Row:
        return {key: value for key, value in entry.items() if key not in ("at", "product", "update")}

    # ------------------------------------------------ listings
    def listings(self, request: Request) -> Row:
        params, now = request.params, self.market.clock()
        rows = [row for row in self.market.listings.values() if row.get("known_at", 0) <= now]
        if "filter[sku]" in params:
            rows = [row for row in rows if row["sku"] == params["filter[sku]"]]
        if "filter[opc]" in params:
            rows = [row for row in rows if row["opc"] == params["filter[opc]"]]
        page = self._list(request, rows)
        page["results"] = [self.market.shown(row) for row in page["results"]]
        return page

    def create_listings(self, body: Row) -> Row:
        results = []
        for item in body.get("listings") or ():
            product = self.market.products.get(item.get("opc", ""))
            answer = {"opc": item.get("opc"), "sku": item.get("sku"), "condition": item.get("condition")}
            if product is None:
                results.append({**answer, "success": False, "message": "Product not found"})
            elif item["sku"] in self.market.by_sku:
                results.append({**answer, "success": False, "message": "Listing already exists"})
            else:
                known = self.market.clock() + self.market.settings["listing_seconds"]
                row = self.market.add_listing(
                    product, item["sku"], group_sku=item.get("group_sku"), known_at=known
                )
                results.append(
                    {
                        **answer,
                        "success": True,
                        "created": True,
                        "product_listing_id": str(row["product_listing_id"]),
                    }
                )
        return {"success": True, "results": results}

    def update_listings(self, body: Row) -> Row:
        """Change each SKU separately; fields that are left out do not change."""
        items = body.get("listings") or []
        if not 1 <= len(items) <= 1000:
            raise refuse(400, "Between 1 and 1000 listings per request")
        results = []
        for item in items:
            row = self.market.listing(item["sku"])
            if row is None:
                results.append({"sku": item["sku"], "error": "SKU does not exist"})
                continue
            if row.get("suspended_reason"):
                results.append(
                    {"sku": item["sku"], "error": "This listing is suspended and cannot be edited"}
                )
                continue
            if item.get("sale_price") and item["sale_price"] >= item.get("price", float(row["price"])):
                results.append({"sku": item["sku"], "error": "The sale price must be below the price"})
                continue
            names = ("price", "sale_price")
            changed: Row = {name: f"{item[name]:.2f}" for name in names if item.get(name) is not None}
            for field in ("stock", "sale_start_date", "sale_end_date", "handling_time", "group_sku"):
                if field in item:
                    changed[field] = item[field]
            self.market.change(row, **changed, updated_at=self.market.stamp())
            results.append(
                {
                    "sku": row["sku"],
                    "price": row["price"],
                    "stock": row["stock"],
                    "product_listing_id": str(row["product_listing_id"]),
                }
            )
        return {"success": True, "results": results}

    # ------------------------------------------------ orders
    def orders(self, request: Request) -> Row:
        params = request.params
        status = params.get("filter[status]", "awaiting_dispatch")
        if status != "all" and status not in LABELS:
            raise refuse(400, f"Invalid status: {status}")

        def make() -> list[Row]:
            rows = list(self.market.orders.values())
            if status != "all":
                rows = [row for row in rows if row["status"] == LABELS[status]]
            if ids := params.get("filter[order_ids]"):
                rows = [row for row in rows if row["order_id"] in ids.split(",")]
            if since := params.get("filter[modified_since]"):
                rows = [row for row in rows if row["updated_at"] >= since]
                if self.market.settings["since_leaves_out"]:
                    rows = [row for row in rows if row["updated_at"] != since]
            field = "date" if "sort[created]" in params else "updated_at"
            order = params.get("sort[created]", params.get("sort[modified]", "desc"))
            return sorted(rows, key=lambda row: (row[field], row["order_id"]), reverse=order == "desc")

        return self._list(
            request, make() if len(self.market.orders) < 2000 else self._filtered(request, make)
        )

    def order(self, request: Request, order_id: str) -> Row:
        if order_id not in self.market.orders:
            raise refuse(404, "Not found", "notFound")
        return {"results": self.market.orders[order_id]}

    def dispatch(self, body: Row) -> Row:
        return self._each(body, self._dispatch)

    def _dispatch(self, order: Row, item: Mapping[str, Any]) -> str:
        tracking = self._tracking(item.get("tracking"))
        slug = SLUGS[order["status"]]
        if slug == "dispatched" and tracking and self.market.settings["takes_late_tracking"]:
            order |= {"tracking": tracking, "updated_at": self.market.stamp()}
            return ""
        if slug not in ("awaiting_dispatch", "partially_dispatched"):
            return f"Order cannot be dispatched, its status is {order['status']}"
        units: dict[int, int] = {}
        lines = order["products"]
        for product in item.get("products") or ():
            line = next(
                (
                    each
                    for each in lines
                    if each["onbuy_internal_reference"] == product.get("onbuy_internal_reference")
                    or each["sku"] == product.get("sku")
                    or each["opc"] == product.get("opc")
                ),
                None,
            )
            if line is None:
                return "Product not found in order"
            if line["quantity_dispatched"] + product["quantity"] > line["quantity"]:
                return "Quantity is greater than the quantity to dispatch"
            units[line["onbuy_internal_reference"]] = product["quantity"]
        if "products" not in item:
            units = {
                line["onbuy_internal_reference"]: line["quantity"] - line["quantity_dispatched"]
                for line in lines
            }
        self.market.dispatch(order, units, tracking)
        return ""

    @staticmethod
    def _tracking(given: Mapping[str, Any] | None) -> Row | None:
        if not given:
            return None
        if given.get("tracking_id") == 16 and not given.get("url"):
            raise refuse(400, "tracking url is required for this provider")
        name = given.get("supplier_name") or dict(PROVIDERS).get(given.get("tracking_id", 0), "Other")
        return {
            "tracking_number": given["number"],
            "supplier_name": name,
            "tracking_url": given.get("url", ""),
        }

    def cancel(self, body: Row) -> Row:
        return self._each(body, self._cancel)

    def _cancel(self, order: Row, item: Mapping[str, Any]) -> str:
        if item.get("order_cancellation_reason_id") not in (1, 2, 3, 4, 5):
            return "Invalid cancellation reason"
        if item["order_cancellation_reason_id"] == 5 and not item.get("cancel_order_additional_info"):
            return "Additional info is required"
        if SLUGS[order["status"]] != "awaiting_dispatch":
            return f"Order cannot be cancelled, its status is {order['status']}"
        if self.market.settings["confirms_cancel"]:
            self.market.set_status(order, "cancelled_by_seller")
        return ""

    def _each(self, body: Row, act: Callable[[Row, Mapping[str, Any]], str]) -> Row:
        """Return one answer for each order, in HTTP 200."""
        self.forget()
        results: Row = {}
        for item in body.get("orders") or ():
            order = self.market.orders.get(str(item.get("order_id")))
            error = "Order not found" if order is None else act(order, item)
            results[str(item.get("order_id"))] = (
                {"success": False, "message": error} if error else {"success": True}
            )
        return {"success": True, "results": results}
