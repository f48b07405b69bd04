"""Nothing that a channel sends can stop a store: odd documents in every stream of every channel (F-11, F-12, F-23, F-24).

One row of a list is made odd on its way from the sandbox to Manifold. The other rows of the page are imported; the odd one
is imported too, or rejected with one sentence that a seller understands.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from channels.connectors.bigcommerce import payloads as bigcommerce
from channels.connectors.etsy import payloads as etsy
from channels.connectors.onbuy import payloads as onbuy
from channels.connectors.opencart import payloads as opencart
from channels.contract.records.pages import PullQuery
from channels.contract.registry import specs
from channels.models import Connection, RejectedRecord, SyncRun
from channels.pull import runner, streams
from channels.sandbox.server import Request, Response
from channels.stores import connect
from tests.support import odd

#: Channel -> stream -> (what the address of its list matches, the schema of a row).
STREAMS: dict[str, dict[str, tuple[str, Any]]] = {
    "bigcommerce": {
        "orders.changed": (r"/v2/orders\?", bigcommerce.Order),
        "products": (r"/v3/catalog/products\?", bigcommerce.Product),
        "brands": (r"/v3/catalog/brands\?", bigcommerce.Brand),
        "categories": (r"/v3/catalog/trees/categories\?", bigcommerce.Category),
        "attributes": (r"/v3/catalog/products\?", bigcommerce.Product),
        "statuses": (r"/v2/order_statuses\?", bigcommerce.OrderStatus),
    },
    "opencart": {
        "orders.changed": (r"call=orders&", opencart.Order),
        "products": (r"call=products&", opencart.Product),
        "categories": (r"call=categories&", opencart.Category),
        "attributes": (r"call=attributes&", opencart.Attribute),
        "statuses": (r"call=order_statuses", opencart.OrderStatus),
    },
    "onbuy": {
        "orders.changed": (r"/orders\?", onbuy.Order),
        "products": (r"/listings\?", onbuy.Listing),
        "categories": (r"/categories\?", onbuy.Category),
        "brands": (r"/brands\?", onbuy.Brand),
        "attributes": (r"/features\?|/technical-details\?", onbuy.Feature),
    },
    "etsy": {
        "orders.changed": (r"/receipts\?", etsy.Receipt),
        "products": (r"/listings\?|/batch/inventory\?", etsy.Listing),
        "categories": (r"/seller-taxonomy/nodes\?", etsy.TaxonomyNode),
        "attributes": (r"/properties\?", etsy.TaxonomyProperty),
    },
}
CASES = [(channel, stream) for channel, streams in STREAMS.items() for stream in streams]
NOT_FOR_SELLERS = re.compile(
    r"Internal|fault|invalid literal|NoneType|object|Traceback|Error\b|expected|argument|isoformat|\bindex\b"
)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Undo what the block writes. No `atomic`: a token is renewed in a transaction that must be the outermost."""
    before = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(before)


class Shop:
    """A store connected to a sandbox that lets a test change the answers of one list."""

    def __init__(self, channel: str, stack: ExitStack, **seed: Any) -> None:
        self.running = stack.enter_context(specs()[channel].make_sandbox(**seed).serve())
        self.store = connect.connect(
            channel=channel, name=f"{channel} {seed['seed']}", credentials=self.running.credentials
        )
        self.match, self.change = "", lambda row: row
        self._handle = self.running.sandbox.handle
        self.running.sandbox.handle = self.handle

    def handle(self, request: Request) -> Response:
        response: Response = self._handle(request)
        if not self.match or request.method != "GET" or not re.search(self.match, request.target):
            return response
        document = json.loads(response.body)
        rows = odd.rows_in(document)
        if rows:
            self.match = ""  # one row is odd, not one of each page
            place = min(1, len(rows) - 1)
            rows[place] = self.change(rows[place])
            response.body = odd.body(document)
        return response

    def pull(self, stream: str) -> SyncRun:
        """Import a stream from the beginning in one run, and roll back what was stored."""
        cache.clear()
        name = stream
        if stream.startswith("orders.") and not self.store.streams.filter(name=stream).exists():
            name = self.store.streams.filter(name__startswith="orders.").values_list("name", flat=True)[0]
        self.store.streams.exclude(name=name).update(is_on=False)
        SyncRun.objects.filter(connection=self.store).delete()
        self.store.streams.filter(name=name).update(
            due_at=timezone.now(), is_on=True, cursor_at=None, not_before=None, failures=0, wanted_ids=[],
        )  # fmt: skip
        Connection.objects.filter(pk=self.store.pk).update(blocked_until=None, state=Connection.State.ACTIVE)
        row = self.store.streams.get(name=name)
        while runner.run_stream(row.pk):
            pass
        return SyncRun.objects.filter(connection=self.store, stream=name).latest("pk")

    def checked(self, stream: str, match: str, change: Callable[[Any], Any], least: int) -> None:
        """Import the stream with one odd row: at least `least` other rows come in, and the odd one comes in or is rejected."""
        self.match, self.change = match, change
        with rolled_back():
            run = self.pull(stream)
            reasons = list(
                RejectedRecord.objects.filter(connection=self.store).values_list("reason", flat=True)
            )
        assert (run.state, run.error) == (SyncRun.State.DONE, "")
        assert run.new + run.changed + run.same >= least, (
            run.new,
            run.changed,
            run.same,
            run.refused,
            reasons,
        )
        for reason in reasons:
            assert reason.endswith("."), reason
            assert not NOT_FOR_SELLERS.search(reason), reason


