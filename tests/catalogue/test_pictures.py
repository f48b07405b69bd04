"""Small copies of product pictures (F-42): made in the background, within limits, and nothing is loaded from a store."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ
from PIL import Image

from catalogue.models import Listing, PictureCopy, Product, ProductImage
from catalogue.pictures import copies, sweep
from catalogue.services import products
from catalogue.services.products import NewVariant
from channels.pull import pictures as download
from channels.tasks import tick
from oms.kit.admin import pictures
from oms.kit.admin.badges import picture, thumb
from oms.tasks import daily
from tests import factories
from tests.support.picture_host import PictureHost, image, serve

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F-42")]


@pytest.fixture
def host(settings: Any, tmp_path: Path) -> Iterator[PictureHost]:
    settings.MEDIA_ROOT = tmp_path
    with serve() as running:
        yield running


def product(*addresses: str, title: str = "Red mug") -> Product:
    sku = f"SKU-{Product.objects.count()}"
    return products.create_product(title=title, variants=[NewVariant(sku=sku)], image_urls=addresses)


def row(address: str) -> PictureCopy:
    return PictureCopy.objects.get(address=address)


def due_again(*addresses: str) -> None:
    PictureCopy.objects.filter(address__in=addresses).update(due_at=timezone.now())


def test_a_picture_gets_two_small_copies_and_a_placeholder_until_then(host: PictureHost) -> None:
    address = host.put("/mug.jpg", image(1600, 800))
    product(address)
    assert "img" not in thumb(address, "Red mug")
    assert ">RM<" in thumb(address, "Red mug")
    assert "The picture follows." in picture(address, "Red mug")

    assert sweep.run() == 1

    sizes = {}
    for size in (80, 400):
        with Image.open(pictures.file_of(pictures.key_of(address), size)) as copy:
            sizes[size] = (copy.format, copy.size)
    assert sizes == {80: ("WEBP", (80, 40)), 400: ("WEBP", (400, 200))}
    assert (row(address).state, row(address).reason, row(address).attempts) == ("stored", "", 0)
    small, large = thumb(address, "Red mug"), picture(address, "Red mug")
    assert f'src="/admin/pictures/{pictures.key_of(address)}-80.webp?v=' in small
    assert f'src="/admin/pictures/{pictures.key_of(address)}-400.webp?v=' in large
    assert host.url not in small + large


def test_a_small_picture_is_not_enlarged_and_a_clear_one_stays_clear(host: PictureHost) -> None:
    target = BytesIO()
    Image.new("RGBA", (20, 30), (255, 0, 0, 0)).save(target, "PNG")
    address = host.put("/dot.png", target.getvalue())
    product(address)
    sweep.run()
    with Image.open(pictures.file_of(pictures.key_of(address), 400)) as copy:
        assert (copy.size, copy.mode) == ((20, 30), "RGBA")


def test_one_address_of_many_products_is_downloaded_once(host: PictureHost) -> None:
    address = host.put("/mug.jpg", image())
    product(address)
    product(address, address)
    factories.listed("MUG", factories.store())
    Listing.objects.update(remote_image=address)
    assert copies.tidy() == 0
    assert sweep.run() == 1
    assert sweep.run() == 0
    assert host.paths == ["/mug.jpg"]


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says that it is this large."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("name", "body", "status", "reason"),
    [
        ("vector", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', 200, "It is a vector drawing (SVG), which is not shown."),
        ("page", b"<!DOCTYPE html><title>Sign in</title>", 200, "The server sent a web page, no picture."),
        ("document", b"%PDF-1.7 ...", 200, "It is a PDF file, no picture."),
        ("rest", b"\0\1\2\3" * 100, 200, "The format of the file is not one of JPEG, PNG, GIF, WebP, AVIF, BMP."),
        ("nothing", b"", 200, "The file is empty."),
        ("cut", image()[:700], 200, "The file is damaged."),
        ("bomb", bomb(60_000, 60_000), 200, "The picture has more than 40 million pixels, which is too many."),
        ("large", bomb(8_000, 5_001), 200, "The picture has more than 40 million pixels, which is too many."),
        ("missing", b"", 404, "There is no picture at this address."),
        ("closed", b"", 403, "The server does not give the picture (HTTP 403)."),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)  # fmt: skip
def test_what_is_no_usable_picture_says_why_and_is_left_alone(
    host: PictureHost, name: str, body: bytes, status: int, reason: str
) -> None:
    address = host.put(f"/{name}", body, status)
    product(address)
    assert sweep.run() == 1
    assert (row(address).state, row(address).reason) == ("unusable", reason)
    assert row(address).due_at > timezone.now() + timedelta(days=20)
    assert reason in picture(address, "Red mug", copies.reasons([address])[address])
    assert "img" not in thumb(address, "Red mug")


def test_a_file_that_is_too_large_is_not_read_to_its_end(host: PictureHost, monkeypatch: Any) -> None:
    monkeypatch.setattr(download, "MOST_BYTES", 100_000)
    address = host.put("/big.jpg", b"\xff\xd8" + bytes(400_000))
    product(address)
    sweep.run()
    assert row(address).state == "unusable"
    assert "is larger than" in row(address).reason


def test_private_addresses_are_refused_wherever_they_are_named(host: PictureHost, settings: Any) -> None:
    settings.OMS_ALLOWED_PRIVATE_HOSTS = []
    address = host.put("/mug.jpg", image())
    product(
        address, "http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "no address", "http://["
    )
    assert sweep.run() == 5
    assert host.asked == []
    assert set(PictureCopy.objects.values_list("state", flat=True)) == {"unusable"}
    assert "private address" in row(address).reason


def test_a_redirect_to_another_host_is_followed_through_the_same_guard(
    host: PictureHost, settings: Any
) -> None:
    with serve() as other:
        there = other.put("/real.jpg", image())
        good = host.put("/a.jpg", b"", 302, Location=there)
        bad = host.put("/b.jpg", b"", 302, Location="http://10.1.2.3/secret")
        endless = host.put("/c.jpg", b"", 302, Location="/c.jpg")
        product(good, bad, endless)
        sweep.run()
        assert other.paths == ["/real.jpg"]
    assert [row(one).state for one in (good, bad, endless)] == ["stored", "unusable", "unusable"]


def test_a_failed_picture_waits_longer_each_time_and_no_other_waits_for_it(host: PictureHost) -> None:
    bad = host.put("/bad.jpg", b"", 500)
    good = host.put("/good.jpg", image())
    product(bad, good)
    waits = []
    for _round in range(3):
        sweep.run()
        waits.append(round((row(bad).due_at - timezone.now()).total_seconds() / 60))
        due_again(bad)
    assert waits == [10, 40, 160]
    assert (row(bad).state, row(bad).reason) == ("failed", "The server has a fault (HTTP 500).")
    assert row(good).state == "stored"

    host.put("/bad.jpg", image())
    sweep.run()
    assert (row(bad).state, row(bad).reason, row(bad).attempts) == ("stored", "", 0)


def test_a_server_that_asks_to_wait_is_given_that_time(host: PictureHost) -> None:
    address = host.put("/mug.jpg", b"", 429, Retry_After="7200")
    product(address)
    sweep.run()
    assert timedelta(minutes=119) < row(address).due_at - timezone.now() < timedelta(minutes=121)


def test_a_host_that_does_not_answer_is_left_alone_after_three_failures(host: PictureHost) -> None:
    dead = [f"http://127.0.0.1:1/{number}.jpg" for number in range(40)]  # nobody listens there
    good = [host.put(f"/{number}.jpg", image(20, 20)) for number in range(4)]
    product(*dead, *good)
    assert sweep.run() == 3 * sweep.PER_HOST + 4
    assert PictureCopy.objects.filter(host="127.0.0.1:1", due_at__lte=timezone.now()).count() == 0
    untried = PictureCopy.objects.filter(host="127.0.0.1:1", state="waiting")
    assert set(untried.values_list("attempts", "claimed_at")) == {(0, None)}
    assert PictureCopy.objects.filter(state="stored").count() == 4


def test_a_changed_picture_is_noticed_and_an_unchanged_one_is_not_downloaded_again(host: PictureHost) -> None:
    address = host.put("/mug.jpg", image(), ETag='"1"')
    product(address)
    sweep.run()
    first, kept = thumb(address), row(address).stored_at
    assert timedelta(days=5) < row(address).due_at - timezone.now() < timedelta(days=9)

    due_again(address)
    sweep.run()
    assert host.asked[-1][1]["If-None-Match"] == '"1"'
    assert (thumb(address), row(address).stored_at, row(address).state) == (first, kept, "stored")

    host.put("/mug.jpg", image(colour="blue"), ETag='"2"')
    due_again(address)
    sweep.run()
    assert thumb(address) != first
    with Image.open(pictures.file_of(pictures.key_of(address), 80)) as copy:
        pixel = copy.convert("RGB").getpixel((20, 20))
    assert isinstance(pixel, tuple)
    assert pixel[2] > 200 > 60 > pixel[0]


def test_a_stored_copy_stays_while_its_server_is_down(host: PictureHost) -> None:
    address = host.put("/mug.jpg", image())
    product(address)
    sweep.run()
    host.put("/mug.jpg", b"", 503)
    due_again(address)
    sweep.run()
    assert (row(address).state, row(address).reason) == ("stored", "The server asks to wait.")
    assert "<img" in thumb(address)


def test_copies_that_nothing_shows_are_removed_and_lost_files_are_made_again(host: PictureHost) -> None:
    old, kept, lost = (host.put(f"/{name}.jpg", image()) for name in ("old", "kept", "lost"))
    mug = product(old, kept, lost)
    sweep.run()
    products.edit_product(mug, {"images": [kept, lost]})
    pictures.file_of(pictures.key_of(lost), 400).unlink()

    assert copies.tidy() == 1
    assert not PictureCopy.objects.filter(address=old).exists()
    assert not pictures.file_of(pictures.key_of(old), 80).exists()
    assert "<img" in thumb(kept)
    assert sweep.run() == 1
    assert host.paths.count("/lost.jpg") == 2
    assert "<img" in picture(lost)


def test_pictures_from_before_are_found_by_the_daily_task(host: PictureHost) -> None:
    address = host.put("/mug.jpg", image())
    mug = product()
    ProductImage.objects.create(product=mug, url=address)
    daily()
    assert tasks_waiting() == ["catalogue.tasks.tidy_pictures"]
    assert copies.tidy() == 1
    assert sweep.run() == 1


def test_the_sweep_is_bounded_and_goes_on_while_there_is_work(host: PictureHost, monkeypatch: Any) -> None:
    monkeypatch.setattr(sweep, "SLICE", 10)
    product(*(host.put(f"/{number}.jpg", image(20, 20)) for number in range(25)))
    tick("default")
    assert tasks_waiting() == ["catalogue.tasks.copy_pictures"]
    OrmQ.objects.all().delete()
    for left in (15, 5):
        sweep.work()
        assert PictureCopy.objects.filter(state="waiting").count() == left
        assert tasks_waiting() == ["catalogue.tasks.copy_pictures"]
        OrmQ.objects.all().delete()
    sweep.work()
    assert (PictureCopy.objects.filter(state="stored").count(), tasks_waiting()) == (25, [])
    tick("default")
    assert tasks_waiting() == []


def tasks_waiting() -> list[str]:
    return [task.func() for task in OrmQ.objects.all() if "pictures" in task.func()]


def test_a_slice_that_runs_out_of_time_gives_the_rest_back(host: PictureHost, monkeypatch: Any) -> None:
    monkeypatch.setattr(sweep, "SLICE_SECONDS", -1.0)
    product(host.put("/mug.jpg", image()))
    assert sweep.run() == 0
    assert list(PictureCopy.objects.values_list("attempts", "claimed_at", "state")) == [(0, None, "waiting")]
    assert PictureCopy.objects.get().due_at <= timezone.now()


def test_no_second_slice_starts_beside_one_that_is_alive(host: PictureHost) -> None:
    product(host.put("/mug.jpg", image()))
    PictureCopy.objects.create(key="0" * 32, address="x", due_at=timezone.now(), claimed_at=timezone.now())
    tick("default")
    assert tasks_waiting() == []
    PictureCopy.objects.update(claimed_at=timezone.now() - timedelta(minutes=4))
    tick("default")
    assert tasks_waiting() == ["catalogue.tasks.copy_pictures"]


def test_a_picture_that_kills_its_worker_is_a_failed_one(host: PictureHost, monkeypatch: Any) -> None:
    address = host.put("/mug.jpg", image())
    product(address)

    def dies(*_args: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(sweep, "_work_host", dies)
    with pytest.raises(SystemExit):
        sweep.run()
    assert row(address).attempts == 1
    assert row(address).due_at > timezone.now() + timedelta(minutes=9)


def test_copies_are_served_to_signed_in_staff_only(host: PictureHost, client: Client) -> None:
    address = host.put("/mug.jpg", image())
    product(address)
    sweep.run()
    url = pictures.copy_url(address)
    assert client.get(url).status_code == 302
    client.force_login(User.objects.create_user("buyer", password="x"))
    assert client.get(url).status_code == 302
    client.force_login(User.objects.create_user("maya", password="x", is_staff=True))
    answer = client.get(url)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    assert b"".join(answer.streaming_content)[8:12] == b"WEBP"  # type: ignore[attr-defined]
    for wrong in ("-81.webp", "-400.webp"):
        key = pictures.key_of(address if wrong == "-81.webp" else "another")
        assert client.get(f"/admin/pictures/{key}{wrong}").status_code == 404


def test_no_page_may_load_a_picture_from_another_host(client: Client) -> None:
    policy = client.get("/admin/login/")["Content-Security-Policy"]
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";") if " " in part.strip())
    assert parts["img-src"] == "'self' data:"


def test_doctor_counts_and_lists_pictures_without_a_copy(host: PictureHost) -> None:
    bad = host.put("/drawing.svg", b"<svg/>")
    product(bad)
    sweep.run()
    product(host.put("/mug.jpg", image()))
    out = StringIO()
    call_command("doctor", "--only", "pictures_are_copied", stdout=out)
    assert "1 are still to be made, 1 cannot be made" in out.getvalue()
    out = StringIO()
    with pytest.raises(SystemExit):  # 1: there are some
        call_command("doctor", "--pictures", stdout=out)
    assert out.getvalue().split("\t")[:2] == [bad, "It is a vector drawing (SVG), which is not shown."]
