"""Calls of Click & Drop's API v1: a bearer key, and its errors in its own words."""

from __future__ import annotations

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

BASE_URL = "https://api.parcel.royalmail.com/api/v1"


def refusal(document: Any, status: str = "") -> Rejected | None:
    """Return the refusal that an answer explains; None where it has no words.

    Each call has its own shape: a message, a list of messages with codes, or errors with a description.
    """
    if isinstance(document, dict):
        document = document.get("errors") or [document]
    rows = [row for row in document if isinstance(row, dict)] if isinstance(document, list) else []
    words = [
        str(row.get("errorMessage") or row.get("message") or row.get("description") or "") for row in rows
    ]
    text = "; ".join(dict.fromkeys(filter(None, words)))
    if not text:
        return None
    fields = [str(each.get("fieldName") or "") for row in rows for each in row.get("fields") or ()]
    field = next(filter(None, fields), "")
    code = next((str(row[name]) for row in rows for name in ("errorCode", "code") if row.get(name)), status)
    return Rejected(
        _("Royal Mail: %(words)s (%(field)s)") % {"words": text, "field": field}
        if field
        else _("Royal Mail: %s") % text,
        code=code,
        detail=f"HTTP {status}",
        field=field,
    )


def classify(answer: Answer, label: str) -> ChannelError | None:
    """Return the error of an answer; None for a good one."""
    if answer.status == 401:
        return AuthError(
            _("%s does not accept this key. Enter it again.") % label, detail="HTTP 401", code="401"
        )
    if answer.status == 403:
        return Rejected(
            _("Royal Mail allows this for business accounts (OBA) only. Print this label in Click & Drop."),
            detail="HTTP 403",
            code="403",
        )
    if 400 <= answer.status < 500 and answer.status not in (404, 408, 429):
        try:
            found = refusal(answer.json(), str(answer.status))
        except ChannelError:
            found = None
        return found or default_error(answer, label)
    return default_error(answer, label)


def reference_path(reference: str) -> str:
    """Return an order reference as a part of a path: in double quotes, percent-encoded."""
    return quote(f'"{reference}"', safe="")


class RoyalMailClient:
    """Calls for one Click & Drop account."""

    def __init__(self, connection: Connection, session: ChannelSession) -> None:
        self.connection, self.session = connection, session
        self.base_url = str(connection.credentials.get("api_url") or BASE_URL).rstrip("/")

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Send a GET request; return the document."""
        return self._call("GET", path, params=params, repeatable=True).json()

    def pdf(self, path: str, params: Mapping[str, str]) -> bytes:
        """Return the PDF of a GET request."""
        return self._call("GET", path, params=params, repeatable=True, accept="application/pdf").body

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a POST request; return the document. A missing answer is `Uncertain`: nothing here is idempotent."""
        return self._call("POST", path, body=body, repeatable=False).json()

    def delete(self, path: str) -> Any:
        """Send a DELETE request; return the document. Deleting twice changes nothing."""
        return self._call("DELETE", path, repeatable=True).json()

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        repeatable: bool,
        accept: str = "application/json",
    ) -> Answer:
        headers = {
            "Accept": accept,
            "Authorization": f"Bearer {self.connection.credentials.get('api_key', '')}",
        }
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        label = self.connection.name or "Royal Mail"
        return self.session.call(
            method,
            self.base_url + path,
            params=params,
            headers=headers,
            body=data,
            repeatable=repeatable,
            classify=lambda answer: classify(answer, label),
        )
