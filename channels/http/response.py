"""The answer of a channel, and the table that maps it to one of the five errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.documents import TooComplex, read_document
from channels.contract.errors import AuthError, ChannelError, RateLimited, Rejected, TemporaryError
from channels.http import redaction

DEFAULT_RETRY_AFTER = 60.0
MAX_RETRY_AFTER = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request: `headers` ignore case, `body` is decompressed, `elapsed` is in seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed: float
    url: str = ""
    label: str = field(default="", repr=False)
    _read: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def document(self, *, parse_float: Callable[[str], Any] | None = None) -> Any:
        """Return the body as JSON, without a UTF-8 BOM; it is parsed once.

        Raises `ValueError` when it is not JSON, `Rejected` when it is above the limits of `channels.contract.documents`.
        """
        if parse_float not in self._read:
            try:
                self._read[parse_float] = read_document(self.body, parse_float=parse_float)
            except TooComplex as error:
                raise Rejected(
                    _("An answer of %(store)s is too large or too deeply nested and was not imported.")
                    % {"store": self.label or urlsplit(self.url).hostname or _("the channel")},
                    detail=str(error),
                    code="too_large",
                ) from None
        return self._read[parse_float]

    def json(self) -> Any:
        """Return the body as JSON; raises `TemporaryError` when it is not JSON."""
        try:
            return self.document()
        except ValueError as error:
            raise TemporaryError(
                _("The answer of %(store)s is not JSON. Manifold tries again.")
                % {"store": self.label or urlsplit(self.url).hostname or _("the channel")},
                detail=f"HTTP {self.status} {self.headers.get('Content-Type', '')}: {redaction.body(self.body)}",
                code="not_json",
            ) from error

    @property
    def text(self) -> str:
        """The body as text, without a UTF-8 BOM."""
        return self.body.decode("utf-8-sig", "replace")


Classify = Callable[[Answer], ChannelError | None]
Params = Mapping[str, str] | Sequence[tuple[str, str]]


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Return the seconds of `Retry-After` (seconds or an HTTP date), at most a day; None when absent or unreadable."""
    value = (headers.get("Retry-After") or "").strip()[:100]
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except (TypeError, ValueError):
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - (now or timezone.now())).total_seconds()
    if seconds != seconds or seconds in (float("inf"), float("-inf")):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def default_error(answer: Answer, label: str) -> ChannelError | None:
    """Return the error for an answer, by the default table of all channels; None for a status under 400."""
    status = answer.status
    detail = f"HTTP {status}: {redaction.body(answer.body)}"
    code = str(status)
    if status < 400:
        return None
    if status == 408 or status >= 500:
        return TemporaryError(
            _("%(store)s has a server fault (HTTP %(status)s). Manifold tries again.")
            % {"store": label, "status": status},
            detail=detail,
            code=code,
        )
    if status == 429:
        return RateLimited(
            _("%(store)s asked Manifold to wait.") % {"store": label},
            retry_after=_wait(answer),
            detail=detail,
            code=code,
        )
    if status in (401, 403):
        return AuthError(
            _("%(store)s no longer accepts its keys (HTTP %(status)s). Reconnect the store.")
            % {"store": label, "status": status},
            detail=detail,
            code=code,
        )
    return Rejected(
        _("%(store)s refused the request (HTTP %(status)s).") % {"store": label, "status": status},
        detail=detail,
        code=code,
    )


def _wait(answer: Answer) -> float:
    asked = retry_after(answer.headers)
    return DEFAULT_RETRY_AFTER if asked is None else asked
