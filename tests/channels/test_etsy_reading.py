"""Lists that are long, cut or broken: nothing of a shop stays unread in silence (`etsy.md` §2, §5)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from catalogue.models import Listing
from channels.connectors.etsy import products
from channels.connectors.etsy.adapter import EtsyAdapter
from channels.connectors.etsy.sandbox import calls
from channels.contract.records.pages import PullQuery, RefusedRow
from channels.contract.records.products import ProductRecord
from channels.models import Connection, RejectedRecord
from channels.sandbox.server import Running
from channels.stores import pull_jobs
from oms.kit.background import jobs
from oms.kit.models import Job
from tests.support.etsy import asked, connected, connected_store, shop


@pytest.fixture
def etsy() -> Iterator[Running]:
    with shop(per_second=10_000) as running:
        yield running


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page holds 2 and the last offset is 4, so that 6 are reached from each end."""
    for module in (products, calls):
        monkeypatch.setattr(module, "MOST_OFFSET", 4)
    monkeypatch.setattr(products, "BATCH", 2)


def fill(running: Running, number: int, state: str = "active", begin: int = 0) -> None:
    for n in range(begin, begin + number):
        running.sandbox.shop.add_listing(
            f"{state} {n}", [{"sku": f"{state}-{n}", "price": "5.00", "quantity": 3}], state=state,
            moment=1_700_000_000 + n,
        )  # fmt: skip


def scan(adapter: EtsyAdapter) -> tuple[list[ProductRecord], list[RefusedRow]]:
    page: str | None = None
    found: list[ProductRecord] = []
    refused: list[RefusedRow] = []
    while True:
        answer = adapter.pull_products(PullQuery(), page)
        found += answer.records
        refused += answer.refused
        page = answer.next_page
        if page is None:
            return found, refused


@pytest.mark.req("R-CONN-08", "R-CAT-01")
@pytest.mark.parametrize("number", [0, 1, 2, 5, 6, 7, 8, 11, 12])
def test_a_long_list_is_read_from_both_ends_without_a_gap(etsy: Running, shallow: None, number: int) -> None:
    fill(etsy, number)
    fill(etsy, 1, "sold_out")

    found, refused = scan(connected(etsy))

    titles = [record.title for record in found]
    assert sorted(titles) == sorted([*(f"active {n}" for n in range(number)), "sold_out 0"])
    assert refused == []
    offsets = [int(t.partition("offset=")[2].partition("&")[0]) for t in asked(etsy, "GET", "/listings?")]
    assert max(offsets) <= 4


@pytest.mark.parametrize("number", [13, 20])
def test_what_lies_deeper_than_both_ends_is_counted_and_said(
    etsy: Running, shallow: None, number: int
) -> None:
    fill(etsy, number, "inactive")
    fill(etsy, 2)

    found, refused = scan(connected(etsy))

    assert len({record.external_id for record in found}) == 12 + 2
    [row] = refused
    assert row.external_id == "state:inactive"
    assert f"{number - 12} of {number} inactive ones were not read" in row.reason


def test_where_etsy_ignores_the_order_the_rest_is_counted_and_said(etsy: Running, shallow: None) -> None:
    """The other end of the list would be the same end again, and what lies behind it would be passed over."""
    etsy.sandbox.configure(sorts_listings=False)
    fill(etsy, 9)

    found, refused = scan(connected(etsy))

    assert sorted(record.title for record in found) == [f"active {n}" for n in range(3, 9)]
    [row] = refused
    assert row.reason.startswith(
        "Etsy lists 6 listings of one state at most: 3 of 9 active ones were not read."
    )


