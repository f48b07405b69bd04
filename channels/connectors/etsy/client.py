"""Calls to Etsy's Open API v3: keys, tokens, form and JSON bodies, errors, the limits in the headers.

Only `invalid_grant` asks the seller to reconnect; an access token that has ended is renewed once and the call repeated.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels.connectors.etsy.auth import GRANT_ENDED, is_over, tokens_of
from channels.contract.errors import AuthError, ChannelError, RateLimited, Rejected, TemporaryError
from channels.http import oauth_tokens
from channels.http.oauth_tokens import Token
from channels.http.response import retry_after
from oms.kit.numbers import is_whole_number, whole_number

if TYPE_CHECKING:
    from channels.http.response import Answer
    from channels.http.session import ChannelSession
    from channels.models import Connection

API = "https://api.etsy.com"
SIGN_IN = "https://www.etsy.com/oauth/connect"
PREFIX = "/v3/application"
DEFAULT_WAIT = 5.0
FORM = "application/x-www-form-urlencoded; charset=utf-8"
CODE_SPENT = gettext_lazy(
    "Etsy no longer accepts this sign-in: its code works once, for a short time. Start again."
)
APP_REFUSED = gettext_lazy(
    "Etsy does not accept this installation's application: check ETSY_KEYSTRING and ETSY_SHARED_SECRET."
)
NO_APP = gettext_lazy(
    "Set ETSY_KEYSTRING and ETSY_SHARED_SECRET: this installation has no application at Etsy yet."
)


class SpentTokens(Protocol):
    """Store of the tokens of a shop that is not connected yet (`app.grants`)."""

    def follower(self, refresh_token: str) -> dict[str, Any] | None:
        """Return the tokens that replaced this refresh token; None when it was not used."""

    def save(self, *, spent: str, fresh: Mapping[str, Any]) -> None:
        """Save the tokens that replaced a refresh token."""


@dataclass(frozen=True, slots=True)
class App:
    """The application of this installation at Etsy. A sandbox has its own in the credentials."""

    keystring: str
    shared_secret: str
    api_url: str
    sign_in_url: str

    @property
    def key(self) -> str:
        return f"{self.keystring}:{self.shared_secret}"


def app_of(credentials: Mapping[str, Any] | None = None) -> App:
    """Return the installation's application, or that of the credentials; raise `Rejected` when there is none."""
    given: dict[str, Any] = {**settings.OMS_APPS.get("etsy", {})}
    given |= {name: value for name, value in (credentials or {}).items() if value}
    app = App(
        str(given.get("keystring", "")),
        str(given.get("shared_secret", "")),
        str(given.get("api_url") or API).rstrip("/"),
        str(given.get("sign_in_url") or SIGN_IN),
    )
    if not app.keystring or not app.shared_secret:
        raise Rejected(str(NO_APP), code="no_app")
    return app


def app_key(connection: Connection) -> str:
    """Return the application whose quota this store uses; empty where none is known."""
    try:
        return app_of(connection.credentials).keystring
    except Rejected:
        return ""


def why_no_sign_in() -> str:
    """Return why nobody can sign in at Etsy on this installation; empty where one can."""
    try:
        app_of()
    except Rejected as error:
        return str(error)
    return ""


