"""Sending alerts: never twice, in nobody's quiet hours, and what fails holds up nothing (R-USE-06)."""

from __future__ import annotations

import json
import smtplib
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import responses
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import CommandError, call_command
from django.utils import timezone

from channels.models import Alert, AlertNotice, AlertSettings, CallLog
from channels.ops.alerts import checks, messages, people, sending, webhook
from channels.ops.alerts.people import person_of
from channels.stores import alert_kinds as kinds
from tests.channels.test_alerts import Causes, after

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-USE-06")]

State = AlertNotice.State
HOOK = "https://hooks.example/services/T0/B0/secret"


@pytest.fixture
def causes(monkeypatch) -> Causes:
    made = Causes()
    monkeypatch.setattr(kinds, "_kinds", {made.kind.key: made.kind})
    return made


@pytest.fixture
def owner() -> Any:
    return get_user_model().objects.create_superuser("olga", "olga@example.com")


@pytest.fixture
def hooked(owner) -> Any:
    AlertSettings.objects.create(user=owner, ways={"dead_key": ["webhook"]}, webhook={"url": HOOK})
    return owner


@pytest.fixture
def public(monkeypatch) -> None:
    monkeypatch.setattr("channels.http.ssrf.resolve", lambda host, port: ["93.184.216.34"])


def notice() -> AlertNotice:
    return AlertNotice.objects.get()


def test_a_notice_whose_worker_was_killed_is_not_sent_again(causes, owner, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_args: Any) -> None:
        raise Killed

    causes.set("store:3")
    checks.check()
    monkeypatch.setitem(sending.WAYS, "mail", die)
    with pytest.raises(Killed):
        sending.send_due()
    monkeypatch.undo()
    monkeypatch.setattr(kinds, "_kinds", {causes.kind.key: causes.kind})
    AlertNotice.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert sending.is_due()
    sending.send_due()

    assert (notice().state, mail.outbox) == (State.UNKNOWN, [])
    assert not sending.is_due()


def test_a_notice_that_another_worker_sends_is_left_alone(causes, owner):
    causes.set("store:3")
    checks.check()
    AlertNotice.objects.all().lease(timedelta(minutes=1), state=State.SENDING)

    assert sending.send_due() is False
    assert (notice().state, mail.outbox) == (State.SENDING, [])


def test_a_mail_server_that_cannot_be_reached_is_tried_again_six_times(causes, owner, monkeypatch):
    def no_server(_self: Any) -> None:
        raise ConnectionRefusedError("no server")

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.open", no_server)
    causes.set("store:3")
    checks.check()
    waits = []
    for _attempt in range(6):
        before = timezone.now()
        sending.send_due()
        row = notice()
        if row.not_before is not None:
            waits.append(round((row.not_before - before).total_seconds() / 60))
        AlertNotice.objects.update(not_before=None)

    assert waits == [1, 2, 4, 8, 16]
    assert (row.state, row.attempts) == (State.FAILED, 6)
    assert row.error == "The mail server cannot be reached: no server"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (smtplib.SMTPRecipientsRefused({"olga@example.com": (550, b"no such user")}), State.FAILED),
        (smtplib.SMTPRecipientsRefused({"olga@example.com": (450, b"try later")}), State.WAITING),
        (smtplib.SMTPDataError(554, b"spam"), State.FAILED),
        (smtplib.SMTPDataError(451, b"try later"), State.WAITING),
        (smtplib.SMTPServerDisconnected("lost"), State.UNKNOWN),
        (TimeoutError("timed out"), State.UNKNOWN),
    ],
)
def test_what_a_mail_server_says_decides_whether_it_is_tried_again(causes, owner, monkeypatch, error, state):
    def refuse(_self: Any, _messages: Any) -> int:
        raise error

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
    causes.set("store:3")
    checks.check()
    sending.send_due()

    assert notice().state == state


def test_a_bouncing_address_holds_up_nobody_else(causes, owner, monkeypatch, django_user_model):
    django_user_model.objects.create_superuser("rita", "rita@example.com")
    real = EmailBackend.send_messages

    def refuse_olga(self: Any, sent: Any) -> int:
        if sent[0].to == ["olga@example.com"]:
            raise smtplib.SMTPRecipientsRefused({"olga@example.com": (550, b"no such user")})
        return real(self, sent)

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse_olga)
    causes.set("store:3")
    checks.check()
    sending.send_due()

    states = dict(AlertNotice.objects.values_list("user__username", "state"))
    assert states == {"olga": State.FAILED, "rita": State.SENT}
    assert [message.to for message in mail.outbox] == [["rita@example.com"]]


@responses.activate
def test_a_webhook_is_sent_plain_json(causes, hooked, public):
    call = responses.post(HOOK, status=200)
    causes.set("store:3")
    checks.check()
    sending.send_due()

    sent = json.loads(call.calls[0].request.body)
    assert (sent["source"], sent["count"]) == ("manifold", 1)
    assert sent["alerts"][0]["event"] == "opened"
    assert sent["alerts"][0]["key"] == "store:3"
    assert sent["alerts"][0]["url"] == "http://127.0.0.1:9/admin/stores/3/"
    assert notice().state == State.SENT
    assert CallLog.objects.count() == 0  # its address is a secret


