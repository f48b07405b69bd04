"""Payment is unpaid, paid, pay on delivery or unknown, as the channel says; only a payment that is awaited stops an order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.urls import reverse

from channels.connectors.bigcommerce.orders import payment_state as bigcommerce_payment
from channels.connectors.opencart.orders import payment_state as opencart_payment
from channels.contract.records.orders import PaymentState, RemoteState
from orders.models import Order, OrderEvent
from orders.services import decisions, packing
from tests.factories import user
from tests.orders.desk import DESK, comes, record, stocked, store
from tests.orders.test_moves import ok

pytestmark = pytest.mark.django_db
S = RemoteState
P = PaymentState


def arrives(payment: P, state: S = S.NEW, **more: Any) -> Order:
    stocked("MUG", leeds=5)
    comes(store(), replace(record("o1", state, MUG=1), payment=payment, **more))
    return Order.objects.get()


def later(order: Order, payment: P, state: S = S.NEW, minutes: int = 5) -> Order:
    given = replace(record("o1", state, minutes=minutes, MUG=1), payment=payment)
    comes(order.connection, replace(given, native={**given.native, "payment": str(payment)}))
    return Order.objects.get()


def head(client: Any, order: Order) -> str:
    client.force_login(user(is_superuser=True))
    page: str = client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
    return page


@pytest.mark.fault("F-19")
@pytest.mark.parametrize(
    ("payment", "state", "words", "status"),
    [
        (P.UNKNOWN, S.NEW, "payment not known", "new"),
        (P.UNKNOWN, S.UNPAID, "not paid", "unpaid"),
        (P.UNPAID, S.NEW, "not paid", "new"),
        (P.ON_DELIVERY, S.NEW, "pay on delivery", "new"),
        (P.ON_DELIVERY, S.UNPAID, "pay on delivery", "new"),
        (P.PAID, S.NEW, "paid ", "new"),
    ],
)
def test_the_page_says_what_the_channel_says(
    client: Any, payment: P, state: S, words: str, status: str
) -> None:
    order = arrives(payment, state)
    assert order.status == status
    assert words in head(client, order)
    assert (order.paid_at is not None) == (payment == P.PAID)
    if words != "paid ":
        assert ">paid<" not in head(client, order).replace("\n", "").replace(" ", "")
    assert (status == "new") == packing.release([order.pk], by=DESK)[0].ok


@pytest.mark.fault("F-19")
def test_a_payment_that_arrives_is_an_event_and_is_never_undone() -> None:
    order = arrives(P.UNPAID)
    order = later(order, P.PAID)
    assert (order.payment_state, order.paid_at is not None) == ("paid", True)
    assert OrderEvent.objects.get(kind="payment").text == "Payment on Shop: not paid → paid"
    assert later(order, P.UNPAID, minutes=6).payment_state == "paid"
    assert OrderEvent.objects.filter(kind="payment").count() == 1


@pytest.mark.fault("F-19")
def test_what_a_person_marked_as_paid_stays_paid_and_unknown_says_nothing() -> None:
    order = arrives(P.UNKNOWN, S.UNPAID)
    ok(decisions.mark_paid([order.pk], by=DESK))
    order = later(order, P.UNKNOWN, S.UNPAID)
    assert (order.payment_state, order.is_paid) == ("paid", True)


@pytest.mark.fault("F-19")
@pytest.mark.parametrize(
    ("code", "status", "total", "expected"),
    [
        ("cod.cod", 1, "10", P.ON_DELIVERY),
        ("cod", 2, "10", P.ON_DELIVERY),
        ("bank_transfer.bank_transfer", 1, "10", P.UNPAID),
        ("cheque", 1, "10", P.UNPAID),
        ("bank_transfer", 2, "10", P.PAID),
        ("paypal.paypal", 1, "10", P.UNKNOWN),
        ("paypal", 5, "10", P.PAID),
        ("free_checkout.free_checkout", 1, "0", P.PAID),
        ("paypal", 17, "10", P.UNKNOWN),
    ],
)
def test_opencart_says_it_by_method_and_status(code: str, status: int, total: str, expected: P) -> None:
    row: Any = {"payment": {"code": code}, "total": total, "status": {"id": status}}
    assert opencart_payment(row) == expected


@pytest.mark.fault("F-19")
@pytest.mark.parametrize(
    ("method", "payment", "status", "expected"),
    [
        ("Cash on Delivery", "", 11, P.ON_DELIVERY),
        ("Bank Deposit", "", 7, P.UNPAID),
        ("Manual", "", 11, P.UNKNOWN),
        ("Card", "captured", 11, P.PAID),
        ("Card", "authorized", 11, P.UNKNOWN),
        ("Card", "declined", 11, P.UNPAID),
    ],
)
def test_bigcommerce_says_it_by_its_payment_status(
    method: str, payment: str, status: int, expected: P
) -> None:
    row: Any = {"payment_method": method, "payment_status": payment, "status_id": status}
    assert bigcommerce_payment(row) == expected


@pytest.mark.fault("F-25")
def test_the_page_names_the_shop_of_an_account_with_several(client: Any) -> None:
    assert "Tea Deutschland" in head(client, arrives(P.PAID, storefront="Tea Deutschland"))
