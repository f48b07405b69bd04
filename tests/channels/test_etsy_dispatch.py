"""Where Etsy takes no tracking numbers from a shop, somebody enters them there: the order says so, and is ticked off (§7)."""

from __future__ import annotations

import html
from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from channels.connectors.etsy.fulfilment import BY_HAND
from channels.models import Connection, OutboxMessage
from channels.sandbox.server import Running
from oms.kit.authors.actors import SYSTEM
from orders.models import Order, OrderEvent
from orders.services import carriers, completion, packing
from tests import factories
from tests.support.etsy import asked, connected_store, read, send, shop

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-SHIP-03")]

LIST = "/admin/orders/order/"


@pytest.fixture
def etsy() -> Iterator[Running]:
    with shop(per_second=10_000) as running:
        yield running


@pytest.fixture
def store(etsy: Running) -> Connection:
    row = etsy.sandbox.shop.add_listing("Mug", [{"sku": "MUG", "price": "9.00", "quantity": 20}])
    store = connected_store(etsy, maps={"leeds": 1})
    item = factories.listed("MUG", store, external_id=str(row["listing_id"]))
    assert item.variant is not None
    factories.shelf(item.variant, on_hand=20)
    return store


@pytest.fixture
def owner(store: Connection) -> Client:
    get_user_model().objects.create_superuser("olga", password="secret")
    client = Client()
    client.login(username="olga", password="secret")
    return client


def bought(store: Connection, etsy: Running, number: int = 1) -> list[Order]:
    ids = [str(etsy.sandbox.buy("MUG")["order_id"]) for _ in range(number)]
    read(store)
    return list(Order.objects.filter(connection=store, external_id__in=ids).order_by("pk"))


def ready(*orders: Order) -> None:
    carrier = carriers.save_carrier(name="Royal Mail", by=SYSTEM)
    ids = [order.pk for order in orders]
    for step in (packing.release, packing.pack):
        assert [one.message for one in step(ids, by=SYSTEM) if not one.ok] == []
    tracking = {pk: (carrier.pk, f"RM{pk}GB") for pk in ids}
    assert all(one.ok for one in packing.mark_ready_to_ship(ids, tracking=tracking, by=SYSTEM))


def to_do() -> set[int]:
    return set(Order.objects.filter(dispatch_to_do=True).values_list("pk", flat=True))


def page(client: Client, order: Order) -> str:
    return html.unescape(client.get(f"{LIST}{order.pk}/").content.decode())


def test_a_refused_number_is_entered_at_etsy_by_hand_and_ticked_off(
    store: Connection, etsy: Running, owner: Client
) -> None:
    first, second = bought(store, etsy, 2)
    etsy.sandbox.configure(is_restricted=True, country="US")
    ready(first, second)
    assert to_do() == set()  # nobody knows yet

    send(store)

    assert len(asked(etsy, "POST", "/tracking")) == 1  # asked once, and never again
    assert to_do() == {first.pk, second.pk}
    assert (
        not OutboxMessage.objects.filter(connection=store).unsent().exists()
    )  # nothing waits, nothing alarms
    for order in (first, second):
        order.refresh_from_db()
        assert order.status == "rts"  # it goes on here
        shown = page(owner, order)
        assert (
            "Manifold cannot send tracking numbers to Etsy shop. Enter carrier and tracking number" in shown
        )
        assert "Mark tracking as entered" in shown
        assert str(BY_HAND) in shown
    assert "2 shipped orders: enter their tracking numbers in Etsy shop" in html.unescape(
        owner.get("/admin/").content.decode()
    )
    listed = owner.get(LIST, {"tab": "dispatch_to_do"})
    assert {row.pk for row in listed.context["cl"].result_list} == {first.pk, second.pk}

    answer = owner.post(
        LIST, {"action": "note_dispatched", "index": 0, "_selected_action": [first.pk]}, follow=True
    )

    assert "1 order moved." in " ".join(str(message) for message in answer.context["messages"])
    assert to_do() == {second.pk}
    event = OrderEvent.objects.filter(order=first, kind="note_dispatched").get()
    assert (str(event.text), str(event.author)) == (
        "Entered on Etsy shop by hand: carrier and tracking number",
        "olga",
    )
    assert "cannot send tracking numbers to" not in page(owner, first)
    again = owner.post(
        LIST, {"action": "note_dispatched", "index": 0, "_selected_action": [first.pk]}, follow=True
    )
    assert "does not have to be entered on the channel" in " ".join(str(m) for m in again.context["messages"])


