"""The state of a sandbox: filled from its file or with a seed, and its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from channels.sandbox.server import Sandbox, SandboxError

S = TypeVar("S", bound=Sandbox)


def fill(
    sandbox: S,
    state: Any,
    *,
    seed: str,
    products: int,
    orders: int,
    random_seed: int,
    seed_demo: Callable[..., Any],
    seed_many: Callable[..., Any],
) -> S:
    """Fill the `state` of a new sandbox, save it, and return the sandbox.

    `seed` is "demo" or "empty"; `products` and `orders` add that many more. Raise ValueError for another seed.
    """
    if seed == "demo":
        seed_demo(state, random_seed=random_seed)
    elif seed != "empty":
        raise ValueError(f"There is no seed called {seed}: demo or empty.")
    if products or orders:
        seed_many(state, products=products, orders=orders, random_seed=random_seed)
    sandbox.touch()
    sandbox.save()
    return sandbox


def change_settings(settings: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Change settings of a sandbox; raise `SandboxError` for a setting that it does not have."""
    if unknown := set(changes) - set(settings):
        raise SandboxError(f"There is no setting called {', '.join(sorted(unknown))}.")
    settings.update(changes)
