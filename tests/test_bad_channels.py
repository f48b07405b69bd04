# long because: the whole matrix of what goes wrong at a channel, one place a reader sees it.
"""What goes wrong at a channel, each way: one sentence on its store, nothing lost, and nobody else is disturbed.

Five stores side by side over real HTTP: one of each channel, and a second one of the channel that breaks. The broken
store is asked for orders and told stock like all the others, in the same minute; then the seller mends it, and the
next thing goes wrong.
"""

from __future__ import annotations

import html
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
from channels import manual, services
from channels.models import AppQuota, Budget, Connection, OutboxMessage, SyncRun, SyncStream
from channels.registry import specs
from channels.sandbox import Running
from channels.sentences import health_of
from inventory import services as stock
from inventory.models import StockItem
from oms.kit.actors import SYSTEM
from orders.models import Order
from tests.support.workers import work
from tests.test_house import sound

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
    is_quota: bool = False


def _rotated(sandbox: Any) -> None:
    sandbox.rotate_key()
    sandbox.old_key = ""


def _new_token(sandbox: Any) -> None:
    sandbox.token = "another0token0of0the0api0account0001"
    sandbox.configure(revoked=False)


def _used_up(sandbox: Any) -> None:
    sandbox.configure(limits={"GET": 1, "PUT": 1})
    sandbox.counted.update({method: deque([sandbox.clock()]) for method in ("GET", "PUT")})


GRANT_GONE = (
    "Etsy does not accept this store's sign-in any more (it was unused for 90 days, removed by the seller, or the "
    "Etsy password was changed): reconnect the store."
)
TOLD_TO_WAIT = "The channel asked us to wait; we go on in"

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
        "The shop does not let this server in: add its address to the extension's list of allowed addresses.",
        lambda sandbox: sandbox.configure(ip_allow=[]),
        lambda sandbox: {},
    ),
    Case(
        "opencart",
        "extension removed",
        lambda sandbox: sandbox.install(False),
        "active",
        "The shop answered “page not found”: the Manifold extension is not installed and enabled there.",
        lambda sandbox: sandbox.install(True),
    ),
    Case(
        "opencart",
        "quota gone",
        lambda sandbox: sandbox.configure(request_budget=1),
        "active",
        TOLD_TO_WAIT,
        lambda sandbox: (sandbox.configure(request_budget=0), sandbox.calls.clear()),
        is_quota=True,
    ),
    Case(
        "bigcommerce",
        "token revoked",
        lambda sandbox: sandbox.configure(revoked=True),
        "needs_seller",
        "BigCommerce does not accept the access token any more: reconnect the store.",
        _new_token,
        lambda sandbox: {"access_token": sandbox.token},
    ),
    Case(
        "bigcommerce",
        "permission taken away",
        lambda sandbox: sandbox.configure(scopes_missing=["/v2/orders"]),
        "needs_seller",
        "BigCommerce refuses this: give the API account the permission “Orders (modify)”, or check the plan.",
        lambda sandbox: (sandbox.configure(scopes_missing=[]), _new_token(sandbox)),
        lambda sandbox: {"access_token": sandbox.token},
    ),
    Case(
        "bigcommerce",
        "quota gone",
        lambda sandbox: sandbox.configure(quota=1, window_ms=3_600_000),
        "active",
        TOLD_TO_WAIT,
        lambda sandbox: (sandbox.configure(quota=20_000, window_ms=30_000), sandbox.spent.clear()),
        is_quota=True,
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
        is_quota=True,
    ),
    Case(
        "etsy",
        "password changed",
        lambda sandbox: sandbox.revoke(),
        "needs_seller",
        GRANT_GONE,
        lambda sandbox: None,
        lambda sandbox: sandbox.credentials(),
    ),
    Case(
        "etsy",
        "quota gone",
        lambda sandbox: sandbox.configure(per_day=1),
        "active",
        TOLD_TO_WAIT,
        lambda sandbox: (sandbox.configure(per_day=100_000), sandbox.spent.clear()),
        is_quota=True,
    ),
)


@pytest.fixture
def serve() -> Iterator[Callable[[str], Running]]:
    with ExitStack() as stack:

        def start(channel: str) -> Running:
            make = specs()[channel].sandbox
            assert make is not None
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
    store = services.connect(channel=channel, name=name, credentials=running.credentials)
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


def page_of(store: Connection) -> str:
    owner = Client()
    user = get_user_model().objects.filter(username="olga").first()
    owner.force_login(user or get_user_model().objects.create_superuser("olga"))
    return html.unescape(owner.get(reverse("admin:store", args=[store.pk])).content.decode())


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
        assert (word_of(one), one.unsent, one.has_new_order) == ("Well", 0, True), one.store

    case.mends(broken.shop)
    if case.new_keys is not None:
        services.reconnect(connection=broken.store, credentials=case.new_keys(broken.shop))
    an_hour_goes_by(broken.store)
    services.refresh_now(connection=broken.store, stream="orders.new")
    work()

    assert (word_of(broken), broken.unsent, broken.has_new_order) == ("Well", 0, True)
    assert Order.objects.filter(connection=broken.store).count() == before + 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R-CONN-09", "R-ORD-06", "R-INV-01")
@pytest.mark.parametrize("channel", CHANNELS)
def test_one_store_breaks_in_every_way_and_nothing_else_does(
    channel: str, serve: Callable[[str], Running]
) -> None:
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
    assert sound() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R-ORD-01")
def test_the_last_of_the_day_is_for_orders(serve: Callable[[str], Running]) -> None:
    """What is kept back for orders makes products and stock wait, and never the store: its orders come in."""
    one = side(serve, "etsy", "Etsy")
    work()
    services.switch_on(connection=one.store)
    work()
    AppQuota.objects.update(left_today=200, per_day=10_000, filled_at=timezone.now())
    one.shop.configure(per_day=10_000)
    one.shop.spent.extend([one.shop.clock() - 100] * 9_800)

    job = manual.ask_products(connection=one.store)
    a_busy_minute([one])

    job.refresh_from_db()
    assert (job.is_live, one.has_new_order, one.unsent >= 1) == (True, True, True)
    assert word_of(one) == "Well"
    waits = OutboxMessage.objects.filter(connection=one.store, topic="stock").unsent()
    assert waits.filter(not_before__gt=timezone.now()).count() == waits.count()
    assert "used up its requests for now" in waits[0].last_error
