"""Signatures of calls to `oms_connect` and its webhooks (`contrib/opencart/CONTRACT.md` §2 and §6); the shop's account."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from channels.contract.errors import ChannelError, Rejected, TemporaryError
from channels.contract.records.account import AccountRecord
from channels.contract.translation import gettext as _
from channels.contract.values import text

if TYPE_CHECKING:
    from channels.connectors.opencart.client import OpenCartClient, Reply

NOTICEABLE_SKEW = 60  # seconds between the clocks from which the seller is warned


def canonical_query(params: Mapping[str, str]) -> str:
    """Return all parameters, sorted by name, names and values percent-encoded by RFC 3986 (a space is %20)."""
    return "&".join(f"{_encode(name)}={_encode(params[name])}" for name in sorted(params))


def _encode(value: str) -> str:
    return quote(value, safe="-._~")


def signature(
    key: str, *, timestamp: str, nonce: str, method: str, params: Mapping[str, str], body: bytes
) -> str:
    """Return the lower-case hex HMAC-SHA256 over time stamp, nonce, method, canonical query and the hash of the raw body."""
    signed = "\n".join((timestamp, nonce, method, canonical_query(params), hashlib.sha256(body).hexdigest()))
    return hmac.new(key.encode(), signed.encode(), hashlib.sha256).hexdigest()


def webhook_signature(secret: str, body: bytes) -> str:
    """Return the lower-case hex HMAC-SHA256 of the raw body of a webhook."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_same(given: str, expected: str) -> bool:
    """Return whether two signatures are equal; compared in constant time, for any characters."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


# ---------------------------------------------------------------- whose shop it is


def verify(client: OpenCartClient) -> AccountRecord:
    """Return the shop's account. Raise `Rejected` (field "domain_url") when Manifold's extension is not installed."""
    try:
        reply = client.get("ping")
    except TemporaryError as error:
        if error.code != "not_installed":
            raise
        _check_is_opencart(client)
        raise Rejected(error.message, code=error.code, detail=error.detail, field="domain_url") from error
    ping = reply.data
    currencies = client.get("currencies").data
    return AccountRecord(
        identity=identity_of(str(ping["url"] or client.base_url)),
        name=text(ping["store_name"]),
        url=client.base_url,
        currency=ping["currency"],
        time_zone=ping["timezone"],
        language=ping["language"],
        version=ping["version"],
        currencies=tuple(row["code"] for row in currencies if row["status"]),
        warnings=tuple(_warnings(client, reply)),
        extra=ping,
    )


def _check_is_opencart(client: OpenCartClient) -> None:
    """Raise `Rejected` when the address is not a shop of OpenCart; return for a shop without the extension."""
    try:
        body = client.front_page().body
    except ChannelError:
        return
    if b"route=" not in body:
        raise Rejected(
            _("There is no OpenCart shop at this address. Enter the address of the shop's front page."),
            code="not_opencart",
            field="domain_url",
        )


def _warnings(client: OpenCartClient, reply: Reply) -> Iterable[str]:
    if reply.server_time:
        skew = reply.server_time.timestamp() - client.clock()
        if abs(skew) > NOTICEABLE_SKEW:
            sentence = _("The shop's clock is %s Manifold's. Correct it, or the shop will refuse calls.")
            yield sentence % describe_skew(skew)
    if not reply.data["transactions"]:
        yield _(
            "The shop's tables have no transactions (MyISAM): an interrupted batch may be stored in part."
        )


def identity_of(url: str) -> str:
    """Return the part that all addresses of a shop share: host without `www.`, port, folder (R-CONN-07)."""
    parts = urlsplit(url.lower())
    host = (parts.hostname or "").removeprefix("www.")
    return f"{host}{f':{parts.port}' if parts.port else ''}{parts.path.rstrip('/')}"


def describe_skew(seconds: float) -> str:
    """Return how far the shop's clock is from Manifold's: “12 minutes ahead of”."""
    size = abs(round(seconds))
    amount = _("%d seconds") % size if size < 120 else _("%d minutes") % round(size / 60)
    return (_("%s ahead of") if seconds > 0 else _("%s behind")) % amount
