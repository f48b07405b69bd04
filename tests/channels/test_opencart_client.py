"""The wire of `oms_connect`: signing, the clock, every answer of the sheet's table (`opencart.md` §5.1, §5.2)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from channels.connectors.opencart import auth
from channels.connectors.opencart.adapter import OpenCartAdapter
from channels.connectors.opencart.auth import identity_of
from channels.connectors.opencart.client import OpenCartClient, classify, normalise_url
from channels.connectors.opencart.sandbox.api import SECRET_KEY
from channels.contract.errors import AuthError, ChannelError, RateLimited, Rejected, TemporaryError, Uncertain
from channels.contract.records.pages import PullQuery
from channels.http.response import Answer
from channels.http.session import ChannelSession
from channels.sandbox.server import Response, Running
from tests.support.shops import unsaved_store

SHARED = Path(__file__).parents[2] / "contrib" / "opencart" / "tests" / "vectors.json"
VECTORS = json.loads(SHARED.read_text(encoding="utf-8"))


def client_of(
    running: Running, *, key: str = SECRET_KEY, clock: Callable[[], float] | None = None
) -> OpenCartClient:
    session = ChannelSession(unsaved_store(running))
    more = {"clock": clock} if clock else {}
    return OpenCartClient(running.credentials["domain_url"], key, session, **more)


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status, headers or {}, text.encode(), 0.0)


# ---------------------------------------------------------------- signing


def test_canonical_query_is_sorted_and_percent_encoded():
    params = {"sku": "A B/Ö&=+~", "route": "extension/oms_connect/v1", "after": "", "call": "products"}

    assert auth.canonical_query(params) == (
        "after=&call=products&route=extension%2Foms_connect%2Fv1&sku=A%20B%2F%C3%96%26%3D%2B~"
    )


def test_signature_is_over_time_nonce_method_query_and_body():
    body = b'{"items":[]}'
    text = "\n".join(["1700000000", "ab" * 16, "POST", "call=ping", hashlib.sha256(body).hexdigest()])
    expected = hmac.new(b"key", text.encode(), hashlib.sha256).hexdigest()

    made = auth.signature(
        "key", timestamp="1700000000", nonce="ab" * 16, method="POST", params={"call": "ping"}, body=body
    )

    assert made == expected


@pytest.mark.parametrize("given", ["", "0" * 64, "ß" * 64, "x"])
def test_a_wrong_signature_is_never_the_same(given):
    assert auth.is_same(given, "f" * 64) is False
    assert auth.is_same("f" * 64, "f" * 64) is True


def test_get_and_post_are_signed_as_the_shop_checks_them(opencart):
    client = client_of(opencart)
    opencart.sandbox.shop.add_product("Tea", "1.0000", sku="A B/Ö&=+~")

    assert client.get("products", sku="A B/Ö&=+~").data[0]["sku"] == "A B/Ö&=+~"
    assert client.post(
        "stock_price", {"items": [{"ref": "1", "product_id": 1, "quantity": 3}]}, repeatable=True
    ).data
    assert opencart.sandbox.product(1)["quantity"] == 3


def test_every_request_has_a_nonce_of_its_own(opencart):
    client, sandbox = client_of(opencart), opencart.sandbox
    for _ in range(3):
        client.post(
            "product_update",
            {"product_id": sandbox.shop.add_product("T", "1")["product_id"]},
            repeatable=True,
        )

    assert len(sandbox.nonces) == 3


def test_cookies_are_kept(opencart):
    """Without them each call adds a session row to the shop's database."""
    seen: list[str | None] = []
    respond = opencart.sandbox.handle

    def handle(request: Any) -> Any:
        seen.append(request.headers.get("cookie"))
        response = respond(request)
        response.headers["Set-Cookie"] = "OCSESSID=abc; path=/"
        return response

    opencart.sandbox.handle = handle
    client = client_of(opencart)
    client.get("ping")
    client.get("ping")

    assert seen == [None, "OCSESSID=abc"]


# ---------------------------------------------------------------- the clock


