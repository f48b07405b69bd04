"""Nothing is allocated on a guess: a line that may mean several products asks which was sold (F-07)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from catalogue.models import Variant
from catalogue.services.sku_mapping import give_sku
from channels.models import Connection
from inventory.models import StockItem
from oms.kit.models import Problem
from orders.domain.moves import refusal
from orders.models import Order
from orders.services import decisions
from orders.services.stock import backorders
from orders.unit_of_work.unit_of_work import UnitOfWork
from tests import factories
from tests.catalogue.records import pull
from tests.catalogue.records import record as product
from tests.orders.desk import DESK, comes, counters, line, problems, record, status, store
from tests.orders.test_invariants import healthy

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-07")]


@pytest.fixture
def shop() -> Connection:
    """Two products have the SKU MUG: 7 is imported, 8 is a problem. CUP is another one."""
    made = store()
    pull(made, product("7", "MUG", 5), product("8", "MUG", 9), product("9", "CUP", 5))
    return made


def allocated() -> int:
    return sum(StockItem.objects.values_list("allocated", flat=True))


def sold(shop: Connection, sku: str, external_id: str, number: str = "1") -> Order:
    row = line(f"{number}-1", sku, 2, variant_external_id=external_id)
    comes(shop, replace(record(number, lines=(row,)), stock_deducted=False))
    return Order.objects.get(number=number)


@pytest.mark.parametrize(
    ("sku", "external_id"),
    [
        ("MUG", "8"),  # the product that was refused because of its SKU
        ("MUG", ""),  # the SKU alone, and two products have it
        ("MUG", "77"),  # an id that nobody knows, and a shared SKU
        ("CUP", "7"),  # the id says MUG, the SKU says CUP
    ],
)
def test_a_line_that_may_mean_several_products_reserves_nothing_and_asks(shop, sku, external_id):
    order = sold(shop, sku, external_id)

    assert (allocated(), problems(order)) == (0, ["which_sku"])
    assert (status(order), counters(order)) == ("new", [(2, 0, 0, 0)])
    [state] = UnitOfWork.load([order.pk], lock=False).order_states
    assert refusal(state, "release") == "A line of this order has an unknown SKU. Choose its product first."
    backorders.map_waiting()
    backorders.refill()
    comes(
        shop, replace(record("1", minutes=9, lines=(line("1-1", sku, 2, variant_external_id=external_id),)))
    )
    assert (allocated(), problems(order)) == (0, ["which_sku"])
    healthy()


@pytest.mark.parametrize(
    ("sku", "external_id"), [("MUG", "7"), ("mug", "7"), ("", "7"), ("CUP", ""), ("OLD", "9")]
)
def test_a_line_that_means_one_product_is_allocated(shop, sku, external_id):
    order = sold(shop, sku, external_id)
    assert (allocated(), problems(order)) == (2, [])


def test_the_page_offers_the_products_and_the_choice_is_allocated(shop):
    order = sold(shop, "CUP", "7")
    client = Client()
    client.force_login(factories.user(is_superuser=True))
    page = client.get(reverse("admin:orders_order_change", args=[order.pk]))
    [one] = page.context["view"].problems
    assert [variant.sku for variant in one.possible] == ["CUP", "MUG"]
    assert "which do not mean one product" in page.content.decode()

    cup = Variant.objects.get(sku="CUP")
    client.post(
        reverse("admin:order_act", args=[order.pk, "map"]), {"line": order.lines.get().pk, "variant": cup.pk}
    )

    assert (problems(order), counters(order)) == ([], [(2, 2, 0, 0)])
    assert StockItem.objects.get(variant=cup).allocated == 2
    comes(shop, record("1", minutes=9, lines=(line("1-1", "CUP", 2, variant_external_id="7"),)))
    assert (problems(order), counters(order)) == ([], [(2, 2, 0, 0)])  # the choice stands
    healthy()


def test_a_product_that_gets_a_sku_of_its_own_resolves_the_lines_that_name_it(shop):
    order = sold(shop, "MUG", "8")
    with transaction.atomic():
        give_sku(problem=Problem.objects.get(code="duplicate_sku"), sku="MUG-2", by=DESK)

    backorders.map_waiting(["mug"])

    line_ = order.lines.select_related("variant").get()
    assert line_.variant is not None
    assert (line_.variant.sku, problems(order)) == ("MUG-2", [])


def test_a_cancelled_order_asks_nothing_any_more(shop):
    order = sold(shop, "CUP", "7")
    decisions.cancel([order.pk], reason="x", by=DESK)
    decisions.confirm_cancel([order.pk], by=DESK)
    assert problems(order) == []