@pytest.fixture
def shop(request: pytest.FixtureRequest, db: None) -> Iterator[Shop]:
    with ExitStack() as stack:
        yield Shop(request.param, stack, seed="empty", products=3, orders=3)


def imported(shop: Shop, stream: str, match: str) -> int:
    """Return how many records a stream has while every row is as it should be."""
    shop.match = ""
    with rolled_back():
        run = shop.pull(stream)
    return run.new + run.changed + run.same


def every_place(shop: Shop, stream: str, *, most: int) -> None:
    """Put odd values at places of one row: `most` pairs of place and value, spread over all of them."""
    match, _schema = STREAMS[shop.store.channel][stream]
    least = imported(shop, stream, match) - 1
    sample = rich_row(shop.store.channel, stream)
    if "children" in sample and stream == "categories":
        least = 0  # the other categories are inside the odd one
    pairs = [(path, value) for path in odd.paths(sample) for value in odd.ODD]
    for path, value in pairs[:: len(pairs) // most + 1]:
        row = odd.changed(sample, path, value)
        try:
            shop.checked(stream, match, partial(_instead, row), least)
        except Exception as error:
            error.add_note(f"{path} = {value!r:.80}")
            raise


def _instead(row: Any, _row: Any) -> Any:
    return row


RICH: dict[tuple[str, str], Any] = {}


def rich_row(channel: str, stream: str) -> Any:
    """Return the row of the demo with most in it, of one stream."""
    if (channel, stream) not in RICH:
        match, _schema = STREAMS[channel][stream]
        found: list[Any] = []
        with ExitStack() as stack, rolled_back():
            demo = Shop(channel, stack, seed="demo")

            def handle(request: Request) -> Response:
                response: Response = demo._handle(request)
                if re.search(match, request.target):
                    found.extend(odd.rows_in(json.loads(response.body)))
                return response

            demo.running.sandbox.handle = handle
            streams.pull(runner.adapter_of(demo.store), stream, PullQuery(), None)
        RICH[channel, stream] = max(found, key=lambda row: len(json.dumps(row)))
    return RICH[channel, stream]


@pytest.mark.fault("F-11", "F-12", "F-23", "F-24")
@pytest.mark.parametrize(("shop", "stream"), CASES, indirect=["shop"])
def test_an_odd_value_at_any_place_stops_nothing(shop: Shop, stream: str) -> None:
    every_place(shop, stream, most=6)


@pytest.mark.db
@pytest.mark.fault("F-11", "F-12", "F-23", "F-24")
@pytest.mark.parametrize(("shop", "stream"), CASES, indirect=["shop"])
def test_an_odd_value_at_any_place_stops_nothing_on_postgresql(shop: Shop, stream: str) -> None:
    every_place(shop, stream, most=12)


@pytest.mark.db
@pytest.mark.slow
@pytest.mark.fault("F-11", "F-12", "F-23", "F-24")
@pytest.mark.parametrize(("shop", "stream"), CASES, indirect=["shop"])
def test_many_odd_values_at_many_places_stop_nothing(shop: Shop, stream: str) -> None:
    """`ODD_PLACES=1000000 make test-db-slow ARGS="-k many_odd"` tries every value at every place: hours."""
    every_place(shop, stream, most=int(os.environ.get("ODD_PLACES", "20")))
