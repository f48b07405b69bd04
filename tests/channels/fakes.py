"""A channel in memory, called "fake", that obeys or misbehaves as a test says.

`FakeShop` is the remote side; `FakeAdapter` speaks to it without HTTP. Faults are put on `shop.faults[verb]` and are
raised once each, in order.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from channels.contract import registry
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import AuthError, Rejected
from channels.contract.records.account import AccountRecord, WebhookRecord
from channels.contract.records.orders import (
    CarrierRecord,
    FulfilmentEvent,
    OrderRecord,
    RemoteState,
    StatusRecord,
)
from channels.contract.records.pages import Page, PullQuery, RefusedRow
from channels.contract.records.products import CategoryRecord, ProductKind, ProductRecord, VariantRecord
from channels.contract.records.updates import Outcome, StockUpdate
from channels.contract.spec import (
    BudgetSpec,
    Capability,
    ChannelSpec,
    CredentialField,
    Lane,
    StoreSetting,
    Stream,
    StreamSpec,
    Support,
    no,
    yes,
)
from channels.models import Connection

T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def order(external_id: str, changed_at: datetime = T0, status_id: str = "1", **fields: Any) -> OrderRecord:
    """An order record with nothing in it but its identity and what the test names."""
    return replace(
        OrderRecord(
            external_id=external_id,
            number=external_id,
            status_id=status_id,
            status_name="Pending",
            remote_state=RemoteState.NEW,
            placed_at=changed_at,
            changed_at=changed_at,
            currency="GBP",
            total=Decimal("10.00"),
            lines=(),
            native={"id": external_id, "changed": changed_at.isoformat()},
        ),
        **fields,
    )


def product(external_id: str) -> ProductRecord:
    variant = VariantRecord(external_id, f"SKU-{external_id}", 5, Decimal("1.00"))
    return ProductRecord(
        external_id=external_id,
        kind=ProductKind.SINGLE,
        title=f"Product {external_id}",
        variants=(variant,),
        currency="GBP",
        native={"id": external_id},
    )


@dataclass
class FakeShop:
    """The remote side of one account: what it has, what was asked of it, how it misbehaves next."""

    key: str = "right-key-0001"
    identity: str = "shop-1"
    page_size: int = 2
    orders: list[OrderRecord] = field(default_factory=list)
    products: list[ProductRecord] = field(default_factory=list)
    categories: list[CategoryRecord] = field(default_factory=list)
    statuses: list[StatusRecord] = field(
        default_factory=lambda: [
            StatusRecord("1", "Pending"),
            StatusRecord("3", "Shipped"),
            StatusRecord("77", "Invented"),
        ]
    )
    refused: list[RefusedRow] = field(default_factory=list)
    faults: dict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))
    calls: list[tuple[str, Any]] = field(default_factory=list)
    stock: dict[str, int] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    refuse_stock_of: set[str] = field(default_factory=set)
    webhook_urls: list[str] = field(default_factory=list)
    same_page_token: str | None = None
    offered: dict[str, str] = field(default_factory=dict)
    product_count: int | None = None

    def fail(self, verb: str, *errors: Exception) -> None:
        self.faults[verb].extend(errors)

    def begin(self, verb: str, what: Any = None) -> None:
        self.calls.append((verb, what))
        if self.faults[verb]:
            raise self.faults[verb].pop(0)

    def verbs(self) -> list[str]:
        return [verb for verb, _what in self.calls]


SHOPS: dict[str, FakeShop] = {}


class FakeAdapter(ChannelAdapter):
    @property
    def shop(self) -> FakeShop:
        return SHOPS[str(self.connection.credentials.get("where", "shop-1"))]

    def verify(self) -> AccountRecord:
        self.shop.begin("verify")
        if self.connection.credentials["key"] != self.shop.key:
            raise AuthError("The key is wrong: copy it again from the shop.")
        return AccountRecord(
            identity=self.shop.identity,
            name="Fake shop",
            url="https://shop.example.com",
            currency="GBP",
            time_zone="Europe/Paris",
            product_count=self.shop.product_count,
            offered=self.shop.offered,
        )

    def register_webhooks(self, url: str, secret: str) -> None:
        self.shop.begin("register_webhooks", url)
        self.shop.webhook_urls.append(url)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> Sequence[WebhookRecord]:
        wanted = sign(body, secret)
        if not hmac.compare_digest(wanted, headers.get("X-Fake-Signature", "")):
            raise Rejected("forged")
        data = json.loads(body)
        return [
            WebhookRecord(
                data["event"], "order", data.get("stream", Stream.ORDERS_CHANGED), data.get("id", "")
            )
        ]

    def pull_statuses(self) -> Sequence[StatusRecord]:
        self.shop.begin("pull_statuses")
        return self.shop.statuses

    def pull_categories(self, query: PullQuery, page: str | None = None) -> Page[CategoryRecord]:
        return self._page("pull_categories", self.shop.categories, query, page)

    def pull_carriers(self) -> Sequence[CarrierRecord]:
        self.shop.begin("pull_carriers")
        return [CarrierRecord("post", "Royal Mail")]

    def pull_products(self, query: PullQuery, page: str | None = None) -> Page[ProductRecord]:
        rows = [row for row in self.shop.products if not query.ids or row.external_id in query.ids]
        return self._page("pull_products", rows, query, page)

    def pull_orders(self, query: PullQuery, page: str | None = None) -> Page[OrderRecord]:
        rows = [
            row
            for row in sorted(self.shop.orders, key=lambda row: (row.changed_at, row.external_id))
            if (row.external_id in query.ids if query.ids else _inside(row, query))
        ]
        return self._page("pull_orders", rows, query, page)

    def _page(self, verb: str, rows: Sequence[Any], query: PullQuery, page: str | None) -> Page[Any]:
        self.shop.begin(verb, (query, page))
        at = 0
        if page:
            at = next((i + 1 for i, row in enumerate(rows) if row.external_id == page), len(rows))
        part = rows[at : at + self.shop.page_size]
        more = at + self.shop.page_size < len(rows)
        next_page = part[-1].external_id if more else None
        if self.shop.same_page_token is not None:
            next_page = self.shop.same_page_token
        refused = self.shop.refused if page is None else []
        return Page(part, next_page=next_page, refused=tuple(refused), total=len(rows))

    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        self.shop.begin("push_stock", [(u.external_id, u.quantity) for u in updates])
        outcomes = []
        for update in updates:
            if update.external_id in self.shop.refuse_stock_of:
                outcomes.append(Outcome(update.ref, error=Rejected("This product has no stock field.")))
            else:
                self.shop.stock[update.external_id] = update.quantity
                outcomes.append(Outcome(update.ref))
        return outcomes

    def tell(self, what: str, ref: str) -> None:
        self.shop.begin("tell", (what, ref))
        self.shop.told.append((what, ref))


def _inside(row: OrderRecord, query: PullQuery) -> bool:
    at = row.placed_at if query.created else row.changed_at
    if query.statuses and row.status_id not in query.statuses:
        return False
    start, end = query.window.start, query.window.end
    return (start is None or at >= start) and (end is None or at < end)


def sign(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def capabilities(**changed: Support) -> dict[Capability, Support]:
    missing = {Capability.CONNECT_OAUTH, Capability.PULL_BRANDS, Capability.PUSH_DELIVERED}
    table = {
        capability: no(f"The fake channel has no {capability}.") if capability in missing else yes()
        for capability in Capability
    }
    return table | {Capability(name): support for name, support in changed.items()}


def make_spec(key: str = "fake", **changed: Any) -> ChannelSpec:
    fields: dict[str, Any] = {
        "key": key,
        "label": "Fake",
        "capabilities": capabilities(),
        "credential_fields": (
            CredentialField("address", "Address", is_url=True, is_required=False),
            CredentialField("key", "Secret key", is_secret=True),
            CredentialField("where", "Where", is_required=False),
        ),
        "streams": (
            StreamSpec(Stream.STATUSES, 21600, Lane.DEFAULT, Capability.PULL_ORDERS),
            StreamSpec(Stream.CATEGORIES, 21600, Lane.DEFAULT, Capability.PULL_CATEGORIES),
            StreamSpec(Stream.BRANDS, 21600, Lane.DEFAULT, Capability.PULL_BRANDS),
            StreamSpec(Stream.PRODUCTS, None, Lane.DEFAULT, Capability.PULL_PRODUCTS, slice_days=36500),
            StreamSpec(Stream.ORDERS_NEW, 300, Lane.ORDERS, Capability.PULL_ORDERS),
            StreamSpec(Stream.ORDERS_CHANGED, 1800, Lane.ORDERS, Capability.PULL_ORDER_UPDATES),
            StreamSpec(Stream.ORDERS_HISTORY, None, Lane.DEFAULT, Capability.HISTORY_90_DAYS, slice_days=30),
        ),
        "budget": BudgetSpec(capacity=1000, per_second=100),
        "adapter": "tests.channels.fakes.FakeAdapter",
        "statuses": {"1": RemoteState.NEW, "3": RemoteState.SHIPPED, "5": RemoteState.COMPLETED},
        "events": {FulfilmentEvent.SHIPPED: "3", FulfilmentEvent.COMPLETED: "5"},
        "settings": (
            StoreSetting("gift", "Gifts"),
            StoreSetting("rule", "Rule", kind="choice", default="a", choices=(("a", "A"), ("b", "B"))),
            StoreSetting("days", "Days", kind="number", default=5),
        ),
        "batch_sizes": {"stock": 3},
    }
    return ChannelSpec(**{**fields, **changed})


def install(*specs: ChannelSpec) -> dict[str, ChannelSpec]:
    """Make these channels known in addition to those of the settings; returns what to take away again."""
    known = registry.specs()
    before = dict(known)
    for spec in specs:
        FakeAdapter.spec = spec
        known[spec.key] = spec
    return before


def uninstall(before: dict[str, ChannelSpec]) -> None:
    known = registry.specs()
    known.clear()
    known.update(before)


def store(name: str = "Fake shop", *, where: str = "shop-1", **fields: Any) -> Connection:
    """A connected store with its streams, budget and status map, without a call or a job."""
    from channels.stores import connect

    SHOPS.setdefault(where, FakeShop(identity=where))
    connection = Connection(
        channel=fields.pop("channel", "fake"),
        name=name,
        fingerprint=where,
        credentials={"key": SHOPS[where].key, "where": where},
        currency="GBP",
        **{"is_read_only": False, "webhook_secret": {"secret": "hook-secret-0001"}, **fields},
    )
    connection.save(force_insert=True)
    connect.set_up(connection, SHOPS[where].statuses)
    return connection
