"""Calls of Sendcloud's API v3: Basic authentication, and its errors in its own words."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from channels.contract.errors import AuthError, ChannelError, Rejected
from channels.contract.translation import gettext as _
from channels.http.response import default_error

if TYPE_CHECKING:
    from channels.http.response import Answer
    from channels.http.session import ChannelSession
    from channels.models import Connection

BASE_URL = "https://panel.sendcloud.sc/api/v3"


def errors_of(document: Any) -> list[dict[str, Any]]:
    """Return the errors of an answer: a list, or a document with `errors` (the specification has both)."""
    if isinstance(document, dict):
        document = document.get("errors") or document.get("data", {}).get("errors")
    return [row for row in document if isinstance(row, dict)] if isinstance(document, list) else []


def refusal(rows: list[dict[str, Any]], status: str = "") -> Rejected:
    """Return the refusal that Sendcloud explains: its words, and the field to which it points."""
    first = rows[0] if rows else {}
    field = str((first.get("source") or {}).get("pointer") or "").strip("/")
    words = (
        "; ".join(dict.fromkeys(str(row.get("detail") or row.get("title") or "") for row in rows)) or status
    )
    return Rejected(
        _("Sendcloud: %(words)s (%(field)s)") % {"words": words, "field": field}
        if field
        else _("Sendcloud: %s") % words,
        code=str(first.get("code") or status),
        detail=f"HTTP {status}",
        field=field,
    )


def classify(answer: Answer, label: str) -> ChannelError | None:
    """Return the error of an answer; None for a good one."""
    if answer.status in (401, 403):
        return AuthError(
            _("%s does not accept these keys. Enter them again.") % label,
            detail=f"HTTP {answer.status}",
            code=str(answer.status),
        )
    if 400 <= answer.status < 500 and answer.status not in (408, 429):
        try:
            rows = errors_of(answer.json())
        except ChannelError:
            rows = []
        return refusal(rows, str(answer.status)) if rows else default_error(answer, label)
    return default_error(answer, label)


class SendcloudClient:
    """Calls for one Sendcloud account."""

    def __init__(self, connection: Connection, session: ChannelSession) -> None:
        self.connection, self.session = connection, session
        self.base_url = str(connection.credentials.get("api_url") or BASE_URL).rstrip("/")

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Send a GET request; return the document."""
        return self._call("GET", path, params=params, repeatable=True).json()

    def file(self, path: str, media: str, params: Mapping[str, str]) -> bytes:
        """Return the content of a document of this media type."""
        return self._call("GET", path, params=params, repeatable=True, accept=media).body

    def post(self, path: str, body: Mapping[str, Any] | None, *, repeatable: bool) -> Answer:
        """Send a POST request; return the answer. `repeatable`: making it twice changes nothing."""
        return self._call("POST", path, body=body, repeatable=repeatable)

    def try_post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Send a POST request whose refusal 409 (the reference is known) is an answer and no error."""
        return self._call("POST", path, body=body, repeatable=False, known=True)

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        repeatable: bool,
        accept: str = "application/json",
        known: bool = False,
    ) -> Answer:
        keys = f"{self.connection.credentials.get('public_key', '')}:{self.connection.credentials.get('secret_key', '')}"
        headers = {"Accept": accept, "Authorization": "Basic " + base64.b64encode(keys.encode()).decode()}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        label = self.connection.name or "Sendcloud"
        return self.session.call(
            method,
            self.base_url + path,
            params=params,
            headers=headers,
            body=data,
            repeatable=repeatable,
            classify=lambda answer: None if known and answer.status == 409 else classify(answer, label),
        )


def segment(text: str) -> str:
    """Return a text as one part of a path."""
    return quote(text, safe="")
