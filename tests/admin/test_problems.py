"""The SKU inbox: one row per store and SKU, resolved once for all orders that wait."""

from __future__ import annotations

import pytest
from django.test import Client

from catalogue.models import SkuAlias
from orders.models import Order
from orders.services.stock import backorders
from tests.admin import desk_data

pytestmark = pytest.mark.django_db
INBOX = "/admin/catalogue/sku-problems/"


@pytest.fixture
def store():
    return desk_data.shop()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


@pytest.mark.req("R-ORD-07", "R-CAT-04")
def test_mapping_once_lets_all_waiting_orders_go_on(owner, store):
    waiting = [desk_data.order(store, desk_data.line("TEE-OLD", 1, title="Tee")) for _ in range(2)]
    desk_data.order(store, desk_data.line("TEA-OLD", 1, title="Loose leaf tea, 250 g"))
    rows = owner.get(INBOX).context["unknown"]
    assert [(row["sku"], row["orders"]) for row in rows] == [("TEE-OLD", 2), ("TEA-OLD", 1)]
    assert [variant.sku for variant, _why in rows[1]["guesses"]] == ["TEA-250"]

    owner.post(INBOX, {"what": "map", "line": rows[0]["line"], "sku": "tee-m"})
    assert backorders.map_waiting() == 2  # what the worker does after the wake-up
    response = owner.get(INBOX)

    assert [str(m) for m in response.context["messages"]] == [
        "“TEE-OLD” of UK Shop was mapped to TEE-M. 2 orders continue."
    ]
    assert SkuAlias.objects.get().connection == store
    assert set(
        Order.objects.filter(pk__in=[o.pk for o in waiting]).values_list("problems_open", "status")
    ) == {(0, "new")}
    assert [row["sku"] for row in response.context["unknown"]] == ["TEA-OLD"]


def test_a_sku_that_is_not_here_is_refused(owner, store):
    desk_data.order(store, desk_data.line("WHO"))
    line = owner.get(INBOX).context["unknown"][0]["line"]

    response = owner.post(INBOX, {"what": "map", "line": line, "sku": "NOPE"})

    assert [str(m) for m in response.context["messages"]] == [
        "No product has the SKU “NOPE”. Create the product first, or enter another SKU."
    ]
    assert SkuAlias.objects.count() == 0


def test_an_empty_inbox_says_so(owner, store):
    assert "Nothing to resolve." in owner.get(INBOX).content.decode()
