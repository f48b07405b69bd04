"""Some units of an order are cancelled: what leaves, what is told and what the shelf loses agree (F-06)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from channels.contract.adapter import ChannelAdapter
from channels.models import Connection, OutboxMessage
from orders.errors import OrderError
from orders.models import Order, OrderLine
from orders.outbound.fulfilment_handler import FulfilmentHandler
from orders.services import carriers, packing
from orders.services.corrections.part_cancel import cancel_units
from tests import factories
from tests.orders.desk import (
    DESK,
    comes,
    counters,
    line,
    problems,
    record,
    shelf,
    status,
    stocked,
    store,
)
from tests.orders.test_invariants import healthy
from tests.orders.test_moves import manifest, ok, to_ready
from tests.orders.test_push import Channel

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-06")]


@pytest.fixture
def shop() -> Connection:
    carrier = carriers.save_carrier(name="DPD", tracking_url="", by=DESK)
    made = store(channel="bigcommerce", settings={"default_carrier": carrier})
    stocked("MUG", leeds=5)
    stocked("CUP", leeds=5)
    return made


def sold(shop: Connection, *, minutes: int = 0, refunded: int = 0, mugs: int = 2, **more: Any) -> Order:
    """Two mugs and a cup; the channel has refunded so many mugs and lists them still."""
    rows = (line("1-1", "MUG", mugs, refunded=refunded), line("1-2", "CUP", 1))
    total = Decimal(10) * refunded or None
    found = record("1", minutes=minutes, lines=rows)
    given = replace(found, native={"at": minutes}, refunded_total=total, **more)
    comes(shop, given)
    return Order.objects.get()


def mug(order: Order) -> OrderLine:
    return order.lines.get(sku="MUG")


def cancels(order: Order, units: int) -> str:
    return cancel_units(order_id=order.pk, units={mug(order).pk: units}, reason="refunded", by=DESK)


def test_a_refunded_unit_is_cancelled_and_the_rest_leaves(shop: Connection) -> None:
    order = sold(shop)
    order = sold(shop, minutes=5, refunded=1)
    assert (problems(order), mug(order).refunded) == (["partly_refunded"], 1)

    assert cancels(order, 1) == "1 × MUG"

    assert (status(order), problems(order), shelf("MUG")) == ("new", [], (5, 1))
    assert counters(order) == [(2, 1, 0, 1), (1, 1, 0, 0)]
    healthy()
    to_ready(order)
    manifest("DPD")
    assert (status(order), shelf("MUG"), shelf("CUP")) == ("in_transit", (4, 0), (4, 0))
    channel = Channel()
    adapter: ChannelAdapter = channel  # type: ignore[assignment]
    messages = OutboxMessage.objects.filter(kind="event", topic="ready_to_ship")
    FulfilmentHandler().send(shop, list(messages), adapter)
    assert [(dict(one.lines), one.is_whole_order) for one in channel.told] == [({"1-1": 1, "1-2": 1}, True)]
    healthy()


def test_a_later_import_does_not_bring_the_units_back(shop: Connection) -> None:
    order = sold(shop)
    cancels(order, 1)
    sold(shop, minutes=5, refunded=1)
    assert (counters(order), shelf("MUG")) == ([(2, 1, 0, 1), (1, 1, 0, 0)], (5, 1))
    sold(shop, minutes=6, mugs=4)  # the buyer takes two more
    assert (counters(order), shelf("MUG")) == ([(4, 3, 0, 1), (1, 1, 0, 0)], (5, 3))
    sold(shop, minutes=7, mugs=3)  # the channel removes the unit that was cancelled here
    assert (counters(order), shelf("MUG")) == ([(3, 3, 0, 0), (1, 1, 0, 0)], (5, 3))
    healthy()


def test_a_released_order_moves_back_to_new_and_is_packed_without_the_units(shop: Connection) -> None:
    order = sold(shop)
    ok(packing.release([order.pk], by=DESK))
    cancels(order, 2)
    assert (status(order), shelf("MUG")) == ("new", (5, 0))
    ok(packing.release([order.pk], by=DESK))
    rows = order.shipments.exclude(state="cancelled").values_list("lines__line__sku", "lines__quantity")
    assert list(rows) == [("CUP", 1)]
    healthy()


@pytest.mark.parametrize(
    ("units", "reason", "said"),
    [
        ({"MUG": 1}, " ", "Enter the reason"),
        ({}, "x", "Enter how many units"),
        ({"MUG": 3}, "x", "Only 2 units of MUG can be cancelled."),
        ({"MUG": 2, "CUP": 1}, "x", "Use “Cancel order” instead"),
    ],
)
def test_what_cannot_be_cancelled_says_why_and_nothing_changes(
    shop: Connection, units: dict[str, int], reason: str, said: str
) -> None:
    order = sold(shop)
    keys = {order.lines.get(sku=sku).pk: count for sku, count in units.items()}
    with pytest.raises(OrderError, match=said):
        cancel_units(order_id=order.pk, units=keys, reason=reason, by=DESK)
    assert counters(order) == [(2, 2, 0, 0), (1, 1, 0, 0)]


def test_a_packed_order_says_that_it_is_too_late(shop: Connection) -> None:
    order = sold(shop)
    to_ready(order)
    with pytest.raises(OrderError, match="already packed"):
        cancels(order, 1)


def test_the_page_offers_the_refunded_units_and_the_form_acts_once(shop: Connection) -> None:
    order = sold(shop)
    sold(shop, minutes=5, refunded=1)
    client = Client()
    client.force_login(factories.user(is_superuser=True))
    page = client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
    assert f'name="units-{mug(order).pk}" min="0" max="2" value="1"' in page

    url = reverse("admin:order_act", args=[order.pk, "cancel_units"])
    form = {f"units-{mug(order).pk}": "1", "reason": "refunded", "token": "once"}
    client.post(url, form)
    said = client.post(url, form, follow=True).content.decode()

    assert counters(order) == [(2, 1, 0, 1), (1, 1, 0, 0)]
    assert "These units were already cancelled. Nothing was changed again." in said
