"""Products on screen: made, edited in place, listed on stores as far as their channel can."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalogue.models import Listing, Product, SkuAlias, Variant
from catalogue.services.listings import list_on_store
from channels.models import OutboxMessage
from channels.push import outbox
from tests import factories
from tests.admin import desk_data

pytestmark = pytest.mark.django_db
LIST = "/admin/catalogue/product/"


@pytest.fixture
def store():
    return desk_data.shop()


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def told(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def mug() -> Product:
    return Product.objects.get(variants__sku="MUG-RED")


def grid(product: Product, **changes: str) -> dict[str, str]:
    """The grid as the page sends it, with some cells changed (`price="13"` means of the first variant)."""
    data: dict[str, str] = {}
    for variant in product.variants.all():
        data |= {
            f"sku-{variant.pk}": variant.sku,
            f"barcode-{variant.pk}": variant.barcode,
            f"price-{variant.pk}": str(variant.price),
            f"selling_price-{variant.pk}": "",
            f"cost-{variant.pk}": str(variant.cost or ""),
            f"weight_grams-{variant.pk}": "",
            f"reorder_point-{variant.pk}": "",
        }
    first = product.variants.first()
    assert first is not None
    return data | {f"{name}-{first.pk}": value for name, value in changes.items()}


def test_list_shows_stock_and_stores_in_constant_queries(owner, store):
    owner.get(LIST)
    with CaptureQueriesContext(connection) as few:
        response = owner.get(LIST)
    row = next(product for product in response.context["page"].rows if product.title.startswith("Enamel"))
    assert (row.on_hand, row.allocated, row.available) == (65, 0, 65)
    assert [store for store, _state in row.shown] == ["UK Shop"]

    for number in range(55):
        factories.listed(factories.variant(f"B-{number:03}"), store)
    with CaptureQueriesContext(connection) as many:
        response = owner.get(LIST)
    assert len(response.context["page"].rows) == 50
    assert len(many) == len(few)
    assert [p.title for p in owner.get(LIST, {"q": "tea-"}).context["page"].rows] == ["Loose leaf tea, 250 g"]


@pytest.mark.req("R-CAT-05")
def test_single_and_group_products_are_made(owner, store):
    single = owner.post(
        LIST + "add/", {"title": "Spoon", "sku": "SPOON", "price": "3.50", "currency": "GBP"}, follow=True
    )
    assert told(single) == ["“Spoon” was created. List it in your stores below."]
    owner.post(
        LIST + "add/",
        {
            "title": "Cap",
            "options": "Size, Colour",
            "variants": "CAP-S-RED, S, Red, 12.00\nCAP-M-RED, M, Red, 13.00",
            "currency": "GBP",
        },
    )

    cap = Product.objects.get(title="Cap")
    assert (cap.kind, cap.option_names) == ("group", ["Size", "Colour"])
    assert [(v.sku, v.options, v.price) for v in cap.variants.all()] == [
        ("CAP-S-RED", {"Size": "S", "Colour": "Red"}, Decimal("12.00")),
        ("CAP-M-RED", {"Size": "M", "Colour": "Red"}, Decimal("13.00")),
    ]


def test_a_sku_that_is_taken_is_said_and_nothing_is_made(owner, store):
    before = Product.objects.count()

    response = owner.post(LIST + "add/", {"title": "Mug again", "sku": "mug-red"})

    assert response.context["form"].non_field_errors() == ["The SKU “mug-red” is taken. Enter another SKU."]
    assert Product.objects.count() == before


@pytest.mark.req("R-PRICE-01")
def test_grid_saves_price_and_sku_and_is_sent_to_the_store(owner, store):
    product = mug()

    response = owner.post(
        f"{LIST}{product.pk}/do/variants/",
        grid(product, sku="MUG-CRIMSON", price="13.50", weight_grams="350"),
        follow=True,
    )

    assert told(response) == ["SKUs were saved."]
    variant = Variant.objects.get(sku="MUG-CRIMSON")
    assert (variant.price, variant.weight_grams) == (Decimal("13.50"), 350)
    assert SkuAlias.objects.get(sku="MUG-RED", connection=None).variant == variant
    listed = store.listing_variants.get(variant=variant)
    assert OutboxMessage.objects.filter(topic="price", subject=listed.pk).count() == 1
    assert listed.external_sku == "MUG-RED"


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"price": "cheap"}, "MUG-RED: “cheap” is not an amount. Enter the price as a number such as 12.50."),
        ({"price": "-1"}, "MUG-RED: The price cannot be below 0: “-1”."),
        ({"sku": "tee-m"}, "MUG-RED: The SKU “tee-m” is taken. Enter another SKU."),
        (
            {"weight_grams": "1.5"},
            "MUG-RED: “1.5” has no unit. Enter whole grams, or a number with its unit: 1.2 kg.",
        ),
    ],
)
def test_a_bad_cell_is_said_and_the_whole_grid_stays(owner, store, cells, sentence):
    product = mug()
    second = product.variants.last()
    assert second is not None

    response = owner.post(
        f"{LIST}{product.pk}/do/variants/", grid(product, **cells) | {f"price-{second.pk}": "99"}, follow=True
    )

    assert told(response) == [sentence]
    assert sorted(product.variants.values_list("sku", "price")) == [
        ("MUG-BLUE", Decimal("12.0000")),
        ("MUG-RED", Decimal("12.0000")),
    ]


@pytest.mark.req("R-CAT-09")
def test_details_are_edited_and_the_listing_is_sent(owner, store):
    product = mug()

    owner.post(
        f"{LIST}{product.pk}/",
        {"title": "Enamel mug", "description": "New.", "tags": "kitchen, Camping, kitchen"},
    )

    product.refresh_from_db()
    assert (product.title, product.description) == ("Enamel mug", "New.")
    assert product.tags == ["kitchen", "Camping"]
    listing = product.listings.get()
    assert listing.changed_fields == ["description", "title"]  # tags are Manifold's own
    assert "Enamel mug" in str(owner.get(LIST, {"q": "camping"}).context["page"].rows)
    assert OutboxMessage.objects.filter(topic="listing.update").count() == 1


@pytest.mark.req("R-CAT-10", "R-CAT-11", "R-CAT-13")
def test_buttons_are_off_with_the_channels_reason_and_delete_asks_first(owner, store):
    product = mug()
    listing = product.listings.get()
    shown = owner.get(f"{LIST}{product.pk}/")
    column = shown.context["columns"][0]
    off = {verb: why for verb, _words, why, _permission in column.buttons}
    assert off["update"] == off["delete"] == ""
    assert "on" not in off  # it is on there already
    assert off["off"] == "A product can only be enabled or disabled in OpenCart's own admin."
    assert off["off"] in shown.content.decode().replace("&#x27;", "'")

    asked = owner.post(f"{LIST}{product.pk}/do/delete/", {"listing": listing.pk})
    assert "stay in Manifold" in asked.content.decode()
    assert OutboxMessage.objects.filter(topic="listing.delete").count() == 0
    owner.post(f"{LIST}{product.pk}/do/delete/", {"listing": listing.pk, "confirmed": "1"})

    assert OutboxMessage.objects.filter(topic="listing.delete", subject=listing.pk).count() == 1
    assert Product.objects.filter(pk=product.pk).exists()


@pytest.mark.req("R-CAT-08")
def test_a_product_is_listed_on_a_store_that_has_it_not(owner, store):
    other = factories.store("FR Shop")
    product = Product.objects.get(variants__sku="TEE-M")
    shown = owner.get(f"{LIST}{product.pk}/").content.decode()
    assert f'href="{LIST}{product.pk}/list/{other.pk}/"' in shown

    owner.post(f"{LIST}{product.pk}/list/{other.pk}/", {"category": "", "of_category": ""})
    listing = Listing.objects.get(connection=other)
    assert listing.state == "draft"
    assert not OutboxMessage.objects.filter(connection=other, topic="listing.create").exists()

    owner.post(f"/admin/catalogue/listing/{listing.pk}/", {"do": "publish"})
    assert (
        OutboxMessage.objects.filter(connection=other, topic="listing.create", subject=listing.pk).count()
        == 1
    )


@pytest.mark.req("R-CAT-08")
def test_a_listing_that_was_not_sent_yet_is_withdrawn_even_where_nothing_can_be_deleted(owner, store):
    other = factories.store("UK", channel="bigcommerce", is_read_only=True)
    product = Product.objects.get(variants__sku="TEE-M")
    listing = list_on_store(product, other)
    page = owner.get(f"{LIST}{product.pk}/").content.decode()
    assert ">Withdraw</button>" in page

    OutboxMessage.objects.filter(subject=listing.pk).update(is_uncertain=True)
    wait = owner.post(f"{LIST}{product.pk}/do/withdraw/", {"listing": listing.pk}, follow=True)
    assert "The listing is being created on the store. Wait for its answer." in wait.content.decode()
    listing.refresh_from_db()
    assert listing.state == "draft"

    OutboxMessage.objects.filter(subject=listing.pk).update(is_uncertain=False)
    owner.post(f"{LIST}{product.pk}/do/withdraw/", {"listing": listing.pk})
    listing.refresh_from_db()
    assert listing.state == "removed"
    message = OutboxMessage.objects.get(topic="listing.create", subject=listing.pk)
    [outcome] = outbox.handler_for("listing.create").send(other, [message], None)  # type: ignore[arg-type]
    assert (outcome.ok, outcome.note) == (True, "The listing was deleted in Manifold. Nothing was sent.")


def test_read_only_people_see_the_page_and_change_nothing(client, store):
    reader = factories.user("reader")
    reader.groups.add(Group.objects.get(name="Read-only"))
    client.force_login(reader)
    product = mug()

    assert client.get(f"{LIST}{product.pk}/").status_code == 200
    assert client.get(LIST + "add/").status_code == 403
    assert client.post(f"{LIST}{product.pk}/", {"title": "Mine"}).status_code == 403
    assert client.post(f"{LIST}{product.pk}/do/variants/", grid(product, price="1")).status_code == 403
    product.refresh_from_db()
    assert product.title == "Enamel mug, 350 ml"


@pytest.mark.parametrize(
    "path",
    [
        "catalogue/listing/",
        "catalogue/category/",
        "catalogue/brand/",
        "inventory/warehouse/",
        "inventory/stockmovement/",
        "orders/carrier/",
    ],
)
def test_plain_lists_open(owner, store, path):
    assert owner.get(f"/admin/{path}").status_code == 200


@pytest.mark.req("R-CAT-09")
def test_a_product_is_archived_once_no_store_shows_it(owner, store):
    product = mug()
    listing = product.listings.get()
    page = f"{LIST}{product.pk}/"
    assert "Delete that listing first" in owner.get(page).content.decode()

    said = told(owner.post(f"{page}do/archive/", follow=True))
    product.refresh_from_db()
    assert (product.is_archived, said) == (
        False,
        [f"The product is listed on {store.name}. Delete that listing first."],
    )

    listing.state = "removed"
    listing.save(update_fields=["state"])
    owner.post(f"{page}do/archive/")
    product.refresh_from_db()
    assert product.is_archived is True
    assert product.title not in owner.get(LIST).content.decode()
    assert product.title in owner.get(f"{LIST}?archived=1").content.decode()

    owner.post(f"{page}do/unarchive/")
    product.refresh_from_db()
    assert product.is_archived is False


@pytest.mark.req("R-USE-04", "R-PRICE-01")
def test_a_stores_own_price_is_typed_in_its_currency_and_no_other_is_suggested(owner):
    """The house's 54 EUR is no suggestion for a store in GBP; where both are in one currency it is."""
    uk = factories.store("UK", channel="bigcommerce", currency="GBP")
    eu = factories.store("EU", channel="opencart", currency="EUR")
    row = factories.listed("MUG", uk)
    factories.listed("MUG", eu)
    Variant.objects.update(price=Decimal(54), currency="EUR")

    page = owner.get(f"{LIST}{row.listing.product_id}/").content.decode()

    cells = {line.split("</td>")[0]: line for line in page.split('data-label="Store">')[1:]}
    found = {
        name: (
            'placeholder="54.00"' in cell.split("</tr>")[0],
            f'<span class="small quiet">{money}</span>' in cell,
        )
        for name, money in (("UK", "GBP"), ("EU", "EUR"))
        for cell in [cells[name]]
    }
    assert found == {"UK": (False, True), "EU": (True, True)}


def test_the_description_is_shown_as_it_looks_beside_its_html(owner):
    product = factories.product("WOK")
    Product.objects.filter(pk=product.pk).update(
        description="<p>Carbon &amp; steel</p><ul><li>32 cm</li></ul>"
    )
    response = owner.get(f"{LIST}{product.pk}/")
    assert "<p>Carbon &amp; steel</p><ul><li>32 cm</li></ul>" in response.content.decode()
    assert response.context["form"].initial["description"].startswith("<p>")
