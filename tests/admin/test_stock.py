"""Stock on screen: adjusted with a reason, after seeing what it does; every number can be opened."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from channels.models import OutboxMessage
from inventory.models import StockItem, StockMovement
from tests import factories
from tests.admin import desk_data

pytestmark = pytest.mark.django_db
STOCK = "/admin/inventory/stockitem/"


@pytest.fixture
def store():
    return desk_data.shop()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def shelf(sku: str) -> StockItem:
    return StockItem.objects.get(variant__sku=sku)


def wish(**changes: object) -> dict[str, object]:
    return {
        "sku": "tee-m",
        "warehouse": factories.warehouse("leeds").pk,
        "how": "delta",
        "quantity": "4",
        "reason": "found behind the shelf",
        **changes,
    }


@pytest.mark.req("R-INV-05", "R-INV-01")
def test_adjustment_is_shown_first_and_done_when_confirmed(owner, store):
    asked = owner.post(STOCK + "adjust/", wish())

    assert "TEE-M in Leeds: 6 on hand becomes 10 (+4)." in asked.content.decode()
    assert "Stock is sent to: UK Shop." in asked.content.decode()
    assert shelf("TEE-M").on_hand == 6
    assert StockMovement.objects.filter(reason="found behind the shelf").count() == 0

    done = owner.post(STOCK + "adjust/", wish(confirmed="1"), follow=True)

    assert [str(m) for m in done.context["messages"]] == ["TEE-M in Leeds: 6 → 10 on hand."]
    move = StockMovement.objects.get(reason="found behind the shelf")
    assert (move.quantity, move.before, move.after, move.actor) == (4, 6, 10, "owner")
    assert OutboxMessage.objects.filter(topic="stock").count() >= 1


@pytest.mark.parametrize(
    ("how", "quantity", "sentence"),
    [
        ("delta", "1.5", "“1.5” is not a whole number of units."),
        ("delta", "-7", "TEE-M in Leeds has 6 on hand. A change of -7 is not possible."),
        ("set_to", "-1", "A quantity cannot be below 0: “-1”."),
        ("delta", "many", "“many” is not a whole number of units."),
        ("receive", "0", "A quantity cannot be below 1: “0”."),
    ],
)
def test_bad_quantity_gets_one_sentence_and_changes_nothing(owner, store, how, quantity, sentence):
    response = owner.post(STOCK + "adjust/", wish(how=how, quantity=quantity, confirmed="1"))

    assert response.context["form"].errors == {"quantity": [sentence]}
    assert shelf("TEE-M").on_hand == 6
    assert shelf("TEE-M").movements.count() == 1


def test_unknown_sku_is_said(owner, store):
    response = owner.post(STOCK + "adjust/", wish(sku="NOBODY"))

    assert response.context["form"].errors == {"sku": ["No product has the SKU “NOBODY”."]}


def test_two_mistakes_are_said_at_once(owner, store):
    response = owner.post(STOCK + "adjust/", wish(sku="NOBODY", quantity="1.5", reason=" ", confirmed="1"))

    assert response.context["form"].errors == {
        "sku": ["No product has the SKU “NOBODY”."],
        "quantity": ["“1.5” is not a whole number of units."],
        "reason": ["This field is required."],
    }
    assert StockMovement.objects.filter(quantity=1).count() == 0


def test_a_count_below_what_is_promised_says_whose_units_go(owner, store):
    order = desk_data.order(store, desk_data.line("TEE-M", 5))

    asked = owner.post(STOCK + "adjust/", wish(how="set_to", quantity="3"))
    assert "2 allocated units are released, from the newest orders first" in asked.content.decode()
    order.refresh_from_db()
    assert (order.status, shelf("TEE-M").allocated) == ("new", 5)

    owner.post(STOCK + "adjust/", wish(how="set_to", quantity="3", confirmed="1"))
    order.refresh_from_db()
    assert (shelf("TEE-M").on_hand, order.status) == (3, "partial")


@pytest.mark.req("R-INV-08")
def test_low_stock_is_what_came_down_to_its_reorder_point(owner, store):
    low = owner.get(STOCK, {"low": "1"})
    assert [item.variant.sku for item in low.context["page"].rows] == ["TEA-250"]

    owner.post(
        STOCK + "adjust/", wish(sku="TEA-250", how="receive", quantity="20", reason="delivery", confirmed="1")
    )
    assert owner.get(STOCK, {"low": "1"}).context["page"].rows == []
    values = owner.get(STOCK, {"value": "1"}).context["values"]
    assert sum(amount for row in values for amount, _currency in row.worth) == 40 * 4.10 + 25 * 4.10 + 28 * 3


@pytest.mark.fault("F-45")
def test_stock_value_has_one_line_for_each_warehouse(owner):
    for number, (currency, cost) in enumerate((("GBP", "2.00"), ("GBP", None), ("EUR", "3.50"), ("", None))):
        factories.variant(f"V-{number}", currency=currency, cost=cost and Decimal(cost))
        factories.shelf(factories.variant(f"V-{number}"), on_hand=1_000)
    factories.warehouse("other", name="Leeds")  # the same name, another place
    factories.shelf(factories.variant("V-0"), "other", on_hand=1)

    values = owner.get(STOCK, {"value": "1"}).context["values"]

    assert sorted((row.name, row.units, row.unpriced, row.worth) for row in values) == [
        ("Leeds", 1, 0, [(Decimal(2), "GBP")]),
        ("Leeds", 4_000, 2_000, [(Decimal(3500), "EUR"), (Decimal(2000), "GBP")]),
    ]
    page = owner.get(STOCK, {"value": "1"}).content.decode()
    assert "2,000.00 GBP" in page
    assert "3,500.00 EUR" in page


def test_list_takes_the_same_queries_for_fifty(owner, store):
    owner.get(STOCK)
    with CaptureQueriesContext(connection) as few:
        owner.get(STOCK)
    for number in range(60):
        factories.shelf(factories.variant(f"A-{number:03}"), "leeds", 5)
    with CaptureQueriesContext(connection) as many:
        response = owner.get(STOCK)

    assert len(response.context["page"].rows) == 50
    assert len(many) == len(few)
    second = owner.get(STOCK + response.context["page"].next_link).context["page"]
    assert len(second.rows) == 14
    assert second.previous_link


def test_explain_opens_an_offered_number_into_its_sum(owner, store):
    order = desk_data.order(store, desk_data.line("TEE-M", 2))
    from inventory.services.selling_limits import set_policy

    listed = store.listing_variants.get(variant__sku="TEE-M")
    set_policy(store, listing_variant=listed, buffer=1)

    told = owner.get(f"/admin/inventory/explain/{listed.pk}/").context["explanation"]

    assert (told.offer.on_hand, told.offer.allocated, told.offer.quantity) == (6, 2, 3)
    assert [holder.order_id for holder in told.warehouses[0].holders] == [order.pk]
    assert [step.units for step in told.steps] == [4, 3]


def test_read_only_people_see_stock_and_change_none(client, store):
    reader = factories.user("reader")
    reader.groups.add(Group.objects.get(name="Read-only"))
    client.force_login(reader)

    assert client.get(STOCK).status_code == 200
    assert client.get(f"{STOCK}{shelf('TEE-M').pk}/").status_code == 200
    assert client.get(STOCK + "adjust/").status_code == 403
    assert client.post(STOCK + "adjust/", wish(confirmed="1")).status_code == 403
    assert shelf("TEE-M").on_hand == 6
    assert client.get("/admin/inventory/stockmovement/").status_code == 200


@pytest.mark.req("R-INV-05")
def test_a_line_of_the_ledger_leads_to_its_order(owner, store):
    order = desk_data.order(store, desk_data.line("TEE-M"))
    line = order.lines.get()
    item = shelf("TEE-M")
    rest = {"before": item.on_hand - 1, "after": item.on_hand, "kind": "adjustment", "actor": "system"}
    StockMovement.objects.create(
        stock_item=item,
        quantity=1,
        reason="Order it is",
        reference_kind="order_line",
        reference_id=line.pk,
        **rest,
    )
    address = f"/admin/orders/of/order_line/{line.pk}/"

    for page in ("/admin/inventory/stockmovement/", f"{STOCK}{item.pk}/"):
        assert f'href="{address}"' in owner.get(page).content.decode()
    assert owner.get(address).url == f"/admin/orders/order/{order.pk}/"
    assert owner.get("/admin/orders/of/order_line/999999/").status_code == 404
