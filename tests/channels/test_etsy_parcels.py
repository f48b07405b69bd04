"""Telling Etsy of parcels: shipments with carrier and number, looked up before a repeat, and what a shop may not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from channels.connectors.etsy.fulfilment import BY_HAND
from channels.contract.errors import NotSupported, Rejected, TemporaryError, Uncertain
from channels.contract.records.orders import FulfilmentEvent
from channels.contract.records.pages import PullQuery
from channels.contract.records.updates import ShipmentUpdate
from channels.contract.spec import Capability
from channels.pull import runner
from channels.sandbox.refusal import Refusal
from channels.sandbox.server import Running
from orders.unit_of_work.announcements import reason_not_sent
from tests import factories
from tests.support.etsy import asked, connected, placed, shop


@pytest.fixture
def etsy() -> Iterator[Running]:
    with shop() as running:
        yield running


def ready(order_id: int, number: str = "RM1", **more: Any) -> ShipmentUpdate:
    more.setdefault("carrier_name", "Royal Mail")
    return ShipmentUpdate(
        "ev-1", FulfilmentEvent.READY_TO_SHIP, str(order_id), tracking_number=number, **more
    )


def parcels(running: Running, order_id: int) -> list[tuple[str, str]]:
    rows = running.sandbox.shop.receipts[str(order_id)]["shipments"]
    return [(row["carrier_name"], row["tracking_code"]) for row in rows]


@pytest.mark.req("R-SHIP-03")
def test_ready_to_ship_completes_the_order_with_carrier_and_number(etsy):
    order_id = placed(etsy)

    outcome = connected(etsy).push_fulfilment(ready(order_id, "123456789"))

    assert outcome.ok
    assert outcome.external_id
    assert parcels(etsy, order_id) == [("royal-mail", "123456789")]
    assert etsy.sandbox.shop.receipts[str(order_id)]["status"] == "Completed"
    [body] = [json.loads(r.body) for r, _ in etsy.sandbox.exchanges if r.path.endswith("/tracking")]
    assert body == {"tracking_code": "123456789", "carrier_name": "royal-mail"}  # a string, and JSON


def test_the_stores_own_carrier_map_wins(etsy):
    order_id = placed(etsy)

    connected(etsy).push_fulfilment(ready(order_id, carrier_code="dpd-uk"))

    assert parcels(etsy, order_id) == [("dpd-uk", "RM1")]


@pytest.mark.req("R-SHIP-03")
def test_an_answer_that_never_came_is_looked_up_and_the_buyer_gets_one_mail(etsy):
    order_id = placed(etsy)
    adapter = connected(etsy)
    assert adapter.look_up(ready(order_id)) is None
    etsy.sandbox.inject("no_answer", match="/tracking")
    with pytest.raises(Uncertain):
        adapter.push_fulfilment(ready(order_id))

    found = adapter.look_up(ready(order_id))
    again = adapter.push_fulfilment(ready(order_id))

    assert found is not None
    assert (found.ok, again.ok) == (True, True)
    assert parcels(etsy, order_id) == [("royal-mail", "RM1")]
    assert len(asked(etsy, "POST", "/tracking")) == 1


@pytest.mark.req("R-SHIP-07")
def test_a_number_that_comes_later_is_another_shipment_and_several_are_sent_one_by_one(etsy):
    order_id = placed(etsy)
    adapter = connected(etsy)
    adapter.push_fulfilment(ready(order_id))

    adapter.push_fulfilment(ready(order_id, "RM1, RM2"))

    assert parcels(etsy, order_id) == [("royal-mail", "RM1"), ("royal-mail", "RM2")]


def test_a_second_number_that_is_refused_does_not_untell_the_first(etsy, monkeypatch):
    """A message that is parked would make the completed order look shipped by somebody else."""
    order_id = placed(etsy)
    take = etsy.sandbox.calls.create_shipment

    def choosy(request: Any, *ids: Any) -> Any:
        if b"BAD" in request.body:
            raise Refusal(400, "Invalid tracking code")
        return take(request, *ids)

    monkeypatch.setattr(etsy.sandbox.calls, "create_shipment", choosy)

    outcome = connected(etsy).push_fulfilment(ready(order_id, "RM1, BAD2"))

    assert (outcome.ok, outcome.note) == (True, "BAD2: Etsy refused: Invalid tracking code")
    assert parcels(etsy, order_id) == [("royal-mail", "RM1")]
    alone = connected(etsy).push_fulfilment(ready(placed(etsy), "BAD3"))
    assert str(alone.error) == "Etsy refused: Invalid tracking code"


def test_what_the_seller_shipped_at_etsy_is_not_shipped_again(etsy):
    order_id = placed(etsy, status="Completed")

    outcome = connected(etsy).push_fulfilment(ready(order_id, ""))

    assert (outcome.ok, outcome.note) == (True, "Etsy has it already.")
    assert asked(etsy, "POST", "/tracking") == []


def test_a_cancelled_order_is_not_shipped(etsy):
    order_id = placed(etsy, status="Canceled")

    assert isinstance(connected(etsy).push_fulfilment(ready(order_id)).error, Rejected)
    assert asked(etsy, "POST", "/tracking") == []


def test_an_order_that_was_refunded_whole_is_not_shipped_either(etsy):
    order_id = placed(etsy)
    receipt = etsy.sandbox.shop.receipts[str(order_id)]
    etsy.sandbox.refund(order_id, receipt["grandtotal"]["amount"] / 100)

    refused = connected(etsy).push_fulfilment(ready(order_id))

    assert (
        str(refused.error)
        == "The order was refunded in full at Etsy before it was shipped; nothing was sent."
    )
    assert asked(etsy, "POST", "/tracking") == []
    assert receipt["is_shipped"] is False


@pytest.mark.req("R-SHIP-03")
def test_a_carrier_that_etsy_does_not_know_costs_no_number(etsy):
    order_id = placed(etsy)

    outcome = connected(etsy).push_fulfilment(ready(order_id, carrier_name="Our own van"))

    assert (outcome.ok, outcome.note) == (True, "")
    assert parcels(etsy, order_id) == [("other", "RM1")]


def test_a_number_that_etsy_does_not_show_is_said_and_the_buyer_gets_one_mail(etsy):
    order_id = placed(etsy)

    outcome = connected(etsy).push_fulfilment(ready(order_id, carrier_code="not-on-the-list"))

    assert outcome.ok
    assert outcome.note.startswith("Etsy completed the order and does not show RM1: check")
    assert parcels(etsy, order_id) == []
    assert etsy.sandbox.shop.receipts[str(order_id)]["status"] == "Completed"
    assert len(asked(etsy, "POST", "/tracking")) == 1


def test_where_a_number_is_a_must_etsys_words_are_shown(etsy):
    order_id = placed(etsy)
    etsy.sandbox.shop.receipts[str(order_id)]["country_iso"] = "IN"

    outcome = connected(etsy).push_fulfilment(ready(order_id, ""))

    assert str(outcome.error) == "Etsy refused: A tracking number is required"


@pytest.mark.req("R-SHIP-03")
@pytest.mark.django_db
def test_a_restricted_shop_is_asked_once_and_then_says_so(etsy):
    etsy.sandbox.configure(is_restricted=True, country="US")
    store = factories.store(channel="etsy", credentials=etsy.credentials, currency="EUR")
    order_id = placed(etsy)
    assert reason_not_sent(store, FulfilmentEvent.READY_TO_SHIP) == ""

    outcome = runner.adapter_of(store).push_fulfilment(ready(order_id))

    assert isinstance(outcome.error, NotSupported)
    assert str(outcome.error) == str(BY_HAND)
    store.refresh_from_db()
    assert store.account["offered"] == {str(Capability.PUSH_READY_TO_SHIP): str(BY_HAND)}
    assert str(BY_HAND) in reason_not_sent(store, FulfilmentEvent.READY_TO_SHIP)
    [record] = runner.adapter_of(store).pull_orders(PullQuery(ids=(str(order_id),))).records
    assert (record.ship_to.line1, record.customer_name != "") == ("", True)


@pytest.mark.django_db
@pytest.mark.parametrize("is_page", [True, False])
def test_another_403_is_no_word_of_the_country(etsy, monkeypatch, is_page):
    """A firewall's page, or any other reason: the next number is sent all the same."""
    store = factories.store(channel="etsy", credentials=etsy.credentials, currency="EUR")
    order_id = placed(etsy)

    def refuse(*_given: Any) -> None:
        raise Refusal(403, "This receipt is being reviewed.")

    if is_page:
        etsy.sandbox.inject("server_error", status=403, match="/tracking")
        with pytest.raises(TemporaryError, match="Something in front of Etsy refused the request"):
            runner.adapter_of(store).push_fulfilment(ready(order_id))
    else:
        monkeypatch.setattr(etsy.sandbox.calls, "create_shipment", refuse)
        outcome = runner.adapter_of(store).push_fulfilment(ready(order_id))
        assert str(outcome.error) == "Etsy does not allow this: This receipt is being reviewed."
        monkeypatch.undo()

    store.refresh_from_db()
    assert "offered" not in store.account
    assert runner.adapter_of(store).push_fulfilment(ready(order_id)).ok
    assert parcels(etsy, order_id) == [("royal-mail", "RM1")]
