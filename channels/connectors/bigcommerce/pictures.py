"""Pictures that BigCommerce cannot fetch itself, because their address is too long: fetched here, sent as files (§3 #22).

They come through the same door as every call, so only from public addresses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, urlsplit

from channels.contract.errors import Rejected
from channels.http.pictures import PictureReader, shown

MOST = 8 * 1024 * 1024  # bytes that BigCommerce takes
#: Beginnings of the kinds of files that BigCommerce takes and that pictures on the web are.
KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"GIF8", "image/gif", "gif"),
    (b"BM", "image/bmp", "bmp"),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A file with a short name, and its kind by its own first bytes."""

    content: bytes
    name: str
    kind: str


class Pictures:
    """Where the pictures of a store's listings lie: not at BigCommerce, so nothing of its quota is spent."""

    def __init__(self, label: str) -> None:
        self.label = label

    @cached_property
    def reader(self) -> PictureReader:
        """Reads pictures from other servers: nothing of BigCommerce's API limit is used."""
        return PictureReader("bigcommerce", self.label)

    def fetch(self, url: str) -> Picture:
        """The picture at this address; raises `Rejected` when there is none that BigCommerce takes."""
        content = self.reader.fetch(url).content
        if len(content) > MOST:
            raise Rejected(
                f"BigCommerce takes pictures of up to {MOST // 1024 // 1024} MB: {shown(url)}",
                field="image_urls",
            )
        for begin, kind, ending in KINDS:
            if content.startswith(begin):
                return Picture(content, f"{_stem(url)}.{ending}", kind)
        if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            return Picture(content, f"{_stem(url)}.webp", "image/webp")
        raise Rejected(
            f"BigCommerce takes pictures as PNG, JPEG, GIF, BMP or WebP, which this is not: {shown(url)}",
            field="image_urls",
        )


def _stem(url: str) -> str:
    """A harmless name for the file, out of the last part of its address."""
    last = unquote(urlsplit(url).path.rpartition("/")[2]).rpartition(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", last).strip("-")[:60] or "picture"
