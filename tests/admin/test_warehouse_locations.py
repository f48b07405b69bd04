"""The Warehouses tab of a store whose channel has locations of its own (R-INV-03)."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from channels.models import Connection
from inventory.models import WarehouseMapping
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-INV-03")]


@pytest.fixture
def owner() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("owner", password="x"))
    return client


@pytest.fixture
def store() -> Connection:
    places = [{"id": 11, "label": "Leeds hub"}, {"id": 12, "label": "Lyon"}]
    return factories.store("BC", channel="bigcommerce", account={"extra": {"locations": places}})


def post(owner: Client, store: Connection, location: str) -> list[str]:
    leeds = factories.warehouse("leeds")
    page = reverse("admin:store_warehouses", args=[store.pk])
    data = {"row": [leeds.pk], f"priority-{leeds.pk}": "1", f"location-{leeds.pk}": location}
    answer = owner.post(page, data, follow=True)
    return [str(message) for message in answer.context["messages"]]


def test_a_warehouse_is_given_a_location_of_the_channel(owner: Client, store: Connection) -> None:
    page = owner.get(reverse("admin:store_warehouses", args=[store.pk])).content.decode()
    factories.warehouse("leeds")
    assert post(owner, store, "12") == ["Warehouses of BC saved."]
    assert WarehouseMapping.objects.get().remote_location == "12"
    page = owner.get(reverse("admin:store_warehouses", args=[store.pk])).content.decode()
    assert '<option value="12" selected>Lyon</option>' in page
    assert "default location only" in page


def test_a_location_that_the_channel_does_not_have_changes_nothing(owner: Client, store: Connection) -> None:
    assert post(owner, store, "99") == ["BC has no such location. Choose one from the list."]
    assert not WarehouseMapping.objects.exists()


def test_a_channel_without_locations_asks_for_none(owner: Client) -> None:
    factories.warehouse("leeds")
    page = owner.get(reverse("admin:store_warehouses", args=[factories.store("OC").pk])).content.decode()
    assert "Location on the channel" not in page
