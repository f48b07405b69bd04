"""An address or contact data that changes on the channel: old and new, and after packing a problem to confirm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.urls import reverse

from oms.kit.models import Problem
from orders.models import Order
from orders.services import packing
from orders.services import problems as problem_services
from orders.services.buyers.redaction import redact
from tests.factories import user
from tests.orders.desk import DESK, HOME, an_order, comes, problems, record, status, stocked, store
from tests.orders.test_following import again, texts
from tests.orders.test_moves import manifest, ok, to_ready

pytestmark = pytest.mark.django_db

MOVED = replace(HOME, line1="2 Low Street", postcode="LS2 2BB")


@pytest.mark.fault("F-16")
def test_an_address_that_changes_before_packing_is_an_event_old_and_new() -> None:
    shop = store()
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=1)

    comes(shop, again(order, ship_to=MOVED, customer_phone="0113", customer_email="new@example.com"))

    assert texts(order, "contact") == [
        "Ship to changed on Shop: Jo Doe, 1 High Street, LS1 1AA, Leeds, GB → Jo Doe, 2 Low Street, LS2 2BB, Leeds, GB",
        "E-mail changed on Shop: jo@example.com → new@example.com",
    ]
    order.refresh_from_db()
    assert (problems(order), order.ship_to["line1"]) == ([], "2 Low Street")
    ok(packing.release([order.pk], by=DESK))


@pytest.mark.fault("F-16")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ship_to": MOVED}, "1 High Street"),
        ({"customer_email": "new@example.com"}, "jo@example.com → new@example.com"),
        ({"shipping_method": "Collect"}, "Royal Mail → Collect"),
    ],
)
def test_an_address_that_changes_after_packing_stops_the_parcel_until_somebody_confirms(
    change: dict[str, Any], words: str
) -> None:
    shop = store()
    stocked("MUG", leeds=9)
    packed, ready = an_order(shop, MUG=1), an_order(shop, MUG=1)
    ok(packing.release([packed.pk], by=DESK))
    ok(packing.pack([packed.pk], by=DESK))
    to_ready(ready)

    comes(shop, again(packed, **change), again(ready, **change))

    assert (problems(packed), problems(ready)) == (["address_changed"], ["address_changed"])
    assert words in Problem.objects.get(subject_id=packed.pk).message
    [outcome] = packing.mark_ready_to_ship([packed.pk], by=DESK)
    assert outcome.message == "Resolve “Address or contact changed after packing” first."
    assert manifest().manifest is None
    for problem in Problem.objects.all():
        problem_services.dismiss_problem(problem=problem, how="Confirmed", by=DESK)
    ok(packing.mark_ready_to_ship([packed.pk], by=DESK))
    manifest()
    assert (status(packed), status(ready)) == ("in_transit", "in_transit")


@pytest.mark.fault("F-16")
def test_the_problem_always_compares_with_what_was_packed_and_ends_when_it_is_changed_back() -> None:
    shop = store()
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=1)
    to_ready(order)
    comes(shop, again(order, ship_to=MOVED))
    comes(shop, again(order, minutes=6, ship_to=replace(HOME, line1="3 Mid Street")))
    assert "1 High Street, LS1 1AA, Leeds, GB → Jo Doe, 3 Mid Street" in (
        Problem.objects.get(resolved_at=None).message
    )

    comes(shop, again(order, minutes=7))

    assert problems(order) == []


@pytest.mark.fault("F-16")
@pytest.mark.parametrize("is_withheld", [True, False])
def test_an_address_that_arrives_or_is_only_written_otherwise_is_no_change(is_withheld: bool) -> None:
    shop = store()
    stocked("MUG", leeds=9)
    given = replace(record("o1", MUG=1), is_address_withheld=is_withheld)
    comes(
        shop, replace(given, ship_to=replace(HOME, line1="", city="", postcode="")) if is_withheld else given
    )
    order = Order.objects.get()
    if is_withheld:
        Problem.objects.update(resolved_at="2026-11-21T12:00:00Z")
    to_ready(order)

    comes(shop, again(order, ship_to=replace(HOME, city="LEEDS ", name="Jo  Doe")))

    assert (problems(order), texts(order, "contact")) == ([], [])


@pytest.mark.fault("F-16")
def test_undoing_packing_ends_the_problem_and_old_data_leaves_the_addresses_of_the_timeline() -> None:
    shop = store()
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=1)
    to_ready(order)
    comes(shop, again(order, ship_to=MOVED))

    ok(packing.undo_packing([order.pk], by=DESK))

    assert (status(order), problems(order)) == ("new", [])
    order.refresh_from_db()
    redact(order, "too old")
    assert "Street" not in " ".join(texts(order, "contact"))
    assert not Problem.objects.filter(message__contains="Street").exists()


@pytest.mark.fault("F-16")
def test_the_page_confirms_the_change_with_one_button(client: Any) -> None:
    shop = store()
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=1)
    to_ready(order)
    comes(shop, again(order, ship_to=MOVED))
    client.force_login(user(is_superuser=True))
    page = client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
    assert "Confirm the change" in page
    assert "1 High Street, LS1 1AA, Leeds, GB → Jo Doe, 2 Low Street" in page

    problem = Problem.objects.get(resolved_at=None)
    client.post(reverse("admin:order_act", args=[order.pk, "dismiss"]), {"problem": problem.pk})

    assert problems(order) == []
    problem.refresh_from_db()
    assert problem.resolution == "The change was confirmed."