def test_the_forms_of_slack_and_teams():
    line = messages.Line(
        "opened", "dead_key", "store:3", "A <b> & [c](http://x)", "/admin/x/", timezone.now()
    )

    slack = json.loads(messages.body_of([line], "slack"))
    teams = json.loads(messages.body_of([line], "teams"))

    assert slack == {"text": "A &lt;b&gt; &amp; [c](http://x) <http://127.0.0.1:9/admin/x/|Open>"}
    card = teams["attachments"][0]["content"]
    assert teams["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["body"] == [{"type": "TextBlock", "text": "A <b> & (c)(http://x)", "wrap": True}]
    assert card["actions"][0]["url"] == "http://127.0.0.1:9/admin/x/"


@pytest.mark.parametrize(
    ("status", "state"),
    [(204, State.SENT), (404, State.FAILED), (302, State.FAILED), (429, State.WAITING), (500, State.UNKNOWN)],
)
@responses.activate
def test_what_a_webhook_answers_decides_whether_it_is_tried_again(causes, hooked, public, status, state):
    responses.post(HOOK, status=status, headers={"Location": "http://127.0.0.1/"} if status == 302 else {})
    causes.set("store:3")
    checks.check()
    sending.send_due()

    assert notice().state == state
    assert "secret" not in notice().error
    assert len(responses.calls) == 1


def test_a_webhook_with_a_private_address_is_not_called(causes, hooked, monkeypatch, settings):
    settings.OMS_ALLOWED_PRIVATE_HOSTS = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *args: [(2, 1, 6, "", ("10.0.0.5", 443))])
    causes.set("store:3")
    checks.check()
    sending.send_due()

    assert notice().state == State.FAILED
    assert notice().error.startswith("hooks.example is a private address.")


@pytest.mark.parametrize(
    ("url", "is_right"),
    [
        ("https://hooks.example/x", True),
        ("http://hooks.example/x", False),
        ("http://127.0.0.1:8099/hook", True),  # allowed in the settings of the tests
        ("https://10.0.0.5/x", False),
        ("ftp://hooks.example/x", False),
        ("https://[::1", False),
        ("hooks.example", False),
    ],
)
def test_which_addresses_can_be_webhooks(url, is_right):
    assert (webhook.address_fault(url) == "") is is_right


def test_nothing_is_sent_in_quiet_hours_and_it_is_afterwards(causes, owner):
    AlertSettings.objects.create(
        user=owner, quiet_from=time(22), quiet_until=time(7), time_zone="Europe/Paris"
    )
    night = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # half past midnight in Paris
    causes.set("store:3")
    checks.check(night)

    assert notice().not_before == datetime(2026, 12, 1, 6, tzinfo=UTC)  # 7 in Paris
    AlertNotice.objects.update(not_before=timezone.now() + timedelta(hours=1))
    sending.send_due()
    assert mail.outbox == []
    AlertNotice.objects.update(not_before=timezone.now() - timedelta(minutes=1))
    sending.send_due()
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    ("start", "end", "hour", "quiet"),
    [
        (time(22), time(7), 23, True),
        (time(22), time(7), 6, True),
        (time(22), time(7), 7, False),
        (time(12), time(14), 13, True),
        (time(12), time(14), 14, False),
        (time(9), time(9), 9, False),
        (None, None, 3, False),
    ],
)
def test_quiet_hours_may_pass_midnight(owner, start, end, hour, quiet):
    row = AlertSettings(user=owner, quiet_from=start, quiet_until=end, time_zone="UTC")

    ends = people.quiet_ends(row, datetime(2026, 11, 30, hour, 0, tzinfo=UTC))

    assert (ends is not None) is quiet
    assert ends is None or ends.time() == end


def test_what_is_solved_in_quiet_hours_is_not_sent_at_all(causes, owner, monkeypatch):
    now = timezone.now()
    causes.set("store:3")
    checks.check(now)
    AlertNotice.objects.update(not_before=now + timedelta(hours=1))
    causes.set()
    checks.check(after(now, 1))
    checks.check(after(now, 3))
    AlertNotice.objects.update(not_before=None)
    sending.send_due()

    assert Alert.objects.get().ended_at is not None
    assert mail.outbox == []
    assert set(AlertNotice.objects.values_list("event", "state")) == {
        ("opened", State.DROPPED),
        ("ended", State.DROPPED),
    }


def test_a_person_who_lost_the_right_is_not_sent_what_waits(causes, owner):
    causes.set("store:3")
    checks.check()
    owner.is_active = False
    owner.save()
    sending.send_due()

    assert (notice().state, mail.outbox) == (State.DROPPED, [])


@responses.activate
def test_a_test_message_says_how_it_went(hooked, public):
    responses.post(HOOK, status=403)

    outcome = sending.send_test(person_of(hooked), "webhook")

    assert (outcome.state, outcome.error) == (State.FAILED, "hooks.example refused the message (HTTP 403).")
    assert sending.send_test(person_of(hooked), "mail").state == State.SENT
    assert mail.outbox[0].subject.startswith("[Manifold] Test: ")


def test_the_keys_of_webhooks_are_rotated_with_those_of_stores(hooked, settings, capsys):
    old, new = settings.OMS_CREDENTIAL_KEYS[0], "bmV3LWtleS1vbmx5LWZvci10ZXN0cy0wMTIzNDU2Nzg="
    settings.OMS_CREDENTIAL_KEYS = [new, old]
    call_command("rotate_credentials")
    settings.OMS_CREDENTIAL_KEYS = [new]

    assert AlertSettings.objects.get().webhook == {"url": HOOK}


def test_a_webhook_that_no_key_decrypts_is_named_and_deleted_only_when_asked(hooked, settings, capsys):
    settings.OMS_CREDENTIAL_KEYS = ["bmV3LWtleS1vbmx5LWZvci10ZXN0cy0wMTIzNDU2Nzg="]
    with pytest.raises(CommandError, match="webhook of olga"):
        call_command("rotate_credentials")

    call_command("rotate_credentials", "--forget-unreadable")
    assert AlertSettings.objects.get().webhook == {}
