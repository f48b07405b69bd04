"""A killed worker, a cancelled job, two people: every row is applied once or not at all."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from django.db import connection

from catalogue.models import Product, Variant
from channels.models import OutboxMessage
from inventory.models import StockItem, StockMovement
from oms.kit.background import jobs
from oms.kit.imports import applying, services, source
from oms.kit.imports.models import StagedRow
from oms.kit.models import Job
from tests import factories
from tests.imports.flow import checked, confirm, upload

pytestmark = [pytest.mark.usefixtures("var_dir")]


class Killed(BaseException):
    """The worker ends here."""


def kill_after(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, calls: int) -> None:
    """Let the worker die in the n-th call of a function."""
    real, left = getattr(where, name), [calls]

    def dying(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return real(*args, **kwargs)

    monkeypatch.setattr(where, name, dying)


def restart(job: Job) -> None:
    """Another worker begins when the lease of the dead one has ended."""
    Job.objects.filter(pk=job.pk).update(lease_until=None, lease_token="")
    source.forget()
    jobs.run_here(job)


@pytest.mark.django_db
@pytest.mark.req("R-USE-02")
def test_a_killed_check_continues_and_stages_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "CHUNK", 2)
    found = upload("products", ["SKU", "Title"], *([f"S-{n}", "Mug"] for n in range(7)))
    job = services.check(found, by=found.by)
    with monkeypatch.context() as patch:
        kill_after(patch, source, "session_of", 2)
        kill_after(patch, __import__("oms.kit.imports.checking", fromlist=["insert"]), "insert", 4)
        with pytest.raises(Killed):
            jobs.work(job.pk)
    restart(job)

    found.refresh_from_db()
    assert found.counts == {"created": 7, "updated": 0, "unchanged": 0, "rejected": 0}
    assert sorted(found.staged.values_list("row", flat=True)) == list(range(2, 9))


@pytest.mark.django_db
@pytest.mark.req("R-USE-02")
def test_a_killed_apply_writes_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "CHUNK", 2)
    store = factories.store()
    for number in range(5):
        factories.stocked(f"S-{number}", connection=store, leeds=4)
    before = StockMovement.objects.count()
    found = checked("stock", ["SKU", "Quantity"], *([f"S-{n}", 10 + n] for n in range(5)))
    job = services.confirm(found, by=found.by)
    with monkeypatch.context() as patch:
        kill_after(patch, applying, "set_to", 2)  # the second chunk is written and not committed
        with pytest.raises(Killed):
            jobs.work(job.pk)
    assert found.staged.filter(state=StagedRow.State.APPLIED).count() == 2

    restart(job)

    found.refresh_from_db()
    assert found.counts == {"created": 0, "updated": 5, "unchanged": 0, "rejected": 0}
    assert StockMovement.objects.count() == before + 5
    assert sorted(StockItem.objects.values_list("on_hand", flat=True)) == [10, 11, 12, 13, 14]
    assert set(OutboxMessage.objects.filter(topic="stock").values_list("wanted", flat=True)) == {1}


@pytest.mark.django_db
@pytest.mark.req("R-USE-02")
def test_a_cancelled_import_keeps_what_was_applied_and_can_be_undone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source, "CHUNK", 2)
    monkeypatch.setattr(applying, "SECONDS", -1)  # one chunk a slice
    found = checked("products", ["SKU", "Title"], *([f"S-{n}", "Mug"] for n in range(5)))
    job = services.confirm(found, by=found.by)
    jobs.work(job.pk)

    services.cancel(found, by=found.by)
    jobs.run_here(job)
    found.refresh_from_db()
    services.settle(found)

    assert (found.state, Product.objects.count()) == ("cancelled", 2)
    assert found.counts["created"] == 2
    assert found.counts["not_applied"] == 3
    jobs.run_here(services.undo(found, by=found.by))
    assert not Product.objects.exists()


@pytest.mark.django_db
@pytest.mark.req("R-USE-02")
def test_an_import_whose_job_was_cancelled_elsewhere_is_not_left_open() -> None:
    found = upload("products", ["SKU", "Title"], ["S-1", "Mug"])
    jobs.cancel(job=services.check(found, by=found.by))
    found.refresh_from_db()
    assert services.settle(found).state == "cancelled"


@pytest.mark.django_db
@pytest.mark.req("R-USE-02")
def test_all_or_nothing_takes_everything_away_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "CHUNK", 2)
    found = checked("products", ["SKU", "Title"], *([f"S-{n}", "Mug"] for n in range(5)), all_or_nothing=True)
    factories.variant("S-4")

    confirm(found)

    assert (found.state, found.counts["created"]) == ("failed", 0)
    assert found.message == (
        "Nothing was applied, because one row cannot be applied. "
        "Row 6: The SKU was created since the file was checked."
    )
    assert list(Variant.objects.values_list("sku", flat=True)) == ["S-4"]


@pytest.mark.django_db
@pytest.mark.req("R-USE-02")
def test_two_imports_of_the_same_rows_do_not_overwrite_each_other() -> None:
    factories.variant("MUG")
    first = checked("prices", ["SKU", "Price"], ["MUG", "11"])
    second = checked("prices", ["SKU", "Price"], ["MUG", "12"])

    confirm(first)
    confirm(second)

    assert Variant.objects.get().price == 11
    assert second.counts == {"created": 0, "updated": 0, "unchanged": 0, "rejected": 1}
    assert second.staged.get().reason == "The price was changed since: it is 11.00 now."


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R-USE-02")
def test_two_people_apply_files_with_the_same_skus_at_once() -> None:
    for number in range(30):
        factories.stocked(f"S-{number}", leeds=4)
    ways = (range(30), range(29, -1, -1))
    found = [
        checked("stock", ["SKU", "Quantity"], *([f"S-{n}", 20 + way] for n in order))
        for way, order in enumerate(ways)
    ]
    started = [services.confirm(one, by=one.by) for one in found]

    def apply(job: Job) -> None:
        try:
            jobs.run_here(job)
        finally:
            connection.close()

    threads = [Thread(target=apply, args=(job,)) for job in started]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for one in found:
        one.refresh_from_db()
        assert one.state == "done"
    assert sum(one.counts["updated"] for one in found) == 30
    assert sum(one.counts["rejected"] for one in found) == 30
    assert StockMovement.objects.filter(kind="count").count() == 30
