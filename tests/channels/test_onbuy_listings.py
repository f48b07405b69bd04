"""New listings on OnBuy, many at once: the queue, per-item errors, what became of a lost answer (`onbuy.md` §6, §7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from channels.connectors.onbuy import listing_bodies
from channels.connectors.onbuy.adapter import OnBuyAdapter
from channels.connectors.onbuy.sandbox import make_sandbox
from channels.contract.errors import Rejected, Uncertain
from channels.contract.records.pages import PullQuery
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingJob, ListingResult
from channels.sandbox.server import Running
from tests.channels.onbuy import adapter_for, asked, draft, many, one, sent


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(make_sandbox(**options).serve())


@pytest.fixture
def running(serve: Callable[..., Running]) -> Running:
    return serve()


@pytest.fixture
def onbuy(running: Running) -> OnBuyAdapter:
    return adapter_for(running)


def go_on(jobs: list[ListingJob], answers: Any) -> list[ListingJob]:
    return [replace(job, step=answer.step) for job, answer in zip(jobs, answers, strict=True)]


@pytest.mark.req("R-CAT-08")
def test_two_hundred_and_fifty_products_are_three_posts_and_one_put(running, onbuy):
    jobs = many(250)
    jobs[3] = replace(jobs[3], draft=replace(jobs[3].draft, category_external_ids=("2001",)))  # not listable
    jobs[4] = replace(jobs[4], draft=replace(jobs[4].draft, description=" "))  # refused before it is sent
    answers = onbuy.make_listings(jobs)
    assert [len(body["products"]) for body in sent(running, "POST", "/products")] == [99, 100, 50]
    assert not asked(running, "/products")
    assert isinstance(answers[3], Rejected)
    assert "Category is not listable" in str(answers[3])
    assert isinstance(answers[4], Rejected)
    assert answers[4].field == "description"
    good = [n for n in range(250) if n not in (3, 4)]
    steps = [answers[n].step for n in good]
    assert len(set(steps)) == 248
    assert all(step.startswith("queue:") and len(step) <= 40 for step in steps)
    assert [answers[n].external_id for n in good[:2]] == ["P0", "P1"]

    waiting = go_on([jobs[n] for n in good], [answers[n] for n in good])
    running.sandbox.requests.clear()
    assert all(
        a.is_pending and a.step == j.step for a, j in zip(onbuy.make_listings(waiting), waiting, strict=True)
    )
    assert len(asked(running, "/queues")) == 5  # fifty a call
    running.sandbox.settle()
    running.sandbox.requests.clear()
    done = onbuy.make_listings(waiting)
    assert all(isinstance(answer, ListingResult) and not answer.is_pending for answer in done)
    assert len(running.sandbox.requests) == 5 + 1
    row = running.sandbox.market.listing("P249")
    assert (row["price"], row["stock"]) == ("25.00", 6)


def test_each_queue_entry_has_a_state_of_its_own(running, onbuy):
    jobs = many(4)
    waiting = go_on(jobs, onbuy.make_listings(jobs))
    entries = list(running.sandbox.market.queues.values())
    entries[1] |= {"status": "failed", "error_message": "Image could not be fetched"}
    entries[2]["at"] += 10_000  # still pending
    running.sandbox.configure(queue_seconds=0, listing_seconds=0)
    done, failed, pending, other = onbuy.make_listings(waiting)
    assert (done.is_pending, done.external_id, other.external_id) == (False, "P0", "P3")
    assert (failed.code, "Image could not be fetched" in str(failed)) == ("queue_failed", True)
    assert (pending.is_pending, pending.step) == (True, waiting[2].step)


@pytest.mark.parametrize("count", [3, 30])
def test_barcodes_that_are_there_are_listed_on_their_products_in_one_call(running, onbuy, count):
    """Few are looked for first; of many, the queue says it, and nothing is made twice."""
    market = running.sandbox.market
    jobs = many(count)
    for n in range(count):
        market.add_product(f"Somebody's {n}", [f"77{n:011d}"])
    answers = onbuy.make_listings(jobs)
    if count > 10:
        assert not asked(running, "/products")
        running.sandbox.settle()
        answers = onbuy.make_listings(go_on(jobs, answers))
    else:
        assert not sent(running, "POST", "/products")
    assert {answer.step for answer in answers} == {"live"}
    assert [len(body["listings"]) for body in sent(running, "POST", "/listings")] == [count]
    running.sandbox.settle()
    assert not any(answer.is_pending for answer in onbuy.make_listings(go_on(jobs, answers)))
    assert {market.listing(f"P{n}")["name"] for n in range(count)} == {
        f"Somebody's {n}" for n in range(count)
    }


def test_a_group_whose_barcodes_are_all_there_is_listed_on_them_and_else_refused(running, onbuy):
    rows = [
        one(f"TEE-{c}", ref=c, options={"Colour": c}, barcode=f"880000000000{n}") for n, c in enumerate("AB")
    ]
    tee = draft(*rows, kind=ProductKind.GROUP, title="Tee")
    running.sandbox.market.add_product("Theirs - A", ["8800000000000"])
    [made] = onbuy.make_listings([ListingJob(tee)])
    running.sandbox.settle()
    [refused] = onbuy.make_listings([ListingJob(tee, made.step)])
    assert isinstance(refused, Rejected)
    assert "already exists" in str(refused)
    running.sandbox.market.add_product("Theirs - B", ["8800000000001"])
    [listed] = onbuy.make_listings([ListingJob(tee, made.step)])
    assert (listed.step, listed.external_id) == ("live", made.external_id)
    group = made.external_id.removeprefix("group:")
    assert {row["group_sku"] for row in sent(running, "POST", "/listings")[0]["listings"]} == {group}


@pytest.mark.parametrize("head", ["ACME-0", "1000"])
def test_two_groups_whose_skus_begin_alike_stay_two_groups(running, onbuy, head):
    jobs = [
        ListingJob(
            draft(
                *(one(f"{head}{n}", ref=str(n), options={"Size": str(n)}) for n in numbers),
                ref=f"listing-{numbers[0]}",
                kind=ProductKind.GROUP,
                title="Tee",
            )
        )
        for numbers in ((1, 2), (3, 4))
    ]
    waiting = go_on(jobs, onbuy.make_listings(jobs))
    running.sandbox.settle()
    one_group, other = onbuy.make_listings(waiting)
    assert one_group.external_id != other.external_id
    query = PullQuery(ids=(one_group.external_id, other.external_id))
    records = [r for token in (None, "all:0") for r in onbuy.pull_products(query, token).records]
    assert {record.external_id: [v.sku for v in record.variants] for record in records} == {
        one_group.external_id: [f"{head}1", f"{head}2"],
        other.external_id: [f"{head}3", f"{head}4"],
    }
    again = [
        replace(job.draft, external_id=made.external_id)
        for job, made in zip(jobs, (one_group, other), strict=True)
    ]
    assert [listing_bodies.listed(each)[0] for each in again] == [one_group.external_id, other.external_id]


def test_a_new_listing_is_sent_its_price_and_stock_until_onbuy_knows_its_sku(serve):
    clock = [1_800_000_000.0]
    running = serve(clock=lambda: clock[0], token_seconds=10**9, listing_seconds=150)
    onbuy: Any = adapter_for(running)
    [made] = onbuy.make_listings(many(1))
    job = replace(many(1)[0], step=made.step)
    clock[0] += 30
    for _time in range(3):
        [made] = onbuy.make_listings([job])
        assert (made.is_pending, made.step, made.wait) == (True, "live", 60.0)
        job = replace(job, step=made.step)
        clock[0] += made.wait
    [made] = onbuy.make_listings([job])
    assert not made.is_pending
    assert len(sent(running, "PUT", "/listings/by-sku")) == 4
    assert all(
        body["listings"] == [{"sku": "P0", "price": 25.0, "stock": 6}] for body in sent(running, "PUT")
    )


def test_a_batch_that_is_refused_as_a_whole_leaves_only_the_guilty_one_behind(serve):
    running = serve(refuses_whole=True)
    onbuy, jobs = adapter_for(running), many(16)
    jobs[5] = replace(jobs[5], draft=replace(jobs[5].draft, category_external_ids=("2001",)))
    answers = onbuy.make_listings(jobs)
    assert [n for n, answer in enumerate(answers) if isinstance(answer, Rejected)] == [5]
    assert "Category is not listable" in str(answers[5])
    assert len(running.sandbox.market.queues) == 15
    assert sorted(entry["uid"] for entry in running.sandbox.market.queues.values()) == sorted(
        {entry["uid"] for entry in running.sandbox.market.queues.values()}
    )


def test_creation_that_is_not_switched_on_is_asked_for_once(serve):
    running = serve(may_create=False)
    answers = adapter_for(running).make_listings(many(12))
    assert all("not enabled for this account" in str(answer) for answer in answers)
    assert len(sent(running, "POST", "/products")) == 1


@pytest.mark.parametrize("is_filtered", [True, False])
def test_after_a_lost_answer_none_of_the_batch_is_made_twice(running, onbuy, is_filtered):
    running.sandbox.configure(filters_queue_ids=is_filtered)
    jobs = many(60)
    running.sandbox.inject("no_answer", method="POST", match="/v2/products")
    answers = onbuy.make_listings(jobs)
    assert all(isinstance(answer, Uncertain) for answer in answers)
    assert len(running.sandbox.market.queues) == 60
    running.sandbox.requests.clear()
    unsure = [replace(job, is_uncertain=True) for job in jobs]
    found = onbuy.make_listings(unsure)
    assert all(answer.step.startswith("queue:") for answer in found)
    assert len(running.sandbox.requests) == 1  # one page of the queue, by our references
    assert len(running.sandbox.market.queues) == 60
    running.sandbox.settle()
    assert not any(a.is_pending for a in onbuy.make_listings(go_on(jobs, found)))
    assert len(running.sandbox.market.listings) == 25 + 60


def test_what_was_not_carried_out_is_made_and_what_is_on_sale_is_only_sent_its_figures(running, onbuy):
    jobs = many(2)
    running.sandbox.inject("drop", method="POST", match="/v2/products")
    assert all(isinstance(answer, Uncertain) for answer in onbuy.make_listings(jobs))
    assert not running.sandbox.market.queues
    unsure = [replace(job, is_uncertain=True) for job in jobs]
    made = onbuy.make_listings(unsure)
    assert len(running.sandbox.market.queues) == 2
    assert all(answer.step.startswith("queue:") for answer in made)
    running.sandbox.settle()
    running.sandbox.market.queues.clear()  # long ago: the queue has forgotten it
    assert [answer.step for answer in onbuy.make_listings(unsure)] == ["live", "live"]
    assert len(running.sandbox.market.listings) == 25 + 2


def test_the_queue_of_others_is_leafed_through(running, onbuy):
    jobs = many(1)
    [made] = onbuy.make_listings(jobs)
    for n in range(230):
        running.sandbox.market.enqueue(f"another program {n}", {})
    running.sandbox.requests.clear()
    [found] = onbuy.make_listings([replace(jobs[0], is_uncertain=True)])
    assert found.step == made.step
    assert len(asked(running, "/queues")) == 3


@pytest.mark.parametrize("is_filtered", [True, False])
def test_many_pending_listings_cost_few_looks(running, onbuy, is_filtered):
    running.sandbox.configure(filters_queue_ids=is_filtered)
    jobs = many(12)
    waiting = go_on(jobs, onbuy.make_listings(jobs))
    running.sandbox.requests.clear()
    answers = onbuy.make_listings(waiting)
    assert all(answer.is_pending for answer in answers)
    assert {answer.wait for answer in answers} == {300.0}
    assert len(asked(running, "/")) == 1


def test_where_the_filter_is_ignored_the_newest_entries_are_leafed_through(running, onbuy):
    running.sandbox.configure(filters_queue_ids=False)
    jobs = many(12)
    waiting = go_on(jobs, onbuy.make_listings(jobs))
    for n in range(130):
        running.sandbox.market.enqueue(f"another program {n}", {})
    running.sandbox.requests.clear()
    answers = onbuy.make_listings(waiting)
    assert [answer.step for answer in answers] == [job.step for job in waiting]
    assert len(asked(running, "/queues")) == 3  # by number, in vain, then two pages; not one by one


def test_changed_content_of_many_products_is_one_put(running, onbuy):
    rows = [("MUG-CRM", "Tin mug"), ("MUG-MOS", "Tin cup"), ("KNF-20", "Theirs"), ("GONE", "x")]
    jobs = [
        ListingJob(draft(one(sku, external_id=sku), ref=f"l-{sku}", external_id=sku, title=title,
                         changed=frozenset({"title"})))
        for sku, title in rows
    ]  # fmt: skip
    answers = onbuy.change_listings(jobs)
    assert [len(body["products"]) for body in sent(running, "PUT", "/products")] == [3]
    assert isinstance(answers[3], Rejected)
    running.sandbox.settle()
    mug, cup, theirs = onbuy.change_listings(go_on(jobs[:3], answers[:3]))
    assert (mug.is_pending, cup.is_pending) == (False, False)
    assert running.sandbox.market.listing("MUG-MOS")["name"] == "Tin cup"
    assert "only edit products that you have created" in str(theirs)
    assert running.sandbox.market.listing("KNF-20")["name"] == "Chef's Knife, 20 cm"
