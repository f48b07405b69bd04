# long because: the calls that write share their checks, and each is short.
"""The POST calls of `oms_connect` (CONTRACT.md §5): stock and prices, order history, products, webhooks."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from channels.connectors.opencart.sandbox import rows
from channels.connectors.opencart.sandbox.shop import Row, Shop
from channels.sandbox.refusal import Refusal

REF = re.compile(r"[A-Za-z0-9._:-]{1,64}")
MAX_QUANTITY = 2_147_483_647
EVENTS = frozenset({"order.created", "order.updated", "order.deleted"})
PLAIN = ("sku", "model", "ean", "upc", "jan", "isbn", "mpn", "minimum", "weight", "weight_unit", "tax_class_id", "subtract", "status", "stock_status_id", "category_ids")  # fmt: skip


def refuse(status: int, code: str, message: str, **more: Any) -> Refusal:
    """Return a refusal of the extension: HTTP status, code, message and further fields."""
    return Refusal(status, {"code": code, "message": message, **more})


def invalid(field: str, message: str) -> Refusal:
    return refuse(422, "invalid", message, field=field)


class Writes:
    """The POST calls on a shop."""

    CALLS: ClassVar[frozenset[str]] = frozenset(
        {"stock_price", "order_history", "product_create", "product_update", "product_delete", "webhook_set"}
    )

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.base_url = ""

    def carry_out(self, call: str, body: Row, base_url: str) -> Any:
        self.base_url = base_url
        return getattr(self, call)(body)

    # ------------------------------------------------ batches
    def stock_price(self, body: Row) -> list[Row]:
        return self._each(body, self._stock_price)

    def order_history(self, body: Row) -> list[Row]:
        return self._each(body, self._order_history)

    def _each(self, body: Row, work: Callable[[Row], Row]) -> list[Row]:
        items = body.get("items")
        if not isinstance(items, list) or not 1 <= len(items) <= 100:
            raise refuse(400, "bad_param", "items is a list of 1 to 100.", field="items")
        return [self._one(item, work) for item in items]

    @staticmethod
    def _one(item: Any, work: Callable[[Row], Row]) -> Row:
        ref = item.get("ref") if isinstance(item, dict) else None
        if not isinstance(ref, str) or not REF.fullmatch(ref):
            return {"ref": None, "ok": False, "error": invalid("ref", "Each item needs a ref.").document}
        try:
            return {"ref": ref, "ok": True, **work(item)}
        except Refusal as refusal:
            return {"ref": ref, "ok": False, "error": refusal.document}

    def _stock_price(self, item: Row) -> Row:
        if not {"quantity", "price", "special"} & set(item):
            raise invalid("quantity", "Give a quantity, a price or a special.")
        product = self._product(item.get("product_id"))
        kind = self.shop.kind(product)
        value = self._value(product, kind, item.get("option_value_id"))
        quantity = _quantity(item["quantity"]) if "quantity" in item else None
        price = _money(item["price"], "price") if "price" in item else None
        if quantity is not None and value is None and kind in ("options", "variants", "complex"):
            raise invalid("quantity", f"The quantity of a product of kind {kind} cannot be set.")
        if "special" in item and value is not None:
            raise invalid("special", "A special belongs to the product, not to an option value.")
        special = _special(item["special"]) if item.get("special") is not None else None
        if quantity is not None:
            self.shop.set_quantity(product, quantity, value)
        if price is not None and value is not None:
            value["difference"] = f"{Decimal(price) - Decimal(product['price']):.4f}"
        elif price is not None:
            product["price"] = price
        if "special" in item:
            product.update(special or {"special": None, "special_from": None, "special_to": None})
        self.shop.touch(product)
        return {}

    def _order_history(self, item: Row) -> Row:
        known = self.shop.refs.get(f"history:{item['ref']}")
        if known:
            return {**known, "duplicate": True}
        order = self.shop.orders.get(_number(item.get("order_id"), "order_id"))
        if order is None or not order["status_id"]:
            raise refuse(404, "no_such_order", f"No order has id {item.get('order_id')}.", field="order_id")
        expected = item.get("expect_status_ids")
        if expected is not None and order["status_id"] not in expected:
            message = f"The order has status {order['status_id']}."
            raise refuse(409, "status_conflict", message, status_id=order["status_id"])
        status_id = _number(item.get("order_status_id"), "order_status_id")
        if status_id not in self.shop.statuses:
            raise invalid("order_status_id", f"The shop has no order status {status_id}.")
        entry = self.shop.add_history(
            order,
            status_id,
            comment=_comment(item),
            notify=bool(item.get("notify")),
            ref=item["ref"],
            is_quiet=True,
        )
        answer = {
            "order_id": order["order_id"], "status_id": status_id, "order_history_id": entry["order_history_id"],
            "mail_failed": False, "duplicate": False,
        }  # fmt: skip
        self.shop.refs[f"history:{item['ref']}"] = answer
        return answer

    # ------------------------------------------------ products
    def product_create(self, body: Row) -> Row:
        ref = body.get("ref")
        if not isinstance(ref, str) or not REF.fullmatch(ref):
            raise invalid("ref", "ref is required.")
        known = self.shop.refs.get(f"product:{ref}")
        if known and int(known["product_id"]) in self.shop.products:
            return {**known, "duplicate": True}
        name, children = _text(body.get("name")), body.get("children") or []
        if not name:
            raise invalid("name", "The product needs a name.")
        if not body.get("sku") and not body.get("model"):
            raise invalid("model", "The product needs a model or a SKU.")
        self._check_children(children)
        prices = [_money(child["price"], "price") for child in children if "price" in child]
        price = min(prices, key=Decimal) if prices else _money(body.get("price"), "price")
        for sku in [body.get("sku"), *(child.get("sku") for child in children)]:
            self._check_free(sku)
        product = self.shop.add_product(name, price, quantity=_quantity(body.get("quantity", 0)))
        self._apply(product, body)
        product["model"] = product["model"] or product["sku"]
        self._apply_children(product, children)
        answer = {"product_id": product["product_id"], "duplicate": False, "warnings": [], "children": []}
        if children:
            shown = rows.children(self.shop, product, "options", self.base_url)
            names = (
                "key",
                "option_id",
                "option_value_id",
                "product_option_id",
                "product_option_value_id",
                "sku",
            )
            answer["children"] = [{name: child[name] for name in names} for child in shown]
        self.shop.refs[f"product:{ref}"] = answer
        return answer

    def product_update(self, body: Row) -> Row:
        product = self._product(body.get("product_id"))
        kind = self.shop.kind(product)
        if body.get("kind", kind) != kind:
            raise invalid("kind", "The kind of a product cannot be changed.")
        if "sku" in body:
            self._check_free(body["sku"], but=product["product_id"])
        if "quantity" in body:
            if kind != "simple":
                raise invalid("quantity", f"The quantity of a product of kind {kind} cannot be set.")
            self.shop.set_quantity(product, _quantity(body["quantity"]))
        if "price" in body:
            product["price"] = _money(body["price"], "price")
        self._apply(product, body)
        for child in body.get("children") or []:
            self._check_free(child.get("sku"), but=product["product_id"])
        self._apply_children(product, body.get("children") or [])
        self.shop.touch(product)
        return rows.product_row(self.shop, product, self.base_url)

    def product_delete(self, body: Row) -> Row:
        product = self._product(body.get("product_id"))
        return {"deleted": self.shop.delete_product(product["product_id"])}

    def _apply(self, product: Row, body: Row) -> None:
        """The fields that are simply stored; text goes in escaped."""
        product.update({name: body[name] for name in PLAIN if name in body})
        for name in ("name", "description"):
            if name in body:
                product[name] = html.escape(_text(body[name]), quote=True)
        if "special" in body:
            special = body["special"]
            product["special"] = None if special is None else _money(special, "special")
            product["special_from"], product["special_to"] = body.get("special_from"), body.get("special_to")
        if body.get("manufacturer"):
            product["manufacturer"] = self._manufacturer(body["manufacturer"])
        if "attributes" in body:
            known = self.shop.attributes
            if any(item.get("attribute_id") not in known for item in body["attributes"]):
                raise invalid("attributes", "The shop has no such attribute.")
            product["attributes"] = [
                {"attribute_id": i["attribute_id"], "text": html.escape(i["text"])}
                for i in body["attributes"]
            ]
        if "image" in body:
            product["image"] = self._stored(body["image"])
        if "images" in body:
            product["images"] = [self._stored(url) for url in body["images"]]

    def _stored(self, url: str | None) -> str:
        return (url or "").removeprefix(f"{self.base_url}/image/")

    def _manufacturer(self, given: Row) -> Row:
        for product in self.shop.products.values():
            maker: Row | None = product["manufacturer"]
            if maker and (
                maker["id"] == given.get("id")
                or maker["name"].casefold() == str(given.get("name", "")).casefold()
            ):
                return maker
        return {"id": self.shop.next_id("manufacturer"), "name": _text(given.get("name"))}

    @staticmethod
    def _check_children(children: list[Row]) -> None:
        labels = {tuple(child.get("label") or {}) for child in children}
        if children and (len(children) > 100 or len(labels) != 1 or len(next(iter(labels))) != 1):
            raise invalid("children", "All children need exactly one option, the same for all.")

    def _apply_children(self, product: Row, children: list[Row]) -> None:
        if not children:
            return
        [name] = children[0].get("label") or {"": ""}
        taken = self.shop.counted_option(product) or self.shop.add_option(product, name)
        for number, child in enumerate(children):
            if not isinstance(child, dict):
                raise invalid(f"children.{number}", "A child is an object.")
            value = self._find_value(product, taken, child, number)
            if "quantity" in child:
                self.shop.set_quantity(
                    product, _quantity(child["quantity"], f"children.{number}.quantity"), value
                )
            if "sku" in child:
                value["sku"] = _text(child["sku"])
            if "price" in child:
                value["difference"] = (
                    f"{Decimal(_money(child['price'], 'price')) - Decimal(product['price']):.4f}"
                )

    def _find_value(self, product: Row, taken: Row, child: Row, number: int) -> Row:
        option = self.shop.options[taken["option_id"]]
        label = next(iter((child.get("label") or {}).values()), "")
        for value in taken["values"]:
            is_named = option["values"][value["option_value_id"]].casefold() == label.casefold()
            if value["option_value_id"] == child.get("option_value_id") or (label and is_named):
                found: Row = value
                return found
        if not label:
            raise invalid(f"children.{number}.option_value_id", "The product has no such option value.")
        return self.shop.add_value(product, taken, label, 0)

    def _check_free(self, sku: str | None, *, but: int = 0) -> None:
        """Refuse a SKU that another product, variant or option value of the shop has."""
        if not sku:
            return
        for product in self.shop.products.values():
            skus = {product["sku"].casefold()}
            for option in product["options"]:
                skus |= {value["sku"].casefold() for value in option["values"]}
            if sku.casefold() in skus and product["product_id"] != but:
                message = f"The SKU {sku} is taken."
                raise refuse(409, "duplicate_sku", message, field="sku", product_id=product["product_id"])

    def _product(self, product_id: Any) -> Row:
        product = self.shop.products.get(_number(product_id, "product_id"))
        if product is None:
            raise refuse(404, "no_such_product", f"No product has id {product_id}.", field="product_id")
        return product

    def _value(self, product: Row, kind: str, option_value_id: Any) -> Row | None:
        if option_value_id is None:
            return None
        option = self.shop.counted_option(product) if kind == "options" else None
        for value in option["values"] if option else ():
            if value["option_value_id"] == _number(option_value_id, "option_value_id"):
                found: Row = value
                return found
        raise refuse(
            404,
            "no_such_product",
            f"The product has no option value {option_value_id}.",
            field="option_value_id",
        )

    # ------------------------------------------------ webhooks
    def webhook_set(self, body: Row) -> Row:
        url, events, secret = _text(body.get("url")), body.get("events"), _text(body.get("secret"))
        if not url.startswith(("http://", "https://")):
            raise invalid("url", "url must be a web address.")
        if not isinstance(events, list) or not set(events) <= EVENTS:
            raise invalid("events", "Unknown event.")
        hooks = self.shop.webhooks
        hook = next((row for row in hooks.values() if row["url"] == url), None)
        if not events:
            if hook:
                del hooks[hook["id"]]
            return {"id": hook["id"] if hook else 0, "url": url, "events": []}
        if not 16 <= len(secret) <= 255:
            raise invalid("secret", "secret is 16 to 255 characters.")
        if hook is None:
            if len(hooks) >= 5:
                raise invalid("url", "At most 5 addresses.")
            hook = {"id": self.shop.next_id("webhook"), "url": url}
            hooks[hook["id"]] = hook
        hook.update(events=events, secret=secret)
        return {"id": hook["id"], "url": url, "events": events}


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _number(value: Any, field: str) -> int:
    if isinstance(value, bool) or not str(value).isdigit():
        raise invalid(field, f"{field} must be a whole number.")
    return int(value)


def _quantity(value: Any, field: str = "quantity") -> int:
    if isinstance(value, bool) or not str(value).isdigit() or int(value) > MAX_QUANTITY:
        raise invalid(field, "Quantity must be a whole number, 0 or more.")
    return int(value)


def _money(value: Any, field: str) -> str:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise invalid(field, f"{field} must be an amount.") from None
    if not amount.is_finite() or amount < 0 or amount != amount.quantize(Decimal("0.0001")):
        raise invalid(field, f"{field} must be 0 or more with at most 4 decimals.")
    return f"{amount:.4f}"


def _special(given: Any) -> Row:
    if not isinstance(given, dict):
        raise invalid("special", "special is null or an object.")
    return {
        "special": _money(given.get("price"), "special"),
        "special_from": given.get("date_from"),
        "special_to": given.get("date_to"),
    }


def _comment(item: Row) -> str:
    tracking = item.get("tracking") or {}
    lines = [_text(item.get("comment"))]
    lines += [f"Carrier: {tracking['carrier']}"] if tracking.get("carrier") else []
    lines += [f"Tracking number: {tracking['number']}"] if tracking.get("number") else []
    lines += [tracking["url"]] if tracking.get("url") else []
    return "\n".join(line for line in lines if line)
