# long because: one suite, so that a new channel meets the whole contract in one place.
"""What every channel must keep, whichever it is: run over all that are configured and have a sandbox.

A channel passes by what its spec says. The suite talks to its sandbox over real HTTP, injects faults that all
sandboxes know (`channels.sandbox.server.Fault`) and asks the sandbox for an order where one is needed (`place_order`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import (
    AuthError,
    ChannelError,
    NotSupported,
    RateLimited,
    Rejected,
    TemporaryError,
    Uncertain,
)
from channels.contract.records.orders import FulfilmentEvent, OrderRecord, RemoteState
from channels.contract.records.pages import PullQuery, Window
from channels.contract.records.products import CategoryRecord, ProductKind, ProductRecord
from channels.contract.records.updates import (
    ListingDraft,
    ListingResult,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
    VariantDraft,
)
from channels.contract.registry import specs
from channels.contract.spec import EVENT_CAPABILITY, Capability, ChannelSpec, Lane, Stream
from channels.models import CallLog
from channels.sandbox.server import Running
from tests import factories
from tests.support.shops import unsaved_store

C = Capability
KEYS = [key for key, spec in specs().items() if spec.sandbox]

#: Which capabilities a verb needs: overridden if and only if one of them is supported.
VERBS: dict[str, set[Capability]] = {
    "verify": {C.CONNECT_KEYS, C.CONNECT_OAUTH},
    "register_webhooks": {C.WEBHOOKS},
    "read_webhook": {C.WEBHOOKS},
    "pull_categories": {C.PULL_CATEGORIES},
    "pull_brands": {C.PULL_BRANDS},
    "pull_attributes": {C.PULL_ATTRIBUTES},
    "pull_products": {C.PULL_PRODUCTS, C.PULL_SINGLE_PRODUCT, C.PULL_GROUP_PRODUCT, C.AUTO_UPDATE_PRODUCTS},
    "read_order": {C.PULL_ORDERS},
    "pull_orders": {C.PULL_ORDERS, C.PULL_ORDER_UPDATES, C.HISTORY_90_DAYS, C.PULL_CANCELLATIONS},
    "push_stock": {C.PUSH_STOCK},
    "push_prices": {C.PUSH_PRICE},
    "create_listing": {C.CREATE_LISTING_SINGLE, C.CREATE_LISTING_GROUP},
    "update_listing": {C.UPDATE_LISTING},
    "set_listing_active": {C.SET_LISTING_ACTIVE},
    "delete_listing": {C.DELETE_LISTING},
    "push_fulfilment": {
        C.PUSH_READY_TO_SHIP,
        C.PUSH_SHIPPED,
        C.PUSH_DELIVERED,
        C.PUSH_COMPLETED,
        C.PUSH_SELLER_CANCEL,
    },
}
PULLS = {
    "pull_categories": C.PULL_CATEGORIES,
    "pull_brands": C.PULL_BRANDS,
    "pull_attributes": C.PULL_ATTRIBUTES,
    "pull_products": C.PULL_PRODUCTS,
    "pull_orders": C.PULL_ORDERS,
}


def adapter_of(spec: ChannelSpec) -> type[ChannelAdapter]:
    return spec.adapter_class()


@pytest.fixture(params=KEYS)
def spec(request: pytest.FixtureRequest) -> ChannelSpec:
    return specs()[request.param]


@pytest.fixture
def start(spec: ChannelSpec) -> Iterator[Callable[..., Running]]:
    """Serve the channel's sandbox; `seed` is "demo" or "empty"."""
    contexts = []

    def serve(seed: str = "demo", **options: Any) -> Running:
        context = spec.make_sandbox(seed=seed, **options).serve()
        contexts.append(context)
        return context.__enter__()

    yield serve
    for context in reversed(contexts):
        context.__exit__(None, None, None)


@pytest.fixture
def running(start: Callable[..., Running]) -> Running:
    return start()


@pytest.fixture
def adapter(spec: ChannelSpec, running: Running) -> ChannelAdapter:
    return adapter_of(spec)(unsaved_store(running, channel=spec.key))


def secrets_of(spec: ChannelSpec, running: Running) -> list[str]:
    return [running.credentials[f.name] for f in spec.credential_fields if f.is_secret]


