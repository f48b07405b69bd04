"""One page per buyer, and blocked buyers whose new orders are held (R-ORD, issue 12 point 9)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalogue.models import Variant
from oms.kit.models import AuditEntry
from orders.domain.buyer_keys import key_hash
from orders.models import BlockedBuyer, Order, OrderEvent
from orders.services import decisions, manual_orders
from orders.services.buyers.redaction import redact
from tests import factories
from tests.orders import desk
from tests.orders.test_manual_orders import an_entry

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-ORD-09")]
PAGE = "/admin/orders/customers/"


@pytest.fixture
def store():
    desk.stocked("MUG", leeds=50)
    return desk.store("Shop", settings={"auto_release": True})


def as_role(client: Client, role: str) -> Client:
    person = factories.user(role.lower().replace(" ", "-"))
    person.groups.add(Group.objects.get(name=role))
    client.force_login(person)
    return client


@pytest.fixture
def clerk(client: Client) -> Client:
    return as_role(client, "Order desk")


def arrives(store, **buyer) -> Order:
    given = replace(desk.record(MUG=1), **buyer)
    desk.comes(store, given)
    return Order.objects.get(external_id=given.external_id)


def told(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_a_buyer_is_found_and_has_all_orders_and_notes_of_every_store_on_one_page(clerk, store):
    first, second = arrives(store), arrives(desk.store("Other"))
    arrives(store, customer_email="somebody@example.com")
    decisions.add_note(order=first, text="Rings twice", by=desk.DESK)

    assert [buyer.newest for buyer in clerk.get(PAGE, {"q": "jo@example.com"}).context["buyers"]] == [second]
    answer = clerk.get(f"{PAGE}{first.pk}/")
    assert [order.pk for order in answer.context["orders"]] == [second.pk, first.pk]
    assert answer.context["totals"] == [("GBP", Decimal(20))]
    assert "Rings twice" in answer.content.decode()
    assert "Type at least two characters." in clerk.get(PAGE, {"q": "j"}).content.decode()


def test_new_orders_of_a_blocked_buyer_are_held_with_the_reason_and_no_other(clerk, store):
    old = arrives(store, customer_phone="0113 496 0000")
    assert told(clerk.post(f"{PAGE}{old.pk}/", {"do": "block", "reason": " "}, follow=True)) == [
        "Enter the reason. It is shown on each order that is held."
    ]
    answer = clerk.post(f"{PAGE}{old.pk}/", {"do": "block", "reason": "Chargebacks"}, follow=True)
    assert told(answer) == ["Customer blocked. New orders are put on hold."]

    by_email = arrives(desk.store("Other"), customer_email="JO@example.com", customer_phone="")
    by_phone = arrives(store, customer_email="", customer_phone="(0113) 4960000")
    free = arrives(store, customer_email="somebody@example.com")

    for order in (by_email, by_phone):
        assert order.holds.get().reason == "Blocked buyer: Chargebacks"
        assert (order.holds_open, order.status) == (1, "new")
        assert list(OrderEvent.objects.filter(order=order).order_by("pk").values_list("kind", "text")) == [
            ("placed", f"Imported from {order.connection.name}"),
            ("hold", "On hold: Blocked buyer: Chargebacks"),
        ]
    assert (free.holds_open, free.status) == (0, "rfp")
    old.refresh_from_db()
    assert old.holds_open == 0
    assert "jo" not in "".join(BlockedBuyer.objects.values_list("key", flat=True)).lower()
    assert AuditEntry.objects.filter(action="buyer.blocked").count() == 1

    clerk.post(f"{PAGE}{old.pk}/", {"do": "unblock"})
    assert arrives(store).holds_open == 0
    by_email.refresh_from_db()
    assert by_email.holds_open == 1


def test_an_order_entered_by_hand_is_held_too(store):
    stall = desk.store("Stall", channel="offline")
    BlockedBuyer.objects.create(key=_hash("jo@example.com"), reason="Does not pay")
    Variant.objects.update(price=5, currency="GBP")

    entry = an_entry(customer_email="jo@example.com")
    manual_orders.enter_order(entry, connection=stall, by=desk.DESK)

    assert Order.objects.get().holds.get().reason == "Blocked buyer: Does not pay"


def _hash(email: str) -> str:
    return key_hash(("email", email))


def test_an_import_asks_no_more_for_blocked_buyers(store):
    def cost() -> int:
        arrives(store)
        with CaptureQueriesContext(database) as queries:
            arrives(store, customer_email="new@example.com")
        return len(queries)

    before = cost()
    BlockedBuyer.objects.create(key=_hash("other@example.com"), reason="x")
    assert cost() == before


def test_a_buyer_whose_data_was_removed_is_nobody(clerk, store):
    order = arrives(store)
    redact(order, "Erased")

    answer = clerk.get(f"{PAGE}{order.pk}/")

    assert [one.pk for one in answer.context["orders"]] == [order.pk]
    assert not answer.context["can_block"]
    assert clerk.get(PAGE, {"q": "removed"}).context["buyers"] == []


@pytest.mark.parametrize(("role", "may"), [("Order desk", True), ("Warehouse", False), ("Read-only", False)])
def test_who_may_block(client, store, role, may):
    order = arrives(store)
    as_role(client, role)

    assert client.get(f"{PAGE}{order.pk}/").status_code == 200
    assert client.post(f"{PAGE}{order.pk}/", {"reason": "x"}).status_code == (302 if may else 403)
    assert BlockedBuyer.objects.exists() == may
