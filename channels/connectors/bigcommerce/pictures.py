"""Pictures that BigCommerce cannot fetch itself, because their address is too long: fetched here, sent as files (§3 #22).

They come through the same door as every call, so only from public addresses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from channels.contract.errors import ChannelError, Rejected, TemporaryError

if TYPE_CHECKING:
    from channels.http.response import Answer
    from channels.http.session import ChannelSession

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
    def session(self) -> ChannelSession:
        from channels.http.session import ChannelSession
        from channels.models import Connection

        return ChannelSession(Connection(channel="bigcommerce", name=self.label))

    def fetch(self, url: str) -> Picture:
        """The picture at this address; raises `Rejected` when there is none that BigCommerce takes."""
        answer = self.session.call("GET", url, repeatable=True, classify=_judge)
        content = answer.body
        if len(content) > MOST:
            raise Rejected(
                f"BigCommerce takes pictures of up to {MOST // 1024 // 1024} MB: {_short(url)}",
                field="image_urls",
            )
        for begin, kind, ending in KINDS:
            if content.startswith(begin):
                return Picture(content, f"{_stem(url)}.{ending}", kind)
        if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            return Picture(content, f"{_stem(url)}.webp", "image/webp")
        raise Rejected(
            f"BigCommerce takes pictures as PNG, JPEG, GIF, BMP or WebP, which this is not: {_short(url)}",
            field="image_urls",
        )


def _judge(answer: Answer) -> ChannelError | None:
    """Never a word about the store's own sign-in: it is another server."""
    if answer.status >= 500 or answer.status == 429:
        return TemporaryError(f"The picture cannot be read now; it will be tried again: {_short(answer.url)}")
    if answer.status >= 300:
        return Rejected(f"There is no picture at this address: {_short(answer.url)}", field="image_urls")
    return None


def _stem(url: str) -> str:
    """A harmless name for the file, out of the last part of its address."""
    last = unquote(urlsplit(url).path.rpartition("/")[2]).rpartition(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", last).strip("-")[:60] or "picture"


def _short(url: str) -> str:
    return url if len(url) <= 100 else f"{url[:100]}…"
