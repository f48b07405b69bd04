"""The pages of alerts: the list, a person's own settings, the lines on Home (R-USE-06)."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels.models import Alert, AlertNotice, AlertSettings
from channels.ops.alerts import checks
from channels.stores.alert_kinds import all_kinds
from oms.kit.models import AuditEntry
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-USE-06")]

LIST = "/admin/alerts/"
PAGE = "/admin/account/alerts/"


@pytest.fixture
def olga(django_user_model) -> Any:
    return django_user_model.objects.create_superuser("olga", "olga@example.com")


@pytest.fixture
def owner(client: Client, olga) -> Client:
    client.force_login(olga)
    return client


def alert(kind: str = "oversell", key: str = "sku:1", text: str = "MUG is oversold.", **fields: Any) -> Alert:
    return Alert.objects.create(kind=kind, key=key, text=text, link="/admin/orders/order/", **fields)


def save(client: Client, **fields: Any) -> Any:
    sent = {"do": "save", "webhook_form": "json", "time_zone": "Europe/London", **fields}
    return client.post(PAGE, sent, follow=True)


def test_the_list_has_open_and_solved_alerts(owner):
    alert()
    alert(key="sku:2", text="CUP is oversold.", ended_at=timezone.now())

    opened = owner.get(LIST).content.decode()
    resolved = owner.get(LIST, {"tab": "resolved"}).content.decode()

    assert "MUG is oversold." in opened
    assert "CUP is oversold." not in opened
    assert "CUP is oversold." in resolved


def test_an_empty_list_leads_to_the_settings(owner):
    text = owner.get(LIST).content.decode()

    assert "No open alerts." in text
    assert f'href="{PAGE}"' in text


def test_a_person_sees_only_the_kinds_of_the_role(client, django_user_model):
    user: User = factories.user("wanda")
    user.groups.add(Group.objects.get(name="Warehouse"))
    client.force_login(user)
    alert()
    alert("dead_key", "store:1", "UK Shop: the shop refused the key.")

    text = client.get(LIST).content.decode()
    page = client.get(PAGE).content.decode()

    assert "MUG is oversold." in text
    assert "refused the key" not in text
    assert "Oversold" in page
    assert "Keys refused" not in page


def test_the_list_makes_the_same_queries_for_any_number_of_rows(owner):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            owner.get(LIST)
        return len(queries)

    alert()
    count()
    few = count()
    for number in range(2, 30):
        alert(key=f"sku:{number}")

    assert count() == few
    assert few <= 12


def test_every_kind_can_be_switched_off_by_each_way(owner, olga):
    save(owner, **{f"ways-{key}": [] for key in all_kinds()})

    row = AlertSettings.objects.get(user=olga)
    assert set(row.ways) == set(all_kinds())
    assert all(ways == [] for ways in row.ways.values())
    assert 'value="mail" checked' not in owner.get(PAGE).content.decode()


def test_what_a_person_chooses_is_saved_and_recorded_without_the_address_of_the_webhook(owner, olga):
    url = "https://hooks.example/services/secret"
    answer = save(
        owner,
        **{"ways-dead_key": ["mail", "webhook", "pigeon"]},
        webhook=url,
        webhook_form="slack",
        quiet_from="22:00",
        quiet_until="07:00",
        time_zone="Europe/Paris",
        is_sent_escalations="on",
    )

    row = AlertSettings.objects.get(user=olga)
    assert row.ways["dead_key"] == ["mail", "webhook"]
    assert row.webhook == {"url": url}
    assert (row.webhook_form, row.time_zone) == ("slack", "Europe/Paris")
    assert (row.quiet_from, row.quiet_until) == (time(22), time(7))
    assert row.is_sent_escalations
    text = answer.content.decode()
    assert "A webhook at hooks.example is stored." in text
    assert "services/secret" not in text
    entry = AuditEntry.objects.get(action="alerts.settings")
    assert "services/secret" not in str(entry.changes)


def test_an_empty_webhook_leaves_the_stored_one_and_a_tick_deletes_it(owner, olga):
    save(owner, webhook="https://hooks.example/x")
    save(owner)
    assert AlertSettings.objects.get().webhook == {"url": "https://hooks.example/x"}

    save(owner, forget_webhook="on")
    assert AlertSettings.objects.get().webhook == {}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"webhook": "http://hooks.example/x"}, "Enter a web address that begins with https://."),
        ({"webhook": "https://10.0.0.5/x"}, "This is a private address."),
        ({"quiet_from": "22:00"}, "Enter both times of the quiet hours, or none."),
        ({"time_zone": "Mars/Olympus"}, "Select a valid choice."),
        ({"webhook_form": "fax"}, "Select a valid choice."),
    ],
)
def test_wrong_values_are_said_and_nothing_is_saved(owner, fields, words):
    answer = save(owner, **fields)

    assert words in answer.content.decode()
    assert not AlertSettings.objects.exists()


def test_the_test_button_sends_a_mail_and_says_so(owner):
    answer = owner.post(PAGE, {"do": "test", "way": "mail"}, follow=True)

    assert [message.to for message in mail.outbox] == [["olga@example.com"]]
    assert "A test was sent to olga@example.com." in answer.content.decode()


def test_a_person_without_an_address_cannot_test_it(owner, olga):
    olga.email = ""
    olga.save()

    assert owner.post(PAGE, {"do": "test", "way": "mail"}).status_code == 404
    assert "You have no e-mail address." in owner.get(PAGE).content.decode()


def test_what_could_not_be_sent_is_listed_with_its_error(owner, olga):
    AlertNotice.objects.create(
        alert=alert(), user=olga, way="mail", event="opened", state="failed", error="No such user."
    )

    text = owner.get(PAGE).content.decode()

    assert "Not sent" in text
    assert "No such user." in text


def needs(client: Client) -> list[str]:
    return [need.text for need in client.get("/admin/").context["needs"]]


def test_home_shows_open_alerts_that_have_no_other_line(owner, olga):
    alert()
    alert("dead_key", "store:1", "UK Shop: the shop refused the key.")
    alert(key="sku:2", text="CUP is oversold.", ended_at=timezone.now())
    assert needs(owner) == ["MUG is oversold."]

    AlertSettings.objects.create(user=olga, ways={"oversell": ["mail"]})
    assert needs(owner) == []


def test_home_counts_many_alerts_of_one_kind_in_one_line(owner):
    for number in range(5):
        alert(key=f"sku:{number}")

    assert needs(owner) == ["5 × Oversold"]


@pytest.mark.req("R-PLUS-06")
def test_a_dead_key_is_sent_to_the_owner_with_the_page_to_reconnect(owner):
    broken = factories.store("UK Shop", state="needs_seller", state_reason="The shop refused the key.")
    checks.check()

    row = Alert.objects.get(kind="dead_key")
    assert row.text == "UK Shop: The shop refused the key."
    assert owner.get(row.link).status_code == 200
    assert row.connection_id == broken.pk
    assert AlertNotice.objects.get(alert=row).way == "mail"
