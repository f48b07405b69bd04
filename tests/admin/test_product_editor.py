"""The product page as an editor: pictures, options and their SKUs, groups, preview, two people at one product."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from catalogue.models import Listing, Product, ProductImage, Variant
from catalogue.push.listing_drafts import draft_of
from catalogue.services import products, selling_prices
from catalogue.services.editing import gallery
from channels.models import OutboxMessage
from inventory.models import StockMovement
from oms.kit.authors import actors
from oms.kit.models import AuditEntry
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/admin/catalogue/product/"


@pytest.fixture
def owner(client: Client, django_user_model) -> Client:
    client.force_login(django_user_model.objects.create_superuser("owner"))
    return client


@pytest.fixture
def media(tmp_path: Path, settings) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def told(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def do(owner: Client, product: Product, what: str, data: dict | None = None) -> list[str]:
    return told(owner.post(f"{LIST}{product.pk}/do/{what}/", data or {}, follow=True))


def file(name: str = "mug.jpg", *, kind: str = "JPEG", mode: str = "RGB", size: tuple[int, int] = (120, 90)):
    target = io.BytesIO()
    Image.new(mode, size, "red").save(target, kind)
    return SimpleUploadedFile(name, target.getvalue())


def pictures(product: Product) -> list[str]:
    return list(product.images.order_by("position", "pk").values_list("url", flat=True))


def group(*sizes: str) -> Product:
    made = factories.product(*(f"TEE-{size}" for size in sizes), title="Tee")
    Product.objects.filter(pk=made.pk).update(option_names=["Size"])
    for size, variant in zip(sizes, made.variants.order_by("position"), strict=True):
        Variant.objects.filter(pk=variant.pk).update(options={"Size": size})
    made.refresh_from_db()
    return made


# --- pictures


@pytest.mark.req("R-CAT-09")
def test_an_uploaded_picture_is_stored_shown_and_sent_by_its_public_address(owner, media, settings):
    settings.OMS_PUBLIC_URL = "https://oms.example"
    shop = factories.store(channel="opencart")
    listed = factories.listed("MUG", shop)
    product = listed.listing.product

    said = do(owner, product, "upload", {"files": [file("a.jpg"), file("b.png", kind="PNG", mode="RGBA")]})

    assert said == [
        "2 pictures were added. They are sent to the stores that list this product, where the channel takes pictures."
    ]
    names = [url.removeprefix("upload:") for url in pictures(product)]
    assert [name.rpartition(".")[2] for name in names] == ["jpg", "png"]
    assert OutboxMessage.objects.filter(topic="listing.update", subject=listed.listing_id).count() == 1
    draft, _rows = draft_of(Listing.objects.get(pk=listed.listing_id), changed=["image_urls"])
    assert draft.image_urls == tuple(f"https://oms.example/pictures/{name}" for name in names)
    answer = Client().get(f"/pictures/{names[0]}")  # a store has no account here
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert b"".join(answer.streaming_content)[:2] == b"\xff\xd8"  # type: ignore[attr-defined]
    assert owner.get(f"{LIST}{product.pk}/").content.decode().count('class="oms-picture" src="/admin/') == 2
    product.refresh_from_db()
    assert "images" in product.edited_fields


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "x.jpg: The file is empty."),
        (b"<svg/>", "x.jpg: It is a vector drawing (SVG), which is not shown."),
        (b"\xff\xd8\xff\xe0 broken", "x.jpg: The file is damaged."),
        (b"%PDF-1.7", "x.jpg: It is a PDF file, no picture."),
    ],
)
@pytest.mark.req("R-CAT-09")
def test_a_file_that_is_no_picture_is_refused_and_none_of_the_upload_stays(owner, media, content, sentence):
    product = factories.product("MUG")
    bad = SimpleUploadedFile("x.jpg", content or b" ")
    if not content:
        bad = SimpleUploadedFile("x.jpg", b"")

    said = do(owner, product, "upload", {"files": [file(), bad]})

    assert said in (
        [sentence],
        ["x.jpg: The format of the file is not one of JPEG, PNG, GIF, WebP, AVIF, BMP."],
    )
    assert pictures(product) == []
    assert list(media.rglob("*.jpg")) == []


def test_a_large_file_and_an_unknown_name_are_refused(owner, media, monkeypatch):
    product = factories.product("MUG")
    monkeypatch.setattr(gallery, "MOST_BYTES", 100)

    assert do(owner, product, "upload", {"files": [file("big.png", kind="PNG", size=(300, 300))]}) == [
        "big.png is larger than 0 MB. Upload a smaller picture."
    ]
    for name in ("../../settings.py", "0" * 32 + ".svg", "a.jpg"):
        assert Client().get(f"/pictures/{name}").status_code == 404


@pytest.mark.req("R-CAT-09")
def test_pictures_are_ordered_by_drag_and_by_keyboard_described_and_removed(owner):
    product = group("S", "M")
    do(
        owner,
        product,
        "address",
        {"addresses": "https://x.example/1.png\nhttps://x.example/2.png\n\nhttps://x.example/3.png"},
    )
    one, two, three = list(product.images.order_by("position"))

    do(owner, product, "order", {"order": f"{three.pk},{one.pk},{two.pk}"})
    assert [url[-5] for url in pictures(product)] == ["3", "1", "2"]
    do(owner, product, "move", {"picture": two.pk, "to": "front"})
    assert [url[-5] for url in pictures(product)] == ["3", "2", "1"]

    medium = product.variants.get(sku="TEE-M")
    do(owner, product, "picture", {"picture": one.pk, "alt": "The tee, folded", "variant": medium.pk})
    one.refresh_from_db()
    assert (one.alt, one.variant) == ("The tee, folded", medium)
    do(owner, product, "unpicture", {"picture": three.pk})
    assert [url[-5] for url in pictures(product)] == ["2", "1"]
    assert AuditEntry.objects.filter(subject_kind="catalogue.product", action="changed").count() == 5


@pytest.mark.parametrize("address", ["javascript:alert(1)", "/local.png", "ftp://x.example/a.png"])
def test_an_address_that_is_none_is_refused(owner, address):
    product = factories.product("MUG")
    said = do(owner, product, "address", {"addresses": address})
    assert said == [f"“{address}” is not a web address. Enter one that begins with https://."]
    assert pictures(product) == []


def test_a_picture_for_the_sku_of_another_product_is_refused(owner):
    product, other = factories.product("MUG"), factories.variant("POT")
    do(owner, product, "address", {"addresses": "https://x.example/1.png"})
    said = do(owner, product, "picture", {"picture": product.images.get().pk, "variant": other.pk})
    assert said == ["The SKU does not belong to this product any more."]
    assert ProductImage.objects.filter(variant=other).count() == 0


# --- description


@pytest.mark.req("R-CAT-09")
def test_the_description_is_previewed_as_it_looks_and_what_was_removed_is_said(owner):
    product = factories.product("MUG")
    data = {"title": "Mug", "description": "<h3>Nice</h3><script>x()</script>"}

    page = owner.post(f"{LIST}{product.pk}/", {**data, "preview": "1"}).content.decode()
    assert '<div class="d-rich"><h3>Nice</h3></div>' in page
    removed = "Removed from the description, because stores do not accept it: &lt;script&gt;."
    assert removed in page
    product.refresh_from_db()
    assert product.description == ""

    said = told(owner.post(f"{LIST}{product.pk}/", data, follow=True))
    product.refresh_from_db()
    assert product.description == "<h3>Nice</h3>"
    assert said[0] == removed.replace("&lt;", "<").replace("&gt;", ">")


def test_an_imported_description_is_shown_without_its_scripts(owner):
    product = factories.product("MUG")
    Product.objects.filter(pk=product.pk).update(description="<p>Mug</p><script>alert(1)</script>")
    page = owner.get(f"{LIST}{product.pk}/").content.decode()
    assert '<div class="body d-rich"><p>Mug</p></div>' in page


# --- two people


@pytest.mark.req("R-CAT-09")
def test_the_second_of_two_people_is_told_who_changed_what_and_nothing_is_overwritten(
    owner, django_user_model
):
    product = factories.product("MUG", title="Mug")
    page = owner.get(f"{LIST}{product.pk}/")
    form = {**page.context["form"].initial, "title": "Mug, red"}
    ann = django_user_model.objects.create_user("ann")
    with actors.acting(actors.person(ann)):
        products.edit_product(product, {"title": "Enamel mug", "warranty": "2 years"})

    answer = owner.post(f"{LIST}{product.pk}/", form)

    [error] = answer.context["form"].non_field_errors()
    assert error.startswith(
        "Somebody else changed this product while you edited it, so nothing was saved. Title is “Enamel mug” now (ann, today "
    )
    product.refresh_from_db()
    assert (product.title, product.warranty) == ("Enamel mug", "2 years")
    again = answer.context["form"].data
    assert (again["title"], again["warranty"]) == ("Mug, red", "2 years")  # Ann's other field is not lost
    owner.post(f"{LIST}{product.pk}/", again)
    product.refresh_from_db()
    assert (product.title, product.warranty) == ("Mug, red", "2 years")


def test_two_people_who_edit_other_details_both_succeed(owner):
    product = factories.product("MUG", title="Mug")
    form = {**owner.get(f"{LIST}{product.pk}/").context["form"].initial, "warranty": "1 year"}
    products.edit_product(product, {"title": "Enamel mug"})

    owner.post(f"{LIST}{product.pk}/", form)

    product.refresh_from_db()
    assert (product.title, product.warranty) == ("Enamel mug", "1 year")


@pytest.mark.req("R-PRICE-01")
def test_the_table_of_skus_never_overwrites_what_somebody_else_changed(owner, django_user_model):
    product = factories.product("MUG", price=Decimal(10), weight_grams=300)
    variant = product.variants.get()
    seen = json.loads(owner.get(f"{LIST}{product.pk}/").context["grid_seen"])
    cells = {f"{name}-{variant.pk}": value for name, value in seen[str(variant.pk)].items()}
    ann = django_user_model.objects.create_user("ann")
    with actors.acting(actors.person(ann)):
        selling_prices.edit_price(variant, {"price": "11"})

    [said] = do(owner, product, "variants", {**cells, "seen": json.dumps(seen), f"price-{variant.pk}": "12"})
    assert said.startswith("MUG: The value was changed to 11.00 (ann, today ")
    do(
        owner,
        product,
        "variants",
        {**cells, "seen": json.dumps(seen), f"weight_grams-{variant.pk}": "0.4 kg"},
    )
    variant.refresh_from_db()
    assert (variant.price, variant.weight_grams) == (
        Decimal(11),
        400,
    )  # the price of the form was not touched


def test_barcode_and_size_are_saved_and_a_wrong_digit_is_said(owner):
    product = factories.product("MUG")
    pk = product.variants.get().pk
    cells = {f"sku-{pk}": "MUG", f"barcode-{pk}": "4006381333932"}
    assert do(owner, product, "variants", cells) == [
        "MUG: The check digit of the barcode 4006381333932 is wrong: it must be 1 (4006381333931)."
    ]
    do(
        owner,
        product,
        "variants",
        {**cells, f"barcode-{pk}": "4006381333931", f"dimensions-{pk}": "12x8x5 cm"},
    )
    variant = product.variants.get()
    assert (variant.barcode, variant.length_mm, variant.width_mm, variant.height_mm) == (
        "4006381333931",
        120,
        80,
        50,
    )
    assert 'value="12 × 8 × 5 cm"' in owner.get(f"{LIST}{product.pk}/").content.decode()


# --- differs, panels, rights


@pytest.mark.req("R-CAT-09", "R-PRICE-01")
def test_what_a_store_shows_otherwise_is_marked(owner):
    shop = factories.store("UK Shop")
    row = factories.listed("MUG", shop, remote_price=Decimal(9), read_at=timezone.now())
    listing = row.listing
    page = owner.get(f"{LIST}{listing.product_id}/").content.decode()
    assert "Price in store: 9.00. In Manifold: 10.00." in page
    assert "Title differs" not in page

    Listing.objects.update(remote_title="Old mug")
    Product.objects.update(description="New text")
    Listing.objects.update(remote_text="0" * 32)
    page = owner.get(f"{LIST}{listing.product_id}/").content.decode()
    assert "Title in store: “Old mug”. In Manifold: “Mug”." in page
    assert "Description differs" in page


def test_the_page_shows_the_latest_movements_of_its_skus(owner):
    product = factories.product("MUG")
    factories.stocked("MUG", leeds=7)
    page = owner.get(f"{LIST}{product.pk}/").content.decode()
    movement = StockMovement.objects.get()
    assert 'id="movements"' in page
    assert movement.reason in page


@pytest.mark.parametrize(
    "what", ["upload", "address", "order", "options", "generate", "join", "release", "unsku"]
)
def test_people_without_the_right_change_nothing(client, what):
    from django.contrib.auth.models import Group

    reader = factories.user("reader")
    reader.groups.add(Group.objects.get(name="Read-only"))
    client.force_login(reader)
    product = group("S", "M")
    assert (
        client.post(f"{LIST}{product.pk}/do/{what}/", {"addresses": "https://x.example/1.png"}).status_code
        == 403
    )
    assert client.get(f"{LIST}{product.pk}/").context["options"] is None
