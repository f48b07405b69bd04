"""The tab Documents of a store: what is saved, what is refused, and the preview."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from oms.kit.models import AuditEntry
from orders.models import DocumentSettings
from tests.documents import shelf
from tests.orders import desk

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-SHIP-05")]

FORM = {
    "seller_name": "Fern & Kettle Ltd",
    "seller_address": "4 Mill Lane\nLeeds LS1 4AP",
    "country": "GB",
    "vat_scheme": "standard",
    "vat_number": "GB 123 4567 82",
    "vat_rate": "20",
    "invoice_prefix": "FK",
    "credit_prefix": "FKC",
    "language": "buyer",
    "label_size": "a6",
    "page_size": "a4",
    "colour": "#0b7a4b",
}


@pytest.fixture
def store():
    return desk.store("Fern")


@pytest.fixture
def owner(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


def address(store) -> str:
    from django.urls import reverse

    return reverse("admin:store_documents", args=[store.pk])


def logo(size=(1200, 400)) -> SimpleUploadedFile:
    target = BytesIO()
    Image.new("RGBA", size, (10, 120, 70, 128)).save(target, "PNG")
    return SimpleUploadedFile("logo.png", target.getvalue(), "image/png")


def test_settings_are_saved_with_a_small_logo_and_a_log_entry(owner, store):
    response = owner.post(address(store), FORM | {"logo": logo()}, follow=True)

    row = DocumentSettings.objects.get(connection=store)
    assert [str(message) for message in response.context["messages"]] == ["Document settings of Fern saved."]
    assert (row.seller_name, row.invoice_prefix, row.label_size) == ("Fern & Kettle Ltd", "FK", "a6")
    assert row.logo is not None
    with Image.open(BytesIO(bytes(row.logo))) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (900, 300))
    assert AuditEntry.objects.get(action="store.documents").subject_name == "Fern"
    owner.post(address(store), FORM)
    assert DocumentSettings.objects.get().logo is not None
    owner.post(address(store), FORM | {"remove_logo": "on"})
    assert DocumentSettings.objects.get().logo is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"vat_number": ""}, "Enter the VAT number"),
        ({"credit_prefix": "FK"}, "Invoices and credit notes need different prefixes."),
        ({"colour": "red"}, "Write a colour such as #1f2937."),
        ({"country": "Gb"}, "Write two capital letters"),
        ({"logo": SimpleUploadedFile("logo.png", b"<svg/>")}, "The logo is no PNG or JPEG picture"),
    ],
)
def test_what_cannot_be_saved_is_said_at_its_field(owner, store, change, sentence):
    response = owner.post(address(store), FORM | change)

    assert sentence in response.content.decode()
    assert DocumentSettings.objects.count() == 0


def test_a_prefix_belongs_to_one_seller(owner, store):
    other, same = desk.store("Other"), desk.store("Same seller")
    owner.post(address(store), FORM)

    refused = owner.post(address(other), FORM | {"seller_name": "Oak Ltd", "vat_number": "GB 999"})
    owner.post(address(same), FORM)

    assert "Fern of another seller uses the prefix “FK”. Choose another one." in refused.content.decode()
    assert sorted(DocumentSettings.objects.values_list("connection__name", flat=True)) == [
        "Fern",
        "Same seller",
    ]


@pytest.mark.parametrize("kind", ["label", "packing_slip", "invoice", "return_slip"])
def test_each_document_has_a_preview(owner, store, kind):
    shelf.seller(store)
    page = owner.get(address(store)).content.decode()
    picture = f"{address(store)}preview/{kind}/"
    assert picture in page

    shown, pdf = owner.get(picture), owner.get(f"{picture}?file=pdf")

    with Image.open(BytesIO(shown.content)) as image:
        assert (image.format, image.width) == ("PNG", 620)
    assert "Fern & Kettle Ltd" in shelf.pages(pdf.content)[0]


def test_a_preview_stores_nothing_and_takes_no_number(owner, store):
    from orders.models import Document, NumberSeries, Order

    owner.get(f"{address(store)}preview/invoice/")

    assert (Document.objects.count(), NumberSeries.objects.count(), Order.objects.count()) == (0, 0, 0)


def test_only_people_who_manage_stores_change_it(client, store, django_user_model):
    from django.contrib.auth.models import Permission

    user = django_user_model.objects.create_user("ben", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=["view_connection", "view_documentsettings"])
    )
    client.force_login(user)

    assert client.get(address(store)).status_code == 200
    assert client.post(address(store), FORM).status_code == 403
    assert DocumentSettings.objects.count() == 0