def scan(verb: Callable[..., Any], query: PullQuery | None = None) -> list[Any]:
    """All records of a pull; a scan that does not end is a failure."""
    records: list[Any] = []
    page, seen = None, set()
    for _ in range(1000):
        answer = verb(query or PullQuery(), page)
        assert not answer.refused
        records += answer.records
        page = answer.next_page
        if page is None:
            return records
        assert page not in seen, "a page token came twice"
        seen.add(page)
    raise AssertionError("the scan does not end")


# ---------------------------------------------------------------- the declaration


def test_some_channel_is_configured():
    assert KEYS


@pytest.mark.req("R-CAT-13")
def test_a_verb_is_there_if_and_only_if_its_capability_is(spec):
    cls = adapter_of(spec)
    for verb, needed in VERBS.items():
        is_overridden = getattr(cls, verb) is not getattr(ChannelAdapter, verb)
        is_declared = any(spec.supports(capability) for capability in needed)
        assert is_overridden == is_declared, f"{spec.key}.{verb}: {sorted(needed)}"


@pytest.mark.req("R-CAT-13")
def test_every_capability_is_declared_and_every_no_has_a_sentence(spec):
    assert set(spec.capabilities) == set(Capability)
    for capability, support in spec.capabilities.items():
        if not support.supported or not support.default:
            assert len(support.reason) > 20, capability
            assert support.reason.endswith("."), capability
        assert support.supported or not support.default


def test_an_event_has_a_native_word_if_and_only_if_it_can_be_sent(spec):
    for event in FulfilmentEvent:
        if event != FulfilmentEvent.ACCEPTED:  # few channels have a status for it, and nobody misses it
            assert (event in spec.events) == spec.supports(EVENT_CAPABILITY[event]), event


@pytest.mark.req("R-USE-04")
def test_streams_are_those_that_the_channel_can_pull(spec):
    names = [stream.name for stream in spec.streams]
    assert len(names) == len(set(names))
    for stream in spec.streams:
        assert spec.supports(stream.capability), stream.name
        assert stream.lane == (Lane.ORDERS if stream.name in _POLLED else Lane.DEFAULT), stream.name
        assert stream.lookback >= 300
    for stream, capability in (
        (Stream.CATEGORIES, C.PULL_CATEGORIES),
        (Stream.BRANDS, C.PULL_BRANDS),
        (Stream.ATTRIBUTES, C.PULL_ATTRIBUTES),
        (Stream.PRODUCTS, C.PULL_PRODUCTS),
        (Stream.ORDERS_NEW, C.PULL_ORDERS),
        (Stream.ORDERS_CHANGED, C.PULL_ORDER_UPDATES),
        (Stream.ORDERS_CANCELLED, C.PULL_CANCELLATIONS),
        (Stream.ORDERS_HISTORY, C.HISTORY_90_DAYS),
    ):
        assert (stream in names) == spec.supports(capability), stream


_POLLED = {Stream.ORDERS_NEW, Stream.ORDERS_CHANGED, Stream.ORDERS_CANCELLED}


@pytest.mark.req("R-ORD-01", "R-ORD-02")
def test_new_orders_every_5_minutes_and_the_others_every_30(spec):
    assert spec.stream(Stream.ORDERS_NEW).period == 300
    assert spec.stream(Stream.ORDERS_CHANGED).period == 1800


def test_credentials_have_a_secret_and_settings_a_default(spec):
    assert any(f.is_secret for f in spec.credential_fields)
    for setting in spec.settings:
        assert setting.kind in ("bool", "choice", "number", "text", "remote")
        if setting.kind == "choice":
            assert setting.default in dict(setting.choices)
        if setting.kind == "bool":
            assert setting.default is False


def test_statuses_are_read_in_our_words(spec):
    assert all(isinstance(state, RemoteState) for state in spec.statuses.values())
    assert RemoteState.UNKNOWN not in spec.statuses.values()


def test_what_cannot_be_done_says_why(spec, adapter, running):
    calls: dict[str, Callable[[], Any]] = {
        "pull_brands": lambda: adapter.pull_brands(PullQuery()),
        "pull_categories": lambda: adapter.pull_categories(PullQuery()),
        "pull_attributes": lambda: adapter.pull_attributes(PullQuery()),
        "set_listing_active": lambda: adapter.set_listing_active("1", active=True),
        "delete_listing": lambda: adapter.delete_listing("1"),
        "register_webhooks": lambda: adapter.register_webhooks("https://oms.example/hook", "s" * 32),
    }
    for verb, call in calls.items():
        if not any(spec.supports(capability) for capability in VERBS[verb]):
            with pytest.raises(NotSupported) as caught:
                call()
            assert str(caught.value) in {spec.reason(capability) for capability in VERBS[verb]}
    assert not running.sandbox.requests


