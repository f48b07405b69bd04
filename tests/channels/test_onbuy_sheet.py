"""What the sheet `onbuy.md` warns of, by its sections, as far as no other test of this folder shows it already.

§1 Paging, short pages, moved rows: adapter `a_short_page`, `a_listing_that_vanishes`, `no_order_is_lost`, here `fewer_rows`,
`totals_as_text`. Text for numbers, 0 and 1 for flags, money as text: mapping `numbers_as_text`. Times without a zone: adapter
`british_times`, here `windows_overlap`. No returns: adapter `a_call_that_is_refused`. No webhooks: contract `what_cannot_be_done`.
§2 Bare token, asked for once: adapter `sent_bare`. Dies in mid-sweep: adapter `a_token_that_dies`. Shared: engine `two_workers`,
here `many_workers`, `renewed_before_its_end`, `the_sign_in_counts`. Whose account: adapter `whose_account`.
§3 Limits by method: engine `a_full_method`, `a_full_window`, short_quota `an_hourly_limit`, here `both_windows`, `the_pace`.
429: adapter `the_limit_of_a_method`, engine `takes_no_more_changes`. 1,000 SKUs: adapter `1001_skus`, figures `a_hundred_thousand`.
§4 Errors inside HTTP 200: adapter `1001_skus`, `not_answered`, listings `two_hundred_and_fifty`, adapter `a_dispatch_that_is_refused`.
Where the words stand: here `the_reason`, `done_refused_or_not_answered`, `a_flag_of_an_item`. Not answered: here `spelt_as_a_number`,
orders `does_not_answer`.
§5 Brands by name, features and their pages: lists. Carriers: adapter `either_list`. Templates a row per region: here `templates`.
§6 Shared catalogue, textual search: adapter `compared_as_a_whole`, `in_the_catalogue`. Queue, states, `existing_opc`, ignored filter,
lost answers, batches: listings. Content of own products only: listings `changed_content`. Two options: mapping `at_most_two_options`.
What OnBuy would refuse: mapping `said_before_it_is_sent`. `variant_opcs` are not trusted: never read, SKUs are.
§7 Born at 0, live by price and stock, `SKU does not exist` three times: listings `until_onbuy_knows_its_sku`. No switch: capabilities.
Shown minutes later: sweep `the_old_figure`. Left-out fields: figures `what_is_known`. Sales: figures `a_sale_with_dates`. Leading zeros:
mapping `never_made_a_number`, adapter `a_space_at_its_end`. Suspended: adapter `1001_skus`. Commission: here `no_commission`.
§8 Slugs asked, labels answered: adapter `by_slug`, mapping `labels_and_slugs`. Always a status, nothing exported: orders `two_polls`.
Dropped by date: adapter `of_a_period`. One second: adapter `of_one_second`. A status of its own: orders `has_invented`. Dispatch,
parts, two lines of a SKU, tracking, 16 with its url: mapping `tracking_names`, orders. Late numbers: adapter `a_late_number`, orders
`before_the_manifest`. Cancel, reasons, confirmed by reading: orders, adapter `confirmed_by_reading`. Refunds before, after and
between: mapping, orders `money_given_back`, `part_of_the_money_back`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection as database
from django.utils import timezone

from channels.connectors.onbuy.channel import SPEC
from channels.connectors.onbuy.client import answers_of, error_text, order_error_text
from channels.connectors.onbuy.sandbox import make_sandbox
from channels.contract.errors import RateLimited, TemporaryError
from channels.contract.records.pages import PullQuery
from channels.contract.records.updates import StockUpdate
from channels.contract.spec import Stream
from channels.http import rate_limit, session
from channels.models import Budget, Connection
from channels.pull import runner
from channels.sandbox.server import Response, Running
from channels.stores import connect
from oms.kit.models import Job
from tests.channels.onbuy import adapter_for, asked, draft, one


class Time:
    """A clock for the house and the sandbox."""

    def __init__(self) -> None:
        self.moment = timezone.now()

    def stamp(self) -> float:
        return self.moment.timestamp()

    def go(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(timezone, "now", lambda: made.moment)
    monkeypatch.setattr(session, "_sleep", made.go)
    return made


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(make_sandbox(**options).serve())


def connected(running: Running, **options: Any) -> Connection:
    cache.clear()
    made = connect.connect(channel="onbuy", name="OnBuy", credentials=running.credentials)
    Job.objects.all().delete()
    Connection.objects.update(is_read_only=False, options=options)
    return Connection.objects.get(pk=made.pk)


# ---------------------------------------------------------------- §1


def test_totals_as_text_and_under_their_other_name(serve):
    running = serve(seed="empty", products=120)
    handle = running.sandbox.handle

    def texts(request: Any) -> Response:
        response = handle(request)
        document = json.loads(response.body)
        if isinstance(document, dict) and "metadata" in document:
            meta = document["metadata"]
            meta["total_results"] = str(meta.pop("total_rows"))
            return Response.json(document, response.status)
        return response

    running.sandbox.handle = texts
    onbuy = adapter_for(running)
    page = onbuy.pull_products(PullQuery())
    assert (len(page.records), page.total) == (100, 120)
    assert page.next_page is not None
    assert onbuy.pull_products(PullQuery(), page.next_page).next_page is None


def test_fewer_rows_than_onbuy_counts_are_asked_for_again_and_nothing_counts_as_deleted(serve):
    running = serve(seed="empty", products=120)
    onbuy = adapter_for(running)
    first = onbuy.pull_products(PullQuery())
    handle = running.sandbox.handle

    def empty(request: Any) -> Response:
        response = handle(request)
        document = json.loads(response.body)
        document["results"] = document.get("results", [])[
            :1
        ]  # the anchor of the page before, and nothing else
        return Response.json(document, response.status)

    running.sandbox.handle = empty
    with pytest.raises(TemporaryError, match="fewer rows"):
        onbuy.pull_products(PullQuery(), first.next_page)


def test_windows_overlap_by_more_than_an_hour():
    for name in (Stream.ORDERS_NEW, Stream.ORDERS_CHANGED):
        assert SPEC.stream(name).lookback > 3600


def test_brands_and_entities_take_no_site(serve):
    running = serve()
    onbuy = adapter_for(running)
    onbuy.verify()
    onbuy.find_brands("fern")
    onbuy.pull_orders(PullQuery())
    assert all("site_id=2000" in target for target in asked(running, "/listings") + asked(running, "/orders"))
    assert not [t for t in asked(running, "/brands") + asked(running, "/sellers/entities") if "site_id" in t]


# ---------------------------------------------------------------- §2


@pytest.mark.django_db
@pytest.mark.req("R-CONN-03")
def test_the_token_is_renewed_before_its_end(serve, time):
    running = serve(clock=time.stamp)
    store = connected(running)
    runner.adapter_of(store).verify()
    began = running.sandbox.sign_ins
    time.go(13 * 60)
    runner.adapter_of(store).verify()
    assert running.sandbox.sign_ins == began
    time.go(45)  # 13:45: a minute and a quarter before its end
    runner.adapter_of(store).verify()
    assert running.sandbox.sign_ins == began + 1
    assert 401 not in [response.status for _request, response in running.sandbox.exchanges]


def test_the_end_of_a_token_may_be_text(serve):
    running = serve()
    handle = running.sandbox.handle

    def texts(request: Any) -> Response:
        response = handle(request)
        if not request.path.endswith("request-token"):
            return response
        document = json.loads(response.body)
        return Response.json({**document, "expires_at": str(document["expires_at"])})

    running.sandbox.handle = texts
    assert adapter_for(running).verify().currency == "GBP"


@pytest.mark.django_db
def test_the_sign_in_counts_as_a_post(serve):
    store = connected(serve())
    runner.adapter_of(store).verify()
    assert sum(Budget.objects.get(connection=store).spent["POST:3600"].values()) == 1


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R-CONN-03")
def test_many_workers_whose_token_dies_sign_in_once(serve):
    """A newer token kills the older: two that signed in would throw each other out for ever."""
    running = serve()
    store = connected(running)
    running.sandbox.kill_tokens()
    began, errors = running.sandbox.sign_ins, list[Exception]()

    def worker() -> None:
        try:
            for _time in range(3):
                runner.adapter_of(Connection.objects.get(pk=store.pk)).verify()
        except Exception as error:
            errors.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=worker) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert running.sandbox.sign_ins == began + 1


# ---------------------------------------------------------------- §3


@pytest.mark.django_db
def test_both_windows_of_a_method_are_used_and_none_is_overstepped(serve, time):
    """20 an hour and 50 a day, where the sandbox counts the same: two full hours and a half, then the next day."""
    running = serve(clock=time.stamp, token_seconds=10**9)
    store = connected(running, puts_per_hour=20, puts_per_day=50)
    time.go(2 * 86_400)
    running.sandbox.configure(limits={"PUT": 20}, limits_per_day={"PUT": 50})
    client: Any = runner.adapter_of(store).client  # type: ignore[attr-defined]
    begun, moments, scopes = time.stamp(), list[float](), set[str]()
    while len(moments) < 70:
        try:
            client.put("/listings/by-sku", {"listings": [{"sku": "KNF-20", "stock": 3}]})
        except RateLimited as error:
            scopes.add(error.scope)
            time.go(error.retry_after)
        else:
            moments.append(time.stamp() - begun)
    assert (running.sandbox.refused, scopes) == (0, {"PUT"})
    assert sum(at < 3600 for at in moments) == 20
    assert sum(at < 86_400 for at in moments) == 50
    assert moments[50] < 86_400 * 1.05  # the next one goes when the day gives it back


@pytest.mark.django_db
def test_the_pace_spreads_stock_and_not_dispatches(serve, time):
    running = serve(clock=time.stamp, token_seconds=10**9)
    client: Any = runner.adapter_of(connected(running)).client  # type: ignore[attr-defined]
    body = {"listings": [{"sku": "KNF-20", "stock": 3}]}
    with rate_limit.spending(20):
        for _time in range(60):  # a quarter of the hour's 240 at once
            client.put("/listings/by-sku", body)
        with pytest.raises(RateLimited) as caught:
            client.put("/listings/by-sku", body)
    assert 3 < caught.value.retry_after <= 62
    with rate_limit.spending(10):
        client.put("/listings/by-sku", body)


# ---------------------------------------------------------------- §4 to §7


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"success": False, "error": {"errorCode": "badToken", "message": "The token is invalid"}}, "The token is invalid"),
        ({"error": {"errorCode": "badToken"}}, "badToken"),
        ({"message": "Nothing there"}, "Nothing there"),
        ({"errors": [{"message": "No price"}, "No stock"]}, "No price; No stock"),
        ({"error": "Plain words"}, "Plain words"),
        ([], ""),
    ],
)  # fmt: skip
def test_the_reason_is_found_wherever_it_stands(document, words):
    assert error_text(document) == words


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"success": True, "results": {"T1": {"success": True}}}, ""),
        ({"success": True, "results": {"T1": []}}, ""),
        ({"success": True, "results": {"T1": {"success": 1, "message": "Dispatched"}}}, ""),
        ({"success": True, "results": {"T1": {"message": "Not allowed"}}}, "Not allowed"),
        ({"success": True, "results": {"T1": {"success": "0"}}}, "it gave no reason"),
        ({"success": True, "result": [{"message": "Not allowed"}]}, "Not allowed"),
        ({"success": True, "results": [{"order_id": "T2", "message": "Not allowed"}]}, None),
        ({"success": True, "results": {"T2": {"success": True}}}, None),
        ({"success": True, "results": []}, None),
        ({"success": True}, None),
    ],
)
def test_an_order_is_done_refused_or_not_answered(document, words):
    assert order_error_text(document, "T1") == words


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"sku": "A", "success": True, "message": "Updated"}, ""),
        ({"sku": "A", "success": 0, "message": "No price"}, "No price"),
        ({"sku": "A", "success": "false"}, "refused"),
        ({"sku": "A", "error": {"errorCode": "e1", "message": "No price"}}, "No price"),
    ],
)
def test_a_flag_of_an_item_comes_in_any_form(row, words):
    assert answers_of({"success": True, "results": [row]}, ["A"]) == {"A": words}


def test_a_sku_whose_answer_is_spelt_as_a_number_is_answered_when_it_is_alone(serve):
    running = serve(seed="empty")
    market, calls = running.sandbox.market, running.sandbox.calls
    for place, sku in enumerate(("0010", "0020")):
        market.add_listing(market.add_product(f"Cup {sku}", [f"40{place:011d}"]), sku, "5.00", 3)
    real = calls.update_listings

    def spells(body: Any) -> Any:
        answer = real(body)
        return {**answer, "results": [{**row, "sku": int(row["sku"])} for row in answer["results"]]}

    calls.update_listings = spells
    onbuy = adapter_for(running)
    both = [StockUpdate(sku, sku, sku, sku, 7) for sku in ("0010", "0020")]
    assert [type(outcome.error) for outcome in onbuy.push_stock(both)] == [TemporaryError, TemporaryError]
    assert [onbuy.push_stock([update])[0].error for update in both] == [None, None]


def test_templates_are_given_once_though_each_has_a_row_for_each_region(serve):
    choices = adapter_for(serve()).pull_choices()
    assert choices == {"delivery_template": [("245", "Standard"), ("246", "Heavy goods")]}


def test_no_commission_is_ever_sent_because_it_costs_money(serve):
    running = serve()
    onbuy = adapter_for(running, delivery_template="246", handling_time=2)
    made = onbuy.create_listing(draft(one(barcode="5099999999999")))
    running.sandbox.settle()
    onbuy.listing_progress(draft(one(barcode="5099999999999")), made.step)
    bodies = [request.body.decode() for request, _response in running.sandbox.exchanges if request.body]
    assert '"delivery_template_id":246' in "".join(bodies)
    assert "boost" not in "".join(bodies)