def test_listings_that_move_while_the_list_is_read_cost_no_neighbour(
    etsy: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is sold out, one is renewed and so the newest, and one is made: the rows behind them move up."""
    monkeypatch.setattr(products, "BATCH", 8)
    fill(etsy, 30)
    fill(etsy, 3, "sold_out")
    rows = list(etsy.sandbox.shop.listings.values())
    adapter = connected(etsy)

    first = adapter.pull_products(PullQuery())
    rows[2]["state"] = "sold_out"
    rows[4]["created_timestamp"] = 1_800_000_000
    second = adapter.pull_products(PullQuery(), first.next_page)
    fill(etsy, 1, begin=30)
    found, page = [*first.records, *second.records], second.next_page
    while page is not None:
        answer = adapter.pull_products(PullQuery(), page)
        found += answer.records
        page = answer.next_page

    titles = {record.title for record in found}
    assert titles == {*(f"active {n}" for n in range(31)), *(f"sold_out {n}" for n in range(3))}


def work(job: Job) -> Job:
    while jobs.work(job.pk):
        pass
    job.refresh_from_db()
    return job


@pytest.mark.django_db
def test_the_store_shows_what_was_not_read_until_it_is(etsy: Running, shallow: None) -> None:
    store = connected_store(etsy, maps={"leeds": 1})
    fill(etsy, 14)

    first = work(pull_jobs.ask_products(connection=store))

    assert (Listing.objects.filter(connection=store).count(), first.refused) == (12, 1)
    row = RejectedRecord.objects.open().get(connection=store)
    assert row.reason.startswith("Etsy lists 12 listings of one state at most: 2 of 14 active ones")
    missing = sorted(
        set(etsy.sandbox.shop.listings) - set(Listing.objects.values_list("external_id", flat=True))
    )
    by_number = work(pull_jobs.ask_products(connection=store, ids=missing))
    assert (by_number.refused, Listing.objects.filter(connection=store).count()) == (0, 14)

    for listing_id in missing:
        etsy.sandbox.shop.listings[listing_id]["state"] = "inactive"
    work(pull_jobs.ask_products(connection=store))

    assert not RejectedRecord.objects.open().exists()  # all of it is within reach again


@pytest.mark.django_db
def test_a_listing_in_a_state_that_no_document_names_is_off_sale_and_no_error(etsy: Running) -> None:
    fill(etsy, 1)
    [listing] = etsy.sandbox.shop.listings.values()
    listing["state"] = "edit"

    [record] = connected(etsy).pull_products(PullQuery(ids=(str(listing["listing_id"]),))).records

    assert record.is_active is False


def test_one_bad_id_does_not_cost_the_others(etsy: Running) -> None:
    fill(etsy, 5)
    ids = [*etsy.sandbox.shop.listings, "999999"]

    records = connected(etsy).pull_products(PullQuery(ids=tuple(ids))).records

    assert {record.external_id for record in records} == set(ids) - {"999999"}


def test_a_listing_that_cannot_be_read_is_refused_alone(etsy: Running) -> None:
    fill(etsy, 3)
    broken = next(iter(etsy.sandbox.shop.listings.values()))
    broken["inventory"]["products"][0]["product_id"] = None

    answer = connected(etsy).pull_products(PullQuery())

    assert [row.external_id for row in answer.refused] == [str(broken["listing_id"])]
    assert "the field inventory.products.product_id is missing" in answer.refused[0].reason
    assert len(answer.records) == 2


def test_all_five_states_are_asked_for_one_by_one_with_pictures(etsy: Running) -> None:
    for state in products.STATES:
        fill(etsy, 1, state)

    found, _refused = scan(connected(etsy))

    states = [t.partition("state=")[2].partition("&")[0] for t in asked(etsy, "GET", "/listings?")]
    assert states == list(products.STATES)
    assert {record.title for record in found} == {f"{state} 0" for state in products.STATES}
    assert [record.is_active for record in found].count(True) == 1
    assert all("includes=Images" in target for target in asked(etsy, "GET", "/listings?"))
    assert not [t for t in asked(etsy, "GET", "/listings?") if "Inventory" in t]  # taken away in July 2026


@pytest.mark.django_db
def test_a_listing_is_read_again_by_its_number(etsy: Running) -> None:
    """The other one of the shop is not asked for (R-CAT-06)."""
    store: Connection = connected_store(etsy, maps={"leeds": 1})
    fill(etsy, 2)
    [one, _other] = etsy.sandbox.shop.listings.values()

    job = work(pull_jobs.ask_products(connection=store, ids=[str(one["listing_id"])]))

    assert job.state == Job.State.DONE
    assert [row.external_id for row in Listing.objects.filter(connection=store)] == [str(one["listing_id"])]
