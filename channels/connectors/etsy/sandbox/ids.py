"""Controls by which what a shop has an id for vanishes, comes back, gets a new id, or is merged (docs/remote-ids.md).

Orders of Etsy cannot be edited, merged or placed again, and their lines keep their ids.
"""

from __future__ import annotations

from copy import deepcopy

from channels.connectors.etsy.sandbox.shop import Row, Shop
from channels.sandbox.server import Sandbox, SandboxError, control


class IdControls(Sandbox):
    """Mixin of the sandbox. A deleted row is kept in `deleted`, so that it can come back."""

    shop: Shop

    # ------------------------------------------------ orders
    @control
    def delete_order(self, order_id: int | str) -> Row:
        """Remove a receipt, as Etsy does with fraudulent ones."""
        self._row("order", self.shop.receipts, order_id)
        self.deleted["order", str(order_id)] = self.shop.receipts.pop(str(order_id))
        self.touch()
        return {"deleted": order_id}

    @control
    def restore_order(self, order_id: int | str) -> Row:
        """Bring a removed receipt back."""
        receipt = self._kept("order", order_id)
        receipt["updated_timestamp"] = receipt["update_timestamp"] = self.shop.now()
        self.shop.receipts[str(order_id)] = receipt
        self.touch()
        return {"order_id": order_id}

    # ------------------------------------------------ listings
    @control
    def delete_product(self, product_id: int | str) -> Row:
        """Delete a listing."""
        self._row("listing", self.shop.listings, product_id)
        self.deleted["product", str(product_id)] = self.shop.listings.pop(str(product_id))
        self.touch()
        return {"deleted": product_id}

    @control
    def restore_product(self, product_id: int | str) -> Row:
        """Bring a deleted listing back with its number."""
        self._add(self._kept("product", product_id))
        return {"id": product_id}

    @control
    def recreate_product(self, product_id: int | str) -> Row:
        """Delete a listing and make it again under a new number; the SKUs stay."""
        self.delete_product(product_id)
        row = self._kept("product", product_id)
        row["listing_id"] = self.shop.next_id("listing", 1_400_000_000)
        self._renumber(row, row["inventory"]["products"])
        return {"id": row["listing_id"]}

    @control
    def merge_products(self, product_id: int | str, into: int | str) -> Row:
        """Delete a listing and sell it as a variation of the other one, with its SKU and its quantity."""
        target = self._row("listing", self.shop.listings, into)
        self.delete_product(product_id)
        lost = self._kept("product", product_id)
        products = target["inventory"]["products"]
        if not products[0]["property_values"]:
            products[0]["property_values"] = [self._style("First")]
            self._renumber(target, products)
        used = products[0]["property_values"][0]
        for product in lost["inventory"]["products"]:
            name = lost["title"][:40]
            value = {**deepcopy(used), "values": [name]}
            value["value_ids"] = [self.shop.value_id(used["property_id"], name)]
            products.append({**product, "property_values": [value]})
        ids = [used["property_id"]]
        target["inventory"] |= {"quantity_on_property": ids, "sku_on_property": ids, "price_on_property": ids}
        target["has_variations"] = True
        self._renumber(target, products[-1:])
        return {"id": target["listing_id"]}

    # ------------------------------------------------ variants and options
    @control
    def delete_variant(self, sku: str) -> Row:
        """Remove a product of a listing's inventory."""
        listing, product = self._product_of(sku)
        listing["inventory"]["products"].remove(product)
        self.deleted["variant", sku] = (listing["listing_id"], product)
        self._add(listing)
        return {"deleted": sku}

    @control
    def restore_variant(self, sku: str) -> Row:
        """Add a removed product of an inventory again, with its id."""
        listing_id, product = self._kept("variant", sku)
        listing = self._row("listing", self.shop.listings, listing_id)
        listing["inventory"]["products"].append(product)
        self._add(listing)
        return {"sku": sku}

    @control
    def recreate_variant(self, sku: str) -> Row:
        """Give a product of an inventory a new id, as each change of an inventory may; its SKU stays."""
        listing, product = self._product_of(sku)
        self._renumber(listing, [product])
        return {"id": product["product_id"]}

    @control
    def merge_variants(self, sku: str, into: str) -> Row:
        """Remove a product of an inventory and add its units to another one of the listing."""
        listing, product = self._product_of(sku)
        other = self._product_of(into)[1]["offerings"][0]
        listing["inventory"]["products"].remove(product)
        other["quantity"] += product["offerings"][0]["quantity"]
        self._add(listing)
        return {"quantity": other["quantity"]}

    @control
    def recreate_option(self, product_id: int | str) -> Row:
        """Make a listing's variation again: property, values and products of the inventory get new ids."""
        listing = self._row("listing", self.shop.listings, product_id)
        products = listing["inventory"]["products"]
        new_id = 513 if products[0]["property_values"][0]["property_id"] != 513 else 514
        for product in products:
            first = product["property_values"][0]
            first |= {"property_id": new_id, "value_ids": [self.shop.value_id(new_id, first["values"][0])]}
        for name in ("price_on_property", "quantity_on_property", "sku_on_property"):
            if listing["inventory"][name]:
                listing["inventory"][name] = [new_id]
        self._renumber(listing, products)
        return {"id": new_id}

    # ------------------------------------------------ helpers
    def _row(self, kind: str, table: dict[str, Row], number: int | str) -> Row:
        try:
            return table[str(number)]
        except KeyError:
            raise SandboxError(f"There is no {kind} {number}.") from None

    def _style(self, name: str) -> Row:
        return {
            "property_id": 513,
            "property_name": "Style",
            "scale_id": None,
            "scale_name": None,
            "value_ids": [self.shop.value_id(513, name)],
            "values": [name],
        }

    def _product_of(self, sku: str) -> tuple[Row, Row]:
        found = self.shop.find_product(sku)
        if found is None:
            raise SandboxError(f"There is no product with the SKU {sku}.")
        return found

    def _renumber(self, listing: Row, products: list[Row]) -> None:
        for product in products:
            product["product_id"] = self.shop.next_id("product", 20_000_000)
        self._add(listing)

    def _add(self, listing: Row) -> None:
        self.shop.listings[str(listing["listing_id"])] = listing
        self.shop.touch_listing(listing)
        self.touch()
