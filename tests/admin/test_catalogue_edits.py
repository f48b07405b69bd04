"""The lists of the catalogue change figures in the row and many rows at once, by right and by services."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.cache import cache
from django.test import Client

from catalogue.models import Product, Variant
from channels.models import Connection, OutboxMessage
from tests import factories
from tests.admin.catalogue_data import BASE, as_person, product, put, rows, words

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_cache():
    cache.clear()


@pytest.fixture
def store() -> Connection:
    return factories.store("UK Shop")


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


# --- figures in the row ---


@pytest.mark.parametrize(
    ("field", "was", "value", "stored"),
    [
        ("price", "12.00", "13.5", Decimal("13.5")),
        ("selling_price", "", "9.99", Decimal("9.99")),
        ("reorder_point", "", "4", 4),
    ],
)
def test_a_figure_is_edited_in_the_row_of_its_sku_and_undone(owner, store, field, was, value, stored):
    row = factories.listed(factories.variant("MUG", price=Decimal(12), currency="GBP"), store).variant
    shown = owner.get(BASE + "variant/").content.decode()
    assert f'data-edit="{field}" data-reason="" data-was="{was}"' in shown

    answer = put(owner, f"variant/{row.pk}", field, value, was)

    assert answer.status_code == 200
    row.refresh_from_db()
    assert getattr(row, field) == stored
    is_price = field != "reorder_point"
    assert OutboxMessage.objects.filter(topic="price").exists() is is_price

    back = put(owner, f"variant/{row.pk}", field, was, answer.json()["value"])
    row.refresh_from_db()
    assert (back.status_code, back.json()["value"]) == (200, was)
    assert getattr(row, field) == (Decimal(12) if field == "price" else None)


def test_two_people_who_edit_one_price_are_warned(owner):
    row = factories.variant("MUG", price=Decimal(12))
    assert put(owner, f"variant/{row.pk}", "price", "13", "12.00").status_code == 200

    answer = put(owner, f"variant/{row.pk}", "price", "11", "12.00")

    assert (answer.status_code, answer.json()["now"]) == (409, "13.00")
    assert answer.json()["error"] == "Another person changed this figure. It is now 13.00."
    row.refresh_from_db()
    assert row.price == Decimal(13)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("price", "-1", "The price cannot be below 0: “-1”."),
        (
            "reorder_point",
            "1.5",
            "“1.5” cannot be used. Enter the reorder point as a whole number, 0 or more.",
        ),
        ("selling_price", "5", "A selling price needs a price. Enter the price first."),
    ],
)
def test_a_refused_figure_is_answered_with_the_sentence_of_the_service(owner, field, value, sentence):
    row = factories.variant("MUG", price=None)

    answer = put(owner, f"variant/{row.pk}", field, value, "")

    assert (answer.status_code, answer.json()) == (422, {"error": sentence})
    row.refresh_from_db()
    assert (row.price, row.selling_price, row.reorder_point) == (None, None, None)


def test_the_list_of_products_edits_the_price_of_single_products_only(owner):
    single = product("MUG", "Mug", price=Decimal(12))
    group = factories.product("TEE-S", "TEE-M", title="Tee", price=Decimal(20))
    Product.objects.filter(pk=group.pk).update(kind="group")
    shown = owner.get(BASE + "product/").content.decode()
    assert shown.count('data-edit="price"') == 1

    assert put(owner, f"product/{single.pk}", "price", "13.00", "12.00").json()["value"] == "13.00"
    answer = put(owner, f"product/{group.pk}", "price", "1", "20.00")

    assert single.variants.get().price == Decimal(13)
    assert answer.status_code == 422
    assert answer.json()["error"] == "This product has several SKUs. Edit their prices on its page."
    assert set(group.variants.values_list("price", flat=True)) == {Decimal(20)}


@pytest.mark.parametrize(("name", "field"), [("variant", "price"), ("product", "price")])
def test_without_the_right_a_figure_is_text_and_its_address_refuses(client, name, field):
    one = product("MUG", "Mug", price=Decimal(12))
    reader = as_person(client, "view_product", "view_variant", "view_listing")
    pk = one.pk if name == "product" else one.variants.get().pk

    assert "data-edit" not in reader.get(f"{BASE}{name}/").content.decode()
    assert put(reader, f"{name}/{pk}", field, "1", "12.00").status_code == 403
    assert one.variants.get().price == Decimal(12)


# --- bulk actions ---


def test_products_are_archived_in_bulk_and_restored(owner, store):
    free, listed = product("A", "Free"), product("B", "Listed")
    factories.listed(listed.variants.get(), store)
    chosen = {"action": "archive", "_selected_action": [free.pk, listed.pk], "index": "0"}

    response = owner.post(BASE + "product/", chosen, follow=True)

    assert words(response)[-1] == "Listed: The product is listed on UK Shop. Delete that listing first."
    link = f'<a href="/admin/catalogue/product/?tab=archived&amp;chosen={free.pk}">→ 1 now in Archived</a>'
    assert link in words(response)[0]
    assert link in response.content.decode()
    assert set(Product.objects.filter(is_archived=True)) == {free}

    owner.post(
        BASE + "product/?tab=archived", {"action": "restore", "_selected_action": free.pk, "index": "0"}
    )
    assert not Product.objects.filter(is_archived=True).exists()


def test_skus_are_stopped_and_sold_again_in_bulk(owner):
    row = factories.variant("MUG")

    owner.post(BASE + "variant/", {"action": "stop", "_selected_action": row.pk, "index": "0"})
    assert rows(owner.get(BASE + "variant/?tab=stopped")) == ["MUG"]

    owner.post(BASE + "variant/", {"action": "sell", "_selected_action": row.pk, "index": "0"})
    assert rows(owner.get(BASE + "variant/?tab=stopped")) == []


def test_listings_are_deleted_in_bulk_after_a_confirmation(owner, store):
    listing = factories.listed("MUG", store).listing
    chosen = {"action": "delete", "_selected_action": listing.pk, "index": "0"}

    asked = owner.post(BASE + "listing/", chosen).content.decode()

    assert "stay in Manifold and can be listed again." in asked
    assert not OutboxMessage.objects.filter(topic="listing.delete").exists()
    owner.post(BASE + "listing/", {**chosen, "confirmed": "1"})
    assert OutboxMessage.objects.get(topic="listing.delete").subject == listing.pk
    assert Product.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "action"),
    [("product", "archive"), ("variant", "stop"), ("listing", "switch_off"), ("listing", "delete")],
)
def test_an_action_without_its_right_is_refused(client, store, name, action):
    row = factories.listed("MUG", store)
    pk = {"product": row.variant.product_id, "variant": row.variant_id, "listing": row.listing_id}[name]
    reader = as_person(client, "view_product", "view_variant", "view_listing")

    answer = reader.post(
        f"{BASE}{name}/", {"action": action, "_selected_action": pk, "index": "0", "confirmed": "1"}
    )

    assert answer.status_code == 403
    assert not OutboxMessage.objects.filter(topic__startswith="listing.").exists()
    assert not Variant.objects.filter(is_stopped=True).exists()
    assert not Product.objects.filter(is_archived=True).exists()
