# long because: the whole matrix of what goes wrong at a channel, one place a reader sees it.
"""What goes wrong at a channel, each way: one sentence on its store, nothing lost, and nobody else is disturbed.

Five stores side by side over real HTTP: one of each channel, and a second one of the channel that breaks. The broken
store is asked for orders and told stock like all the others, in the same minute; then the seller mends it, and the
next thing goes wrong.
"""

from __future__ import annotations

import html
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalogue.models import ListingVariant
from channels.connectors.bigcommerce.app import installs
from channels.connectors.bigcommerce.sandbox.api import CLIENT_ID, CLIENT_SECRET
from channels.connectors.etsy.auth import SCOPES as ETSY_SCOPES
from channels.connectors.etsy.webhooks import webhook_signature as etsy_signature
from channels.connectors.opencart.auth import webhook_signature as opencart_signature
from channels.contract.registry import specs
from channels.models import (
    AppInstall,
    AppQuota,
    Budget,
    CallLog,
    Connection,
    OutboxMessage,
    SyncRun,
    SyncStream,
    WebhookEvent,
)
from channels.models.fields import Secrets
from channels.sandbox.server import Running
from channels.stores import connect, pull_jobs, services
from channels.stores.health.health_text import health_of
from inventory.models import StockItem
from inventory.services import adjust as stock
from oms.kit.authors.actors import SYSTEM
from oms.kit.models import Job
from orders.models import Order
from tests.support.workers import work
from tests.test_main_flow import broken_invariants

CHANNELS = ("opencart", "bigcommerce", "onbuy", "etsy")
Turn = Callable[[Any], Any]


@dataclass(frozen=True)
class Case:
    """`breaks` and `mends` turn the sandbox; `new_keys`: what the seller then types (None: the store goes on alone)."""

    channel: str
    name: str
    breaks: Turn
    state: str
    says: str
    mends: Turn
    new_keys: Turn | None = field(default=None)


def _rotated(sandbox: Any) -> None:
    sandbox.rotate_key()
    sandbox.old_key = ""


def _new_token(sandbox: Any) -> None:
    sandbox.token = "another0token0of0the0api0account0001"
    sandbox.configure(revoked=False, scopes_missing=[])


def _used_up(sandbox: Any) -> None:
    sandbox.configure(limits={"GET": 1, "PUT": 1})
    sandbox.counted.update({method: deque([sandbox.clock()]) for method in ("GET", "PUT")})


GRANT_ENDED = (
    "Etsy no longer accepts this store's sign-in (it was unused for 90 days, removed by the seller, or the "
    "Etsy password was changed): reconnect the store."
)
TOLD_TO_WAIT = "The channel asked Manifold to wait. It continues in"

