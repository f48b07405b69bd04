"""Calls to OnBuy's API v2: token, pages by offset, errors, and the answers for single items.

HTTP 200 does not mean that all items of a call were carried out: each item has its own answer in the document (§4).

A token lives 15 minutes, works from the internet address that requested it, and may end when another is requested: there is
one per store, shared by all workers (`channels.http.oauth_tokens`). It is sent without “Bearer”, with which OnBuy answers 401.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from channels.contract.errors import AuthError, ChannelError, RateLimited, Rejected, TemporaryError, Uncertain
from channels.contract.schema import whole
from channels.contract.translation import gettext as _
from channels.contract.translation import gettext_lazy
from channels.http import oauth_tokens
from channels.http.response import retry_after

if TYPE_CHECKING:
    from channels.http.response import Answer
    from channels.http.session import ChannelSession
    from channels.models import Connection

BASE_URL = "https://api.onbuy.com/v2"
SITE = 2000  # the United Kingdom
PAGE_SIZE = 100
MARGIN = 90.0  # seconds before its end that a token is renewed
DEFAULT_WAIT = 90.0

WRONG_KEYS = gettext_lazy(
    "OnBuy did not accept these keys: copy the consumer key and the secret key again from the seller panel, "
    "Listing » Imports & Integrations » OnBuy API."
)
TOKEN_REFUSED = gettext_lazy(
    "OnBuy does not accept the token that it issued: another program signs in with these keys at the same time, or the "
    "workers of Manifold use more than one IP address. Manifold tries again."
)
NOT_ALLOWED = gettext_lazy("OnBuy does not allow this account to do that")
NO_SUCH_SKU = "sku does not exist"


@dataclass(frozen=True, slots=True)
class Rows:
    """One page: its rows, and the number of all rows (None where OnBuy does not say)."""

    rows: Sequence[Any]
    total: int | None


def error_text(document: Any) -> str:
    """Return the error text of an answer; its place depends on the path."""
    if not isinstance(document, dict):
        return ""
    error = document.get("error")
    if isinstance(error, dict):
        return str(error.get("message") or error.get("errorCode") or "")
    errors = document.get("errors")
    if isinstance(errors, list) and errors:
        return "; ".join(
            str(each.get("message", each) if isinstance(each, dict) else each) for each in errors
        )
    return str(error or document.get("message") or "")


def is_refused(document: Mapping[str, Any]) -> bool:
    """Return whether a document has `success` false, 0 or "0"."""
    return str(document.get("success")).casefold() in ("false", "0")


def classify(
    answer: Answer, *, is_repeatable: bool, method: str = "", is_signing_in: bool = False
) -> ChannelError | None:
    """Return the error that an answer of OnBuy means, or None. Errors of single items are not looked for.

    OnBuy has a limit for each method, which other programs share: when changes are limited, orders are still imported.
    When reading is limited, the whole store waits.
    """
    try:
        document: Any = answer.document()
    except ValueError:
        document = None
    words, status = error_text(document), answer.status
    detail = f"HTTP {status}: {words}"
    if status == 429:
        wait = retry_after(answer.headers)
        return RateLimited(
            _("OnBuy's API limit is reached; Manifold continues by itself."),
            retry_after=DEFAULT_WAIT if wait is None else wait,
            detail=detail,
            code="429",
            scope="" if is_signing_in or method == "GET" else method,
        )
    if status == 401 or (is_signing_in and status in (400, 403)):
        return AuthError(str(WRONG_KEYS), detail=detail, code="401")
    if status == 408 or status >= 500:
        return TemporaryError(_("OnBuy has an error; Manifold tries again."), detail=detail, code=str(status))
    if status == 403:
        reason = words or _("ask OnBuy’s support")
        return Rejected(f"{NOT_ALLOWED}: {reason}.", detail=detail, code="403")
    if status >= 400:
        return Rejected(
            _("OnBuy refused: %s.") % (words or f"HTTP {status}"), detail=detail, code=str(status)
        )
    if document is None:
        kind = TemporaryError if is_repeatable else Uncertain
        return kind(_("OnBuy answered without data; Manifold tries again."), detail=detail)
    if isinstance(document, dict) and is_refused(document) and not document.get("results"):
        reason = words or _("it gave no reason")
        return Rejected(_("OnBuy refused: %s.") % reason, detail=detail, code="refused")
    return None


def answers_of(document: Any, skus: Sequence[str]) -> dict[str, str]:
    """Return the error text of each SKU from the answer to `PUT /listings/by-sku`; "": done, missing: no answer.

    The only row of an answer belongs to the only SKU, even if OnBuy spells it otherwise (for example as a number).
    """
    rows = rows_of(document)
    if len(skus) == len(rows) == 1:
        return {skus[0]: item_error_text(rows[0])}
    return {str(row.get("sku")): item_error_text(row) for row in rows}


def item_error_text(row: Mapping[str, Any]) -> str:
    """Return why this item was refused; "" when it was done."""
    is_wrong = bool(row.get("error") or row.get("errors")) or is_refused(row)
    return error_text(row) or _("refused") if is_wrong else ""


def order_error_text(document: Any, order_id: str) -> str | None:
    """Return why a dispatch or cancellation of this order was refused; "" when it was done, None without an answer."""
    found = document.get("results", document.get("result")) if isinstance(document, dict) else None
    rows: list[Any] = []
    if isinstance(found, dict) and order_id in found:
        rows = [found[order_id]]
    elif isinstance(found, list):
        rows = [
            row for row in found if isinstance(row, dict) and str(row.get("order_id", order_id)) == order_id
        ]
    if not rows or isinstance(rows[0], str):
        return None
    row = rows[0]
    if not isinstance(row, dict):
        return ""
    if is_refused(row):
        return error_text(row) or _("it gave no reason")
    return "" if "success" in row else error_text(row)


def rows_of(document: Any) -> Sequence[Mapping[str, Any]]:
    """Return the rows of an answer about many items."""
    results = document.get("results") if isinstance(document, dict) else None
    return [row for row in results if isinstance(row, dict)] if isinstance(results, list) else []


def error_of(sku: str, words: str | None) -> Exception | None:
    """Return the error of one SKU from its error text; None when it was done. A SKU without an answer is sent again."""
    if words == "":
        return None
    if words is None:
        return TemporaryError(_("OnBuy gave no answer for this SKU."))
    if NO_SUCH_SKU in words.casefold():
        missing = _("OnBuy has no listing with the SKU %s.") % sku
        return Rejected(missing, code="no_such_sku", detail=words)
    if "suspended" in words.casefold():
        why = _("OnBuy has suspended %(sku)s and accepts no changes: %(reason)s")
        return Rejected(why % {"sku": sku, "reason": words}, code="suspended")
    return refused_sku(sku, words)


def refused_sku(sku: str, words: str) -> Rejected:
    """Return the error of a refused SKU, with OnBuy's reason."""
    return Rejected(_("OnBuy refused %(sku)s: %(reason)s") % {"sku": sku, "reason": words})


