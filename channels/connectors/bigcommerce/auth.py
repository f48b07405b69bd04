"""Signatures of BigCommerce's app: `signed_payload_jwt`, webhooks, the code exchange (`bigcommerce.md` §1 and §8)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from channels.contract.errors import AuthError, Rejected, TemporaryError

if TYPE_CHECKING:
    from channels.http.response import Answer
    from channels.http.session import ChannelSession

LEEWAY = 60  # seconds between the clocks; BigCommerce's own sample begins 5 s before it is issued
WEBHOOK_AGE = 300

#: What the app asks for, as BigCommerce names it.
SCOPES = (
    "store_v2_orders",
    "store_v2_products",
    "store_inventory",
    "store_locations_read_only",
    "store_v2_information_read_only",
    "store_v2_transactions_read_only",
    "store_channel_settings_read_only",
)


class BadSignature(Exception):
    """The text was not signed for us; what it says must not be looked at."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who opened the app in the control panel, and in which store."""

    store_hash: str
    user_id: str
    owner_id: str
    url: str
    issued_at: int
    email: str = ""

    @property
    def is_owner(self) -> bool:
        return self.user_id == self.owner_id


def _unpack(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)


def verify_jwt(token: str, *, client_id: str, client_secret: str, now: float) -> Person:
    """The claims of a `signed_payload_jwt`. HS256 alone: the header's own word for it is checked, never obeyed.

    Raises `BadSignature` for anything that is not a living token of BigCommerce for this app.
    """
    try:
        head, body, given = token.split(".")
        header, signature = json.loads(_unpack(head)), _unpack(given)
    except (ValueError, UnicodeEncodeError):
        raise BadSignature("It is no token.") from None
    wanted = hmac.new(client_secret.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    if not client_secret or not client_id or not hmac.compare_digest(signature, wanted):
        raise BadSignature("It was not signed with the app's secret.")
    if not isinstance(header, dict) or header.get("alg") != "HS256":
        raise BadSignature("It names another algorithm.")
    try:
        claims = json.loads(_unpack(body))
        audience = claims["aud"]
        if client_id not in (audience if isinstance(audience, list) else [audience]) or claims["iss"] != "bc":
            raise BadSignature("It is meant for another app.")
        if now > float(claims["exp"]) + LEEWAY:
            raise BadSignature("It has expired.")
        if now < float(claims["nbf"]) - LEEWAY or now < float(claims["iat"]) - LEEWAY:
            raise BadSignature("It is not valid yet.")
        return Person(
            store_hash=hash_of(str(claims["sub"])),
            user_id=str(claims["user"]["id"]),
            owner_id=str(claims["owner"]["id"]),
            url=str(claims.get("url") or "/"),
            issued_at=int(claims["iat"]),
            email=str(claims["user"].get("email") or ""),
        )
    except (ValueError, KeyError, TypeError):
        raise BadSignature("It lacks what BigCommerce's tokens have.") from None


def sign_jwt(claims: Mapping[str, Any], client_secret: str, *, alg: str = "HS256") -> str:
    """A token as BigCommerce makes it; for the sandbox and the tests."""

    def pack(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    head = pack(json.dumps({"alg": alg, "typ": "JWT"}).encode())
    body = pack(json.dumps(dict(claims)).encode())
    signature = hmac.new(client_secret.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{pack(signature)}"


def hash_of(context: str) -> str:
    """The store's hash in `stores/abc123`; raises ValueError for anything else."""
    kind, _, store_hash = context.partition("/")
    if kind != "stores" or not store_hash.isalnum():
        raise ValueError(f"“{context}” names no store.")
    return store_hash


def is_same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def webhook_signature(client_secret: str, event_id: str, timestamp: str, body: bytes) -> str:
    """One entry of the header `webhook-signature` (Standard Webhooks)."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    return (
        "v1," + base64.b64encode(hmac.new(client_secret.encode(), signed, hashlib.sha256).digest()).decode()
    )


def check_webhook(
    headers: Mapping[str, str], body: bytes, *, secret: str, client_secret: str, now: float
) -> None:
    """Raise `Rejected` unless the call carries our secret and, where it is signed and we have the key, a good signature."""
    given = {name.lower(): value for name, value in headers.items()}
    if not secret or not is_same(given.get("x-oms-secret", ""), secret):
        raise Rejected("The call does not carry this store's webhook secret.", code="bad_signature")
    signatures = given.get("webhook-signature", "")
    if not signatures or not client_secret:
        return
    event_id, timestamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    wanted = webhook_signature(client_secret, event_id, timestamp, body)
    if not any(is_same(one, wanted) for one in signatures.split()):
        raise Rejected("The call is not signed with the app's secret.", code="bad_signature")
    try:
        is_fresh = abs(now - float(timestamp)) <= WEBHOOK_AGE
    except ValueError:
        is_fresh = False
    if not is_fresh:
        raise Rejected("The call is too old: it may be a copy.", code="stale")


def exchange_code(
    session: ChannelSession, app: Mapping[str, str], *, code: str, scope: str, context: str, redirect_uri: str
) -> dict[str, Any]:
    """The store's permanent token for the code of an installation; there is no refresh and no expiry.

    Raises `AuthError` when BigCommerce refuses the code, which lives for minutes and works once.
    """
    body = {
        "client_id": app["client_id"],
        "client_secret": app["client_secret"],
        "code": code,
        "scope": scope,
        "context": context,
        "grant_type": "authorization_code",
        "redirect_uri": redirect_uri,
    }

    def classify(answer: Answer) -> Exception | None:
        if answer.status >= 500 or answer.status == 429:
            return TemporaryError(
                "BigCommerce's sign-in has a fault; install the app again in a few minutes."
            )
        if answer.status >= 400:
            return AuthError(
                "BigCommerce did not accept the installation's code: install the app once more.",
                detail=str(answer.status),
            )
        return None

    answer = session.call(
        "POST",
        f"{app['login_url']}/oauth2/token",
        headers={"Accept": "application/json", "Content-Type": "application/json"},
        body=json.dumps(body).encode(),
        repeatable=False,
        classify=classify,  # type: ignore[arg-type]
    )
    given = answer.json()
    try:
        hash_of(str(given["context"]))
        if not given["access_token"]:
            raise ValueError("no token")
    except (KeyError, TypeError, ValueError):
        raise AuthError("BigCommerce's answer to the installation cannot be read.") from None
    return dict(given)


def missing_scopes(granted: str) -> list[str]:
    """Wanted scopes that were not granted; a full scope includes its read-only one."""
    have = set(granted.split())
    return [scope for scope in SCOPES if scope not in have and scope.removesuffix("_read_only") not in have]
