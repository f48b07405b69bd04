"""“Takes stock” and “needs a parcel” are two facts of a line: a ticket is counted and not shipped (F-02)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalogue.models import Variant
from channels.connectors.bigcommerce import orders as bigcommerce
from channels.contract.adapter import ChannelAdapter
from channels.contract.records.orders import AddressRecord
from channels.contract.validation.schema import Notes
from channels.models import Connection, OutboxMessage
from orders.models import Order
from orders.outbound.fulfilment_handler import FulfilmentHandler
from orders.services import carriers
from tests.orders.desk import DESK, comes, counters, line, problems, record, shelf, status, stocked, store
from tests.orders.test_invariants import healthy
from tests.orders.test_moves import manifest, to_ready
from tests.orders.test_push import Channel

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-02")]


@pytest.fixture
def shop() -> Connection:
    carrier = carriers.save_carrier(name="DPD", tracking_url="", by=DESK)
    made = store(channel="bigcommerce", settings={"default_carrier": carrier})
    stocked("TICKET", leeds=5)
    stocked("MUG", leeds=5)
    stocked("PDF")
    Variant.objects.filter(sku="PDF").update(is_counted=False)
    return made


def sold(shop: Connection, *skus: str) -> Order:
    """Only the mug is shipped; an order without one has no address."""
    rows = tuple(line(f"1-{sku}", sku, 2, needs_parcel=sku == "MUG") for sku in skus)
    given = record("1", lines=rows)
    comes(shop, given if "MUG" in skus else replace(given, ship_to=AddressRecord(), bill_to=AddressRecord()))
    return Order.objects.get()


def test_a_counted_ticket_takes_units_and_needs_no_address(shop: Connection) -> None:
    order = sold(shop, "TICKET")
    assert (shelf("TICKET"), problems(order), status(order)) == ((5, 2), [], "new")

    to_ready(order)
    manifest("DPD")

    assert (shelf("TICKET"), status(order)) == ((3, 0), "in_transit")
    healthy()


def test_a_download_that_nobody_counts_takes_none(shop: Connection) -> None:
    order = sold(shop, "PDF", "UNKNOWN")
    assert (counters(order), problems(order)) == ([(2, 0, 0, 0), (2, 0, 0, 0)], [])
    assert list(order.lines.values_list("needs_stock", "needs_parcel")) == [(False, False), (False, False)]
    healthy()


def test_in_one_basket_both_take_stock_and_the_channel_is_sent_what_is_shipped(shop: Connection) -> None:
    order = sold(shop, "TICKET", "MUG", "PDF")
    assert (shelf("TICKET"), shelf("MUG")) == ((5, 2), (5, 2))
    to_ready(order)
    manifest("DPD")
    assert (shelf("TICKET"), shelf("MUG")) == ((3, 0), (3, 0))
    channel = Channel()
    adapter: ChannelAdapter = channel  # type: ignore[assignment]
    messages = OutboxMessage.objects.filter(kind="event", topic="ready_to_ship")
    FulfilmentHandler().send(shop, list(messages), adapter)
    assert [(dict(one.lines), one.is_whole_order) for one in channel.told] == [({"1-MUG": 2}, True)]
    healthy()


@pytest.mark.parametrize(
    ("kind", "facts"),
    [("physical", (True, True)), ("digital", (True, False)), ("giftcertificate", (False, False))],
)
def test_bigcommerce_says_what_kind_a_line_is(kind: str, facts: tuple[bool, bool]) -> None:
    row = {"id": 1, "name": "x", "quantity": 1, "price_ex_tax": "1", "total_ex_tax": "1", "type": kind}
    found = bigcommerce._line(row, Notes())  # type: ignore[arg-type]
    assert (found.needs_stock, found.needs_parcel) == facts
