"""Calls to `oms_connect` v1: addresses, signing, clock, the shop's errors.

The table of answers is in `opencart.md` §5.2 and `contrib/opencart/CONTRACT.md` §3. An answer that is not JSON did not come
from the extension and is always an error, whatever its HTTP status.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from channels.connectors.opencart.auth import canonical_query, describe_skew, signature
from channels.contract.errors import AuthError, ChannelError, RateLimited, Rejected, TemporaryError, Uncertain
from channels.contract.translation import gettext as _
from channels.contract.translation import gettext_lazy

if TYPE_CHECKING:
    from channels.http.response import Answer
    from channels.http.session import ChannelSession

ROUTE = "extension/oms_connect/v1"
PAGE_SIZE = 100
NOT_INSTALLED = gettext_lazy(
    "The shop answered “page not found” (404). Check the shop's address, and that the Manifold extension is installed "
    "and enabled."
)
DEFAULT_WAIT = 30.0  # seconds to wait after a 429 that does not say how long

#: Codes of the extension -> the class of error, and Manifold's sentence (None: the shop's message).
REFUSALS: Mapping[str, tuple[type[ChannelError], Any]] = {
    "bad_signature": (
        AuthError,
        gettext_lazy(
            "The shop did not accept the secret key: copy it again from the extension's page in the shop's admin."
        ),
    ),
    "disabled": (
        AuthError,
        gettext_lazy("The Manifold extension is switched off in the shop: switch it on in the shop's admin."),
    ),
    "ip_not_allowed": (
        AuthError,
        gettext_lazy(
            "The shop does not accept calls from this server: add its address to the extension's list of allowed "
            "addresses."
        ),
    ),
    "unknown_call": (
        Rejected,
        gettext_lazy(
            "The shop's Manifold extension does not have this call. Install its newest version in the shop."
        ),
    ),
    "no_such_product": (Rejected, None),
    "no_such_order": (Rejected, None),
    "bad_json": (Rejected, None),
    "bad_param": (Rejected, None),
    "duplicate_sku": (Rejected, None),
    "status_conflict": (Rejected, None),
    "invalid": (Rejected, None),
    "replayed": (
        Uncertain,
        gettext_lazy("The shop got this request twice; Manifold checks whether it was carried out."),
    ),
    "internal": (
        TemporaryError,
        gettext_lazy("The shop reported an internal error; its error log has the details."),
    ),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer: its data, the cursor of the next page, the time on the shop's clock."""

    data: Any
    next_page: str | None
    server_time: datetime | None


def normalise_url(text: str, allowed_private: Iterable[str] = ()) -> str:
    """Return the normal form of the address of the shop's front page: scheme, host, folder, without a slash at the end.

    `https://` is added when no scheme was typed; http is refused except for this machine and for hosts in
    `allowed_private` (host, host:port or network). Raise `Rejected` with a sentence for the form.
    """
    text = text.strip()
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in ("http", "https") or any(c.isspace() for c in text):
        raise Rejected(_("This is not a web address. Example: https://shop.example.com"), field="domain_url")
    if parts.username or parts.password:
        raise Rejected(_("Enter the address without a user name and password."), field="domain_url")
    if parts.scheme == "http" and not _may_be_http(host, port, allowed_private):
        raise Rejected(
            _("The shop's address must begin with https://, so that the connection is encrypted."),
            field="domain_url",
        )
    path = parts.path.removesuffix("/index.php").rstrip("/")
    shown = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{shown}{f':{port}' if port and port != default else ''}{path}"


def _may_be_http(host: str, port: int | None, allowed_private: Iterable[str]) -> bool:
    allowed = set(allowed_private)
    if host in ("localhost", "127.0.0.1", "::1") or host in allowed or f"{host}:{port or 80}" in allowed:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _networks(allowed))


def _networks(allowed: Iterable[str]) -> Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for text in allowed:
        if "/" in text:
            try:
                yield ipaddress.ip_network(text, strict=False)
            except ValueError:
                continue