CASES = (
    Case(
        "opencart",
        "another secret key",
        _rotated,
        "needs_seller",
        "The shop did not accept the secret key: copy it again from the extension's page in the shop's admin.",
        lambda sandbox: None,
        lambda sandbox: {"secret_key": sandbox.secret_key},
    ),
    Case(
        "opencart",
        "switched off",
        lambda sandbox: sandbox.configure(disabled=True),
        "needs_seller",
        "The Manifold extension is switched off in the shop: switch it on in the shop's admin.",
        lambda sandbox: sandbox.configure(disabled=False),
        lambda sandbox: {},
    ),
    Case(
        "opencart",
        "this server is not let in",
        lambda sandbox: sandbox.configure(ip_allow=["203.0.113.9"]),
        "needs_seller",
        "The shop does not accept calls from this server: add its address to the extension's list of allowed addresses.",
        lambda sandbox: sandbox.configure(ip_allow=[]),
        lambda sandbox: {},
    ),
    Case(
        "opencart",
        "extension removed",
        lambda sandbox: sandbox.install(False),
        "active",
        "The shop answered “page not found” (404). Check the shop's address, and that the Manifold extension is installed "
        "and enabled.",
        lambda sandbox: sandbox.install(True),
    ),
    Case(
        "opencart",
        "quota gone",
        lambda sandbox: sandbox.configure(request_budget=1),
        "active",
        TOLD_TO_WAIT,
        lambda sandbox: (sandbox.configure(request_budget=0), sandbox.calls.clear()),
    ),
    Case(
        "bigcommerce",
        "token revoked",
        lambda sandbox: sandbox.configure(revoked=True),
        "needs_seller",
        "BigCommerce does not accept the access token: it is wrong or was revoked; reconnect with a new one.",
        _new_token,
        lambda sandbox: {"access_token": sandbox.token},
    ),
    Case(
        "bigcommerce",
        "permission taken away",
        lambda sandbox: sandbox.configure(scopes_missing=["/v2/orders"]),
        "needs_seller",
        "BigCommerce refuses this: give the API account the permission “Orders (modify)”, or check the plan.",
        _new_token,
        lambda sandbox: {"access_token": sandbox.token},
    ),
    Case(
        "bigcommerce",
        "quota gone",
        lambda sandbox: sandbox.configure(quota=1, window_ms=3_600_000),
        "active",
        TOLD_TO_WAIT,
        lambda sandbox: (sandbox.configure(quota=20_000, window_ms=30_000), sandbox.spent.clear()),
    ),
    Case(
        "onbuy",
        "new keys",
        lambda sandbox: sandbox.change_keys("onbuy-another-secret-key-4711"),
        "needs_seller",
        "OnBuy did not accept these keys: copy the consumer key and the secret key again from the seller panel, "
        "Listing » Imports & Integrations » OnBuy API.",
        lambda sandbox: None,
        lambda sandbox: {"secret_key": sandbox.secret_key},
    ),
    Case(
        "onbuy",
        "quota gone",
        _used_up,
        "active",
        TOLD_TO_WAIT,
        lambda sandbox: (sandbox.configure(limits={}), sandbox.counted.clear()),
    ),
    Case(
        "etsy",
        "password changed",
        lambda sandbox: sandbox.revoke(),
        "needs_seller",
        GRANT_ENDED,
        lambda sandbox: None,
        lambda sandbox: sandbox.credentials(),
    ),
    Case(
        "etsy",
        "permission taken away",
        lambda sandbox: sandbox.configure(scopes="listings_r listings_w shops_r shops_w"),
        "needs_seller",
        "The sign-in at Etsy lacks a permission (insufficient_scope: transactions_r scope is required). "
        "Sign in again and allow all of them.",
        lambda sandbox: sandbox.configure(scopes=" ".join(ETSY_SCOPES)),
        lambda sandbox: sandbox.credentials(),
    ),
    Case(
        "etsy",
        "quota gone",
        lambda sandbox: sandbox.configure(per_day=1),
        "active",
        TOLD_TO_WAIT,
        lambda sandbox: (sandbox.configure(per_day=100_000), sandbox.spent.clear()),
    ),
)


@pytest.fixture
def serve() -> Iterator[Callable[[str], Running]]:
    with ExitStack() as stack:

        def start(channel: str) -> Running:
            make = specs()[channel].make_sandbox
            running: Running = stack.enter_context(make(seed="empty", products=4, orders=2).serve())
            return running

        yield start


@dataclass
class Side:
    """A store and the shop behind it."""

    store: Connection
    shop: Any
    placed: str = ""

    @property
    def unsent(self) -> int:
        return OutboxMessage.objects.filter(connection=self.store).unsent().count()

    @property
    def has_new_order(self) -> bool:
        return Order.objects.filter(connection=self.store, external_id=self.placed).exists()


def side(serve: Callable[[str], Running], channel: str, name: str) -> Side:
    running = serve(channel)
    store = connect.connect(channel=channel, name=name, credentials=running.credentials)
    return Side(store, running.sandbox)


def a_busy_minute(sides: list[Side]) -> None:
    """In each shop a buyer orders and the shelf of one SKU changes here; every store is asked and told."""
    for one in sides:
        one.placed = str(one.shop.place_order()["order_id"])
        item = ListingVariant.objects.filter(connection=one.store, variant__isnull=False).order_by("pk")[0]
        shelf = StockItem.objects.filter(variant=item.variant).order_by("pk")[0]
        stock.adjust(
            variant=item.variant,
            warehouse=shelf.warehouse,
            set_to=shelf.on_hand + 5,
            reason="Found",
            by=SYSTEM,
        )
        services.refresh_now(connection=one.store, stream="orders.new")
    work()


