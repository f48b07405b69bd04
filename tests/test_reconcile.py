"""Reconcile: stores compared with Manifold both ways, for each channel over HTTP; repaired singly, by rule, by command (R-PLUS-05)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from catalogue.models import Listing, ListingVariant, Product, Variant
from catalogue.services.reconcile import DetailsPart, PricesPart
from channels.contract.registry import specs
from channels.models import Connection, Difference, DifferenceDay, OutboxMessage, ReconcileSeen
from channels.pull.single_records import request_orders
from channels.reconcile import differences, pacing, parts, repairs, runs, schedule
from channels.reconcile.parts import Found
from channels.stores import connect, services
from inventory.models import StockDifference
from oms.kit.authors.actors import SYSTEM
from oms.kit.background import jobs
from oms.kit.models import AuditEntry, Job
from orders.models import Order
from orders.ops import reconcile as orders_part
from tests import factories
from tests.support.workers import work

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-05")]
CHANNELS = ("opencart", "bigcommerce", "onbuy", "etsy")


@pytest.fixture(params=CHANNELS)
def shop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Connection, Any]]:
    """A live store after its first sync, and its sandbox. What changed a moment ago counts as long ago."""
    monkeypatch.setattr(orders_part, "POLLED", timedelta(days=-1))
    monkeypatch.setattr(orders_part, "MARGIN", timedelta(0))
    cache.clear()
    with ExitStack() as stack:
        running = stack.enter_context(specs()[request.param].make_sandbox(seed="empty", products=4).serve())
        store = connect.connect(channel=request.param, name="Shop", credentials=running.credentials)
        work()
        services.switch_on(connection=store)
        work()
        store.refresh_from_db()
        yield store, running.sandbox


def compare(store: Connection) -> dict[str, list[tuple[str, str]]]:
    """Compare the whole store; return the open differences as (class, channel id) by part."""
    job = jobs.run_here(runs.ask(connection=store))
    assert (job.state, job.refused) == (Job.State.DONE, 0), job.message
    rows = Difference.objects.filter(connection=store, closed_at=None).order_by("part", "key")
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        found.setdefault(row.part, []).append((row.kind, row.key))
    return found


def command(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, Any]:
    code = 0
    try:
        call_command("reconcile", *args, "--json")
    except SystemExit as end:
        code = int(end.code or 0)
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.django_db(transaction=True)
def test_every_class_is_found_both_ways_and_repaired(
    shop: tuple[Connection, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    store, sandbox = shop
    assert compare(store) == {}
    gone, drifted = (str(sandbox.place_order()["order_id"]) for _number in range(2))
    request_orders(store, [gone, drifted])
    work()
    sandbox.delete_order(gone)
    Order.objects.filter(external_id=drifted).update(remote_status_id="other", remote_status_name="Other")
    new = str(sandbox.place_order()["order_id"])
    deleted, lost, kept = Listing.objects.filter(connection=store).order_by("pk")[:3]
    sandbox.delete_product(deleted.external_id)
    ListingVariant.objects.filter(listing=lost).delete()
    lost.delete()
    Product.objects.filter(pk=kept.product_id).update(title="Our own title")
    Variant.objects.filter(product=kept.product_id).update(price=Decimal("987.00"), selling_price=None)

    found = compare(store)

    assert set(found["orders"]) == {("missing_here", new), ("missing_there", gone)}
    assert found["statuses"] == [("differs", drifted)]
    assert set(found["listings"]) == {
        ("missing_here", lost.external_id),
        ("missing_there", deleted.external_id),
    }
    assert found["details"] == [("differs", kept.external_id)]
    assert {kind for kind, _key in found["prices"]} == {"differs"}
    assert set(ListingVariant.objects.filter(listing=kept).values_list("external_id", flat=True)) == {
        key for _kind, key in found["prices"]
    }
    assert not ReconcileSeen.objects.exists()
    assert Product.objects.get(pk=kept.product_id).title == "Our own title", "nothing is changed unasked"
    assert not Order.objects.filter(external_id=new).exists()

    for name in ("orders.missing_here", "orders.missing_there", "statuses.differs"):
        code, out = command(capsys, "--store", "Shop", "--no-read", "--repair", name)
        assert (out["stores"][0]["repaired"], out["stores"][0]["refused"]) == (1, []), name
    for name in ("listings.missing_here", "listings.missing_there"):
        assert (
            command(capsys, "--store", "Shop", "--no-read", "--repair", name)[1]["stores"][0]["repaired"] == 1
        )
    code, _out = command(capsys, "--store", "Shop", "--no-read", "--repair", "details.differs=accept")
    work()
    Difference.objects.update(closed_at=timezone.now() - timedelta(days=1))

    assert code == 1, "prices are still open"
    after = compare(store)
    assert set(after) == {"prices"}
    assert Order.objects.get(external_id=gone).status == "cancelled"
    assert Order.objects.filter(external_id=new).exists()
    assert Order.objects.get(external_id=drifted).remote_status_id != "other"
    assert Listing.objects.filter(connection=store, external_id=lost.external_id).exists()
    assert Product.objects.get(pk=kept.product_id).title == kept.remote_title

    command(capsys, "--store", "Shop", "--no-read", "--repair", "prices.differs=accept")
    assert command(capsys, "--store", "Shop")[0] == 0
    assert set(ListingVariant.objects.filter(listing=kept).values_list("price", flat=True)) != {None}


# ---------------------------------------------------------------- without a channel


@pytest.fixture
def store() -> Connection:
    cache.clear()
    return factories.store("UK Shop", maps={"leeds": 1})


@pytest.fixture
def owner(client: Client, django_user_model: Any) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def listed(store: Connection, sku: str = "MUG", **fields: Any) -> ListingVariant:
    fields.setdefault("remote_price", Decimal("12.00"))
    fields.setdefault("read_at", timezone.now())
    return factories.listed(sku, store, **fields)


def prices(store: Connection) -> list[tuple[str, str, str, str]]:
    found = [one for batch in PricesPart().compare_stored(store) for one in batch]
    return [(one.name, one.kind, one.ours, one.theirs) for one in found]


def test_a_price_differs_by_what_would_be_sent_and_lags_while_it_waits(store: Connection) -> None:
    row = listed(store, remote_selling_price=Decimal("15.00"))
    listed(store, "CUP", remote_price=Decimal("10.00"))
    listed(store, "TEE", remote_price=Decimal("10.00"), selling_price=Decimal("8.00"), price=Decimal("10.00"))
    assert prices(store) == [
        ("MUG", "differs", "10.00", "12.00"),
        ("TEE", "differs", "10.00, sale 8.00", "10.00"),
    ]

    OutboxMessage.objects.create(
        connection=store, topic="price", subject=row.pk, lane="stock", wanted=2, sent=1
    )
    assert prices(store)[0][:2] == ("MUG", "lag")


def test_comparing_what_is_stored_costs_a_constant_number_of_statements(store: Connection) -> None:
    for number in range(12):
        listed(store, f"SKU-{number}")
    Listing.objects.update(remote_title="Other")

    def cost(rows: int) -> int:
        ListingVariant.objects.update(remote_price=Decimal("10.00"))
        ListingVariant.objects.filter(
            pk__in=list(ListingVariant.objects.values_list("pk", flat=True)[:rows])
        ).update(remote_price=Decimal("11.00"))
        with CaptureQueriesContext(database) as queries:
            for part in (PricesPart(), DetailsPart()):
                for found in part.compare_stored(store):
                    differences.write(store, part.key, found)
                differences.close_agreeing(store, part.key, before=timezone.now())
        return len(
            [
                one
                for one in queries
                if "SAVEPOINT" not in one["sql"] and one["sql"] not in ("BEGIN", "COMMIT")
            ]
        )

    first = cost(1)
    assert (first, cost(12)) == (12, 12)


def test_an_open_difference_keeps_its_age_and_a_kept_one_stays_away_until_the_store_changes_it(
    store: Connection,
) -> None:
    one = Found("1", "differs", "MUG", ours="10.00", theirs="12.00", field="price")
    differences.write(store, "prices", [one])
    began = timezone.now() - timedelta(days=3)
    Difference.objects.update(found_at=began)
    differences.write(store, "prices", [one])
    row = Difference.objects.get()
    assert (row.found_at, row.closed_at) == (began, None)

    assert repairs.repair(store, [row], "keep", by=SYSTEM) == (1, [])
    assert differences.write(store, "prices", [one]) == 0
    assert Difference.objects.get().ended == "kept"
    assert (
        differences.write(store, "prices", [Found("1", "differs", "MUG", theirs="13.00", field="price")]) == 1
    )
    assert Difference.objects.get().closed_at is None
    assert AuditEntry.objects.get(action="difference.kept").connection_id == store.pk


def test_what_agrees_again_is_closed_and_the_day_is_counted(store: Connection) -> None:
    row = listed(store)
    runs.finish(store, [PricesPart()])
    assert DifferenceDay.objects.get(part="prices").count == 1

    row.remote_price = Decimal("10.00")
    row.save()
    runs.finish(store, [PricesPart()])

    assert Difference.objects.get().ended == "agrees"
    assert differences.trend(store) == [(timezone.localdate(), 0)]


def test_a_rule_repairs_by_itself_and_only_its_class(store: Connection) -> None:
    listed(store)
    repairs.set_rules(store, {"prices.differs": "send", "orders.missing_here": ""}, by=SYSTEM)
    assert repairs.rules_of(store) == {"prices.differs": "send"}

    runs.finish(store, [PricesPart()])

    assert OutboxMessage.objects.get().topic == "price"
    assert Difference.objects.get().ended == "repaired"
    with pytest.raises(repairs.CannotRepair):
        repairs.set_rules(store, {"prices.missing_here": "send"}, by=SYSTEM)


def test_what_a_channel_cannot_give_is_said_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    factories.store("Stall", channel="offline")
    with pytest.raises(CommandError, match="entered by hand"):
        call_command("reconcile", "--store", "Stall")
    reasons = {part.off(Connection.objects.get()) for part in parts.all_parts()}
    assert "" not in reasons


def test_a_person_and_the_daily_comparison_do_not_read_together(store: Connection) -> None:
    daily = runs.ask(connection=store, paced=True)
    mine = runs.ask(connection=store)
    assert mine.pk != daily.pk
    daily.refresh_from_db()
    assert daily.state == Job.State.CANCELLED
    assert runs.ask(connection=store).pk == mine.pk, "the same comparison twice is one"


def test_the_daily_comparison_starts_once_a_day_and_not_for_a_store_that_is_new_or_read_only(
    store: Connection,
) -> None:
    assert schedule.reconcile_all() == 0
    Connection.objects.update(created_at=timezone.now() - timedelta(days=3))
    cache.clear()
    assert schedule.reconcile_all() == 1
    cache.clear()
    assert schedule.reconcile_all() == 0
    Job.objects.all().delete()
    Connection.objects.update(is_read_only=True)
    cache.clear()
    assert schedule.reconcile_all() == 0


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_hundred_thousand_products_are_read_in_about_a_day_within_a_fifth_of_the_limit(
    channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = factories.store("Big", channel=channel)
    monkeypatch.setattr(parts, "size_of", lambda _store: 100_000)
    page = {"bigcommerce": 250, "opencart": 100, "onbuy": 100, "etsy": 100}[channel]
    pages = pacing.pages_of_an_hour(store)
    wanted = pacing.records_of_an_hour(store)
    assert pages * pacing.CALLS_OF_A_PAGE <= pacing.calls_of_an_hour(store) * pacing.SHARE
    hours = -(-100_000 // min(wanted, pages * page))
    assert hours <= 25, (pages, wanted)


# ---------------------------------------------------------------- the page


def page_of(store: Connection, part: str = "") -> str:
    url = reverse("admin:store_reconcile", args=[store.pk])
    return f"{url}?part={part}" if part else url


def test_the_page_shows_a_part_and_repairs_what_is_ticked(owner: Client, store: Connection) -> None:
    row = listed(store)
    runs.finish(store, [PricesPart()])
    difference = Difference.objects.get()

    page = owner.get(page_of(store))
    assert page.context["part"].key == "prices", "the first part with differences"
    assert [(one.name, one.theirs) for one in page.context["rows"]] == [("MUG", "12.00")]
    assert {one.key: one.count for one in page.context["nav"]}["prices"] == 1

    done = owner.post(page_of(store), {"part": "prices", "do": "accept", "row": difference.pk}, follow=True)

    assert [str(one) for one in done.context["messages"]] == ["1 difference is being repaired."]
    row.refresh_from_db()
    assert row.price == Decimal("12.00")
    again = owner.post(page_of(store), {"part": "prices", "do": "accept", "row": difference.pk}, follow=True)
    assert [str(one) for one in again.context["messages"]] == [
        "Select at least one difference that is still open."
    ]
    wrong = owner.post(page_of(store), {"part": "prices", "do": "delete", "row": difference.pk}, follow=True)
    assert len(list(wrong.context["messages"])) == 1


def test_all_differences_of_a_part_are_repaired_by_a_job(owner: Client, store: Connection) -> None:
    for number in range(3):
        listed(store, f"SKU-{number}")
    runs.finish(store, [PricesPart()])

    owner.post(page_of(store), {"part": "prices", "do": "send", "all": "1"})
    work(rounds=20)

    assert set(Difference.objects.values_list("ended", flat=True)) == {"repaired"}
    assert OutboxMessage.objects.filter(topic="price").count() == 3


def test_the_page_starts_a_comparison_and_saves_rules(owner: Client, store: Connection) -> None:
    owner.post(page_of(store), {"do": "compare"})
    assert Job.objects.get().kind == runs.KIND
    owner.post(page_of(store), {"part": "prices", "do": "rules", "prices.differs": "send"})
    assert repairs.rules_of(Connection.objects.get()) == {"prices.differs": "send"}
    owner.post(page_of(store), {"part": "prices", "do": "rules", "prices.differs": "steal"})
    assert repairs.rules_of(Connection.objects.get()) == {"prices.differs": "send"}


def test_the_page_costs_the_same_for_one_difference_and_for_many(owner: Client, store: Connection) -> None:
    rows = [listed(store, f"SKU-{number}") for number in range(8)]
    stock = [StockDifference(connection=store, listing_variant=row, ours=4, theirs=9) for row in rows]
    StockDifference.objects.bulk_create(stock[:1])
    runs.finish(store, [PricesPart()])
    Difference.objects.exclude(pk=Difference.objects.earliest("pk").pk).update(closed_at=timezone.now())
    addresses = (page_of(store, "prices"), reverse("admin:store_differences", args=[store.pk]))

    def cost() -> list[int]:
        found = []
        for address in addresses:
            owner.get(address)
            with CaptureQueriesContext(database) as queries:
                assert owner.get(address).status_code == 200
            found.append(len(queries))
        return found

    prices_page, stock_page = cost()
    StockDifference.objects.bulk_create(stock[1:])
    Difference.objects.update(closed_at=None)
    assert cost() == [prices_page, stock_page + 7], "one for each stock difference of the page, at most 50"


def test_the_stock_part_keeps_its_address(owner: Client, store: Connection) -> None:
    row = listed(store)
    StockDifference.objects.create(connection=store, listing_variant=row, ours=4, theirs=9)
    redirect = owner.get(page_of(store, "stock"))
    assert redirect["Location"] == reverse("admin:store_differences", args=[store.pk])
    page = owner.get(redirect["Location"])
    assert [(one.ours, one.theirs) for one in page.context["rows"]] == [(0, 9)]
    assert {one.key: one.is_current for one in page.context["nav"]}["stock"]
