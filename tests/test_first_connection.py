"""Connecting, for each channel over real HTTP, from a terminal and by the services: R-CONN-05 to R-CONN-09.

The pages do the same in a browser (`tests/e2e`); the rules are these.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalogue.models import ListingVariant, Product
from channels.connectors.etsy.sandbox.api import KEYSTRING, SHARED_SECRET
from channels.contract.registry import specs
from channels.models import (
    Budget,
    CallLog,
    Connection,
    RejectedRecord,
    StatusMapEntry,
    SyncRun,
    SyncStream,
)
from channels.sandbox.server import Running
from channels.stores import connect, services
from inventory.models import StockItem
from oms.kit.models import Job
from orders.models import Carrier, Order
from tests.support.workers import work
from tests.test_main_flow import broken_invariants

CHANNELS = ("opencart", "bigcommerce", "onbuy", "etsy")
DAY = 86_400
Serve = Callable[..., Running]


@pytest.fixture
def serve(settings: Any) -> Iterator[Serve]:
    """Start a sandbox of a channel; this installation has Etsy's application."""
    app = {"keystring": KEYSTRING, "shared_secret": SHARED_SECRET, "webhook_secret": ""}
    settings.OMS_APPS = {**settings.OMS_APPS, "etsy": {**app, "api_url": "", "sign_in_url": ""}}
    settings.OMS_PUBLIC_URL = ""
    with ExitStack() as stack:

        def start(channel: str, *, seed: str = "empty", **options: Any) -> Running:
            make = specs()[channel].make_sandbox
            running: Running = stack.enter_context(make(seed=seed, **options).serve())
            return running

        yield start


def typed(channel: str, credentials: dict[str, str]) -> list[str]:
    known = [field.name for field in specs()[channel].credential_fields]
    return [
        f"--{name.replace('_', '-')}={credentials[name]}" for name in known if credentials.get(name, "") != ""
    ]


def connect_by_command(
    channel: str, credentials: dict[str, str], capsys: pytest.CaptureFixture[str], name: str = "First"
) -> dict[str, Any]:
    """`connect_store … --json`, first sync included; what it printed."""
    capsys.readouterr()
    code: Any = 0
    try:
        call_command("connect_store", channel, "--name", name, *typed(channel, credentials), "--json")
    except SystemExit as end:
        code = end.code
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {**answer, "code": code}


def nothing_is_stored() -> bool:
    """Of the store; that its application has made a request is counted (`AppQuota`)."""
    models: tuple[Any, ...] = (Connection, SyncStream, Budget, StatusMapEntry, Job, CallLog)
    return [model.objects.count() for model in models] == [0] * len(models)


#: What the seller may have typed wrongly, and what the terminal says.
WRONG = {
    "opencart": (
        {"secret_key": "0" * 48},
        "The shop did not accept the secret key: copy it again from the extension's page in the shop's admin.",
    ),
    "bigcommerce": (
        {"access_token": "0" * 31},
        "BigCommerce does not accept the access token: it is wrong or was revoked; reconnect with a new one.",
    ),
    "onbuy": (
        {"secret_key": "0" * 31},
        (
            "OnBuy did not accept these keys: copy the consumer key and the secret key again from the seller panel, "
            "Listing » Imports & Integrations » OnBuy API."
        ),
    ),
    "etsy": (
        {"access_token": "1.dead", "refresh_token": "1.dead"},
        (
            "Etsy no longer accepts this store's sign-in (it was unused for 90 days, removed by the seller, or the "
            "Etsy password was changed): reconnect the store."
        ),
    ),
}


