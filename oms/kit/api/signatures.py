"""Signatures of Standard Webhooks (https://www.standardwebhooks.com), for calls in both directions.

A call has three headers: `webhook-id` (the same when the call is repeated), `webhook-timestamp` (seconds) and
`webhook-signature` (`v1,<base64>`, several with spaces between them while a secret is changed). The signature is the
HMAC-SHA256 of `id.timestamp.body` with the bytes of the secret `whsec_<base64>`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping, Sequence

from oms.kit.numbers import whole_number

LARGEST_TIME = 10**11  # seconds
TOLERANCE = 300  # seconds that the clocks may differ
PREFIX = "whsec_"
LEAST, MOST = 24, 64  # bytes of a secret


class WrongSignature(Exception):
    """The call is not genuine, too old, or its headers are missing; the text says which."""


def new_secret() -> str:
    """Return a new secret of 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """Return the bytes of a secret. Raises ValueError for one that is not 24 to 64 bytes in base64."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if not LEAST <= len(key) <= MOST:
        raise ValueError("not 24 to 64 bytes")
    return key


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature `v1,…` of a call."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key_of(secret), content, hashlib.sha256).digest()).decode()


def headers_for(secret: str, message_id: str, body: bytes, *, now: float | None = None) -> dict[str, str]:
    """Return the three headers of a signed call."""
    timestamp = int(time.time() if now is None else now)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message_id, timestamp, body),
    }


def verify(
    secrets_: Sequence[str], headers: Mapping[str, str], body: bytes, *, now: float | None = None
) -> str:
    """Return the id of a signed call; raise `WrongSignature` when none of the secrets made its signature.

    Every comparison takes the same time. A call that is older or newer than 5 minutes is refused.
    """
    message_id = headers.get("webhook-id", "")
    written, given = headers.get("webhook-timestamp", ""), headers.get("webhook-signature", "")
    if not (message_id and written and given):
        raise WrongSignature("the headers webhook-id, webhook-timestamp and webhook-signature are needed")
    if len(message_id) > 120 or not message_id.isascii() or not message_id.isprintable():
        raise WrongSignature("webhook-id has at most 120 printable characters")
    timestamp = whole_number(written, most=LARGEST_TIME)
    if timestamp is None:
        raise WrongSignature("webhook-timestamp is no number of seconds")
    if abs((time.time() if now is None else now) - timestamp) > TOLERANCE:
        raise WrongSignature("webhook-timestamp is more than 5 minutes from now")
    expected = [sign(secret, message_id, timestamp, body).encode() for secret in secrets_]
    matches = [hmac.compare_digest(one, each.encode()) for one in expected for each in given.split(" ")]
    if not any(matches):
        raise WrongSignature("the signature is wrong")
    return message_id
