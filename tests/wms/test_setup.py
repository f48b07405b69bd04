"""Integrations » Warehouse systems: connect, change, make live, disconnect."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from channels.models import Connection
from inventory.models import Warehouse
from oms.kit.api import signatures
from orders.models import Handover, Shipment
from orders.services import decisions, packing
from tests import factories
from tests.orders.desk import DESK, shelf, status
from tests.wms.site import site

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-WMS-02")]

PAGE = "/admin/integrations/warehouse-systems/"
URL = "https://wms.example/hook"


def signed_in(role: str = "Owner") -> Client:
    person = factories.user()
    person.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(person)
    return client


def connected(owner: Client, **change: object) -> tuple[Connection, str]:
    leeds = factories.warehouse("leeds")
    form = {"name": "Leeds WMS", "url": URL, "warehouses": [leeds.pk], **change}
    page = owner.post(f"{PAGE}connect/", form).content.decode()
    shown = re.search(r"<code>(whsec_[^<]+)</code>", page)
    assert shown is not None, page
    return Connection.objects.get(kind="wms"), shown[1]


def test_it_is_connected_read_only_and_its_secret_is_shown_once():
    owner = signed_in()
    row, secret = connected(owner)
    assert (row.is_read_only, row.channel, row.credentials["secret"]) == (True, "wms", secret)
    assert Warehouse.objects.get().wms == row
    page = owner.get(f"{PAGE}{row.pk}/").content.decode()
    assert secret not in page
    assert "/wms/v1" in page
    owner.post(f"{PAGE}{row.pk}/state/", {"do": "live"})
    row.refresh_from_db()
    assert row.may_push
    assert "Leeds WMS" in owner.get(PAGE).content.decode()
    stores = owner.get("/admin/integrations/ecommerce-sales-channels/").content.decode()
    assert f"/ecommerce-sales-channels/{row.pk}/" not in stores
    assert owner.get(f"/admin/integrations/ecommerce-sales-channels/{row.pk}/").status_code == 404


def test_a_renewed_secret_leaves_the_former_one_valid_for_calls():
    from inventory.services import wms
    from tests.api.caller import Caller

    owner = signed_in()
    row, secret = connected(owner)
    leeds = Warehouse.objects.get()
    form = {"name": "Leeds", "url": URL, "warehouses": [leeds.pk], "renew_secret": "on"}
    page = owner.post(f"{PAGE}{row.pk}/", form).content.decode()
    row.refresh_from_db()
    assert row.credentials["secret"] in page.replace("&#x2B;", "+")
    assert row.credentials["secret"] != secret
    key = Caller("wms:read", warehouse_id=leeds.pk).key
    assert set(wms.secrets_of(key)) == {secret, row.credentials["secret"]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "ftp://x"}, "must begin with https://"),
        ({"secret": "whsec_short"}, "24 to 64 bytes"),
        ({"name": " "}, "required"),
    ],
)
def test_faulty_values_connect_nothing(change, words):
    form = {"name": "Leeds WMS", "url": URL, "warehouses": [], **change}
    page = signed_in().post(f"{PAGE}connect/", form).content.decode()
    assert words in page
    assert Connection.objects.filter(kind="wms").count() == 0


def test_a_system_that_refused_calls_is_called_again_after_its_settings_are_saved():
    with site() as here:
        here.released()
        here.sandbox.inject("server_error", 1, "/hook", status=410)
        assert here.send() == []
        here.wms.refresh_from_db()
        assert here.wms.state == "needs_seller"
        form = {"name": "Leeds WMS", "url": here.sandbox.credentials()["url"], "warehouses": [here.leeds.pk]}
        owner = signed_in()
        assert "HTTP 410" in owner.get(f"{PAGE}{here.wms.pk}/").content.decode()
        assert owner.post(f"{PAGE}{here.wms.pk}/", form).status_code == 302
        here.wms.refresh_from_db()
        assert here.wms.state == "active"
        assert here.send() == ["shipment.released"]


def test_a_warehouse_has_one_system_and_an_address_one_connection():
    owner = signed_in()
    connected(owner)
    form = {"name": "Other", "url": "https://other.example", "warehouses": [Warehouse.objects.get().pk]}
    assert "has the warehouse system" in owner.post(f"{PAGE}connect/", form).content.decode()
    form = {"name": "Other", "url": URL, "warehouses": []}
    assert "has this address already" in owner.post(f"{PAGE}connect/", form).content.decode()
    assert Connection.objects.filter(kind="wms").count() == 1


def test_a_disconnected_system_leaves_its_shipments_to_the_desk():
    with site(channel="offline") as here:
        first, second = here.released(), None
        here.send()
        second = here.handover(first)
        decisions.cancel([first.pk], reason="out of range", by=DESK)
        owner = signed_in()
        address = f"{PAGE}{here.wms.pk}/disconnect/"
        assert "Shipments that it works on stay open" in owner.get(address).content.decode()
        owner.post(address)
        second.refresh_from_db()
        assert (second.state, second.recall) == ("cancelled", "agreed")
        assert (status(first), shelf("MUG")) == ("cancelled_by_seller", (5, 0))
        here.wms.refresh_from_db()
        assert (here.wms.state, Warehouse.objects.get(code="LEEDS").wms) == ("disconnected", None)
        assert here.api.get("/shipments").status_code == 403


def test_after_a_disconnection_the_desk_packs():
    with site() as here:
        order = here.released()
        here.send()
        signed_in().post(f"{PAGE}{here.wms.pk}/disconnect/")
        assert packing.pack([order.pk], by=DESK)[0].ok
        assert (Handover.objects.get().state, Shipment.objects.get().state) == ("cancelled", "packed")


def test_the_warehouse_role_may_not_connect():
    client = signed_in("Read-only")
    assert client.get(PAGE).status_code == 200
    assert client.get(f"{PAGE}connect/").status_code == 403
    row = Connection.objects.create(kind="wms", channel="wms", name="x", fingerprint="x")
    for path in ("", "state/", "disconnect/"):
        assert client.post(f"{PAGE}{row.pk}/{path}", {"do": "live"}).status_code == 403
    row.refresh_from_db()
    assert row.is_read_only


def test_secrets_are_not_in_the_log_of_calls():
    from channels.models import CallLog

    with site() as here:
        here.released()
        here.send()
        secret = here.sandbox.secret
        row = CallLog.objects.filter(connection=here.wms).values().get()
        assert secret not in str(row)
        assert signatures.PREFIX not in str(row)


@pytest.mark.parametrize("key", ["9" * 30, "²", "-1", "x"])
def test_a_warehouse_that_cannot_exist_is_a_wrong_choice(key):
    owner = signed_in()

    answer = owner.post(f"{PAGE}connect/", {"name": "WMS", "url": URL, "warehouses": [key]})

    assert answer.status_code == 200
    assert f"“{key}” is not a valid value." in answer.content.decode()
    assert not Connection.objects.filter(kind="wms").exists()