def an_hour_goes_by(store: Connection) -> None:
    now = timezone.now()
    Connection.objects.filter(pk=store.pk).update(blocked_until=None)
    for row in Budget.objects.filter(pk=store.pk):
        Budget.objects.filter(pk=row.pk).update(tokens=row.capacity, filled_at=now, spent={})
    for quota in AppQuota.objects.all():
        AppQuota.objects.filter(pk=quota.pk).update(
            tokens=quota.per_second, left_today=quota.per_day, filled_at=now, version=quota.version + 1
        )
    SyncStream.objects.filter(connection=store).update(not_before=None)
    OutboxMessage.objects.filter(connection=store).update(not_before=None)


def owner() -> Client:
    client = Client()
    user = get_user_model().objects.filter(username="olga").first()
    client.force_login(user or get_user_model().objects.create_superuser("olga"))
    return client


def page_of(store: Connection) -> str:
    return html.unescape(owner().get(reverse("admin:store", args=[store.pk])).content.decode())


def word_of(one: Side) -> str:
    one.store.refresh_from_db()
    return health_of(one.store).word


def goes_wrong_and_is_mended(case: Case, broken: Side, others: list[Side]) -> None:
    for one in (broken, *others):
        an_hour_goes_by(one.store)
    before = Order.objects.filter(connection=broken.store).count()
    cursor = SyncStream.objects.get(connection=broken.store, name="orders.new").cursor_at

    case.breaks(broken.shop)
    a_busy_minute([broken, *others])

    broken.store.refresh_from_db()
    assert broken.store.state == case.state
    assert case.says in page_of(broken.store)
    assert not broken.has_new_order
    assert SyncStream.objects.get(connection=broken.store, name="orders.new").cursor_at == cursor
    kept = OutboxMessage.objects.filter(connection=broken.store)
    assert (kept.unsent().count() >= 1, kept.parked().count()) == (True, 0)
    for one in others:
        assert (word_of(one), one.unsent, one.has_new_order) == ("OK", 0, True), one.store

    case.mends(broken.shop)
    if case.new_keys is not None:
        connect.reconnect(connection=broken.store, credentials=case.new_keys(broken.shop))
    an_hour_goes_by(broken.store)
    if case.new_keys is None:
        services.refresh_now(connection=broken.store, stream="orders.new")
    work()  # with new keys what failed is asked for again at once

    assert (word_of(broken), broken.unsent, broken.has_new_order) == ("OK", 0, True)
    assert Order.objects.filter(connection=broken.store).count() == before + 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R-CONN-09", "R-ORD-06", "R-INV-01")
@pytest.mark.parametrize("channel", CHANNELS)
def test_one_failing_store_does_not_affect_the_others(channel: str, serve: Callable[[str], Running]) -> None:
    sides = [side(serve, each, each.title()) for each in CHANNELS]
    sides.append(side(serve, channel, "The sister store"))
    work()
    for one in sides:
        services.switch_on(connection=one.store)
    work()
    broken, others = (
        sides[CHANNELS.index(channel)],
        [one for one in sides if one.store.name != channel.title()],
    )
    first_runs = SyncRun.objects.filter(connection=broken.store, trigger="first").count()
    assert first_runs >= 4

    for case in CASES:
        if case.channel == channel:
            try:
                goes_wrong_and_is_mended(case, broken, others)
            except AssertionError as error:
                error.add_note(f"when this went wrong: {case.name}")
                raise

    assert SyncRun.objects.filter(connection=broken.store, trigger="first").count() == first_runs
    assert Connection.objects.count() == len(sides)
    assert broken_invariants() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R-ORD-01")
