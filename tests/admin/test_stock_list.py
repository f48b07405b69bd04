"""The lists of stock: figures edited in their cell by the services, export by right, the ledger's filters."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalogue.models import Variant
from channels.models import OutboxMessage
from inventory.models import StockItem, StockMovement, Warehouse
from tests import factories
from tests.admin import desk_data

pytestmark = pytest.mark.django_db
STOCK = "/admin/inventory/stockitem/"
LEDGER = "/admin/inventory/stockmovement/"


@pytest.fixture
def store():
    return desk_data.shop()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def role(name: str) -> Client:
    user = factories.user(name.lower().replace(" ", "-"))
    user.groups.add(Group.objects.get(name=name))
    client = Client()
    client.force_login(user)
    return client


def shelf(sku: str) -> StockItem:
    return StockItem.objects.select_related("variant").get(variant__sku=sku)


def edit(
    client: Client, item: StockItem, value: object, was: object, field: str = "on_hand", reason: str = ""
):
    body = {"field": field, "value": str(value), "was": str(was), "reason": reason}
    return client.post(f"{STOCK}{item.pk}/set/", json.dumps(body), content_type="application/json")


def rows(client: Client, address: str) -> list[list[str]]:
    names = (
        "sku",
        "title",
        "warehouse",
        "on_hand",
        "allocated",
        "available",
        "reorder_point",
        "cost",
        "currency",
    )
    form = {f"stockresource_{name}": "on" for name in names}
    names = ("at", "sku", "warehouse", "kind", "quantity", "before", "after", "reason", "by")
    form |= {f"movementresource_{name}": "on" for name in names}
    response: Any = client.post(address, {**form, "format": "0", "resource": "0"})
    assert response.status_code == 200
    data = b"".join(response.streaming_content).decode()
    return list(csv.reader(io.StringIO(data)))


@pytest.mark.req("R-INV-05", "R-INV-01")
def test_a_count_in_the_cell_writes_the_ledger_and_is_sent_to_the_stores(owner, store):
    item = shelf("TEE-M")

    answer = edit(owner, item, 10, 6, reason="found behind the shelf")

    assert (answer.status_code, answer.json()["value"]) == (200, "10")
    assert '<span class="oms-num">10</span>' in answer.json()["cells"]["available"]
    move = StockMovement.objects.get(reason="found behind the shelf")
    assert (move.quantity, move.before, move.after, move.actor, move.kind) == (4, 6, 10, "owner", "count")
    assert OutboxMessage.objects.filter(topic="stock").count() >= 1


def test_a_sale_since_the_page_was_opened_is_not_put_back_on_sale(owner, store):
    item = shelf("MUG-RED")
    factories.shelf(item.variant, "leeds", 38)
    last = item.movements.latest("id")

    answer = edit(owner, item, 41, 40)

    assert answer.status_code == 409
    at = f"{timezone.localtime(last.at):%H:%M}"
    assert answer.json() == {"error": f"The system changed this to 38 at {at}.", "now": "38"}
    assert shelf("MUG-RED").on_hand == 38
    edit(owner, item, 41, 38)
    assert edit(owner, item, 1, 38).json()["error"].startswith("owner changed this to 41 at ")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("1.5", "“1.5” is not a whole number of units."),
        ("-1", "A quantity cannot be below 0: “-1”."),
        ("many", "“many” is not a whole number of units."),
    ],
)
def test_the_services_sentence_is_shown_and_nothing_changes(owner, store, value, sentence):
    answer = edit(owner, shelf("TEE-M"), value, 6)

    assert (answer.status_code, answer.json()) == (422, {"error": sentence})
    assert (shelf("TEE-M").on_hand, shelf("TEE-M").movements.count()) == (6, 1)


def test_a_count_below_what_orders_hold_takes_nothing_from_them(owner, store):
    order = desk_data.order(store, desk_data.line("TEE-M", 5))

    answer = edit(owner, shelf("TEE-M"), 3, 6)

    assert answer.status_code == 422
    assert answer.json()["error"] == (
        "5 of TEE-M in Leeds are allocated to orders. Release them on the orders first."
    )
    order.refresh_from_db()
    assert (order.status, shelf("TEE-M").on_hand, shelf("TEE-M").allocated) == ("new", 6, 5)


def test_the_reorder_point_is_edited_cleared_and_guarded(owner, store):
    item = shelf("TEA-250")

    assert edit(owner, item, 12, 10, "reorder_point").status_code == 200
    assert edit(owner, item, 15, 10, "reorder_point").json() == {
        "error": "Another person changed this figure. It is now 12.",
        "now": "12",
    }
    assert edit(owner, item, "x", 12, "reorder_point").status_code == 422
    assert edit(owner, item, "", 12, "reorder_point").json()["value"] == ""
    assert Variant.objects.get(pk=item.variant_id).reorder_point is None


def test_who_may_edit_which_figure(store):
    item = shelf("MUG-RED")
    for name, may_count, may_reorder in (
        ("Warehouse", 200, 403),
        ("Catalogue manager", 403, 200),
        ("Read-only", 403, 403),
        ("Order desk", 403, 403),
    ):
        client = role(name)
        text = client.get(STOCK).content.decode()
        assert ('data-edit="on_hand"' in text) is (may_count == 200), name
        assert ('data-edit="reorder_point"' in text) is (may_reorder == 200), name
        assert edit(client, item, 40, 40).status_code == may_count, name
        assert edit(client, item, 5, "", "reorder_point").status_code == may_reorder, name
        Variant.objects.filter(pk=item.variant_id).update(reorder_point=None)


def test_the_right_to_export_is_in_three_roles(store):
    for name, may in (
        ("Owner", 200),
        ("Catalogue manager", 200),
        ("Warehouse", 200),
        ("Order desk", 403),
        ("Read-only", 403),
    ):
        client = role(name)
        for address in (STOCK, LEDGER):
            assert client.get(address).status_code == 200
            assert client.get(address + "export/").status_code == may, name


def test_the_export_of_stock_has_what_the_filter_leaves(owner, store):
    leeds = Warehouse.objects.get(code="leeds")

    found = rows(owner, f"{STOCK}export/?warehouse={leeds.pk}&q=TE")

    assert found == [
        [
            "SKU",
            "Title",
            "Warehouse",
            "On hand",
            "Allocated",
            "Available",
            "Reorder point",
            "Cost",
            "Currency",
        ],
        ["TEA-250", "Loose leaf tea, 250 g", "Leeds", "8", "0", "8", "10", "3.0000", "GBP"],
        ["TEE-M", "T-shirt “Harbour”, organic cotton, M", "Leeds", "6", "0", "6", "", "", "GBP"],
    ]


def test_the_export_of_the_ledger(owner, store):
    edit(owner, shelf("TEE-M"), 4, 6, reason="=cmd()")

    found = rows(owner, LEDGER + "export/?kind=count")

    assert [row[1:] for row in found[1:]] == [["TEE-M", "Leeds", "Count", "-2", "6", "4", "'=cmd()", "owner"]]
    assert found[0] == [
        "At",
        "SKU",
        "Warehouse",
        "Kind of change",
        "Change",
        "Before",
        "After",
        "Reason",
        "Done by",
    ]


def skus(response) -> list[str]:
    rows = response.context["cl"].result_list
    return [getattr(row, "stock_item", row).variant.sku for row in rows]


def test_the_ledger_is_filtered_by_warehouse_kind_day_and_sku(owner, store):
    edit(owner, shelf("TEE-M"), 4, 6)
    today = timezone.localdate().isoformat()
    lyon = Warehouse.objects.get(code="lyon")

    assert skus(owner.get(LEDGER))[0] == "TEE-M"
    assert skus(owner.get(LEDGER + f"?warehouse={lyon.pk}")) == ["MUG-BLUE"]
    assert skus(owner.get(LEDGER + "?kind=count")) == ["TEE-M"]
    assert skus(owner.get(LEDGER + "?q=tee-m")) == ["TEE-M", "TEE-M"]
    assert skus(owner.get(LEDGER + "?q=tee")) == []
    assert len(skus(owner.get(LEDGER + f"?since={today}&until={today}"))) == 5
    assert skus(owner.get(LEDGER + "?until=2020-01-01")) == []


def test_no_ledger_line_can_be_changed_or_added(owner, store):
    line = StockMovement.objects.first()
    assert line is not None

    assert owner.get(LEDGER + "add/").status_code == 403
    assert owner.post(f"{LEDGER}{line.pk}/change/", {"quantity": "1"}).status_code == 403
    assert owner.post(f"{LEDGER}{line.pk}/delete/", {"post": "yes"}).status_code == 403
    assert owner.post(STOCK + "add/", {}).status_code == 403


@pytest.mark.parametrize(("address", "statements"), [(STOCK, 5), (LEDGER, 4)])
def test_statements_of_a_page_are_few_and_the_same_for_fifty(owner, store, address, statements):
    owner.get(address)
    with CaptureQueriesContext(connection) as few:
        owner.get(address)
    for number in range(60):
        factories.shelf(factories.variant(f"A-{number:03}"), "leeds", 5)
    with CaptureQueriesContext(connection) as many:
        response = owner.get(address)

    menu = sum("outboxmessage" in q["sql"] or "kit_problem" in q["sql"] for q in many)
    assert len(response.context["cl"].rows) == 50
    assert len(few) == len(many)
    assert len(many) - menu == statements  # session, user, views, rows; the pictures of stock


def test_the_history_of_a_shelf_is_its_ledger(owner, store):
    item = shelf("TEE-M")
    edit(owner, item, 4, 6, reason="broken")

    text = owner.get(f"{STOCK}{item.pk}/history/").content.decode()

    assert "6 → 4 (-2) · Count · broken" in text


def test_pages_have_landmarks_one_heading_and_no_script(owner, store):
    for address in (STOCK, LEDGER, STOCK + "adjust/", "/admin/inventory/warehouse/", STOCK + "export/"):
        text = owner.get(address).content.decode()
        assert (text.count("<main "), text.count("<h1")) == (1, 1), address
        assert 'href="#main"' in text
        assert "<script>" not in text
        assert " style=" not in text.split("<main ")[1].split('id="content"')[-1] or "adjust" in address


def test_a_warehouse_is_added_and_changed_by_its_form(owner, store):
    text = owner.get("/admin/inventory/warehouse/").content.decode()
    leeds = Warehouse.objects.get(code="leeds")

    assert "Add warehouse" in text
    assert f'href="{leeds.pk}/change/">Leeds</a>' in text
    assert owner.get(f"/admin/inventory/warehouse/{leeds.pk}/change/").status_code == 200
    form = {"name": "York", "code": "york", "country": "GB", "is_active": "on"}
    assert owner.post("/admin/inventory/warehouse/add/", form).status_code == 302
    assert Warehouse.objects.filter(code="york").exists()
