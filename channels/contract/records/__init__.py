"""Frozen dataclasses between a channel's data and Manifold's tables.

`orders`, `products` and `account` come from a channel; `updates` go to one; `pages` holds a page of any of them."""
