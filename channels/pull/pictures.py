"""Download pictures for screens, by the guarded HTTP layer: only public addresses, limited in size and time."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from django.utils.translation import gettext as _

from channels.contract.errors import ChannelError, Rejected, TemporaryError
from channels.http.response import Answer, retry_after
from channels.http.session import ChannelSession
from channels.models import Connection

MOST_BYTES = 12 * 1024 * 1024
TIMEOUT = (4.0, 8.0)  # seconds: to connect, to wait for the next bytes
TOTAL_SECONDS = 15.0
MOST_HOPS = 3


@dataclass(frozen=True, slots=True)
class Download:
    """A picture as the server sent it. `content` is None when it is the one that was known (HTTP 304)."""

    content: bytes | None
    etag: str = ""
    last_modified: str = ""


class _Moved(Rejected):
    """The answer names another address on another host."""

    def __init__(self, target: str) -> None:
        super().__init__(_("The address redirects without end."))
        self.target = target


class Downloader:
    """Downloads pictures, in a session without a store: no credentials are sent, no API limit is used.

    It uses no database. One thread at a time may use it.
    """

    def __init__(self) -> None:
        self._session = ChannelSession(Connection(name=""))
        self._session.longest_answer = MOST_BYTES

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def fetch(self, address: str, *, etag: str = "", last_modified: str = "") -> Download:
        """Download the picture at `address`; with `etag` or `last_modified` only if it is another one by now.

        Raise `Rejected` where trying again soon cannot help (no such file, a private or wrong address, too large),
        `TemporaryError` (with `retry_after` in seconds, where the server named it) where it can.
        """
        headers = {"Accept": "image/avif;q=0.5,image/webp,image/jpeg,image/png,image/*;q=0.8"}
        if etag:
            headers["If-None-Match"] = etag
        if last_modified:
            headers["If-Modified-Since"] = last_modified
        target = address
        last: _Moved | None = None
        for _hop in range(MOST_HOPS):
            self._session.connection.name = _host(target)  # messages name it
            try:
                answer = self._session.call(
                    "GET",
                    target,
                    headers=headers,
                    repeatable=True,
                    classify=_classify,
                    timeout=TIMEOUT,
                    total=TOTAL_SECONDS,
                )
            except _Moved as moved:
                # Shops redirect to the host of their pictures. Each address is checked like the first one.
                target, last = moved.target, moved
                continue
            if answer.status == 304:
                return Download(None, etag, last_modified)
            return Download(
                answer.body,
                answer.headers.get("ETag", "")[:200],
                answer.headers.get("Last-Modified", "")[:60],
            )
        assert last is not None
        raise last


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # the call says that it is no address
        return ""


def _classify(answer: Answer) -> ChannelError | None:
    """Return the error of an answer; it is from any server, so it is never an `AuthError` of a store."""
    if answer.status == 304:
        return None
    if answer.status == 429 or answer.status == 503:
        return TemporaryError(_("The server asks to wait."), retry_after=retry_after(answer.headers))
    if answer.status >= 500:
        return TemporaryError(_("The server has a fault (HTTP %s).") % answer.status)
    if answer.status in (404, 410):
        return Rejected(_("There is no picture at this address."))
    if answer.status in (301, 302, 303, 307, 308) and answer.headers.get("Location"):
        return _Moved(urljoin(answer.url, answer.headers["Location"]))
    if answer.status >= 300:
        return Rejected(_("The server does not give the picture (HTTP %s).") % answer.status)
    return None
