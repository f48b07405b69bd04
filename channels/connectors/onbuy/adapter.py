"""OnBuy's adapter, over its API v2 (`onbuy.md`). It delegates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Any

from django.utils import timezone

from channels.connectors.onbuy import (
    auth,
    fulfilment,
    listing_bodies,
    orders,
    products,
    reference_data,
    stock_prices,
)
from channels.connectors.onbuy.channel import SPEC
from channels.connectors.onbuy.client import OnBuyClient
from channels.connectors.onbuy.listings import UPDATE, Maker
from channels.connectors.onbuy.payloads import UK
from channels.contract import used_values
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import ChannelError, Rejected
from channels.contract.records.account import AccountRecord
from channels.contract.records.listings import PlannedRequest
from channels.contract.records.orders import CarrierRecord, OrderRecord, StatusRecord
from channels.contract.records.pages import Page, PullQuery
from channels.contract.records.products import AttributeRecord, BrandRecord, CategoryRecord, ProductRecord
from channels.contract.records.updates import (
    ListingDraft,
    ListingJob,
    ListingResult,
    Outcome,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
)
from channels.http.session import ChannelSession


class OnBuyAdapter(ChannelAdapter):
    """One OnBuy account."""

    spec = SPEC

    @cached_property
    def client(self) -> OnBuyClient:
        """Client for this account."""
        return OnBuyClient(self.connection, self.session or ChannelSession(self.connection))

    @cached_property
    def maker(self) -> Maker:
        """Creates and changes listings, with the store's settings for new ones."""
        terms: dict[str, Any] = {}
        if template := str(self.connection.option("delivery_template") or "").strip():
            terms["delivery_template_id"] = int(template)
        if days := int(self.connection.option("handling_time") or 0):
            terms["handling_time"] = days
        return Maker(self.client, terms=terms)

    # ------------------------------------------------ connecting and lists
    def verify(self) -> AccountRecord:
        return auth.verify(self.client, self.connection.credentials)

    def pull_statuses(self) -> Sequence[StatusRecord]:
        return reference_data.statuses()

    def pull_categories(self, query: PullQuery, page: str | None = None) -> Page[CategoryRecord]:
        return reference_data.pull_categories(self.client, page)

    def pull_attributes(self, query: PullQuery, page: str | None = None) -> Page[AttributeRecord]:
        chosen = str(self.connection.option("attribute_categories") or "")
        used = [] if query.ids else used_values.used_values(self.connection, used_values.CATEGORIES)
        return reference_data.pull_attributes(self.client, query, page, chosen=chosen, used=used)

    def pull_brands(self, query: PullQuery, page: str | None = None) -> Page[BrandRecord]:
        wants_all = bool(self.connection.option("all_brands"))
        used = [] if query.ids or wants_all else used_values.used_values(self.connection, used_values.BRANDS)
        return reference_data.pull_brands(self.client, query, page, wants_all=wants_all, used=used)

    def find_brands(self, text: str) -> Page[BrandRecord]:
        return reference_data.find_brands(self.client, text)

    def pull_carriers(self) -> Sequence[CarrierRecord]:
        return reference_data.pull_carriers(self.client)

    def pull_choices(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return reference_data.pull_choices(self.client)

    # ------------------------------------------------ products and orders
    def pull_products(self, query: PullQuery, page: str | None = None) -> Page[ProductRecord]:
        return products.pull_products(self.client, query, page, self._now)

    def read_order(self, native: Any) -> OrderRecord:
        return orders.order(native, self._zone)

    def pull_orders(self, query: PullQuery, page: str | None = None) -> Page[OrderRecord]:
        return orders.pull_orders(self.client, query, page, self._zone)

    # ------------------------------------------------ pushing
    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        return stock_prices.push_stock(self.client, updates, self._now)

    def push_prices(self, updates: Sequence[PriceUpdate]) -> Sequence[Outcome]:
        return stock_prices.push_prices(self.client, updates, self._now)

    def make_listings(self, jobs: Sequence[ListingJob]) -> Sequence[ListingResult | ChannelError]:
        return self.maker.make(jobs)

    def change_listings(self, jobs: Sequence[ListingJob]) -> Sequence[ListingResult | ChannelError]:
        return self.maker.change(jobs)

    def check_listing(self, draft: ListingDraft) -> Sequence[Rejected]:
        return listing_bodies.refusals(draft, self.maker.terms)

    def plan_listing(self, draft: ListingDraft) -> Sequence[PlannedRequest]:
        return self.maker.plan(draft)

    def create_listing(self, draft: ListingDraft) -> ListingResult:
        return _only(self.maker.make([ListingJob(draft)]))

    def find_listing(self, draft: ListingDraft) -> ListingResult | None:
        return self.maker.find(draft)

    def listing_progress(self, draft: ListingDraft, step: str) -> ListingResult:
        advance = self.maker.change if step.startswith(UPDATE) else self.maker.make
        return _only(advance([ListingJob(draft, step)]))

    def update_listing(self, draft: ListingDraft) -> ListingResult:
        return _only(self.maker.change([ListingJob(draft)]))

    def push_fulfilment(self, update: ShipmentUpdate) -> Outcome:
        return fulfilment.push(self.client, update)

    def look_up(self, update: ShipmentUpdate) -> Outcome | None:
        return fulfilment.look_up(self.client, update)

    # ------------------------------------------------ the store's clock
    @property
    def _zone(self) -> tzinfo:
        return UK if self.connection.option("uk_times") else UTC

    @property
    def _now(self) -> datetime:
        """The present time in the time zone of OnBuy's times."""
        return timezone.now().astimezone(self._zone)


def _only(answers: Sequence[ListingResult | ChannelError]) -> ListingResult:
    [answer] = answers
    if isinstance(answer, ChannelError):
        raise answer
    return answer
