"""An Etsy shop in memory, with the application that its owner signs in to: for the demo, the tests and the benchmarks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from channels.connectors.etsy.sandbox.api import KEYSTRING, SHARED_SECRET, WEBHOOK_SECRET, EtsySandbox
from channels.connectors.etsy.sandbox.seed import seed_demo, seed_many
from channels.sandbox.state import fill

__all__ = ["EtsySandbox", "environment", "make_sandbox"]


def environment(url: str) -> dict[str, str]:
    """Return the settings with which the connect wizard signs in at the sandbox at `url`."""
    return {
        "ETSY_KEYSTRING": KEYSTRING,
        "ETSY_SHARED_SECRET": SHARED_SECRET,
        "ETSY_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "ETSY_SIGN_IN_URL": f"{url}/oauth/connect",
        "ETSY_API_URL": url,
    }


def make_sandbox(
    *,
    file: Path | None = None,
    seed: str = "demo",
    products: int = 0,
    orders: int = 0,
    random_seed: int = 7,
    **options: Any,
) -> EtsySandbox:
    """Return a shop that can be served: `with make_sandbox(seed="empty").serve() as running: running.url`.

    `seed` is "demo" (25 listings, 30 receipts) or "empty"; `products` and `orders` add that many more. A `file` that
    exists is read instead of the seed. `options` are settings of the shop (`country`, `is_restricted`, `per_day` ...) or `clock`.
    """
    sandbox = EtsySandbox(file=file, **options)
    is_recalled = sandbox.restore()
    if file is not None and (public := os.environ.get("OMS_PUBLIC_URL")):
        # Started by `make run`: it sends webhooks to Manifold.
        sandbox.shop.settings["webhook_url"] = f"{public.rstrip('/')}/apps/etsy/webhook/"
    if is_recalled:
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
