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
from channels.sandbox.state import fill

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

    A `file` that exists is read instead of the seed. `options`: `clock`, `store_hash`, and any of the store's settings.
    """
    sandbox = BigCommerceSandbox(file=file, **options)
    if sandbox.restore():
        return sandbox
    return fill(
        sandbox,
        sandbox.shop,
        seed=seed,
        products=products,
        orders=orders,
        random_seed=random_seed,
        seed_demo=seed_demo,
        seed_many=seed_many,
    )
