"""What came back from a channel, and the table that turns it into one of the five errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.translation import gettext as _

from channels.contract.errors import AuthError, ChannelError, RateLimited, Rejected, TemporaryError
from channels.http import redaction

DEFAULT_RETRY_AFTER = 60.0
MAX_RETRY_AFTER = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `headers` ignore case, `body` is decompressed, `elapsed` is in seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed: float
    url: str = ""
    label: str = field(default="", repr=False)
    _read: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def document(self, *, parse_float: Callable[[str], Any] | None = None) -> Any:
        """The body as JSON, without a UTF-8 BOM, parsed once however often it is asked for; `ValueError` when it is none."""
        if parse_float not in self._read:
            self._read[parse_float] = json.loads(self.body.decode("utf-8-sig"), parse_float=parse_float)
        return self._read[parse_float]

    def json(self) -> Any:
        """`document`, but `TemporaryError` when the body is no JSON."""
        try:
            return self.document()
        except ValueError as error:
            raise TemporaryError(
                _("%(store)s answered something that is not JSON; it will be asked again.")
                % {"store": self.label or urlsplit(self.url).hostname or "The channel"},
                detail=f"HTTP {self.status} {self.headers.get('Content-Type', '')}: {redaction.body(self.body)}",
                code="not_json",
            ) from error

    @property
    def text(self) -> str:
        return self.body.decode("utf-8-sig", "replace")


Classify = Callable[[Answer], ChannelError | None]
Params = Mapping[str, str] | Sequence[tuple[str, str]]


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds that `Retry-After` asks for, given as seconds or as an HTTP date; None when absent or unreadable."""
    value = (headers.get("Retry-After") or "").strip()
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
    """The table that holds for any channel: status -> one of the five errors, None for "fine"."""
    status = answer.status
    detail = f"HTTP {status}: {redaction.body(answer.body)}"
    code = str(status)
    if status < 400:
        return None
    if status == 408 or status >= 500:
        return TemporaryError(
            _("%(store)s has a fault of its own (HTTP %(status)s); it will be asked again.")
            % {"store": label, "status": status},
            detail=detail,
            code=code,
        )
    if status == 429:
        return RateLimited(
            _("%(store)s asks us to wait.") % {"store": label},
            retry_after=_wait(answer),
            detail=detail,
            code=code,
        )
    if status in (401, 403):
        return AuthError(
            _("%(store)s does not accept these credentials any more (HTTP %(status)s): reconnect the store.")
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
