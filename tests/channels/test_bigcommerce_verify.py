"""What recognising a store of BigCommerce tells: whose it is, what it warns of, which permission is missing."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from channels.connectors.bigcommerce.client import store_url
from channels.contract.errors import AuthError, Rejected
from channels.contract.records.pages import PullQuery
from tests.channels.bigcommerce import connected


@pytest.fixture
def running(serve_bigcommerce):
    return serve_bigcommerce()


@pytest.fixture(autouse=True)
def _nothing_believed():
    cache.clear()


@pytest.mark.req("R-CONN-01", "R-CONN-06")
def test_verify_says_whose_store_it_is(running):
    account = connected(running).verify()

    assert account.identity == running.sandbox.store_hash
    assert (account.name, account.currency, account.country) == ("Fern & Kettle UK", "GBP", "GB")
    assert account.time_zone == "Europe/London"
    assert account.extra["update_stock_behavior"] == "order_placed"
    assert account.extra["default_location"] == 1
    assert account.warnings == ()


def test_another_country_is_a_warning_and_no_refusal(serve_bigcommerce):
    [warning] = connected(serve_bigcommerce(country="DE")).verify().warnings

    assert "DE" in warning


def test_stock_that_falls_at_shipping_makes_us_propose_the_other_mode(serve_bigcommerce):
    running = serve_bigcommerce(update_stock_behavior="order_completed_or_shipped")
    [warning] = connected(running).verify().warnings

    assert "at the manifest" in warning
    assert connected(running, options={"shipping_mode": "b"}).verify().warnings == ()


def test_a_location_that_the_storefront_does_not_sell_from_is_warned_of(running):
    running.sandbox.shop.locations[2] = {"id": 2, "code": "B", "label": "Barn", "enabled": True}

    [warning] = connected(running, options={"location": "2"}).verify().warnings

    assert "another location than the default" in warning


def test_clocks_that_differ_are_named(serve_bigcommerce):
    [warning] = connected(serve_bigcommerce(clock_offset=-300)).verify().warnings

    assert "30" in warning
    assert "Correct the clock of this machine" in warning


@pytest.mark.req("R-CONN-06")
def test_a_missing_permission_is_named(serve_bigcommerce):
    running = serve_bigcommerce(scopes_missing=["/v2/orders"])

    with pytest.raises(AuthError, match=r"Orders \(modify\)"):
        connected(running).pull_orders(PullQuery())


@pytest.mark.req("R-CONN-06")
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v2/orders", "Orders (modify)"), ("/v3/orders", "Order transactions (read-only)"), ("/v3/catalog", "Products (modify)"),
        ("/v3/inventory/items", "Store inventory (modify)"), ("/v2/store", "Information & settings (read-only)"),
    ],
)  # fmt: skip
def test_a_missing_permission_is_named_while_connecting(serve_bigcommerce, path, name):
    with pytest.raises(AuthError) as caught:
        connected(serve_bigcommerce(scopes_missing=[path])).verify()

    assert f"“{name}”" in caught.value.message


@pytest.mark.req("R-ORD-08")
def test_verify_knows_what_can_be_paid_in_and_not_what_is_only_shown(serve_bigcommerce):
    running = serve_bigcommerce(currencies=["EUR"], display_currencies=["USD"], decimal_places=0)

    account = connected(running).verify()

    assert (account.currency, account.currencies) == ("GBP", ("GBP", "EUR"))
    assert account.extra["decimal_places"] == 0
    assert account.extra["control_panel"] == running.url


def test_without_locations_stock_is_not_offered(serve_bigcommerce):
    account = connected(serve_bigcommerce(scopes_missing=["/v3/inventory/locations"])).verify()

    assert set(account.offered) == {"push_stock", "stock_locations"}


@pytest.mark.parametrize("path", ["abc123", "https://api.bigcommerce.com/stores/abc123/v3/", "api.bigcommerce.com/stores/abc123"])  # fmt: skip
def test_an_api_path_or_a_hash(path):
    assert store_url(path) == "https://api.bigcommerce.com/stores/abc123"


@pytest.mark.parametrize(
    "path",
    ["", "a b", "https://evil.example/stores/abc123/v3/", "http://api.bigcommerce.com/stores/abc123", "https://api.bigcommerce.com/",
     "https://x@api.bigcommerce.com/stores/abc123", "https://api.bigcommerce.com:8443/stores/abc123", "https://[bad/stores/abc"],
)  # fmt: skip
def test_the_token_goes_nowhere_else(path):
    with pytest.raises(Rejected):
        store_url(path)
