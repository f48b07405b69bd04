"""The pages of returns: start one, decide, scan, grade, close; the list and its reasons (R-PLUS-10)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from channels.contract.records.orders import RemoteState
from inventory.models import StockItem, Warehouse
from oms.kit.actors import SYSTEM
from orders.models import Order, Return
from orders.services.moves import make_move
from orders.services.returns.requests import request_return
from tests import factories
from tests.admin import desk_data
from tests.orders import desk

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-10")]
LIST = "/admin/orders/return/"


@pytest.fixture
def store():
    return desk_data.shop()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def shipped(store, units: int = 2) -> Order:
    order = desk_data.ready(store, desk_data.line("MUG-RED", units))
    (outcome,) = make_move("hand_over", [order.pk], by=SYSTEM)
    assert outcome.ok
    order.refresh_from_db()
    return order


def requested(order: Order, units: int = 2) -> Return:
    return request_return(order_id=order.pk, units={order.lines.get().pk: units}, reason="faulty", by=SYSTEM)


def as_role(client: Client, role: str) -> Client:
    person = factories.user(role.lower().replace(" ", "-"))
    person.groups.add(Group.objects.get(name=role))
    client.force_login(person)
    return client


def said(response) -> list[str]:
    return [strip_tags(str(message)) for message in response.context["messages"]]


def on_hand() -> tuple[int, int]:
    item = StockItem.objects.get(variant__sku="MUG-RED", warehouse__code="leeds")
    return item.on_hand, item.unusable


def test_from_the_order_page_to_a_closed_return(owner, store):
    order = shipped(store)
    page = f"/admin/orders/order/{order.pk}/"
    start = f"{page}return/"
    assert start in owner.get(page).content.decode()
    before = on_hand()

    line = order.lines.get()
    answer = owner.post(
        start,
        {f"units-{line.pk}": "2", "reason": "damaged", "note": "box crushed", "approved": "1", "token": "t"},
        follow=True,
    )
    found = Return.objects.get()
    assert (said(answer), found.state, str(found.author)) == (
        [f"Return {found.number} requested."], "approved", "owner",
    )  # fmt: skip

    row, leeds = found.lines.get(), Warehouse.objects.get(code="leeds")
    assert answer.context["warehouse_id"] == leeds.pk
    data = {"what": "receive", "warehouse": leeds.pk, f"usable-{row.pk}": "1", f"unusable-{row.pk}": "1"}
    answer = owner.post(f"{LIST}{found.pk}/", data, follow=True)

    assert said(answer) == ["Goods received. The return is closed."]
    assert on_hand() == (before[0] + 1, before[1] + 1)
    order.refresh_from_db()
    assert order.status == "returned"
    content = owner.get(page).content.decode()
    assert found.number in content
    assert "Start a return" not in content


def test_a_form_that_is_sent_twice_acts_once(owner, store):
    order = shipped(store)
    line = order.lines.get()
    data = {f"units-{line.pk}": "1", "reason": "damaged", "token": "same"}

    owner.post(f"/admin/orders/order/{order.pk}/return/", data)
    answer = owner.post(f"/admin/orders/order/{order.pk}/return/", data)

    assert said(answer)[-1] == "This return was already requested. Nothing was changed again."
    assert Return.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"units": "9", "reason": "damaged"}, "Only 2 units of MUG-RED can come back."),
        ({"units": "x", "reason": "damaged"}, "“x” is not a number of units."),
        ({"units": "1", "reason": "because"}, "Choose the reason of the return."),
        ({"units": "", "reason": "damaged"}, "Enter how many units of which line come back."),
    ],
)
def test_a_wrong_entry_is_one_sentence_and_what_was_typed_remains(owner, store, typed, sentence):
    order = shipped(store)
    pk = order.lines.get().pk

    answer = owner.post(
        f"/admin/orders/order/{order.pk}/return/",
        {f"units-{pk}": typed["units"], "reason": typed["reason"], "note": "keep <this>"},
    )

    assert said(answer) == [sentence]
    assert "keep &lt;this&gt;" in answer.content.decode()
    assert Return.objects.count() == 0


def test_a_refusal_needs_a_reason_and_shows_it(owner, store):
    found = requested(shipped(store))
    here = f"{LIST}{found.pk}/"

    assert said(owner.post(here, {"what": "refuse"}, follow=True)) == ["Enter the reason of the refusal."]
    answer = owner.post(here, {"what": "refuse", "reason": "worn"}, follow=True)

    found.refresh_from_db()
    assert (said(answer), found.state) == (["Return refused."], "refused")
    assert "worn" in answer.content.decode()
    assert b'name="what" value="receive"' not in answer.content


def test_a_scan_opens_the_return_of_a_number_a_parcel_or_an_order(owner, store):
    order, other = shipped(store), shipped(store)
    found = requested(order)
    Return.objects.filter(pk=found.pk).update(tracking_number="RT1")

    def goes_to(code: str) -> str:
        return owner.get(f"{LIST}scan/", {"code": code}).headers["Location"]

    page = f"{LIST}{found.pk}/"
    assert [goes_to(code) for code in (found.number.lower(), "RT1", order.number, f"#{order.number}")] == [
        page
    ] * 4
    assert goes_to(other.number) == f"/admin/orders/order/{other.pk}/return/"
    assert goes_to("") == LIST
    answer = owner.get(f"{LIST}scan/", {"code": "what\x00?"}, follow=True)
    assert said(answer) == ["No return, parcel or order has the number “what?”."]


def test_goods_without_an_order_are_entered_by_sku(owner, store):
    answer = owner.post(
        f"{LIST}without-order/",
        {"sku-1": "mug-red", "units-1": "2", "sku-3": "TEE-M", "reason": "not_said", "approved": "1"},
        follow=True,
    )

    found = Return.objects.get()
    assert said(answer) == [f"Return {found.number} requested."]
    assert list(found.lines.values_list("sku", "quantity")) == [("MUG-RED", 2), ("TEE-M", 1)]
    answer = owner.post(f"{LIST}without-order/", {"sku-1": "NOPE", "reason": "not_said"})
    assert said(answer) == ["No product has the SKU “NOPE”."]


@pytest.mark.req("R-ORD-11")
def test_a_late_cancellation_leads_to_a_return_with_its_reason_and_units(owner, store):
    order = shipped(store)
    desk.comes(
        store,
        desk.record(
            order.external_id, RemoteState.CANCELLED, minutes=10**6, lines=(desk_data.line("MUG-RED", 2),)
        ),
    )
    link = f"/admin/orders/order/{order.pk}/return/?origin=late_cancel"
    assert desk.problems(order) == ["late_cancel"]
    assert link in owner.get(f"/admin/orders/order/{order.pk}/").content.decode()

    form = owner.get(link)
    pk = order.lines.get().pk
    assert (form.context["reason"], [units for _line, _most, units in form.context["rows"]]) == (
        "cancelled",
        ["2"],
    )
    owner.post(link, {f"units-{pk}": "2", "reason": "cancelled"})

    assert (Return.objects.get().origin, desk.problems(order)) == ("late_cancel", [])


def test_the_list_has_tabs_reasons_and_filters(owner, store):
    first, second = requested(shipped(store)), requested(shipped(store))
    Return.objects.filter(pk=second.pk).update(state="closed", reason="damaged")

    page = owner.get(LIST)

    assert [row.number for row in page.context["cl"].result_list] == [second.number, first.number]
    assert page.context["reasons"] == [("damaged", "Arrived damaged", 1), ("faulty", "Does not work", 1)]
    for query, number in (
        ({"tab": "requested"}, first),
        ({"reason": "damaged"}, second),
        ({"q": first.number}, first),
    ):
        rows = owner.get(LIST, query).context["cl"].result_list
        assert [row.number for row in rows] == [number.number], query


def test_the_list_costs_the_same_with_more_returns(owner, store):
    requested(shipped(store))
    owner.get(LIST)
    with CaptureQueriesContext(
        connection,
    ) as few:
        owner.get(LIST)
    for _more in range(3):
        requested(shipped(store))

    with CaptureQueriesContext(connection) as many:
        owner.get(LIST)

    assert len(many) == len(few) <= 14


def test_the_order_desk_decides_and_the_warehouse_receives(client, store):
    order = shipped(store)
    found = requested(order)
    here, row = f"{LIST}{found.pk}/", found.lines.get()
    leeds = Warehouse.objects.get(code="leeds").pk
    receipt = {"what": "receive", "warehouse": leeds, f"usable-{row.pk}": "2"}
    no = ["Your role does not allow this."]

    packer = as_role(Client(), "Warehouse")
    assert said(packer.post(here, {"what": "approve"}, follow=True)) == no
    assert packer.get(f"/admin/orders/order/{order.pk}/return/").status_code == 403
    seller = as_role(Client(), "Order desk")
    assert said(seller.post(here, {"what": "approve"}, follow=True)) == [
        "Return approved. Receive the goods when they arrive."
    ]
    assert said(seller.post(here, receipt, follow=True)) == no
    reader = as_role(Client(), "Read-only")
    assert reader.get(here).status_code == 200
    assert reader.post(here, receipt).status_code == 403
    assert said(packer.post(here, receipt, follow=True)) == ["Goods received. The return is closed."]
