"""Editing the status map of a store reads its waiting orders again at once."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from channels.contract.records.orders import RemoteState
from channels.models import StatusMapEntry
from channels.stores import status_map
from inventory.models import StockItem
from oms.kit.models import Problem
from orders.models import Order
from tests.orders.desk import comes, means, problems, record, stocked, store

pytestmark = pytest.mark.django_db


@pytest.mark.req("R-ORD-08")
def test_orders_of_an_unknown_status_are_read_again_when_the_seller_says_what_it_means(
    client: Client, django_user_model
):
    client.force_login(django_user_model.objects.create_superuser("owner"))
    shop = store()
    stocked("MUG", leeds=5)
    means(shop, "99", RemoteState.UNKNOWN, name="Picked up")
    comes(shop, record("1", RemoteState.UNKNOWN, MUG=2))
    assert problems(Order.objects.get()) == ["unknown_status"]
    page = reverse("admin:store_statuses", args=[shop.pk])

    refused = client.post(page, {"status": "99", "means": "nonsense"}, follow=True)
    assert next(str(line) for line in refused.context["messages"]).startswith("“nonsense” is no meaning")
    unknown = client.post(page, {"status": "4711", "means": "completed"}, follow=True)
    assert [str(line) for line in unknown.context["messages"]] == [f"{shop} has no status 4711; it has: 99."]
    assert problems(Order.objects.get()) == ["unknown_status"]

    said = client.post(page, {"status": "99", "means": "completed"}, follow=True)

    assert [str(line) for line in said.context["messages"]] == [
        "“Picked up” means: Completed. 1 order was updated."
    ]
    order = Order.objects.get()
    assert (order.status, order.is_history, order.problems_open) == ("completed", True, 0)
    assert StockItem.objects.get().allocated == 0
    assert Problem.objects.open().count() == 0
    assert StatusMapEntry.objects.get().is_edited is True


@pytest.mark.req("R-ORD-08")
@pytest.mark.parametrize("channel", ["onbuy", "etsy"])
def test_where_the_channel_sets_the_status_itself_none_can_be_chosen_for_an_event(
    client: Client, django_user_model, channel: str
):
    """A tick that no call reads would be a dead control; the meaning is edited, what is told stays as it was."""
    client.force_login(django_user_model.objects.create_superuser("owner"))
    shop = store(channel=channel)
    status = next(iter(shop.spec.statuses))
    StatusMapEntry.objects.create(
        connection=shop, external_id=status, name="Gone", remote_state="shipped", events=["ready_to_ship"]
    )
    page = reverse("admin:store_statuses", args=[shop.pk])

    text = client.get(page).content.decode()
    assert (
        "sets the status itself" in text,
        'name="means"' in text,
        'name="events"' in text,
        "Sent when the order is" in text,
    ) == (True, True, False, False)

    client.post(page, {"status": status, "means": "completed", "events": ["tracking"]})

    row = StatusMapEntry.objects.get(connection=shop, external_id=status)
    assert (row.remote_state, row.events, row.is_edited) == ("completed", ["ready_to_ship"], True)
    with pytest.raises(status_map.StatusMapError, match="there is none to choose"):
        status_map.edit(connection=shop, external_id=status, events=["tracking"])


@pytest.mark.req("R-ORD-08")
def test_where_a_status_is_written_the_seller_chooses_which(client: Client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("owner"))
    shop = store()
    StatusMapEntry.objects.create(connection=shop, external_id="3", name="Shipped", remote_state="shipped")
    page = reverse("admin:store_statuses", args=[shop.pk])

    assert 'name="events"' in client.get(page).content.decode()
    client.post(page, {"status": "3", "means": "shipped", "events": ["shipped"]})

    assert StatusMapEntry.objects.get(connection=shop, external_id="3").events == ["shipped"]