# ---------------------------------------------------------------- connecting


@pytest.mark.req("R-CONN-06")
def test_the_right_credentials_open_the_store(spec, adapter):
    account = adapter.verify()

    assert account.identity
    assert account.name
    assert len(account.currency) == 3
    assert account == adapter.verify()


@pytest.mark.req("R-CONN-06")
@pytest.mark.django_db
def test_wrong_credentials_are_an_auth_error_in_a_sentence(spec, running):
    garbled = {f.name: "0" * 48 for f in spec.credential_fields if f.is_secret}
    with pytest.raises(AuthError) as caught:
        adapter_of(spec)(unsaved_store(running, channel=spec.key, credentials=garbled)).verify()

    assert str(caught.value).endswith(".")
    assert "0" * 48 not in str(caught.value) + caught.value.detail


@pytest.mark.req("R-CONN-07")
def test_two_shops_are_two_accounts(spec, start):
    first, second = (adapter_of(spec)(unsaved_store(start(), channel=spec.key)).verify() for _ in range(2))

    assert first.identity != second.identity


# ---------------------------------------------------------------- pulling


@pytest.mark.parametrize("verb", PULLS)
def test_pages_hold_each_record_once_and_end(spec, adapter, verb):
    if not spec.supports(PULLS[verb]):
        pytest.skip(f"{spec.label} cannot {verb}")
    records = scan(getattr(adapter, verb))

    ids = [record.external_id for record in records]
    assert ids
    assert len(ids) == len(set(ids))
    assert all(isinstance(external_id, str) and external_id for external_id in ids)
    assert records == scan(getattr(adapter, verb))


@pytest.mark.parametrize("verb", PULLS)
@pytest.mark.req("R-CONN-08")
def test_an_empty_shop_gives_one_empty_page(spec, start, verb):
    if not spec.supports(PULLS[verb]):
        pytest.skip(f"{spec.label} cannot {verb}")
    adapter = adapter_of(spec)(unsaved_store(start("empty"), channel=spec.key))
    page = getattr(adapter, verb)(PullQuery())

    assert (list(page.records), page.next_page, list(page.refused)) == ([], None, [])


def test_products_are_whole(spec, adapter):
    products: list[ProductRecord] = scan(adapter.pull_products)

    kinds = {product.kind for product in products}
    assert {ProductKind.SINGLE, ProductKind.GROUP} <= kinds
    variant_ids = [variant.external_id for product in products for variant in product.variants]
    assert len(variant_ids) == len(set(variant_ids))
    for product in products:
        assert product.title == product.title.strip() != ""
        assert "&amp;" not in product.title
        assert len(product.currency) == 3
        assert len(product.variants) >= 1
        assert (len(product.variants) == 1) or product.kind == ProductKind.GROUP
        assert bool(product.stock_blocked) == (product.kind == ProductKind.COMPLEX)
        assert product.native
        for variant in product.variants:
            assert isinstance(variant.price, Decimal)
            assert variant.quantity is None or variant.quantity >= 0
            assert product.kind != ProductKind.GROUP or variant.options


@pytest.mark.req("R-ORD-08")
def test_orders_are_whole(spec, adapter):
    orders: list[OrderRecord] = scan(adapter.pull_orders)

    variants = {v.external_id for product in scan(adapter.pull_products) for v in product.variants}
    assert {RemoteState.NEW, RemoteState.SHIPPED, RemoteState.CANCELLED} <= {
        order.remote_state for order in orders
    }
    for order in orders:
        assert order.placed_at.utcoffset() == order.changed_at.utcoffset() == timedelta(0)
        assert order.placed_at <= order.changed_at <= timezone.now() + timedelta(minutes=5)
        assert order.status_id
        assert len(order.currency) == 3
        tax = 0 if order.prices_include_tax else order.tax_total
        parts = order.items_total + order.shipping_total + tax - order.discount_total
        assert abs(parts - order.total) < Decimal("0.01")
        assert order.native
        assert sum(line.quantity for line in order.lines) >= 1
        for line in order.lines:
            assert line.variant_external_id in variants
            assert line.unit_price * line.quantity == line.total


