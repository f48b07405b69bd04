"""The pages of rules: write one, try it, switch it on, put them in order; and the routing of an order by hand."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from inventory.models import Warehouse
from oms.kit.models import AuditEntry
from orders.models import OrderRule, OrderSettings
from orders.services import carriers
from tests import factories
from tests.orders import desk

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-19")]
LIST = "/admin/orders/orderrule/"


@pytest.fixture
def store():
    made = desk.store("Fern")
    desk.serves(made, "Leeds", "Lyon")
    desk.stocked("MUG", leeds=9, lyon=9)
    return made


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def as_role(client: Client, role: str) -> Client:
    person = factories.user(role.lower())
    person.groups.add(Group.objects.get(name=role))
    client.force_login(person)
    return client


def said(response) -> list[str]:
    return [strip_tags(str(message)) for message in response.context["messages"]]


def form(name: str = "Big orders", **more) -> dict[str, object]:
    """What the page sends: two rows of conditions, one of them empty, and two of actions."""
    return {
        "name": name,
        "when": "both",
        "match": "all",
        "field": ["total", ""],
        "op": ["at_least", "is"],
        "value": ["20 GBP", ""],
        "kind": ["tag", "priority", ""],
        "action": ["big", "High", ""],
        **more,
    }


def written(client: Client, name: str = "Big orders", **more) -> OrderRule:
    client.post(f"{LIST}add/", form(name, **more))
    return OrderRule.objects.get(name=name)


def test_a_rule_is_written_tried_and_switched_on(owner, store):
    big, small = desk.an_order(store, MUG=2), desk.an_order(store, MUG=1)
    empty = owner.get(LIST).content.decode()
    assert "A rule holds, tags or routes orders as they arrive. Add one, then try it on past orders." in empty
    answer = owner.post(f"{LIST}add/", form(), follow=True)
    rule = OrderRule.objects.get()
    assert said(answer) == ["Rule “Big orders” saved, version 1."]
    assert answer.redirect_chain[-1][0] == reverse("admin:rule_trial", args=[rule.pk])
    assert (rule.is_active, rule.conditions, rule.actions) == (
        False,
        [{"field": "total", "op": "at_least", "value": ["20", "GBP"]}],
        [{"kind": "tag", "value": "big"}, {"kind": "priority", "value": "high"}],
    )
    page = " ".join(strip_tags(answer.content.decode()).split())
    assert "The rule would have been applied to" in page
    assert (answer.context["trial"].touched, answer.context["trial"].tried) in {(1, 2), (0, 0)}
    big.refresh_from_db()
    assert big.tags == ""

    answer = owner.post(reverse("admin:rule_act", args=[rule.pk]), {"what": "on"}, follow=True)
    assert said(answer) == [
        "Rule “Big orders” is on. It is applied to orders that arrive or change from now on."
    ]
    later = desk.an_order(store, MUG=3)
    shown = strip_tags(owner.get(reverse("admin:orders_order_change", args=[later.pk])).content.decode())
    assert "Rule “Big orders” (version 1): Add the tag: big; Set the priority: High" in shown
    small.refresh_from_db()
    assert small.tags == ""
    assert list(AuditEntry.objects.filter(action__startswith="rule.").values_list("action", flat=True)) == [
        "rule.switched",
        "rule.saved",
    ]


def test_a_wrong_row_is_marked_and_nothing_is_saved(owner, store):
    answer = owner.post(f"{LIST}add/", form(value=["20", ""], action=["big", "soon", ""]))
    assert said(answer) == ["The rule was not saved: correct the rows that are marked."]
    rows = [row.error for row in (*answer.context["conditions"], *answer.context["actions"]) if row.error]
    assert rows == [
        "Enter the order value with its currency, for example: 100 GBP",
        "“soon” is no priority. Possible: Normal, High, Urgent.",
    ]
    assert 'value="20"' in answer.content.decode()
    assert not OrderRule.objects.exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"name": " "}, "Enter the name of the rule. It is shown on the orders to which it was applied."),
        ({"kind": [], "action": []}, "Choose at least one action."),
        ({"when": "never"}, "Choose when the rule is checked, and how many conditions must hold."),
    ],
)
def test_what_is_missing_is_said(owner, store, more, sentence):
    assert said(owner.post(f"{LIST}add/", form(**more))) == [sentence]
    assert not OrderRule.objects.exists()


def test_a_form_sent_twice_saves_once_and_two_people_do_not_overwrite(owner, store):
    for _time in range(2):
        answer = owner.post(f"{LIST}add/", form(token="t1"), follow=True)
    assert said(answer)[-1] == "This rule was already saved. Nothing was changed again."
    rule = OrderRule.objects.get()
    owner.post(f"{LIST}{rule.pk}/", form(seen="1", value=["30 GBP", ""]))
    answer = owner.post(f"{LIST}{rule.pk}/", form(seen="1", value=["40 GBP", ""]))
    assert said(answer)[-1] == "The rule was changed since you opened this page. Check it and save it again."
    rule.refresh_from_db()
    assert (rule.version, rule.conditions[0]["value"]) == (2, ["30", "GBP"])


def test_more_rows_keep_what_was_written(owner, store):
    answer = owner.post(f"{LIST}add/", form(more="1"))
    assert [row.value for row in answer.context["conditions"]] == ["20 GBP", "", "", ""]
    assert not OrderRule.objects.exists()


def test_rules_are_moved_switched_off_and_deleted(owner, store):
    one, two = written(owner, "One"), written(owner, "Two")
    owner.post(reverse("admin:rule_act", args=[two.pk]), {"what": "up"})
    assert list(OrderRule.objects.values_list("name", flat=True)) == ["Two", "One"]
    owner.post(reverse("admin:rule_act", args=[two.pk]), {"what": "up"})  # it is the first already
    assert list(OrderRule.objects.values_list("name", flat=True)) == ["Two", "One"]
    owner.post(reverse("admin:rule_act", args=[one.pk]), {"what": "on"})
    owner.post(reverse("admin:rule_act", args=[one.pk]), {"what": "off"})
    one.refresh_from_db()
    assert not one.is_active
    asked = owner.post(f"{LIST}{one.pk}/", {"delete": "1"})
    assert "Delete the rule “One”?" in asked.content.decode()
    assert OrderRule.objects.count() == 2
    owner.post(f"{LIST}{one.pk}/", {"delete": "1", "confirmed": "1"})
    assert [rule.name for rule in OrderRule.objects.all()] == ["Two"]
    gone = owner.post(reverse("admin:rule_act", args=[one.pk]), {"what": "on"}, follow=True)
    assert said(gone)[-1] == "This rule no longer exists."


def test_contradictions_and_faults_are_on_the_list(owner, store):
    for name in ("Royal Mail", "DHL"):
        carriers.save_carrier(name=name, tracking_url="", by=desk.DESK)
        rule = written(owner, f"By {name}", kind=["carrier"], action=[name])
        owner.post(reverse("admin:rule_act", args=[rule.pk]), {"what": "on"})
    OrderRule.objects.filter(name="By DHL").update(fault="ValueError: x")
    shown = " ".join(strip_tags(owner.get(LIST).content.decode()).split())
    assert (
        "“By Royal Mail” and “By DHL” have the same conditions and contradict each other: Set the carrier."
        in shown
    )
    assert "It is left out: ValueError: x" in shown
    assert "Order value is at least 20 GBP" in shown


@pytest.mark.parametrize(("role", "may"), [("Order desk", True), ("Warehouse", False), ("Read-only", False)])
def test_who_may_write_rules(client, store, django_user_model, role, may):
    rule = OrderRule.objects.create(name="One", actions=[{"kind": "tag", "value": "x"}])
    as_role(client, role)
    assert client.get(LIST).status_code == 200
    assert client.get(f"{LIST}{rule.pk}/").status_code == 200
    assert client.get(f"{LIST}add/").status_code == (200 if may else 403)
    status = client.post(reverse("admin:rule_act", args=[rule.pk]), {"what": "on"}).status_code
    rule.refresh_from_db()
    assert (status, rule.is_active) == ((302, True) if may else (403, False))


# ---------------------------------------------------------------- the order


@pytest.mark.req("R-INV-03")
def test_an_order_is_moved_on_its_page(owner, store):
    order = desk.an_order(store, MUG=2)
    page = reverse("admin:orders_order_change", args=[order.pk])
    assert "The first warehouse of the store, by priority." in owner.get(page).content.decode()
    address = reverse("admin:order_warehouse", args=[order.pk])
    assert "2 allocated, 7 available" in owner.get(address).content.decode()
    lyon = Warehouse.objects.get(code="LYON")
    answer = owner.post(address, {"warehouse": lyon.pk, "line": "", "reason": " "})
    assert said(answer) == ["Enter the reason of the correction."]
    sent = {"warehouse": lyon.pk, "line": "", "reason": "nearer", "token": "t"}
    assert said(owner.post(address, sent, follow=True)) == ["Moved to Lyon: 2 units. nearer"]
    assert said(owner.post(address, sent)) == ["The order was already moved. Nothing was changed again."]
    assert "Chosen by hand: nearer" in owner.get(page).content.decode()


@pytest.mark.req("R-ORD-09")
def test_the_priority_is_set_on_the_page_of_the_order(owner, store):
    order = desk.an_order(store, MUG=2)
    act = reverse("admin:order_act", args=[order.pk, "priority"])
    assert said(owner.post(act, {"priority": "2"}, follow=True)) == ["Priority: Urgent"]
    assert said(owner.post(act, {"priority": "9"}, follow=True)) == ["Choose a priority."]
    order.refresh_from_db()
    assert order.priority == 2


@pytest.mark.req("R-INV-03")
def test_the_sequence_of_the_warehouses_and_what_they_serve_are_settings(owner, store):
    lyon = Warehouse.objects.get(code="LYON")
    address = reverse("admin:inventory_warehouse_change", args=[lyon.pk])
    sent = {"name": "Lyon", "code": "LYON", "country": "fr", "is_active": "on", "serves_countries": "be, ch"}
    owner.post(address, {**sent, "serves_postcodes": "69, 30000 – 39999"})
    lyon.refresh_from_db()
    assert (lyon.country, lyon.serves_countries, lyon.serves_postcodes) == ("FR", "BE, CH", "69, 30000-39999")
    wrong = {"serves_postcodes": "9-1", "serves_countries": "Belgium", "latitude": "53", "longitude": ""}
    answer = owner.post(address, {**sent, **wrong}).content.decode()
    for sentence in (
        "“9-1” is not the beginning or a range of postcodes: LS, or 10000-19999.",
        "“BELGIUM” is not a country code of two letters.",
        "Enter both latitude and longitude, or neither.",
    ):
        assert sentence in answer
    settings = OrderSettings.objects.get(connection=store)
    assert settings.routing == "priority"
