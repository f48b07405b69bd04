"""One order on one page: what it shows, what it lets people do, and that it costs the same however long it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalogue.models import SkuAlias
from channels.models import OutboxMessage
from oms.kit.authors.actors import SYSTEM
from orders import problem_codes
from orders.admin.order_rows import accepted_events
from orders.models import Order, Shipment
from orders.services import decisions, packing
from orders.unit_of_work.unit_of_work import UnitOfWork
from tests import factories
from tests.admin import desk_data

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def store():
    return desk_data.shop()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def page(order: Order, rest: str = "") -> str:
    return f"/admin/orders/order/{order.pk}/{rest}"


def told(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def as_role(client: Client, role: str) -> Client:
    person = factories.user(role.lower().replace(" ", "-"))
    person.groups.add(Group.objects.get(name=role))
    client.force_login(person)
    return client


def test_main_button_is_the_one_next_move_all_the_way(owner, store):
    order = desk_data.order(store)
    seen = []
    for _step in range(4):
        main = owner.get(page(order)).context["view"].main
        seen.append(main.name)
        if main.name == "ready_to_ship":
            parcel = Shipment.objects.get(order=order)
            owner.post(
                page(order, "do/tracking/"),
                {"shipment": parcel.pk, "carrier": desk_data.carrier().pk, "number": "AB1"},
            )
        if main.name != "hand_over":
            owner.post(page(order, f"move/{main.name}/"))
    order.refresh_from_db()

    assert seen == ["release", "pack", "ready_to_ship", "hand_over"]
    assert order.status == "rts"
    assert order.shipments.get().tracking_number == "AB1"


def test_tracking_typed_but_not_saved_goes_along_with_ready_to_ship(owner, store):
    order = desk_data.order(store)
    packing.release([order.pk], by=SYSTEM)
    packing.pack([order.pk], by=SYSTEM)

    owner.post(page(order, "move/ready_to_ship/"), {"carrier": desk_data.carrier().pk, "number": " AB2 "})

    parcel = Shipment.objects.get(order=order)
    assert (parcel.state, parcel.carrier, parcel.tracking_number) == ("ready", desk_data.carrier(), "AB2")


@pytest.mark.req("R-ORD-07")
def test_unknown_sku_is_found_mapped_and_remembered(owner, store):
    order = desk_data.order(store, desk_data.line("MUGRED-OLD", 2, title="Red mug"))
    view = owner.get(page(order), {"sku": "mug"}).context
    assert [variant.sku for variant in view["found"]] == ["MUG-BLUE", "MUG-RED"]
    assert view["view"].main.enabled is False

    response = owner.post(
        page(order, "do/map/"),
        {"line": order.lines.get().pk, "variant": factories.variant("MUG-RED").pk, "remember": "1"},
        follow=True,
    )

    assert told(response)[0].startswith("Line mapped to MUG-RED.")
    order.refresh_from_db()
    assert (order.status, order.problems_open, order.allocation) == ("new", 0, "full")
    assert SkuAlias.objects.get().variant.sku == "MUG-RED"


def test_sku_that_nobody_knows_is_refused_in_one_sentence(owner, store):
    order = desk_data.order(store, desk_data.line("WHO"))

    response = owner.post(page(order, "do/map/"), {"line": order.lines.get().pk, "sku": "NOPE"}, follow=True)

    assert told(response) == [
        "No product has the SKU “NOPE”. Search for another one, or create the product first."
    ]
    assert order.lines.get().variant is None


def test_hold_asks_why_and_shows_it(owner, store):
    order = desk_data.order(store)
    assert b"Hold this order?" in owner.post(page(order, "move/hold/")).content

    owner.post(page(order, "move/hold/"), {"confirmed": "1", "reason": "address looks wrong"})

    shown = owner.get(page(order))
    assert shown.context["view"].holds[0].reason == "address looks wrong"
    assert shown.context["view"].main.name == "lift_hold"
    off = {move.name: move.reason for move in shown.context["view"].others if not move.enabled}
    assert off["release"] == "On hold: address looks wrong"


def test_an_order_that_the_channel_cancelled_after_packing_offers_to_undo_packing(owner, store):
    order = desk_data.order(store)
    packing.release([order.pk], by=SYSTEM)
    packing.pack([order.pk], by=SYSTEM)
    with transaction.atomic():
        unit = UnitOfWork.load([order.pk])
        unit.order_states[0].open_problem(problem_codes.LATE_CANCEL, "UK Shop cancelled the order.")
        unit.flush(SYSTEM)

    shown = owner.get(page(order)).context

    assert (shown["view"].main.name, shown["view"].main.enabled, shown["main_off"]) == (
        "undo_packing",
        True,
        "",
    )
    assert "ready_to_ship" in [move.name for move in shown["view"].others if not move.enabled]
    owner.post(page(order, "move/undo_packing/"))
    order.refresh_from_db()
    assert order.status == "cancelled"


def test_dangerous_moves_are_last_in_the_menu(owner, store):
    order = desk_data.order(store)

    names = [move.name for move in owner.get(page(order)).context["view"].others]

    assert names == ["hold", "cancel"]


def test_illegal_move_answers_with_a_sentence_and_changes_nothing(owner, store):
    order = desk_data.order(store)

    response = owner.post(page(order, "move/pack/"), follow=True)

    assert told(response) == [f"#{order.number}: Release the order first."]
    order.refresh_from_db()
    assert order.status == "new"


def test_page_costs_the_same_with_one_line_or_thirty(owner, store):
    short = desk_data.ready(store, desk_data.line("MUG-BLUE"))
    long = desk_data.ready(store, *[desk_data.line("MUG-BLUE", 1, external_id=f"l{n}") for n in range(20)])
    for number in range(10):
        decisions.add_note(order=long, text=f"note {number}", by=SYSTEM)
    owner.get(page(short))

    counts = []
    for order in (short, long):
        with CaptureQueriesContext(connection) as taken:
            assert owner.get(page(order)).status_code == 200
        counts.append(len(taken))

    assert counts[1] == counts[0] <= 27


def test_why_a_line_waits_names_who_holds_the_stock(owner, store):
    first = desk_data.order(store, desk_data.line("TEE-M", 5))
    waiting = desk_data.order(store, desk_data.line("TEE-M", 3))

    response = owner.get(page(waiting, f"lines/{waiting.lines.get().pk}/why/"))

    item, holders = response.context["own_stock"][0]
    assert (item.on_hand, response.context["available"]) == (6, 0)
    assert {holder.order_id: holder.units for holder in holders} == {first.pk: 5, waiting.pk: 1}
    assert response.context["sentence"].startswith("Missing: 2. Available: 0.")


def test_native_document_needs_its_permission(client, store):
    order = desk_data.order(store)
    desk = as_role(client, "Order desk")
    assert desk.get(page(order)).context["may_see_native"] is False
    assert desk.get(page(order, "native/")).status_code == 403

    owner = as_role(client, "Owner")
    assert order.number in owner.get(page(order, "native/")).content.decode()


def test_warehouse_packs_but_does_not_release(client, store):
    order = desk_data.order(store)
    hand = as_role(client, "Warehouse")

    assert told(hand.post(page(order, "move/release/"), follow=True)) == ["Your role does not allow this."]
    packing.release([order.pk], by=SYSTEM)
    hand.post(page(order, "move/pack/"))

    order.refresh_from_db()
    assert order.status == "packed"


def test_an_order_that_is_not_there_is_a_404(owner):
    assert owner.get("/admin/orders/order/987654/").status_code == 404


@pytest.mark.fault("F-47", "F-18")
def test_what_was_sent_and_accepted_is_the_channels_state_until_a_newer_import(owner, store):
    order = desk_data.order(store)
    Order.objects.filter(pk=order.pk).update(remote_status_name="Pending", read_at=timezone.now() - MINUTE)
    message = OutboxMessage.objects.create(
        connection=store, kind="event", topic="shipped", lane="orders", subject=1, group=order.pk, key="s",
        sent=1, sent_at=timezone.now(),
    )  # fmt: skip
    view = owner.get(page(order)).context["view"]
    assert (view.accepted.what, "sent" in owner.get(page(order)).content.decode()) == ("Shipped", True)
    row = Order.objects.get(pk=order.pk)
    assert accepted_events([row]) == {order.pk: ("Shipped", message.sent_at)}

    OutboxMessage.objects.update(is_written=False)  # nothing was needed: nothing was sent
    assert (accepted_events([row]), owner.get(page(order)).context["view"].accepted) == ({}, None)
    assert "Not needed" in owner.get(page(order)).content.decode()
    OutboxMessage.objects.update(is_written=True)
    Order.objects.update(read_at=timezone.now() + MINUTE)
    row.refresh_from_db()
    assert (accepted_events([row]), owner.get(page(order)).context["view"].accepted) == ({}, None)
