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

    refused = client.post(page, {"status": "99", "state-99": "nonsense"}, follow=True)
    assert next(str(line) for line in refused.context["messages"]).startswith("“nonsense” is not a Manifold")
    unknown = client.post(page, {"status": "4711", "state-4711": "completed"}, follow=True)
    assert [str(line) for line in unknown.context["messages"]] == [f"{shop} has no status 4711. It has: 99."]
    assert problems(Order.objects.get()) == ["unknown_status"]

    said = client.post(page, {"status": "99", "state-99": "completed"}, follow=True)

    assert [str(line) for line in said.context["messages"]] == [
        "“Picked up” is mapped to: Completed. 1 order was updated."
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
    """Events without a call are not shown and not changed; the Manifold status is edited."""
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
        'name="state-' in text,
        'name="events-' in text,
        "Set this status when the order is" in text,
    ) == (True, True, False, False)

    client.post(page, {"status": status, f"state-{status}": "completed", f"events-{status}": ["tracking"]})

    row = StatusMapEntry.objects.get(connection=shop, external_id=status)
    assert (row.remote_state, row.events, row.is_edited) == ("completed", ["ready_to_ship"], True)
    with pytest.raises(status_map.StatusMapError, match="You cannot choose one"):
        status_map.edit(connection=shop, external_id=status, events=["tracking"])


@pytest.mark.req("R-ORD-08")
def test_where_a_status_is_written_the_seller_chooses_which(client: Client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("owner"))
    shop = store()
    StatusMapEntry.objects.create(connection=shop, external_id="3", name="Shipped", remote_state="shipped")
    page = reverse("admin:store_statuses", args=[shop.pk])

    assert 'name="events-3"' in client.get(page).content.decode()
    client.post(page, {"status": "3", "state-3": "shipped", "events-3": ["shipped"]})

    assert StatusMapEntry.objects.get(connection=shop, external_id="3").events == ["shipped"]


@pytest.mark.req("R-ORD-08")
def test_one_save_changes_the_edited_statuses_and_no_others(client: Client, django_user_model):
    """An event that is ticked on another status moves there, also while its old status still has the tick."""
    client.force_login(django_user_model.objects.create_superuser("owner"))
    shop = store()
    for number, name, events in (
        ("2", "Shipped", ["shipped", "tracking"]),
        ("3", "Sent", []),
        ("4", "Lost", []),
    ):
        StatusMapEntry.objects.create(
            connection=shop, external_id=number, name=name, remote_state="shipped", events=events
        )
    page = reverse("admin:store_statuses", args=[shop.pk])
    assert 'name="was-2" value="shipped:shipped tracking"' in client.get(page).content.decode()
    posted = {
        "status": ["2", "3", "4"],
        "was-2": "shipped:shipped tracking",
        "state-2": "completed",
        "events-2": ["shipped", "tracking"],
        "was-3": "shipped:",
        "state-3": "shipped",
        "events-3": ["shipped"],
        "was-4": "shipped:",
        "state-4": "shipped",
    }

    said = client.post(page, posted, follow=True)

    assert [str(line) for line in said.context["messages"]] == [
        "“Shipped” is mapped to: Completed. “Sent” is mapped to: Shipped."
    ]
    rows = StatusMapEntry.objects.order_by("external_id")
    assert [(row.remote_state, row.events, row.is_edited) for row in rows] == [
        ("completed", ["tracking"], True),
        ("shipped", ["shipped"], True),
        ("shipped", [], False),
    ]


@pytest.mark.req("R-ORD-08")
def test_a_wrong_status_saves_nothing_and_no_change_says_so(client: Client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("owner"))
    shop = store()
    for number in ("3", "4"):
        StatusMapEntry.objects.create(
            connection=shop, external_id=number, name=number, remote_state="shipped", events=[]
        )
    page = reverse("admin:store_statuses", args=[shop.pk])
    same = {"status": ["3", "4"], "was-3": "shipped:", "state-3": "shipped", "was-4": "shipped:"}

    client.post(page, {**same, "state-3": "completed", "state-4": "nonsense"})
    said = client.post(page, {**same, "state-4": "shipped"}, follow=True)

    assert str(list(said.context["messages"])[-1]) == "Nothing was changed."
    assert list(StatusMapEntry.objects.values_list("remote_state", "is_edited")) == [("shipped", False)] * 2
