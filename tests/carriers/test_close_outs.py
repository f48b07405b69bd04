"""The carrier's own manifest: made with ours, once, whatever fails; its paper is kept (R-SHIP-04)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from channels.connectors.royal_mail.sandbox import make_sandbox
from channels.models import Connection, OutboxMessage
from channels.push import outbox
from channels.push.dispatcher import dispatch
from orders.errors import OrderError
from orders.models import CloseOut, LabelPurchase, Manifest, Shipment
from orders.services import carriers, packing
from orders.services.handing_over import close_outs, manifests
from orders.services.labels import buying
from tests.carriers.desk import connect
from tests.carriers.test_royal_mail_specs import Clock
from tests.orders.desk import DESK, an_order, stocked, store

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-SHIP-04", "R-PLUS-14")]


@contextmanager
def handed_over(*faults: str) -> Iterator[tuple[Any, Manifest]]:
    """A parcel with a Royal Mail label on a new manifest of ours; `faults` meet the calls for the carrier's."""
    shop = store(settings={"last_look": "off"})
    stocked("MUG", leeds=9)
    carrier = carriers.save_carrier(name="Royal Mail", by=DESK)
    with make_sandbox(clock=Clock()).serve() as running:
        account = connect(running, name="Royal Mail", carrier=carrier, default_service="TRACKED48")
        order = an_order(shop, MUG=1)
        packing.release([order.pk], by=DESK)
        packing.pack([order.pk], by=DESK)
        shipment = Shipment.objects.get()
        label = buying.buy(shipment_id=shipment.pk, account=account, service="TRACKED48", by=DESK)
        assert (label.state, label.error) == ("bought", "")
        packing.mark_ready_to_ship([order.pk], by=DESK)
        for fault in faults:
            running.sandbox.inject(fault, match="/manifests")
        assert shipment.warehouse is not None
        made = manifests.create_manifest(carrier=carrier, warehouse=shipment.warehouse, by=DESK).manifest
        assert made is not None
        later(account)
        yield running.sandbox, made


def later(account: Any) -> None:
    """Let the workers send what is due, also what waits after a fault."""
    OutboxMessage.objects.filter(connection=account.pk).update(not_before=None)
    CloseOut.objects.update(lease_until=None)
    Connection.objects.filter(pk=account.pk).update(blocked_until=None)
    dispatch(account.pk, "orders")


def test_the_carriers_manifest_is_made_with_ours_and_its_paper_is_kept():
    with handed_over() as (sandbox, made):
        row = CloseOut.objects.get()
        assert (row.manifest, row.state, row.number) == (made, "done", "5001")
        assert close_outs.paper(row).startswith(b"%PDF")
        assert all(order.get("manifestedOn") for order in sandbox.orders.values())
        later(row.account)
        assert len(sandbox.manifests) == 1


@pytest.mark.parametrize("fault", ["no_answer", "cut", "html_after"])
def test_an_answer_that_is_lost_makes_no_second_manifest(fault):
    with handed_over(fault) as (sandbox, _made):
        row = CloseOut.objects.get()
        assert (row.state, row.asked_at is not None) == ("wanted", True)
        later(row.account)
        row.refresh_from_db()
        assert (row.state, row.number, len(sandbox.manifests)) == ("done", "", 1)
        with pytest.raises(OrderError, match="has not sent the paper"):
            close_outs.paper(row)


def test_a_carrier_that_is_down_is_asked_later():
    with handed_over("server_error") as (sandbox, _made):
        row = CloseOut.objects.get()
        assert (row.state, len(sandbox.manifests)) == ("wanted", 0)
        later(row.account)
        row.refresh_from_db()
        assert (row.state, row.number, len(sandbox.manifests)) == ("done", "5001", 1)


def test_a_refusal_has_the_carriers_words_and_can_be_asked_again():
    with handed_over() as (sandbox, made):
        row = CloseOut.objects.get()
        CloseOut.objects.update(state="wanted", number="", asked_at=None, content_hash="")
        row.refresh_from_db()
        outbox.touch("carrier.close_out", [(row.account_id, made.pk)])
        later(row.account)
        row.refresh_from_db()
        assert (row.state, row.error) == ("refused", "Royal Mail: There are no orders to manifest.")
        for order in sandbox.orders.values():
            del order["manifestedOn"]
        assert close_outs.try_again(manifest=made) == 1
        with pytest.raises(OrderError, match="No carrier has refused"):
            close_outs.try_again(manifest=made)
        later(row.account)
        row.refresh_from_db()
        assert (row.state, row.number) == ("done", "5002")


def test_a_label_of_royal_mail_is_looked_up_before_it_is_bought_again():
    shop = store(settings={"last_look": "off"})
    stocked("MUG", leeds=9)
    with make_sandbox(clock=Clock()).serve() as running:
        account = connect(running, name="Royal Mail", default_service="TRACKED48")
        order = an_order(shop, MUG=1)
        packing.release([order.pk], by=DESK)
        packing.pack([order.pk], by=DESK)
        shipment = Shipment.objects.get()
        running.sandbox.inject("no_answer", match="/orders", method="POST")
        label = buying.buy(shipment_id=shipment.pk, account=account, service="TRACKED48", by=DESK)
        assert (label.state, len(running.sandbox.orders)) == ("unknown", 1)
        OutboxMessage.objects.filter(connection=account.pk).update(not_before=None)
        LabelPurchase.objects.update(lease_until=None)
        dispatch(account.pk, "orders")
        label.refresh_from_db()
        assert (label.state, len(running.sandbox.orders)) == ("bought", 1)
        assert label.tracking_number.startswith("RM")
