# long because: one table of conditions and actions, each with its order.
"""Automation rules: conditions, actions, their sequence, once for each order, a fault stops nothing (R-PLUS-19)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from catalogue.models import Variant
from channels.contract.records.orders import AddressRecord, OrderRecord, RemoteState
from channels.models import Connection
from inventory.services import adjust
from oms.kit.models import AuditEntry
from orders.domain.rules import loaded
from orders.domain.rules.effects import parse_action
from orders.domain.rules.fields import parse_condition
from orders.errors import OrderError
from orders.models import Note, Order, OrderRule, RuleApplication, RuleState
from orders.services import carriers, decisions, packing
from orders.services.corrections.contact import correct_contact
from orders.services.corrections.lines import correct_lines
from orders.services.rules import editing, trial
from orders.services.stock import backorders
from tests.orders.desk import DESK, comes, record, serves, status, stocked, store

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-19")]

SWISS = AddressRecord(name="Ann", line1="Seeweg 1", city="Bern", postcode="3001", country="CH")


@pytest.fixture
def shop() -> Connection:
    made = store("Shop")
    stocked("MUG", leeds=50)
    stocked("TEE", leeds=50)
    return made


def rule(name: str, *conditions: tuple[str, str, str], then: list[tuple[str, str]], **more: Any) -> OrderRule:
    """A rule as a person writes it, switched on."""
    names = loaded.names_in_use()
    is_active = more.pop("is_active", True)
    made = editing.save_rule(
        more.pop("rule_id", None),
        name=name,
        when=more.pop("when", "both"),
        match=more.pop("match", "all"),
        conditions=[parse_condition(*one, names) for one in conditions],
        actions=[parse_action(*one, names) for one in then],
        stops=more.pop("stops", False),
        by=DESK,
    )
    return editing.switch(made.pk, is_active=True, by=DESK) if is_active else made


def arrived(shop: Connection, arrives: OrderRecord) -> Order:
    comes(shop, arrives)
    return Order.objects.get(connection=shop, external_id=arrives.external_id)


def swiss() -> OrderRecord:
    return replace(record(MUG=1), ship_to=SWISS)


def rules_on(order: Order) -> list[str]:
    """The entries of rules in the timeline."""
    return list(order.events.filter(kind="rule").order_by("pk").values_list("text", flat=True))


def test_a_rule_holds_an_order_before_it_is_released(shop):
    shop.order_settings.auto_release = True
    shop.order_settings.save()
    rule("Swiss customs", ("country", "is", "ch, li"), then=[("hold", "Check the customs papers")])
    held, free = arrived(shop, swiss()), arrived(shop, record(MUG=1))

    assert status(held) == "new"
    assert status(free) == "rfp"
    assert [hold.reason for hold in held.holds.all()] == ["Check the customs papers"]
    assert rules_on(held) == [
        "Rule “Swiss customs” (version 1): Hold, with the reason: Check the customs papers"
    ]
    assert rules_on(free) == []
    trace = RuleApplication.objects.get()
    assert (trace.order, trace.rule_name, trace.rule_version, trace.event) == (
        held,
        "Swiss customs",
        1,
        "arrived",
    )


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (("store", "is", "Shop"), True),
        (("store", "is_not", "Shop"), False),
        (("channel", "is", "OpenCart"), True),
        (("country", "is_not", "GB"), False),
        (("postcode", "starts", "BD, LS1"), True),
        (("postcode", "starts", "BD"), False),
        (("postcode", "between", "10000-19999"), False),
        (("total", "at_least", "40 GBP"), True),
        (("total", "at_least", "40.01 GBP"), False),
        (("total", "at_least", "40 EUR"), False),
        (("weight", "at_least", "1100"), True),
        (("weight", "at_most", "1099"), False),
        (("sku", "is", "mug"), True),
        (("sku", "starts", "TE"), True),
        (("sku", "is_not", "TEE"), False),
        (("method", "contains", "royal"), True),
        (("method", "is", "Royal"), False),
        (("lines", "is", "2"), True),
        (("units", "at_least", "5"), False),
        (("buyer", "is", "new"), True),
        (("buyer", "is", "known, blocked"), False),
        (("payment", "is", "paid"), False),
        (("tag", "is", "gift"), False),
    ],
)
def test_each_condition_decides_by_its_fact(shop, condition, holds):
    for sku, grams in (("MUG", 300), ("TEE", 200)):
        variant = stocked(sku)
        variant.weight_grams = grams
        variant.save()
    rule("One", condition, then=[("tag", "seen")])
    assert arrived(shop, record(MUG=3, TEE=1)).tag_names == (["seen"] if holds else [])


def test_any_condition_is_enough_where_the_rule_says_so(shop):
    rule("Any", ("country", "is", "CH"), ("units", "at_least", "3"), then=[("tag", "seen")], match="any")
    assert arrived(shop, record(MUG=3)).tag_names == ["seen"]
    assert arrived(shop, swiss()).tag_names == ["seen"]
    assert arrived(shop, record(MUG=1)).tag_names == []


def test_a_buyer_with_an_earlier_order_is_known(shop):
    rule("First order", ("buyer", "is", "new"), then=[("tag", "first order")])
    first, second = (
        arrived(shop, record(MUG=1)),
        arrived(shop, replace(record(MUG=1), placed_at=record(MUG=1).placed_at)),
    )
    later = replace(record(MUG=1), placed_at=first.placed_at.replace(hour=20))
    assert first.tag_names == ["first order"]
    assert arrived(shop, later).tag_names == []
    assert second.tag_names == ["first order"]  # placed at the same second: neither was earlier


def test_each_action_does_what_it_says(shop):
    dhl = carriers.save_carrier(name="DHL", tracking_url="", by=DESK)
    serves(shop, "Leeds", "Lyon")
    stocked("MUG", lyon=9)
    rule(
        "All of them",
        then=[
            ("tag", "swiss"),
            ("carrier", "dhl"),
            ("service", "Express 9:00"),
            ("warehouse", "Lyon"),
            ("priority", "urgent"),
            ("release", ""),
            ("note", "Pack with foam"),
        ],
    )
    order = arrived(shop, swiss())

    assert status(order) == "rfp"
    assert (order.carrier, order.service, order.priority, order.tag_names) == (
        dhl,
        "Express 9:00",
        2,
        ["swiss"],
    )
    assert order.warehouse_reason == "Rule “All of them” (version 1)"
    shipment = order.shipments.get()
    assert (str(shipment.warehouse), shipment.carrier, shipment.service) == ("Lyon", dhl, "Express 9:00")
    assert Note.objects.get(order=order).text == "Pack with foam"
    assert RuleApplication.objects.get().effects["carrier"] == str(dhl.pk)


def test_rules_are_checked_in_sequence_and_the_first_decides(shop):
    royal = carriers.save_carrier(name="Royal Mail", tracking_url="", by=DESK)
    carriers.save_carrier(name="DHL", tracking_url="", by=DESK)
    first = rule("A", then=[("carrier", "Royal Mail"), ("tag", "mail")])
    rule("B", ("tag", "is", "mail"), then=[("carrier", "DHL"), ("tag", "b")])
    order = arrived(shop, record(MUG=1))

    assert order.carrier == royal
    assert order.tag_names == ["mail", "b"]  # B saw the tag of A
    assert rules_on(order)[1] == (
        "Rule “B” (version 1): Set the carrier: DHL – not done: rule “A” decided it; Add the tag: b"
    )
    editing.move(first.pk, places=1, by=DESK)
    assert arrived(shop, record(MUG=1)).tag_names == ["mail"]


def test_a_rule_that_stops_is_the_last(shop):
    rule("Swiss", ("country", "is", "CH"), then=[("tag", "swiss")], stops=True)
    rule("All", then=[("tag", "all")])
    assert arrived(shop, swiss()).tag_names == ["swiss"]
    assert arrived(shop, record(MUG=1)).tag_names == ["all"]


def test_a_changed_order_is_checked_again_and_no_rule_is_applied_twice(shop):
    rule("Big", ("units", "at_least", "3"), then=[("hold", "Call the buyer")])
    order = arrived(shop, record("7", MUG=1))
    assert status(order) == "new"
    assert not order.holds.exists()
    comes(shop, record("7", MUG=3, minutes=5))
    assert [hold.reason for hold in order.holds.filter(lifted_at=None)] == ["Call the buyer"]
    assert RuleApplication.objects.get().event == "changed"

    decisions.lift_hold([order.pk], by=DESK)
    comes(shop, record("7", MUG=4, minutes=9))
    assert order.holds.count() == 1
    assert len(rules_on(order)) == 1


def test_a_rule_for_arrival_is_not_checked_for_a_change_and_none_after_packing(shop):
    rule("Arrival", ("units", "at_least", "3"), then=[("tag", "arrived")], when="arrived")
    rule("Change", ("units", "at_least", "3"), then=[("tag", "changed")], when="changed")
    order = arrived(shop, record("7", MUG=1))
    comes(shop, record("7", MUG=3, minutes=5))
    order.refresh_from_db()
    assert order.tag_names == ["changed"]
    packed = arrived(shop, record("8", MUG=1))
    packing.release([packed.pk], by=DESK)
    packing.pack([packed.pk], by=DESK)
    comes(shop, record("8", MUG=3, minutes=5))
    packed.refresh_from_db()
    assert packed.tag_names == []


def test_a_correction_by_staff_is_a_change(shop):
    rule("Swiss", ("country", "is", "CH"), then=[("hold", "Customs"), ("tag", "swiss")])
    rule("Big", ("units", "at_least", "3"), then=[("priority", "high")])
    order = arrived(shop, record(MUG=1))
    address = {"name": "Ann", "line1": "Seeweg 1", "city": "Bern", "postcode": "3001", "country": "CH"}
    correct_contact(order_id=order.pk, changes={"ship_to": address}, reason="moved", by=DESK)
    correct_lines(
        order_id=order.pk, units={order.lines.get().pk: 3}, skus={}, added=[], reason="more", by=DESK
    )
    order.refresh_from_db()
    assert (order.tag_names, order.priority, order.holds.count()) == (["swiss"], 1, 1)
    assert [event.actor for event in order.events.filter(kind="rule")] == ["person", "person"]


def test_history_and_cancelled_orders_are_left_alone(shop):
    rule("All", then=[("tag", "seen"), ("hold", "wait")])
    assert arrived(shop, record("1", RemoteState.SHIPPED, MUG=1)).tag_names == []
    assert arrived(shop, record("2", RemoteState.CANCELLED, MUG=1)).tag_names == []
    assert RuleApplication.objects.count() == 0


def test_what_a_person_chose_is_not_replaced_and_what_a_rule_chose_is(shop):
    royal = carriers.save_carrier(name="Royal Mail", tracking_url="", by=DESK)
    dhl = carriers.save_carrier(name="DHL", tracking_url="", by=DESK)
    rule("Home", ("country", "is", "GB"), then=[("carrier", "Royal Mail")])
    rule("Swiss", ("country", "is", "CH"), then=[("carrier", "DHL")])
    by_rule, by_hand = arrived(shop, record("1", MUG=1)), arrived(shop, record("2", MUG=1))
    other = carriers.save_carrier(name="Van", tracking_url="", by=DESK)
    Order.objects.filter(pk=by_hand.pk).update(carrier=other)
    assert by_rule.carrier == royal
    comes(shop, *(replace(record(number, MUG=1, minutes=5), ship_to=SWISS) for number in ("1", "2")))
    assert Order.objects.get(pk=by_rule.pk).carrier == dhl
    assert Order.objects.get(pk=by_hand.pk).carrier == other


def test_a_released_rule_releases_when_the_missing_stock_has_come(shop):
    rule("Go", ("sku", "is", "LATE"), then=[("release", "")])
    late = stocked("LATE", leeds=0)
    order = arrived(shop, record(LATE=1))
    assert status(order) == "partial"
    adjust.adjust(variant=late, warehouse=late.stock_items.get().warehouse, delta=2, reason="came", by=DESK)
    backorders.refill()
    assert status(order) == "rfp"


# ---------------------------------------------------------------- faults


def test_a_fault_in_one_rule_never_stops_the_order(shop):
    broken = rule("Broken", ("units", "at_least", "1"), then=[("tag", "x")])
    OrderRule.objects.filter(pk=broken.pk).update(
        conditions=[{"field": "units", "op": "at_least", "value": ["²"]}]
    )
    worn = rule("Odd action", then=[("priority", "high")])
    OrderRule.objects.filter(pk=worn.pk).update(actions=[{"kind": "priority", "value": "no such"}])
    rule("Good", then=[("tag", "good")])
    assert arrived(shop, record(MUG=1)).tag_names == ["good"]
    broken.refresh_from_db()
    worn.refresh_from_db()
    assert broken.fault.startswith("ValueError")
    assert worn.fault.startswith("KeyError")


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        (("total", "at_least", "100"), "Enter the order value with its currency, for example: 100 GBP"),
        (("country", "is", "Norway"), "“Norway” is not a country code of two letters, as in GB, IE."),
        (("units", "at_least", "²"), "“Number of units” needs a whole number, for example: 10"),
        (("store", "is", "Nobody"), "There is no Store “Nobody”. Possible: Shop."),
        (("postcode", "between", "19-10"), "“19-10” is not a range of postcodes, for example: 10000-19999"),
        (("country", "contains", "GB"), "“Country” can be compared by: is, is not."),
        (("sku", "is", " "), "Enter the value of “SKU”, for example: MUG-RED, TEE-M"),
        (("buyer", "is", "rich"), "“rich” is not possible here. Possible: new, known, blocked."),
    ],
)
def test_a_value_that_cannot_be_compared_is_one_sentence(shop, condition, sentence):
    with pytest.raises(OrderError, match=r".") as refused:
        parse_condition(condition[0], condition[1], condition[2], loaded.names_in_use())
    assert str(refused.value) == sentence


def test_two_people_on_one_rule_and_a_name_that_is_taken(shop):
    one = rule("One", then=[("tag", "a")])
    with pytest.raises(OrderError, match="Another rule has the name “one”"):
        rule("one", then=[("tag", "b")])
    with pytest.raises(OrderError, match="The rule was changed since you opened this page"):
        editing.save_rule(
            one.pk,
            name="One",
            when="both",
            match="all",
            conditions=[],
            actions=[{"kind": "tag", "value": "c"}],
            stops=False,
            by=DESK,
            seen_version=0,
        )
    one.refresh_from_db()
    assert one.actions == [{"kind": "tag", "value": "a"}]


def test_contradictions_are_named(shop):
    for name in ("Royal Mail", "DHL"):
        carriers.save_carrier(name=name, tracking_url="", by=DESK)
    rule("A", ("country", "is", "GB, IE"), then=[("carrier", "Royal Mail")])
    rule("B", ("country", "is", "ie, gb"), then=[("carrier", "DHL")])
    rule("C", ("country", "is", "FR"), then=[("tag", "x")], stops=True)
    rule("D", ("country", "is", "FR"), ("units", "at_least", "2"), then=[("tag", "y")])
    rule("E", ("country", "is", "DE"), then=[("carrier", "DHL")])
    assert [one.text for one in editing.conflicts()] == [
        "“A” and “B” have the same conditions and contradict each other: Set the carrier. The first one decides.",
        "“D” is never reached: “C” before it applies to the same orders and stops. Move it up.",
    ]


def test_a_trial_names_the_orders_and_writes_nothing(shop):
    touched = arrived(shop, swiss())
    arrived(shop, record(MUG=1))
    made = rule("Swiss", ("country", "is", "CH"), then=[("hold", "x")], is_active=False)
    with CaptureQueriesContext(database) as asked:
        found = trial.try_rule(made, days=3650)
    assert (found.tried, found.touched, [order.pk for order in found.orders]) == (2, 1, [touched.pk])
    assert len(asked) == 2  # the orders, and the lines of all of them
    assert "credentials" not in asked[0]["sql"]
    assert not any(query["sql"].startswith(("INSERT", "UPDATE", "DELETE")) for query in asked)
    assert not touched.holds.exists()


def test_every_change_of_a_rule_is_in_the_audit_log(shop):
    made = rule("One", ("country", "is", "CH"), then=[("tag", "a")])
    rule("One", ("country", "is", "FR"), then=[("tag", "a")], rule_id=made.pk)
    assert OrderRule.objects.get().version == 2
    editing.delete(made.pk, by=DESK)
    actions = list(
        AuditEntry.objects.filter(action__startswith="rule.").order_by("pk").values_list("action", flat=True)
    )
    assert actions == ["rule.saved", "rule.switched", "rule.saved", "rule.deleted"]
    assert ["conditions", "Country is CH", "Country is FR"] in AuditEntry.objects.filter(
        action="rule.saved"
    ).latest("pk").changes


# ---------------------------------------------------------------- statements


def statements(act) -> int:
    with CaptureQueriesContext(database) as asked:
        act()
    return len(asked)


def test_without_a_rule_that_is_switched_on_nothing_is_read(shop):
    comes(shop, record(MUG=1))
    without = statements(lambda: comes(shop, record(MUG=1)))
    made = rule("Off", then=[("tag", "a")])
    editing.switch(made.pk, is_active=False, by=DESK)
    assert RuleState.objects.get().version == ""
    assert statements(lambda: comes(shop, record(MUG=1))) == without


def test_the_statements_do_not_grow_with_rules_and_orders(shop):
    Variant.objects.update(weight_grams=300)
    rule("Swiss 0", ("country", "is", "CH"), ("weight", "at_least", "0"), then=[("tag", "a"), ("note", "n")])
    comes(shop, swiss())  # the rules are read

    with CaptureQueriesContext(database) as few:
        comes(shop, swiss(), swiss())
    for number in range(1, 3):
        rule(f"Swiss {number}", ("country", "is", "CH"), then=[("tag", f"a{number}"), ("note", "n")])
    comes(shop, swiss())
    with CaptureQueriesContext(database) as asked:
        comes(shop, *(swiss() for _n in range(4)))
    assert [query["sql"][:30] for query in asked] == [query["sql"][:30] for query in few]
