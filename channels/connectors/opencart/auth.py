"""How a call to `oms_connect` is signed, and how its webhooks are (`contrib/opencart/CONTRACT.md` §2 and §6)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote


def canonical_query(params: Mapping[str, str]) -> str:
    """All parameters, sorted by name, both sides percent-encoded as RFC 3986 says (space is %20)."""
    return "&".join(f"{_encode(name)}={_encode(params[name])}" for name in sorted(params))


def _encode(text: str) -> str:
    return quote(text, safe="-._~")


def signature(
    key: str, *, timestamp: str, nonce: str, method: str, params: Mapping[str, str], body: bytes
) -> str:
    """Lower-case hex HMAC-SHA256 over time stamp, nonce, method, canonical query and the hash of the raw body."""
    text = "\n".join((timestamp, nonce, method, canonical_query(params), hashlib.sha256(body).hexdigest()))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def webhook_signature(secret: str, body: bytes) -> str:
    """Lower-case hex HMAC-SHA256 of the raw body of a webhook."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_same(given: str, expected: str) -> bool:
    """Compare two signatures in constant time, whatever characters were sent."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