def test_the_last_requests_of_the_day_are_for_orders(serve: Callable[[str], Running]) -> None:
    """What is kept back for orders makes products and stock wait, and never the store: its orders come in."""
    one = side(serve, "etsy", "Etsy")
    work()
    services.switch_on(connection=one.store)
    work()
    AppQuota.objects.update(left_today=200, per_day=10_000, filled_at=timezone.now())
    one.shop.configure(per_day=10_000)
    one.shop.spent.extend([one.shop.clock() - 100] * 9_800)

    job = pull_jobs.ask_products(connection=one.store)
    a_busy_minute([one])

    job.refresh_from_db()
    assert (job.is_live, one.has_new_order, one.unsent >= 1) == (True, True, True)
    assert word_of(one) == "OK"
    waits = OutboxMessage.objects.filter(connection=one.store, topic="stock").unsent()
    assert waits.filter(not_before__gt=timezone.now()).count() == waits.count()
    assert "is used up. Manifold continues automatically" in waits[0].last_error


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R-CONN-09")
@pytest.mark.parametrize(("channel", "dies"), [("onbuy", "kill_tokens"), ("etsy", "expire")])
def test_an_ended_token_is_renewed_without_a_message(
    channel: str, dies: str, serve: Callable[[str], Running]
) -> None:
    one = side(serve, channel, "Shop")
    work()
    services.switch_on(connection=one.store)
    work()

    getattr(one.shop, dies)()
    a_busy_minute([one])

    assert (word_of(one), one.has_new_order, one.unsent) == ("OK", True, 0)
    assert not SyncRun.objects.filter(connection=one.store, state="failed").exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R-CONN-09")
def test_the_reason_of_a_failed_import_is_shown_on_the_store(serve: Callable[[str], Running]) -> None:
    """Not the seller's fault, so nothing is stopped: the application of this installation is wrong (Etsy)."""
    one, other = side(serve, "etsy", "Etsy"), side(serve, "onbuy", "OnBuy")
    work()
    store = Connection.objects.get(pk=one.store.pk)
    right = dict(store.credentials)
    connect.reconnect(connection=store, credentials={})
    Connection.objects.filter(pk=store.pk).update(credentials=Secrets({**right, "shared_secret": "wrong"}))
    for each in (one, other):
        services.refresh_now(connection=each.store, stream="orders.new")
    work()

    store.refresh_from_db()
    says = (
        "Etsy does not accept this installation's application: check ETSY_KEYSTRING and ETSY_SHARED_SECRET."
    )
    assert (store.state, store.failure) == ("active", says)
    assert says in page_of(store)
    assert word_of(other) == "Read-only"

    Connection.objects.filter(pk=store.pk).update(credentials=Secrets(right))
    one.placed = str(one.shop.place_order()["order_id"])
    services.refresh_now(connection=store, stream="orders.new")
    work()
    assert (word_of(one), one.has_new_order) == ("Read-only", True)


# ---------------------------------------------------------------- BigCommerce's own


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R-CONN-01", "R-CONN-09")
def test_the_app_is_removed_in_bigcommerce(serve: Callable[[str], Running], settings: Any) -> None:
    running = serve("bigcommerce")
    app = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "login_url": running.url}
    settings.OMS_APPS = {**settings.OMS_APPS, "bigcommerce": {**app, "api_url": running.url}}
    panel, place = Client(), reverse("channels:bigcommerce:auth")
    assert panel.get(place, running.sandbox.install()).status_code == 200
    store = installs.claim(AppInstall.objects.get(), name="UK shop", author=None)
    other = side(serve, "opencart", "Mug shop")
    work()
    services.switch_on(connection=store)
    work()
    orders = Order.objects.filter(connection=store).count()
    token = running.sandbox.launch()
    running.sandbox.uninstall()
    assert panel.get(reverse("channels:bigcommerce:uninstall"), token).status_code == 200
    one = Side(store, running.sandbox)
    a_busy_minute([one, other])

    store.refresh_from_db()
    assert (store.state, dict(store.credentials)) == ("disconnected", {})
    assert (
        "The app was removed from this store in BigCommerce: install it there again to go on. Its history stays"
        in page_of(store)
    )
    assert (Order.objects.filter(connection=store).count(), orders) == (orders, 2)
    assert other.has_new_order

    assert panel.get(place, running.sandbox.install()).status_code == 200
    back = installs.claim(AppInstall.objects.get(), name="Another name", author=None)
    work()
    services.switch_on(connection=back)
    work()
    assert (back.pk, back.name, one.has_new_order, one.unsent) == (store.pk, "UK shop", True, 0)
    assert Order.objects.filter(connection=store).count() == orders + 1
    assert broken_invariants() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R-CONN-01")
