"""The page “New order”: a form that enters an order once, and what it asks while somebody types (R-OFF-01)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders.errors import OrderError
from orders.models import Order, OrderEvent
from orders.services import carriers, manual_orders, packing
from tests import factories
from tests.orders import desk

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-OFF-01")]
PAGE = "/admin/orders/order/new/"
FORM = {
    "token": "t1",
    "customer_name": "Jo Doe",
    "customer_email": "jo@example.com",
    "customer_phone": "0113 496 0000",
    "line1": "1 High Street",
    "city": "Leeds",
    "postcode": "LS1 1AA",
    "country": "gb",
    "sku": ["MUG", "TEE", ""],
    "quantity": ["2", "1", "1"],
    "price": ["", "20,00", ""],
    "line_discount": ["10%", "", ""],
    "discount": "1.60",
    "shipping": "3.95",
    "tax_rate": "20",
    "basis": "included",
    "payment": "paid",
}

ONE_MUG = {"sku": ["MUG"], "quantity": ["1"], "price": [""], "line_discount": [""]}


@pytest.fixture
def stall():
    store = desk.store("Stall", channel="offline", options={"tax_rate": "20"})
    for sku, units, price in (("MUG", 5, "12.00"), ("TEE", 2, "24.00")):
        variant = desk.stocked(sku, leeds=units)
        variant.price, variant.currency, variant.barcode = Decimal(price), "GBP", f"50000{units}"
        variant.save(update_fields=["price", "currency", "barcode"])
    return store


def as_role(client: Client, role: str) -> Client:
    person = factories.user(role.lower().replace(" ", "-"))
    person.groups.add(Group.objects.get(name=role))
    client.force_login(person)
    return client


@pytest.fixture
def clerk(client: Client) -> Client:
    return as_role(client, "Order desk")


def told(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_a_form_enters_an_order(clerk, stall):
    royal = carriers.save_carrier(name="Royal Mail", by=desk.DESK)
    answer = clerk.post(
        PAGE, {**FORM, "store": stall.pk, "carrier": "Royal Mail", "note": "Ring"}, follow=True
    )

    order = Order.objects.get()
    assert answer.redirect_chain == [(f"/admin/orders/order/{order.pk}/", 302)]
    assert told(answer) == ["Order #M-1 entered."]
    assert (order.status, order.carrier, order.country) == ("new", royal, "GB")
    assert [(line.quantity, line.unit_price, line.discount) for line in order.lines.all()] == [
        (2, Decimal(12), Decimal("3.23")),  # 2.40, and 0.83 of the 1.60
        (1, Decimal(20), Decimal("0.77")),
    ]
    assert (order.discount_total, order.tax_total, order.total) == (
        Decimal(4),
        Decimal("7.33"),
        Decimal("43.95"),
    )
    assert str(OrderEvent.objects.get(kind="placed").author) == "order-desk"
    assert desk.shelf("MUG") == (5, 2)


def test_a_form_that_is_sent_twice_enters_one_order(clerk, stall):
    for _time in range(2):
        answer = clerk.post(PAGE, {**FORM, "store": stall.pk}, follow=True)

    assert told(answer) == ["This order was already entered as #M-1. Nothing was entered again."]
    assert Order.objects.count() == 1
    assert desk.shelf("MUG") == (5, 2)


def test_mistakes_stand_beside_their_fields_and_nothing_typed_is_lost(clerk, stall):
    wrong = {
        "customer_name": "",
        "quantity": ["two", "1", "1"],
        "price": ["", "abc", ""],
        "city": "Bradford",
        "postcode": "",
    }
    answer = clerk.post(PAGE, {**FORM, **wrong, "store": stall.pk})

    assert answer.context["errors"] == {
        "customer_name": "Enter the name of the customer.",
        "lines.0.quantity": "Enter a whole number of units from 1 to 1,000,000.",
        "lines.1.price": "“abc” is not an amount. Enter a number such as 12.50.",
    }
    page = answer.content.decode()
    assert 'value="two"' in page
    assert 'value="Bradford"' in page
    assert 'name="token" value="t1"' in page
    assert Order.objects.count() == 0

    clerk.post(PAGE, {**FORM, "store": stall.pk})
    assert Order.objects.get().number == "M-1"


def test_an_earlier_order_is_copied_at_the_prices_of_today(clerk, stall):
    clerk.post(PAGE, {**FORM, "store": stall.pk})

    form = clerk.get(PAGE, {"copy": Order.objects.get().pk}).context["form"]

    assert (form.texts["customer_name"], form.texts["postcode"]) == ("Jo Doe", "LS1 1AA")
    assert [(row.sku, row.quantity, row.price, row.line_discount) for row in form.rows] == [
        ("MUG", "2", "", ""),
        ("TEE", "1", "", ""),
        ("", "1", "", ""),
    ]


def test_the_page_of_an_order_offers_a_copy_where_orders_are_entered(client, stall):
    as_role(client, "Order desk").post(PAGE, {**FORM, "store": stall.pk})
    web = desk.an_order(desk.store("Web"), MUG=1)

    def offers(order: Order) -> bool:
        return "Copy order" in client.get(f"/admin/orders/order/{order.pk}/").content.decode()

    assert (offers(Order.objects.get(number="M-1")), offers(web)) == (True, False)
    as_role(client, "Warehouse")
    assert not offers(Order.objects.get(number="M-1"))


def test_a_quote_is_a_draft(clerk, stall):
    clerk.post(PAGE, {**FORM, "store": stall.pk, "do": "draft"})

    assert Order.objects.get().status == "draft"


def test_without_an_offline_store_the_page_says_what_to_do(clerk):
    web = desk.store("Web")

    assert "No store takes orders by hand." in clerk.get(PAGE).content.decode()
    clerk.post(PAGE, {**FORM, "store": web.pk})
    assert Order.objects.count() == 0


def test_a_store_of_a_channel_that_is_not_configured_breaks_no_page(clerk, stall):
    order = desk.an_order(desk.store("Old"), MUG=1)
    type(stall).objects.filter(name="Old").update(channel="gone")

    assert [store.name for store in clerk.get(PAGE).context["stores"]] == ["Stall"]
    with pytest.raises(OrderError, match="is not configured"):
        manual_orders.enter_orders([], connection=type(stall).objects.get(name="Old"), by=desk.DESK)
    assert Order.objects.get() == order


def test_the_settings_of_the_store_are_checked(client, stall):
    as_role(client, "Owner")
    page = f"/admin/integrations/ecommerce-sales-channels/{stall.pk}/settings/"

    wrong = client.post(
        page, {"which": "channel", "channel-tax_rate": "a lot", "channel-number_prefix": "ST"}
    )
    assert wrong.context["forms"]["channel"].errors == {
        "tax_rate": ["“Tax rate in %” must be a number from 0 to 100, such as 20 or 5.5."]
    }
    client.post(page, {"which": "channel", "channel-tax_rate": "5,50", "channel-number_prefix": "ST"})

    stall.refresh_from_db()
    assert stall.options == {"tax_rate": "5.5", "prices_include_tax": False, "number_prefix": "ST"}


def test_the_tax_basis_is_that_of_the_store(clerk):
    desk.store("Trade", channel="offline", options={"tax_rate": "8.1", "prices_include_tax": False})

    form = clerk.get(PAGE).context["form"]

    assert (form.texts["tax_rate"], form.texts["basis"]) == ("8.1", "added")


@pytest.mark.parametrize(
    ("role", "may"), [("Owner", True), ("Order desk", True), ("Warehouse", False), ("Read-only", False)]
)
def test_who_may_enter_orders(client, stall, role, may):
    as_role(client, role)

    assert client.get(PAGE).status_code == (200 if may else 403)
    assert client.post(PAGE, {**FORM, "store": stall.pk}).status_code == (302 if may else 403)
    assert Order.objects.count() == may
    assert ("New order" in client.get("/admin/orders/order/").content.decode()) == may


# --- what is asked while somebody types ---


def shown(answer: Any, name: str) -> Any:
    return answer.context_data[name]


def skus(client: Client, store, text: str) -> list[tuple[str, str, int | None]]:
    answer = client.get(f"{PAGE}do/skus/", {"q": text, "store": store.pk})
    return [(one.sku, one.price, one.available) for one in shown(answer, "skus")]


def test_a_sku_is_found_by_its_beginning_barcode_and_title_with_price_and_stock(clerk, stall):
    desk.stocked("MUG-BIG", leeds=0)
    web = desk.store("Web")
    desk.comes(web, desk.record(MUG=1))

    mug, big = ("MUG", "12.00", 4), ("MUG-BIG", "", 0)
    assert skus(clerk, stall, "mu") == [mug, big]
    assert skus(clerk, stall, "mug") == [mug, big]
    assert skus(clerk, stall, "500005") == [mug]
    assert skus(clerk, stall, "the tee") == [("TEE", "24.00", 2)]
    assert skus(clerk, stall, "nothing") == []
    assert clerk.get(f"{PAGE}do/skus/", {"q": "mug", "store": web.pk}).status_code == 404


def buyers(client: Client, text: str) -> list[tuple[str, int]]:
    answer = client.get(f"{PAGE}do/buyers/", {"q": text})
    return [(str(one.newest), one.orders) for one in shown(answer, "buyers")]


def test_a_buyer_is_found_by_name_e_mail_phone_and_postcode_and_never_merged_on_a_guess(clerk, stall):
    for token, more in (
        ("a", {}),
        ("b", {"customer_phone": "0161 000 111"}),
        ("c", {"customer_email": "other@example.com"}),  # the same name, somebody else
    ):
        clerk.post(PAGE, {**FORM, **more, **ONE_MUG, "token": token, "store": stall.pk})

    assert buyers(clerk, "jo doe") == [("#M-3", 1), ("#M-2", 2)]
    assert buyers(clerk, "jo@example") == [("#M-2", 2)]
    assert buyers(clerk, "0161000") == [("#M-2", 1)]
    assert buyers(clerk, "ls11aa") == [("#M-3", 1), ("#M-2", 2)]
    assert buyers(clerk, "j") == []
    assert buyers(clerk, "mug") == []  # orders with a mug are found, not buyers of that name

    order = Order.objects.get(number="M-1")
    history = shown(clerk.get(f"{PAGE}do/history/{order.pk}/"), "orders")
    assert [str(one) for one in history] == ["#M-2", "#M-1"]


def test_the_totals_follow_what_is_typed(clerk, stall):
    answer = clerk.post(f"{PAGE}do/totals/", {**FORM, "store": stall.pk})
    assert (shown(answer, "totals").total, shown(answer, "wrong")) == (Decimal("43.95"), [])

    answer = clerk.post(f"{PAGE}do/totals/", {**FORM, "store": stall.pk, "discount": "99"})
    assert shown(answer, "totals") is None
    assert shown(answer, "wrong") == ["The discount of 99.00 is more than the amount of 41.60."]
    assert Order.objects.count() == 0


def test_the_page_and_its_lists_cost_the_same_with_more_rows(clerk, stall):
    def cost() -> list[int]:
        found = []
        for address in (PAGE, f"{PAGE}do/skus/?q=the&store={stall.pk}", f"{PAGE}do/buyers/?q=jo"):
            clerk.get(address)
            with CaptureQueriesContext(database) as queries:
                clerk.get(address)
            found.append(len(queries))
        return found

    clerk.post(PAGE, {**FORM, "token": "first", "store": stall.pk})
    before = cost()
    for number in range(5):
        desk.stocked(f"CUP-{number}", leeds=1)
        clerk.post(
            PAGE,
            {**FORM, "token": str(number), "store": stall.pk, "customer_email": f"jo{number}@example.com"},
        )
    assert cost() == before


def test_an_order_that_is_entered_goes_all_the_way(clerk, stall):
    clerk.post(PAGE, {**FORM, "store": stall.pk, "is_collected": "1"})
    order = Order.objects.get()

    for move in (packing.release, packing.pack, packing.mark_ready_to_ship):
        assert move([order.pk], by=desk.DESK)[0].ok
    assert desk.status(order) == "rts"
