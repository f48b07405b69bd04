"""Pictures of a listing: fetched from where they lie, handed over as files (`etsy.md` §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from channels.contract.errors import ChannelError, Rejected, TemporaryError

if TYPE_CHECKING:
    from channels.http.response import Answer
    from channels.http.session import ChannelSession


class Picture(NamedTuple):
    """A picture as it lies at `url`."""

    url: str
    content: bytes
    name: str
    kind: str


def fetch(session: ChannelSession, url: str) -> Picture:
    """The picture at this address. Raises `Rejected` naming it when there is none, `TemporaryError` for a fault."""
    answer = session.call("GET", url, repeatable=True, classify=_classify)
    name = urlsplit(url).path.rpartition("/")[2] or "picture.jpg"
    return Picture(url, answer.body, name.replace('"', ""), _kind(answer))


def _kind(answer: Answer) -> str:
    return answer.headers.get("Content-Type", "").partition(";")[0] or "image/jpeg"


def _classify(answer: Answer) -> ChannelError | None:
    """What came back where a picture should lie: never a word about the store's own sign-in."""
    if answer.status >= 500 or answer.status == 429:
        return TemporaryError(f"The picture at {answer.url} cannot be read now; it will be tried again.")
    if answer.status >= 300 or not _kind(answer).startswith("image/"):
        return Rejected(f"There is no picture at {answer.url}.", field="image_urls")
    return None