def test_what_did_not_change_has_the_same_hash(spec, adapter):
    for verb in (adapter.pull_orders, adapter.pull_products):
        first = {record.external_id: record.content_hash() for record in scan(verb)}
        assert first == {record.external_id: record.content_hash() for record in scan(verb)}
        assert len(set(first.values())) == len(first)


@pytest.mark.req("R-ORD-04", "R-ORD-05")
@pytest.mark.req("R-PLUS-03")
def test_a_stored_document_is_mapped_again_to_the_same_order(spec, adapter):
    for order in scan(adapter.pull_orders):
        assert adapter.read_order(json.loads(json.dumps(order.native))) == order


def test_orders_created_in_a_window(spec, adapter):
    everything: list[OrderRecord] = scan(adapter.pull_orders)
    now = datetime.now(UTC)
    begin, end = now - timedelta(days=60), now - timedelta(days=2)
    wanted = {order.external_id for order in everything if begin <= order.placed_at < end}

    found = {
        order.external_id for order in scan(adapter.pull_orders, PullQuery(Window(begin, end), created=True))
    }

    assert found == wanted
    assert 0 < len(wanted) < len(everything)


def test_orders_changed_since_are_all_there(spec, adapter):
    everything: list[OrderRecord] = scan(adapter.pull_orders)
    since = sorted(order.changed_at for order in everything)[len(everything) // 2]

    found = {order.external_id for order in scan(adapter.pull_orders, PullQuery(Window(since, None)))}

    assert found == {order.external_id for order in everything if order.changed_at >= since}


@pytest.mark.req("R-ORD-04")
def test_orders_by_number_and_by_status(spec, adapter):
    everything: list[OrderRecord] = scan(adapter.pull_orders)
    some = everything[3]

    assert [order.external_id for order in scan(adapter.pull_orders, PullQuery(ids=(some.external_id,)))] == [
        some.external_id
    ]
    found = scan(adapter.pull_orders, PullQuery(statuses=(some.status_id,)))
    assert {o.external_id for o in found} == {
        o.external_id for o in everything if o.status_id == some.status_id
    }


def test_a_page_that_repeats_neither_loops_nor_loses(spec, start):
    running = start(products=450)
    adapter = adapter_of(spec)(unsaved_store(running, channel=spec.key))
    running.sandbox.inject("repeat_page", skip=1)

    with suppress(TemporaryError):
        assert len({product.external_id for product in scan(adapter.pull_products)}) >= 450
    assert len({product.external_id for product in scan(adapter.pull_products)}) >= 450


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "rate_limit", "retry_after": 17}, RateLimited),
        ({"kind": "server_error", "status": 500}, TemporaryError),
        ({"kind": "server_error", "status": 502}, TemporaryError),
        ({"kind": "server_error", "status": 504}, TemporaryError),
        ({"kind": "html"}, TemporaryError),
        ({"kind": "html_after"}, TemporaryError),
        ({"kind": "drop"}, TemporaryError),
        ({"kind": "no_answer"}, TemporaryError),
        ({"kind": "cut"}, TemporaryError),
    ],
)
def test_a_read_that_goes_wrong_is_one_of_the_five_and_may_be_repeated(spec, running, adapter, fault, kind):
    running.sandbox.inject(**fault)

    with pytest.raises(ChannelError) as caught:
        adapter.verify()

    assert type(caught.value) is kind  # and not Uncertain: a read is never a riddle
    assert str(caught.value).endswith(".")
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 17
    shown = f"{caught.value} {caught.value!r} {caught.value.detail}"
    assert not [secret for secret in secrets_of(spec, running) if secret in shown]
    assert adapter.verify().identity


@pytest.mark.django_db
def test_no_secret_reaches_the_call_log(spec, running):
    store = factories.store(channel=spec.key, credentials=running.credentials, url=running.url)
    adapter = adapter_of(spec)(store)
    adapter.verify()
    running.sandbox.inject("server_error")
    with pytest.raises(TemporaryError):
        adapter.pull_orders(PullQuery())

    rows = list(CallLog.objects.filter(connection=store))
    assert len(rows) >= 2
    for row in rows:
        shown = " ".join(str(value) for value in (row.url, row.sent, row.answer, row.error))
        assert not [secret for secret in secrets_of(spec, running) if secret in shown]


