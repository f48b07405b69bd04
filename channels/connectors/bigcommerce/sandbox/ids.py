"""Controls by which what a store has an id for vanishes, comes back, gets a new id, or is merged (docs/remote-ids.md)."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from channels.connectors.bigcommerce.sandbox.shop import Row, Shop
from channels.sandbox.server import Sandbox, SandboxError, control


class IdControls(Sandbox):
    """Mixin of the sandbox. A deleted row is kept in `deleted`, so that it can come back."""

    shop: Shop

    # ------------------------------------------------ orders
    @control
    def delete_order(self, order_id: int | str) -> Row:
        """Archive an order, as in the control panel: the API does not show it any more."""
        order = self._row("order", self.shop.orders, order_id)
        self.deleted["order", str(order_id)] = self.shop.orders.pop(order["id"])
        self.shop.emit("store/order/archived", {"type": "order", "id": order["id"]})
        self.touch()
        return {"deleted": order["id"]}

    @control
    def restore_order(self, order_id: int | str) -> Row:
        """Bring an archived order back, as in the control panel."""
        order = self._kept("order", order_id)
        self.shop.orders[order["id"]] = order
        self._changed(order)
        return {"order_id": order["id"]}

    @control
    def recreate_order(self, order_id: int | str) -> Row:
        """Archive an order and make it again: the order, its addresses and its lines get new ids."""
        self.delete_order(order_id)
        old = deepcopy(self._kept("order", order_id))
        places = {place["id"]: self.shop.next_id("address", 300) for place in old["addresses"]}
        for place in old["addresses"]:
            place["id"] = places[place["id"]]
        for line in old["lines"]:
            line["id"] = self.shop.next_id("line", 2000)
            line["order_address_id"] = places.get(line["order_address_id"], 0)
        old["id"] = self.shop.next_id("order", 100)
        self.shop.orders[old["id"]] = old
        old["modified"] = int(self.shop.now())
        self.shop.emit("store/order/created", {"type": "order", "id": old["id"]})
        self.touch()
        return {"order_id": old["id"]}

    # ------------------------------------------------ lines
    @control
    def renumber_lines(self, order_id: int | str) -> Row:
        """Save the goods of an order again: its lines get new ids."""
        order = self._row("order", self.shop.orders, order_id)
        self._edit(order, order["lines"])
        return {"lines": [line["id"] for line in order["lines"]]}

    @control
    def delete_line(self, order_id: int | str, position: int = 0) -> Row:
        """Remove a line of an order in the control panel."""
        order = self._row("order", self.shop.orders, order_id)
        lines = list(order["lines"])
        self.deleted["line", str(order_id)] = lines.pop(int(position))
        self._edit(order, lines, keep=True)
        return {"lines": len(lines)}

    @control
    def restore_line(self, order_id: int | str) -> Row:
        """Add the line again that was removed last; it gets a new id."""
        order = self._row("order", self.shop.orders, order_id)
        back = {**self._kept("line", order_id), "id": self.shop.next_id("line", 2000)}
        self._edit(order, [*order["lines"], back], keep=True)
        return {"lines": len(order["lines"])}

    @control
    def merge_lines(self, order_id: int | str) -> Row:
        """Make one line of the lines of the same variant."""
        order = self._row("order", self.shop.orders, order_id)
        merged: dict[int, Row] = {}
        for line in order["lines"]:
            if line["variant_id"] in merged:
                merged[line["variant_id"]]["quantity"] += line["quantity"]
            else:
                merged[line["variant_id"]] = dict(line)
        self._edit(order, list(merged.values()), keep=True)
        return {"lines": len(merged)}

    # ------------------------------------------------ products
    @control
    def delete_product(self, product_id: int | str) -> Row:
        """Delete a product with its variants."""
        row = self._row("product", self.shop.products, product_id)
        self.deleted["product", str(product_id)] = self.shop.products.pop(row["id"])
        self.shop.emit("store/product/deleted", {"type": "product", "id": row["id"]})
        self.touch()
        return {"deleted": row["id"]}

    @control
    def restore_product(self, product_id: int | str) -> Row:
        """Bring a deleted product back with its ids, as from a copy."""
        row = self._kept("product", product_id)
        self.shop.products[row["id"]] = row
        self._saved(row)
        return {"id": row["id"]}

    @control
    def recreate_product(self, product_id: int | str) -> Row:
        """Delete a product and make it again: product and variants get new ids, the SKUs stay."""
        self.delete_product(product_id)
        row = self._kept("product", product_id)
        row["id"] = self.shop.next_id("product", 100)
        self.shop.products[row["id"]] = row
        self._renumber(row, row["variants"])
        return {"id": row["id"]}

    @control
    def merge_products(self, product_id: int | str, into: int | str) -> Row:
        """Delete a product and sell it as a variant of the other one, with its SKU and its stock."""
        target = self._row("product", self.shop.products, into)
        self.delete_product(product_id)
        lost = self._kept("product", product_id)
        if target["base_variant_id"]:  # a single product becomes a group: its only variant is replaced
            own = target["variants"].pop()
            units = self.shop.stock.get(f"1/{own['id']}", 0)
            self.shop.add_variant(target, sku=own["sku"], options={"Style": "First"}, quantity=units)
            target |= {"base_variant_id": None, "inventory_tracking": "variant"}
        name = target["options"][0]["display_name"]
        for variant in lost["variants"]:
            units = self.shop.stock.get(f"1/{variant['id']}", 0)
            self.shop.add_variant(
                target, sku=variant["sku"], options={name: lost["name"]}, quantity=units, price=lost["price"]
            )
        self._saved(target)
        return {"id": target["id"]}

    # ------------------------------------------------ variants and options
    @control
    def delete_variant(self, sku: str) -> Row:
        """Delete a variant of a product."""
        product, variant = self._variant_of(sku)
        product["variants"].remove(variant)
        self.deleted["variant", sku] = (product["id"], variant)
        self._saved(product)
        return {"deleted": sku}

    @control
    def restore_variant(self, sku: str) -> Row:
        """Bring a deleted variant back with its id."""
        product_id, variant = self._kept("variant", sku)
        product = self._row("product", self.shop.products, product_id)
        product["variants"].append(variant)
        self._saved(product)
        return {"sku": sku}

    @control
    def recreate_variant(self, sku: str) -> Row:
        """Delete a variant and make it again with a new id; its SKU stays."""
        product, variant = self._variant_of(sku)
        self._renumber(product, [variant])
        return {"id": variant["id"]}

    @control
    def merge_variants(self, sku: str, into: str) -> Row:
        """Delete a variant and add its stock to another one of the product."""
        product, variant = self._variant_of(sku)
        other = self._variant_of(into)[1]
        product["variants"].remove(variant)
        self.shop.stock[f"1/{other['id']}"] += self.shop.stock.pop(f"1/{variant['id']}", 0)
        self._saved(product)
        return {"quantity": self.shop.stock[f"1/{other['id']}"]}

    @control
    def recreate_option(self, product_id: int | str) -> Row:
        """Delete a product's option and make it again: option, values and variants get new ids."""
        product = self._row("product", self.shop.products, product_id)
        if not product["options"]:
            raise SandboxError(f"The product {product_id} has no option.")
        option = product["options"][0]
        old, option["id"] = option["id"], self.shop.next_id("option", 500)
        values = {value["id"]: self.shop.next_id("value", 700) for value in option["option_values"]}
        for value in option["option_values"]:
            value["id"] = values[value["id"]]
        for variant in product["variants"]:
            for chosen in variant["option_values"]:
                if chosen["option_id"] == old:
                    chosen |= {"id": values[chosen["id"]], "option_id": option["id"]}
        self._renumber(product, product["variants"])
        return {"id": option["id"]}

    # ------------------------------------------------ helpers
    def _row(self, kind: str, table: dict[int, Row], number: int | str) -> Row:
        try:
            return table[int(number)]
        except (KeyError, ValueError):
            raise SandboxError(f"There is no {kind} {number}.") from None

    def _changed(self, order: Row) -> None:
        order["modified"] = int(self.shop.now())
        self.shop.emit("store/order/updated", {"type": "order", "id": order["id"]})
        self.touch()

    def _edit(self, order: Row, lines: list[Row], *, keep: bool = False) -> None:
        """Save an order with these lines; its stock follows. Without `keep` all lines get new ids."""
        if order["took_stock"]:
            for line in order["lines"]:
                self.shop.move(line, 1)
        order["lines"] = [
            dict(line) if keep else {**line, "id": self.shop.next_id("line", 2000)} for line in lines
        ]
        if order["took_stock"]:
            for line in order["lines"]:
                self.shop.move(line, -1)
        self._changed(order)

    def _renumber(self, product: Row, variants: Iterable[Row]) -> None:
        for variant in list(variants):
            old, variant["id"] = variant["id"], self.shop.next_id("variant", 1000)
            variant["product_id"] = product["id"]
            self.shop.stock[f"1/{variant['id']}"] = self.shop.stock.pop(f"1/{old}", 0)
            self.shop.owners[variant["id"]] = product["id"]
            if product["base_variant_id"] == old:
                product["base_variant_id"] = variant["id"]
        self._saved(product)

    def _saved(self, product: Row) -> None:
        product["modified"] = int(self.shop.now())
        self.shop.emit("store/product/updated", {"type": "product", "id": product["id"]})
        self.touch()

    def _variant_of(self, sku: str) -> tuple[Row, Row]:
        product: Any = self.shop.sku_owner(sku)
        if product is None:
            raise SandboxError(f"There is no variant with the SKU {sku}.")
        return product, next(row for row in product["variants"] if row["sku"] == sku)
