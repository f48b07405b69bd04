"""Messages that were sent long ago are deleted; what is not sent stays, however old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from channels.models import OutboxMessage
from channels.push import outbox, retention
from channels.push.topics import Topic
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def store(settings) -> Any:
    settings.OMS_SENT_MESSAGE_DAYS = 90
    return factories.store("UK shop")


def message(store: Any, subject: int, *, days: int, **fields: Any) -> OutboxMessage:
    """A message of the topic stock that was sent `days` ago."""
    sent = {"kind": "state", "topic": "stock", "wanted": 3, "sent": 3}
    sent_at = timezone.now() - timedelta(days=days)
    return OutboxMessage.objects.create(
        connection=store, lane="stock", subject=subject, **{**sent, "sent_at": sent_at, **fields}
    )


def event(store: Any, key: str, *, days: int, **fields: Any) -> OutboxMessage:
    return message(store, 1, days=days, kind="event", topic="shipped", key=key, **{"group": 7, **fields})


def test_what_was_sent_long_ago_is_deleted_and_the_rest_stays(store):
    old, young = message(store, 1, days=91), message(store, 2, days=89)
    changed = message(store, 3, days=91, wanted=4)
    leased = message(store, 4, days=91, lease_token="t")
    never = OutboxMessage.objects.create(
        connection=store, kind="state", topic="stock", lane="stock", subject=5
    )

    assert retention.prune() == 1

    left = set(OutboxMessage.objects.values_list("pk", flat=True))
    assert left == {young.pk, changed.pk, leased.pk, never.pk}
    assert old.pk not in left


def test_an_event_stays_while_a_later_event_of_its_order_is_not_sent(store):
    first = event(store, "ready", days=91)
    waiting = event(store, "shipped", days=91, sent=0, sent_at=None)
    other = event(store, "other", days=91, group=8)

    assert retention.prune() == 1
    assert set(OutboxMessage.objects.values_list("pk", flat=True)) == {first.pk, waiting.pk}

    OutboxMessage.objects.filter(pk=waiting.pk).update(sent=3, sent_at=first.sent_at)
    assert retention.prune() == 2
    assert not OutboxMessage.objects.filter(pk=other.pk).exists()


def test_a_change_after_the_deletion_is_sent(store):
    listed = factories.listed("MUG", store)
    message(store, listed.pk, days=91)
    assert retention.prune() == 1

    outbox.touch(Topic.STOCK, [(store.pk, listed.pk)])

    [row] = OutboxMessage.objects.unsent()
    assert (row.subject, row.wanted, row.sent) == (listed.pk, 1, 0)


def test_one_slice_is_bounded(store):
    for subject in range(5):
        message(store, subject, days=91)
    assert retention.prune(limit=3) == 3
    assert retention.prune(limit=3) == 2
    assert retention.prune(limit=3) == 0
