"""Sign-in with OAuth 2 and PKCE, the two tokens, and whose shop they open (`etsy.md` §1)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels.contract.errors import AuthError, Rejected
from channels.contract.records.account import AccountRecord
from channels.contract.values import text

if TYPE_CHECKING:
    from channels.connectors.etsy.client import EtsyClient

#: `listings_d` is not asked for: only deleting a listing needs it, and Manifold deletes none.
SCOPES = ("listings_r", "listings_w", "shops_r", "shops_w", "transactions_r", "transactions_w")
REFRESH_DAYS = 90
EARLY = 60.0  # seconds before its end from which an access token is no longer used

#: Etsy gives one code for all three causes.
GRANT_ENDED = gettext_lazy(
    "Etsy no longer accepts this store's sign-in (it was unused for 90 days, removed by the seller, or the "
    "Etsy password was changed): reconnect the store."
)
#: Countries whose shops get no addresses and may send no tracking with an ordinary key (`etsy.md` §7).
RESTRICTED = frozenset({"US", "CA", "FR", "DE", "TR"})


def new_verifier() -> str:
    """Return a new PKCE verifier: 64 characters of the allowed set."""
    return secrets.token_urlsafe(48)


def challenge(verifier: str) -> str:
    """Return base64url(SHA-256(verifier)) without padding."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def sign_in_url(base: str, *, keystring: str, redirect_uri: str, state: str, verifier: str) -> str:
    """Return the address where the seller allows the application; `base` is Etsy's consent page."""
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
    """Return the token endpoint's answer as it is saved: both tokens and the epoch second at which access ends.

    Raises `AuthError` when a token is missing.
    """
    access, refresh = str(answer.get("access_token", "")), str(answer.get("refresh_token", ""))
    if not access or not refresh:
        raise AuthError(str(GRANT_ENDED), code="no_token")
    ends = (time.time() if now is None else now) + float(answer.get("expires_in", 3600))
    return {"access_token": access, "refresh_token": refresh, "expires_at": int(ends)}


def is_over(credentials: Mapping[str, Any], now: float | None = None) -> bool:
    """Whether the access token ends within a minute; one whose end is not known is used until Etsy refuses it."""
    ends = credentials.get("expires_at")
    return ends is not None and float(ends) - EARLY < (time.time() if now is None else now)


# ---------------------------------------------------------------- whose shop it is


def verify(client: EtsyClient) -> AccountRecord:
    """Ask Etsy whose shop the sign-in opens; raise `Rejected` naming permissions that the seller did not give."""
    me = client.get("/users/me")
    shop_id = me.get("shop_id")
    if not shop_id:
        raise Rejected(_("This Etsy account has no shop: sign in as the owner of the shop."))
    shop = client.get(f"/shops/{shop_id}")
    granted = client.form("POST", "/scopes", {"token": client.token()}, repeatable=True)
    missing = [scope for scope in SCOPES if scope not in granted.get("scopes", ())]
    if missing:
        raise Rejected(
            _("The sign-in lacks these permissions: %s. Sign in again and allow all of them.")
            % ", ".join(missing),
            code="scope",
        )
    country = str(shop.get("shop_location_country_iso") or "")
    return AccountRecord(
        identity=str(shop_id),
        name=text(shop["shop_name"]),
        url=shop["url"],
        currency=shop["currency_code"],
        time_zone="UTC",
        country=country,
        language=next(iter(shop.get("languages") or ()), ""),
        version="3",
        currencies=(shop["currency_code"],),
        product_count=shop.get("listing_active_count"),
        warnings=tuple(_warnings(shop, country)),
        extra={"shop_id": int(shop_id), "user_id": me["user_id"], "country": country},
    )


def _warnings(shop: Mapping[str, Any], country: str) -> Sequence[str]:
    found = []
    if shop.get("is_vacation"):
        found.append(_("The shop is on vacation at Etsy: nothing can be bought."))
    if country in RESTRICTED:
        found.append(
            _(
                "For shops in %(country)s, Etsy may withhold addresses and refuse tracking numbers: such orders wait for "
                "an address typed by hand, and their numbers are entered in Etsy's shop manager."
            )
            % {"country": country}
        )
    return found
