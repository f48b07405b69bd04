"""Calls to BigCommerce: addresses, headers, quota, errors, paging. It returns native JSON (`bigcommerce.md` §2).

Numbers with a fraction are read as text, so that no amount passes through binary arithmetic.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from channels.contract.documents import read_document
from channels.contract.errors import AuthError, ChannelError, RateLimited, Rejected, TemporaryError, Uncertain
from channels.contract.schema import whole

if TYPE_CHECKING:
    from channels.http.response import Answer
    from channels.http.session import ChannelSession

API = "https://api.bigcommerce.com"
LIMIT = 250
STOCK_LIMIT = 1000
#: Sent with every product request: the base variant is the one without options, and of a write only the id is read.
LEAN: Mapping[str, str] = {"exclude_fields": "base_variant_id"}
ID_ALONE: Mapping[str, str] = {"include_fields": "name"}
JITTER = 0.25  # seconds added to a window's end, so that not every worker begins in the same instant
_HASH = re.compile(r"[A-Za-z0-9]{3,64}")
_PATH = re.compile(r"/stores/([A-Za-z0-9]{3,64})(?:/v[23])?/?")

#: Which permission a path needs, for the message that names it.
SCOPES: Sequence[tuple[str, str]] = (
    ("/v2/orders", "Orders (modify)"),
    ("/v3/orders", "Order transactions (read-only)"),
    ("/v3/catalog", "Products (modify)"),
    ("/v3/inventory/locations", "Store locations (read-only)"),
    ("/v3/inventory", "Store inventory (modify)"),
    ("/v3/settings", "Information & settings (read-only)"),
    ("/v2", "Information & settings (read-only)"),
)

Params = Mapping[str, str]


def store_url(text: str, allowed_private: Sequence[str] = (), *, api: str = API) -> str:
    """Return `https://api.bigcommerce.com/stores/{hash}` for a pasted API path or a store hash alone.

    Raises `Rejected` for any other host: the token is sent only to BigCommerce and to `allowed_private` hosts.
    """
    text = text.strip()
    if _HASH.fullmatch(text):
        return f"{api}/stores/{text}"
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port
    except ValueError:
        raise Rejected(_("This is not an API path of BigCommerce."), field="api_path") from None
    found = _PATH.fullmatch(parts.path)
    if not found or parts.username or parts.query:
        raise Rejected(
            _("This is not an API path: it looks like https://api.bigcommerce.com/stores/abc123/v3/."),
            field="api_path",
        )
    origin = f"{parts.scheme}://{parts.netloc}"
    host = parts.hostname or ""
    if origin not in (API, api) and not {host, f"{host}:{port}"} & set(allowed_private):
        raise Rejected(
            _("The API path must begin with https://api.bigcommerce.com/stores/."), field="api_path"
        )
    return f"{origin}/stores/{found[1]}"


def classify(answer: Answer, *, repeatable: bool) -> ChannelError | None:
    """Return the error that an answer means, or None. 207 is no error: what failed is in its body."""
    status, detail = answer.status, answer.body[:300].decode("utf-8", "replace")
    if status < 300:
        return _not_json(answer, repeatable, detail)
    words = message_of(answer.body)
    if status == 429:
        return _too_many(answer, detail)
    if status == 401:
        return AuthError(
            _(
                "BigCommerce does not accept the access token: it is wrong or was revoked; reconnect with a new one."
            ),
            code="401",
            detail=detail,
        )
    if status == 403:
        return AuthError(
            _("BigCommerce refuses this: give the API account the permission “%(scope)s”, or check the plan.")
            % {"scope": scope_of(answer.url)},
            code="403",
            detail=detail,
        )
    if status in (408, 423) or status >= 500:
        if status == 503:
            return TemporaryError(
                _("The store is closed for maintenance."), code="503", detail=detail, maintenance=True
            )
        if status == 507:
            return Rejected(
                _("The store's plan allows no more: %(reason)s") % {"reason": words},
                code="507",
                detail=detail,
            )
        kind = TemporaryError if repeatable else Uncertain
        return kind(
            _("BigCommerce has an error (HTTP %(status)s). Manifold tries again.") % {"status": status},
            code=str(status),
            detail=detail,
        )
    if status in (301, 302, 307, 308):
        return TemporaryError(
            _("BigCommerce answered from another address."), code=str(status), detail=detail
        )
    return Rejected(_("BigCommerce refused: %(reason)s") % {"reason": words}, code=str(status), detail=detail)


def _not_json(answer: Answer, repeatable: bool, detail: str) -> ChannelError | None:
    if answer.status == 204 or not answer.body.strip():
        return None
    try:
        answer.document(parse_float=str)
    except ValueError:
        kind = TemporaryError if repeatable else Uncertain
        return kind(
            _("BigCommerce answered without JSON. Manifold tries again."),
            code="not_json",
            detail=detail,
        )
    return None


def _too_many(answer: Answer, detail: str) -> ChannelError:
    left = _number(answer.headers.get("X-Rate-Limit-Time-Reset-Ms"))
    if left is not None:
        wait: float | None = left / 1000 + JITTER
    else:
        wait = _number(answer.headers.get("X-Retry-After")) or _number(answer.headers.get("Retry-After"))
    if wait is None:
        return TemporaryError(
            _("BigCommerce is under load. Manifold tries again."),
            code="overloaded",
            detail=detail,
        )
    return RateLimited(_("The store's API limit is reached for the moment."), retry_after=wait, detail=detail)


def _number(value: str | None) -> float | None:
    try:
        return max(float(value), 0.0) if value else None
    except ValueError:
        return None


def message_of(body: bytes) -> str:
    """Return the reason in an error: v3's title and fields, or v2's list of messages."""
    try:
        document = read_document(body)
    except ValueError:
        return _("it gave no reason.")
    rows = document if isinstance(document, list) else [document]
    parts = []
    for row in rows:
        if isinstance(row, dict):
            row = row.get("errors") if set(row) == {"errors", "meta"} else row
            errors = row.get("errors") if isinstance(row, dict) else None
            words = [str(word) for word in errors.values()] if isinstance(errors, dict) else []
            title = str(row.get("title") or row.get("message") or "") if isinstance(row, dict) else ""
            parts += [part for part in (title, *words) if part]
            for batch in row.get("batch_errors", ()) if isinstance(row, dict) else ():
                parts.append(message_of(json.dumps(batch).encode()))
    text = "; ".join(dict.fromkeys(part.strip().rstrip(".") for part in parts))[:400]
    return f"{text}." if text else _("it gave no reason.")


def scope_of(url: str) -> str:
    """Return the name of the permission that this address needs."""
    path = re.sub(r"^.*/stores/[^/]+", "", urlsplit(url).path)
    return next((scope for start, scope in SCOPES if path.startswith(start)), _("that it needs"))


class BigCommerceClient:
    """Calls to one store: `base_url` is `…/stores/{hash}`; paths begin with `/v2` or `/v3`."""

    def __init__(self, base_url: str, token: str, session: ChannelSession) -> None:
        self.base_url = base_url
        self.session = session
        self._token = token

    @property
    def store_hash(self) -> str:
        return self.base_url.rpartition("/")[2]

    def get(self, path: str, params: Params | None = None) -> Any:
        """Send a GET request; return None for an empty answer (204), which in v2 means that there are no rows."""
        return self._call("GET", path, params, None, repeatable=True)

    def post(self, path: str, body: Any, params: Params | None = None, *, repeatable: bool = False) -> Any:
        """Send a POST request. `repeatable`: a second call changes nothing; otherwise a lost answer is `Uncertain`."""
        return self._call("POST", path, params, body, repeatable=repeatable)

    def upload(self, path: str, fields: Mapping[str, str], *, file: bytes, name: str, kind: str) -> Any:
        """POST a picture as form data, in the field `image_file`; `kind` is its MIME type."""
        edge = secrets.token_hex(16)
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in fields.items()
        ]
        head = f'--{edge}\r\nContent-Disposition: form-data; name="image_file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
        body = b"".join([*parts, head.encode(), file, f"\r\n--{edge}--\r\n".encode()])
        return self._send("POST", path, None, body, f"multipart/form-data; boundary={edge}", repeatable=True)

    def put(self, path: str, body: Any, params: Params | None = None) -> Any:
        """Send a whole state; repeating it changes nothing."""
        return self._call("PUT", path, params, body, repeatable=True)

    def put_once(self, path: str, body: Any) -> Any:
        """PUT something that customers see at once (an order's status): a lost answer is `Uncertain`."""
        return self._call("PUT", path, None, body, repeatable=False)

    def delete(self, path: str) -> None:
        """Delete what is at this path."""
        self._call("DELETE", path, None, None, repeatable=True)

    def _call(self, method: str, path: str, params: Params | None, body: Any, *, repeatable: bool) -> Any:
        content = None
        if body is not None:
            content = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        # Sent with reads too: one call of v2 needs it.
        return self._send(method, path, params, content, "application/json", repeatable=repeatable)

    def _send(
        self,
        method: str,
        path: str,
        params: Params | None,
        content: bytes | None,
        content_type: str,
        *,
        repeatable: bool,
    ) -> Any:
        answer = self.session.call(
            method,
            self.base_url + path,
            params=params,
            headers={
                "X-Auth-Token": self._token,
                "Accept": "application/json",
                "Content-Type": content_type,
            },
            body=content,
            repeatable=repeatable,
            classify=lambda answer: self._judge(answer, repeatable),
        )
        if answer.status == 204 or not answer.body.strip():
            return None
        return answer.document(parse_float=str)

    def _judge(self, answer: Answer, repeatable: bool) -> ChannelError | None:
        self._learn_quota(answer)
        return classify(answer, repeatable=repeatable)

    def _learn_quota(self, answer: Answer) -> None:
        """Take the limit from the headers: other apps use the same limit."""
        quota = _number(answer.headers.get("X-Rate-Limit-Requests-Quota"))
        left = _number(answer.headers.get("X-Rate-Limit-Requests-Left"))
        window = _number(answer.headers.get("X-Rate-Limit-Time-Window-Ms"))
        if left is None:
            return
        rate = quota / (window / 1000) if quota and window else None
        reset = _number(answer.headers.get("X-Rate-Limit-Time-Reset-Ms"))
        self.session.correct_budget(
            remaining=left,
            capacity=quota,
            per_second=rate,
            full_in=None if reset is None else reset / 1000,
        )

    # ------------------------------------------------ pages
    @staticmethod
    def v3_rows(answer: Any) -> tuple[list[Any], int | None]:
        """Return the rows of a v3 answer and how many there are in all (None: it does not say)."""
        document = answer if isinstance(answer, dict) else {}
        rows = document.get("data")
        return rows if isinstance(rows, list) else [], _paging(document, "total")

    def v3_pages(self, path: str, params: Params | None = None, *, limit: int = LIMIT) -> Iterator[list[Any]]:
        """Yield all pages of a v3 list, up to `limit` rows each."""
        number = 1
        while True:
            answer = self.get(path, {**(params or {}), "limit": str(limit), "page": str(number)})
            rows, _total = self.v3_rows(answer)
            yield rows
            if not rows or number >= (_paging(answer, "total_pages") or 1):
                return
            number += 1

    def v3_all(self, path: str, params: Params | None = None, *, limit: int = LIMIT) -> list[Any]:
        """Return all rows of a v3 list."""
        return [row for page in self.v3_pages(path, params, limit=limit) for row in page]

    def v2_all(self, path: str, params: Params | None = None) -> list[Any]:
        """Return all rows of a v2 list: it ends with 204, with nothing, or with a page that is not full."""
        rows: list[Any] = []
        number = 1
        while True:
            answer = self.get(path, {**(params or {}), "limit": str(LIMIT), "page": str(number)})
            page = answer if isinstance(answer, list) else []
            rows += page
            if len(page) < LIMIT:
                return rows
            number += 1


def _paging(document: Any, name: str) -> int | None:
    meta = document.get("meta") if isinstance(document, dict) else None
    paging = meta.get("pagination") if isinstance(meta, dict) else None
    return whole(paging.get(name)) if isinstance(paging, dict) else None