def parse_time(text: str) -> datetime:
    """Return `YYYY-MM-DDTHH:MM:SSZ` as an aware instant; raises ValueError for anything else."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def error_of(code: str, message: str, *, field: str = "", detail: str = "") -> ChannelError:
    """Return the error for one of the extension's codes, of an answer or of one item of a batch."""
    kind, sentence = REFUSALS.get(code, (Rejected, None))
    text = str(sentence) if sentence else _("The shop refused: %s") % (message or code)
    if kind is Rejected:
        return Rejected(text, code=code, field=field, detail=detail or message)
    return kind(text, code=code, detail=detail or message)


def classify(answer: Answer, *, writes: bool, repeatable: bool) -> ChannelError | None:
    """Return the error that an answer of the shop means, or None."""
    document = _document(answer)
    if document is None:
        return _not_json(answer, writes=writes, repeatable=repeatable)
    error = document.get("error")
    if 200 <= answer.status < 300 and not isinstance(error, dict) and "data" in document:
        return None
    if not isinstance(error, dict):
        return _unclear(_("The shop answered with data that is not from the Manifold extension."), repeatable)
    code, message = str(error.get("code", "")), str(error.get("message", ""))
    if code == "stale_timestamp":
        return AuthError(
            _(
                "The shop's clock and Manifold's differ by more than the allowed 5 minutes: correct the shop's "
                "clock."
            ),
            code=code,
            detail=str(error.get("server_time", "")),
        )
    if code == "slow_down" or answer.status == 429:
        wait = (
            _seconds(error.get("retry_after")) or _seconds(answer.headers.get("Retry-After")) or DEFAULT_WAIT
        )
        return RateLimited(_("The shop asks Manifold to send fewer requests."), retry_after=wait, code=code)
    if answer.status >= 500 and not repeatable:
        return Uncertain(
            _("The shop stopped with an error; Manifold checks whether the change was stored."), code=code
        )
    if answer.status >= 500:
        return TemporaryError(error_of("internal", message).message, code=code, detail=message)
    if answer.status == 401 and code not in REFUSALS:
        return error_of("bad_signature", message)
    return error_of(code, message, field=str(error.get("field", "")))


def item_error(error: Mapping[str, Any]) -> ChannelError:
    """Return the error of one item of a batch."""
    return error_of(
        str(error.get("code", "")), str(error.get("message", "")), field=str(error.get("field", ""))
    )


def _document(answer: Answer) -> dict[str, Any] | None:
    try:
        document = answer.document()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _not_json(answer: Answer, *, writes: bool, repeatable: bool) -> ChannelError:
    """Return the error of an answer that is not JSON: a page of the shop, of its host or of a firewall."""
    status, detail = answer.status, answer.body[:300].decode("utf-8", "replace")
    if status == 404:
        # Not `Rejected`: during an upgrade the extension is missing for a minute, and the message is not wrong.
        return TemporaryError(str(NOT_INSTALLED), code="not_installed", detail=detail)
    if status == 503:
        return TemporaryError(
            _("The shop is closed for maintenance."), code="maintenance", detail=detail, maintenance=True
        )
    if status == 429:
        wait = _seconds(answer.headers.get("Retry-After")) or DEFAULT_WAIT
        return RateLimited(
            _("The shop's host asks Manifold to send fewer requests."), retry_after=wait, detail=detail
        )
    if status == 401:
        return AuthError(
            _("The shop asks for a browser password: remove it from the shop's address."), detail=detail
        )
    if status == 403 and writes:
        return Rejected(
            _("A firewall in front of the shop refused this request."), code="firewall", detail=detail
        )
    if status == 403:
        return AuthError(
            _("A firewall in front of the shop blocks this server."), code="firewall", detail=detail
        )
    if status in (301, 302, 303, 307, 308):
        place = answer.headers.get("Location", "")
        goal = urlsplit(place).hostname or place or _("another page")
        text = (
            _("The shop's address redirects to %s. Use the address that the browser shows at the end.") % goal
        )
        kind = AuthError if status in (301, 308) else TemporaryError  # moved for good, or for now
        return kind(text, code="moved", detail=place)
    if status >= 500:
        return _unclear(_("The shop's server has a problem."), repeatable, detail=detail)
    if status >= 400:
        return Rejected(
            _("The shop's server refused the request (%s).") % status, code=f"http_{status}", detail=detail
        )
    return _unclear(
        _(
            "The address answered with a web page and not with the shop's data: check the address, "
            "and that no firewall or login page is in front of it."
        ),
        repeatable,
        code="not_json",
        detail=detail,
    )


