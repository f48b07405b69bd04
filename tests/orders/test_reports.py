"""Reports: the roll-ups are the sums of the orders, and follow every change (R-USE-07)."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from catalogue.models import Brand
from channels.contract.records.orders import RemoteState
from oms.admin import home_figures
from oms.kit.authors.actors import SYSTEM
from orders.models import DayFigures, Order, OrderEvent, ReportDay, ReportState, SkuFigures, WarehouseFigures
from orders.ops.reports import report, rollups, tables
from orders.ops.reports.figures import GONE, rows_of
from orders.ops.reports.period import Period, period_of
from orders.ops.reports.report import Asked
from orders.services import decisions
from orders.services.handing_over import manifests
from tests import factories
from tests.admin import desk_data

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-USE-07")]


def today() -> date:
    return timezone.localdate()


def build() -> None:
    """Mark and compute what has changed, without the wait of five minutes."""
    ReportState.objects.update(seen_at=timezone.now() - timedelta(minutes=6))
    ReportDay.objects.update(built_at=None)
    while rollups.sweep():
        pass


def asked(days: int = 30, **fields: Any) -> Asked:
    return Asked(Period(today() - timedelta(days=days - 1), today()), **fields)


def day_ago(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def a_life() -> Any:
    """A store with orders of three days: new, cancelled, shipped late, in another currency, with an unknown SKU."""
    shop = desk_data.shop()
    desk_data.order(
        shop, desk_data.line("MUG-RED", 2), tax_total=Decimal("4.00"), refunded_total=Decimal("1.50")
    )
    desk_data.order(
        shop, desk_data.line("TEA-250", 1, "8.50"), placed_at=day_ago(3), discount_total=Decimal("1.00")
    )
    gone = desk_data.order(shop, desk_data.line("MUG-RED", 3), placed_at=day_ago(3))
    decisions.cancel([gone.pk], reason="Out  of stock", by=SYSTEM)
    decisions.confirm_cancel([gone.pk], by=SYSTEM)
    late = desk_data.ready(
        shop, desk_data.line("MUG-RED", 1), placed_at=day_ago(2), ship_in=timedelta(hours=-5)
    )
    shipment = late.shipments.get()
    assert shipment.carrier is not None
    assert shipment.warehouse is not None
    manifests.create_manifest(
        carrier=shipment.carrier, warehouse=shipment.warehouse, shipment_ids=[shipment.pk], by=SYSTEM
    )
    euro = desk_data.order(shop, desk_data.line("NOBODY-KNOWS", 1, "30.00"), buyer=1)
    Order.objects.filter(pk=euro.pk).update(currency="EUR")
    return shop


def test_the_figures_of_a_day_are_those_of_its_orders():
    a_life()
    build()

    totals = report.totals(asked())
    pounds = totals["GBP"]
    assert (pounds.orders, pounds.units, pounds.late, pounds.cancelled) == (3, 4, 1, 1)
    assert pounds.turnover == Decimal("56.35")  # 24 + 8.50 + 12, and three times 3.95
    assert [pounds.tax, pounds.discount, pounds.refunded] == [4, 1, Decimal("1.50")]
    assert pounds.postage == Decimal("11.85")
    assert pounds.hours_of(50) == 49
    assert totals["EUR"].turnover == Decimal("33.95")
    assert list(totals) == ["GBP", "EUR"]


def test_the_sums_of_all_roll_ups_are_those_of_the_rows():
    a_life()
    build()

    rows = Order.objects.exclude(status__in=GONE)
    assert DayFigures.objects.aggregate(s=Sum("turnover")) == rows.aggregate(s=Sum("total"))
    assert DayFigures.objects.aggregate(s=Sum("units")) == rows.aggregate(s=Sum("units"))
    assert SkuFigures.objects.aggregate(s=Sum("units")) == rows.aggregate(s=Sum("units"))
    assert SkuFigures.objects.aggregate(s=Sum("turnover")) == rows.aggregate(s=Sum("lines__total"))
    assert WarehouseFigures.objects.aggregate(s=Sum("shipments")) == {"s": 1}
    assert not any(rollups.differs(day) for day in ReportDay.objects.values_list("day", flat=True))
    assert rollups.equal_their_orders().ok


def test_a_change_after_the_day_was_computed_is_found():
    shop = desk_data.shop()
    one = desk_data.order(shop, desk_data.line("MUG-RED", 2), placed_at=day_ago(40))
    build()
    assert report.totals(asked(60))["GBP"].orders == 1

    decisions.cancel([one.pk], reason="Wrong address", by=SYSTEM)
    decisions.confirm_cancel([one.pk], by=SYSTEM)
    build()

    found = report.totals(asked(60))["GBP"]
    assert (found.orders, found.cancelled) == (0, 1)
    assert found.turnover == 0


def test_an_amount_that_the_channel_changed_without_an_event_is_found():
    shop = desk_data.shop()
    one = desk_data.order(shop, placed_at=day_ago(40))
    build()
    events = OrderEvent.objects.count()
    OrderEvent.objects.update(at=day_ago(1))
    Order.objects.filter(pk=one.pk).update(read_at=timezone.now(), total=Decimal("99.00"))
    build()

    assert report.totals(asked(60))["GBP"].turnover == 99
    assert OrderEvent.objects.count() == events


def test_days_without_a_change_are_not_computed_again():
    shop = desk_data.shop()
    desk_data.order(shop, placed_at=day_ago(40))
    build()
    old = day_ago(1)
    OrderEvent.objects.update(at=old)
    Order.objects.update(read_at=old)
    ReportState.objects.update(seen_at=old + timedelta(hours=1), event_id=OrderEvent.objects.latest("pk").pk)
    ReportDay.objects.update(built_at=old)

    assert rollups.sweep() == 0
    assert ReportDay.objects.get().built_at == old


def test_a_look_with_nothing_to_do_takes_two_statements(django_assert_num_queries):
    build()
    with django_assert_num_queries(2):
        assert rollups.sweep() == 0


def test_a_day_that_changes_all_the_time_is_computed_once_in_five_minutes():
    shop = desk_data.shop()
    desk_data.order(shop)
    rollups.sweep()
    desk_data.order(shop)
    rollups.mark()

    assert rollups.build(5) == 0
    ReportDay.objects.update(built_at=timezone.now() - timedelta(minutes=6))
    assert rollups.build(5) == 1


def test_entries_that_are_not_yet_old_are_looked_at_again():
    """A transaction may be committed later than its entry says, so the last ten minutes are never passed."""
    desk_data.order(desk_data.shop())
    rollups.sweep()

    assert ReportState.objects.get().event_id == 0
    OrderEvent.objects.update(at=timezone.now() - timedelta(minutes=11))
    rollups.mark()
    assert ReportState.objects.get().event_id == OrderEvent.objects.latest("pk").pk


def test_a_new_time_zone_of_the_installation_computes_every_day_again(settings):
    late = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)
    desk_data.order(desk_data.shop(), placed_at=late)
    build()
    assert list(DayFigures.objects.values_list("day", flat=True)) == [date(2026, 6, 2)]  # London, in summer

    settings.TIME_ZONE = "America/New_York"
    build()
    assert list(DayFigures.objects.values_list("day", flat=True)) == [date(2026, 6, 1)]


def test_doctor_finds_a_wrong_figure_and_the_command_mends_it(capsys):
    a_life()
    build()
    DayFigures.objects.filter(currency="EUR").update(turnover=1)
    ReportState.objects.update(event_id=OrderEvent.objects.latest("pk").pk)
    Order.objects.update(read_at=day_ago(1))

    finding = rollups.equal_their_orders()
    assert not finding.ok
    assert today().isoformat() in finding.detail

    call_command("rebuild_reports")
    assert rollups.equal_their_orders().ok
    assert "3 days computed." in capsys.readouterr().out


def test_the_figures_of_a_day_take_three_statements(django_assert_num_queries):
    a_life()
    with django_assert_num_queries(3):
        assert len(rows_of(today())) == 4


def lines(by: str, **fields: Any) -> dict[tuple[str, str], dict[str, Any]]:
    grouping = tables.GROUPINGS[by]
    return {
        (row.name, row.currency): {key: row.values.get(key) for key in grouping.columns}
        for row in grouping.rows(asked(**fields))
    }


def test_each_grouping_has_its_lines():
    shop = a_life()
    brand = factories.variant("MUG-RED").product
    brand.brand = Brand.objects.create(name="Fern", key="fern")
    brand.save()
    build()

    assert lines("store")["UK Shop", "GBP"]["orders"] == 3
    assert lines("country")["FR", "EUR"]["orders"] == 1
    assert lines("sku")["MUG-RED", "GBP"]["units"] == 3
    assert lines("sku")["MUG-RED", "GBP"]["cancelled"] == 3
    assert lines("sku")["NOBODY-KNOWS (not mapped)", "EUR"]["turnover"] == 30
    assert lines("brand")["Fern", "GBP"]["turnover"] == 36
    assert lines("brand")["no brand", "GBP"]["turnover"] == Decimal("8.50")
    assert lines("warehouse")["Leeds", "GBP"] == {"orders": 1, "shipments": 1, "units": 1}
    assert lines("reason") == {("Out of stock", "GBP"): {"cancelled": 1}}
    assert sum(row["orders"] for row in lines("period").values()) == 4
    assert lines("store", store=shop.pk + 1) == {}


def test_a_period_is_compared_with_the_one_before():
    shop = desk_data.shop()
    desk_data.order(shop, desk_data.line("MUG-RED", 2), shipping_total=Decimal(0))
    desk_data.order(shop, desk_data.line("MUG-RED", 1), shipping_total=Decimal(0), placed_at=day_ago(7))
    build()

    row = lines("store", days=7)["UK Shop", "GBP"]
    assert (row["turnover"], row["before"], row["change"]) == (24, 12, Decimal("100.0"))
    sku = lines("sku", days=7)["MUG-RED", "GBP"]
    assert (sku["turnover"], sku["before"], sku["change"]) == (24, 12, Decimal("100.0"))
    curve = report.curves(asked(7))["GBP"]
    assert [len(curve), curve[-1], sum(curve)] == [7, 24, 24]


@pytest.mark.parametrize(
    ("since", "until", "days", "step"),
    [
        (None, None, 30, "day"),
        (date(2026, 1, 1), date(2026, 3, 31), 90, "day"),
        (date(2026, 12, 31), date(2026, 1, 1), 365, "week"),
        (date(2000, 1, 1), date(2026, 12, 31), 3660, "month"),
        (None, date(1, 1, 1), 1, "day"),
        (date(9999, 12, 31), None, 1, "day"),
    ],
)
def test_any_two_days_make_a_period_of_ten_years_at_most(since, until, days, step):
    period = period_of(since, until, date(2026, 11, 30))

    assert (period.days, period.step) == (days, step)
    assert period.before.until == period.since - timedelta(days=1)
    assert period.before.days == days
    assert period.steps()[0] <= period.since


def test_a_percentile_is_the_hour_within_which_that_part_was_handed_over():
    assert report.percentile(Counter(), 50) is None
    assert report.percentile(Counter({0: 1}), 95) == 1
    assert report.percentile(Counter({1: 50, 5: 45, 200: 5}), 50) == 2
    assert report.percentile(Counter({1: 50, 5: 45, 200: 5}), 95) == 6
    assert report.percentile(Counter({1: 50, 5: 44, 200: 6}), 95) == 201


def test_home_reads_finished_days_from_the_roll_ups_and_says_the_same():
    a_life()
    before = home_figures.turnover()
    build()
    assert home_figures.turnover() == before

    DayFigures.objects.filter(day=timezone.localdate(day_ago(2))).update(turnover=1000)
    pounds = next(block for block in home_figures.turnover() if block.currency == "GBP")
    assert sum(sum(series) for series in pounds.stores.values()) == Decimal("1040.40")
    ReportDay.objects.update(is_stale=True)
    assert home_figures.turnover() == before


def test_an_order_of_the_past_has_no_hand_over_time():
    desk_data.order(desk_data.shop(), state=RemoteState.SHIPPED, placed_at=day_ago(5))
    build()

    found = report.totals(asked())["GBP"]
    assert (found.orders, found.hours_of(50), found.late) == (1, None, 0)


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_two_workers_compute_a_day_once():
    desk_data.order(desk_data.shop())
    rollups.mark()
    start = threading.Barrier(3)
    faults: list[BaseException] = []

    def work() -> None:
        try:
            start.wait()
            rollups.mark()
            rollups.build_day(today())
        except BaseException as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert DayFigures.objects.count() == 1
    assert not rollups.differs(today())
