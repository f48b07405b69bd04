"""OpenCart's adapter, over Manifold's extension (`contrib/opencart/CONTRACT.md`). It delegates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.conf import settings

from channels.connectors.opencart import (
    auth,
    fulfilment,
    listing_bodies,
    listings,
    orders,
    products,
    reference_data,
    stock_prices,
    webhooks,
)
from channels.connectors.opencart.channel import SPEC
from channels.connectors.opencart.client import OpenCartClient, normalise_url
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import Rejected
from channels.contract.records.account import AccountRecord, WebhookRecord
from channels.contract.records.listings import PlannedRequest
from channels.contract.records.orders import OrderRecord, StatusRecord
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
from channels.contract.translation import gettext as _
from channels.http.session import ChannelSession


class OpenCartAdapter(ChannelAdapter):
    """One shop: signed calls to Manifold's extension. Option values of a product are its SKUs; statuses are named by id."""

    spec = SPEC

    @cached_property
    def client(self) -> OpenCartClient:
        """Client for this shop. Raise `Rejected` for a wrong address or key."""
        given = self.connection.credentials
        address = normalise_url(str(given.get("domain_url", "")), settings.OMS_ALLOWED_PRIVATE_HOSTS)
        key = str(given.get("secret_key", "")).strip()
        if not key or not key.isascii():
            raise Rejected(
                _("Enter the secret key from the extension's page in the shop's admin."), field="secret_key"
            )
        return OpenCartClient(address, key, self.session or ChannelSession(self.connection))

    # ------------------------------------------------ connecting
    def verify(self) -> AccountRecord:
        return auth.verify(self.client)

    def register_webhooks(self, url: str, secret: str) -> None:
        webhooks.register(self.client, url, secret)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> Sequence[WebhookRecord]:
        return webhooks.read(headers, body, secret)

    # ------------------------------------------------ pulling
    def pull_statuses(self) -> Sequence[StatusRecord]:
        return reference_data.pull_statuses(self.client)

    def pull_categories(self, query: PullQuery, page: str | None = None) -> Page[CategoryRecord]:
        return reference_data.pull_categories(self.client, page)

    def pull_attributes(self, query: PullQuery, page: str | None = None) -> Page[AttributeRecord]:
        return reference_data.pull_attributes(self.client, page)

    def pull_products(self, query: PullQuery, page: str | None = None) -> Page[ProductRecord]:
        return products.pull_products(
            self.client, query, page, rule=self._sku_rule, currency=self._currency, zone=self._zone
        )

    def read_order(self, native: Any) -> OrderRecord:
        return orders.order(native, **self._order_options)

    def pull_orders(self, query: PullQuery, page: str | None = None) -> Page[OrderRecord]:
        return orders.pull_orders(self.client, query, page, **self._order_options)

    # ------------------------------------------------ pushing
    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        return stock_prices.push_stock(self.client, updates)

    def push_prices(self, updates: Sequence[PriceUpdate]) -> Sequence[Outcome]:
        currency = self._currency if updates else ""
        return stock_prices.push_prices(self.client, updates, currency=currency, zone=self._zone)

    def check_listing(self, draft: ListingDraft) -> Sequence[Rejected]:
        return listing_bodies.refusals(draft)

    def plan_listing(self, draft: ListingDraft) -> Sequence[PlannedRequest]:
        return listings.plan(self.client, draft)

    def create_listing(self, draft: ListingDraft) -> ListingResult:
        return listings.create(self.client, draft)

    def find_listing(self, draft: ListingDraft) -> ListingResult | None:
        return listings.find(self.client, draft)

    def update_listing(self, draft: ListingDraft) -> ListingResult:
        return listings.update(self.client, draft)

    def delete_listing(self, external_id: str) -> None:
        listings.delete(self.client, external_id)

    def push_fulfilment(self, update: ShipmentUpdate) -> Outcome:
        return fulfilment.push(
            self.client,
            update,
            self._shop_statuses,
            may_cancel=bool(self.connection.option("push_seller_cancel")),
            notify=bool(self.connection.option("notify_customer")),
        )

    def look_up(self, update: ShipmentUpdate) -> Outcome | None:
        return fulfilment.look_up(self.client, update)

    # ------------------------------------------------ the store
    @property
    def _order_options(self) -> dict[str, Any]:
        """What the store says about reading an order: the arguments of `orders.order`."""
        return {
            "rule": self._sku_rule,
            "pending_as_unpaid": bool(self.connection.option("pending_as_unpaid")),
            "holding": frozenset(each.external_id for each in self._statuses if each.holds_stock),
        }

    @property
    def _sku_rule(self) -> str:
        return str(self.connection.option("sku_rule"))

    @property
    def _zone(self) -> str:
        return self.connection.time_zone or ""

    @cached_property
    def _statuses(self) -> Sequence[StatusRecord]:
        return self.pull_statuses()

    def _shop_statuses(self) -> fulfilment.ShopStatuses:
        states = {**self.spec.statuses, **self.context.remote_states()}
        return fulfilment.ShopStatuses(self._statuses, states)

    @cached_property
    def _currency(self) -> str:
        return self.connection.currency or str(self.client.get("ping").data["currency"])
