"""The address of a visitor behind proxies, and the delay for an account that is guessed (F-33)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.core.checks import run_checks
from django.test import Client, RequestFactory
from django.utils import timezone

from oms.accounts import throttle
from oms.accounts.addresses import client_ip
from tests import factories

pytestmark = pytest.mark.fault("F-33")

LOGIN = "/admin/login/?next=/admin/"


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),  # not our proxy: the header is not read
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),  # what the visitor wrote stands left
        ("127.0.0.1", "203.0.113.9, 10.0.0.7", "203.0.113.9"),  # a second proxy of ours
        ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("127.0.0.1", "[2001:db8::9]:443", "2001:db8::9"),
        ("127.0.0.1", "2001:db8::9", "2001:db8::9"),
        ("127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "1.2.3.4, <script>", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", ",,,", "127.0.0.1"),
        ("", "203.0.113.9", "203.0.113.9"),  # a Unix socket
        ("10.1.2.3", "10.0.0.9, 10.0.0.8", "10.0.0.9"),
    ],
)
def test_only_our_proxies_are_believed(settings, peer, forwarded, expected):
    settings.OMS_TRUSTED_PROXIES = ["127.0.0.1", "10.0.0.0/8", "unix"]
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR=forwarded, REMOTE_ADDR=peer)
    assert client_ip(request) == expected


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["1.2.3.4:99999", "x" * 5000, "²", "[", "1.2.3.4, 5.6.7.8:1:2"])
def test_an_odd_header_is_no_error_of_the_server(client: Client, settings, header):
    settings.AXES_ENABLED = True
    answer = client.post(LOGIN, {"username": "owner", "password": "x"}, HTTP_X_FORWARDED_FOR=header)
    assert answer.status_code == 200


@pytest.mark.django_db
def test_a_forged_header_does_not_escape_the_lock(client: Client, settings):
    """The attack of F-33: another X-Forwarded-For in each try."""
    settings.AXES_ENABLED = True
    factories.user("owner")
    statuses = [
        client.post(
            LOGIN,
            {"username": "owner", "password": "wrong"},
            HTTP_X_FORWARDED_FOR=f"1.2.3.{number}, 203.0.113.9",
        ).status_code
        for number in range(8)
    ]
    assert statuses == [200] * 4 + [429] * 4


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (9, 0), (10, 0.5), (11, 1), (12, 2), (13, 4), (5000, 4)]
)
def test_the_delay_grows_and_ends(failures, seconds):
    assert throttle.delay_of(failures) == seconds


@pytest.mark.django_db
def test_guesses_from_many_addresses_delay_and_never_lock_the_account(settings, monkeypatch):
    settings.AXES_ENABLED = True
    person = factories.user("owner")
    waited: list[float] = []
    monkeypatch.setattr("oms.accounts.throttle.time.sleep", waited.append)
    for number in range(12):
        AccessAttempt.objects.create(
            username="owner", ip_address=f"198.51.100.{number}", failures_since_start=1
        )
    AccessAttempt.objects.filter(ip_address="198.51.100.0").update(
        attempt_time=timezone.now() - timedelta(hours=1)
    )

    answer = Client().post(LOGIN, {"username": "owner", "password": "secret"}, REMOTE_ADDR="192.0.2.7")

    assert answer.status_code == 302, "the owner signs in"
    assert waited == [1.0]
    assert person.is_active
    Client().post(LOGIN, {"username": "other", "password": "x"})
    assert waited == [1.0], "other accounts do not wait"


@pytest.mark.django_db
def test_waiting_sign_ins_do_not_take_all_threads(settings, monkeypatch):
    settings.AXES_ENABLED = True
    AccessAttempt.objects.create(username="owner", ip_address="198.51.100.1", failures_since_start=50)
    monkeypatch.setattr("oms.accounts.throttle.time.sleep", lambda seconds: pytest.fail("it must not wait"))
    for _ in range(throttle.MOST_WAITING):
        throttle._waiting.acquire()
    try:
        answer = Client().post(LOGIN, {"username": "owner", "password": "secret"}, REMOTE_ADDR="192.0.2.7")
    finally:
        for _ in range(throttle.MOST_WAITING):
            throttle._waiting.release()
    assert "Too many sign-ins at the moment" in answer.content.decode()


def test_the_check_finds_a_proxy_setting_that_is_no_address(settings):
    settings.OMS_TRUSTED_PROXIES = ["127.0.0.1", "proxy.example"]
    assert "oms.E009" in {found.id for found in run_checks()}
