"""OnBuy's brands and attributes: by name, as one types, and of the categories that are used (R-CAT-12, `onbuy.md` §5)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from catalogue.inbound.reference_data import brands_by_name
from catalogue.models import Attribute, Brand, Product
from catalogue.services import listings, products
from catalogue.services.products import NewVariant
from channels.connectors.onbuy.sandbox import make_sandbox
from channels.contract.records.pages import PullQuery
from channels.models import Connection, SyncStream
from channels.pull import runner
from channels.sandbox.server import Running
from channels.stores import brand_search, connect
from oms.kit.models import Job
from tests import factories
from tests.channels.onbuy import adapter_for, asked

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-CAT-12")]


@pytest.fixture
def running() -> Iterator[Running]:
    with make_sandbox().serve() as served:
        yield served


@pytest.fixture
def store(running: Running) -> Connection:
    cache.clear()
    found = connect.connect(channel="onbuy", name="OnBuy UK", credentials=running.credentials)
    Job.objects.all().delete()
    return found


def product(title: str, sku: str, brand: str = "") -> Product:
    return products.create_product(
        title=title, variants=[NewVariant(sku=sku, price=Decimal(9), currency="GBP")], brand=brand
    )


def add_brands(running: Running, *names: str) -> None:
    rows = running.sandbox.market.brands
    for name in names:
        rows[f"b{len(rows)}"] = {
            "brand_id": f"9{len(rows)}",
            "name": name,
            "brand_type_id": "1",
            "type": "Standard",
        }


def run(store: Connection, name: str) -> None:
    stream = SyncStream.objects.get(connection=store, name=name)
    SyncStream.objects.filter(pk=stream.pk).update(is_on=True, due_at=timezone.now())
    while runner.run_stream(stream.pk):
        pass


# ---------------------------------------------------------------- brands


def test_where_there_are_very_many_the_brands_in_use_are_read_by_name(running, store):
    add_brands(running, *(f"A{n}" for n in range(400)), "Fernwerk Junior", "Fernwerks")
    used = product("Mug", "MUG-1", brand="fernwerk")
    listings.list_on_store(used, store, category_external_ids=["2101"])
    brands_by_name(["Elsewhere"])  # of no product of this store
    running.sandbox.requests.clear()
    run(store, "brands")
    names = [target.partition("filter[name]=")[2].partition("&")[0] for target in asked(running, "/brands")]
    assert names == ["a", "fernwerk"]  # how many there are, then the one in use
    assert sorted(Brand.objects.values_list("name", flat=True)) == ["Elsewhere", "fernwerk"]


def test_a_brand_in_use_is_found_behind_those_that_only_contain_it(running, store):
    add_brands(running, *(f"Aber {n:03d} Ace" for n in range(350)), "Ace")
    adapter: Any = runner.adapter_of(store)
    listings.list_on_store(product("Mug", "MUG-1", brand="Ace"), store, category_external_ids=["2101"])
    assert adapter.pull_brands(PullQuery()).records == []  # not in the first three hundred: let go
    assert len(asked(running, "/brands")) == 1 + 3
    running.sandbox.market.brands.clear()
    add_brands(running, *(f"A{n}" for n in range(100)), *(f"Aber {n:03d} Ace" for n in range(250)), "Ace")
    assert [record.name for record in adapter.pull_brands(PullQuery()).records] == ["Ace"]


def test_what_is_typed_is_looked_for_and_a_longer_word_costs_nothing(running, store):
    add_brands(running, "Le Fernand", *(f"Zz{n}" for n in range(120)))
    running.sandbox.requests.clear()
    assert brand_search.search("f") == []
    assert brand_search.search("Fern") == ["Fernwerk", "Le Fernand"]
    assert brand_search.search("fernw") == ["Fernwerk"]
    assert len(asked(running, "/brands")) == 1
    assert len(brand_search.search("zz")) == 100  # not all of them: a longer word is asked for anew
    assert brand_search.search("zz11") == ["Zz11", *(f"Zz11{n}" for n in range(10))]
    assert len(asked(running, "/brands")) == 3


def test_a_store_that_cannot_be_asked_is_left_out(running, store):
    running.sandbox.inject("server_error", match="/brands", times=None)
    assert brand_search.search("fern") == []
    running.sandbox.faults.clear()
    Connection.objects.update(state=Connection.State.PAUSED)
    running.sandbox.requests.clear()
    assert brand_search.search("fern") == []
    assert not running.sandbox.requests


def test_the_field_of_the_product_suggests_brands_of_ours_and_of_onbuy(running, store, client):
    user = factories.user()
    client.force_login(user)
    address = reverse("admin:brand_names")
    assert client.get(address, {"q": "fern"}).status_code == 403
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_product", "change_product"]))
    brands_by_name(["Fernhaus", "FERNWERK", "Other"])
    answer = client.get(address, {"q": " fern "})
    assert answer.json() == {"names": ["Fernhaus", "FERNWERK"]}  # one by name, as we write it
    assert client.get(address, {"q": "kett"}).json() == {"names": ["Kettle & Co"]}
    assert client.get(address, {"q": "k"}).json() == {"names": []}
    mug = product("Mug", "MUG-1")
    page = client.get(reverse("admin:catalogue_product_change", args=[mug.pk])).content.decode()
    assert f'data-suggest="{address}"' in page
    assert not Brand.objects.filter(name="Kettle & Co").exists()
    products.edit_product(mug, {"brand": "Kettle & Co"})
    assert Brand.objects.filter(name="Kettle & Co").exists()


# ---------------------------------------------------------------- attributes


def many_features(running: Running, category: str, count: int) -> None:
    running.sandbox.market.features[category] = {
        "rows": [
            {"feature_id": n, "name": f"F{n}", "group_id": 0, "required": n == 0,
             "options": [{"option_id": 1000 + n, "name": "Yes"}]}
            for n in range(count)
        ]
    }  # fmt: skip


def test_all_pages_of_the_features_of_a_category_are_read_short_pages_too(running, store):
    many_features(running, "2102", 230)
    adapter = adapter_for(running)
    running.sandbox.truncate(30)
    page = adapter.pull_attributes(PullQuery(ids=("2102",)))
    assert len([record for record in page.records if ":detail:" not in record.external_id]) == 230
    assert page.records[0].is_required
    assert len(asked(running, "/categories/2102/features")) == 3


def test_a_feature_of_the_last_page_goes_with_a_new_product(running):
    from tests.channels.onbuy import draft, many, one, sent

    many_features(running, "2102", 230)
    onbuy = adapter_for(running)
    onbuy.create_listing(draft(one(), attributes={"F0": "Yes", "f229": "yes"}))
    assert sent(running, "POST", "/products")[0]["products"][0]["features"] == [
        {"option_id": 1000, "name": "Yes"},
        {"option_id": 1229, "name": "Yes"},
    ]
    running.sandbox.requests.clear()
    onbuy.make_listings(many(12, attributes={"F0": "Yes", "F3": "Yes"}))
    assert len(asked(running, "/categories/2102/features")) == 0  # asked for once


@pytest.mark.req("R-CAT-08")
def test_technical_details_go_with_a_new_product_and_a_unit_is_distinguished(running):
    from tests.channels.onbuy import draft, one, sent

    onbuy = adapter_for(running)
    onbuy.create_listing(
        draft(one(), attributes={"width": "12.5 cm", "Height": "about 3 cm", "Depth": "1 cm"})
    )
    [body] = sent(running, "POST", "/products")[0]["products"]
    assert body["technical_detail"] == [
        {"detail_id": 4, "value": "12.5", "unit": "cm"},
        {"detail_id": 5, "value": "about 3 cm"},
    ]
    assert "features" not in body


def test_attributes_of_the_categories_in_use_are_read_and_of_a_new_one_at_once(running, store):
    for n in range(60):  # more than are read without being used
        running.sandbox.market.categories[str(5000 + n)] = {
            **running.sandbox.market.categories["2101"], "category_id": 5000 + n,
        }  # fmt: skip
    run(store, "attributes")
    assert not Attribute.objects.exists()
    listings.list_on_store(product("Mug", "MUG-1"), store, category_external_ids=["2102"])
    stream = SyncStream.objects.get(connection=store, name="attributes")
    assert stream.wanted_ids == ["2102"]
    run(store, "attributes")
    assert set(Attribute.objects.values_list("external_id", flat=True)) == {
        "2102:105", "2102:9", "2102:detail:4", "2102:detail:5",
    }  # fmt: skip
    listings.list_on_store(product("Cup", "CUP-1"), store, category_external_ids=["2102"])
    stream.refresh_from_db()
    assert stream.wanted_ids == []  # known
    store.options = {"attribute_categories": "2103"}
    store.save()
    SyncStream.objects.filter(pk=stream.pk).update(due_at=stream.completed_at)
    run(store, "attributes")
    kept = {pk.partition(":")[0] for pk in Attribute.objects.values_list("external_id", flat=True)}
    assert kept == {"2102", "2103"}
