"""A BigCommerce store in memory: for the demo, the tests and the benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from channels.connectors.bigcommerce.sandbox.api import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    BigCommerceSandbox,
)
from channels.connectors.bigcommerce.sandbox.seed import seed_demo, seed_many

__all__ = ["ACCESS_TOKEN", "CLIENT_ID", "CLIENT_SECRET", "BigCommerceSandbox", "make_sandbox"]


def make_sandbox(
    *,
    file: Path | None = None,
    seed: str = "demo",
    products: int = 0,
    orders: int = 0,
    random_seed: int = 7,
    **options: Any,
) -> BigCommerceSandbox:
    """Return a store that can be served. `seed` is "demo" or "empty"; `products` and `orders` add that many more.

    A `file` that exists wins over the seed. `options`: `clock`, `store_hash`, and any of the store's settings.
    """
    sandbox = BigCommerceSandbox(file=file, **options)
    if sandbox.restore():
        return sandbox
    if seed == "demo":
        seed_demo(sandbox.shop, random_seed=random_seed)
    elif seed != "empty":
        raise ValueError(f"There is no seed called {seed}: demo or empty.")
    if products or orders:
        seed_many(sandbox.shop, products=products, orders=orders, random_seed=random_seed)
    sandbox.touch()
    sandbox.save()
    return sandbox
