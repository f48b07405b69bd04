"""Home: what needs attention, the figures, and a number of queries that does not grow."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels.contract.records.orders import RemoteState
from channels.models import Connection, LaneBeat, OutboxMessage, RejectedRecord, SyncRun, SyncStream
from channels.stores.health import run_history
from oms.admin import home_figures as figures
from oms.admin import home_needs
from oms.kit.admin.charts import HALF, NARROW, hours, marks, nice_top
from oms.kit.models import Problem
from oms.kit.problems import all_codes
from orders.models import Order
from tests import factories
from tests.admin import desk_data

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def needs(response) -> list[str]:
    return [need.text for need in response.context["needs"]]


def test_an_empty_installation_says_what_comes_next(owner):
    text = owner.get("/admin/").content.decode()

    assert "Nothing needs attention." in text
    assert "Connect your first store" in text


def test_what_needs_attention_comes_first_with_its_page(owner):
    shop = desk_data.shop("UK Shop")
    desk_data.order(shop, ship_in=timedelta(hours=-2))
    desk_data.order(shop, desk_data.line("NOBODY-KNOWS"))
    broken = factories.store("Dead key", state="needs_seller", state_reason="The shop refused the key.")
    quiet = factories.store("New one", is_read_only=True)
    OutboxMessage.objects.create(
        connection=shop, kind="state", topic="stock", lane="stock", subject=99_999, parked_at=timezone.now()
    )
    RejectedRecord.objects.create(
        connection=shop, stream="products", external_id="7", reason="no", native=b""
    )
    LaneBeat.objects.create(lane="stock", beat_at=timezone.now() - timedelta(minutes=10))

    response = owner.get("/admin/")

    assert needs(response) == [
        "1 order is late",
        "1 order with an unknown SKU",
        "Dead key: The shop refused the key.",
        "New one is read-only. Check the first sync report, then go live.",
        "The worker of the lane “stock” has stopped. Restart it.",
        "1 failed message (UK Shop)",
        "1 rejected record (UK Shop)",
    ]
    by_text = {need.text: need for need in response.context["needs"]}
    assert by_text["Dead key: The shop refused the key."].url.endswith(f"/{broken.pk}/reconnect/")
    assert by_text[needs(response)[3]].url.endswith(f"/{quiet.pk}/first-sync/")
    assert all(need.url for need in response.context["needs"] if "lane" not in need.text)


def test_the_number_of_queries_does_not_grow(owner):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert owner.get("/admin/").status_code == 200
        return len(queries)

    shop = desk_data.shop("One")
    desk_data.order(shop)
    SyncStream.objects.create(connection=shop, name="orders.new", period=300)
    count()
    few = count()
    for number in range(6):
        more = factories.store(f"Shop {number}")
        SyncStream.objects.create(connection=more, name="orders.new", period=300)
        SyncRun.objects.create(connection=more, stream="orders.new", state="done")
        Problem.objects.create(code=f"c{number}", subject_kind="order", subject_id=number, message="x")
        desk_data.order(shop, desk_data.line("TEE-M"))

    assert count() == few
    assert few <= 24


def test_lateness_by_state_and_by_the_hour(owner):
    shop = desk_data.shop()
    desk_data.order(shop, ship_in=timedelta(hours=-1))
    desk_data.order(shop, ship_in=timedelta(minutes=30))
    desk_data.order(shop, ship_in=timedelta(hours=3))
    desk_data.order(shop, ship_in=timedelta(hours=30))

    states, oldest = figures.open_states()

    assert [(state.status, state.count, state.late) for state in states if state.count] == [("new", 4, 1)]
    assert oldest is not None
    assert [(key, count) for key, _label, count in figures.ship_by_buckets()] == [
        ("late", 1),
        ("1h", 1),
        ("4h", 1),
        ("24h", 0),
        ("later", 1),
    ]


@pytest.mark.fault("F-41")
def test_only_orders_that_may_be_shipped_can_be_late(owner):
    shop = desk_data.shop()
    past = timedelta(hours=-2)
    statuses = ("unpaid", "draft", "new", "partial", "rfp", "packed", "rts", "cancel_in_process")
    for status in statuses:
        Order.objects.filter(pk=desk_data.order(shop, ship_in=past).pk).update(status=status)
    Order.objects.filter(pk=desk_data.order(shop, ship_in=past).pk).update(status="new", holds_open=1)

    states, _oldest = figures.open_states()

    assert {state.status: state.late for state in states if state.late} == dict.fromkeys(
        ("new", "partial", "rfp", "packed"), 1
    )
    assert {key: count for key, _label, count in figures.ship_by_buckets()}["late"] == 4
    rows = owner.get("/admin/orders/order/?due=late").context["cl"].result_list
    assert sorted(order.status for order in rows) == ["new", "packed", "partial", "rfp"]
    shown = owner.get("/admin/orders/order/").content.decode()
    assert shown.count("late 2 h") == 4
    assert all(order.can_be_late == (order.status in ("new", "partial", "rfp", "packed") and not order.holds_open)
               for order in Order.objects.all())  # fmt: skip


@pytest.mark.fault("F-41")
def test_every_number_of_orders_on_home_leads_to_exactly_its_rows(owner):
    shop = desk_data.shop("UK Shop")
    for left in (-3, 0.5, 3, 10, 40):
        desk_data.order(shop, ship_in=timedelta(hours=left))
    unknown = [
        desk_data.order(shop, desk_data.line("WHO-1"), desk_data.line("WHO-2")) for _number in range(2)
    ]
    desk_data.order(shop, desk_data.line("WHO-1"), state=RemoteState.UNPAID, ship_in=timedelta(hours=-5))
    Order.objects.filter(pk=unknown[0].pk).update(status="draft")

    body = owner.get("/admin/").content.decode()

    found = []
    for url, text in re.findall(
        r'<a[^>]*href="(/admin/orders/order/\?[^"]+)"[^>]*>(.*?)</a>', body, re.DOTALL
    ):
        words = re.sub(r"<[^>]+>", " ", text)
        if number := re.search(r"\d+", words):
            rows = owner.get(url.replace("&amp;", "&")).context["cl"].result_list
            assert len(rows) == int(number.group()), (url, words.split())
            found.append(url.partition("?")[2])
    assert {"tab=new", "due=late", "due=later", "problem=unknown_sku", "tab=new&amp;due=late"} <= set(found)


@pytest.mark.fault("F-44")
def test_the_menu_counts_the_rows_of_its_page_and_again_after_a_form(owner):
    shop = desk_data.shop("UK Shop")
    orders = [desk_data.order(shop, desk_data.line("WHO-1")) for _number in range(3)]

    def counted(response) -> list[int]:
        entries = [entry for group in response.context["menu"] for entry in group["entries"]]
        return [entry["count"] for entry in entries if entry["title"] == "SKU inbox"]

    assert counted(owner.get("/admin/")) == [1]

    row = f"unknown_sku:{orders[0].lines.get().pk}"
    page = owner.post("/admin/catalogue/sku-inbox/", {"map": row, f"sku-{row}": "MUG-RED"}, follow=True)

    assert "WHO-1” of UK Shop was mapped to MUG-RED. 3 orders continue." in page.content.decode()
    assert page.context["lines"] == []
    assert counted(page) == [0]


def test_turnover_keeps_currencies_and_stores_apart_and_leaves_cancelled_out():
    one, two = desk_data.shop("One"), factories.store("Two")
    first = desk_data.order(one, desk_data.line("MUG-RED", 2))
    second = desk_data.order(two, desk_data.line("TEE-M", 1, "24.00"))
    gone = desk_data.order(one)
    type(gone).objects.filter(pk=gone.pk).update(status="cancelled")
    type(second).objects.filter(pk=second.pk).update(currency="EUR", total=Decimal("24.00"))
    type(first).objects.filter(pk=first.pk).update(total=Decimal("27.95"))

    blocks = {block.currency: block for block in figures.turnover()}

    assert {c: {pk: block.total(pk) for pk in block.stores} for c, block in blocks.items()} == {
        "GBP": {one.pk: Decimal("27.95")},
        "EUR": {two.pk: Decimal("24.00")},
    }
    assert blocks["GBP"].units[one.pk] == 2


def test_a_stream_is_late_after_its_period_and_two_minutes():
    shop = factories.store()
    now = timezone.now()
    old = Connection.objects.filter(pk=shop.pk)
    old.update(created_at=now - timedelta(hours=1))
    shop.refresh_from_db()

    def late(seconds: int) -> bool:
        stream = SyncStream(
            connection=shop, name="x", period=300, completed_at=now - timedelta(seconds=seconds)
        )
        return run_history.freshness([stream], {})[0].is_late

    assert not late(300 + 110)
    assert late(300 + 130)
    assert run_history.freshness([SyncStream(connection=shop, name="x", period=300)], {})[0].is_late
    assert not run_history.freshness([SyncStream(connection=shop, name="x", period=None)], {})[0].is_late
    assert not run_history.freshness([SyncStream(connection=shop, name="x", period=300, is_on=False)], {})[
        0
    ].is_late


def test_sync_status_names_late_imports_in_words(owner):
    shop = factories.store()
    SyncStream.objects.update_or_create(
        connection=shop,
        name="orders.changed",
        defaults={"period": 300, "completed_at": timezone.now() - timedelta(hours=9)},
    )

    page = owner.get("/admin/").content.decode()

    assert re.search(r">\s*Changed orders: 9 h ", page)
    assert "orders.changed" not in page


def test_the_tracker_colours_quarters_of_an_hour():
    now = timezone.now()

    cells = run_history.bars(
        [(now - timedelta(minutes=1), "done"), (now - timedelta(hours=2), "failed")], now
    )

    assert len(cells) == 96
    assert cells[-1][0] == "success"
    assert [colour for colour, _words in cells].count("danger") == 1


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (4_200, 5_000)]
)
def test_an_axis_ends_at_a_round_number(value, top):
    assert nice_top(value) == top


@pytest.mark.parametrize(
    ("top", "lines"),
    [(1, [1]), (2, [1, 2]), (5, [1, 2, 3, 4, 5]), (10, [5, 10]), (50, [25, 50]), (500, [250, 500])],
)
def test_an_axis_has_whole_numbers(top, lines):
    assert marks(top) == lines


def test_a_chart_is_drawn_again_for_a_phone():
    wide, narrow = (hours([1, 2], [0] * 24, "Orders", unit="GBP", width=width) for width in (HALF, NARROW))

    assert f'viewBox="0 0 {HALF} 180"' in wide
    assert "oms-chart-wide" in wide
    assert f'viewBox="0 0 {NARROW} 180"' in narrow
    assert "oms-chart-narrow" in narrow
    assert ">GBP</text>" in narrow


@pytest.mark.parametrize(
    ("code", "count", "sentence"),
    [
        ("unknown_sku", 3, "3 orders with an unknown SKU"),
        ("duplicate_sku", 1, "1 duplicate SKU"),
        ("partly_refunded", 1, "1 order partly refunded: choose what to ship"),
        ("late_cancel", 1_200, "1,200 orders cancelled after packing"),
        ("of_a_plugin", 2, "2 × of_a_plugin"),
    ],
)
def test_a_problem_is_a_sentence_that_starts_with_the_number(code, count, sentence):
    assert home_needs.problem_text(code, count) == sentence


def test_every_problem_that_an_app_declares_has_its_sentence():
    assert set(home_needs.PROBLEMS) == set(all_codes())
