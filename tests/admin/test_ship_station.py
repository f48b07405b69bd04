"""The pages of the packing table: numbers are asked for before anything moves, scans are answered, roles (R-PLUS-18)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders.models import Order, PackingSession
from orders.services import carriers, decisions, packing
from tests import factories
from tests.orders import desk

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-18", "R-SHIP-07")]
STATION = "/admin/orders/station/"
PACK = "/admin/orders/pack/"
JSON = {"Accept": "application/json"}


@pytest.fixture
def store():
    royal = carriers.save_carrier(name="Royal Mail", tracking_url="https://t.example/{number}", by=desk.DESK)
    made = desk.store("Shop", settings={"default_carrier": royal})
    desk.stocked("MUG", leeds=90)
    return made


def as_role(client: Client, role: str) -> Client:
    person = factories.user(role.lower().replace(" ", "-"))
    person.groups.add(Group.objects.get(name=role))
    client.force_login(person)
    return client


@pytest.fixture
def packer(client: Client) -> Client:
    return as_role(client, "Warehouse")


def released(store, **skus) -> Order:
    order = desk.an_order(store, **(skus or {"MUG": 1}))
    assert packing.release([order.pk], by=desk.DESK)[0].ok
    return order


def told(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def press(client: Client, numbers: dict[Order, str], do: str = "ship", **more):
    fields = {f"number-{order.pk}": number for order, number in numbers.items()}
    return client.post(
        STATION, {"pick": [order.pk for order in numbers], "do": do, **fields, **more}, follow=True
    )


def test_orders_with_numbers_are_ready_to_ship_after_one_press(packer, store):
    orders = [released(store) for _n in range(3)]

    answer = press(packer, {orders[0]: "AB1 ", orders[1]: "AB2"}, store=store.pk)

    assert answer.redirect_chain == [(f"{STATION}?store={store.pk}", 302)]
    assert told(answer) == ["2 orders are ready to ship."]
    assert [desk.status(order) for order in orders] == ["rts", "rts", "rfp"]
    assert orders[0].shipments.get().tracking_number == "AB1"
    assert [row.order for row in answer.context["rows"]] == [orders[2]]


def test_missing_numbers_are_said_before_anything_moves(packer, store):
    first, second = released(store), released(store)
    before = desk.fingerprint()

    answer = press(packer, {first: "AB1", second: ""})

    assert desk.fingerprint() == before
    page = answer.content.decode()
    assert "1 of the 2 selected orders has no tracking number. Nothing was changed yet." in page
    assert 'value="AB1"' in page
    assert [(row.number, row.is_picked) for row in answer.context["rows"]] == [("AB1", True), ("", True)]

    press(packer, {first: "AB1", second: ""}, do="numbered")
    assert (desk.status(first), desk.status(second)) == ("rts", "rfp")
    press(packer, {second: ""}, do="all")
    assert desk.status(second) == "rts"


def test_what_is_refused_stands_beside_its_row_with_what_was_typed(packer, store):
    first, second, held = released(store), released(store), released(store)
    decisions.hold([held.pk], reason="wait", by=desk.DESK)

    answer = press(packer, {first: "SAME", second: "SAME", held: "AB3"})

    assert told(answer)[-1] == f"#{held.number}: On hold: wait"
    assert [(row.number, row.error) for row in answer.context["rows"]] == [
        ("SAME", "The number SAME was entered for more than one order."),
        ("SAME", "The number SAME was entered for more than one order."),
    ]
    assert {desk.status(order) for order in (first, second, held)} == {"rfp"}


def test_a_number_beside_an_order_that_is_not_ticked_moves_nothing(packer, store):
    order = released(store)

    answer = packer.post(STATION, {"do": "ship", f"number-{order.pk}": "AB1"})

    assert told(answer) == [
        f"A number was typed, but the order is not ticked: #{order.number}. It was not changed.",
        "No order is selected. Enter a tracking number, or tick an order.",
    ]
    assert desk.status(order) == "rfp"
    assert 'value="AB1"' in answer.content.decode()


def test_new_orders_are_released_by_those_who_may(client, store):
    store.order_settings.has_pick_step = False
    store.order_settings.save()
    order = desk.an_order(store, MUG=1)

    as_role(client, "Warehouse")
    assert client.get(STATION).context["rows"] == []
    press(client, {order: "AB1"})
    assert desk.status(order) == "new"

    as_role(client, "Owner")
    assert [row.order for row in client.get(STATION).context["rows"]] == [order]
    press(client, {order: "AB1"})
    assert desk.status(order) == "rts"


def test_the_pick_step_is_a_setting_of_the_store(client, store):
    as_role(client, "Owner")
    page = f"/admin/integrations/ecommerce-sales-channels/{store.pk}/settings/"
    given = {
        "which": "orders",
        "orders-default_carrier": store.order_settings.default_carrier_id,
        "orders-unpaid_hold_hours": 48,
        "orders-action_window_days": 14,
        "orders-ship_within_hours": 48,
    }

    client.post(page, given)

    store.order_settings.refresh_from_db()
    assert store.order_settings.has_pick_step is False


@pytest.mark.parametrize(
    ("role", "may"), [("Warehouse", True), ("Owner", True), ("Order desk", False), ("Read-only", False)]
)
def test_who_may_work_at_the_packing_table(client, store, role, may):
    order = released(store)
    as_role(client, role)
    status = 200 if may else 403

    assert [client.get(page).status_code for page in (STATION, PACK, f"{PACK}{order.pk}/")] == [status] * 3
    assert client.post(f"{PACK}{order.pk}/do/begin/").status_code == (302 if may else 403)
    press(client, {order: "AB1"})
    assert desk.status(order) == ("rts" if may else "rfp")


def test_the_station_costs_the_same_with_more_orders(packer, store):
    def cost() -> int:
        packer.get(STATION)
        with CaptureQueriesContext(database) as queries:
            packer.get(STATION)
        return len(queries)

    for _n in range(2):
        released(store)
    before = cost()
    for _n in range(6):
        released(store)
    assert cost() == before <= 17


# --- scanning ---


def test_from_the_scan_of_the_order_to_packed(packer, store):
    order = released(store, MUG=2)

    answer = packer.get(PACK, {"code": f"#{order.number}"})
    assert answer.url == f"{PACK}{order.pk}/"
    packer.post(f"{answer.url}do/begin/")
    assert [(item.scanned, item.needed) for item, _thumb in packer.get(answer.url).context["items"]] == [
        (0, 2)
    ]
    scan = f"{answer.url}do/scan/"
    assert packer.post(scan, {"code": "CUP"}, headers=JSON).json()["kind"] == "wrong"
    line = str(order.lines.get().pk)
    assert packer.post(scan, {"code": "MUG"}, headers=JSON).json() == {
        "kind": "ok",
        "text": "MUG: 1 of 2.",
        "scanned": {line: 1},
    }
    assert packer.post(scan, {"code": "MUG"}, headers=JSON).json()["next"] == PACK
    assert desk.status(order) == "packed"
    assert told(packer.get(PACK)) == [f"Order #{order.number} is packed."]


def test_without_a_script_each_scan_is_a_form(packer, store):
    order = released(store, MUG=2)
    packer.post(f"{PACK}{order.pk}/do/begin/")

    assert told(packer.post(f"{PACK}{order.pk}/do/scan/", {"code": "CUP"}, follow=True)) == [
        "No item of this order has the code “CUP”."
    ]
    packer.post(f"{PACK}{order.pk}/do/scan/", {"code": "MUG"})
    packer.post(f"{PACK}{order.pk}/do/restart/")
    assert PackingSession.objects.get().scanned == {}
    packer.post(f"{PACK}{order.pk}/do/leave/")
    assert not PackingSession.objects.exists()
    assert desk.status(order) == "rfp"


def test_the_second_person_sees_who_packs_it_and_takes_over_only_by_a_button(client, packer, store):
    order = released(store, MUG=1)
    packer.post(f"{PACK}{order.pk}/do/begin/")
    ben = as_role(Client(), "Owner")

    answer = ben.post(f"{PACK}{order.pk}/do/begin/", follow=True)
    assert told(answer) == ["warehouse is packing this order and has scanned 0 units."]
    assert "Pack it instead and scan all items again" in answer.content.decode()
    assert ben.post(f"{PACK}{order.pk}/do/scan/", {"code": "MUG"}, headers=JSON).json()["kind"] == "refused"
    assert "warehouse is packing it" in ben.get(PACK).content.decode()

    ben.post(f"{PACK}{order.pk}/do/take-over/")
    assert ben.post(f"{PACK}{order.pk}/do/scan/", {"code": "MUG"}, headers=JSON).json()["kind"] == "packed"


def test_an_unknown_number_and_an_order_that_is_not_released(packer, store):
    order = desk.an_order(store, MUG=1)

    assert (
        "No order has the number “nothing”. Scan again."
        in packer.get(PACK, {"code": "nothing"}).content.decode()
    )
    answer = packer.post(f"{PACK}{order.pk}/do/begin/", follow=True)
    assert told(answer) == [f"#{order.number}: Release the order first."]
    assert packer.get(f"{PACK}999999/").status_code == 404
    assert packer.post(f"{PACK}{order.pk}/do/juggle/").status_code == 404
