"""Whose store the credentials open, and BigCommerce's signatures (`bigcommerce.md` §1 and §8).

The signatures are those of `signed_payload_jwt` and of webhooks; the code exchange gives an installed app its token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jwt
from django.utils.translation import gettext as _

from channels.connectors.bigcommerce.client import ID_ALONE
from channels.connectors.bigcommerce.orders import INCLUDE
from channels.connectors.bigcommerce.reference_data import AT_SHIPPING, StoreFacts, decimals, locations
from channels.contract.errors import AuthError, Rejected, TemporaryError
from channels.contract.records.account import AccountRecord
from channels.contract.spec import Capability
from channels.contract.values import text

if TYPE_CHECKING:
    from channels.http.response import Answer
    from channels.http.session import ChannelSession

LEEWAY = 60  # seconds between the clocks; BigCommerce's own sample begins 5 s before it is issued
WEBHOOK_AGE = 300  # seconds
COUNTRIES = ("GB", "FR")
NOTICEABLE_SKEW = 60  # seconds between the clocks from which the seller is warned
#: One request of each kind that every store reads, for the check of its permissions.
NEEDED: Mapping[str, Mapping[str, str]] = {
    "/v2/orders": INCLUDE,
    "/v3/orders/payment_actions/refunds": {},
    "/v3/catalog/products": ID_ALONE,
    "/v3/inventory/items": {},
}

#: The permissions that the app asks for, as BigCommerce names them.
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
    """The text was not signed for this app: its content must not be used."""


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


def verify_jwt(token: str, *, client_id: str, client_secret: str, now: float) -> Person:
    """Return who a `signed_payload_jwt` names; `now` is in seconds since 1970.

    Only HS256 is accepted, whatever the token's header names. The times are compared with `now` instead of by PyJWT, so that
    a token can be checked for any moment. Raise `BadSignature` for anything that is not a valid token of BigCommerce
    for this app.
    """
    if not client_secret or not client_id:
        raise BadSignature(_("It was not signed with the app's secret."))
    try:
        claims = jwt.decode(
            token,
            client_secret,
            algorithms=["HS256"],
            audience=client_id,
            issuer="bc",
            options={
                "require": ["aud", "iss", "exp", "nbf", "iat", "sub"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        if now > float(claims["exp"]) + LEEWAY:
            raise BadSignature(_("It has expired."))
        if now < max(float(claims["nbf"]), float(claims["iat"])) - LEEWAY:
            raise BadSignature(_("It is not valid yet."))
        return Person(
            store_hash=hash_of(str(claims["sub"])),
            user_id=str(claims["user"]["id"]),
            owner_id=str(claims["owner"]["id"]),
            url=str(claims.get("url") or "/"),
            issued_at=int(claims["iat"]),
            email=str(claims["user"].get("email") or ""),
        )
    except jwt.InvalidSignatureError:
        raise BadSignature(_("It was not signed with the app's secret.")) from None
    except jwt.InvalidAlgorithmError:
        raise BadSignature(_("It names another algorithm.")) from None
    except (jwt.InvalidAudienceError, jwt.InvalidIssuerError):
        raise BadSignature(_("It is meant for another app.")) from None
    except (jwt.MissingRequiredClaimError, ValueError, KeyError, TypeError):
        raise BadSignature(_("It lacks fields of BigCommerce's tokens.")) from None
    except jwt.InvalidTokenError:
        raise BadSignature(_("It is not a token.")) from None


def sign_jwt(claims: Mapping[str, Any], client_secret: str) -> str:
    """Return a token as BigCommerce makes it; for the sandbox and the tests."""
    return jwt.encode(dict(claims), client_secret, algorithm="HS256")


def hash_of(context: str) -> str:
    """Return the store's hash in `stores/abc123`; raise ValueError for anything else."""
    kind, _slash, store_hash = context.partition("/")
    if kind != "stores" or not store_hash.isalnum():
        raise ValueError(f"“{context}” names no store.")
    return store_hash


def is_same(given: str, wanted: str) -> bool:
    """Compare two texts in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def webhook_signature(client_secret: str, event_id: str, timestamp: str, body: bytes) -> str:
    """Return one entry of the header `webhook-signature` (Standard Webhooks)."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    return (
        "v1," + base64.b64encode(hmac.new(client_secret.encode(), signed, hashlib.sha256).digest()).decode()
    )


def check_webhook(
    headers: Mapping[str, str], body: bytes, *, secret: str, client_secret: str, now: float
) -> None:
    """Raise `Rejected` unless the call has the store's `secret` and, where signed, a valid signature.

    The signature is checked only where `client_secret`, the key, is known. `now` is in epoch seconds.
    """
    given = {name.lower(): value for name, value in headers.items()}
    if not secret or not is_same(given.get("x-oms-secret", ""), secret):
        raise Rejected(_("The call does not carry this store's webhook secret."), code="bad_signature")
    signatures = given.get("webhook-signature", "")
    if not signatures or not client_secret:
        return
    event_id, timestamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    wanted = webhook_signature(client_secret, event_id, timestamp, body)
    if not any(is_same(one, wanted) for one in signatures.split()):
        raise Rejected(_("The call is not signed with the app's secret."), code="bad_signature")
    try:
        is_fresh = abs(now - float(timestamp)) <= WEBHOOK_AGE
    except ValueError:
        is_fresh = False
    if not is_fresh:
        raise Rejected(_("The call is too old: it may be a copy."), code="stale")


