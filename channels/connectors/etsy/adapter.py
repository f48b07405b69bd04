"""Etsy's adapter, over its Open API v3 (`etsy.md`). It delegates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from channels.connectors.etsy import auth, reference_data, webhooks
from channels.connectors.etsy.app import grants
from channels.connectors.etsy.channel import SPEC
from channels.connectors.etsy.client import EtsyClient
from channels.connectors.etsy.fulfilment import Fulfilment
from channels.connectors.etsy.listings import Listings
from channels.connectors.etsy.orders import OrderReader
from channels.connectors.etsy.products import ProductReader
from channels.connectors.etsy.reference_data import ShopFacts
from channels.connectors.etsy.stock_prices import StockAndPrices
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import Rejected
from channels.contract.records.account import AccountRecord, WebhookRecord
from channels.contract.records.listings import PlannedRequest
from channels.contract.records.orders import CarrierRecord, OrderRecord, StatusRecord
from channels.contract.records.pages import Page, PullQuery
from channels.contract.records.products import AttributeRecord, CategoryRecord, ProductRecord
from channels.contract.records.updates import (
    ListingDraft,
    ListingResult,
    Outcome,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
)
from channels.http.pictures import reader_for
from channels.http.session import ChannelSession


class EtsyAdapter(ChannelAdapter):
    """One shop of Etsy: receipts are orders, listings are products, `shop_id` is the account."""

    spec = SPEC

    # ------------------------------------------------ what it delegates to
    @cached_property
    def client(self) -> EtsyClient:
        return EtsyClient(self.connection, self.session or ChannelSession(self.connection), grants)

    @cached_property
    def facts(self) -> ShopFacts:
        return ShopFacts(self.connection, self.client, lambda: self.context)

    @cached_property
    def orders(self) -> OrderReader:
        return OrderReader(self.facts)

    @cached_property
    def products(self) -> ProductReader:
        return ProductReader(self.facts)

    @cached_property
    def stock_prices(self) -> StockAndPrices:
        return StockAndPrices(self.facts)

    @cached_property
    def listings(self) -> Listings:
        return Listings(
            self.facts, self.stock_prices, reader_for(self.session, self.spec.key, self.connection.name)
        )

    @cached_property
    def fulfilment(self) -> Fulfilment:
        return Fulfilment(self.facts, self.orders)

    # ------------------------------------------------ connecting
    def verify(self) -> AccountRecord:
        return auth.verify(self.client)

    def renewed(self) -> Mapping[str, Any]:
        return self.client.renewed()

    def register_webhooks(self, url: str, secret: str) -> None:
        webhooks.check_set_up()

    def read_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> Sequence[WebhookRecord]:
        return webhooks.read(self.connection, headers, body, secret)

    # ------------------------------------------------ pulling
    def pull_statuses(self) -> Sequence[StatusRecord]:
        return reference_data.statuses()

    def pull_categories(self, query: PullQuery, page: str | None = None) -> Page[CategoryRecord]:
        return reference_data.pull_categories(self.client)

    def pull_attributes(self, query: PullQuery, page: str | None = None) -> Page[AttributeRecord]:
        return reference_data.pull_attributes(self.facts, query, page)

    def pull_carriers(self) -> Sequence[CarrierRecord]:
        return reference_data.pull_carriers(self.facts)

    def pull_choices(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return self.facts.all_choices()

    def pull_products(self, query: PullQuery, page: str | None = None) -> Page[ProductRecord]:
        return self.products.pull(query, page)

    def read_order(self, native: Any) -> OrderRecord:
        return self.orders.read(native)

    def pull_orders(self, query: PullQuery, page: str | None = None) -> Page[OrderRecord]:
        return self.orders.pull(query, page)

    # ------------------------------------------------ pushing
    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        return self.stock_prices.push_stock(updates)

    def push_prices(self, updates: Sequence[PriceUpdate]) -> Sequence[Outcome]:
        return self.stock_prices.push_prices(updates)

    def check_listing(self, draft: ListingDraft) -> Sequence[Rejected]:
        return self.listings.check(draft)

    def plan_listing(self, draft: ListingDraft) -> Sequence[PlannedRequest]:
        return self.listings.plan(draft)

    def create_listing(self, draft: ListingDraft) -> ListingResult:
        return self.listings.create(draft)

    def find_listing(self, draft: ListingDraft) -> ListingResult | None:
        return self.listings.find(draft)

    def update_listing(self, draft: ListingDraft) -> ListingResult:
        return self.listings.update(draft)

    def set_listing_active(self, external_id: str, *, active: bool) -> None:
        self.listings.set_active(external_id, active=active)

    def push_fulfilment(self, update: ShipmentUpdate) -> Outcome:
        return self.fulfilment.push(update)

    def look_up(self, update: ShipmentUpdate) -> Outcome | None:
        return self.fulfilment.look_up(update)
