"""OnBuy in memory: for the demo, the tests and the benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from channels.connectors.onbuy.sandbox.api import CONSUMER_KEY, SECRET_KEY, OnBuySandbox
from channels.connectors.onbuy.sandbox.seed import seed_demo, seed_many

__all__ = ["CONSUMER_KEY", "SECRET_KEY", "OnBuySandbox", "make_sandbox"]


def make_sandbox(
    *,
    file: Path | None = None,
    seed: str = "demo",
    products: int = 0,
    orders: int = 0,
    random_seed: int = 7,
    **options: Any,
) -> OnBuySandbox:
    """A seller's account on OnBuy that can be served: `with make_sandbox(seed="empty").serve() as running: ...`.

    `seed` is "demo" (25 SKUs that the OpenCart demo has too, 30 orders) or "empty"; `products` and `orders` add that
    many more. A `file` that exists wins over the seed; an account that is kept in one shows changes of its listings
    as late as OnBuy does. `options`: `clock`, and any of the account's settings.
    """
    if file is not None:
        options.setdefault("shown_seconds", 150.0)
    sandbox = OnBuySandbox(file=file, **options)
    if sandbox.restore():
        return sandbox
    if seed == "demo":
        seed_demo(sandbox.market, random_seed=random_seed)
    elif seed != "empty":
        raise ValueError(f"There is no seed called {seed}: demo or empty.")
    if products or orders:
        seed_many(sandbox.market, products=products, orders=orders, random_seed=random_seed)
    sandbox.touch()
    sandbox.save()
    return sandbox
