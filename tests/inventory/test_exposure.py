"""The exposure meter: how long and by how many units a store offered too much, why, and the buffer that avoids it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from openpyxl.reader.excel import load_workbook

from catalogue.models import ListingVariant
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import TemporaryError
from channels.contract.records.updates import Outcome, StockUpdate
from channels.models import Connection, OutboxMessage
from inventory import callbacks, push
from inventory.models import Exposure, StockPolicy
from inventory.offers import exposure_log
from inventory.reports.exposure import exposed
from inventory.services import adjust
from inventory.services.exposure import collect, open_exposures, prune
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import AuditEntry
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-02")]

URL = "/admin/inventory/exposure/"


class Shelf(ChannelAdapter):
    """A channel that takes every figure, or is down."""

    def __init__(self, connection: Connection, *, is_down: bool = False) -> None:
        super().__init__(connection)
        self.is_down = is_down

    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        if self.is_down:
            raise TemporaryError("The shop is away.")
        return [Outcome(update.ref) for update in updates]


@pytest.fixture
def listed() -> ListingVariant:
    """A SKU with 10 units in two stores; both were sent 10."""
    store = factories.store("Held", maps={"leeds": 1})
    mug = factories.stocked("MUG", leeds=10)
    Connection.objects.update(state_since=timezone.now() - timedelta(days=1))
    row = factories.listed(mug, store, sent_quantity=10, sent_at=timezone.now() - timedelta(hours=3))
    factories.listed(mug, factories.store("Selling", maps={"leeds": 1}), sent_quantity=10)
    return row


def sold_elsewhere(units: int) -> None:
    """Units that another store sold and that left the warehouse."""
    adjust.adjust(
        variant=factories.variant("MUG"),
        warehouse=factories.warehouse(),
        delta=-units,
        reason="sold in the other store",
        by=SYSTEM,
    )


def message_of(row: ListingVariant, **fields: Any) -> OutboxMessage:
    OutboxMessage.objects.filter(connection=row.connection, subject=row.pk).update(**fields)
    return OutboxMessage.objects.get(connection=row.connection, topic="stock", subject=row.pk)


def send(row: ListingVariant, **fields: Any) -> None:
    message = message_of(row, **fields)
    connection = Connection.objects.get(pk=row.connection_id)
    push.StockHandler().send(connection, [message], Shelf(connection))
    OutboxMessage.objects.filter(pk=message.pk).update(sent=message.wanted, sent_at=timezone.now())


def test_a_store_that_is_held_down_while_another_sells_is_exposed_until_it_takes_the_figure(listed):
    began = timezone.now() - timedelta(hours=1)
    sold_elsewhere(4)
    Connection.objects.filter(pk=listed.connection_id).update(failing_since=began)
    message_of(listed, waiting_since=began, attempts=3)

    (now,) = open_exposures()
    assert (now.listing_variant_id, now.shown, now.available, now.overlap, now.cause) == (
        listed.pk,
        10,
        6,
        4,
        "down",
    )
    assert Exposure.objects.count() == 0

    send(listed)  # it is back
    assert open_exposures() == []
    assert (collect(), collect()) == (1, 0)

    found = Exposure.objects.get()
    assert (found.shown, found.available, found.overlap, found.cause) == (10, 6, 4, "down")
    assert 3600 <= found.seconds <= 3660
    (row,) = exposed(4)
    assert (row.sku, row.store, row.overlap, row.unit_seconds) == ("MUG", "Held", 4, 4 * found.seconds)
    assert (row.cause, row.buffer, row.advised) == ("Store not reachable", 0, 4)


@pytest.mark.parametrize(
    ("fields", "message", "cause"),
    [
        ({}, {}, "outbox"),
        ({}, {"waiting_since": timedelta(minutes=5)}, "busy"),
        ({"blocked_until": timedelta(0)}, {"waiting_since": timedelta(minutes=5)}, "limit"),
        ({"failing_since": timedelta(minutes=5)}, {}, "down"),
        ({"state_since": timedelta(0)}, {"waiting_since": timedelta(minutes=5)}, "paused"),
    ],
)
def test_the_cause_is_what_the_store_had(listed, fields, message, cause):
    sold_elsewhere(1)
    now = timezone.now()
    Connection.objects.filter(pk=listed.connection_id).update(
        **{name: now - age for name, age in fields.items()}
    )

    send(listed, **{name: now - age for name, age in message.items()})
    collect()

    assert Exposure.objects.get().cause == cause


def test_a_figure_that_was_not_too_high_is_no_exposure(listed):
    StockPolicy.objects.create(connection=listed.connection, buffer=4)
    ListingVariant.objects.filter(pk=listed.pk).update(sent_quantity=6)
    sold_elsewhere(3)
    send(listed)

    listed.refresh_from_db()
    assert (listed.sent_quantity, listed.exposure_log, collect(), Exposure.objects.count()) == (3, "", 0, 0)


def test_what_a_store_sold_itself_is_not_counted_against_it(listed, monkeypatch):
    variant = listed.variant_id
    monkeypatch.setattr(
        callbacks, "own_sales", lambda *_args: [(variant, timezone.now() - timedelta(hours=1), 3)]
    )
    sold_elsewhere(3)  # its own order
    assert open_exposures() == []
    send(listed)
    assert (collect(), Exposure.objects.count()) == (1, 0)


def test_the_column_keeps_the_newest_twenty_lines(listed):
    sold_elsewhere(1)
    message = message_of(listed)
    offer = push.StockHandler().begin(listed.connection, [message]).offers[listed.pk]
    log = ""
    for units in range(11, 41):
        log = exposure_log.added(
            log, message, listed.connection, shown=units, offer=offer, now=timezone.now()
        )

    assert [one.shown for one in exposure_log.read(log)] == list(range(21, 41))


def test_the_page_sets_the_buffer_that_would_have_avoided_it(listed, client: Client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("owner"))
    assert "No store offered more than was available." in client.get(URL).content.decode()
    sold_elsewhere(2)
    text = client.get(URL).content.decode()
    assert "Set buffer 2" in text.replace('<span class="oms-num">', "").replace("</span>", "")
    answer: Any = client.get(URL, {"file": 1})
    book: Any = load_workbook(io.BytesIO(b"".join(answer.streaming_content)))
    row = list(book.active.iter_rows(values_only=True))[1]
    assert (row[0], row[1], row[4], *row[7:]) == ("MUG", "Held", 2, 1, 12, 0, 2)

    answer = client.post(URL, {"listed": listed.pk, "buffer": "2"}, follow=True)

    assert "Held keeps a buffer of 2 units of MUG now." in answer.content.decode()
    assert StockPolicy.objects.get(listing_variant=listed).buffer == 2
    assert AuditEntry.objects.filter(action="store.limits", author_name="owner").exists()
    assert "Choose a SKU and a buffer." in client.post(URL, {"listed": "x"}, follow=True).content.decode()
    assert client.get(URL, {"weeks": "²"}).status_code == 200


def test_old_rows_are_deleted(listed):
    old = timezone.now() - timedelta(days=181)
    fields = {"seconds": 1, "shown": 2, "available": 1, "overlap": 1, "cause": "outbox"}
    Exposure.objects.create(listing_variant=listed, started_at=old, ended_at=old, **fields)

    assert (prune(), Exposure.objects.count()) == (1, 0)
