"""Pictures of listings: read from the address where they are, for channels that take them as files."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext as _

from channels.contract.errors import ChannelError, Rejected, TemporaryError
from channels.http.planning import PlanningSession
from channels.http.response import Answer
from channels.http.session import ChannelSession
from channels.models import Connection

MAX_PICTURE = 32 * 1024 * 1024  # bytes
SHOWN_CHARACTERS = 100  # of an address in a message


class Picture(NamedTuple):
    """A picture as it was read: its address, its bytes, the last part of its address, the server's content type."""

    url: str
    content: bytes
    name: str
    content_type: str


class PictureReader:
    """Reads pictures for one store, in a session of its own: no credentials are sent, no API limit is used.

    Only public addresses are read, like everything that goes through `ChannelSession`.
    """

    def __init__(self, channel: str, label: str) -> None:
        self.channel = channel
        self.label = label

    @cached_property
    def session(self) -> ChannelSession:
        """The session, which belongs to no saved store."""
        session = ChannelSession(Connection(channel=self.channel, name=self.label))
        session.longest_answer = MAX_PICTURE
        return session

    def fetch(self, url: str, *, only_images: bool = False) -> Picture:
        """Read the picture at this address.

        Raises `Rejected` (field "image_urls") when there is none, or with `only_images` when the server calls it
        something else; `TemporaryError` for a fault of that server.
        """
        answer = self.session.call("GET", url, repeatable=True, classify=_classify)
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if only_images and kind and not kind.startswith("image/"):
            raise Rejected(_no_picture(url), field="image_urls")
        return Picture(url, answer.body, unquote(urlsplit(url).path.rpartition("/")[2]), kind)


class UnreadPictures(PictureReader):
    """The pictures of a preview: their addresses only. Nothing is downloaded."""

    def fetch(self, url: str, *, only_images: bool = False) -> Picture:
        return Picture(url, b"\x89PNG\r\n\x1a\n", unquote(urlsplit(url).path.rpartition("/")[2]), "image/png")


def reader_for(session: ChannelSession | None, channel: str, label: str) -> PictureReader:
    """Return what reads the pictures of an adapter with this session; for a preview nothing is downloaded."""
    kind = UnreadPictures if isinstance(session, PlanningSession) else PictureReader
    return kind(channel, label)


def shown(url: str) -> str:
    """Return an address as a message names it: its first 100 characters."""
    return url if len(url) <= SHOWN_CHARACTERS else f"{url[:SHOWN_CHARACTERS]}…"


def _no_picture(url: str) -> str:
    return _("There is no picture at this address: %s") % shown(url)


def _classify(answer: Answer) -> ChannelError | None:
    """Return the error of an answer. It is from another server, so it is never an `AuthError` of the store."""
    if answer.status >= 500 or answer.status == 429:
        words = _("The picture cannot be downloaded now. Manifold tries again: %s")
        return TemporaryError(words % shown(answer.url))
    if answer.status >= 300:
        return Rejected(_no_picture(answer.url), field="image_urls")
    return None