def _unclear(message: str, repeatable: bool, *, code: str = "", detail: str = "") -> TemporaryError:
    return (TemporaryError if repeatable else Uncertain)(message, code=code, detail=detail)


def _seconds(value: Any) -> float:
    try:
        return max(float(value), 0.0)
    except (TypeError, ValueError):
        return 0.0


class OpenCartClient:
    """Signed calls to one shop. The difference of the clocks is learned from a refusal and used for the next calls.

    `base_url` is normalised (`normalise_url`), `clock` returns Unix seconds.
    """

    def __init__(
        self, base_url: str, secret_key: str, session: ChannelSession, clock: Callable[[], float] = time.time
    ) -> None:
        self.base_url = base_url
        self.session = session
        self.clock = clock
        self.offset = 0.0
        self._key = secret_key

    def get(self, call: str, **params: str) -> Reply:
        """Send a GET request. Raise one of the five errors."""
        return self._call("GET", call, params, b"", repeatable=True)

    def post(self, call: str, body: Mapping[str, Any], *, repeatable: bool) -> Reply:
        """Send a POST request. `repeatable`: a second call changes nothing, so it may be sent again after a lost answer."""
        data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        return self._call("POST", call, {}, data, repeatable=repeatable)

    def front_page(self) -> Answer:
        """Return the shop's public front page, without a signature. Raise only when there is no answer."""
        return self.session.call(
            "GET", f"{self.base_url}/index.php?route=common/home", repeatable=True, classify=lambda _: None
        )

    def _call(
        self, method: str, call: str, params: Mapping[str, str], body: bytes, *, repeatable: bool
    ) -> Reply:
        try:
            return self._send(method, call, params, body, repeatable=repeatable)
        except AuthError as error:
            if error.code != "stale_timestamp" or not self._learn_clock(error.detail):
                raise
        try:
            return self._send(method, call, params, body, repeatable=repeatable)
        except AuthError as error:
            if error.code != "stale_timestamp":
                raise
            self._learn_clock(error.detail)
            raise AuthError(
                _("The shop's clock is %s Manifold's, so the shop refuses calls. Correct the clocks.")
                % describe_skew(self.offset),
                code=error.code,
                detail=error.detail,
            ) from error

    def _learn_clock(self, server_time: str) -> bool:
        try:
            self.offset = parse_time(server_time).timestamp() - self.clock()
        except ValueError:
            return False
        return True

    def _send(
        self, method: str, call: str, params: Mapping[str, str], body: bytes, *, repeatable: bool
    ) -> Reply:
        signed = {"route": ROUTE, "call": call, **params}
        timestamp, nonce = str(int(self.clock() + self.offset)), secrets.token_hex(16)
        headers = {
            "Accept": "application/json",
            "X-OMS-Timestamp": timestamp,
            "X-OMS-Nonce": nonce,
            "X-OMS-Signature": signature(
                self._key, timestamp=timestamp, nonce=nonce, method=method, params=signed, body=body
            ),
        }
        if body:
            headers["Content-Type"] = "application/json"
        rest = f"&{canonical_query(params)}" if params else ""
        answer = self.session.call(
            method,
            f"{self.base_url}/index.php?route={ROUTE}&call={call}{rest}",
            headers=headers,
            body=body or None,
            repeatable=repeatable,
            classify=lambda answer: classify(answer, writes=method == "POST", repeatable=repeatable),
        )
        document = _document(answer) or {}
        meta = document.get("meta") or {}
        try:
            server_time = parse_time(str(meta.get("server_time", "")))
        except ValueError:
            server_time = None
        return Reply(document.get("data"), meta.get("next") or None, server_time)
