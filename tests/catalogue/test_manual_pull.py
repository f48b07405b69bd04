"""Manual import of products (R-CAT-06): OpenCart's single products are imported again, its group products are not."""

from __future__ import annotations

from typing import Any

import pytest

from catalogue.models import Listing
from channels.connectors.opencart.sandbox import make_sandbox
from channels.models import Connection, RejectedRecord, SyncRun
from channels.stores import connect, pull_jobs
from tests.support.workers import work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.req("R-CAT-06")]


@pytest.fixture
def shop() -> Any:
    with make_sandbox(seed="demo").serve() as running:
        yield running


@pytest.fixture
def store(shop: Any) -> Connection:
    connection = connect.connect(channel="opencart", name="Shop", credentials=shop.credentials)
    work()
    return connection


def rename_in_shop(shop: Any, product_id: str, name: str) -> None:
    with shop.sandbox.lock:
        shop.sandbox.shop.products[int(product_id)]["name"] = name


def ask(store: Connection, product_id: str) -> SyncRun:
    pull_jobs.ask_products(connection=store, ids=[product_id])
    work()
    return SyncRun.objects.filter(stream="products", trigger=SyncRun.Trigger.MANUAL).latest("pk")


def test_a_single_product_is_imported_again(store: Connection, shop: Any) -> None:
    listing = Listing.objects.filter(connection=store, remote_kind="single").order_by("pk")[0]
    rename_in_shop(shop, listing.external_id, "Renamed there")
    run = ask(store, listing.external_id)
    listing.refresh_from_db()
    assert (run.changed, run.refused) == (1, 0)
    assert listing.remote_title == "Renamed there"
    assert listing.product.title != "Renamed there"


def test_a_group_product_is_rejected_with_the_channels_reason(store: Connection, shop: Any) -> None:
    listing = Listing.objects.filter(connection=store, remote_kind="group").order_by("pk")[0]
    title = listing.remote_title
    rename_in_shop(shop, listing.external_id, "Renamed there")
    run = ask(store, listing.external_id)
    listing.refresh_from_db()
    assert (run.changed, run.refused) == (0, 1)
    assert listing.remote_title == title
    refused = RejectedRecord.objects.open().get(external_id=listing.external_id)
    assert refused.reason.startswith("Group products are imported when the store is connected")


def test_a_manual_import_of_all_products_does_not_change_groups(store: Connection, shop: Any) -> None:
    listing = Listing.objects.filter(connection=store, remote_kind="group").order_by("pk")[0]
    before = RejectedRecord.objects.open().count()
    rename_in_shop(shop, listing.external_id, "Renamed there")
    pull_jobs.ask_products(connection=store)
    work()
    run = SyncRun.objects.filter(stream="products", trigger=SyncRun.Trigger.MANUAL).latest("pk")
    listing.refresh_from_db()
    assert run.state == SyncRun.State.DONE
    assert listing.remote_title != "Renamed there"
    assert RejectedRecord.objects.open().count() == before
