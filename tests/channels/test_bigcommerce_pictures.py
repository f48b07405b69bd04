"""Pictures whose address BigCommerce does not take go as files, from public addresses alone (`bigcommerce.md` §3 #22)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from channels.connectors.bigcommerce import listings
from channels.connectors.bigcommerce.sandbox.page import PNG
from channels.contract.errors import Rejected, Uncertain
from channels.contract.records.products import ProductKind
from channels.contract.records.updates import ListingDraft, VariantDraft
from tests.channels.bigcommerce import connected, sent

pytestmark = pytest.mark.req("R-CAT-08", "R-CAT-09")
LONG = "x" * 250


class Host:
    """A server where pictures lie: path -> (status, content); it notes what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[int, bytes]] = {}
        self.asked: list[dict[str, str]] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append({name.lower(): value for name, value in self.headers.items()})
                status, content = host.files.get(self.path, (404, b"gone"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def put(self, content: bytes, path: str = f"/{LONG}.png", status: int = 200) -> str:
        self.files[path] = (status, content)
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host()
    made.thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def running(serve_bigcommerce):
    return serve_bigcommerce()


def draft(*urls: str, **more: Any) -> ListingDraft:
    variants = (VariantDraft("v", "D-1", Decimal("12.50"), None, 3),)
    return ListingDraft("d1", ProductKind.SINGLE, "Draft", "", "GBP", variants, image_urls=urls, **more)


def images(running: Any, external_id: str) -> list[tuple[int, bool, str]]:
    row = running.sandbox.shop.products[int(external_id)]
    return sorted((i["sort_order"], i["is_thumbnail"], i["url_zoom"]) for i in row["images"])


def test_a_long_address_is_fetched_here_and_sent_as_a_file_in_its_place(running, host):
    long = host.put(PNG)

    made = connected(running).create_listing(
        draft("https://i.example.com/1.jpg", long, "https://i.example.com/3.jpg")
    )

    assert images(running, made.external_id) == [
        (0, True, "https://i.example.com/1.jpg"),
        (1, False, f"/image/{'x' * 60}.png"),
        (2, False, "https://i.example.com/3.jpg"),
    ]
    [call] = sent(running, "POST", "/images")
    assert call["headers"]["content-type"].startswith("multipart/form-data; boundary=")
    assert PNG in call["body"]
    assert b'name="sort_order"\r\n\r\n1\r\n' in call["body"]
    [asked] = host.asked
    assert not {"x-auth-token", "cookie", "authorization"} & set(
        asked
    )  # BigCommerce's token goes nowhere else


def test_255_characters_are_still_taken_by_their_address(running, host):
    url = f"https://i.example.com/{'a' * 229}.jpg"
    assert len(url) == 255

    connected(running).create_listing(draft(url))

    assert not sent(running, "POST", "/images")
    assert not host.asked


def test_pictures_of_a_listing_are_replaced_by_files_too(running, host):
    adapter = connected(running)
    made = adapter.create_listing(draft("https://i.example.com/1.jpg"))
    wanted = draft(host.put(PNG), external_id=made.external_id, changed=frozenset({"image_urls"}))

    adapter.update_listing(wanted)

    assert images(running, made.external_id) == [(0, True, f"/image/{'x' * 60}.png")]


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 200, "which this is not"),
        (b"", 404, "There is no picture at this address"),
        (b"", 401, "There is no picture at this address"),
        (PNG + b"0" * listings.MOST_BYTES, 200, "up to 8 MB"),
    ],
)
def test_what_is_no_picture_for_bigcommerce_is_a_sentence_and_makes_nothing(running, host, content, status, words):  # fmt: skip
    with pytest.raises(Rejected, match=words) as caught:
        connected(running).create_listing(draft(host.put(content, status=status)))

    assert caught.value.field == "image_urls"
    assert running.sandbox.shop.products == {}
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "[::1]"])
def test_pictures_come_from_public_addresses_alone(running, address):
    with pytest.raises(Rejected, match="private address"):
        connected(running).create_listing(draft(f"http://{address}/{LONG}.png"))

    assert running.sandbox.shop.products == {}


def test_a_file_that_bigcommerce_refuses_leaves_nothing_half_made(running, host, monkeypatch):
    monkeypatch.setattr("channels.connectors.bigcommerce.sandbox.catalogue.PICTURES", (b"\xff\xd8\xff",))

    with pytest.raises(Rejected, match="image_file is no picture"):
        connected(running).create_listing(draft(host.put(PNG)))

    assert running.sandbox.shop.products == {}


@pytest.mark.parametrize("fault", ["no_answer", "drop", "rate_limit", "maintenance"])
def test_a_file_whose_answer_was_lost_is_made_up_for_once(running, host, fault):
    """The product is there already, so no fault of a file may have it made a second time."""
    adapter, wanted = connected(running), draft("https://i.example.com/1.jpg", host.put(PNG))
    running.sandbox.inject(fault, match="/images", method="POST")
    with pytest.raises(Uncertain):
        adapter.create_listing(wanted)

    found = adapter.find_listing(wanted)

    assert found is not None
    assert [place for place, _main, _url in images(running, found.external_id)] == [0, 1]
    assert adapter.find_listing(replace(wanted)) == found
    assert len(images(running, found.external_id)) == 2
