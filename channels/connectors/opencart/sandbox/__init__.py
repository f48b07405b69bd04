"""An OpenCart shop with the Manifold extension, in memory: for the demo, the tests and the benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from channels.connectors.opencart.sandbox.api import SECRET_KEY, OpenCartSandbox
from channels.connectors.opencart.sandbox.seed import seed_demo, seed_many
from channels.sandbox.state import fill

__all__ = ["SECRET_KEY", "OpenCartSandbox", "make_sandbox"]


def make_sandbox(
    *,
    file: Path | None = None,
    seed: str = "demo",
    products: int = 0,
    orders: int = 0,
    random_seed: int = 7,
    **options: Any,
) -> OpenCartSandbox:
    """Return a shop that can be served: `with make_sandbox(seed="empty").serve() as running: running.url`.

    `seed` is "demo" (60 products, 41 orders) or "empty"; `products` and `orders` add that many more. A `file` that
    exists is read instead of the seed. `options`: `secret_key`, `folder` (path of the shop on its host), `clock`,
    and any of the shop's settings (`timezone`, `version`, `request_budget` ...).
    """
    sandbox = OpenCartSandbox(file=file, **options)
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