@pytest.mark.parametrize("offset", [-7200, -301, 301, 86_400])
def test_a_shop_whose_clock_is_off_is_met_on_the_second_try(serve_opencart, offset):
    running = serve_opencart(clock_offset=float(offset))
    client = client_of(running)

    assert client.get("ping").data["api"] == "1"
    assert abs(client.offset - offset) < 5
    assert [row["status"] for row in running.sandbox.requests] == [401, 200]

    client.get("ping")  # the offset is kept
    assert [row["status"] for row in running.sandbox.requests] == [401, 200, 200]


def test_small_differences_need_no_second_try(serve_opencart):
    running = serve_opencart(clock_offset=290.0)

    client_of(running).get("ping")

    assert [row["status"] for row in running.sandbox.requests] == [200]


def test_a_shop_that_refuses_its_own_time_needs_its_seller(serve_opencart):
    """The clock that the shop tells is not the one it checks by: one more try, then a sentence with the skew."""
    running = serve_opencart()
    stale = {"error": {"code": "stale_timestamp", "message": "Stale.", "server_time": "2020-01-01T00:00:00Z"}}
    running.sandbox.handle = lambda request: Response.json(stale, 401)
    client = client_of(running, clock=lambda: 1_577_836_800.0 + 900)

    with pytest.raises(AuthError, match="The shop's clock is 15 minutes behind Manifold's") as caught:
        client.get("ping")

    assert caught.value.code == "stale_timestamp"
    assert len(running.sandbox.requests) == 2


def test_a_write_is_repeated_after_a_stale_time_stamp_and_done_once(serve_opencart):
    running = serve_opencart(clock_offset=-4000.0)
    running.sandbox.shop.add_product("Tea", "1.0000", sku="T")

    client_of(running).post(
        "stock_price", {"items": [{"ref": "1", "product_id": 1, "quantity": 4}]}, repeatable=True
    )

    assert running.sandbox.product(1)["quantity"] == 4
    assert [row["status"] for row in running.sandbox.requests] == [401, 200]


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("case", "status", "body", "kind", "text"),
    [
        ("wrong key", 401, {"error": {"code": "bad_signature", "message": "x"}}, AuthError, "did not accept the secret key"),
        ("disabled", 403, {"error": {"code": "disabled", "message": "x"}}, AuthError, "switched off"),
        ("address", 403, {"error": {"code": "ip_not_allowed", "message": "x"}}, AuthError, "does not accept calls from this server"),
        ("clock", 401, {"error": {"code": "stale_timestamp", "message": "x"}}, AuthError, "clock"),
        ("old module", 404, {"error": {"code": "unknown_call", "message": "x"}}, Rejected, "newest version"),
        ("gone", 404, {"error": {"code": "no_such_product", "message": "No product has id 9."}}, Rejected, "No product has id 9."),
        ("bad", 400, {"error": {"code": "bad_param", "message": "limit"}}, Rejected, "limit"),
        ("invalid", 422, {"error": {"code": "invalid", "message": "Too long.", "field": "name"}}, Rejected, "Too long."),
        ("taken", 409, {"error": {"code": "duplicate_sku", "message": "Taken."}}, Rejected, "Taken."),
        ("twice", 409, {"error": {"code": "replayed", "message": "x"}}, Uncertain, "got this request twice"),
        ("code to come", 418, {"error": {"code": "teapot", "message": "Short and stout."}}, Rejected, "Short and stout."),
        ("internal", 500, {"error": {"code": "internal", "message": "x"}}, TemporaryError, "internal error"),
        ("gateway", 502, "<html>Bad gateway</html>", TemporaryError, "server has a problem"),
        ("gateway slow", 504, "", TemporaryError, "server has a problem"),
        ("not installed", 404, "<html>not found</html>", TemporaryError, "extension is installed and enabled"),
        ("maintenance", 503, "<html>Maintenance</html>", TemporaryError, "closed for maintenance"),
        ("page", 200, "<html>Just a moment</html>", TemporaryError, "web page and not with the shop's data"),
        ("notice", 200, "<b>Notice</b>: x" + json.dumps({"data": []}), TemporaryError, "web page"),
        ("empty", 200, "", TemporaryError, "web page"),
        ("half", 200, '{"data": [', TemporaryError, "web page"),
        ("other json", 200, {"success": True}, TemporaryError, "not from the Manifold extension"),
        ("error in 200", 200, {"error": {"code": "invalid", "message": "No."}}, Rejected, "No."),
        ("native error", 200, {"error": "Warning: no permission"}, TemporaryError, "not from the Manifold extension"),
        ("list", 200, [1], TemporaryError, "web page"),
        ("password", 401, "<html>Authorization required</html>", AuthError, "browser password"),
        ("firewall", 403, "<html>blocked</html>", AuthError, "firewall"),
        ("too large", 413, "<html>large</html>", Rejected, "refused the request (413)"),
        ("busy host", 429, "<html>slow</html>", RateLimited, "asks Manifold to send fewer requests"),
        ("busy", 429, {"error": {"code": "slow_down", "message": "x"}}, RateLimited, "asks Manifold to send fewer requests"),
    ],
)  # fmt: skip
def test_what_an_answer_means(case, status, body, kind, text):
    error = classify(answer(status, body), writes=False, repeatable=True)

    assert type(error) is kind
    assert text in str(error)
    assert getattr(error, "maintenance", False) is (case == "maintenance")


