"""A label is bought once, whatever fails; it is cancelled with its shipment; its price and its file are kept."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest

from channels.models import Connection
from orders.documents import files
from orders.models import LabelPurchase, OrderEvent, Shipment
from orders.services import packing, tracking
from orders.services.labels import buying, choosing, content
from tests.carriers.desk import TRACKED, desk, house
from tests.orders.desk import DESK, problems

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-SHIP-02", "R-SHIP-05")]


class Killed(BaseException):
    """The process ends here."""


def test_a_label_gives_the_shipment_its_number_carrier_and_price():
    with desk() as here:
        shipment = here.packed()
        label = here.buy(shipment)
        shipment.refresh_from_db()
        assert (label.state, label.cost, label.currency) == ("bought", Decimal("3.35"), "GBP")
        assert (shipment.tracking_number, str(shipment.carrier)) == (label.tracking_number, "Royal Mail")
        assert files.read(label.content_hash, suffix="pdf").startswith(b"%PDF")
        assert shipment.parcel.poll_at is not None
        text = OrderEvent.objects.filter(order=shipment.order, kind="label").get().text
        assert text == f"Label bought: Royal Mail {label.tracking_number} (3.35 GBP)"


@pytest.mark.parametrize("label_format", ["png", "zpl"])
def test_a_label_is_stored_in_the_format_of_the_account(label_format):
    with desk(label_format=label_format) as here:
        label = here.buy(here.packed())
        content_ = files.read(label.content_hash, suffix=label_format)
        assert content_.startswith({"png": b"\x89PNG", "zpl": b"^XA"}[label_format])


@pytest.mark.parametrize("fault", ["no_answer", "cut", "html_after"])
def test_an_answer_that_is_lost_buys_no_second_label(fault):
    with desk() as here:
        shipment = here.packed()
        here.sandbox.inject(fault, match="/announce")
        label = here.buy(shipment)
        assert (label.state, here.sold) == ("unknown", 1)
        here.later()
        label.refresh_from_db()
        assert (label.state, here.sold) == ("bought", 1)
        assert Shipment.objects.get(pk=shipment.pk).tracking_number == label.tracking_number != ""


@pytest.mark.parametrize("moment", ["before the call", "after the call", "after the file"])
def test_a_process_that_is_killed_at_any_point_buys_one_label(moment, monkeypatch):
    with desk() as here:
        shipment = here.packed()

        def die(*args, **kwargs):
            raise Killed

        target = {
            "before the call": (choosing, "adapter_for"),
            "after the call": (buying, "_store"),
            "after the file": (tracking, "use_number"),
        }[moment]
        with monkeypatch.context() as patched:
            patched.setattr(*target, die)
            with pytest.raises(Killed):
                here.buy(shipment)
        here.later()
        label = LabelPurchase.objects.get()
        assert (label.state, here.sold) == ("bought", 1)
        assert Shipment.objects.get(pk=shipment.pk).tracking_number == label.tracking_number


def test_the_button_pressed_twice_and_by_two_people_is_one_label():
    with desk() as here:
        shipment = here.packed()
        first = here.buy(shipment)
        second = here.buy(shipment, service="dpd:classic")
        assert (first.pk, here.sold, second.service) == (second.pk, 1, TRACKED)


def test_a_label_that_another_process_buys_is_left_to_it():
    with desk() as here:
        shipment = here.packed()
        wanted = buying.want(shipment_id=shipment.pk, account=here.account, service=TRACKED, by=DESK)
        again = here.buy(shipment)
        assert (again.pk, again.state, here.sold) == (wanted.purchase.pk, "wanted", 0)


def test_a_service_that_is_down_leaves_the_label_wanted_and_buys_it_later():
    with desk() as here:
        shipment = here.packed()
        here.sandbox.inject("server_error", times=None)
        label = here.buy(shipment)
        assert (label.state, here.sold) == ("unknown", 0)
        assert "server fault" in label.error
        here.sandbox.faults.clear()
        here.later()
        label.refresh_from_db()
        assert (label.state, label.error, here.sold) == ("bought", "", 1)


def test_a_refusal_has_the_carriers_words_and_field_and_is_a_problem():
    with desk() as here:
        shipment = here.packed()
        order = shipment.order
        order.ship_to = {**order.ship_to, "city": ""}
        order.save()
        label = here.buy(shipment)
        assert (label.state, label.error_field) == ("refused", "to_address/city")
        assert label.error == "Sendcloud: This field is required. (to_address/city)"
        assert problems(order) == ["label_refused"]
        order.ship_to = {**order.ship_to, "city": "Leeds"}
        order.save()
        assert here.buy(shipment).state == "bought"
        assert problems(order) == []


def test_a_201_that_says_the_carrier_refused_is_a_refusal():
    with desk() as here:
        shipment = here.packed()
        order = shipment.order
        order.ship_to = {**order.ship_to, "name": "Refuse Me"}
        order.save()
        label = here.buy(shipment)
        assert (label.state, here.sold) == ("refused", 0)
        assert "does not deliver to this address" in label.error


def test_keys_that_expired_stop_the_account_and_the_label_is_bought_when_they_are_renewed():
    with desk() as here:
        shipment = here.packed()
        key, here.sandbox.secret_key = here.sandbox.secret_key, "renewed"
        label = here.buy(shipment)
        assert label.state == "wanted"
        assert "does not accept these keys" in label.error
        here.later()
        assert Connection.objects.get(pk=here.account.pk).state == "needs_seller"
        here.sandbox.secret_key = key
        Connection.objects.filter(pk=here.account.pk).update(state="active")
        here.later()
        label.refresh_from_db()
        assert label.state == "bought"


def test_a_weight_that_is_missing_is_said_before_anything_is_asked():
    with desk(default_grams=None) as here, pytest.raises(content.NotReady, match="has no weight"):
        here.buy(here.packed())
    assert not LabelPurchase.objects.exists()


def test_undoing_packing_cancels_the_label_and_clears_the_number():
    with desk() as here:
        shipment = here.packed()
        label = here.buy(shipment)
        assert packing.undo_packing([shipment.order_id], by=DESK)[0].ok
        assert LabelPurchase.objects.get().cancel_wanted_at is not None
        here.later()
        label.refresh_from_db()
        assert (label.state, here.sold) == ("cancelled", 0)
        assert Shipment.objects.get(pk=shipment.pk).tracking_number == ""


def test_a_shipment_that_is_cancelled_while_its_label_is_bought_leaves_no_label(monkeypatch):
    with desk() as here:
        shipment = here.packed()
        here.sandbox.inject("no_answer", match="/announce")
        assert here.buy(shipment).state == "unknown"
        packing.undo_packing([shipment.order_id], by=DESK)
        here.later()
        assert (LabelPurchase.objects.get().state, here.sold) == ("cancelled", 0)


def test_a_label_is_cancelled_by_hand_and_another_one_is_bought():
    with desk() as here:
        shipment = here.packed()
        first = here.buy(shipment)
        assert buying.want_cancel(purchase=first, by=DESK).state == "cancelled"
        second = here.buy(shipment, service="dpd:classic")
        assert (second.state, here.sold) == ("bought", 1)
        assert second.reference != first.reference


def test_a_cancellation_that_is_refused_is_a_problem_and_the_label_stays():
    with desk() as here:
        shipment = here.packed()
        label = here.buy(shipment)
        here.sandbox.move(label.tracking_number, "SORTED")
        row = buying.want_cancel(purchase=label, by=DESK)
        assert (row.state, row.error) == (
            "bought", "Sendcloud: The parcel is with the carrier and cannot be cancelled.",
        )  # fmt: skip
        assert problems(shipment.order) == ["label_not_cancelled"]


def test_a_cancellation_whose_answer_is_lost_is_made_once_more():
    with desk() as here:
        label = here.buy(here.packed())
        here.sandbox.inject("no_answer", match="/cancel")
        assert buying.want_cancel(purchase=label, by=DESK).state == "cancelling"
        here.later()
        label.refresh_from_db()
        assert label.state == "cancelled"


def test_a_return_label_has_the_addresses_exchanged_and_leaves_the_shipment_as_it_is():
    with desk() as here:
        shipment = here.packed()
        out = here.buy(shipment)
        back = here.buy(shipment, is_return=True)
        sent = here.sandbox.shipments[back.external_id]
        assert (sent["to_address"]["name"], sent["from_address"]["name"]) == ("Fern & Kettle", "Jo Doe")
        assert Shipment.objects.get(pk=shipment.pk).tracking_number == out.tracking_number


def test_a_test_account_buys_only_the_free_letter():
    with desk(is_test=True) as here:
        shipment = here.packed()
        label = here.buy(shipment)
        assert (label.state, here.sold) == ("refused", 0)
        assert here.buy(shipment, service="sendcloud:letter").cost == Decimal(0)


def test_prices_of_all_accounts_are_compared_the_cheapest_first():
    with desk() as here:
        house()
        prices = choosing.prices_of(content.loaded(here.packed().pk))
        found = [(one.service.code, one.service.cost, one.is_default) for one in prices.offers]
        assert found[1:4] == [
            ("evri:standard", Decimal("2.89"), False),
            (TRACKED, Decimal("3.35"), True),
            ("royal_mail:tracked24", Decimal("4.25"), False),
        ]
        assert found[-1] == ("standard", None, False)


def test_customs_data_goes_with_a_parcel_to_another_customs_territory():
    with desk(hs_code="691200", origin="GB") as here:
        shipment = here.packed()
        order = shipment.order
        order.ship_to = {**order.ship_to, "country": "FR", "postcode": "75001", "city": "Paris"}
        order.save()
        request = content.request_for(
            content.loaded(shipment.pk), here.account, service="dpd:classic", reference="x"
        )
        assert (request.is_customs, request.items[0].hs_code, request.items[0].origin) == (
            True,
            "691200",
            "GB",
        )
        assert here.buy(shipment, service="dpd:classic").state == "bought"


def test_house_numbers_come_from_the_range_with_a_check_digit_and_are_never_given_twice():
    with desk() as here:
        account = house(end_number=12)
        numbers = []
        for _each in range(2):
            shipment = here.packed()
            label = buying.buy(shipment_id=shipment.pk, account=account, service="standard", by=DESK)
            numbers.append(label.tracking_number)
        assert numbers == ["FK017", "FK024"]
        assert str(Shipment.objects.get(pk=shipment.pk).carrier) == "Own van"
        account.refresh_from_db()
        account.last_number = 12
        account.save()
        with pytest.raises(Exception, match="number range of Own van is used up"):
            buying.buy(shipment_id=here.packed().pk, account=account, service="standard", by=DESK)


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_eight_people_press_at_the_same_moment():
    with desk() as here:
        shipment = here.packed()
        from django.db import connections

        def press() -> None:
            here.buy(shipment)
            connections.close_all()

        threads = [threading.Thread(target=press) for _each in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        here.later()
        assert (LabelPurchase.objects.get().state, here.sold) == ("bought", 1)
