"""Every row of the table of moves, through the order page, the list, the command and the API: one outcome, one sentence."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from django.test import Client
from django.utils.html import strip_tags

from channels.contract.records.orders import RemoteState
from channels.models import OutboxMessage
from orders.domain.moves import BY_NAME, MOVES, moves_for
from orders.models import Manifest, Order, OrderSettings
from orders.ops.move_table import as_diagram, as_markdown
from orders.services import carriers, moves
from orders.services.moves import make_move
from tests.api.caller import Caller
from tests.orders.desk import DESK, an_order, comes, counters, path, record, status, stocked, store

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
REASON = "asked by phone"
Said = tuple[bool, str]

#: The moves, in their order, that bring a new order to where it can make the move.
BEFORE = {
    "pack": "release",
    "unpack": "release pack",
    "undo_packing": "release pack",
    "ready_to_ship": "release pack",
    "hand_over": "release pack ready_to_ship",
    "note_dispatched": "release pack ready_to_ship",
    "mark_delivered": "release pack ready_to_ship hand_over",
    "complete": "release pack ready_to_ship hand_over mark_delivered",
    "note_delivered": "release pack ready_to_ship hand_over mark_delivered",
    "confirm_cancel": "cancel",
    "withdraw_cancel": "cancel",
    "reopen": "cancel confirm_cancel",
    "lift_hold": "hold",
    "unapprove": "approve",
    "mark_unpaid": "mark_paid",
}
STATE = {
    "approve": RemoteState.DRAFT,
    "unapprove": RemoteState.DRAFT,
    "mark_paid": RemoteState.UNPAID,
    "mark_unpaid": RemoteState.UNPAID,
}


@pytest.fixture
def shop():
    made = store()
    royal = carriers.save_carrier(name="Royal Mail", tracking_url="", by=DESK)
    OrderSettings.objects.filter(connection=made).update(default_carrier=royal)
    stocked("MUG", leeds=9)
    stocked("CUP", leeds=0)
    return made


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def made(name: str, order: Order) -> None:
    (outcome,) = make_move(name, [order.pk], by=DESK, reason=REASON)
    assert outcome.ok, (name, outcome.message)


def able(shop: Any, name: str) -> Order:
    """An order that can make the move."""
    order = an_order(shop, STATE.get(name, RemoteState.NEW), MUG=1)
    if name == "release_part":
        comes(shop, record(order.external_id, minutes=3, MUG=2, CUP=1))
    for earlier in BEFORE.get(name, "").split():
        made(earlier, order)
    if name == "reopen":
        comes(shop, record(order.external_id, RemoteState.NEW, minutes=9, MUG=1))
    Order.objects.filter(pk=order.pk).update(
        delivery_to_do=name == "note_delivered", dispatch_to_do=name == "note_dispatched"
    )
    order.refresh_from_db()
    return order


def unable(shop: Any, name: str) -> Order:
    """An order whose status the move does not have."""
    return an_order(shop, RemoteState.NEW if name.startswith("note_") else RemoteState.COMPLETED, MUG=1)


def by_page(owner: Client, name: str, order: Order) -> Said:
    answer = owner.post(
        f"/admin/orders/order/{order.pk}/move/{name}/", {"confirmed": "1", "reason": REASON}, follow=True
    )
    return read(answer, name, order)


def by_list(owner: Client, name: str, order: Order) -> Said:
    data = {"action": name, "index": 0, "_selected_action": [order.pk], "confirmed": "1", "reason": REASON}
    return read(owner.post("/admin/orders/order/", data, follow=True), name, order)


def read(answer: Any, name: str, order: Order) -> Said:
    (text,) = (html.unescape(strip_tags(str(message))) for message in answer.context["messages"])
    if text.startswith(f"#{order.number}: "):
        return False, text.removeprefix(f"#{order.number}: ")
    text = text.removeprefix(f"{BY_NAME[name].label}: 1 order moved.").partition("→")[0]
    return True, text.strip()


def by_command(owner: Client, name: str, order: Order) -> Said:
    out = StringIO()
    with suppress(SystemExit):
        call_command("order_move", name, order.number, "--reason", REASON, "--json", stdout=out)
    (row,) = json.loads(out.getvalue())["orders"]
    assert row["number"] == order.number
    return row["ok"], row["message"]


def by_api(owner: Client, name: str, order: Order) -> Said:
    body = {"move": name, "orders": [order.pk], "reason": REASON}
    (row,) = Caller("orders:write").post("/orders/moves", body).json()
    assert (row["order"], row["number"]) == (order.pk, order.number)
    return row["ok"], row["message"]


DOORS: tuple[Callable[[Client, str, Order], Said], ...] = (by_page, by_list, by_command, by_api)


@pytest.mark.req("R-ORD-08")
@pytest.mark.parametrize("name", [move.name for move in MOVES])
def test_page_list_command_and_api_make_and_refuse_every_move_alike(owner, shop, name):
    can, cannot = able(shop, name), unable(shop, name)
    assert can.status in BY_NAME[name].sources
    assert cannot.status not in BY_NAME[name].sources
    found: dict[int, list[tuple[Said, str, list[Any], list[Any]]]] = {can.pk: [], cannot.pk: []}
    doors = DOORS if BY_NAME[name].is_bulk else (by_page, by_command, by_api)

    for order in (can, cannot):
        for door in doors:
            before = transaction.savepoint()
            said = door(owner, name, order)
            found[order.pk].append((said, status(order), counters(order), path(order)))
            transaction.savepoint_rollback(before)

    assert all(one == found[can.pk][0] for one in found[can.pk]), found[can.pk]
    (is_made, _sentence), after, _counters, way = found[can.pk][0]
    assert is_made
    assert after in BY_NAME[name].results
    assert after == can.status or way[-1][1:] == (can.status, after)
    assert all(one == found[cannot.pk][0] for one in found[cannot.pk]), found[cannot.pk]
    (is_made, sentence), after, _counters, _path = found[cannot.pk][0]
    assert (is_made, after) == (False, cannot.status)
    assert sentence.endswith(".")


def test_the_list_does_not_offer_what_a_manifest_does(owner, shop):
    order = able(shop, "hand_over")

    answer = owner.post("/admin/orders/order/", {"action": "hand_over", "_selected_action": [order.pk]})

    assert (answer.status_code, status(order)) == (403, "rts")


def test_the_command_puts_several_orders_on_one_manifest(shop):
    orders = [able(shop, "hand_over") for _ in range(2)]

    call_command("order_move", "hand_over", *[order.number for order in orders], stdout=StringIO())

    assert [status(order) for order in orders] == ["in_transit", "in_transit"]
    assert Manifest.objects.get().shipments.count() == 2


def test_the_command_names_each_number_that_it_cannot_move(shop):
    other = store("Other")
    fine = an_order(shop, MUG=1)
    for where in (shop, other):
        comes(where, record("777", MUG=1))
    out = StringIO()

    with pytest.raises(SystemExit) as end:
        call_command("order_move", "release", f"#{fine.number}", "404", "777", "--json", stdout=out)

    assert end.value.code == 1
    assert json.loads(out.getvalue()) == {
        "ok": False,
        "move": "release",
        "orders": [
            {"number": fine.number, "ok": True, "message": ""},
            {"number": "404", "ok": False, "message": "No order has this number."},
            {
                "number": "777",
                "ok": False,
                "message": "2 stores have an order with this number. Choose one with --store.",
            },
        ],
    }
    call_command("order_move", "release", "777", "--store", "Other", stdout=out)
    assert status(Order.objects.get(connection=other)) == "rfp"
    assert status(Order.objects.get(connection=shop, number="777")) == "new"


def test_a_dry_run_says_what_would_happen_and_changes_nothing(shop):
    order = an_order(shop, MUG=1)
    out = StringIO()

    call_command("order_move", "release", order.number, "--dry-run", stdout=out)
    with pytest.raises(SystemExit):
        call_command("order_move", "pack", order.number, "--dry-run", stdout=out)

    assert out.getvalue() == f"#{order.number}: done.\n#{order.number}: not done. Release the order first.\n"
    assert status(order) == "new"
    with pytest.raises(CommandError, match="There is no move “fly”"):
        call_command("order_move", "fly", order.number)


def test_undo_of_packed_leads_back_to_ready_for_fulfilment_with_all_units(shop):
    order = able(shop, "unpack")

    made("unpack", order)

    assert (status(order), counters(order), order.shipments.get().packed_at) == (
        "rfp",
        [(1, 1, 0, 0)],
        None,
    )
    made("pack", order)
    assert order.shipments.count() == 1


def test_accepted_is_not_sent_after_the_undo_of_an_approval_and_is_after_the_next_one():
    shop = store("Deals", channel="bigcommerce")
    stocked("MUG", leeds=9)
    order = an_order(shop, RemoteState.DRAFT, MUG=1)
    unsent = OutboxMessage.objects.filter(group=order.pk, topic="accepted").unsent()
    made("approve", order)
    assert unsent.count() == 1

    made("unapprove", order)

    order.refresh_from_db()
    assert (order.status, order.approved_at, unsent.count()) == ("draft", None, 0)
    made("approve", order)
    assert (status(order), unsent.count()) == ("new", 1)


def test_an_approval_that_the_channel_was_sent_remains():
    shop = store("Deals", channel="bigcommerce")
    stocked("MUG", leeds=9)
    order = an_order(shop, RemoteState.DRAFT, MUG=1)
    made("approve", order)
    OutboxMessage.objects.filter(group=order.pk, topic="accepted").update(sent=1)

    (outcome,) = make_move("unapprove", [order.pk], by=DESK)

    assert (outcome.ok, outcome.message, status(order)) == (
        False,
        "The channel was sent: Accepted. The approval cannot be withdrawn.",
        "new",
    )


def test_undo_of_a_payment_releases_stock_that_an_unpaid_order_may_not_have(shop):
    OrderSettings.objects.filter(connection=shop).update(unpaid_hold_hours=0)
    order = able(shop, "mark_unpaid")
    assert counters(order) == [(1, 1, 0, 0)]

    made("mark_unpaid", order)

    assert (status(order), order.payment_state, counters(order)) == ("unpaid", "unpaid", [(1, 0, 0, 0)])


def test_an_order_that_the_channel_has_paid_is_not_marked_as_not_paid(shop):
    order = an_order(shop, MUG=1)

    (outcome,) = moves.make_move("mark_unpaid", [order.pk], by=DESK)

    assert (outcome.ok, outcome.message) == (False, "The channel does not say that this order is unpaid.")
    assert "mark_unpaid" not in [move.name for move in moves_for([order])[order.pk]]


def test_the_document_has_the_table_and_the_diagram():
    text = (ROOT / "docs" / "orders.md").read_text(encoding="utf-8")

    assert as_markdown() in text
    assert f"```mermaid\n{as_diagram()}```" in text
