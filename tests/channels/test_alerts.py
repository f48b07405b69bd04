"""Alerts: each cause is opened once and ended once, whoever runs at the same time (R-USE-06)."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import connection
from django.utils import timezone

from channels.models import Alert, AlertCheck, AlertNotice, AlertSettings, LaneBeat
from channels.ops.alerts import checks, sending, sweeps
from channels.stores import alert_kinds as kinds
from channels.stores.alert_kinds import AlertKind, Cause
from channels.tasks import send_alerts
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-USE-06")]

State = AlertNotice.State


class Causes:
    """A kind of alert whose causes a test sets."""

    def __init__(self, key: str = "dead_key", **fields: Any) -> None:
        self.now: list[Cause] = []
        self.fault: Exception | None = None
        self.kind = AlertKind(key, "Keys refused", "", "channels.view_connection", self.find, **fields)

    def find(self) -> list[Cause]:
        if self.fault is not None:
            raise self.fault
        return self.now

    def set(self, *keys: str, text: str = "UK Shop: the shop refused the key.") -> None:
        self.now = [Cause(key, text, "/admin/stores/3/") for key in keys]


@pytest.fixture
def causes(monkeypatch) -> Causes:
    """The only declared kind, without a cause."""
    made = Causes()
    monkeypatch.setattr(kinds, "_kinds", {made.kind.key: made.kind})
    return made


@pytest.fixture
def owner() -> Any:
    return get_user_model().objects.create_superuser("olga", "olga@example.com")


@pytest.fixture
def clock() -> datetime:
    return timezone.now()


def after(now: datetime, minutes: float) -> datetime:
    return now + timedelta(minutes=minutes)


def subjects() -> list[str]:
    return [str(message.subject) for message in mail.outbox]


def test_a_cause_is_one_alert_with_one_notice_however_often_it_is_checked(causes, owner, clock):
    causes.set("store:3")
    for minute in range(4):
        checks.check(after(clock, minute))
        send_alerts("default")

    alert = Alert.objects.get()
    assert (alert.kind, alert.key, alert.ended_at) == ("dead_key", "store:3", None)
    assert subjects() == ["[Manifold] UK Shop: the shop refused the key."]
    assert mail.outbox[0].to == ["olga@example.com"]
    assert "/admin/stores/3/" in mail.outbox[0].body


def test_its_end_is_sent_once(causes, owner, clock):
    causes.set("store:3")
    checks.check(clock)
    send_alerts("default")
    causes.set()
    for minute in range(1, 6):
        checks.check(after(clock, minute))
        send_alerts("default")

    assert Alert.objects.get().ended_at == after(clock, 3)
    assert subjects()[1:] == ["[Manifold] Resolved: UK Shop: the shop refused the key."]


def test_a_cause_that_comes_and_goes_within_two_minutes_stays_one_alert(causes, owner, clock):
    for minute in range(6):
        causes.set(*(["store:3"] if minute % 2 == 0 else []))
        checks.check(after(clock, minute))
        send_alerts("default")

    assert Alert.objects.get().ended_at is None
    assert len(mail.outbox) == 1


def test_the_same_cause_later_is_a_new_alert(causes, owner, clock):
    for minute, keys in enumerate((["store:3"], [], [], [], ["store:3"])):
        causes.set(*keys)
        checks.check(after(clock, minute))

    assert list(Alert.objects.order_by("pk").values_list("ended_at", flat=True)) == [after(clock, 3), None]


def test_another_text_changes_the_alert_and_sends_nothing(causes, owner, clock):
    causes.set("store:3", text="1 failed message")
    checks.check(clock)
    send_alerts("default")
    causes.set("store:3", text="2 failed messages")
    checks.check(after(clock, 1))
    send_alerts("default")

    assert Alert.objects.get().text == "2 failed messages"
    assert len(mail.outbox) == 1


def test_a_check_that_fails_ends_no_alert_and_stops_no_other_kind(causes, owner, clock, monkeypatch, caplog):
    other = Causes("disk")
    monkeypatch.setattr(kinds, "_kinds", {"dead_key": causes.kind, "disk": other.kind})
    causes.set("store:3")
    checks.check(clock)
    causes.fault = RuntimeError("no answer")
    other.set("free", text="The disk is full.")
    for minute in range(1, 6):
        checks.check(after(clock, minute))

    assert set(Alert.objects.open().values_list("kind", flat=True)) == {"dead_key", "disk"}
    assert AlertCheck.objects.get(pk="dead_key").fault == "no answer"
    assert "could not be checked" in caplog.text


def test_a_kind_is_checked_as_often_as_it_says(causes, clock):
    slow = Causes("slow", every=timedelta(minutes=10))
    kinds._kinds["slow"] = slow.kind
    slow.set("x")
    checks.check(clock)
    slow.set("x", "y")
    checks.check(after(clock, 5))
    assert Alert.objects.filter(kind="slow").count() == 1

    checks.check(after(clock, 10))
    assert Alert.objects.filter(kind="slow").count() == 2


def test_an_hour_later_the_owners_are_sent_it_again_once(causes, owner, clock, django_user_model):
    reader = django_user_model.objects.create_superuser("rita", "rita@example.com")
    AlertSettings.objects.create(user=reader, ways={"dead_key": []}, is_sent_escalations=False)
    causes.set("store:3")
    for minute in (0, 59, 61, 65, 130):
        checks.check(after(clock, minute))
        send_alerts("default")

    assert subjects() == [
        "[Manifold] UK Shop: the shop refused the key.",
        "[Manifold] Not resolved yet: UK Shop: the shop refused the key.",
    ]
    assert {address for message in mail.outbox for address in message.to} == {"olga@example.com"}


def test_escalation_can_be_switched_off(causes, owner, clock, settings):
    settings.OMS_ALERT_ESCALATION_MINUTES = 0
    causes.set("store:3")
    checks.check(clock)
    checks.check(after(clock, 600))

    assert AlertNotice.objects.filter(event="escalated").count() == 0


def test_only_people_who_may_see_the_kind_are_sent_it(causes, owner, clock):
    factories.user("nobody", email="nobody@example.com")
    AlertSettings.objects.create(user=factories.user("nobody"), ways={"dead_key": ["mail"]})
    causes.set("store:3")
    checks.check(clock)

    assert list(AlertNotice.objects.values_list("user__username", flat=True)) == ["olga"]


def test_a_kind_that_a_person_switched_off_is_not_sent(causes, owner, clock):
    AlertSettings.objects.create(user=owner, ways={"dead_key": ["home"]}, is_sent_escalations=False)
    causes.set("store:3")
    checks.check(clock)
    send_alerts("default")

    assert mail.outbox == []
    assert AlertNotice.objects.count() == 0


def test_several_alerts_of_one_moment_are_one_message(causes, owner, clock):
    causes.set("store:3", "store:4", "store:5")
    checks.check(clock)
    send_alerts("default")

    assert subjects() == ["[Manifold] 3 alerts"]
    assert AlertNotice.objects.filter(state=State.SENT).count() == 3


def test_what_is_not_urgent_waits_for_the_next_hour(causes, owner, monkeypatch):
    low = Causes("low_stock", is_urgent=False)
    monkeypatch.setattr(kinds, "_kinds", {"low_stock": low.kind})
    now = timezone.now().replace(minute=20)
    low.set("sku:1")
    checks.check(now)

    full_hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    assert AlertNotice.objects.get().not_before == full_hour


def test_another_lane_checks_while_the_default_lane_is_silent(causes, owner, monkeypatch):
    monkeypatch.setattr("channels.workers.enqueue.send_task", lambda *args, **lane: None)
    causes.set("store:3")
    LaneBeat.objects.create(lane="default", beat_at=timezone.now())
    sweeps.sweep_orders()
    assert Alert.objects.count() == 0

    LaneBeat.objects.update(beat_at=timezone.now() - timedelta(minutes=5))
    sweeps.sweep_orders()
    assert Alert.objects.count() == 1


def test_old_alerts_are_deleted_with_their_notices(causes, owner, clock):
    causes.set("store:3")
    checks.check(clock)
    assert checks.prune() == 0
    Alert.objects.update(ended_at=clock - timedelta(days=181))

    assert checks.prune() == 1
    assert (Alert.objects.count(), AlertNotice.objects.count()) == (0, 0)


def test_the_number_of_queries_does_not_grow_with_the_causes(causes, owner, django_assert_max_num_queries):
    causes.set(*(f"store:{number}" for number in range(200)))
    with django_assert_max_num_queries(25):
        checks.check()
    with django_assert_max_num_queries(25):
        sending.send_due()


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_four_workers_open_and_send_a_cause_once(causes, settings):
    get_user_model().objects.create_superuser("olga", "olga@example.com")
    causes.set("store:3", "store:4")
    start = threading.Barrier(4)

    def work() -> None:
        try:
            start.wait()
            checks.check()
            sending.send_due()
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sending.send_due()

    assert Alert.objects.count() == 2
    assert sorted(AlertNotice.objects.values_list("state", flat=True)) == ["sent", "sent"]
    assert sum(message.body.count("refused the key") for message in mail.outbox) == 2
