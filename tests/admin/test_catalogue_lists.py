"""The lists of the catalogue: what they find, filter, edit, export and do in bulk, by right, in few statements."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalogue import search_text
from catalogue.models import Brand, Category, Listing, ListingVariant, Product, Variant
from channels.models import Connection
from tests import factories
from tests.admin.catalogue_data import BASE, as_person, product, rows
from tests.orders.desk import an_order

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


# --- what a page costs ---


@pytest.mark.parametrize("name", ["product", "variant", "listing", "brand", "category"])
def test_a_page_of_fifty_rows_takes_eight_statements_at_most(owner, store, name):
    for number in range(55):
        variant = factories.stocked(f"S-{number:03}", connection=store, leeds=3)
        Brand.objects.create(name=f"B{number}", key=f"b{number}")
        Category.objects.create(
            connection=store, external_id=str(number), name=f"C{number}", path=f"C{number}"
        )
        Product.objects.filter(pk=variant.product_id).update(brand=Brand.objects.latest("pk"))
    owner.get(f"{BASE}{name}/")

    with CaptureQueriesContext(connection) as queries:
        response = owner.get(f"{BASE}{name}/")

    assert len(response.context["cl"].result_list) == 50
    assert len(queries) <= 8, "\n".join(query["sql"][:150] for query in queries)


@pytest.mark.parametrize("name", ["product", "variant", "listing", "brand", "category"])
def test_cells_are_html_and_what_people_typed_is_escaped(owner, store, name):
    mug = product("<b>MUG</b>", "<i>Mug</i>", brand="<u>Kiln</u>")
    row = factories.listed(mug.variants.get(), store)
    Variant.objects.filter(pk=row.variant_id).update(is_stopped=True)
    Category.objects.create(connection=store, external_id="1", name="<s>x", path="<s>x")

    text = owner.get(f"{BASE}{name}/").content.decode().split("<tbody>")[1].split("</tbody>")[0]

    assert "&lt;div" not in text
    assert "&lt;span" not in text
    assert not any(tag in text for tag in ("<b>", "<i>", "<u>", "<s>"))


# --- search and filters ---


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("mug", ["Enamel mug, red"]),
        ("RED", ["Enamel mug, red"]),
        ("-01", ["Tea towel"]),
        ("red enamel", ["Enamel mug, red"]),
        ("red towel", []),
        ("0123", ["Tea towel"]),
        ("kiln", ["Enamel mug, red"]),
    ],
)
def test_products_are_found_by_any_part_of_title_sku_barcode_and_brand(owner, asked, found):
    product("MUG-R", "Enamel mug, red", brand="Kiln Street")
    product("TT-01", "Tea towel", barcode="5000123456")

    assert rows(owner.get(BASE + "product/", {"q": asked})) == found
    skus = {"Enamel mug, red": "MUG-R", "Tea towel": "TT-01"}
    assert rows(owner.get(BASE + "variant/", {"q": asked})) == [skus[title] for title in found]


@pytest.mark.parametrize("asked", ["there", "mug", "EXT-9", "kiln", "0123"])
def test_listings_are_found_by_title_sku_id_brand_and_barcode(owner, store, asked):
    one = product("MUG-R", "Enamel", brand="Kiln Street", barcode="5000123456")
    listed = factories.listed(one.variants.get(), store)
    Listing.objects.update(remote_title="Title there", external_id="EXT-9")
    search_text.refresh_listings([listed.listing_id])
    factories.listed("OTHER", store)

    assert rows(owner.get(BASE + "listing/", {"q": asked})) == [
        str(Listing.objects.get(pk=listed.listing_id))
    ]


def test_products_are_filtered_by_store_state_brand_and_category(owner, store):
    other = factories.store("FR Shop")
    mug = product("MUG", "Mug", brand="Kiln")
    tea, cup = product("TEA", "Tea"), product("CUP", "Cup")
    on_uk = factories.listed(mug.variants.get(), store).listing
    on_fr = factories.listed(tea.variants.get(), other).listing
    factories.listed(cup.variants.get(), other)
    Listing.objects.filter(pk=on_fr.pk).update(state="inactive", category_external_ids=["7"])
    Listing.objects.filter(pk=on_uk.pk).update(category_external_ids=["77"])
    Category.objects.create(connection=other, external_id="7", name="Drinks", path="Food » Drinks")
    Category.objects.create(connection=store, external_id="7", name="Drinks", path="Drinks")

    def asked(**query: object) -> list[str]:
        return rows(owner.get(BASE + "product/", query))

    assert asked(store=store.pk) == ["Mug"]
    assert asked(store=other.pk) == ["Cup", "Tea"]
    assert asked(state="inactive") == ["Tea"]
    assert asked(state="inactive", store=store.pk) == []
    assert asked(brand="kil") == ["Mug"]
    assert asked(category="drinks") == ["Tea"]
    assert asked(category="7") == ["Tea"]
    assert asked(category="nothing") == []


def test_a_difference_is_found_once_the_store_could_show_what_was_sent(owner, store):
    late = timezone.now()
    for sku, shown, read_at in (
        ("SAME", 5, late),
        ("OTHER", 3, late),
        ("EARLY", 3, late - timedelta(hours=2)),
    ):
        row = factories.listed(sku, store)
        ListingVariant.objects.filter(pk=row.pk).update(
            sent_quantity=5, remote_quantity=shown, sent_at=late - timedelta(hours=1), read_at=read_at
        )

    found = rows(owner.get(BASE + "variant/", {"differs": "1"}))

    assert found == ["OTHER"]
    assert len(rows(owner.get(BASE + "product/", {"differs": "1"}))) == 1
    listed = owner.get(BASE + "listing/", {"differs": "1"})
    assert ">differs<" in listed.content.decode()
    assert [row.differs for row in ListingVariant.objects.order_by("external_sku")] == [False, True, False]


def test_low_stock_is_what_is_available_against_the_reorder_point(owner):
    for sku, on_hand in (("LOW", 2), ("ENOUGH", 9)):
        variant = factories.stocked(sku, leeds=on_hand)
        Variant.objects.filter(pk=variant.pk).update(reorder_point=5)
    factories.stocked("NO-POINT", leeds=0)

    assert rows(owner.get(BASE + "variant/", {"low": "1"})) == ["LOW"]
    assert len(rows(owner.get(BASE + "product/", {"low": "1"}))) == 1


def test_old_addresses_of_archived_products_show_their_tab(owner):
    kept, gone = product("A", "Sold"), product("B", "Gone")
    Product.objects.filter(pk=gone.pk).update(is_archived=True)

    assert rows(owner.get(BASE + "product/")) == [kept.title]
    for query in ({"archived": "1"}, {"tab": "archived"}):
        response = owner.get(BASE + "product/", query)
        assert (rows(response), response.context["cl"].tab.key) == (["Gone"], "archived")


def test_a_sku_leads_to_its_row_on_the_page_of_its_product(owner):
    one = product("MUG", "Mug").variants.get()

    assert owner.get(f"{BASE}variant/{one.pk}/").url == f"{BASE}product/{one.product_id}/#sku-{one.pk}"
    assert f'id="sku-{one.pk}"' in owner.get(f"{BASE}product/{one.product_id}/").content.decode()


# --- export ---


def exported(client: Client, name: str, query: str = "") -> list[dict[str, str]]:
    page = client.get(f"{BASE}{name}/export/{query}")
    fields = {key: "on" for key in page.context["form"].fields if key.startswith(f"{name}resource")}
    answer = client.post(f"{BASE}{name}/export/{query}", {"format": "0", "resource": "0", **fields})
    assert answer.status_code == 200
    text = answer.getvalue().decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_the_export_has_what_the_filter_leaves_with_its_prices(owner, store):
    mug = product("MUG", "Mug", brand="Kiln", price=Decimal("12.5"), currency="GBP", barcode="500")
    product("TEA", "Tea")
    listing = factories.listed(mug.variants.get(), store).listing

    [one] = exported(owner, "product", "?brand=kiln")
    assert (one["Title"], one["SKU"], one["Barcode"], one["SKUs"], one["Brand"]) == (
        "Mug",
        "MUG",
        "500",
        "1",
        "Kiln",
    )
    assert (Decimal(one["Price"]), one["Currency"]) == (Decimal("12.5"), "GBP")
    assert [row["SKU"] for row in exported(owner, "variant")] == ["MUG", "TEA"]
    [row] = exported(owner, "listing")
    assert (row["Store"], row["SKU"], row["Channel ID"]) == ("UK Shop", "MUG", listing.external_id)


@pytest.mark.parametrize("name", ["product", "variant", "listing"])
def test_an_export_asks_a_right_of_its_own(client, name):
    person = as_person(client, f"view_{name}", f"change_{name}")
    assert person.get(f"{BASE}{name}/export/").status_code == 403

    person = as_person(client, f"view_{name}", f"export_{name}")
    assert person.get(f"{BASE}{name}/export/").status_code == 200


@pytest.mark.parametrize("name", ["product", "variant", "listing", "brand", "category"])
def test_without_the_right_to_see_a_list_nobody_sees_it(client, name):
    person = as_person(client, "view_attribute")

    assert person.get(f"{BASE}{name}/").status_code == 403


# --- panels on the page of a product ---


def test_panels_of_other_apps_are_shown_to_those_who_may_see_them(client, owner, store):
    variant = factories.stocked("MUG", connection=store, leeds=4)
    order = an_order(store, MUG=1)
    page = f"{BASE}product/{variant.product_id}/"
    text = owner.get(page).content.decode()
    assert 'id="stock"' in text
    assert "Leeds" in text
    assert 'id="open-orders"' in text
    assert f"#{order.number}" in text

    text = as_person(client, "view_product").get(page).content.decode()
    assert 'id="stock"' not in text
    assert 'id="open-orders"' not in text