def test_the_next_order_is_on_the_list_at_once_and_etsy_is_not_asked(
    store: Connection, etsy: Running, owner: Client
) -> None:
    first, second = bought(store, etsy, 2)
    etsy.sandbox.configure(is_restricted=True, country="US")
    ready(first)
    send(store)
    store.refresh_from_db()

    ready(second)
    send(store)

    assert second.pk in to_do()
    assert len(asked(etsy, "POST", "/tracking")) == 1
    assert f"Not sent to Etsy: {BY_HAND}" in page(owner, second)


def test_what_the_seller_entered_at_etsy_is_off_the_list_by_itself(store: Connection, etsy: Running) -> None:
    [order] = bought(store, etsy)
    etsy.sandbox.configure(is_restricted=True, country="US")
    ready(order)
    send(store)
    assert to_do() == {order.pk}

    receipt = etsy.sandbox.shop.receipts[order.external_id]
    etsy.sandbox.shop.ship(receipt, f"RM{order.pk}GB", "royal-mail", etsy.sandbox.clock())
    read(store, "orders.changed")

    assert to_do() == set()
    order.refresh_from_db()
    # Ready until our own manifest: it is our number that came back.
    assert (order.status, order.remote_status_id) == ("rts", "completed")


def test_what_was_ticked_off_before_etsy_shows_it_stays_on_our_desk_too(
    store: Connection, etsy: Running
) -> None:
    [order] = bought(store, etsy)
    etsy.sandbox.configure(is_restricted=True, country="US")
    ready(order)
    send(store)
    assert completion.note_dispatched([order.pk], by=SYSTEM)[0].ok

    etsy.sandbox.shop.ship(etsy.sandbox.shop.receipts[order.external_id], "RM1GB", "royal-mail")
    read(store, "orders.changed")

    order.refresh_from_db()
    assert (order.status, order.remote_status_id, order.dispatch_to_do) == ("rts", "completed", False)


def test_where_numbers_are_taken_nothing_is_left_to_people(store: Connection, etsy: Running) -> None:
    [order] = bought(store, etsy)
    ready(order)
    send(store)

    assert to_do() == set()
    assert etsy.sandbox.shop.receipts[order.external_id]["status"] == "Completed"


def test_another_refusal_is_no_matter_of_countries(store: Connection, etsy: Running) -> None:
    [order] = bought(store, etsy)
    etsy.sandbox.set_status(order.external_id, "Canceled")
    ready(order)
    send(store)

    assert to_do() == set()
    assert OutboxMessage.objects.filter(connection=store, topic="ready_to_ship").parked().count() == 1


def test_an_address_that_etsy_keeps_is_a_problem_and_the_order_is_seen(
    store: Connection, etsy: Running, owner: Client
) -> None:
    etsy.sandbox.configure(is_restricted=True, country="US")

    [order] = bought(store, etsy)

    assert (order.is_address_withheld, order.status, order.problems_open) == (True, "new", 1)
    shown = page(owner, order)
    assert "Address withheld by the channel" in shown
    assert "Etsy shop does not send the address. Look it up in the store" in shown
    packing.release([order.pk], by=SYSTEM)
    [outcome] = packing.pack([order.pk], by=SYSTEM)
    assert not outcome.ok

    etsy.sandbox.configure(is_restricted=False)
    receipt = etsy.sandbox.shop.receipts[order.external_id]
    receipt["updated_timestamp"] += 5
    read(store)

    order.refresh_from_db()
    assert (order.is_address_withheld, order.problems_open) == (False, 0)


@pytest.mark.req("R-ORD-08")
def test_money_refunded_in_part_is_shown_and_asks_a_person(
    store: Connection, etsy: Running, owner: Client
) -> None:
    [order] = bought(store, etsy)
    etsy.sandbox.refund(order.external_id, "3.00", "Scratched", is_told=False)

    read(store)  # the queue of open orders is read whole, so no change of a time is needed

    order.refresh_from_db()
    assert (str(order.refunded_total), order.status, order.problems_open) == ("3.0000", "new", 1)
    assert "Refunded so far" in page(owner, order)
