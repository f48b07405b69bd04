"""OnBuy in memory: for the demo, the tests and the benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from channels.connectors.onbuy.sandbox.api import CONSUMER_KEY, SECRET_KEY, OnBuySandbox
from channels.connectors.onbuy.sandbox.seed import seed_demo, seed_many
from channels.sandbox.state import fill

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
    """Return a seller's account on OnBuy that can be served: `with make_sandbox(seed="empty").serve() as running: ...`.

    `seed` is "demo" (25 SKUs that the OpenCart demo has too, 30 orders) or "empty"; `products` and `orders` add that
    many more. A `file` that exists is read instead of the seed; an account with a file shows changes of its listings
    as late as OnBuy does. `options`: `clock`, and any of the account's settings.
    """
    if file is not None:
        options.setdefault("shown_seconds", 150.0)
    sandbox = OnBuySandbox(file=file, **options)
    if sandbox.restore():
        return sandbox
    return fill(
        sandbox,
        sandbox.market,
        seed=seed,
        products=products,
        orders=orders,
        random_seed=random_seed,
        seed_demo=seed_demo,
        seed_many=seed_many,
    )
