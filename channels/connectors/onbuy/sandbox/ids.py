"""Controls by which what an account has an id for vanishes, comes back, gets a new id, or is merged (docs/remote-ids.md).

OnBuy names a listing by its SKU. Its orders cannot be edited, merged or placed again, and their lines keep their ids.
"""

from __future__ import annotations

from channels.connectors.onbuy.sandbox.market import Market, Row
from channels.sandbox.server import Sandbox, SandboxError, control


class IdControls(Sandbox):
    """Mixin of the sandbox. A deleted row is kept in `deleted`, so that it can come back."""

    market: Market

    @control
    def delete_order(self, order_id: str) -> Row:
        """Remove an order, as OnBuy does with orders that were placed by mistake."""
        if order_id not in self.market.orders:
            raise SandboxError(f"There is no order {order_id}.")
        self.deleted["order", order_id] = self.market.orders.pop(order_id)
        self.touch()
        return {"deleted": order_id}

    @control
    def restore_order(self, order_id: str) -> Row:
        """Bring a removed order back."""
        order = self._kept("order", order_id)
        order["updated_at"] = self.market.stamp()
        self.market.orders[order_id] = order
        self.touch()
        return {"order_id": order_id}

    @control
    def delete_product(self, product_id: str) -> Row:
        """Delete the listing with this SKU."""
        row = self._listed(product_id)
        del self.market.listings[self.market.by_sku.pop(product_id)]
        self.deleted["product", product_id] = row
        self.touch()
        return {"deleted": product_id}

    @control
    def restore_product(self, product_id: str) -> Row:
        """Bring a deleted listing back, with its numbers."""
        self._add(self._kept("product", product_id))
        return {"id": product_id}

    @control
    def recreate_product(self, product_id: str) -> Row:
        """Delete a listing and make it again: the numbers of listing and product are new, the SKU stays."""
        self.delete_product(product_id)
        row = self._kept("product", product_id)
        product = self.market.add_product(row["name"], row["product_codes"])
        row |= {
            "product_listing_id": self.market.next_id("listing", 144_083_000),
            "opc": product["opc"],
            "product_url": product["url"],
        }
        self._add(row)
        return {"id": product_id}

    @control
    def rename_sku(self, product_id: str, sku: str) -> Row:
        """Change the SKU of a listing in the seller panel: it has another id then."""
        self.delete_product(product_id)
        self._add({**self._kept("product", product_id), "sku": sku})
        return {"id": sku}

    @control
    def merge_products(self, product_id: str, into: str) -> Row:
        """Merge two products of the shared catalogue: the listing of the first belongs to the second one then."""
        row, other = self._listed(product_id), self._listed(into)
        self.market.products.pop(row["opc"], None)
        row |= {name: other[name] for name in ("opc", "product_url", "image_url")}
        row["updated_at"] = self.market.stamp()
        self.touch()
        return {"id": product_id}

    @control
    def delete_variant(self, sku: str) -> Row:
        """Delete the listing of a variant."""
        answer: Row = self.delete_product(sku)
        return answer

    @control
    def restore_variant(self, sku: str) -> Row:
        """Bring the deleted listing of a variant back."""
        answer: Row = self.restore_product(sku)
        return answer

    @control
    def recreate_variant(self, sku: str) -> Row:
        """Delete the listing of a variant and make it again; its SKU stays."""
        answer: Row = self.recreate_product(sku)
        return answer

    def _listed(self, sku: str) -> Row:
        key = self.market.by_sku.get(sku)
        if key is None:
            raise SandboxError(f"There is no listing with the SKU {sku}.")
        return self.market.listings[key]

    def _add(self, row: Row) -> None:
        row["updated_at"] = self.market.stamp()
        self.market.listings[str(row["product_listing_id"])] = row
        self.market.by_sku[row["sku"]] = str(row["product_listing_id"])
        self.touch()