def test_an_unsupported_country_is_a_warning(serve: Callable[[str], Running]) -> None:
    running = serve("bigcommerce")
    running.sandbox.configure(country="US")
    store = connect.connect(channel="bigcommerce", name="US shop", credentials=running.credentials)
    work()

    job = Job.objects.get(kind="channels.first_sync", subject_id=store.pk)
    assert (store.state, job.state) == ("active", "done")
    warnings = [line for line in job.result["warnings"] if "United Kingdom and France" in line]
    assert len(warnings) == 1
    report = owner().get(reverse("admin:store_first_sync", args=[store.pk]))
    assert warnings[0] in html.unescape(report.content.decode())


# ---------------------------------------------------------------- webhooks that nobody sent, or twice

ETSY_HOOK = "/apps/etsy/webhook/"
HOOK_SECRET = "whsec_c2FuZGJveC13ZWJob29rLXNlY3JldA=="


def called(one: Side, *, is_forged: bool) -> int:
    """The channel tells of the order that was placed last; answers the HTTP status."""
    store, number = one.store, one.placed
    secret = "f" * 64 if is_forged else str(store.webhook_secret["secret"])
    place = f"/hooks/{store.channel}/{store.pk}/"
    if store.channel == "opencart":
        event = {
            "event": "order.created", "id": f"e{number}", "order_id": int(number), "at": "2026-11-21T10:00:00Z",
        }  # fmt: skip
        body = json.dumps(event).encode()
        headers = {"X-OMS-Event": "order.created", "X-OMS-Signature": opencart_signature(secret, body)}
    elif store.channel == "bigcommerce":
        event = {
            "producer": f"stores/{one.shop.store_hash}", "scope": "store/order/created", "hash": f"h{number}",
            "data": {"type": "order", "id": int(number)},
        }  # fmt: skip
        body, headers = json.dumps(event).encode(), {"X-OMS-Secret": secret}
    else:
        shop_id = one.shop.shop.settings["shop_id"]
        resource = f"https://api.etsy.com/v3/application/shops/{shop_id}/receipts/{number}"
        body = json.dumps({"event_type": "order.paid", "resource_url": resource, "shop_id": shop_id}).encode()
        key, stamp, place = ("whsec_Zm9yZ2Vk" if is_forged else HOOK_SECRET), str(int(time.time())), ETSY_HOOK
        signature = etsy_signature(key, f"msg_{number}", stamp, body).decode()
        headers = {
            "webhook-id": f"msg_{number}",
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{signature}",
        }
    return Client().post(place, body, content_type="application/json", headers=headers).status_code


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R-ORD-06")
@pytest.mark.parametrize("channel", ["opencart", "bigcommerce", "etsy"])
def test_forged_and_replayed_webhooks_change_nothing(
    channel: str, serve: Callable[[str], Running], settings: Any
) -> None:
    settings.OMS_APPS = {**settings.OMS_APPS, "etsy": {"webhook_secret": HOOK_SECRET}}
    one, other = side(serve, channel, "Shop"), side(serve, channel, "Sister")
    work()
    one.placed = str(one.shop.place_order()["order_id"])
    calls = CallLog.objects.count()

    assert called(one, is_forged=True) == 401
    work()

    says = "A webhook call was refused"
    assert (WebhookEvent.objects.count(), CallLog.objects.count(), one.has_new_order) == (0, calls, False)
    assert (word_of(one), says in page_of(one.store), says in page_of(other.store)) == (
        "Read-only",
        True,
        False,
    )

    assert called(one, is_forged=False) == 202
    work()
    assert one.has_new_order
    calls = CallLog.objects.count()
    assert called(one, is_forged=False) == 200  # the same once more: a replay, or the channel's own retry
    work()
    assert (WebhookEvent.objects.count(), CallLog.objects.count()) == (1, calls)
    assert Order.objects.filter(connection=one.store, external_id=one.placed).count() == 1
