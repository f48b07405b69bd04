"""Times are shown in the viewer's zone, spans in words that people use, running time does not look like an outage (F-45)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils import timezone

from channels.stores.health import run_history
from oms.kit.admin import charts
from oms.kit.admin.badges import ago, due, span_text
from oms.middleware import ZONE_COOKIE as COOKIE
from oms.middleware import TimeZoneMiddleware
from tests import factories

pytestmark = pytest.mark.fault("F-45")


@pytest.mark.parametrize(
    ("cookie", "zone"),
    [
        ("America/New_York", "America/New_York"),
        ("Asia/Kathmandu", "Asia/Kathmandu"),
        ("", "Europe/London"),
        ("Mars/Olympus", "Europe/London"),
        ("../../etc/passwd", "Europe/London"),
        ("/etc/localtime", "Europe/London"),
        ("Europe", "Europe/London"),
        ("a" * 5000, "Europe/London"),
        ("Europe/Par\x00is", "Europe/London"),
    ],
)
def test_a_request_has_the_zone_of_its_browser_and_no_other_request_has_it(cookie: str, zone: str) -> None:
    request = RequestFactory().get("/")
    request.COOKIES[COOKIE] = cookie
    seen: list[str] = []

    def view(_request: Any) -> Any:
        seen.append(timezone.get_current_timezone_name())

    TimeZoneMiddleware(view)(request)
    assert seen == [zone]
    assert timezone.get_current_timezone_name() == "Europe/London"


@pytest.mark.django_db
def test_a_page_shows_times_in_the_viewers_zone_with_the_exact_instant_on_hover(client: Client) -> None:
    moment = timezone.now().replace(hour=12, minute=34, second=56) - timedelta(days=30)
    item = factories.shelf(factories.variant("MUG"), on_hand=5)
    item.movements.update(at=moment)
    client.force_login(User.objects.create_superuser("anna"))
    shown = {}
    for zone in ("Asia/Tokyo", "America/New_York"):
        client.cookies[COOKIE] = zone
        page = client.get(f"/admin/inventory/stockitem/{item.pk}/").content.decode()
        local = timezone.localtime(moment, ZoneInfo(zone))
        shown[zone] = f"{local.day} {local:%b %Y %H:%M}"
        assert f">{shown[zone]}</time>" in page
        assert f'title="{local.day} {local:%b %Y %H:%M:%S %Z}"' in page
    assert shown["Asia/Tokyo"] != shown["America/New_York"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (59, "59 s"),
        (61, "1 min"),
        (3_600, "1 h"),
        (2 * 3600 + 600, "2 h 10 min"),
        (23 * 3600 + 59 * 60, "23 h 59 min"),
        (24 * 3600, "1 day"),
        (29 * 3600 + 40 * 60, "1 day 6 h"),
        (47 * 3600 + 59 * 60, "2 days"),
        (60 * 3600, "2 days"),
        (86 * 24 * 3600, "86 days"),
    ],
)
def test_a_length_of_time_is_in_words(seconds: int, words: str) -> None:
    assert span_text(seconds) == words


def test_what_is_late_for_more_than_a_week_has_a_date(monkeypatch: Any) -> None:
    now = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert ">late since 5 Sep 2026<" in due(now - timedelta(days=86))
    assert ">late 6 days<" in due(now - timedelta(days=6))
    assert ">late 2 h<" in due(now - timedelta(hours=2))
    assert ">3 days<" in due(now + timedelta(days=3))
    assert ">20 Dec 2026<" in due(now + timedelta(days=20))
    for instant in (now - timedelta(days=86), now + timedelta(days=3)):
        assert f"{instant:%Y}" in due(instant).split('title="')[1].split('"')[0]
    assert ">today 11:58</time>" in ago(now - timedelta(minutes=2))


def test_the_running_quarter_of_an_hour_is_no_outage_and_a_real_one_is() -> None:
    now = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
    every_quarter = [(now - timedelta(minutes=16 + 15 * n), "done") for n in range(40)]
    colours = [colour for colour, _words in run_history.bars(every_quarter, now, timedelta(minutes=17))]
    assert colours[-3:] == ["success", "success", "fresh"]

    hourly = [(now - timedelta(minutes=59 + 60 * n), "done") for n in range(24)]
    colours = [colour for colour, _words in run_history.bars(hourly, now, timedelta(minutes=62))]
    assert set(colours[4:]) == {"success", "fresh"}

    stopped = [(now - timedelta(hours=3), "done")]
    colours = [colour for colour, _words in run_history.bars(stopped, now, timedelta(minutes=17))]
    assert colours[-11:] == ["fresh"] + ["default"] * 10
    assert colours[:80] == ["default"] * 80
    assert {colour for colour, _words in run_history.bars([], now, timedelta(minutes=17))} == {"default"}


def test_the_running_hour_of_the_chart_is_drawn_apart() -> None:
    drawn = charts.hours([5, 9, 1], [4] * 24, "Orders")
    whole = drawn.split('class="oms-line-now" points="')[1].split('"')[0].split(" ")
    running = drawn.split('class="oms-line-running" points="')[1].split('"')[0].split(" ")
    assert (len(whole), len(running), running[0]) == (2, 2, whole[-1])
    assert "<title>This hour so far: 1</title>" in drawn
    assert 'class="oms-line-running" points=""' not in charts.hours([3], [0] * 24, "Orders")


@pytest.mark.parametrize("top", [10, 10_000, 1_000_000, 50_000_000])
def test_the_axis_is_as_wide_as_its_numbers(top: int) -> None:
    drawn = charts.hours([top], [0] * 24, "Orders")
    label = f"{top:,}"
    x = float(drawn.split(f'text-anchor="end">{label}<')[0].rpartition('x="')[2].split('"')[0])
    assert x >= len(label) * 7  # letters of 12 px are 7 px wide
