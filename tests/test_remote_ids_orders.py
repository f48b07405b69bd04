"""Orders and lines whose ids vanish, come back, change or are merged, in all four channels (docs/remote-ids.md, F-13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from orders.choices import OrderStatus
from orders.models import Order, OrderEvent
from tests.support.id_shops import CHANNELS, Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.fault("F-13")]
#: Channels whose orders can be edited, and that can have an order made again.
EDITABLE = ("opencart", "bigcommerce")
Way = Callable[[Shop, str], object]
WAYS: dict[str, Way] = {
    "webhook": lambda shop, _number: shop.webhook(),
    "poll": lambda shop, _number: shop.poll(),
    "sync of the id": lambda shop, number: shop.sync_order(number),
    "whole import": lambda shop, _number: shop.sync_orders(),
}


@pytest.fixture(params=CHANNELS)
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with ExitStack() as stack:
        yield Shop(request.param, stack)


def ways(shop: Shop, called: bool = True) -> dict[str, Way]:
    """Return the ways of this channel; `called`: a webhook tells of it where the channel has webhooks for orders."""
    has = called and shop.channel in EDITABLE
    return {name: way for name, way in WAYS.items() if has or name != "webhook"}


def test_a_deleted_order_is_noticed_in_each_way_and_comes_back_with_its_id(shop: Shop) -> None:
    for name, notice in ways(shop).items():
        order = shop.order()
        shop.webhook()
        shop.sandbox.delete_order(order.external_id)

        notice(shop, order.external_id)

        order.refresh_from_db()
        assert (order.status, shop.allocated(), shop.problems()) == (OrderStatus.CANCELLED, 0, []), name

        shop.sandbox.restore_order(order.external_id)
        shop.sync_order(order.external_id)

        order.refresh_from_db()
        assert (order.status, shop.allocated(), shop.problems()) == (OrderStatus.NEW, 1, []), name
        shop.sandbox.delete_order(order.external_id)
        shop.sync_order(order.external_id)
        assert Order.objects.filter(external_id=order.external_id).count() == 1


def test_a_packed_order_that_is_deleted_and_restored_can_be_shipped(shop: Shop) -> None:
    order = shop.packed()
    shop.sandbox.delete_order(order.external_id)
    shop.sync_orders()
    assert shop.problems(order) == ["deleted_there"]

    shop.sandbox.restore_order(order.external_id)
    shop.sync_order(order.external_id)

    order.refresh_from_db()
    assert (order.status, shop.problems(order)) == (OrderStatus.PACKED, [])


@pytest.mark.parametrize("shop", EDITABLE, indirect=True)
def test_an_order_with_a_new_id_is_a_new_order_and_the_old_one_is_cancelled(shop: Shop) -> None:
    for name, notice in ways(shop).items():
        order = shop.order()
        shop.webhook()
        new_id = str(shop.sandbox.recreate_order(order.external_id)["order_id"])

        notice(shop, order.external_id)
        shop.sync_order(new_id)

        order.refresh_from_db()
        made = Order.objects.get(external_id=new_id)
        assert (order.status, made.status, shop.allocated()) == ("cancelled", "new", 1), name
        assert shop.problems() == [], name
        shop.sandbox.delete_order(new_id)
        shop.sync_order(new_id)


@pytest.mark.parametrize("shop", ["opencart"], indirect=True)
def test_a_merged_order_is_cancelled_and_its_lines_are_in_the_other_one(shop: Shop) -> None:
    """Only add-ons of OpenCart merge orders."""
    for name, notice in ways(shop).items():
        first, second = shop.order((shop.singles[0], 2)), shop.order((shop.singles[1], 3))
        shop.webhook()
        shop.sandbox.merge_orders(first.external_id, second.external_id)

        notice(shop, first.external_id)
        shop.sync_order(second.external_id)

        first.refresh_from_db()
        assert (first.status, shop.lines(second)) == (
            "cancelled",
            [(shop.singles[0], 2), (shop.singles[1], 3)],
        ), name
        assert (shop.allocated(), shop.problems()) == (5, []), name
        shop.sandbox.delete_order(second.external_id)
        shop.sync_order(second.external_id)


@pytest.mark.parametrize("shop", EDITABLE, indirect=True)
def test_lines_that_get_new_ids_change_nothing(shop: Shop) -> None:
    for name, notice in ways(shop).items():
        order = shop.order((shop.singles[0], 2), (shop.singles[1], 1))
        before = list(order.lines.order_by("pk").values_list("pk", "sku", "quantity", "allocated"))
        events = OrderEvent.objects.filter(order=order, kind="lines").count()
        shop.webhook()
        shop.sandbox.renumber_lines(order.external_id)

        notice(shop, order.external_id)

        assert list(order.lines.order_by("pk").values_list("pk", "sku", "quantity", "allocated")) == before
        assert OrderEvent.objects.filter(order=order, kind="lines").count() == events, name
        assert shop.problems() == [], name
        shop.sandbox.delete_order(order.external_id)
        shop.sync_order(order.external_id)


@pytest.mark.parametrize("shop", EDITABLE, indirect=True)
def test_a_line_that_vanishes_frees_its_stock_and_comes_back(shop: Shop) -> None:
    for name, notice in ways(shop).items():
        order = shop.order((shop.singles[0], 2), (shop.singles[1], 1))
        shop.webhook()
        shop.sandbox.delete_line(order.external_id, 0)

        notice(shop, order.external_id)

        assert (shop.lines(order), shop.allocated()) == ([(shop.singles[1], 1)], 1), name
        shop.sandbox.restore_line(order.external_id)

        notice(shop, order.external_id)

        assert (shop.lines(order), shop.allocated()) == ([(shop.singles[0], 2), (shop.singles[1], 1)], 3)
        assert shop.problems() == [], name
        shop.sandbox.delete_order(order.external_id)
        shop.sync_order(order.external_id)


@pytest.mark.parametrize("shop", EDITABLE, indirect=True)
def test_lines_that_are_merged_are_one_line_with_all_units(shop: Shop) -> None:
    for name, notice in ways(shop).items():
        order = shop.order((shop.singles[0], 2), (shop.singles[0], 1))
        shop.webhook()
        shop.sandbox.merge_lines(order.external_id)

        notice(shop, order.external_id)

        assert (shop.lines(order), shop.allocated()) == ([(shop.singles[0], 3)], 3), name
        assert shop.problems() == [], name
        shop.sandbox.delete_order(order.external_id)
        shop.sync_order(order.external_id)
