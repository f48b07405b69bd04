"""Large files: a fixed number of statements for each chunk, 20,000 rows, and an unchanged file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalogue.models import Variant
from oms.kit.background import jobs
from oms.kit.imports import kinds, services, workbooks
from tests.imports.flow import ANNA, applied, checked, upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("var_dir")]
HEADINGS = ["SKU", "Title", "Price", "Quantity", "Brand"]


def rows(count: int, price: str = "10") -> list[list[Any]]:
    return [HEADINGS, *([f"S-{n:05}", f"Mug {n}", price, n % 50, f"Brand {n % 9}"] for n in range(count))]


@pytest.mark.req("R-USE-02")
def test_a_chunk_costs_the_same_for_few_and_for_many_rows() -> None:
    few = upload("products", *rows(5))
    many = upload("products", *([r[0].replace("S", "T"), *r[1:]] if r[0] != "SKU" else r for r in rows(40)))
    taken = []
    for found in (few, many):
        job = services.check(found, by=ANNA)
        with CaptureQueriesContext(connection) as of_check:
            jobs.work(job.pk)
        job = services.confirm(found, by=ANNA)
        with CaptureQueriesContext(connection) as of_apply:
            jobs.work(job.pk)
        taken.append((len(of_check), len(of_apply)))
    assert abs(taken[0][0] - taken[1][0]) <= 2
    assert taken[1][1] <= taken[0][1]  # the first file also made the warehouse


@pytest.mark.req("R-USE-02")
def test_an_export_costs_the_same_for_few_and_for_many_rows(tmp_path: Path) -> None:
    kind = kinds.get("products")
    taken = []
    for count in (3, 60):
        applied("products", *rows(count))
        with CaptureQueriesContext(connection) as asked:
            assert workbooks.write_export(kind, tmp_path / "out.xlsx") == count
        taken.append(len(asked))
    assert taken[0] == taken[1] <= 8


@pytest.mark.slow
@pytest.mark.req("R-USE-02")
def test_20_000_rows() -> None:
    found = applied("products", *rows(20_000))
    assert found.counts == {"created": 20_000, "updated": 0, "unchanged": 0, "rejected": 0}
    again = checked("products", *rows(20_000))
    assert again.counts == {"created": 0, "updated": 0, "unchanged": 20_000, "rejected": 0}
    assert not again.staged.exists()
    changed = applied("products", *rows(20_000, "11"))
    assert changed.counts["updated"] == 20_000
    assert set(Variant.objects.values_list("price", flat=True)) == {11}