@pytest.mark.parametrize(("status", "kind"), [(301, AuthError), (308, AuthError), (302, TemporaryError)])
def test_a_shop_that_has_moved_names_its_new_address(status, kind):
    headers = {"Location": "https://new.example/index.php?route=x"}
    error = classify(answer(status, "<html>", headers), writes=False, repeatable=True)

    assert type(error) is kind
    assert "redirects to new.example." in str(error)


@pytest.mark.parametrize("body", ['{"data": [], "meta": {}}', '\ufeff{"data": null}'])
def test_a_good_answer_is_no_error(body):
    assert classify(answer(200, body), writes=False, repeatable=True) is None


@pytest.mark.parametrize(("status", "body"), [(500, {"error": {"code": "internal", "message": "x"}}), (502, "<html>"),
                                              (200, "<html>"), (504, "")])  # fmt: skip
def test_a_write_that_may_have_been_done_is_uncertain(status, body):
    assert type(classify(answer(status, body), writes=True, repeatable=False)) is Uncertain
    assert type(classify(answer(status, body), writes=True, repeatable=True)) is TemporaryError


def test_a_firewall_that_stops_one_write_does_not_stop_the_store():
    error = classify(answer(403, "<html>blocked</html>"), writes=True, repeatable=True)

    assert isinstance(error, Rejected)
    assert error.code == "firewall"


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"Retry-After": "7"}, {"error": {"code": "slow_down", "message": "x"}}, 7.0),
        ({"Retry-After": "7"}, {"error": {"code": "slow_down", "message": "x", "retry_after": 9}}, 9.0),
        ({}, {"error": {"code": "slow_down", "message": "x"}}, 30.0),
        ({"Retry-After": "soon"}, "<html>", 30.0),
    ],
)
def test_how_long_to_wait(headers, body, wait):
    error = classify(answer(429, body, headers), writes=False, repeatable=True)

    assert isinstance(error, RateLimited)
    assert error.retry_after == wait


def test_field_and_code_reach_the_caller():
    body = {"error": {"code": "invalid", "message": "Too long.", "field": "name"}}
    error = classify(answer(422, body), writes=True, repeatable=True)

    assert isinstance(error, Rejected)
    assert (error.code, error.field) == ("invalid", "name")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "rate_limit", "retry_after": 4}, RateLimited),
        ({"kind": "server_error", "status": 502}, TemporaryError),
        ({"kind": "maintenance"}, TemporaryError),
        ({"kind": "html"}, TemporaryError),
        ({"kind": "drop"}, TemporaryError),
        ({"kind": "no_answer"}, TemporaryError),
        ({"kind": "cut"}, TemporaryError),
        ({"kind": "notice"}, TemporaryError),
        ({"kind": "html_after"}, TemporaryError),
    ],
)
def test_faults_on_the_wire_are_errors_once_and_gone(opencart, fault, kind):
    client = client_of(opencart)
    opencart.sandbox.inject(**fault)

    with pytest.raises(ChannelError) as caught:
        client.get("ping")

    assert type(caught.value) is kind
    assert client.get("ping").data["api"] == "1"


