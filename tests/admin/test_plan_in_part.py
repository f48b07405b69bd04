"""The plan of a store: old, new and cause of everything that would be sent; approved in part; exported (R-PLUS-04)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from channels.models import Connection, OutboxMessage
from channels.push import outbox, preview
from channels.stores import services
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-04")]


@pytest.fixture
def store() -> Connection:
    made = factories.store("UK shop", maps={"leeds": 1}, is_read_only=True)
    factories.stocked("MUG", connection=made, leeds=4)
    factories.stocked("TEE", connection=made, leeds=2)
    outbox.touch_all(connection=made, topic="stock")
    return made


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def page(store: Connection) -> str:
    return reverse("admin:store_plan", args=[store.pk])


def test_lines_are_left_out_and_the_rest_is_sent(owner, store):
    lines = {line.what: line for _topic, line in preview.plan(store, topics=["stock"])}
    assert {what: (line.old, line.new) for what, line in lines.items()} == {
        "Stock of MUG": ("", "4"),
        "Stock of TEE": ("", "2"),
    }
    assert all(line.why for line in lines.values())

    answer = owner.post(page(store), {"row": [lines["Stock of MUG"].message_id]}, follow=True)

    assert [str(one) for one in answer.context["messages"]] == [
        "1 change is not sent. A later change of the same value is sent again."
    ]
    assert [row["line"].what for row in answer.context["lines"] if row["topic"] == "stock"] == [
        "Stock of TEE"
    ]
    services.switch_on(connection=store)
    due = OutboxMessage.objects.filter(connection=store, topic="stock").due()
    assert list(due.values_list("pk", flat=True)) == [lines["Stock of TEE"].message_id]


def test_the_export_has_the_lines_that_are_left(owner, store):
    first = OutboxMessage.objects.filter(topic="stock").order_by("pk")[0]
    owner.post(page(store), {"row": [first.pk]})

    text = owner.get(page(store), {"format": "csv", "topic": "stock"}).content.decode()

    assert len(text.strip().splitlines()) == 2


def test_nothing_of_another_store_and_nothing_without_a_choice_is_left_out(owner, store):
    other = factories.store("Other", maps={"leeds": 1}, is_read_only=True)
    factories.stocked("CAP", connection=other, leeds=1)
    outbox.touch_all(connection=other, topic="stock")
    theirs = OutboxMessage.objects.filter(connection=other)

    for data in ({"row": list(theirs.values_list("pk", flat=True))}, {}, {"row": ["x", ""]}):
        answer = owner.post(page(store), data, follow=True)
        assert [str(one) for one in answer.context["messages"]] == [
            "Select at least one change that was not sent yet."
        ]
    assert not OutboxMessage.objects.exclude(skipped_at=None).exists()


def test_a_person_without_the_right_sees_no_boxes_and_leaves_nothing_out(client, store, django_user_model):
    reader = django_user_model.objects.create_user("reader", is_staff=True)
    may(reader, "view_connection")
    client.force_login(reader)
    row = OutboxMessage.objects.filter(topic="stock").order_by("pk")[0]

    assert "Do not send the selected changes" not in client.get(page(store)).content.decode()
    assert client.post(page(store), {"row": [row.pk]}).status_code == 403
    row.refresh_from_db()
    assert row.skipped_at is None


def may(user, codename: str) -> None:
    """Give a person one right of the channels."""
    user.user_permissions.add(Permission.objects.get(codename=codename, content_type__app_label="channels"))
