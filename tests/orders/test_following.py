"""Orders follow the channel in every direction: reopened, edited, with another address; problems end with their cause."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from channels.contract.records.orders import OrderRecord, RemoteState
from channels.models import SyncStream
from oms.kit.models import Problem
from orders.models import Order, OrderEvent, OrderLine
from orders.ops import doctor_checks
from orders.services import decisions, packing
from orders.services import problems as problem_services
from tests.factories import user
from tests.orders.desk import (
    DESK,
    an_order,
    comes,
    counters,
    line,
    means,
    path,
    problems,
    record,
    shelf,
    status,
    stocked,
    store,
    told,
)
from tests.orders.test_moves import ok, to_ready

pytestmark = pytest.mark.django_db
S = RemoteState


def again(order: Order, state: S = S.NEW, *, minutes: int = 5, **more: Any) -> OrderRecord:
    """The same order as the channel has it `minutes` later."""
    lines = tuple(line(row.external_id, row.sku, row.quantity) for row in order.lines.order_by("position"))
    given = replace(record(order.number, state, minutes=minutes, lines=more.pop("lines", lines)), **more)
    return replace(given, native={**given.native, "more": repr(more)})


def texts(order: Order, kind: str) -> list[str]:
    return list(
        OrderEvent.objects.filter(order=order, kind=kind).order_by("pk").values_list("text", flat=True)
    )


def healthy() -> None:
    for check in (
        doctor_checks.lines_hold_what_is_allocated,
        doctor_checks.statuses_follow_the_facts,
        doctor_checks.stock_items_hold_what_is_allocated,
    ):
        assert check().detail == ""


# ---------------------------------------------------------------- reopened


@pytest.mark.fault("F-15")
@pytest.mark.parametrize("state", [S.NEW, S.UNPAID, S.DRAFT])
def test_an_order_that_is_live_again_on_the_channel_is_reopened_when_nothing_happened_since(state: S) -> None:
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    comes(shop, again(order, S.CANCELLED))
    assert (status(order), shelf("MUG")) == ("cancelled", (3, 0))

    comes(shop, again(order, state, minutes=6))

    assert (status(order), shelf("MUG"), counters(order)) == ("new", (3, 2), [(2, 2, 0, 0)])
    assert (problems(order), told(order)) == ([], [])
    assert path(order)[-1] == ("reopen", "cancelled", "new")
    comes(shop, again(order, S.CANCELLED, minutes=7))
    assert (status(order), shelf("MUG")) == ("cancelled", (3, 0))
    healthy()


@pytest.mark.fault("F-15")
def test_an_order_that_was_first_seen_in_a_cancelled_moment_is_no_history_when_it_is_live() -> None:
    """OpenCart passes through “Voided” while an order is edited; an import may see just that."""
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, S.CANCELLED, MUG=2)
    assert (status(order), order.is_history) == ("cancelled", True)

    comes(shop, again(order))

    order.refresh_from_db()
    assert (order.status, order.is_history, shelf("MUG")) == ("new", False, (3, 2))
    healthy()


@pytest.mark.fault("F-15")
def test_lines_that_changed_while_the_order_was_cancelled_are_those_of_the_channel() -> None:
    shop = store()
    stocked("MUG", leeds=9)
    stocked("CUP", leeds=9)
    order = an_order(shop, MUG=2, CUP=1)
    mug = order.lines.get(sku="MUG")
    comes(shop, again(order, S.CANCELLED))

    comes(shop, again(order, minutes=6, lines=(line(mug.external_id, "MUG", 3),)))

    assert (status(order), counters(order)) == ("new", [(3, 3, 0, 0), (1, 0, 0, 1)])
    assert (shelf("MUG"), shelf("CUP")) == ((9, 3), (9, 0))


@pytest.mark.fault("F-15")
def test_a_person_reopens_an_order_on_which_somebody_has_worked_since(
    django_capture_on_commit_callbacks: Any,
) -> None:
    shop = store()
    stream = SyncStream.objects.create(connection=shop, name="orders.changed", lane="orders")
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    comes(shop, again(order, S.CANCELLED))
    decisions.add_note(order=order, text="The buyer rang", by=DESK)
    assert decisions.reopen([order.pk], by=DESK)[0].message == (
        "The order is cancelled on the channel, too. Reopen it there first."
    )

    comes(shop, again(order, minutes=6))

    assert (status(order), problems(order), shelf("MUG")) == ("cancelled", ["reopened_there"], (3, 0))
    with django_capture_on_commit_callbacks(execute=True):
        ok(decisions.reopen([order.pk], by=DESK))
    stream.refresh_from_db()
    assert (status(order), problems(order), shelf("MUG")) == ("new", [], (3, 2))
    assert (counters(order), stream.wanted_ids) == ([(2, 2, 0, 0)], [order.external_id])
    healthy()


@pytest.mark.fault("F-15")
def test_a_cancellation_of_the_seller_is_never_undone_by_an_import() -> None:
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    ok(decisions.cancel([order.pk], reason="sold out", by=DESK))
    ok(decisions.confirm_cancel([order.pk], by=DESK))

    comes(shop, again(order))

    assert (status(order), problems(order), shelf("MUG")) == (
        "cancelled_by_seller",
        ["reopened_there"],
        (3, 0),
    )
    ok(decisions.reopen([order.pk], by=DESK))
    order.refresh_from_db()
    assert (order.status, order.cancel_asked_by, order.cancel_reason) == ("new", "", "")


@pytest.mark.fault("F-15")
def test_a_line_that_was_removed_before_stays_removed_when_the_order_is_reopened_by_hand() -> None:
    shop = store()
    stocked("MUG", leeds=9)
    stocked("CUP", leeds=9)
    order = an_order(shop, MUG=2, CUP=1)
    mug = order.lines.get(sku="MUG")
    comes(shop, again(order, minutes=2, lines=(line(mug.external_id, "MUG", 2),)))
    comes(shop, again(order, S.CANCELLED, lines=(line(mug.external_id, "MUG", 2),)))
    decisions.add_note(order=order, text="The buyer rang", by=DESK)
    comes(shop, again(order, minutes=6, lines=(line(mug.external_id, "MUG", 2),)))

    ok(decisions.reopen([order.pk], by=DESK))

    assert (counters(order), shelf("CUP")) == ([(2, 2, 0, 0), (1, 0, 0, 1)], (9, 0))


@pytest.mark.fault("F-15")
def test_shipped_on_the_channel_after_a_cancelled_moment_leaves_the_stock() -> None:
    shop = store()
    stocked("MUG", leeds=3)
    order = an_order(shop, MUG=2)
    comes(shop, again(order, S.CANCELLED))

    comes(shop, again(order, S.SHIPPED, minutes=6))

    assert (status(order), shelf("MUG")) == ("in_transit", (1, 0))
    healthy()


# ---------------------------------------------------------------- problems end with their cause


@pytest.mark.fault("F-20")
def test_problems_that_a_status_caused_end_with_it_and_release_is_possible_again() -> None:
    shop = store()
    stocked("MUG", leeds=9)
    reversed_, packed = an_order(shop, MUG=2), an_order(shop, MUG=1)
    to_ready(packed)
    comes(shop, again(reversed_, S.RETURNED), again(packed, S.CANCELLED))
    assert (problems(reversed_), problems(packed)) == (["refunded_there"], ["late_cancel"])

    comes(shop, again(reversed_, minutes=6), again(packed, minutes=6))

    assert (problems(reversed_), problems(packed)) == ([], [])
    ok(packing.release([reversed_.pk], by=DESK))


@pytest.mark.fault("F-20")
def test_a_status_that_nobody_mapped_ends_no_problem() -> None:
    shop = store()
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=2)
    comes(shop, again(order, S.RETURNED))

    comes(shop, again(order, S.UNKNOWN, minutes=6))

    assert problems(order) == ["refunded_there", "unknown_status"]
    means(shop, "99", S.NEW)
    problem_services.apply_status_map(connection_id=shop.pk, by=DESK)
    assert problems(order) == []


@pytest.mark.fault("F-20")
def test_a_currency_that_the_store_uses_now_is_no_problem() -> None:
    shop = store()
    stocked("MUG", leeds=9)
    given = replace(record("c1", MUG=1), currency="EUR")
    comes(shop, given)
    order = Order.objects.get()
    assert problems(order) == ["unknown_currency"]
    shop.account = {"currencies": ["GBP", "EUR"]}
    shop.save()

    comes(shop, replace(given, changed_at=given.changed_at + timedelta(minutes=5), native={"later": 1}))

    assert problems(order) == []


@pytest.mark.fault("F-20")
def test_lines_that_are_again_those_that_were_packed_are_no_problem() -> None:
    shop = store()
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=4)
    to_ready(order)
    comes(shop, again(order, lines=(line(order.lines.get().external_id, "MUG", 3),)))
    assert problems(order) == ["late_change"]
    assert "MUG: 4 → 3 units" in Problem.objects.get().message

    comes(shop, again(order, minutes=6))

    assert (problems(order), counters(order)) == ([], [(4, 4, 0, 0)])


# ---------------------------------------------------------------- lines by what they are


@pytest.mark.fault("F-25")
@pytest.mark.parametrize("is_packed", [False, True])
def test_new_ids_of_the_same_goods_change_nothing(is_packed: bool) -> None:
    shop = store()
    stocked("MUG", leeds=9)
    stocked("CUP", leeds=9)
    order = an_order(shop, MUG=2, CUP=1, ODD=1)
    odd = order.lines.get(sku="ODD")
    if is_packed:
        order = an_order(shop, MUG=2, CUP=1)
        to_ready(order)
    before = (status(order), counters(order), shelf("MUG"), path(order), problems(order), order.units)
    pks = list(order.lines.order_by("position").values_list("pk", flat=True))
    lines = tuple(
        line(f"9{n}", row.sku, row.quantity) for n, row in enumerate(order.lines.order_by("position"))
    )

    comes(shop, again(order, lines=lines))

    assert (status(order), counters(order), shelf("MUG"), path(order), problems(order), order.units) == before
    rows = order.lines.order_by("position")
    assert list(rows.values_list("pk", flat=True)) == pks
    assert list(rows.values_list("external_id", flat=True)) == [row.external_id for row in lines]
    assert texts(order, "lines") == []
    if not is_packed:
        problem = Problem.objects.get(subject_id=order.pk, resolved_at=None)
        odd.refresh_from_db()
        assert (problem.code, problem.key) == ("unknown_sku", odd.external_id)
    healthy()


@pytest.mark.fault("F-25")
def test_an_edit_that_renumbers_all_lines_shows_only_what_really_changed() -> None:
    shop = store()
    stocked("MUG", leeds=9)
    stocked("CUP", leeds=9)
    order = an_order(shop, MUG=2, CUP=1)
    ok(packing.release([order.pk], by=DESK))

    comes(shop, again(order, lines=(line("91", "MUG", 2), line("92", "CUP", 3), line("93", "ODD", 1))))

    assert counters(order) == [(2, 2, 0, 0), (3, 3, 0, 0), (1, 0, 0, 0)]
    assert texts(order, "lines") == ["Changed on Shop: CUP: 1 → 3 units; 1 × ODD added"]
    comes(shop, again(order, minutes=6, lines=(line("95", "CUP", 3), line("94", "MUG", 2))))
    assert texts(order, "lines")[1:] == ["Changed on Shop: 1 × ODD removed"]
    assert (shelf("MUG"), shelf("CUP"), problems(order)) == ((9, 2), (9, 3), [])
    healthy()


@pytest.mark.fault("F-25")
def test_two_lines_of_one_sku_are_distinguished_by_their_options() -> None:
    shop = store()
    stocked("MUG", leeds=9)
    red, blue = {"Colour": "Red"}, {"Colour": "Blue"}
    comes(shop, record("o1", lines=(line("1", "MUG", 1, options=red), line("2", "MUG", 2, options=blue))))
    order = Order.objects.get()
    pks = dict(order.lines.values_list("options__Colour", "pk"))

    comes(
        shop,
        record("o1", minutes=5, lines=(line("3", "MUG", 2, options=blue), line("4", "MUG", 1, options=red))),
    )

    assert dict(order.lines.values_list("options__Colour", "pk")) == pks
    assert (texts(order, "lines"), texts(order, "line_text"), shelf("MUG")) == ([], [], (9, 3))


@pytest.mark.fault("F-25")
def test_other_goods_under_the_same_id_take_their_own_stock() -> None:
    shop = store()
    stocked("MUG", leeds=9)
    cup = stocked("CUP", leeds=9)
    order = an_order(shop, MUG=2)

    comes(shop, again(order, lines=(line(order.lines.get().external_id, "CUP", 2),)))

    assert (order.lines.get().variant, shelf("MUG"), shelf("CUP")) == (cup, (9, 0), (9, 2))
    assert texts(order, "lines") == ["Changed on Shop: 2 × MUG → 2 × CUP"]
    healthy()


@pytest.mark.fault("F-25")
def test_a_personal_text_that_changes_is_old_and_new_and_stops_the_parcel() -> None:
    shop = store()
    stocked("MUG", leeds=9)
    comes(shop, record("o1", lines=(line("1", "MUG", 1, personalisation="For Anna"),)))
    order = Order.objects.get()
    comes(shop, record("o1", minutes=5, lines=(line("1", "MUG", 1, personalisation="For Anne"),)))
    assert texts(order, "line_text") == ["Changed on Shop: MUG: “For Anna” → “For Anne”"]
    assert (order.lines.get().personalisation, problems(order)) == ("For Anne", [])
    to_ready(order)

    comes(shop, record("o1", minutes=6, lines=(line("1", "MUG", 1, personalisation="For Ann"),)))

    assert (order.lines.get().personalisation, problems(order)) == ("For Anne", ["late_change"])


@pytest.mark.fault("F-25")
def test_the_page_hides_the_twins_of_earlier_edits_and_shows_what_was_really_removed(client: Any) -> None:
    shop = store()
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=1, CUP=1)
    OrderLine.objects.create(order=order, external_id="old", sku="mug", title="Twin", quantity=1, cancelled=1)
    comes(shop, again(order, lines=(line(order.lines.get(sku="MUG").external_id, "MUG", 1),)))
    client.force_login(user(is_superuser=True))

    page = client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()

    assert ("Twin" in page, "The CUP" in page, "The MUG" in page) == (False, True, True)