def text_of(value: object) -> str:
    """Return a value as Etsy's forms and queries need it: `true`, `1,2,3`, plain decimals."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(text_of(one) for one in value)
    return str(value)


def classify(answer: Answer) -> ChannelError | None:
    """Return the error that an answer means, or None."""
    document = _document(answer)
    uuid = answer.headers.get("X-Etsy-Request-Uuid", "")
    words = ""
    if isinstance(document, dict):
        words = str(document.get("error_description") or document.get("error") or "")
    detail = f"HTTP {answer.status} {words or answer.body[:200].decode('utf-8', 'replace')} {uuid}".strip()
    code = str(document.get("error", "")) if isinstance(document, dict) else ""
    status = answer.status
    if 200 <= status < 300:
        if document is None and status != 204:
            return TemporaryError(
                _("Etsy answered with a page instead of data."), code="not_json", detail=detail
            )
        return None
    if status == 429:
        wait = retry_after(answer.headers)
        return RateLimited(
            _("Etsy's API limit is reached for the moment."),
            retry_after=DEFAULT_WAIT if wait is None else wait,
            detail=detail,
        )
    if status >= 500 or status == 408:
        return TemporaryError(_("Etsy has an error. Manifold tries again."), detail=detail)
    if code == "invalid_grant":
        return AuthError(str(GRANT_ENDED), code=code, detail=detail)
    if code == "invalid_client":
        return Rejected(str(APP_REFUSED), code="app_key", detail=detail)
    if status == 401:
        return TemporaryError(
            _("Etsy did not accept the access token. Manifold renews it."),
            code="invalid_token",
            detail=detail,
        )
    if status == 403 and document is not None:
        return _forbidden(words, detail)
    if status == 404:
        return Rejected(_("Etsy does not have this record."), code="not_found", detail=detail)
    if status == 409:
        return TemporaryError(
            _("The record was changed at Etsy at the same moment. Manifold tries again."),
            code="conflict",
            detail=detail,
        )
    if document is None:
        return TemporaryError(
            _("Something in front of Etsy refused the request (%(status)s).") % {"status": status},
            code="not_json",
            detail=detail,
        )
    return Rejected(
        _("Etsy refused: %(reason)s") % {"reason": words or status}, code=f"http_{status}", detail=detail
    )


def _forbidden(words: str, detail: str) -> ChannelError:
    lowered = words.lower()
    if "x-api-key" in lowered or "api key" in lowered:
        return Rejected(str(APP_REFUSED), code="app_key", detail=detail)
    if "scope" in lowered:
        return AuthError(
            _("The sign-in at Etsy lacks a permission (%(reason)s). Sign in again and allow all of them.")
            % {"reason": words.rstrip(".")},
            code="scope",
            detail=detail,
        )
    is_of_country = lowered.rstrip(".") == "unauthorized"  # Etsy's one word for it (`etsy.md` §7)
    return Rejected(
        _("Etsy does not allow this: %(reason)s") % {"reason": words or _("no reason given")},
        code="restricted" if is_of_country else "forbidden",
        detail=detail,
    )


def _document(answer: Answer) -> Any:
    try:
        return answer.document()
    except ValueError:
        return None


class EtsyClient:
    """Calls of one store. `get`, `form`, `json` and `upload` return the parsed document."""

    def __init__(self, connection: Connection, session: ChannelSession, spent: SpentTokens) -> None:
        self.connection = connection
        self.session = session
        self.spent = spent
        self.app = app_of(connection.credentials)

    # ------------------------------------------------ calls
    def get(self, path: str, **params: object) -> Any:
        """Read; None parameters are left out. Raises one of the five errors."""
        pairs = [(name, text_of(value)) for name, value in params.items() if value is not None]
        return self._call("GET", path, params=pairs, repeatable=True)

    def form(self, method: str, path: str, fields: Mapping[str, object], *, repeatable: bool) -> Any:
        """Send a form, which all but four operations need."""
        pairs = {name: text_of(value) for name, value in fields.items() if value is not None}
        return self._call(
            method, path, body=urlencode(pairs).encode(), content_type=FORM, repeatable=repeatable
        )

    def json(
        self,
        method: str,
        path: str,
        body: object,
        *,
        repeatable: bool,
        params: Sequence[tuple[str, str]] = (),
    ) -> Any:
        """Send JSON: inventory, shipments, variation images and personalisation only."""
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return self._call(
            method, path, params=params, body=data, content_type="application/json", repeatable=repeatable
        )

    def delete(self, path: str) -> None:
        """Delete a record; one that does not exist counts as deleted."""
        try:
            self._call("DELETE", path, repeatable=True)
        except Rejected as error:
            if error.code != "not_found":
                raise

    def upload(self, path: str, fields: Mapping[str, object], file: bytes, name: str, kind: str) -> Any:
        """Send a picture as multipart form data; `kind` is its MIME type."""
        edge = secrets.token_hex(16)
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{text_of(value)}\r\n'.encode()
            for key, value in fields.items()
        ]
        head = f'--{edge}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
        body = b"".join([*parts, head.encode(), file, f"\r\n--{edge}--\r\n".encode()])
        return self._call(
            "POST", path, body=body, content_type=f"multipart/form-data; boundary={edge}", repeatable=False
        )

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        content_type: str = "",
        repeatable: bool,
    ) -> Any:
        token = self.token()
        tries = 2 if self.connection.pk else 3  # the tokens given, those saved before, fresh ones
        for attempt in range(1, tries + 1):
            headers = {
                "Accept": "application/json",
                "x-api-key": self.app.key,
                "Authorization": f"Bearer {token}",
                **({"Content-Type": content_type} if body is not None else {}),
            }
            try:
                answer = self.session.call(
                    method,
                    f"{self.app.api_url}{PREFIX}{path}",
                    params=params,
                    headers=headers,
                    body=body,
                    repeatable=repeatable,
                    classify=classify,
                )
            except TemporaryError as error:
                # Etsy answers 401 before it does anything, so any call may be repeated.
                if error.code != "invalid_token" or attempt == tries:
                    raise
                oauth_tokens.invalidate(self.connection, token)
                token = self.token()
            else:
                self._read_limits(answer)
                return answer.json() if answer.body else None
        raise AssertionError("unreachable")

    def _read_limits(self, answer: Answer) -> None:
        """Take the application's limits for a day and a second from the headers."""
        left = answer.headers.get("x-remaining-today", "")
        per_day = answer.headers.get("x-limit-per-day", "")
        per_second = answer.headers.get("x-limit-per-second", "")
        if is_whole_number(left):
            self.session.correct_quota(
                left_today=int(left),
                per_day=whole_number(per_day),
                per_second=float(per_second) if is_whole_number(per_second) else None,
            )

    # ------------------------------------------------ tokens
    def token(self) -> str:
        """Return the access token, renewed when it has ended; one worker renews, all share it."""
        return oauth_tokens.get_token(self.connection, refresh=self._refresh)

    def _refresh(self, stored: Token | None) -> Token:
        given = self.connection.credentials
        if stored is None and given.get("access_token") and not is_over(given):
            ends = given.get("expires_at")
            expires_at = (
                datetime.fromtimestamp(float(ends), UTC) if ends else timezone.now() + timedelta(hours=1)
            )
            return Token(
                str(given["access_token"]), expires_at, {"refresh_token": given.get("refresh_token", "")}
            )
        refresh_token = (stored.extra.get("refresh_token") if stored else "") or given.get(
            "refresh_token", ""
        )
        if not refresh_token:
            raise AuthError(str(GRANT_ENDED), code="no_token")
        if self.connection.pk:
            return _token(self._ask_with(refresh_token))
        # The store is not saved yet, and the call uses the refresh token up: the tokens that replace it are saved by themselves.
        later = self.spent.follower(refresh_token)
        if later and not is_over(later):
            return _token(later)
        fresh = self._ask_with(later["refresh_token"] if later else refresh_token)
        self.spent.save(spent=refresh_token, fresh=fresh)
        return _token(fresh)

    def _ask_with(self, refresh_token: str) -> dict[str, Any]:
        form = {
            "grant_type": "refresh_token",
            "client_id": self.app.keystring,
            "refresh_token": refresh_token,
        }
        return ask_token(self.session, self.app, form)

    def renewed(self) -> dict[str, Any]:
        """Return the tokens that replaced those of a store which is not saved yet, as they are saved; else nothing."""
        held = oauth_tokens.stored_token(self.connection) if not self.connection.pk else None
        if held is None or not held.access or held.access == self.connection.credentials.get("access_token"):
            return {}
        return {
            "access_token": held.access,
            "refresh_token": held.extra["refresh_token"],
            "expires_at": int(held.expires_at.timestamp()),
        }


def ask_token(session: ChannelSession, app: App, fields: Mapping[str, str]) -> dict[str, Any]:
    """Ask Etsy's token endpoint; after one of its server errors the same refresh token still works.

    Raise `AuthError` when the grant has ended, `Rejected` when the code of a sign-in was used before or is too old.
    """
    try:
        answer = session.call(
            "POST",
            f"{app.api_url}/v3/public/oauth/token",
            headers={"Accept": "application/json", "Content-Type": FORM},
            body=urlencode(fields).encode(),
            repeatable=True,
            classify=classify,
        )
    except AuthError as error:
        if fields.get("grant_type") != "authorization_code":
            raise
        raise Rejected(str(CODE_SPENT), code="code_spent", detail=error.detail) from None
    document = answer.json()
    return tokens_of(document if isinstance(document, dict) else {})


def _token(stored: Mapping[str, Any]) -> Token:
    return Token(
        stored["access_token"],
        datetime.fromtimestamp(stored["expires_at"], UTC),
        {"refresh_token": stored["refresh_token"]},
    )