def test_a_byte_order_mark_is_no_error(opencart):
    opencart.sandbox.inject("bom")

    assert client_of(opencart).get("ping").data["api"] == "1"


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("https://shop.example/", "https://shop.example"),
        (" shop.example ", "https://shop.example"),
        ("https://Shop.Example:443/Folder/", "https://shop.example/Folder"),
        ("https://shop.example/shop/index.php?route=common/home", "https://shop.example/shop"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://127.0.0.1:8080/oc//", "http://127.0.0.1:8080/oc"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://10.1.2.3", "http://10.1.2.3"),
        ("http://lab:81", "http://lab:81"),
    ],
)
def test_an_address_as_people_type_it(typed, normal):
    assert normalise_url(typed, ["10.1.0.0/16", "lab:81"]) == normal


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("", "not a web address"),
        ("ftp://shop.example", "not a web address"),
        ("https://", "not a web address"),
        ("my shop", "not a web address"),
        ("https://shop.example:port", "not a web address"),
        ("https://user:pw@shop.example", "without a user name"),
        ("http://shop.example", "must begin with https://"),
        ("http://lab:82", "must begin with https://"),
        ("http://10.2.0.1", "must begin with https://"),
    ],
)
def test_an_address_that_is_refused(typed, text):
    with pytest.raises(Rejected, match=text) as caught:
        normalise_url(typed, ["10.1.0.0/16", "lab:81", "nonsense/99"])

    assert caught.value.field == "domain_url"
    assert "pw" not in str(caught.value)


@pytest.mark.req("R-CONN-07")
@pytest.mark.parametrize(
    "url", ["https://www.shop.example/oc/", "http://shop.example/oc", "https://SHOP.example/oc/"]
)
def test_the_same_shop_by_another_address_is_the_same(url):
    assert identity_of(url) == "shop.example/oc"


def test_other_folders_and_ports_are_other_shops():
    assert len({identity_of(f"https://shop.example{rest}") for rest in ("", "/oc", ":8443", "/oc2")}) == 4


def test_a_shop_in_a_folder(serve_opencart):
    running = serve_opencart(folder="shop/de", seed="demo")
    adapter = OpenCartAdapter(unsaved_store(running, credentials={"domain_url": f"{running.url}/shop/de/"}))

    assert adapter.verify().url == f"{running.url}/shop/de"
    assert len(adapter.pull_categories(PullQuery()).records) == 5


def test_the_key_is_in_no_error(opencart):
    for kind in ("html", "drop", "server_error", "rate_limit"):
        opencart.sandbox.inject(kind)
        with pytest.raises(ChannelError) as caught:
            client_of(opencart).get("ping")
        assert SECRET_KEY not in f"{caught.value!s} {caught.value!r} {caught.value.detail}"


# ---------------------------------------------------------------- vectors shared with the PHP code


@pytest.mark.parametrize("vector", VECTORS["requests"], ids=lambda vector: vector["name"])
def test_requests_are_signed_as_the_extension_signs_them(vector):
    parts = {name: vector[name] for name in ("timestamp", "nonce", "method", "params")}

    assert auth.canonical_query(vector["params"]) == vector["canonical_query"]
    assert auth.signature(vector["key"], **parts, body=vector["body"].encode()) == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS["webhooks"], ids=lambda vector: vector["name"])
def test_webhooks_are_signed_as_the_extension_signs_them(vector):
    assert auth.webhook_signature(vector["secret"], vector["body"].encode()) == vector["signature"]