@pytest.mark.django_db
@pytest.mark.req("R-CONN-06", "R-CONN-02", "R-CONN-03")
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_wrong_key_is_one_sentence_and_nothing_is_stored(
    channel: str, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    running = serve(channel, products=2)
    changes, says = WRONG[channel]
    credentials = {**running.credentials, **changes}
    if channel == "etsy":
        running.sandbox.revoke()
    with pytest.raises(CommandError) as said:
        call_command("connect_store", channel, *typed(channel, credentials))
    assert (str(said.value), said.value.returncode) == (says, 2)
    answer = connect_by_command(channel, credentials, capsys)
    assert answer == {"ok": False, "error": says, "code": 2}
    with pytest.raises(connect.StoreError) as refused:
        connect.connect(channel=channel, name="First", credentials=credentials)
    assert str(refused.value) == says
    assert running.sandbox.requests, "the key was not tried with a real call"
    assert nothing_is_stored()


def another_key(channel: str, running: Running) -> dict[str, str]:
    """Keys of the same account that have nothing in common with those that are stored."""
    sandbox = running.sandbox
    if channel == "opencart":
        sandbox.rotate_key()
        return {**sandbox.credentials(), "domain_url": f"{running.url}/index.php"}
    if channel == "bigcommerce":
        sandbox.token = "another0token0of0the0api0account0001"
        return {**sandbox.credentials(), "client_secret": "another"}
    if channel == "onbuy":
        sandbox.change_keys("onbuy-another-secret-key-4711")
        sandbox.consumer_key = "onbuy-another-consumer-key-4711"
        return dict(sandbox.credentials())
    return dict(sandbox.credentials())


@pytest.mark.django_db
@pytest.mark.req("R-CONN-07")
@pytest.mark.parametrize("channel", CHANNELS)
def test_an_account_is_recognised_with_other_keys(
    channel: str, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    running = serve(channel, products=2)
    first = connect_by_command(channel, running.credentials, capsys)
    assert (first["ok"], first["store"]) == (True, "First")
    before = dict(Connection.objects.get().credentials)
    again = another_key(channel, running)
    secret = next(field.name for field in specs()[channel].credential_fields if field.is_secret)
    assert again[secret] != before[secret]

    answer = connect_by_command(channel, again, capsys, name="Second")

    says = "This account is already connected as “First”. An account can be connected once."
    assert answer == {"ok": False, "error": says, "code": 2}
    assert dict(Connection.objects.get().credentials) == before

    other = connect_by_command(channel, serve(channel).credentials, capsys, name="Another account")
    assert (other["ok"], Connection.objects.count()) == (True, 2)


#: What is read at connection, in this order (R-CONN-08), then the carriers.
PHASES = {
    "opencart": ["statuses", "categories", "attributes", "products", "orders.history"],
    "bigcommerce": [
        "statuses",
        "categories",
        "brands",
        "products",
        "orders.history",
    ],  # attributes: with the products
    "onbuy": ["statuses", "categories", "brands", "attributes", "products", "orders.history"],
    "etsy": ["categories", "attributes", "products", "orders.history"],
}


@pytest.mark.django_db
@pytest.mark.req("R-CONN-08", "R-CONN-09", "R-CAT-01", "R-ORD-05", "R-SHIP-01")
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_first_sync_imports_in_order_and_the_store_is_read_only(
    channel: str, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    running = serve(channel, seed="demo")
    now = time.time()
    young = str(running.sandbox.place_order(moment=now - 89 * DAY)["order_id"])
    old = str(running.sandbox.place_order(moment=now - 91 * DAY)["order_id"])

    answer = connect_by_command(channel, running.credentials, capsys)

    store = Connection.objects.get()
    assert (answer["read_only"], store.state) == (True, "active")
    assert answer["ok"] is not RejectedRecord.objects.filter(connection=store).exists(), (
        "as the exit code says"
    )
    assert list(answer["report"]["phases"]) == [*PHASES[channel], "carriers"]
    runs = SyncRun.objects.filter(connection=store, trigger="first").order_by("pk")
    assert list(runs.values_list("stream", flat=True)) == PHASES[channel]
    assert set(runs.values_list("state", flat=True)) == {"done"}
    assert not [entry for entry in answer["report"]["phases"].values() if "error" in entry]
    assert ListingVariant.objects.filter(connection=store, variant__isnull=False).count() >= 20
    named = ListingVariant.objects.filter(connection=store, variant__isnull=False).select_related("variant")[
        0
    ]
    assert named.variant is not None
    assert named.variant.product.title
    assert (named.remote_price is not None, named.remote_quantity is not None) == (True, True)
    assert StockItem.objects.filter(variant=named.variant).exists()
    numbers = set(Order.objects.filter(connection=store).values_list("external_id", flat=True))
    assert (young in numbers, old in numbers) == (True, False)
    assert Carrier.objects.exists()
    writes = list(CallLog.objects.filter(connection=store).values_list("method", "url"))
    assert {method for method, url in writes if "request-token" not in url and "/scopes" not in url} == {
        "GET"
    }
    assert broken_invariants() == []


@pytest.mark.django_db
@pytest.mark.req("R-CONN-08")
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_first_sync_without_products_is_reported(
    channel: str, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = connect_by_command(channel, serve(channel).credentials, capsys)
    assert answer["message"] == "The store has no products; 0 orders of the last 90 days."
    assert (answer["ok"], answer["code"], Product.objects.count(), Order.objects.count()) == (True, 0, 0, 0)


@pytest.mark.django_db
@pytest.mark.req("R-CONN-09")
@pytest.mark.parametrize("channel", CHANNELS)
def test_the_history_stays_after_pause_disconnect_and_reconnect(
    channel: str, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    running = serve(channel, products=3, orders=4)
    connect_by_command(channel, running.credentials, capsys)
    store = Connection.objects.get()
    work()
    services.switch_on(connection=store)
    work()
    shelves = list(StockItem.objects.order_by("pk").values_list("variant__sku", "on_hand", "allocated"))

    services.pause(connection=store, reason="Holidays")
    placed = str(running.sandbox.place_order()["order_id"])
    services.refresh_now(connection=store, stream="orders.new")
    asked = len(running.sandbox.requests)
    work()
    assert (len(running.sandbox.requests), Order.objects.count()) == (asked, 4)
    services.resume(connection=store)
    work()
    assert Order.objects.filter(external_id=placed).count() == 1

    services.disconnect(connection=store)
    missed = str(running.sandbox.place_order()["order_id"])
    asked = len(running.sandbox.requests)
    for stream in store.streams.filter(period__gt=0):
        services.refresh_now(connection=store, stream=stream.name)
    work()
    store.refresh_from_db()
    assert (store.state, dict(store.credentials), len(running.sandbox.requests)) == (
        "disconnected",
        {},
        asked,
    )
    assert (Order.objects.count(), list(StockItem.objects.values_list("pk")) != []) == (5, True)

    again = connect_by_command(channel, running.sandbox.credentials(), capsys, name="A new name")
    assert (again["ok"], again["id"], again["store"], again["read_only"]) == (True, store.pk, "First", True)
    SyncStream.objects.filter(connection=store, period__gt=0).update(due_at=timezone.now())
    work()
    assert Order.objects.filter(external_id=missed).count() == 1
    assert (Order.objects.count(), Connection.objects.count(), ListingVariant.objects.count()) == (6, 1, 3)
    held = list(StockItem.objects.order_by("pk").values_list("variant__sku", "on_hand"))
    assert held == [(sku, on_hand) for sku, on_hand, _allocated in shelves]
    assert broken_invariants() == []


@pytest.mark.django_db
@pytest.mark.req("R-CONN-05")
def test_an_offline_store_is_made_with_a_name_and_a_currency(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = connect_by_command("offline", {"currency": "euros"}, capsys)
    assert wrong == {"ok": False, "error": "Enter a currency with three letters, such as EUR.", "code": 2}
    assert nothing_is_stored()
    for name in ("Market stall", "Shop window"):
        made = connect_by_command("offline", {"currency": "EUR"}, capsys, name=name)
        assert (made["ok"], made["store"]) == (True, name)
    assert list(Connection.objects.values_list("name", "currency", "state")) == [
        ("Market stall", "EUR", "active"),
        ("Shop window", "EUR", "active"),
    ]
    work()
    assert (CallLog.objects.count(), SyncStream.objects.count()) == (0, 0)
