"""BigCommerce's adapter: V2 for orders and the store, V3 for products, stock and webhooks. It delegates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from channels.connectors.bigcommerce import auth, carriers, reference_data, webhooks
from channels.connectors.bigcommerce.channel import SPEC
from channels.connectors.bigcommerce.client import BigCommerceClient, store_url
from channels.connectors.bigcommerce.fulfilment import Fulfilment
from channels.connectors.bigcommerce.listings import Listings
from channels.connectors.bigcommerce.orders import OrderReader
from channels.connectors.bigcommerce.products import ProductReader
from channels.connectors.bigcommerce.reference_data import StoreFacts
from channels.connectors.bigcommerce.stock_prices import StockAndPrices
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import NotSupported, Rejected
from channels.contract.records.account import AccountRecord, WebhookRecord
from channels.contract.records.listings import PlannedRequest
from channels.contract.records.orders import CarrierRecord, FulfilmentEvent, OrderRecord, StatusRecord
from channels.contract.records.pages import Page, PullQuery
from channels.contract.records.products import AttributeRecord, BrandRecord, CategoryRecord, ProductRecord
from channels.contract.records.updates import (
    ListingDraft,
    ListingResult,
    Outcome,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
)
from channels.contract.spec import Capability
from channels.http.pictures import reader_for
from channels.http.session import ChannelSession


class BigCommerceAdapter(ChannelAdapter):
    """One store. Products are named by id, SKUs by variant id, statuses by id."""

    spec = SPEC

    # ------------------------------------------------ what it delegates to
    @cached_property
    def client(self) -> BigCommerceClient:
        given = self.connection.credentials
        api = settings.OMS_APPS["bigcommerce"]["api_url"]
        address = store_url(str(given.get("api_path", "")), settings.OMS_ALLOWED_PRIVATE_HOSTS, api=api)
        token = str(given.get("access_token", "")).strip()
        if not token or not token.isascii():
            raise Rejected(_("Paste the access token of the API account."), field="access_token")
        return BigCommerceClient(address, token, self.session or ChannelSession(self.connection))

    @cached_property
    def facts(self) -> StoreFacts:
        return StoreFacts(self.connection, self.client)

    @cached_property
    def orders(self) -> OrderReader:
        return OrderReader(self.facts)

    @cached_property
    def products(self) -> ProductReader:
        return ProductReader(self.facts, may_switch_on=self._may_switch_on)

    @cached_property
    def stock_prices(self) -> StockAndPrices:
        return StockAndPrices(self.client)

    @cached_property
    def listings(self) -> Listings:
        return Listings(self.facts, reader_for(self.session, self.spec.key, self.connection.name))

    @cached_property
    def fulfilment(self) -> Fulfilment:
        return Fulfilment(self.facts)

    @property
    def _may_switch_on(self) -> bool:
        return bool(self.connection.option("track_stock"))

    # ------------------------------------------------ connecting
    def verify(self) -> AccountRecord:
        return auth.verify(self.facts)

    def register_webhooks(self, url: str, secret: str) -> None:
        webhooks.register(self.client, url, secret)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> Sequence[WebhookRecord]:
        return webhooks.read(self.client, self.connection, headers, body, secret)

    # ------------------------------------------------ pulling
    def pull_statuses(self) -> Sequence[StatusRecord]:
        return reference_data.statuses(self.facts)

    def pull_categories(self, query: PullQuery, page: str | None = None) -> Page[CategoryRecord]:
        return reference_data.categories(self.client)

    def pull_brands(self, query: PullQuery, page: str | None = None) -> Page[BrandRecord]:
        return reference_data.brands(self.client, page)

    def pull_attributes(self, query: PullQuery, page: str | None = None) -> Page[AttributeRecord]:
        return self.products.pull_attributes(page)

    def pull_carriers(self) -> Sequence[CarrierRecord]:
        return carriers.known()

    def pull_choices(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return {"location": reference_data.location_names(self.client)}

    def pull_products(self, query: PullQuery, page: str | None = None) -> Page[ProductRecord]:
        return self.products.pull(query, page)

    def read_order(self, native: Any) -> OrderRecord:
        return self.orders.read(native)

    def pull_orders(self, query: PullQuery, page: str | None = None) -> Page[OrderRecord]:
        return self.orders.pull(query, page)

    # ------------------------------------------------ pushing
    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        location = self.facts.location
        return self.stock_prices.push_stock(
            updates, default_location=location, may_switch_on=self._may_switch_on
        )

    def push_prices(self, updates: Sequence[PriceUpdate]) -> Sequence[Outcome]:
        return self.stock_prices.push_prices(updates, currency=self.facts.currency, places=self.facts.places)

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
        if update.event == FulfilmentEvent.DELIVERED:
            raise NotSupported(str(self.spec.reason(Capability.PUSH_DELIVERED)))
        if update.event == FulfilmentEvent.COMPLETED and not self.connection.option("push_completed"):
            raise NotSupported(_("Completing in BigCommerce is off in this store's settings."))
        return self.fulfilment.push(update)

    def look_up(self, update: ShipmentUpdate) -> Outcome | None:
        return self.fulfilment.look_up(update)
