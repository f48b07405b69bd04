"""The pages: accounts, labels on the order page, prices, print again, buy many."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from oms.kit.background import jobs
from oms.kit.models import Job
from orders.models import CarrierAccount, LabelPurchase
from tests.admin.test_orders import act
from tests.carriers.desk import SENDER, TRACKED, desk, house
from tests.factories import user

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-SHIP-02", "R-SHIP-05", "R-PLUS-14")]


@pytest.fixture
def owner(client: Any) -> Any:
    client.force_login(user(is_superuser=True))
    return client


def page(owner: Any, name: str, *args: Any, **query: Any) -> str:
    answer = owner.get(reverse(f"admin:{name}", args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_account_is_connected_after_a_real_call_and_its_secret_is_never_shown(owner):
    with desk() as here:
        keys = here.sandbox.credentials()
        CarrierAccount.objects.all().delete()
        here.account.connection.delete()
        url = reverse("admin:carrier_account_new", args=["sendcloud"])
        form = {f"key_{name}": value for name, value in keys.items()}
        form |= {
            "name": "Our Sendcloud",
            "label_format": "pdf",
            "default_service": TRACKED,
            "default_grams": "500",
        }
        form |= {f"sender_{name}": value for name, value in SENDER.items()}
        wrong = owner.post(url, {**form, "key_secret_key": "wrong"}).content.decode()
        assert "does not accept these keys" in wrong
        assert not CarrierAccount.objects.exists()
        owner.post(url, form)
        account = CarrierAccount.objects.get()
        shown = page(owner, "carrier_account", account.pk)
        assert keys["secret_key"] not in shown
        assert "Sendcloud&#x27;s API has no manifest" in shown or "Sendcloud's API has no manifest" in shown
        again = owner.post(url, {**form, "name": "Another"}).content.decode()
        assert "connected already as “Our Sendcloud”" in again


def test_buy_print_print_again_and_cancel_on_the_order_page(owner):
    with desk() as here:
        shipment = here.packed()
        order_page = reverse("admin:orders_order_change", args=[shipment.order_id])
        assert "Buy label" in owner.get(order_page).content.decode()
        answer = owner.post(reverse("admin:label_buy", args=[shipment.pk]), follow=True).content.decode()
        label = LabelPurchase.objects.get()
        assert f"Label bought: Royal Mail {label.tracking_number}, 3.35 GBP" in answer
        for count in (1, 2):
            answer = owner.post(reverse("admin:label_file", args=[label.pk]))
            assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
            label.refresh_from_db()
            assert label.prints == count
        assert "Print again (2)" in owner.get(order_page).content.decode()
        answer = owner.post(
            reverse("admin:label_act", args=[label.pk, "cancel"]), follow=True
        ).content.decode()
        assert "The label is cancelled." in answer
        assert here.sold == 0


def test_prices_are_shown_side_by_side_and_one_is_bought(owner):
    with desk() as here:
        shipment = here.packed()
        shown = page(owner, "label_prices", shipment.pk)
        assert (
            shown.index("Evri Standard") < shown.index("Royal Mail Tracked 48") < shown.index("DPD Classic")
        )
        url = reverse("admin:label_prices", args=[shipment.pk])
        owner.post(url, {"offer": f"{here.account.pk}/evri:standard"})
        label = LabelPurchase.objects.get()
        assert (label.service, str(label.cost), label.service_name) == (
            "evri:standard",
            "2.89",
            "Evri Standard",
        )
        answer = owner.post(url, {"offer": "1/none"}, follow=True).content.decode()
        assert "This service is not offered any more." in answer
        assert LabelPurchase.objects.count() == 1


def test_a_return_label_is_bought_beside_the_label(owner):
    with desk() as here:
        shipment = here.packed()
        here.buy(shipment)
        url = reverse("admin:label_prices", args=[shipment.pk])
        owner.post(url, {"offer": f"{here.account.pk}/dpd:classic", "return": "1"})
        assert LabelPurchase.objects.filter(is_return=True, state="bought").count() == 1


def test_many_labels_are_a_job_with_one_outcome_each(owner):
    with desk() as here:
        shipments = [here.packed() for _each in range(3)]
        order = shipments[1].order
        order.ship_to = {**order.ship_to, "postcode": ""}
        order.save()
        answer = act(owner, "buy_labels", *[row.order for row in shipments], query="?tab=packed")
        job = Job.objects.get(kind="orders.buy_labels")
        assert reverse("admin:label_job", args=[job.pk]) in str(
            getattr(answer, "redirect_chain", answer.get("Location", ""))
        )
        while jobs.work(job.pk):
            pass
        job.refresh_from_db()
        assert [row[2] for row in job.result["labels"]] == [True, False, True]
        assert (job.done, job.refused, job.message) == (3, 1, "2 labels bought.")
        shown = page(owner, "label_job", job.pk)
        assert "Sendcloud: This field is required. (to_address/postal_code)" in shown
        assert here.sold == 2


def test_a_job_whose_worker_is_killed_buys_each_label_once(owner, monkeypatch):
    from orders.services.labels import bulk, buying

    with desk() as here:
        shipments = [here.packed() for _each in range(3)]
        job = bulk.start(user=user(is_superuser=True), shipments=[row.pk for row in shipments])
        store, calls = buying._store, []

        def die(*args: Any, **more: Any) -> None:
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            store(*args, **more)

        monkeypatch.setattr(buying, "_store", die)
        with pytest.raises(KeyboardInterrupt):
            jobs.work(job.pk)
        LabelPurchase.objects.update(lease_until=None)
        Job.objects.update(lease_until=None)
        while jobs.work(job.pk):
            pass
        assert here.sold == 3
        assert list(LabelPurchase.objects.values_list("state", flat=True)) == ["bought"] * 3


def test_the_house_carriers_label_is_printed_by_manifold(owner):
    with desk() as here:
        account = house()
        shipment = here.packed()
        url = reverse("admin:label_prices", args=[shipment.pk])
        owner.post(url, {"offer": f"{account.pk}/standard"})
        label = LabelPurchase.objects.get()
        answer = owner.post(reverse("admin:label_file", args=[label.pk]))
        assert answer.content.startswith(b"%PDF")
        shown = owner.get(reverse("admin:orders_order_change", args=[shipment.order_id])).content.decode()
        assert label.tracking_number in shown


def test_a_role_without_the_right_buys_nothing(client):
    with desk() as here:
        shipment = here.packed()
        client.force_login(user("reader"))
        assert client.post(reverse("admin:label_buy", args=[shipment.pk])).status_code == 403
        assert not LabelPurchase.objects.exists()


def test_paused_and_disconnected_accounts_buy_nothing(owner):
    with desk() as here:
        shipment = here.packed()
        owner.post(reverse("admin:carrier_account_state", args=[here.account.pk]), {"do": "pause"})
        answer = owner.post(reverse("admin:label_buy", args=[shipment.pk]), follow=True).content.decode()
        assert "No carrier account is connected." in answer
        owner.post(reverse("admin:carrier_account_disconnect", args=[here.account.pk]))
        here.account.connection.refresh_from_db()
        assert (here.account.connection.state, dict(here.account.connection.credentials)) == (
            "disconnected",
            {},
        )