class OnBuyClient:
    """Calls for one store."""

    def __init__(self, connection: Connection, session: ChannelSession) -> None:
        self.connection = connection
        self.session = session
        self.base_url = str(connection.credentials.get("api_url") or BASE_URL).rstrip("/")

    def get(self, path: str, **params: Any) -> Any:
        """Send a GET request; return the document. Write a nested parameter as `filter[name]`."""
        return self._call("GET", path, params=params, is_repeatable=True)

    def rows(self, path: str, *, limit: Any = PAGE_SIZE, offset: Any = 0, **params: Any) -> Rows:
        """Return one page of a list: `results`, `data` or an array."""
        document = self.get(path, **params, limit=limit, offset=offset)
        if isinstance(document, list):
            return Rows(document, len(document))
        document = document if isinstance(document, dict) else {}
        rows, meta = document.get("results", document.get("data", [])), document.get("metadata")
        meta = meta if isinstance(meta, dict) else {}
        total = whole(meta.get("total_rows", meta.get("total_results")))
        return Rows(rows if isinstance(rows, list) else [], total)

    def all_rows(self, path: str, **params: Any) -> list[Any]:
        """Return all rows of a short list: pages are read until OnBuy's count is reached or a page is empty."""
        rows: list[Any] = []
        while True:
            found = self.rows(path, offset=len(rows), **params)
            rows += found.rows
            if not found.rows or (found.total is not None and len(rows) >= found.total):
                return rows

    def put(self, path: str, body: Mapping[str, Any], *, is_repeatable: bool = True) -> Any:
        return self._call("PUT", path, body={"site_id": SITE, **body}, is_repeatable=is_repeatable)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("POST", path, body={"site_id": SITE, **body}, is_repeatable=False)

    # ------------------------------------------------ steps
    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        is_repeatable: bool,
    ) -> Any:
        """Send one request; after a refused token once more with a new token.

        Raise `AuthError` only when the keys are refused: another program may have ended the token.
        """
        token = self._token()
        try:
            return self._send(method, path, token, params, body, is_repeatable)
        except AuthError:
            oauth_tokens.invalidate(self.connection, token)
        token = self._token()
        try:
            return self._send(method, path, token, params, body, is_repeatable)
        except AuthError as error:
            raise TemporaryError(str(TOKEN_REFUSED), detail=error.detail, code="401") from error

    def _send(
        self,
        method: str,
        path: str,
        token: str,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        is_repeatable: bool,
    ) -> Any:
        headers = {"Accept": "application/json", "Authorization": token}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        answer = self.session.call(
            method,
            self.base_url + path,
            params=[(name, str(value)) for name, value in (params or {}).items()],
            headers=headers,
            body=data,
            repeatable=is_repeatable,
            classify=lambda answer: classify(answer, is_repeatable=is_repeatable, method=method),
        )
        return answer.json()

    def _token(self) -> str:
        return oauth_tokens.get_token(self.connection, refresh=self._sign_in, margin_seconds=MARGIN)

    def _sign_in(self, stored: oauth_tokens.Token | None) -> oauth_tokens.Token:
        keys = {
            name: str(self.connection.credentials.get(name, "")) for name in ("consumer_key", "secret_key")
        }
        answer = self.session.call(
            "POST",
            f"{self.base_url}/auth/request-token",
            headers={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(keys).encode(),
            repeatable=True,
            classify=lambda answer: classify(answer, is_repeatable=True, is_signing_in=True),
        )
        document = answer.json()
        try:
            expires_at = datetime.fromtimestamp(int(str(document["expires_at"])), UTC)
            return oauth_tokens.Token(str(document["access_token"]), expires_at)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise TemporaryError(
                _("OnBuy’s sign-in answered without a token; Manifold tries again.")
            ) from error
