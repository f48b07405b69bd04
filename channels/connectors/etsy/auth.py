"""Sign-in with OAuth 2 and PKCE, the two tokens, and the signature of webhooks (`etsy.md` §1, §8). No I/O, no Django."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from channels.contract.errors import AuthError, Rejected

#: `listings_d` is not asked for: only deleting a listing needs it, and nothing here deletes.
SCOPES = ("listings_r", "listings_w", "shops_r", "shops_w", "transactions_r", "transactions_w")
REFRESH_DAYS = 90
CLOCK_TOLERANCE = 300
EARLY = 60.0  # seconds before its end from which an access token is not used any more

#: What the seller reads when the grant is gone: Etsy gives one word for all three causes.
GRANT_GONE = (
    "Etsy does not accept this store's sign-in any more (it was unused for 90 days, removed by the seller, or the "
    "Etsy password was changed): reconnect the store."
)


def new_verifier() -> str:
    """A PKCE verifier: 64 characters of the allowed set."""
    return secrets.token_urlsafe(48)


def challenge(verifier: str) -> str:
    """base64url(SHA-256(verifier)) without padding."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def sign_in_url(base: str, *, keystring: str, redirect_uri: str, state: str, verifier: str) -> str:
    """Where the seller is sent to allow us in; `base` is Etsy's consent page."""
    query = {
        "response_type": "code",
        "client_id": keystring,
        "redirect_uri": redirect_uri,
        "scope": " ".join(SCOPES),
        "state": state,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    return f"{base}?{urlencode(query)}"


def tokens_of(answer: Mapping[str, Any], now: float | None = None) -> dict[str, Any]:
    """The token endpoint's answer as it is stored: both tokens and the second at which access ends."""
    access, refresh = str(answer.get("access_token", "")), str(answer.get("refresh_token", ""))
    if not access or not refresh:
        raise AuthError(GRANT_GONE, code="no_token")
    ends = (time.time() if now is None else now) + float(answer.get("expires_in", 3600))
    return {"access_token": access, "refresh_token": refresh, "expires_at": int(ends)}


def is_over(credentials: Mapping[str, Any], now: float | None = None) -> bool:
    """Whether the access token is about to end; one whose end is not known is used until Etsy refuses it."""
    ends = credentials.get("expires_at")
    return ends is not None and float(ends) - EARLY < (time.time() if now is None else now)


def check_webhook(headers: Mapping[str, str], body: bytes, secret: str, now: float | None = None) -> str:
    """Verify a webhook; answers its id. Raises `Rejected` unless it is signed with `secret` and fresh.

    The header may hold several `v1,<signature>` entries, or a bare one (secrets are rotated).
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    event_id, stamp = lowered.get("webhook-id", ""), lowered.get("webhook-timestamp", "")
    given = lowered.get("webhook-signature", "").split()
    if not event_id or not stamp.isdigit() or not given:
        raise Rejected("The call is not signed.", code="not_signed")
    if abs((time.time() if now is None else now) - int(stamp)) > CLOCK_TOLERANCE:
        raise Rejected("The call is older than 5 minutes.", code="stale")
    wanted = webhook_signature(secret, event_id, stamp, body)
    candidates = [entry.rpartition(",")[2] for entry in given]
    if not any(hmac.compare_digest(entry.encode("utf-8", "replace"), wanted) for entry in candidates):
        raise Rejected("The call is not signed with the secret of this application.", code="bad_signature")
    return event_id


def webhook_signature(secret: str, event_id: str, stamp: str, body: bytes) -> bytes:
    """base64(HMAC-SHA256(key, id.timestamp.body)); the key is the secret's base64 part. Raises `Rejected`."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise Rejected(
            "The webhook secret is not the one of Etsy's developer page.", code="bad_secret"
        ) from None
    signed = f"{event_id}.{stamp}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
