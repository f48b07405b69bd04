"""Frozen dataclasses that pass between a channel's mapping and our tables.

`orders`, `products` and `account` come from a channel; `updates` go to one; `pages` holds a page of any of them."""
