"""Listings on a real OpenCart shop through Manifold's connector: create, change, add a SKU, preview, delete.

    SHOP=http://127.0.0.1:8080 SECRET_KEY=… .venv/bin/python contrib/opencart/tests/listings.py

The shop runs with the extension installed. One JSON line for each step; exit code 1 when one failed. What it makes is deleted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT)]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings")

import django  # noqa: E402

django.setup()

from channels.connectors.opencart.adapter import OpenCartAdapter  # noqa: E402
from channels.contract.errors import ChannelError, NotSupported  # noqa: E402
from channels.contract.records.pages import PullQuery  # noqa: E402
from channels.contract.records.products import ProductKind, ProductRecord  # noqa: E402
from channels.contract.records.updates import ListingDraft, ListingJob, VariantDraft  # noqa: E402
from channels.http.planning import PlanningSession  # noqa: E402
from channels.models import Connection  # noqa: E402

MARK = f"LST{int(time.time())}"


def store() -> Connection:
    """The shop as a store that is not saved: nothing is written in a database."""
    credentials = {"domain_url": os.environ["SHOP"], "secret_key": os.environ["SECRET_KEY"]}
    return Connection(channel="opencart", name="Shop", credentials=credentials, options={"sku_rule": "auto"})


def sku(name: str, size: str = "", **fields: Any) -> VariantDraft:
    options = {"Size": size} if size else {}
    return VariantDraft(name, f"{MARK}-{name}", Decimal("12.50"), None, 5, options, **fields)


def draft(kind: ProductKind, *variants: VariantDraft) -> ListingDraft:
    return ListingDraft(
        f"{MARK}-{kind}",
        kind,
        f"Mug “{kind}” & <{MARK}>",
        "<p>Red <b>mug</b></p>",
        "",
        variants,
        brand="Kiln Street",
    )


class Shop:
    """The steps, on one shop."""

    def __init__(self) -> None:
        self.adapter = OpenCartAdapter(store())
        self.failed = 0
        self.made: list[str] = []

    def read(self, external_id: str) -> ProductRecord | None:
        page = self.adapter.pull_products(PullQuery(ids=(external_id,)))
        return next(iter(page.records), None)

    def step(self, function: Callable[[Shop], Any]) -> None:
        started = time.monotonic()
        try:
            found = function(self)
            line = {"step": function.__name__, "ok": True, **(found or {})}
        except (AssertionError, ChannelError, KeyError, ValueError) as error:
            self.failed += 1
            line = {"step": function.__name__, "ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps({**line, "seconds": round(time.monotonic() - started, 2)}, default=str), flush=True)


def same(expected: Any, actual: Any) -> None:
    if expected != actual:
        raise AssertionError(f"expected {expected!r}, got {actual!r}")


def single(shop: Shop) -> Any:
    wanted = draft(ProductKind.SINGLE, sku("ONE"))
    planned = shop.adapter.plan_listing(wanted)
    made = shop.adapter.create_listing(wanted)
    again = shop.adapter.create_listing(wanted)
    shop.made.append(made.external_id)
    same(made.external_id, again.external_id)
    row = shop.read(made.external_id)
    assert row is not None
    same((wanted.title, "Kiln Street", 5), (row.title, row.brand, row.variants[0].quantity))
    changed = replace(
        wanted,
        external_id=made.external_id,
        title="Blue mug",
        description="<p>Blue</p>",
        changed=frozenset({"title", "description"}),
    )
    session = PlanningSession(shop.adapter.connection)
    OpenCartAdapter(shop.adapter.connection, session).change_listings([ListingJob(changed)])
    row = shop.read(made.external_id)
    assert row is not None
    same(wanted.title, row.title)  # the preview changed nothing
    shop.adapter.update_listing(changed)
    row = shop.read(made.external_id)
    assert row is not None
    same(("Blue mug", "<p>Blue</p>", 5), (row.title, row.description, row.variants[0].quantity))
    return {"product": made.external_id, "planned": len(planned), "previewed": session.planned[0].body}


def group(shop: Shop) -> Any:
    wanted = draft(ProductKind.GROUP, sku("S", "Small"), sku("M", "Medium"))
    made = shop.adapter.create_listing(wanted)
    shop.made.append(made.external_id)
    same(2, len(made.variant_external_ids))
    known = tuple(replace(one, external_id=made.variant_external_ids[one.ref]) for one in wanted.variants)
    more = replace(
        wanted,
        external_id=made.external_id,
        variants=(*known, sku("L", "Large")),
        changed=frozenset({"variants"}),
    )
    first = shop.adapter.update_listing(more)
    second = shop.adapter.update_listing(more)  # as after a lost answer
    same(first.variant_external_ids["L"], second.variant_external_ids["L"])
    row = shop.read(made.external_id)
    assert row is not None
    same(
        {f"{MARK}-S": "Small", f"{MARK}-M": "Medium", f"{MARK}-L": "Large"},
        {one.sku: "".join(one.options.values()) for one in row.variants},
    )
    same({5}, {one.quantity for one in row.variants})
    return {"product": made.external_id, "added": first.variant_external_ids["L"]}


def deactivate(shop: Shop) -> Any:
    try:
        shop.adapter.set_listing_active(shop.made[0], active=False)
    except NotSupported as error:
        return {"reason": str(error)}
    raise AssertionError("the guide says that OpenCart cannot do this")


def delete(shop: Shop) -> Any:
    for external_id in shop.made:
        shop.adapter.delete_listing(external_id)
        shop.adapter.delete_listing(external_id)  # one that does not exist counts as deleted
        same(None, shop.read(external_id))
    return {"deleted": shop.made}


if __name__ == "__main__":
    lab = Shop()
    for each in (single, group, deactivate, delete):
        lab.step(each)
    sys.exit(1 if lab.failed else 0)
