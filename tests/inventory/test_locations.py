"""Warehouses of a store mapped to locations of its channel (R-INV-03)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract.errors import Rejected
from channels.contract.records.updates import Outcome, StockUpdate
from channels.models import OutboxMessage
from channels.push import outbox
from inventory.models import StockPolicy, WarehouseMapping
from inventory.offers.locations import split_by_location
from inventory.push import StockHandler
from tests import factories

pytestmark = pytest.mark.req("R-INV-03")


@given(
    st.integers(0, 500),
    st.dictionaries(st.sampled_from("abcd"), st.integers(-5, 200)),
    st.permutations(list("abcd")),
)
def test_parts_are_never_more_than_is_there_and_add_up(
    units: int, free: dict[str, int], places: Sequence[str]
) -> None:
    parts = split_by_location(units, places, free)
    assert [place for place, _units in parts] == list(places)
    assert all(0 <= part <= max(free.get(place, 0), 0) for place, part in parts)
    assert sum(part for _place, part in parts) == min(units, sum(max(free.get(p, 0), 0) for p in places))


class Wire:
    """Takes figures; refuses those of the locations named."""

    def __init__(self, refuses: str = "") -> None:
        self.told: list[StockUpdate] = []
        self.refuses = refuses

    def push_stock(self, updates: Sequence[StockUpdate]) -> list[Outcome]:
        self.told += updates
        return [
            Outcome(
                u.ref, Rejected("This location is closed.") if u.remote_location == self.refuses else None
            )
            for u in updates
        ]


def at(connection: Any, **locations: str) -> None:
    for code, location in locations.items():
        WarehouseMapping.objects.filter(connection=connection, warehouse__code=code).update(
            remote_location=location
        )


def send(connection: Any, wire: Wire) -> list[Outcome]:
    messages = list(OutboxMessage.objects.filter(connection=connection, topic="stock"))
    return list(StockHandler().send(connection, messages, wire))  # type: ignore[arg-type]


@pytest.mark.django_db
def test_each_location_is_told_its_own_part_nearest_first() -> None:
    shop = factories.store("BC", channel="bigcommerce", maps={"leeds": 1, "lyon": 2})
    factories.stocked("MUG", connection=shop, leeds=4, lyon=6)
    StockPolicy.objects.create(connection=shop, cap=7)
    at(shop, leeds="11", lyon="12")
    outbox.touch("stock", [(shop.pk, shop.listing_variants.get().pk)])
    wire = Wire()

    outcomes = send(shop, wire)

    assert [(u.remote_location, u.quantity) for u in wire.told] == [("11", 4), ("12", 3)]
    assert [outcome.error for outcome in outcomes] == [None]
    assert shop.listing_variants.get().sent_quantity == 7


@pytest.mark.django_db
def test_without_locations_the_default_one_is_told_the_sum() -> None:
    shop = factories.store("BC", channel="bigcommerce", maps={"leeds": 1, "lyon": 2})
    factories.stocked("MUG", connection=shop, leeds=4, lyon=6)
    outbox.touch("stock", [(shop.pk, shop.listing_variants.get().pk)])
    wire = Wire()
    send(shop, wire)
    assert [(u.remote_location, u.quantity) for u in wire.told] == [("", 10)]


@pytest.mark.django_db
def test_one_location_that_refuses_is_a_refusal_and_nothing_counts_as_sent() -> None:
    shop = factories.store("BC", channel="bigcommerce", maps={"leeds": 1, "lyon": 2})
    factories.stocked("MUG", connection=shop, leeds=4, lyon=6)
    at(shop, leeds="11", lyon="12")
    outbox.touch("stock", [(shop.pk, shop.listing_variants.get().pk)])

    outcomes = send(shop, Wire(refuses="12"))

    assert str(outcomes[0].error) == "This location is closed."
    listed = shop.listing_variants.get()
    assert (listed.sent_quantity, listed.answer) == (None, "This location is closed.")


@pytest.mark.django_db
def test_a_channel_without_locations_gets_one_figure_whatever_is_mapped() -> None:
    shop = factories.store("OC", maps={"leeds": 1, "lyon": 2})
    factories.stocked("MUG", connection=shop, leeds=4, lyon=6)
    at(shop, leeds="11")
    outbox.touch("stock", [(shop.pk, shop.listing_variants.get().pk)])
    wire = Wire()
    send(shop, wire)
    assert [(u.remote_location, u.quantity) for u in wire.told] == [("", 10)]
