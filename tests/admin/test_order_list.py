"""What the order list can do beyond showing orders: columns, sorting, export, moves of a tab, undo; and the lists beside it."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from catalogue.models import Product
from oms.kit.admin import panels
from oms.kit.authors.actors import SYSTEM
from orders.admin.order_list.bulk_moves import BULK_ACTIONS, shown_on
from orders.admin.order_list.tabs import TABS
from orders.domain.moves import BY_NAME, MOVES
from orders.models import Order, Shipment
from orders.services import decisions, packing
from orders.services.moves import SERVICES
from tests import factories
from tests.admin import desk_data
from tests.admin.test_orders import LIST, act, as_role, numbers, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def store():
    return desk_data.shop()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def bar(response) -> list[str]:
    """The buttons over the chosen orders."""
    return [one.name for one in response.context["bar"] if not one.menu]  # the menu Print is on every tab


def test_every_move_has_a_service_and_a_right():
    assert {move.name for move in MOVES} == set(SERVICES)
    assert {move.permission for move in MOVES} == {"orders.work_order", "orders.ship_order"}
    assert all(BY_NAME[move.undo] for move in MOVES if move.undo)


def test_no_tab_shows_a_move_that_none_of_its_statuses_allows():
    for tab in TABS:
        for one in BULK_ACTIONS:
            if tab.statuses and shown_on(BY_NAME[one.name], tab.key):
                assert set(BY_NAME[one.name].sources) & set(tab.statuses), (tab.key, one.name)


@pytest.mark.req("R-ORD-09")
@pytest.mark.parametrize(
    ("tab", "buttons"),
    [
        ("new", ["release", "cancel", "hold"]),
        ("partial", ["release_part", "cancel", "hold"]),
        ("rfp", ["pack", "undo_packing", "cancel", "hold"]),
        ("packed", ["ready_to_ship", "undo_packing", "hold"]),
        ("rts", ["undo_packing", "hold"]),
        ("in_transit", ["mark_delivered"]),
        ("completed", []),
        ("cancelled", ["confirm_cancel", "withdraw_cancel", "reopen"]),
        ("held", ["cancel", "lift_hold"]),
        ("all", ["release", "pack", "ready_to_ship", "mark_delivered", "cancel", "hold"]),
    ],
)
def test_a_tab_offers_only_moves_that_are_possible_there(owner, store, tab, buttons):
    desk_data.order(store)

    assert bar(owner.get(LIST, {"tab": tab})) == buttons


def test_a_move_that_a_tab_does_not_offer_is_refused_when_it_is_posted(owner, store):
    order = desk_data.order(store)

    assert act(owner, "pack", order, query="?tab=new").status_code == 403

    order.refresh_from_db()
    assert order.status == "new"


@pytest.mark.fault("F-46")
def test_after_a_move_the_orders_stay_chosen_and_the_message_leads_to_them(owner, store):
    orders = [desk_data.order(store), desk_data.order(store)]
    other = desk_data.order(store)

    response = act(owner, "release", *orders, query="?tab=new", follow=True)

    assert said(response)[0] == "Release: 2 orders moved. → 2 now in Ready for fulfilment"
    [link] = re.findall(r'href="([^"]+)"', str(next(iter(response.context["messages"]))))
    assert f'<a href="{link}">→ 2 now in' in response.content.decode()
    there = owner.get(link.replace("&amp;", "&"))
    assert sorted(numbers(there)) == sorted(order.number for order in orders)
    assert there.content.decode().count(" checked aria-label") == 2
    assert numbers(owner.get(LIST, {"tab": "new"})) == [other.number]


@pytest.mark.parametrize(
    ("move", "undo", "more"),
    [
        ("release", "undo_packing", {}),
        ("hold", "lift_hold", {"confirmed": "1", "reason": "wait"}),
        ("cancel", "withdraw_cancel", {"confirmed": "1", "reason": "twice"}),
    ],
)
def test_a_move_that_can_be_reversed_offers_its_undo(owner, store, move, undo, more):
    order = desk_data.order(store)

    response = act(owner, move, order, query="?tab=new", follow=True, **more)

    offered = response.context["undo"]
    assert (offered.name, offered.ids) == (undo, [order.pk])
    answer = owner.post(
        offered.url, {"action": undo, "index": 0, "_selected_action": offered.ids}, follow=True
    )
    assert "1 order moved." in said(answer)[0]
    order.refresh_from_db()
    assert (order.status, order.holds_open) == ("new", 0)


def test_what_cannot_be_reversed_offers_no_undo(owner, store):
    packed = desk_data.order(store)
    packing.release([packed.pk], by=SYSTEM)
    packing.pack([packed.pk], by=SYSTEM)

    taken = act(owner, "undo_packing", packed, query="?tab=packed", follow=True)

    packed.refresh_from_db()
    assert (packed.status, taken.context["undo"]) == ("new", None)


def test_columns_and_density_are_chosen_per_person_and_cost_no_statement_a_row(owner, store):
    for number in range(3):
        desk_data.order(store, buyer=number)
    columns = ["town", "placed", "units", "state"]
    owner.post(
        LIST + "views/", {"do": "columns", "columns": columns, "is_compact": "on", "query": "?tab=new"}
    )

    owner.get(LIST)  # the names of the filters are read once in 30 seconds
    with CaptureQueriesContext(connection) as few:
        response = owner.get(LIST, {"tab": "new"})
    desk_data.order(store, buyer=3)
    with CaptureQueriesContext(connection) as more:
        owner.get(LIST, {"tab": "new"})

    assert [column.name for column in response.context["columns"]] == ["order", *columns]
    assert "LS6 3BJ Leeds" in strip_tags(response.content.decode())
    assert 'd-list compact d-orders"' in response.content.decode()
    assert len(few) == len(more)


def test_only_what_an_index_answers_can_be_sorted(owner, store):
    cheap = desk_data.order(store, desk_data.line("MUG-RED", 1, "1.00"), ship_in=timedelta(hours=9))
    dear = desk_data.order(store, desk_data.line("MUG-RED", 1, "99.00"), ship_in=timedelta(hours=1))

    assert numbers(owner.get(LIST, {"o": "total"})) == [cheap.number, dear.number]
    assert numbers(owner.get(LIST, {"o": "-total"})) == [dear.number, cheap.number]
    assert numbers(owner.get(LIST, {"o": "order", "tab": "new"})) == sorted([cheap.number, dear.number])
    assert numbers(owner.get(LIST, {"o": "-ship_by", "tab": "new"})) == [cheap.number, dear.number]
    assert numbers(owner.get(LIST, {"o": "buyer"})) == numbers(owner.get(LIST))

    def sortable(**query: str) -> set[str]:
        return {column.name for column in owner.get(LIST, query).context["columns"] if column.url}

    assert sortable() == {"order", "total"}
    assert sortable(tab="new") == sortable(due="1h") == {"order", "total", "ship_by"}
    assert sortable(q="ame") == set()


def test_filters_of_amount_and_tracking(owner, store):
    cheap = desk_data.order(store, desk_data.line("MUG-RED", 1, "1.00"))
    dear = desk_data.ready(store, desk_data.line("MUG-RED", 1, "99.00"), tracking="")
    desk_data.ready(store, desk_data.line("MUG-RED", 1, "50.00"))

    assert numbers(owner.get(LIST, {"total_to": "10"})) == [cheap.number]
    assert numbers(owner.get(LIST, {"total_from": "60,50"})) == [dear.number]
    assert len(numbers(owner.get(LIST, {"total_from": "NaN", "total_to": "lots"}))) == 3
    assert numbers(owner.get(LIST, {"tracking": "none"})) == [dear.number]


def test_filters_of_tag_and_priority(owner, store):
    gift, plain, sent = desk_data.order(store), desk_data.order(store), desk_data.ready(store)
    Order.objects.filter(pk=gift.pk).update(tags="|Gift|", priority=2)
    Order.objects.filter(pk=plain.pk).update(tags="|gift box|")
    Order.objects.filter(pk=sent.pk).update(status="completed", priority=2)

    assert numbers(owner.get(LIST, {"tag": "gift"})) == [gift.number]
    assert numbers(owner.get(LIST, {"tag": "gif"})) == []
    assert numbers(owner.get(LIST, {"priority": "2"})) == [gift.number]
    assert len(numbers(owner.get(LIST, {"priority": "9"}))) == 3


def test_search_finds_parts_inside_the_tab_and_an_action_takes_only_what_it_found(owner, store):
    amelia = desk_data.order(store, desk_data.line("MUG-RED"), buyer=0)
    etienne = desk_data.order(store, desk_data.line("TEA-250"), buyer=1)
    packed = desk_data.ready(store, desk_data.line("TEE-M"), buyer=0)

    def found(text: str, **more: str) -> list[str]:
        return sorted(numbers(owner.get(LIST, {"q": text, **more})))

    assert found("argreav") == sorted([amelia.number, packed.number])
    assert found("argreav", tab="new") == [amelia.number]
    assert found("ls6 3bj", tab="rts") == [packed.number]
    assert found("21000") == [etienne.number]
    assert found("tea-2") == [etienne.number]
    assert found(f"buyer{etienne.number}@") == [etienne.number]
    assert found("#") == found("") == sorted([amelia.number, etienne.number, packed.number])
    assert found("%") == found("x' OR 1=1") == []

    act(owner, "release", amelia, query="?tab=new&q=argreav", select_across="1")

    assert set(Order.objects.filter(status="rfp").values_list("pk", flat=True)) == {amelia.pk}


def test_a_filtered_page_costs_the_same_with_one_order_or_ten(owner, store):
    def statements(**query: str) -> int:
        with CaptureQueriesContext(connection) as taken:
            assert owner.get(LIST, query).status_code == 200
        return len(taken)

    desk_data.order(store)
    asked = ({"sku": "MUG-RED"}, {"q": "Amelia"}, {"warehouse": "1"}, {"tab": "new"})
    for query in asked:
        owner.get(LIST, query)
    one = [statements(**query) for query in asked]
    for _number in range(9):
        desk_data.order(store)

    assert [statements(**query) for query in asked] == one
    assert max(one) <= 11


def file_of(client: Client, resource: int, *fields: str, query: str = "", kind: str = "0"):
    name = ("orderresource", "orderlineresource")[resource]
    posted = {f"{name}_{field}": "on" for field in fields}
    return client.post(LIST + "export/" + query, {"format": kind, "resource": str(resource), **posted})


def rows_in(response) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_orders_and_their_lines_are_exported_as_filtered(owner, store):
    one = desk_data.ready(store, desk_data.line("MUG-RED", 2), desk_data.line("MUG-BLUE"), tracking="")
    Order.objects.filter(pk=one.pk).update(customer_name="=cmd()")
    other = desk_data.order(store, desk_data.line("TEE-M"))

    orders = rows_in(file_of(owner, 0, "number", "customer_name", "postcode", "carriers", "status"))
    lines = rows_in(
        file_of(owner, 1, "order_number", "own_sku", "sku", "quantity", query=f"?q=%23{other.number}")
    )

    assert orders[0] == ["Number", "Status", "Buyer", "Postcode", "Carrier"]
    assert sorted(orders[1:]) == sorted(
        [
            [one.number, one.get_status_display(), "'=cmd()", "LS6 3BJ", "Royal Mail"],
            [other.number, "New", "Amelia Hargreaves", "LS6 3BJ", ""],
        ]
    )
    assert lines == [["Order", "SKU", "SKU in the store", "Ordered"], [other.number, "TEE-M", "TEE-M", "1"]]


def test_many_order_lines_are_exported_by_a_job(owner, store, monkeypatch):
    from oms.kit.admin.export import resources
    from oms.kit.background import jobs
    from oms.kit.models import Job

    monkeypatch.setattr(resources, "AT_ONCE", 2)
    order = desk_data.order(store, *[desk_data.line("MUG-RED", 1, external_id=f"l{n}") for n in range(3)])

    response = file_of(owner, 1, "order_number", "quantity")
    job = Job.objects.get(kind=resources.JOB)
    assert response.url == f"/admin/orders/order/jobs/{job.pk}/"
    while jobs.work(job.pk):
        pass

    page = owner.get(response.url)
    assert page.status_code == 200
    file = owner.get(page.context["file_url"])
    assert rows_in(file)[1:] == [[order.number, "1"]] * 3


@pytest.mark.req("R-USE-01")
def test_export_needs_its_own_right(client, store):
    order = desk_data.order(store)
    hand = as_role(client, "Warehouse")
    assert hand.get(LIST).context["export_url"] == ""
    assert hand.get(LIST + "export/").status_code == 403
    assert file_of(hand, 0, "number").status_code == 403

    desk = as_role(client, "Order desk")
    assert desk.get(LIST + "export/").status_code == 200
    assert order.number in str(rows_in(file_of(desk, 0, "number")))

    only_right = factories.user("only-export")
    only_right.user_permissions.add(Permission.objects.get(codename="export_order"))
    client.force_login(only_right)
    assert file_of(client, 0, "number").status_code == 403


def test_the_history_of_an_order_is_its_timeline(owner, store):
    order = desk_data.order(store)
    decisions.hold([order.pk], reason="ask first", by=SYSTEM)

    page = owner.get(f"{LIST}{order.pk}/history/").content.decode()

    assert "On hold: ask first" in page


def test_shipments_are_listed_found_and_lead_to_their_order(owner, store):
    one = desk_data.ready(store, tracking="ZX987654321GB")
    other = desk_data.order(store)
    packing.release([other.pk], by=SYSTEM)
    place = "/admin/orders/shipment/"

    def listed(**query: object) -> list[int]:
        return [row.order_id for row in owner.get(place, query).context["cl"].result_list]

    assert listed() == [other.pk, one.pk]
    assert listed(tab="ready") == listed(q="ZX98") == listed(q=f"#{one.number}") == [one.pk]
    assert listed(untracked="1") == [other.pk]
    assert listed(store=store.pk + 1) == []
    page = owner.get(place).content.decode()
    assert f'href="/admin/orders/order/{one.pk}/"' in page
    assert "https://track.example/ZX987654321GB" in page
    parcel = Shipment.objects.get(order=one)
    assert owner.get(f"{place}{parcel.pk}/").url == f"/admin/orders/order/{one.pk}/#shipments"
    assert owner.post(place + "add/").status_code == 403


def test_carriers_are_listed_and_added(owner):
    place = "/admin/orders/carrier/"
    owner.post(place + "add/", {"name": "Parcelforce", "tracking_url": "", "is_active": "on"})

    page = owner.get(place, {"q": "parcel"})

    assert [row.name for row in page.context["cl"].result_list] == ["Parcelforce"]
    assert 'href="/admin/orders/carrier/add/"' in page.content.decode()
    row = page.context["cl"].result_list[0]
    assert owner.get(f"{place}{row.pk}/change/").status_code == 200


def test_a_product_shows_its_open_orders_to_those_who_may_see_orders(store, django_user_model):
    order = desk_data.order(store, desk_data.line("MUG-BLUE"))
    done = desk_data.order(store, desk_data.line("MUG-BLUE"))
    Order.objects.filter(pk=done.pk).update(status="completed")
    product = Product.objects.get(variants__sku="MUG-BLUE")

    def cards(person: object) -> str:
        return "".join(panels.panels_of(SimpleNamespace(user=person, META={}), product))  # type: ignore[arg-type]

    shown = cards(django_user_model.objects.create_superuser("owner"))
    assert f"#{order.number}" in shown
    assert f"#{done.number}" not in shown
    assert f"#{order.number}" not in cards(factories.user("nobody"))


def test_a_column_has_the_heading_of_its_method_where_the_model_has_a_field_of_that_name(owner):
    desk_data.order(desk_data.shop("Harbour UK"))

    text = owner.get("/admin/orders/order/").content.decode()

    assert "Carrier and tracking" in text
    assert "Chosen carrier" not in text
    assert "Chosen warehouse" not in text


@pytest.mark.req("R-ORD-09")
def test_a_row_reads_only_the_name_of_its_store(owner, store):
    """Credentials would be decrypted anew for each of 100 rows."""
    order = desk_data.order(store)
    with CaptureQueriesContext(connection) as asked:
        page = owner.get(LIST)
    rows = [one["sql"] for one in asked if '"orders_order"."number"' in one["sql"]]
    assert f"#{order.number}" in page.content.decode()
    assert store.name in page.content.decode()
    assert len(rows) == 1
    assert '"channels_connection"."name"' in rows[0]
    assert "credentials" not in rows[0]
    assert "webhook_secret" not in rows[0]