# ---------------------------------------------------------------- pushing


def listed(adapter: ChannelAdapter, count: int) -> list[tuple[ProductRecord, Any]]:
    """Variants whose stock may be pushed: some singles, then some of groups."""
    products = [product for product in scan(adapter.pull_products) if not product.stock_blocked]
    products.sort(key=lambda product: product.kind == ProductKind.GROUP)
    half = [p for p in products if p.kind == ProductKind.SINGLE][: count // 2]
    half += [p for p in products if p.kind == ProductKind.GROUP]
    return [(product, variant) for product in half for variant in product.variants][:count]


def stock_of(product: ProductRecord, variant: Any, quantity: int, ref: str) -> StockUpdate:
    return StockUpdate(ref, product.external_id, variant.external_id, variant.sku, quantity)


@pytest.mark.req("R-INV-01")
def test_stock_arrives_with_one_outcome_for_each_item(spec, adapter):
    if not spec.supports(C.PUSH_STOCK):
        pytest.skip(f"{spec.label} takes no stock")
    chosen = listed(adapter, 6)
    updates = [stock_of(product, variant, 40 + n, f"r{n}") for n, (product, variant) in enumerate(chosen)]
    nowhere = replace(updates[0], ref="nowhere", listing_external_id="987654321", external_id="987654321")

    outcomes = adapter.push_stock([updates[0], nowhere, *updates[1:]])

    assert [outcome.ref for outcome in outcomes] == ["r0", "nowhere", *[update.ref for update in updates[1:]]]
    assert [outcome.ref for outcome in outcomes if not outcome.ok] == ["nowhere"]
    assert isinstance(outcomes[1].error, Rejected)
    shown = {v.external_id: v.quantity for product in scan(adapter.pull_products) for v in product.variants}
    assert {update.external_id: shown[update.external_id] for update in updates} == {
        update.external_id: update.quantity for update in updates
    }


def test_stock_below_zero_is_refused_here_and_changes_nothing(spec, adapter):
    if not spec.supports(C.PUSH_STOCK):
        pytest.skip(f"{spec.label} takes no stock")
    before = scan(adapter.pull_products)
    product, variant = listed(adapter, 2)[0]

    [outcome] = adapter.push_stock([stock_of(product, variant, -1, "r")])

    assert isinstance(outcome.error, Rejected)
    assert scan(adapter.pull_products) == before


@pytest.mark.req("R-PRICE-01", "R-PRICE-02")
def test_price_and_selling_price_arrive_and_the_offer_ends(spec, adapter):
    if not spec.supports(C.PUSH_PRICE):
        pytest.skip(f"{spec.label} takes no prices")
    product, variant = listed(adapter, 4)[0]
    update = PriceUpdate(
        "p",
        product.external_id,
        variant.external_id,
        variant.sku,
        Decimal("31.50"),
        Decimal("29.90"),
        product.currency,
    )

    def shown() -> tuple[Any, Any]:
        [now] = [
            v for p in scan(adapter.pull_products) for v in p.variants if v.external_id == variant.external_id
        ]
        return now.price, now.selling_price

    assert [outcome.ok for outcome in adapter.push_prices([update])] == [True]
    both = (Decimal("31.50"), Decimal("29.90"))
    assert shown() == (both if spec.sale_price else (Decimal("29.90"), None))
    assert adapter.push_prices([replace(update, selling_price=None)])[0].ok
    assert shown() == (Decimal("31.50"), None)
    other = adapter.push_prices([replace(update, price=Decimal(1), currency="XTS")])[0]
    assert isinstance(other.error, Rejected)
    assert shown() == (Decimal("31.50"), None)


def draft_for(product: ProductRecord, category: CategoryRecord) -> ListingDraft:
    variant = VariantDraft("v", "CONTRACT-1", Decimal("12.50"), None, 3)
    return ListingDraft(
        ref="contract:1",
        kind=ProductKind.SINGLE,
        title="Contract & Co",
        description="<p>x</p>",
        currency=product.currency,
        variants=(variant,),
        brand="Fernwerk",
        category_external_ids=(category.external_id,),
    )


def made(
    adapter: ChannelAdapter, running: Running, draft: ListingDraft, found: ListingResult
) -> ListingResult:
    """The listing when it stands: a channel may make it in a queue, which its sandbox works through at once."""
    for _ in range(5):
        if not found.is_pending:
            return found
        assert len(found.step) <= 40
        assert found.wait > 0
        running.sandbox.settle()
        found = adapter.listing_progress(draft, found.step)
    raise AssertionError("the listing is never made")


@pytest.mark.req("R-CAT-08")
def test_a_listing_is_made_found_and_not_made_twice(spec, running, adapter):
    if not spec.supports(C.CREATE_LISTING_SINGLE):
        pytest.skip(f"{spec.label} makes no listings")
    products = scan(adapter.pull_products)
    category = next(each for each in reversed(scan(adapter.pull_categories)) if each.is_active)
    draft = draft_for(products[0], category)
    assert adapter.find_listing(draft) is None
    running.sandbox.inject("no_answer", method="WRITE")
    with pytest.raises(Uncertain):
        adapter.create_listing(draft)

    found = adapter.find_listing(draft)

    assert found is not None
    found = made(adapter, running, draft, found)
    assert set(found.variant_external_ids) == {"v"}
    assert len(scan(adapter.pull_products)) == len(products) + 1
    [record] = scan(adapter.pull_products, PullQuery(ids=(found.external_id,)))
    assert (record.title, record.variants[0].sku, record.variants[0].quantity) == (
        "Contract & Co",
        "CONTRACT-1",
        3,
    )


#: Accepting needs an order that stands before it: `tests/test_status_tables.py`.
TELLS = [
    event
    for event in FulfilmentEvent
    if event not in (FulfilmentEvent.ACCEPTED, FulfilmentEvent.CANCELLED, FulfilmentEvent.TRACKING)
]


@pytest.mark.parametrize("event", TELLS)
@pytest.mark.req("R-SHIP-03", "R-ORD-08")
def test_an_event_is_sent_once_however_often_it_is_sent(spec, running, event):
    order = str(running.sandbox.place_order()["order_id"])
    update = ShipmentUpdate(
        f"contract-{event}", event, order, carrier_name="DHL", tracking_number="JD0001", native_status=""
    )
    capability = EVENT_CAPABILITY[event]
    is_off = spec.supports(capability) and not spec.capabilities[capability].default
    options = {str(capability): True} if is_off else {}
    adapter = adapter_of(spec)(unsaved_store(running, channel=spec.key, options=options))
    if not spec.supports(EVENT_CAPABILITY[event]):
        with pytest.raises(NotSupported):
            adapter.push_fulfilment(update)
        return
    assert adapter.look_up(update) is None
    running.sandbox.inject("no_answer", method="WRITE")
    with pytest.raises(Uncertain):
        adapter.push_fulfilment(update)

    found = adapter.look_up(update)
    [before] = scan(adapter.pull_orders, PullQuery(ids=(order,)))
    again = adapter.push_fulfilment(update)

    assert found is not None
    assert found.ok
    assert again.ok
    assert found.ref == again.ref == update.ref
    assert scan(adapter.pull_orders, PullQuery(ids=(order,))) == [before]


@pytest.mark.req("R-ORD-11")
def test_a_sellers_cancel_is_off_until_the_store_allows_it(spec, running):
    support = spec.capabilities[C.PUSH_SELLER_CANCEL]
    order = str(running.sandbox.place_order()["order_id"])
    update = ShipmentUpdate("contract-cancel", FulfilmentEvent.CANCELLED, order)
    plain = adapter_of(spec)(unsaved_store(running, channel=spec.key))
    if not support.default:
        with pytest.raises(NotSupported):
            plain.push_fulfilment(update)
    if support.supported:
        allowed = unsaved_store(running, channel=spec.key, options={"push_seller_cancel": True})
        assert adapter_of(spec)(allowed).push_fulfilment(update).ok
        [record] = scan(plain.pull_orders, PullQuery(ids=(order,)))
        assert record.remote_state == RemoteState.CANCELLED


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe", b'{"id": 1}'])
def test_a_webhook_that_nobody_signed_is_refused(spec, adapter, body):
    if not spec.supports(C.WEBHOOKS):
        pytest.skip(f"{spec.label} has no webhooks")
    for headers in ({}, {"X-OMS-Signature": "0" * 64}, {"Authorization": "Basic eDp5"}):
        with pytest.raises(Rejected):
            adapter.read_webhook(headers, body, "s" * 32)
