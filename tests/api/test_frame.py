"""The frame of the API: keys, scopes, idempotency, errors, pages, rate limit, signatures."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from inventory.models import StockMovement
from oms.kit.api import keys, signatures
from oms.kit.api.models import ApiKey, StoredAnswer
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import AuditEntry
from tests import factories
from tests.api.caller import SECRET, Caller

pytestmark = pytest.mark.django_db

CHANGE = {"sku": "MUG", "warehouse": "leeds", "delta": 3, "reason": "found"}


def mug(on_hand: int = 4):
    return factories.stocked("MUG", leeds=on_hand)


@pytest.mark.req("R-WMS-02")
def test_a_write_acts_once_for_its_key_and_is_answered_again():
    mug()
    shop = Caller("stock:write", name="ERP")

    first = shop.post("/stock/adjustments", CHANGE, key="a1")
    again = shop.post("/stock/adjustments", CHANGE, key="a1")
    other = shop.post("/stock/adjustments", {**CHANGE, "delta": 4}, key="a1")

    assert (first.status_code, first.json()["on_hand"]) == (200, 7)
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (200, first.json(), "true")
    assert (other.status_code, other["Content-Type"]) == (422, "application/problem+json")
    assert "Use a new one" in other.json()["detail"]
    movement = StockMovement.objects.get(kind="adjustment")
    assert (movement.quantity, movement.actor, movement.author_id) == (3, "API ERP", None)


def test_a_refused_write_stores_nothing_and_can_be_sent_again_with_its_key():
    mug()
    shop = Caller("stock:write")

    assert shop.post("/stock/adjustments", {**CHANGE, "delta": -9}, key="a1").status_code == 422
    assert StoredAnswer.objects.count() == 0
    assert shop.post("/stock/adjustments", CHANGE, key="a1").status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 65])
def test_a_write_needs_an_idempotency_key(key):
    mug()
    answer = Caller("stock:write").post("/stock/adjustments", CHANGE, key=key)
    assert (answer.status_code, StockMovement.objects.filter(kind="adjustment").count()) == (422, 0)


def test_two_keys_may_use_the_same_idempotency_key():
    mug()
    for name in ("one", "two"):
        assert Caller("stock:write", name=name).post("/stock/adjustments", CHANGE, key="a").status_code == 200
    assert StockMovement.objects.filter(kind="adjustment").count() == 2


def test_a_key_may_do_what_its_scopes_say_and_nothing_else():
    mug()
    reader = Caller("stock:read")
    assert reader.get("/stock").status_code == 200
    refused = reader.post("/stock/adjustments", CHANGE)
    assert (refused.status_code, refused.json()["title"]) == (403, "Forbidden")
    assert reader.get("/orders").status_code == 403
    assert StockMovement.objects.filter(kind="adjustment").count() == 0


def test_without_a_valid_key_nothing_is_answered():
    caller = Caller("stock:read")
    for header in ({}, {"Authorization": "Bearer mnf_wrong"}, {"Authorization": f"Basic {caller.token}"}):
        answer = Client().get("/api/v1/stock", headers=header)
        assert (answer.status_code, answer["WWW-Authenticate"][:6]) == (401, "Bearer")
    keys.revoke(key=caller.key, by=SYSTEM)
    assert caller.get("/stock").status_code == 401
    late = Caller("stock:read", expires_at=timezone.now() + timedelta(days=1))
    ApiKey.objects.filter(pk=late.key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert late.get("/stock").status_code == 401


def test_every_operation_needs_a_key():
    cache.clear()
    for path in ("/api/v1/openapi.json", "/wms/v1/openapi.json"):
        for route, methods in Client().get(path).json()["paths"].items():
            address = route.replace("{pk}", "1").replace("{uuid}", "00000000-0000-0000-0000-000000000000")
            for method in methods:
                answer = Client().generic(method.upper(), address, b"{}", content_type="application/json")
                assert answer.status_code == 401, (method, address)
                cache.clear()


def test_an_address_that_guesses_keys_is_answered_before_any_work():
    cache.clear()
    for _try in range(30):
        Client().get("/api/v1/stock", headers={"Authorization": "Bearer mnf_guess"})
    answer = Client().get("/api/v1/stock", headers={"Authorization": "Bearer mnf_guess"})
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    cache.clear()


def test_the_calls_of_a_key_are_limited_in_each_minute(settings):
    settings.OMS_API_CALLS_PER_MINUTE = 2
    caller = Caller("stock:read")
    assert [caller.get("/stock").status_code for _call in range(3)] == [200, 200, 429]
    ApiKey.objects.update(minute=1)
    assert caller.get("/stock").status_code == 200
    assert ApiKey.objects.get().calls == 1
    assert ApiKey.objects.get().last_used_at is not None


def test_a_key_is_stored_as_a_hash_and_its_life_is_in_the_audit_log():
    caller = Caller("stock:read", name="ERP")
    row = ApiKey.objects.values().get()
    assert caller.token not in str(row)
    keys.revoke(key=caller.key, by=SYSTEM)
    keys.revoke(key=caller.key, by=SYSTEM)
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "subject_name")) == [
        ("api_key.created", "ERP"),
        ("api_key.revoked", "ERP"),
    ]


def test_pages_follow_each_other_without_gaps():
    for number in range(5):
        factories.stocked(f"S{number}", leeds=1)
    caller = Caller("stock:read")
    seen: list[str] = []
    caller, seen = Caller("stock:read"), []
    after: str | None = ""
    while after is not None:
        page = caller.get("/stock", limit=2, after=after).json()
        seen += [row["sku"] for row in page["items"]]
        after = page["next"]
    assert seen == ["S0", "S1", "S2", "S3", "S4"]
    assert caller.get("/stock", after="nonsense").json()["errors"] == [
        {"pointer": "/after", "detail": "not a cursor"}
    ]


def test_a_faulty_field_is_named():
    mug()
    answer = Caller("stock:write").post("/stock/adjustments", {**CHANGE, "delta": "many", "typo": 1})
    assert answer.status_code == 422
    assert [row["pointer"] for row in answer.json()["errors"]] == ["/delta", "/typo"]


def test_the_description_is_public():
    for path in ("/api/v1/openapi.json", "/wms/v1/openapi.json"):
        document = Client().get(path).json()
        assert document["openapi"].startswith("3.1")
        assert document["paths"]


@pytest.mark.req("R-WMS-02")
def test_signatures_are_those_of_standard_webhooks():
    """The vector of the Standard Webhooks libraries."""
    body, identity, at = b'{"test": 2432232314}', "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
    signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signatures.sign(SECRET, identity, at, body) == signature
    headers = {"webhook-id": identity, "webhook-timestamp": str(at), "webhook-signature": signature}
    assert signatures.verify([SECRET], headers, body, now=at) == identity
    two = {**headers, "webhook-signature": f"v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= {signature}"}
    assert signatures.verify([signatures.new_secret(), SECRET], two, body, now=at) == identity


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1614265331"},
        {"webhook-timestamp": "²"},
        {"webhook-timestamp": ""},
        {"webhook-signature": "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="},
        {"webhook-signature": "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook-signature": "é"},
    ],
)
def test_a_changed_call_is_not_genuine(change):
    body, at = b'{"test": 2432232314}', 1614265330
    headers = signatures.headers_for(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", body, now=at) | change
    with pytest.raises(signatures.WrongSignature):
        signatures.verify([SECRET], headers, body, now=at)


def test_an_old_call_is_refused():
    headers = signatures.headers_for(SECRET, "m1", b"{}", now=1000)
    assert signatures.verify([SECRET], headers, b"{}", now=1300) == "m1"
    for now in (1301, 699):
        with pytest.raises(signatures.WrongSignature):
            signatures.verify([SECRET], headers, b"{}", now=now)


def test_secrets_have_24_to_64_bytes():
    assert len(signatures.key_of(signatures.new_secret())) == 32
    for wrong in ("whsec_", "whsec_AAAA", "whsec_!!", "whsec_" + "A" * 88):
        with pytest.raises(ValueError, match="not"):
            signatures.key_of(wrong)


def test_a_key_needs_a_name_scopes_and_a_future():
    for fields, words in (
        ({"name": " ", "scopes": ["stock:read"]}, "name"),
        ({"name": "a", "scopes": []}, "may do"),
        ({"name": "a", "scopes": ["stock:erase"]}, "may do"),
        ({"name": "a", "scopes": ["stock:read"], "expires_at": timezone.now()}, "past"),
        ({"name": "a", "scopes": ["wms:read"]}, "warehouse"),
        ({"name": "a", "scopes": ["orders:read"], "warehouse_id": 1}, "warehouse"),
    ):
        with pytest.raises(keys.KeyRefused, match=words):
            keys.create(by=SYSTEM, **fields)
    assert ApiKey.objects.count() == 0


def test_stored_answers_are_deleted_after_seven_days():
    mug()
    Caller("stock:write").post("/stock/adjustments", CHANGE)
    assert keys.prune() == 0
    StoredAnswer.objects.update(at=timezone.now() - timedelta(days=8))
    assert keys.prune() == 1
