"""What lists and the pages of a store say at a glance (F-45): filters in use, price ranges, health, rejected records."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.cache import cache
from django.test import Client

from catalogue.models import Variant
from channels.models import Connection, OutboxMessage, RejectedRecord
from channels.stores.health.health_text import health_of, healths_of
from inventory.models import StockDifference
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-45")]
STORES = "/admin/integrations/ecommerce-sales-channels/"


@pytest.fixture(autouse=True)
def fresh_cache():
    cache.clear()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def open_filters(page: str) -> tuple[str, str]:
    """The filters beside the search, and those under "More filters"."""
    form = page.split('id="list-filters"')[1].split("</form>")[0]
    beside, _more, rest = form.partition('<details class="more"')
    return beside, rest


def test_a_filter_in_use_is_in_view_and_the_others_do_not_push_the_rows_down(owner):
    factories.store()
    for address in ("/admin/orders/order/", "/admin/orders/order/?country=GB&since=2026-01-01"):
        page = owner.get(address).content.decode()
        beside, more = open_filters(page)
        assert not more.startswith(" open")
        is_used = "country=GB" in address
        assert ('name="country"' in beside, 'name="country"' in more) == (is_used, not is_used)
        assert ('name="since"' in beside, 'name="since"' in more) == (is_used, not is_used)
        assert 'name="until"' in more
        assert page.count('name="country"') == 1


def test_a_group_in_two_currencies_shows_a_range_for_each(owner):
    product = factories.product("A", "B", "C", "D", title="Blanket")
    for sku, price, currency in (
        ("A", "5", "GBP"),
        ("B", "9.5", "GBP"),
        ("C", "2", "EUR"),
        ("D", "2", "EUR"),
    ):
        Variant.objects.filter(sku=sku).update(price=Decimal(price), currency=currency)
    page = owner.get("/admin/catalogue/product/")
    shown = page.content.decode()
    assert "5.00 GBP" in shown
    assert "9.50 GBP" in shown
    assert shown.count("2.00 EUR") == 1
    assert "9.50 EUR" not in shown
    row = page.context["cl"].model_admin.get_export_queryset(page.wsgi_request).get(pk=product.pk)
    assert (row.first_currency, row.lowest_price, row.highest_price) == ("GBP", Decimal(5), Decimal("9.5"))


def test_a_store_with_open_work_is_not_ok(owner):
    store, other = factories.store("UK Shop"), factories.store("Other")
    assert (health_of(store).word, healths_of([store])[store.pk].word) == ("OK", "OK")
    listed = factories.listed("MUG", store)
    StockDifference.objects.create(
        connection=store, listing_variant=listed, ours=3, theirs=1, seen_at=store.created_at
    )
    for number in range(2):
        OutboxMessage.objects.create(
            connection=store, kind="event", topic="order", lane="orders", subject=number, key=f"order:{number}", wanted=1,
            parked_at=store.created_at,
        )  # fmt: skip
    RejectedRecord.objects.create(
        connection=store, stream="products", external_id="7", reason="no", native=b""
    )

    found = healths_of([store, other])
    assert (found[store.pk].word, found[store.pk].colour) == ("Needs attention", "warning")
    words = "Imports and sending work. Open: 2 failed messages, 1 rejected record, 1 stock difference."
    assert found[store.pk].text == words
    assert found[other.pk].word == "OK"
    for address in (STORES, f"{STORES}{store.pk}/"):
        assert words in owner.get(address).content.decode()
    Connection.objects.filter(pk=store.pk).update(state="paused")
    store.refresh_from_db()
    assert healths_of([store])[store.pk].word == "Paused"


def test_rejected_records_are_in_the_menu_with_their_number(owner):
    store = factories.store()
    entry = next(
        line
        for group in owner.get("/admin/").context["menu"]
        for line in group["entries"]
        if line["title"] == "Rejected records"
    )
    assert entry["count"] == 0
    RejectedRecord.objects.create(
        connection=store, stream="products", external_id="7", reason="no", native=b""
    )
    cache.clear()
    page = owner.get(entry["url"])
    entries = [line for group in page.context["menu"] for line in group["entries"] if line["is_current"]]
    assert [(line["title"], line["count"]) for line in entries] == [("Rejected records", 1)]
    assert len(page.context["cl"].result_list) == 1
