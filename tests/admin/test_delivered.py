"""Who may say that an order was delivered, and the list of those that somebody notes at the channel (R-ORD-14)."""

from __future__ import annotations

import pytest
from django.test import Client

from channels.contract.records.orders import RemoteState
from channels.models import Connection
from orders.models import Carrier, Order, OrderEvent, OrderSettings
from orders.services import completion
from tests.orders.desk import DESK, an_order, comes, fingerprint, means, record, status, stocked, store
from tests.orders.test_moves import manifest, to_ready

LIST = "/admin/orders/order/"
pytestmark = [pytest.mark.django_db, pytest.mark.req("R-ORD-14")]


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def on_its_way(shop: Connection) -> Order:
    """An order of this store that left with a manifest."""
    stocked("MUG", leeds=5)
    royal_mail, _made = Carrier.objects.get_or_create(name="Royal Mail", key="royal mail")
    OrderSettings.objects.filter(connection=shop).update(default_carrier=royal_mail)
    order = an_order(shop, MUG=1)
    to_ready(order)
    manifest()
    assert status(order) == "in_transit"
    return order


def tick(client: Client, move: str, *orders: Order) -> str:
    answer = client.post(
        LIST, {"action": move, "index": 0, "_selected_action": [order.pk for order in orders]}, follow=True
    )
    return " ".join(str(message) for message in answer.context["messages"])


def test_etsy_alone_says_that_its_order_was_delivered(owner):
    order = on_its_way(store(channel="etsy"))
    before = fingerprint()

    [outcome] = completion.mark_delivered([order.pk], by=DESK)
    said = tick(owner, "mark_delivered", order)
    page = owner.get(f"{LIST}{order.pk}/").content.decode()

    sentence = "Only Etsy reports when an order was delivered: Manifold imports it."
    assert (outcome.ok, str(outcome.message)) == (False, sentence)
    assert sentence in said
    assert sentence in page
    assert fingerprint() == before

    comes(order.connection, record(order.external_id, RemoteState.DELIVERED, minutes=5, MUG=1))

    assert status(order) == "delivered"
    assert order.delivery_to_do is False


def test_what_cannot_be_sent_to_bigcommerce_is_a_list_with_a_link_and_a_tick(owner):
    order = on_its_way(store("UK Shop", channel="bigcommerce"))
    Order.objects.update(url="https://store-abc.mybigcommerce.com/manage/orders/1")
    assert "Delivery to enter" not in owner.get(LIST).content.decode()

    assert "1 order moved." in tick(owner, "mark_delivered", order)

    listed = owner.get(LIST, {"tab": "delivery_to_do"})
    assert [row.pk for row in listed.context["cl"].result_list] == [order.pk]
    assert "1 delivered order: mark it as delivered in UK Shop" in owner.get("/admin/").content.decode()
    page = owner.get(f"{LIST}{order.pk}/").content.decode()
    assert "note it in BigCommerce, then mark it as noted in Manifold" in page
    assert 'href="https://store-abc.mybigcommerce.com/manage/orders/1"' in page

    assert "1 order moved." in tick(owner, "note_delivered", order)

    assert (status(order), order.delivery_to_do) == ("delivered", False)
    assert OrderEvent.objects.get(kind="note_delivered").text == "Entered on UK Shop by hand: Delivered"
    assert not owner.get(LIST, {"tab": "delivery_to_do"}).context["cl"].result_list
    assert "to be noted at" not in owner.get("/admin/").content.decode()
    assert "does not have to be entered on the channel" in tick(owner, "note_delivered", order)


def test_completed_there_leaves_nothing_to_be_noted():
    shop = store(channel="bigcommerce")
    order = on_its_way(shop)
    completion.mark_delivered([order.pk], by=DESK)
    order.refresh_from_db()
    assert order.delivery_to_do is True

    comes(shop, record(order.external_id, RemoteState.COMPLETED, minutes=5, MUG=1))

    assert (status(order), order.delivery_to_do) == ("completed", False)


@pytest.mark.parametrize("channel", ["onbuy", "opencart", "offline"])
def test_elsewhere_a_person_says_so_and_nothing_is_left_to_do(channel):
    order = on_its_way(store(channel=channel))

    [outcome] = completion.mark_delivered([order.pk], by=DESK)

    assert (outcome.ok, status(order), order.delivery_to_do) == (True, "delivered", False)


def test_a_status_that_the_seller_maps_delivers_at_opencart():
    shop = store(channel="opencart")
    means(shop, "91", RemoteState.DELIVERED, name="Delivered")
    order = on_its_way(shop)

    comes(shop, record(order.external_id, RemoteState.DELIVERED, minutes=5, MUG=1))

    assert status(order) == "delivered"


@pytest.mark.req("R-USE-04")
@pytest.mark.parametrize(
    ("tab", "mark", "words"),
    [
        (
            "dispatch_to_do",
            "dispatch_to_do",
            "Enter carrier and tracking number on the channel, then select the orders and press",
        ),
        ("delivery_to_do", "delivery_to_do", "Enter it on the channel, then select the orders and press"),
        ("in_transit", "dispatch_to_do", ""),
    ],
)
def test_a_list_to_be_ticked_off_says_what_is_done_with_it(owner, tab, mark, words):
    order = on_its_way(store(channel="etsy"))
    Order.objects.filter(pk=order.pk).update(**{mark: True})

    page = owner.get(LIST, {"tab": tab}).content.decode()

    assert f"#{order.number}</a>" in page
    assert (words in page, "select the orders and press" in page) == (True, bool(words))
