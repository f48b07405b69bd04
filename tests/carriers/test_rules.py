"""Carrier rules of a store, cut-off times, numbers with check digits, names in one list, late and silent parcels."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from channels.contract.carriers import tracking_numbers
from channels.contract.carriers.records import ParcelEventRecord, ParcelState
from orders.errors import OrderError
from orders.inbound import parcels
from orders.models import Carrier, CarrierMap, CarrierRule, OrderSettings, Parcel, Shipment
from orders.services import packing, tracking
from orders.services.labels import choosing, content, rules
from tests.carriers.desk import TRACKED, desk
from tests.factories import user
from tests.orders.desk import DESK, an_order, stocked, store
from tests.support import specs

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-SHIP-01")]


@pytest.fixture
def owner(client: Any) -> Any:
    client.force_login(user(is_superuser=True))
    return client


def ruled(shop: Any, *lines: dict[str, Any]) -> None:
    rules.save(connection=shop, rules=[CarrierRule(**line) for line in lines], by=DESK)


@pytest.mark.parametrize(("conditions", "fits"), [
    ({}, True),
    ({"countries": "FR, GB"}, True),
    ({"countries": "FR"}, False),
    ({"min_grams": 500, "max_grams": 600}, True),
    ({"max_grams": 599}, False),
    ({"min_value": Decimal(20)}, True),
    ({"max_value": Decimal("19.99")}, False),
    ({"method": "royal"}, True),
    ({"method": "express"}, False),
])  # fmt: skip
def test_the_first_line_that_fits_chooses_the_carrier(conditions, fits):
    shop = store()
    variant = stocked("MUG", leeds=9)
    variant.weight_grams = 300
    variant.save()
    dpd = Carrier.objects.create(name="DPD")
    other = Carrier.objects.create(name="Other")
    ruled(shop, {**conditions, "carrier": dpd}, {"carrier": other})
    order = an_order(shop, MUG=2)
    packing.release([order.pk], by=DESK)
    assert str(Shipment.objects.get(order=order).carrier) == ("DPD" if fits else "Other")


def test_a_weight_that_is_not_known_fits_no_limit_and_a_chosen_carrier_is_respected():
    shop = store()
    stocked("MUG", leeds=9)
    dpd, own = Carrier.objects.create(name="DPD"), Carrier.objects.create(name="Own van")
    ruled(shop, {"max_grams": 99_999, "carrier": dpd})
    first, second = an_order(shop, MUG=1), an_order(shop, MUG=1)
    ruled(shop, {"carrier": dpd})
    second.carrier = own
    second.save()
    OrderSettings.objects.filter(connection=shop).update(default_carrier=own)
    ruled(shop, {"max_grams": 99_999, "carrier": dpd})
    packing.release([first.pk], by=DESK)
    ruled(shop, {"carrier": dpd})
    packing.release([second.pk], by=DESK)
    assert [str(Shipment.objects.get(order=each).carrier) for each in (first, second)] == ["Own van"] * 2


def test_the_service_of_a_rule_buys_the_label():
    with desk() as here:
        royal = Carrier.objects.create(name="Royal Mail")
        ruled(here.shop, {"carrier": royal, "service": "royal_mail:tracked24"})
        shipment = here.packed()
        choice = choosing.choice_for(content.loaded(shipment.pk))
        assert (choice.account.pk, choice.service) == (here.account.pk, "royal_mail:tracked24")
        Shipment.objects.filter(pk=shipment.pk).update(service=TRACKED)
        assert choosing.choice_for(content.loaded(shipment.pk)).service == TRACKED


def test_a_store_without_rules_needs_no_statement_for_them():
    shop = store()
    stocked("MUG", leeds=9)
    order = an_order(shop, MUG=1)
    with CaptureQueriesContext(connection) as without:
        packing.release([order.pk], by=DESK)
    assert not any("orders_carrierrule" in query["sql"] for query in without)


def test_the_page_saves_the_table_and_says_what_is_wrong(owner):
    shop = store()
    dpd = Carrier.objects.create(name="DPD")
    url = reverse("admin:store_carrier_rules", args=[shop.pk])
    form = {
        "form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "0", "form-0-countries": "FR", "form-0-carrier": dpd.pk,
        "form-0-position": "20", "form-1-carrier": dpd.pk, "form-1-position": "10", "form-1-max_grams": "900",
    }  # fmt: skip
    owner.post(url, form)
    found = list(CarrierRule.objects.values_list("position", "countries", "max_grams"))
    assert found == [(10, "", 900), (20, "FR", None)]
    assert OrderSettings.objects.get(connection=shop).has_carrier_rules
    shown = owner.post(url, {**form, "form-1-min_grams": "1000"}).content.decode()
    assert "Line 1 fits nothing: its first bound is above the second." in shown
    ids = list(CarrierRule.objects.values_list("pk", flat=True))
    empty = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "2", "form-0-id": ids[0], "form-1-id": ids[1]}
    owner.post(url, empty)
    assert not CarrierRule.objects.exists()
    assert not OrderSettings.objects.get(connection=shop).has_carrier_rules
    with pytest.raises(OrderError, match="Line 1 has no carrier"):
        ruled(shop, {"countries": "FR"})


def test_cut_off_and_working_days_decide_when_a_parcel_leaves_and_is_due():
    royal = Carrier(name="Royal Mail", cut_off=time(16), transit_days=2)
    friday = datetime(2026, 11, 20, 15, 59, tzinfo=UTC)
    assert royal.leaves_on(friday) == date(2026, 11, 20)
    assert royal.leaves_on(friday + timedelta(minutes=2)) == date(2026, 11, 23)
    assert royal.due_on(date(2026, 11, 20)) == date(2026, 11, 24)
    assert Carrier(name="x", working_days="").leaves_on(datetime(2026, 11, 22, 23, tzinfo=UTC)) == date(
        2026, 11, 22
    )
    assert Carrier(name="x").due_on(date(2026, 11, 20)) is None


@pytest.mark.parametrize(("number", "carrier", "fault"), [
    ("RB123456785GB", "Royal Mail", ""),
    ("rb 1234 5678 5 gb", "Royal Mail Tracked 48", ""),
    ("RB123456786GB", "Royal Mail", "The check digit of RB123456786GB is wrong: character 11 must be 5."),
    ("6A15602676301", "Colissimo", "The check digit of 6A15602676301 is wrong: character 13 must be 0."),
    ("1Z999AA10123456785", "", "The check digit of 1Z999AA10123456785 is wrong: character 18 must be 4."),
    ("JJC0002254405060992", "Yodel", "JJC0002254405060992 does not look like a number of Yodel, such as JJD0002257639032011."),
    ("340123451234567895", "", ""),
    ("ANYTHING", "Own van", ""),
    ("RB123456785GB, RB123456786GB", "Royal Mail", "The check digit of RB123456786GB is wrong: character 11 must be 5."),
])  # fmt: skip
def test_a_number_that_is_typed_wrong_says_what_is_expected(number, carrier, fault):
    assert tracking_numbers.fault_of(number, carrier) == fault


def test_the_official_vectors():
    folder = specs.folder("carriers/tracking-numbers")
    forms = {"s10": tracking_numbers.S10, "ups": tracking_numbers.UPS, "yodel": tracking_numbers.YODEL}
    checked = 0
    for name, form in forms.items():
        for row in json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["tracking_numbers"]:
            for number in row["test_numbers"]["valid"]:
                text = tracking_numbers.tidy(number)
                if match := form.pattern.fullmatch(text):
                    checked += 1
                    assert form.digit is None or form.digit(match["body"]) == match["check"], text
    assert checked > 10


def test_a_wrong_number_is_saved_with_a_warning():
    with desk() as here:
        shipment = here.packed()
        royal = Carrier.objects.get(name="Royal Mail")
        outcome = tracking.set_tracking(shipment=shipment, carrier=royal, number="RB123456786GB", by=DESK)
        assert outcome.ok
        assert outcome.message.startswith("The check digit of RB123456786GB is wrong")
        assert Shipment.objects.get(pk=shipment.pk).tracking_number == "RB123456786GB"


def test_names_that_no_store_has_mapped_are_in_one_list(owner):
    first, second = store("First"), store("Second")
    rows = [
        CarrierMap.objects.create(connection=shop, external_id="evri", name="Evri (Hermes)")
        for shop in (first, second)
    ]
    evri = Carrier.objects.create(name="Evri")
    url = reverse("admin:carrier_names")
    assert owner.get(url).content.decode().count("Evri (Hermes)") >= 2
    answer = owner.post(url, {f"carrier-{row.pk}": evri.pk for row in rows}, follow=True).content.decode()
    assert "2 carriers mapped." in answer
    assert CarrierMap.objects.filter(carrier=evri).count() == 2


@pytest.mark.req("R-SHIP-06")
def test_late_and_silent_parcels_are_listed(owner):
    with desk() as here:
        shipment = here.packed()
        here.buy(shipment)
        packing.mark_ready_to_ship([shipment.order_id], by=DESK)
        Carrier.objects.update(transit_days=1)
        long_ago = timezone.now() - timedelta(days=9)
        event = ParcelEventRecord("X", long_ago, ParcelState.IN_TRANSIT)
        parcels.record(shipment_id=shipment.pk, events=[event], source="test", by=DESK)
        url = reverse("admin:orders_parcel_changelist")

        def listed(tab: str) -> bool:
            return f"#{shipment.order.number}" in owner.get(url, {"tab": tab}).content.decode()

        assert (listed("late"), listed("silent"), listed("attention")) == (True, False, False)
        Parcel.objects.update(heard_at=long_ago)
        assert listed("silent")
        event = ParcelEventRecord("Y", timezone.now(), ParcelState.DELIVERED)
        parcels.record(shipment_id=shipment.pk, events=[event], source="test", by=DESK)
        assert (listed("late"), listed("silent"), listed("all")) == (False, False, True)
        assert re.search("Delivered", owner.get(url, {"tab": "all"}).content.decode())


def test_the_promised_day_is_of_the_next_collection_until_the_parcel_has_left(monkeypatch):
    royal = Carrier(name="Royal Mail", cut_off=time(16), transit_days=2)
    parcel = Shipment(carrier=royal)
    friday = datetime(2026, 11, 20, 16, 1, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: friday)
    assert parcel.promised_on == date(2026, 11, 25)  # it leaves on Monday
    parcel.handed_over_at = friday
    assert parcel.promised_on == date(2026, 11, 24)  # it left before the weekend nevertheless
    assert Shipment().promised_on is None
    assert Shipment(carrier=Carrier(name="x")).promised_on is None
