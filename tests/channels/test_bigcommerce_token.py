"""The `signed_payload_jwt` of BigCommerce's app: what a good one says, and all that is not one (`bigcommerce.md` §1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from channels.connectors.bigcommerce import auth

pytestmark = pytest.mark.req("R-CONN-01")

KEY = "k" * 64  # as long as BigCommerce's secrets are


def claims(**changes: Any) -> dict[str, Any]:
    now = 1_800_000_000
    return {
        "aud": "me", "iss": "bc", "iat": now, "nbf": now - 5, "exp": now + 86_400, "sub": "stores/abc123",
        "user": {"id": 5}, "owner": {"id": 1}, "url": "/", "channel_id": None, **changes,
    }  # fmt: skip


def verify(token: str, now: float = 1_800_000_000) -> auth.Person:
    return auth.verify_jwt(token, client_id="me", client_secret=KEY, now=now)


def test_a_good_token_says_store_and_person():
    person = verify(auth.sign_jwt(claims(), KEY))

    assert (person.store_hash, person.user_id, person.owner_id) == ("abc123", "5", "1")


@pytest.mark.parametrize("shift", [-59, 0, 86_400 + 59])
def test_a_minute_of_leeway(shift):
    assert verify(auth.sign_jwt(claims(), KEY), 1_800_000_000 + shift).store_hash == "abc123"


@pytest.mark.parametrize(
    ("changes", "now"),
    [
        ({"aud": "another"}, 0), ({"iss": "us"}, 0), ({"sub": "stores/"}, 0), ({"sub": "x/abc"}, 0), ({"sub": "stores/a/b"}, 0),
        ({}, 86_400 + 61), ({}, -70), ({"user": {}}, 0), ({"owner": None}, 0), ({"exp": "soon"}, 0),
    ],
)  # fmt: skip
def test_a_token_that_is_not_for_us_now(changes, now):
    with pytest.raises(auth.BadSignature):
        verify(auth.sign_jwt(claims(**changes), KEY), 1_800_000_000 + now)


def signed_with_header(algorithm: str) -> str:
    """A token with a good HS256 signature whose header names another algorithm."""

    def pack(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    signed = (
        f"{pack(json.dumps({'alg': algorithm, 'typ': 'JWT'}).encode())}.{pack(json.dumps(claims()).encode())}"
    )
    return f"{signed}.{pack(hmac.new(KEY.encode(), signed.encode(), hashlib.sha256).digest())}"


def test_the_algorithm_is_pinned():
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    good = auth.sign_jwt(claims(), KEY)
    bare = f"{none}.{good.split('.')[1]}."
    for token in (
        bare,
        signed_with_header("none"),
        signed_with_header("RS256"),
    ):
        with pytest.raises(auth.BadSignature):
            verify(token)


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "é.b.c", "....", "e30.e30.e30"])
def test_what_is_no_token(token):
    with pytest.raises(auth.BadSignature):
        verify(token)


def test_an_empty_secret_verifies_nothing():
    with pytest.raises(auth.BadSignature):
        auth.verify_jwt(auth.sign_jwt(claims(), KEY), client_id="me", client_secret="", now=1_800_000_000)
