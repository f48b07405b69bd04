"""Corrections before packing: address, contact, shipping method, units, SKUs, lines (R-ORD-15)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from channels.contract.records.orders import AddressRecord
from channels.models import OutboxMessage
from oms.kit.models import Problem
from orders.domain.addresses import faults_of
from orders.models import Order, OrderEvent
from orders.services import carriers, packing
from orders.services import problems as problem_services
from tests import factories
from tests.orders.desk import (
    DESK,
    HOME,
    an_order,
    comes,
    counters,
    fingerprint,
    record,
    status,
    stocked,
    store,
)
from tests.orders.desk import problems as codes

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-ORD-15")]

NEW_HOME = {
    "to_name": "Jo Doe",
    "to_line1": "2 Low Street",
    "to_city": "York",
    "to_postcode": "yo1 7aa",
    "to_country": "gb",
}
CONTACT = {
    "customer_name": "Jo Doe",
    "customer_email": "jo@example.com",
    "customer_phone": "",
    "shipping_method": "Royal Mail",
}


@pytest.fixture
def shop():
    stocked("MUG", leeds=9)
    stocked("TEE", leeds=2)
    return store()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def address_of(order: Order) -> str:
    return f"/admin/orders/order/{order.pk}/correct/"


def shown(owner: Client, order: Order) -> dict[str, str]:
    """The hidden fields of the two forms."""
    context = owner.get(address_of(order)).context
    return {
        "contact": context["contact_seen"],
        "lines": context["lines_seen"],
        "token": context["form_token"],
    }


def correct(owner: Client, order: Order, what: str, **typed: object):
    """Send a form as the page has it; the messages of the answer."""
    hidden = shown(owner, order)
    data: dict[str, object] = {"what": what, "seen": hidden[what], "token": f"{hidden['token']}-{what}"}
    if what == "contact":
        now = {f"to_{part}": value for part, value in order.ship_to.items()}
        data |= {**now, **CONTACT}
    answer = owner.post(address_of(order), {**data, "reason": "buyer asked by phone", **typed}, follow=True)
    return [str(message) for message in answer.context["messages"]]


def units_of(order: Order, **skus: int) -> dict[str, int]:
    return {f"units-{row.pk}": skus[row.sku] for row in order.lines.all() if row.sku in skus}


# ------------------------------------------------ address and contact


def test_a_corrected_address_is_used_is_in_the_timeline_and_says_what_the_channel_is_not_sent(owner, shop):
    order = an_order(shop, MUG=1)

    said = correct(owner, order, "contact", **NEW_HOME)

    order.refresh_from_db()
    assert order.ship_to == {
        "name": "Jo Doe", "line1": "2 Low Street", "city": "York", "postcode": "YO1 7AA", "country": "GB",
    }  # fmt: skip
    old, new = "Jo Doe, 1 High Street, LS1 1AA, Leeds, GB", "Jo Doe, 2 Low Street, YO1 7AA, York, GB"
    assert said == [f"Corrected: Ship to: {old} → {new}. Shop was not sent the correction."]
    event = OrderEvent.objects.filter(order=order).latest("pk")
    assert event.text == f"Ship to corrected: {old} → {new}. buyer asked by phone"
    assert (event.kind, str(event.author)) == ("contact", "owner")
    page = owner.get(f"/admin/orders/order/{order.pk}/").content.decode()
    assert "Corrected in Manifold: Ship to. Shop was not sent it." in " ".join(page.split())
    assert not OutboxMessage.objects.filter(kind="event", group=order.pk).exists()


def test_an_import_keeps_the_correction_until_the_channel_has_another_address(owner, shop):
    order = an_order(shop, MUG=1)
    correct(owner, order, "contact", **NEW_HOME)

    comes(shop, record(order.external_id, minutes=1, MUG=1, price="12"))
    order.refresh_from_db()
    assert (order.ship_to["city"], order.country, str(order.total.normalize())) == ("York", "GB", "12")

    moved = AddressRecord(name="Jo Doe", line1="3 Side Road", city="Paris", postcode="75001", country="FR")
    comes(shop, replace(record(order.external_id, minutes=2, MUG=1), ship_to=moved))
    order.refresh_from_db()
    assert (order.ship_to["city"], order.country, order.corrected) == ("Paris", "FR", {})
    assert "2 Low Street" in OrderEvent.objects.filter(order=order, kind="contact").latest("pk").text


def test_the_channels_own_value_again_is_no_correction_any_more(owner, shop):
    order = an_order(shop, MUG=1)
    correct(owner, order, "contact", customer_phone="0113 1")
    order.refresh_from_db()
    assert list(order.corrected) == ["customer_phone"]

    correct(owner, order, "contact", customer_phone="")

    order.refresh_from_db()
    assert (order.corrected, order.customer_phone) == ({}, "")


def test_the_shipping_method_chooses_the_carrier_of_a_planned_shipment(owner, shop):
    carriers.save_carrier(name="DHL", tracking_url="", by=DESK)
    order = an_order(shop, MUG=1)
    packing.release([order.pk], by=DESK)

    correct(owner, order, "contact", shipping_method="DHL")

    assert str(order.shipments.get().carrier) == "DHL"
    assert status(order) == "rfp"


def test_nothing_is_corrected_without_a_reason_or_when_nothing_differs(owner, shop):
    order = an_order(shop, MUG=1)
    before = fingerprint()

    assert correct(owner, order, "contact", reason="", **NEW_HOME) == []
    assert correct(owner, order, "contact") == ["Nothing was changed: the order has these values already."]
    assert correct(owner, order, "contact", customer_email="no address") == []

    assert fingerprint() == before


@pytest.mark.parametrize("what", ["contact", "lines"])
def test_a_packed_order_is_not_corrected_and_says_what_to_do(owner, shop, what):
    order = an_order(shop, MUG=2)
    typed = {**NEW_HOME, **units_of(order, MUG=1)}
    packing.release([order.pk], by=DESK)
    packing.pack([order.pk], by=DESK)
    before = fingerprint()

    data = {"what": what, "reason": "late", **CONTACT, **typed}
    answer = owner.post(address_of(order), data)

    text = "This order is already packed. Undo packing first, then correct it."
    assert [str(message) for message in answer.context["messages"]] == [text]
    assert fingerprint() == before
    assert b"Correct address</button>" not in owner.get(address_of(order)).content
    assert b"/correct/" not in owner.get(f"/admin/orders/order/{order.pk}/").content


def test_two_people_cannot_correct_what_the_other_has_changed(owner, shop):
    order = an_order(shop, MUG=3)
    hidden = shown(owner, order)
    correct(owner, order, "lines", **units_of(order, MUG=2))
    before = fingerprint()

    data = {"what": "lines", "seen": hidden["lines"], "reason": "again", **units_of(order, MUG=1)}
    answer = owner.post(address_of(order), data)

    assert [str(message) for message in answer.context["messages"]] == [
        "The order was changed since you opened this page. Check it and enter your correction again."
    ]
    assert fingerprint() == before


def test_a_form_that_is_sent_twice_acts_once(owner, shop):
    order = an_order(shop, MUG=3)
    data = {
        "what": "lines", "token": "t-lines", "reason": "add one", "add-sku-1": "TEE", "add-units-1": "1",
    }  # fmt: skip

    owner.post(address_of(order), data)
    owner.post(address_of(order), data)

    assert counters(order) == [(3, 3, 0, 0), (1, 1, 0, 0)]


def test_a_role_that_may_not_work_orders_may_not_correct_them(client, shop):
    order = an_order(shop, MUG=1)
    person = factories.user("packer")
    person.groups.add(Group.objects.get(name="Warehouse"))
    client.force_login(person)

    assert client.get(address_of(order)).status_code == 403
    assert client.post(address_of(order), {"what": "contact", "reason": "x", **NEW_HOME}).status_code == 403
    assert b"/correct/" not in client.get(f"/admin/orders/order/{order.pk}/").content


# ------------------------------------------------ is the address complete?


@pytest.mark.parametrize(
    ("address", "faults"),
    [
        ({"name": "J", "line1": "1 A St", "city": "Leeds", "postcode": "LS1 1AA", "country": "GB"}, []),
        ({"name": "J", "line1": "1 A St", "city": "Leeds", "postcode": "ls11aa", "country": "gb"}, []),
        (
            {"name": "J", "line1": "1 A St", "city": "Leeds", "postcode": "75001", "country": "GB"},
            ["“75001” is not a postcode of GB."],
        ),
        (
            {"name": "J", "line1": "1 A St", "country": "GB"},
            ["The town is missing.", "The postcode is missing."],
        ),
        ({"company": "C", "line1": "1", "city": "Wien", "postcode": "A-1010", "country": "AT"}, []),
        ({"name": "J", "line1": "1", "city": "Riga", "postcode": "LV-1010", "country": "LV"}, []),
        (
            {"name": "J", "line1": "1", "city": "Reno", "postcode": "89501-1234", "country": "US"},
            ["The state or province is missing."],
        ),
        ({"name": "J", "line1": "1", "city": "Cork", "country": "IE"}, []),
        ({"name": "J", "line1": "1", "city": "Dubai", "country": "AE"}, []),
        ({"name": "J", "line1": "1", "postcode": "018956", "country": "SG"}, []),
        (
            {"city": "Leeds"},
            ["The name is missing.", "The street is missing.", "The country is missing."],
        ),
        (
            {"name": "J", "line1": "1", "city": "X", "country": "England"},
            ["“ENGLAND” is not a country code of two letters."],
        ),
    ],
)
def test_the_parts_of_an_address(address, faults):
    assert faults_of(address) == faults


def test_an_incomplete_address_is_a_problem_that_blocks_packing_and_not_the_release(owner, shop):
    where = replace(HOME, postcode="1234", city="")
    comes(shop, replace(record("77", MUG=1), ship_to=where))
    order = Order.objects.get(number="77")

    page = owner.get(f"/admin/orders/order/{order.pk}/").content.decode()

    assert codes(order) == ["address_invalid"]
    assert "The town is missing. “1234” is not a postcode of GB. Correct the address" in page
    assert packing.release([order.pk], by=DESK)[0].ok
    (packed,) = packing.pack([order.pk], by=DESK)
    assert (packed.ok, packed.message) == (False, "Resolve “Address is not complete” first.")

    correct(owner, order, "contact", to_city="Leeds", to_postcode="LS1 1AA")

    assert codes(order) == []
    assert packing.pack([order.pk], by=DESK)[0].ok


def test_a_correction_that_is_wrong_itself_opens_the_problem(owner, shop):
    order = an_order(shop, MUG=1)

    correct(owner, order, "contact", **{**NEW_HOME, "to_postcode": "no"})

    assert codes(order) == ["address_invalid"]


def test_a_dismissed_address_stays_dismissed_until_it_changes(shop):
    where = replace(HOME, postcode="1234")
    comes(shop, replace(record("77", MUG=1), ship_to=where))
    order = Order.objects.get(number="77")
    (problem,) = Problem.objects.filter(subject_id=order.pk, resolved_at=None)
    problem_services.dismiss_problem(problem=problem, how="the buyer says it is right", by=DESK)

    comes(shop, replace(record("77", minutes=1, price="11", MUG=1), ship_to=where))
    assert codes(order) == []
    comes(shop, replace(record("77", minutes=2, MUG=1), ship_to=replace(where, postcode="9")))
    assert codes(order) == ["address_invalid"]
    comes(shop, replace(record("77", minutes=3, MUG=1), ship_to=HOME))
    assert codes(order) == []


def test_an_address_that_staff_entered_ends_the_problem_that_it_is_missing(owner, shop):
    comes(shop, replace(record("77", MUG=1), ship_to=AddressRecord()))
    order = Order.objects.get(number="77")
    assert codes(order) == ["address_missing"]

    correct(owner, order, "contact", **NEW_HOME)
    comes(shop, replace(record("77", minutes=1, price="11", MUG=1), ship_to=AddressRecord()))

    order.refresh_from_db()
    assert (codes(order), order.ship_to["city"]) == ([], "York")
