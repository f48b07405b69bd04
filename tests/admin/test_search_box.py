"""The search box of every page: results by kind, rights, statements, hostile input."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalogue.models import Product
from oms.kit.search import kinds
from orders.models import Order
from tests import factories
from tests.admin import desk_data

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-17"), pytest.mark.fault("F-40")]
BOX, PAGE = "/admin/search/results/", "/admin/search/"


@pytest.fixture
def store():
    return desk_data.shop()


def person(client, *rights: str):
    user = factories.user("viewer")
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return client


def found(client, text: str, address: str = BOX) -> dict[str, list[str]]:
    groups = client.get(address, {"q": text}).context["groups"]
    return {group.kind.key: [result.title for result in group.results] for group in groups}


def test_results_by_kind(admin_client, store):
    order = desk_data.order(store)
    name = order.customer_name.split()[-1]

    assert found(admin_client, name) == {"orders": [f"#{order.number}"], "customers": [order.customer_name]}
    assert found(admin_client, "mug-r")["variants"] == ["MUG-RED"]
    assert found(admin_client, "mug-red")["products"] == ["Enamel mug, 350 ml"]
    assert len(found(admin_client, "mug-red")["listings"]) == 1
    assert found(admin_client, store.name)["stores"] == [store.name]
    assert found(admin_client, "no-such-thing") == {}


def test_a_person_finds_what_the_role_allows(client, store):
    order = desk_data.order(store)
    assert set(found(person(client, "view_order"), order.customer_name)) == {"orders", "customers"}
    assert found(person(client, "view_variant"), order.customer_name) == {}
    assert set(found(person(client, "view_variant"), "mug")) == {"variants"}
    assert found(person(client), "mug") == {}


def test_nobody_finds_anything_without_signing_in(client, store):
    for address in (BOX, PAGE):
        answer = client.get(address, {"q": "mug"})
        assert (answer.status_code, "mug-red" in answer.content.decode().lower()) == (302, False)


def test_a_search_is_one_statement_a_kind(admin_client, store):
    for _number in range(8):
        desk_data.order(store)
    admin_client.get(BOX, {"q": "mug"})  # what is cached once
    for text in ("mug", "e", "10"):
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(BOX, {"q": text})
        asked = [query["sql"] for query in queries if not re.search("django_session|auth_user", query["sql"])]
        assert len(asked) <= len(kinds._kinds), asked
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(BOX, {"q": "  "})
    assert len(queries) == 2


def test_a_group_that_is_cut_says_so_and_leads_to_the_list_with_all(admin_client, store):
    for _number in range(7):
        desk_data.order(store)
    text = "example"
    number = Order.objects.count()

    body = admin_client.get(BOX, {"q": text}).content.decode()
    assert f"All {number} orders with “{text}”" in body
    [url] = re.findall(rf'href="([^"]+)">All {number} orders', body)
    assert len(admin_client.get(url).context["cl"].result_list) == number
    page = admin_client.get(PAGE, {"q": text}).content.decode()
    assert f"#{Order.objects.earliest('pk').number}" in page


def test_more_than_a_hundred_are_not_counted(admin_client, store):
    product = factories.product(*(f"BULK-{number:03d}" for number in range(105)), title="Bulk")
    body = admin_client.get(BOX, {"q": "bulk"}).content.decode()
    assert "More than 100 SKUs with “bulk”" in body
    page = admin_client.get(PAGE, {"q": "bulk"}).content.decode()
    assert "More than 100 are found; the first 20 are shown." in page
    assert Product.objects.get(pk=product.pk).title in page


@pytest.mark.parametrize("address", [BOX, PAGE])
@pytest.mark.parametrize(
    "text", ["", " ", "²", "\x00", "%", '"', "'", "a" * 5000, "<script>x</script>", "#", "#\x00", "é"]
)
def test_hostile_searches_are_answered(admin_client, store, address, text):
    answer = admin_client.get(address, {"q": text})
    assert answer.status_code == 200
    assert "<script>x" not in answer.content.decode()


@pytest.mark.parametrize("address", ["%ED%A0%80", "%ff%fe", "%00"])
def test_bytes_that_are_no_text_are_answered(admin_client, store, address):
    assert admin_client.get(f"{BOX}?q={address}").status_code == 200
    assert admin_client.get(f"/admin/orders/order/?q={address}").status_code == 200


def test_every_page_has_the_box_with_names_and_no_inline_script(admin_client, store):
    for address in ("/admin/", "/admin/orders/order/", PAGE):
        text = admin_client.get(address).content.decode()
        assert text.count('id="oms-find"') == 1
        assert 'role="combobox"' in text
        assert '<label class="oms-sr" for="oms-find">' in text
        assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert "Type any part" in admin_client.get(PAGE).content.decode()


def test_each_kind_leads_to_pages_that_open(admin_client, store):
    desk_data.order(store)
    for text in ("mug", "example", store.name):
        for group in admin_client.get(PAGE, {"q": text}).context["groups"]:
            assert admin_client.get(group.results[0].url).status_code == 200, group.kind.key
            if group.all_url:
                assert admin_client.get(group.all_url).status_code == 200
