"""Descriptions and pictures: compared with the store, accepted for one field or product, and safe when shown and sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalogue.descriptions import clean
from catalogue.models import Listing, Product, ProductImage
from catalogue.push.listing_drafts import draft_of
from catalogue.services.listing.store_texts import TextsPart
from channels.models import Connection, Difference, OutboxMessage
from channels.push.topics import Topic
from channels.reconcile import differences, repairs
from oms.kit.authors.actors import SYSTEM
from tests import factories
from tests.catalogue.records import pull, record

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-PLUS-05"), pytest.mark.req("R-CAT-07")]
PICTURE = "https://shop.example/1.jpg"
NASTY = '<p onclick="x()">Red</p><script>steal()</script><img src=x onerror=alert(1)>'


@pytest.fixture
def store() -> Connection:
    return factories.store("Shop", channel="bigcommerce")


def imported(store: Connection, *numbers: int, **fields: Any) -> list[Any]:
    records = [
        record(
            str(number), f"SKU-{number}", title=f"Mug {number}",
            **{"description": "<p>Red mug.</p>", "image_urls": (PICTURE,), **fields},
        )
        for number in numbers
    ]  # fmt: skip
    pull(store, *records)
    return records


def compare(store: Connection, records: list[Any]) -> list[tuple[str, str, str, str]]:
    found = TextsPart().compare_page(store, records, timezone.now())
    differences.write(store, "texts", found)
    return [(one.field, one.kind, one.ours, one.theirs) for one in found]


def test_a_description_differs_by_its_words_and_pictures_by_their_number(store: Connection) -> None:
    records = imported(store, 1)
    product = Product.objects.get()
    assert compare(store, records) == []
    Product.objects.update(description="<div>Red <b>mug.</b></div>")
    assert compare(store, records) == []  # other tags, the same words
    Product.objects.update(description="<p>Blue mug.</p>")
    ProductImage.objects.create(product=product, url="https://cdn.example/2.jpg", position=1)
    assert compare(store, records) == [
        ("description", "differs", "Blue mug.", "Red mug."),
        (
            "images", "differs", f"2 pictures: {PICTURE}, https://cdn.example/2.jpg", f"1 picture: {PICTURE}",
        ),
    ]  # fmt: skip
    Listing.objects.update(changed_fields=["description", "image_urls"])
    assert [kind for _field, kind, _ours, _theirs in compare(store, records)] == ["lag", "lag"]
    ProductImage.objects.all().delete()  # pictures of the store have other addresses: only their number counts
    ProductImage.objects.create(product=product, url="https://cdn.example/2.jpg")
    assert [field for field, *_rest in compare(store, records)] == ["description"]


def test_one_field_is_accepted_and_the_other_is_sent_and_nothing_is_changed_unasked(
    store: Connection,
) -> None:
    other = factories.store("Other", channel="bigcommerce")
    records = imported(store, 1)
    Product.objects.update(description="<p>Blue mug.</p>", edited_fields=["description", "images"])
    product = Product.objects.get()
    ProductImage.objects.create(product=product, url="https://cdn.example/2.jpg", position=1)
    listing = Listing.objects.get()
    twin = Listing.objects.create(product=product, connection=other, external_id="9", state="active")
    compare(store, records)
    product.refresh_from_db()
    assert product.description == "<p>Blue mug.</p>"
    rows = {row.field: row for row in Difference.objects.filter(part="texts")}

    assert repairs.repair(store, [rows["description"]], "accept", by=SYSTEM) == (1, [])
    assert repairs.repair(store, [rows["images"]], "send", by=SYSTEM) == (1, [])

    product.refresh_from_db()
    listing.refresh_from_db()
    twin.refresh_from_db()
    assert product.description == "<p>Red mug.</p>"
    assert product.images.count() == 2
    assert listing.changed_fields == ["description", "image_urls"]
    assert twin.changed_fields == ["description"]
    assert not Difference.objects.filter(closed_at=None).exists()


def test_the_details_of_a_store_are_accepted_for_one_product_on_its_page(
    store: Connection, client: Client, django_user_model: Any
) -> None:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    records = imported(store, 1, 2)
    Product.objects.update(description="<p>Blue mug.</p>")
    compare(store, records)
    first, second = Listing.objects.order_by("external_id")
    path = f"/admin/catalogue/product/{first.product_id}/do/accept/"
    asked = client.post(path, {"listing": first.pk}).content.decode()
    assert "Description: “Blue mug.” becomes “Red mug.”." in asked
    assert Product.objects.filter(description="<p>Blue mug.</p>").count() == 2

    client.post(path, {"listing": first.pk, "confirmed": "1"})

    first.product.refresh_from_db()
    second.product.refresh_from_db()
    assert first.product.description == "<p>Red mug.</p>"
    assert second.product.description == "<p>Blue mug.</p>"
    assert [row.subject_id for row in Difference.objects.filter(closed_at=None)] == [second.pk]


def test_a_page_of_products_is_compared_in_a_constant_number_of_statements(store: Connection) -> None:
    def cost(records: list[Any]) -> int:
        with CaptureQueriesContext(
            database,
        ) as asked:
            TextsPart().compare_page(store, records, timezone.now())
        return len(asked)

    assert cost(imported(store, 1)) == cost(imported(store, *range(2, 32))) == 2


@pytest.mark.req("R-CAT-09")
def test_the_html_of_an_import_is_safe_when_it_is_shown_and_when_it_is_sent(
    store: Connection, client: Client, django_user_model: Any
) -> None:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    imported(store, 1, description=NASTY, warranty=NASTY)
    listing = Listing.objects.select_related("connection", "product__brand").get()
    draft, _rows = draft_of(listing)
    assert draft.description == draft.warranty == "<p>Red</p>"
    page = client.get(f"/admin/catalogue/product/{listing.product_id}/").content.decode()
    assert '<div class="body d-rich"><p>Red</p></div>' in page
    assert "<script>steal()" not in page
    assert "<img src=x" not in page


@pytest.mark.parametrize(
    "text", ["<img src=x onerror=alert(1) ", "a </p", "<!-- x", "<svg/onload=alert(1)//"]
)
def test_a_tag_whose_end_is_missing_is_no_text_without_tags(text: str) -> None:
    kept = clean(text).html
    assert "<" not in kept.replace("<p>", "").replace("</p>", "")
    assert clean("5 < 6 & 7 > 2").html == "5 < 6 & 7 > 2"


def test_the_store_is_not_sent_anything_by_a_comparison(store: Connection) -> None:
    records = imported(store, 1)
    Product.objects.update(description="<p>Blue mug.</p>")
    OutboxMessage.objects.all().delete()
    compare(store, records)
    assert not OutboxMessage.objects.exclude(topic=Topic.STOCK).exists()
    assert json.loads(json.dumps(Difference.objects.get().data)) == {"value": "<p>Red mug.</p>"}
