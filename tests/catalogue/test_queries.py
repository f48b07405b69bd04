"""The number of queries of a page does not depend on its length."""

from __future__ import annotations

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from catalogue import callbacks
from channels.contract.records.products import ProductRecord
from channels.models import Connection
from oms.kit.bulk import COPY_FROM
from tests import factories
from tests.catalogue.records import pull, record, variant_record


@pytest.fixture(autouse=True)
def _without_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the queries of waiting orders for new SKUs; other tests count them."""
    monkeypatch.setattr(callbacks, "_mapped", [])


def page(count: int, start: int = 0) -> list[ProductRecord]:
    """Return single and group products, a duplicate and a missing SKU, with brands and pictures."""
    rows = []
    for number in range(start, start + count - 2):
        variants = None
        if number % 5 == 0:
            variants = tuple(variant_record(f"{number}-{place}", f"S{number}-{place}") for place in range(3))
        rows.append(
            record(
                str(number + 1), f"S{number}", variants=variants, brand=f"B{number % 3}",
                attributes={"1": "x"}, image_urls=("https://shop.example/a.jpg",),
            )
        )  # fmt: skip
    return [*rows, record(f"{start + 90001}", f"s{start + 1}"), record(f"{start + 90002}", "")]


def cost(connection: Connection, records: list[ProductRecord]) -> int:
    with CaptureQueriesContext(
        database,
    ) as queries:
        pull(connection, *records)
    begin_and_end = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")
    return sum(not query["sql"].startswith(begin_and_end) for query in queries.captured_queries)


@pytest.mark.db
@pytest.mark.django_db
@pytest.mark.req("R-CAT-01")
@pytest.mark.parametrize("count", [5, 100, 250])
def test_queries_of_a_page(count: int) -> None:
    shop, other = factories.store(maps={"leeds": 1}), factories.store("Other", maps={"leeds": 1})
    records = page(count)
    keys = (
        count >= COPY_FROM
    )  # rows written by COPY have their keys drawn first: those of products, then those of stock items
    assert cost(shop, records) == 22 + 2 * keys
    assert (
        cost(shop, records) == 9
    )  # the two rejected records and the figures are stored with the time of this import
    assert cost(shop, records[:-2]) == 3  # nothing has changed but the time at which the figures were read
    assert cost(other, records) == 18 + keys  # all SKUs are known: their stock is compared


@pytest.mark.django_db
def test_queries_do_not_grow_with_the_page() -> None:
    """On SQLite too, while a page fits into one statement (999 values)."""
    shop = factories.store(maps={"leeds": 1})
    pull(shop, *page(5))
    assert cost(shop, page(6, start=100)) == cost(shop, page(20, start=200))
