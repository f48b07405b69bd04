"""The tab Prices of a store and the page that explains a price."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from channels.models import Connection, OutboxMessage
from oms.kit.models import AuditEntry
from tests import factories

pytestmark = pytest.mark.django_db
RULE = {"change": "+10%", "ending": ".99", "mode": "nearest"}


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def told(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def page_of(store: Connection) -> str:
    return reverse("admin:store_price_rule", args=[store.pk])


@pytest.mark.req("R-PRICE-01")
def test_a_rule_is_previewed_for_every_listing_and_then_switched_on_and_off(owner):
    store = factories.store("UK")
    mug = factories.listed("MUG", store)
    pot = factories.listed("POT", store, price=Decimal(7))

    shown = owner.get(page_of(store), RULE)

    assert [(one.row.external_sku, one.old.price, one.new.price) for one in shown.context["rows"]] == [
        ("MUG", Decimal(10), Decimal("10.99")),
        ("POT", Decimal(7), Decimal(7)),
    ]
    text = shown.content.decode()
    assert "Switch on this rule" in text
    assert "own price" in text
    assert OutboxMessage.objects.count() == 0
    store.refresh_from_db()
    assert "price_rule" not in store.options

    said = told(owner.post(page_of(store), {**RULE, "do": "on"}, follow=True))
    assert said == ["The price rule is on. The changed prices are sent to UK."]
    assert list(OutboxMessage.objects.filter(topic="price").values_list("subject", flat=True)) == [mug.pk]
    assert AuditEntry.objects.filter(action="store.price_rule", connection_id=store.pk).count() == 1
    assert 'value="+10%"' in owner.get(page_of(store)).content.decode()

    said = told(owner.post(page_of(store), {"do": "off"}, follow=True))
    assert said == ["The price rule is off. The default prices are sent to UK."]
    store.refresh_from_db()
    assert (store.options["price_rule"]["is_on"], store.options["price_rule"]["ending"]) == (False, "0.99")
    assert pot.pk not in OutboxMessage.objects.values_list("subject", flat=True)


def test_a_wrong_rule_is_said_and_cannot_be_switched_on(owner):
    store = factories.store("UK")
    factories.listed("MUG", store)
    shown = owner.get(page_of(store), {**RULE, "step": "0.05"}).content.decode()
    assert "Enter a step or an ending, not both." in shown
    assert "Switch on this rule" not in shown
    said = told(owner.post(page_of(store), {**RULE, "step": "0.05", "do": "on"}, follow=True))
    assert said == ["Enter a step or an ending, not both."]
    store.refresh_from_db()
    assert store.options == {}


@pytest.mark.req("R-PLUS-08")
def test_a_price_opens_into_its_causes(owner):
    row = factories.listed("MUG", factories.store("UK"))
    owner.post(page_of(row.connection), {**RULE, "do": "on"})
    address = reverse("admin:explain_price", args=[row.pk])
    assert address in owner.get(f"/admin/catalogue/product/{row.listing.product_id}/").content.decode()
    page = owner.get(address).content.decode()
    assert [words in page for words in ("Default price", "Price rule of UK", "10.99 GBP")] == [True] * 3


@pytest.mark.req("R-PRICE-01")
def test_sale_days_are_saved_with_the_price_of_a_store(owner):
    row = factories.listed("MUG", factories.store("UK"))
    act = f"/admin/catalogue/product/{row.listing.product_id}/do/price/"
    data = {
        "listed": row.pk,
        "price": "10",
        "selling_price": "8",
        "sale_first": "2030-12-01",
        "sale_last": "2030-12-24",
    }
    owner.post(act, data)
    row.refresh_from_db()
    assert (str(row.sale_from), str(row.sale_until)) == (
        "2030-12-01 00:00:00+00:00",
        "2030-12-25 00:00:00+00:00",
    )
    assert (
        'value="2030-12-24"'
        in owner.get(f"/admin/catalogue/product/{row.listing.product_id}/").content.decode()
    )

    said = told(owner.post(act, {**data, "price": "11", "sale_last": "2030-11-01"}, follow=True))
    assert said == ["The sale ends before it starts. Enter a later last day."]
    row.refresh_from_db()
    assert row.price == Decimal(10)  # nothing of the form was saved


def test_people_without_the_right_see_the_rule_and_cannot_switch_it_on(client):
    reader = factories.user("reader")
    reader.groups.add(Group.objects.get(name="Read-only"))
    client.force_login(reader)
    store = factories.store("UK")
    assert "Switch on this rule" not in client.get(page_of(store), RULE).content.decode()
    assert client.post(page_of(store), {**RULE, "do": "on"}).status_code == 403