def exchange_code(
    session: ChannelSession, app: Mapping[str, str], *, code: str, scope: str, context: str, redirect_uri: str
) -> dict[str, Any]:
    """Exchange the code of an installation for the store's permanent token, which does not expire.

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
                _("BigCommerce's sign-in has a fault; install the app again in a few minutes.")
            )
        if answer.status >= 400:
            return AuthError(
                _("BigCommerce did not accept the installation's code: install the app once more."),
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
        raise AuthError(_("BigCommerce's answer to the installation cannot be read.")) from None
    return dict(given)


def missing_scopes(granted: str) -> list[str]:
    """Return the needed scopes that were not granted; a full scope includes its read-only one."""
    have = set(granted.split())
    return [scope for scope in SCOPES if scope not in have and scope.removesuffix("_read_only") not in have]


# ---------------------------------------------------------------- whose store it is


def verify(facts: StoreFacts) -> AccountRecord:
    """Ask BigCommerce whose store this is and what it allows; missing permissions raise `AuthError`."""
    client = facts.client
    store = client.get("/v2/store")
    skew = int(client.get("/v2/time")["time"]) - time.time()
    for path, params in NEEDED.items():  # a missing permission is found now, not by a sync that stops later
        client.get(path, {**params, "limit": "1"})
    places: list[Any] = []
    offered: dict[str, str] = {}
    try:
        places = locations(client)
    except AuthError as error:
        if error.code != "403":
            raise
        offered = {
            str(Capability.PUSH_STOCK): error.message,
            str(Capability.STOCK_LOCATIONS): error.message,
        }
    behaviour = facts.stock_behaviour
    default = next((row["id"] for row in places if row.get("is_default")), None)
    default = default or next((row["id"] for row in places), 1)
    return AccountRecord(
        identity=str(store["id"]),
        name=text(store["name"]),
        url=str(store.get("secure_url") or store.get("domain") or ""),
        currency=str(store["currency"]),
        time_zone=_zone(store),
        country=str(store.get("country_code") or ""),
        language=str(store.get("language") or ""),
        currencies=_currencies(facts),
        version="V2 + V3",
        offered=offered,
        warnings=tuple(_warnings(facts, store, skew, behaviour, places)),
        extra={
            "weight_units": store.get("weight_units") or "",
            "is_price_entered_with_tax": bool(store.get("is_price_entered_with_tax")),
            "decimal_places": decimals(store),
            "update_stock_behavior": behaviour,
            "default_location": default,
            "locations": [{"id": row["id"], "label": text(row.get("label"))} for row in places],
            "plan": store.get("plan_name") or "",
            "storefront": _storefront(store),
            "secure_url": store.get("secure_url") or "",
            "control_panel": str(store.get("control_panel_base_url") or "").rstrip("/"),
        },
    )


def _currencies(facts: StoreFacts) -> tuple[str, ...]:
    """Return the currencies in which customers may pay; the others are only displayed."""
    rows = facts.client.get("/v2/currencies") or ()
    return tuple(str(row["currency_code"]) for row in rows if row.get("is_transactional", True))


def _warnings(
    facts: StoreFacts, store: Mapping[str, Any], skew: float, behaviour: str, places: Sequence[Any]
) -> Iterable[str]:
    connection = facts.connection
    if connection.credentials.get("app"):
        granted = str(connection.credentials.get("scope") or "")
        if granted and (missing := missing_scopes(granted)):
            yield _("BigCommerce did not grant the app every permission; missing: %(scopes)s.") % {
                "scopes": ", ".join(missing)
            }
    country = str(store.get("country_code") or "")
    if country and country not in COUNTRIES:
        yield _(
            "The store's country is %(country)s: BigCommerce is supported for the United Kingdom and France."
        ) % {"country": country}
    if abs(skew) > NOTICEABLE_SKEW:
        yield _(
            "BigCommerce's clock and Manifold's differ by %(seconds)s seconds. Correct the clock of this machine."
        ) % {"seconds": abs(round(skew))}
    if behaviour == AT_SHIPPING and connection.option("shipping_mode") != "b":
        yield _(
            "BigCommerce deducts stock when an order ships: choose in the store's settings that it gets the shipment "
            "at the manifest, so that the stock is not moved twice."
        )
    wanted = str(connection.option("location") or "").strip()
    default = next((str(row["id"]) for row in places if row.get("is_default")), "")
    if wanted and wanted != default:
        yield _(
            "Stock goes to another location than the default one: the storefront sells it only where BigCommerce's "
            "support has switched that on."
        )
    if wanted and wanted not in {str(row["id"]) for row in places}:
        yield _("The store has no location %(location)s: correct it in the store's settings.") % {
            "location": wanted
        }


def _storefront(store: Mapping[str, Any]) -> int:
    """Return the channel of the store's own storefront where it has several, to which products are assigned; else 0."""
    has_several = bool((store.get("features") or {}).get("multi_storefront_enabled"))
    return int(store.get("default_channel_id") or 1) if has_several else 0


def _zone(store: Mapping[str, Any]) -> str:
    """Return the store's time zone where Python knows its name; else UTC, which changes no instant."""
    name = str((store.get("timezone") or {}).get("name") or "")
    try:
        return ZoneInfo(name).key if name else "UTC"
    except (ZoneInfoNotFoundError, ValueError):
        return "UTC"
