"""Controls by which what a shop has an id for vanishes, comes back, gets a new id, or is merged (docs/remote-ids.md)."""

from __future__ import annotations

import html
from copy import deepcopy

from channels.connectors.opencart.sandbox import rows
from channels.connectors.opencart.sandbox.shop import Row, Shop
from channels.sandbox.server import Sandbox, SandboxError, control

_VOIDED = 16


class IdControls(Sandbox):
    """Mixin of the sandbox. A deleted row is kept in `deleted`, so that it can come back."""

    shop: Shop

    # ------------------------------------------------ orders
    @control
    def delete_order(self, order_id: int | str) -> Row:
        """Delete an order, as in the shop's admin; its units return to the stock."""
        order = self._row("order", self.shop.orders, order_id)
        before = order["status_id"]
        if before in self._holding():
            self.shop.move_stock(order, 1)
        self.deleted["order", str(order_id)] = self.shop.orders.pop(order["order_id"])
        self.shop.fire("order.deleted", order["order_id"], before, 0, self.shop.now())
        self.touch()
        return {"deleted": order["order_id"]}

    @control
    def restore_order(self, order_id: int | str) -> Row:
        """Bring a deleted order back with its id, as from a copy of the database."""
        order = self._kept("order", order_id)
        self.shop.orders[order["order_id"]] = order
        if order["status_id"] in self._holding():
            self.shop.move_stock(order, -1)
        order["changed_at"] = int(self.shop.now())
        self.shop.fire("order.updated", order["order_id"], 0, order["status_id"], self.shop.now())
        self.touch()
        return {"order_id": order["order_id"]}

    @control
    def recreate_order(self, order_id: int | str) -> Row:
        """Delete an order and make it again: the order and its lines get new ids."""
        self.delete_order(order_id)
        old = self._kept("order", order_id)
        status = old["status_id"]
        fresh = {
            name: value for name, value in old.items() if name not in ("order_id", "history", "changed_at")
        }
        fresh |= {"status_id": 0, "lines": [self._renumbered(line) for line in old["lines"]]}
        order = self.shop.add_order(fresh)
        self.shop.add_history(order, status)
        self.touch()
        return {"order_id": order["order_id"]}

    @control
    def merge_orders(self, order_id: int | str, into: int | str) -> Row:
        """Merge an order into another one, as an add-on does: its lines move there, it is deleted."""
        target = self._row("order", self.shop.orders, into)
        self.delete_order(order_id)
        self._edit(target, [*target["lines"], *self._kept("order", order_id)["lines"]])
        return {"order_id": target["order_id"]}

    # ------------------------------------------------ lines
    @control
    def renumber_lines(self, order_id: int | str) -> Row:
        """Save an order in the admin without a change: its lines get new ids."""
        order = self._row("order", self.shop.orders, order_id)
        self._edit(order, order["lines"])
        return {"lines": [line["order_product_id"] for line in order["lines"]]}

    @control
    def delete_line(self, order_id: int | str, position: int = 0) -> Row:
        """Remove a line of an order in the admin; the others get new ids."""
        order = self._row("order", self.shop.orders, order_id)
        lines = list(order["lines"])
        self.deleted["line", str(order_id)] = lines.pop(int(position))
        self._edit(order, lines)
        return {"lines": len(lines)}

    @control
    def restore_line(self, order_id: int | str) -> Row:
        """Add the line again that was removed last; all lines get new ids."""
        order = self._row("order", self.shop.orders, order_id)
        self._edit(order, [*order["lines"], self._kept("line", order_id)])
        return {"lines": len(order["lines"])}

    @control
    def merge_lines(self, order_id: int | str) -> Row:
        """Make one line of the lines of the same product and options."""
        order = self._row("order", self.shop.orders, order_id)
        merged: dict[str, Row] = {}
        for line in order["lines"]:
            key = f"{line['product_id']} {line['options']}"
            if key in merged:
                merged[key]["quantity"] += line["quantity"]
                merged[key]["total"] = f"{float(merged[key]['price']) * merged[key]['quantity']:.4f}"
            else:
                merged[key] = dict(line)
        self._edit(order, list(merged.values()))
        return {"lines": len(merged)}

    # ------------------------------------------------ products
    @control
    def delete_product(self, product_id: int | str) -> Row:
        """Delete a product with its variants, as in the shop's admin."""
        number = int(product_id)
        ids = [*self.shop.variants.get(number, ()), number]
        self.deleted["product", str(product_id)] = [self.shop.products[each] for each in ids]
        deleted = self.shop.delete_product(number)
        self.touch()
        return {"deleted": deleted}

    @control
    def restore_product(self, product_id: int | str) -> Row:
        """Bring a deleted product back with its ids, as from a copy of the database."""
        self._add_products(self._kept("product", product_id))
        return {"id": int(product_id)}

    @control
    def recreate_product(self, product_id: int | str) -> Row:
        """Delete a product and make it again: the product and its variants get new ids, the SKUs stay."""
        self.delete_product(product_id)
        *variants, master = self._kept("product", product_id)
        new_id = self.shop.next_id("product")
        for row in variants:
            row |= {"product_id": self.shop.next_id("product"), "master_id": new_id}
        self._add_products([*variants, {**master, "product_id": new_id}])
        return {"id": new_id}

    @control
    def merge_products(self, product_id: int | str, into: int | str) -> Row:
        """Delete a product and sell it as a value of an option of the other one, with its SKU and its quantity."""
        target = self._row("product", self.shop.products, into)
        self.delete_product(product_id)
        [lost] = self._kept("product", product_id)
        option = self.shop.counted_option(target)
        if option is None:
            own = {"name": "First", "quantity": target["quantity"], "sku": target["sku"] or target["model"]}
            option = self.shop.add_option(target, "Style", [own])
        name = html.unescape(lost["name"])
        self.shop.add_value(
            target, option, name=name, quantity=lost["quantity"], sku=lost["sku"] or lost["model"]
        )
        self.shop.touch(target)
        self.touch()
        return {"id": target["product_id"]}

    # ------------------------------------------------ variants (values of an option) and options
    @control
    def delete_variant(self, sku: str) -> Row:
        """Remove a value of a product's option."""
        product, option, value = self._value_of(sku)
        option["values"].remove(value)
        self.deleted["variant", sku] = (product["product_id"], value)
        self._recount(product, option)
        return {"deleted": sku}

    @control
    def restore_variant(self, sku: str) -> Row:
        """Add a removed value again, with its ids."""
        product_id, value = self._kept("variant", sku)
        product = self._row("product", self.shop.products, product_id)
        option = self.shop.counted_option(product) or product["options"][0]
        option["values"].append(value)
        self._recount(product, option)
        return {"sku": sku}

    @control
    def recreate_variant(self, sku: str) -> Row:
        """Remove a value and add it again as a new one; its SKU stays."""
        product, option, value = self._value_of(sku)
        name = self.shop.options[option["option_id"]]["values"].pop(value["option_value_id"])
        option["values"].remove(value)
        self.shop.add_value(product, option, name=name, quantity=value["quantity"], sku=sku)
        self._recount(product, option)
        return {"id": option["values"][-1]["option_value_id"]}

    @control
    def merge_variants(self, sku: str, into: str) -> Row:
        """Remove a value and add its units to another one of the product."""
        product, option, value = self._value_of(sku)
        other = self._value_of(into)[2]
        option["values"].remove(value)
        other["quantity"] += value["quantity"]
        self._recount(product, option)
        return {"quantity": other["quantity"]}

    @control
    def recreate_option(self, product_id: int | str) -> Row:
        """Delete the option that counts and make it again: the option and all its values get new ids."""
        product = self._row("product", self.shop.products, product_id)
        option = self.shop.counted_option(product)
        if option is None:
            raise SandboxError(f"The product {product_id} has no option that counts.")
        shared = self.shop.options.pop(option["option_id"])
        product["options"].remove(option)
        values = [
            {
                "name": shared["values"][value["option_value_id"]],
                "quantity": value["quantity"],
                "difference": value["difference"],
                "sku": rows.child_sku(product, value)[0],
            }
            for value in option["values"]
        ]
        made = self.shop.add_option(product, shared["name"], values, kind=option["type"])
        self._recount(product, made)
        return {"id": made["product_option_id"]}

    # ------------------------------------------------ helpers
    def _holding(self) -> set[int]:
        return {*self.shop.settings["processing"], *self.shop.settings["complete"]}

    def _row(self, kind: str, table: dict[int, Row], number: int | str) -> Row:
        try:
            return table[int(number)]
        except (KeyError, ValueError):
            raise SandboxError(f"There is no {kind} {number}.") from None

    def _renumbered(self, line: Row) -> Row:
        return {**deepcopy(line), "order_product_id": self.shop.next_id("order_product")}

    def _edit(self, order: Row, lines: list[Row]) -> None:
        """Save an order with these lines, as OpenCart 4.1 does: voided, all lines again, the status from before."""
        before = order["status_id"]
        self.shop.add_history(order, _VOIDED, is_quiet=True)
        order["lines"] = [self._renumbered(line) for line in lines]
        order["totals"] = self.shop.totals_for(order["lines"])
        order["total"] = order["totals"][-1]["value"]
        self.shop.add_history(order, before)
        self.touch()

    def _add_products(self, products: list[Row]) -> None:
        for row in products:
            self.shop.products[row["product_id"]] = row
            if row["master_id"]:
                self.shop.variants.setdefault(row["master_id"], []).append(row["product_id"])
            self.shop.touch(row)
        self.touch()

    def _value_of(self, sku: str) -> tuple[Row, Row, Row]:
        """Return product, option and value of a SKU of an option."""
        for product in self.shop.products.values():
            option = self.shop.counted_option(product)
            for value in option["values"] if option else ():
                if rows.child_sku(product, value)[0] == sku and option:
                    return product, option, value
        raise SandboxError(f"There is no option value with the SKU {sku}.")

    def _recount(self, product: Row, option: Row) -> None:
        product["quantity"] = sum(value["quantity"] for value in option["values"])
        self.shop.touch(product)
        self.touch()
