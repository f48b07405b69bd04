"""OpenCart's verbs, spoken through our extension `oms_connect` (`contrib/opencart/CONTRACT.md`)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings

from channels.connectors.opencart import drafts, fulfilment, mapping
from channels.connectors.opencart.auth import is_same, webhook_signature
from channels.connectors.opencart.batch import Batch, item_error
from channels.connectors.opencart.channel import SPEC
from channels.connectors.opencart.client import (
    PAGE_SIZE,
    OpenCartClient,
    Reply,
    describe_skew,
    identity_of,
    normalise_url,
)
from channels.contract import values
from channels.contract.adapter import ChannelAdapter
from channels.contract.errors import ChannelError, NotSupported, Rejected, TemporaryError
from channels.contract.records.account import AccountRecord, WebhookRecord
from channels.contract.records.orders import FulfilmentEvent, OrderRecord, RemoteState, StatusRecord
from channels.contract.records.pages import Page, PullQuery, RefusedRow
from channels.contract.records.products import AttributeRecord, CategoryRecord, ProductRecord
from channels.contract.records.updates import (
    ListingDraft,
    ListingResult,
    Outcome,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
)
from channels.contract.spec import Stream

T = TypeVar("T")
WEBHOOK_EVENTS = ("order.created", "order.updated", "order.deleted")
NOTICEABLE_SKEW = 60  # seconds between the clocks from which the seller is told


class OpenCartAdapter(ChannelAdapter):
    """OpenCart: signed calls to our extension; options of a product are its SKUs; statuses go by id."""

    spec = SPEC

    @cached_property
    def client(self) -> OpenCartClient:
        from channels.http.session import ChannelSession

        given = self.connection.credentials
        address = normalise_url(str(given.get("domain_url", "")), settings.OMS_ALLOWED_PRIVATE_HOSTS)
        key = str(given.get("secret_key", "")).strip()
        if not key or not key.isascii():
            raise Rejected(
                "Type the secret key from the extension's page in the shop's admin.", field="secret_key"
            )
        return OpenCartClient(address, key, self.session or ChannelSession(self.connection))

    # ------------------------------------------------ connecting
    def verify(self) -> AccountRecord:
        try:
            reply = self.client.get("ping")
        except TemporaryError as error:
            if error.code != "not_installed":
                raise
            self._check_is_opencart()
            raise Rejected(error.message, code=error.code, detail=error.detail, field="domain_url") from error
        ping = reply.data
        currencies = self.client.get("currencies").data
        url = str(ping["url"] or self.client.base_url)
        return AccountRecord(
            identity=identity_of(url),
            name=values.text(ping["store_name"]),
            url=self.client.base_url,
            currency=ping["currency"],
            time_zone=ping["timezone"],
            language=ping["language"],
            version=ping["version"],
            currencies=tuple(row["code"] for row in currencies if row["status"]),
            warnings=tuple(self._warnings(reply)),
            extra=ping,
        )

    def _check_is_opencart(self) -> None:
        """Tell a shop without our extension from an address that is no OpenCart at all."""
        try:
            body = self.client.front_page().body
        except ChannelError:
            return
        if b"route=" not in body:
            raise Rejected(
                "There is no OpenCart shop at this address: type the address of the shop's front page.",
                code="not_opencart",
                field="domain_url",
            )

    def _warnings(self, reply: Reply) -> Iterable[str]:
        if reply.server_time:
            skew = reply.server_time.timestamp() - self.client.clock()
            if abs(skew) > NOTICEABLE_SKEW:
                yield f"The shop's clock is {describe_skew(skew)} ours: set it right before it is refused."
        if not reply.data["transactions"]:
            yield "The shop's tables know no transactions (MyISAM): a batch that breaks off may be carried out in part."

    def register_webhooks(self, url: str, secret: str) -> None:
        self.client.post(
            "webhook_set", {"url": url, "events": list(WEBHOOK_EVENTS), "secret": secret}, repeatable=True
        )

    def read_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> Sequence[WebhookRecord]:
        given = {name.lower(): value for name, value in headers.items()}.get("x-oms-signature", "")
        if not secret or not is_same(given, webhook_signature(secret, body)):
            raise Rejected("The call is not signed with this store's webhook secret.", code="bad_signature")
        try:
            event = json.loads(body)
            topic, stream = str(event["event"]), Stream.ORDERS_CHANGED
            if topic == "order.created":
                stream = Stream.ORDERS_NEW
            return [WebhookRecord(str(event["id"]), topic, stream, str(int(event["order_id"])))]
        except (ValueError, KeyError, TypeError) as error:
            raise Rejected("The call is signed but cannot be read.", detail=str(error)) from None

    # ------------------------------------------------ pulling
    def pull_statuses(self) -> Sequence[StatusRecord]:
        return [mapping.status(row) for row in self.client.get("order_statuses").data]

    def pull_categories(self, query: PullQuery, page: str | None = None) -> Page[CategoryRecord]:
        return self._page(self._list("categories", {}, page), page, mapping.category, "id")

    def pull_attributes(self, query: PullQuery, page: str | None = None) -> Page[AttributeRecord]:
        return self._page(self._list("attributes", {}, page), page, mapping.attribute, "attribute_id")

    def pull_products(self, query: PullQuery, page: str | None = None) -> Page[ProductRecord]:
        if query.ids:
            return self._by_ids("products", query.ids, page, self._product, "product_id")
        params = (
            {"modified_since": mapping.utc(query.window.start)}
            if query.window.start and not query.created
            else {}
        )
        return self._page(self._list("products", params, page), page, self._product, "product_id")

    def pull_orders(self, query: PullQuery, page: str | None = None) -> Page[OrderRecord]:
        """Orders by the time of their last change; the shop has no upper bound, so a scan ends where it is passed."""
        if query.ids:
            return self._by_ids("orders", query.ids, page, self._order, "order_id")
        start, end = query.window.start, query.window.end
        params = {"status_ids": ",".join(query.statuses)} if query.statuses else {}
        if start:
            params["created_since" if query.created else "modified_since"] = mapping.utc(start)
        found = self._page(self._list("orders", params, page), page, self._order, "order_id")
        if end is None:
            return found
        if query.created:
            records = [record for record in found.records if record.placed_at < end]
            return Page(records, found.next_page, found.refused)
        is_past = bool(found.records) and found.records[-1].changed_at >= end
        return Page(found.records, None if is_past else found.next_page, found.refused)

    def _list(self, call: str, params: Mapping[str, str], page: str | None) -> Reply:
        return self.client.get(call, limit=str(PAGE_SIZE), **params, **({"after": page} if page else {}))

    def _by_ids(
        self, call: str, ids: Sequence[str], page: str | None, read: Callable[[Any], T], key: str
    ) -> Page[T]:
        """The rows with these ids, some at a time; what is no id of OpenCart is not found there."""
        start = int(page or 0)
        wanted = [external_id.partition("-")[0] for external_id in ids[start : start + PAGE_SIZE]]
        rest = str(start + PAGE_SIZE) if start + PAGE_SIZE < len(ids) else None
        numbers = dict.fromkeys(number for number in wanted if number.isascii() and number.isdigit())
        if not numbers:
            return Page([], rest)
        reply = self.client.get(call, ids=",".join(numbers), limit=str(PAGE_SIZE))
        found = self._page(reply, None, read, key)
        return Page(found.records, rest, found.refused)

    def _page(self, reply: Reply, page: str | None, read: Callable[[Any], T], key: str) -> Page[T]:
        if reply.next_page is not None and reply.next_page == page:
            raise TemporaryError("The shop gave the same page twice; the pull goes on from there later.")
        records: list[T] = []
        refused: list[RefusedRow] = []
        for row in reply.data:
            try:
                records.append(read(row))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                refused.append(mapping.refused(row, key, error))
        return Page(records, reply.next_page, refused)

    def _product(self, row: Any) -> ProductRecord:
        return mapping.product(
            row,
            rule=self._sku_rule,
            currency=self._store_currency,
            base_url=self.client.base_url,
            today=datetime.fromtimestamp(self.client.clock(), self._zone).date(),
        )

    def _order(self, row: Any) -> OrderRecord:
        return mapping.order(
            row, rule=self._sku_rule, pending_as_unpaid=self._pending_as_unpaid, holding=self._holding
        )

    @cached_property
    def _sku_rule(self) -> str:
        return str(self.connection.option("sku_rule"))

    @cached_property
    def _pending_as_unpaid(self) -> bool:
        return bool(self.connection.option("pending_as_unpaid"))

    @cached_property
    def _holding(self) -> frozenset[str]:
        """The statuses in which the shop keeps stock deducted."""
        return frozenset(record.external_id for record in self._statuses if record.holds_stock)

    @cached_property
    def _statuses(self) -> Sequence[StatusRecord]:
        return self.pull_statuses()

    @cached_property
    def _store_currency(self) -> str:
        return self.connection.currency or str(self.client.get("ping").data["currency"])

    @property
    def _zone(self) -> tzinfo:
        return ZoneInfo(self.connection.time_zone) if self.connection.time_zone else UTC

    # ------------------------------------------------ stock and prices
    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        batch = Batch(self.client)
        for update in updates:
            batch.add(update.ref, lambda update=update: drafts.stock_item(update))  # type: ignore[misc]
        return batch.send()

    def push_prices(self, updates: Sequence[PriceUpdate]) -> Sequence[Outcome]:
        """Price and special of each SKU; the special of a product with options is one for all of them."""
        groups: dict[str, list[PriceUpdate]] = defaultdict(list)
        for update in updates:
            if "-" in update.external_id:
                groups[update.external_id.partition("-")[0]].append(update)
        plans = {row["product_id"]: drafts.GroupOffer(row) for row in self._rows(list(groups))}
        for product_id, members in groups.items():
            if int(product_id) in plans:
                plans[int(product_id)].plan(members, self.connection.time_zone)
        batch = Batch(self.client)
        for update in updates:
            batch.add(update.ref, lambda update=update: self._price_item(update, plans))  # type: ignore[misc]
        for plan in plans.values():
            if plan.item:
                batch.add_for(plan.refs, plan.item)
        return batch.send()

    def _price_item(self, update: PriceUpdate, plans: Mapping[int, drafts.GroupOffer]) -> dict[str, Any]:
        if update.currency != self._store_currency:
            raise Rejected(
                f"This shop keeps its prices in {self._store_currency}, not in {update.currency}.",
                field="currency",
            )
        item: dict[str, Any] = {**drafts.target(update.external_id), "price": drafts.amount(update.price)}
        if "option_value_id" not in item:
            return {**item, "special": drafts.special(update, self.connection.time_zone)}
        plan = plans.get(int(item["product_id"]))
        if plan:
            plan.check(update)
        return item

    def _rows(self, product_ids: Sequence[str]) -> list[Any]:
        if not product_ids:
            return []
        return list(self.client.get("products", ids=",".join(product_ids), limit=str(PAGE_SIZE)).data)

    # ------------------------------------------------ listings
    def create_listing(self, draft: ListingDraft) -> ListingResult:
        reply = self.client.post(
            "product_create", drafts.new_listing(draft, self._attribute_ids(draft)), repeatable=False
        )
        return drafts.listing_result(draft, reply.data, self.client.base_url)

    def find_listing(self, draft: ListingDraft) -> ListingResult | None:
        for variant in draft.variants:
            for row in self.client.get("products", sku=variant.sku, limit="1").data:
                return drafts.listing_result(draft, row, self.client.base_url)
        return None

    def update_listing(self, draft: ListingDraft) -> ListingResult:
        reply = self.client.post(
            "product_update", drafts.changed_listing(draft, self._attribute_ids(draft)), repeatable=True
        )
        return drafts.listing_result(draft, reply.data, self.client.base_url)

    def delete_listing(self, external_id: str) -> None:
        try:
            self.client.post("product_delete", drafts.target(external_id), repeatable=True)
        except Rejected as error:
            if error.code != "no_such_product":
                raise

    def _attribute_ids(self, draft: ListingDraft) -> dict[str, int]:
        """The shop's attributes by name and id, asked for only when the draft has some."""
        found: dict[str, int] = {}
        page, is_wanted = None, bool(draft.attributes)
        while is_wanted:
            reply = self.pull_attributes(PullQuery(), page)
            for record in reply.records:
                found.setdefault(record.name.casefold(), int(record.external_id))
                found[record.external_id] = int(record.external_id)
            page = reply.next_page
            is_wanted = page is not None
        return found

    # ------------------------------------------------ fulfilment
    def push_fulfilment(self, update: ShipmentUpdate) -> Outcome:
        if update.event == FulfilmentEvent.CANCELLED and not self.connection.option("push_seller_cancel"):
            raise NotSupported("Cancelling in OpenCart is off in this store's settings.")
        if update.event == FulfilmentEvent.TRACKING:
            status_id = str(self._order_row(update.order_external_id)["status"]["id"])
            expected = [status_id]  # a note under the present status, whatever it is by then
        elif update.event in fulfilment.BEFORE:
            status_id = update.native_status or self.spec.events[update.event]
            expected = fulfilment.expected_ids(update.event, self._statuses, self._states)
        else:
            raise NotSupported("OpenCart has no status for delivered orders.")
        fulfilment.check_target(update.event, status_id, self._statuses)
        notify = bool(self.connection.option("notify_customer"))
        item = drafts.history_item(update, status_id=status_id, expected=expected, notify=notify)
        [result] = self.client.post("order_history", {"items": [item]}, repeatable=False).data
        return self._fulfilment_outcome(update, result, status_id)

    def _fulfilment_outcome(self, update: ShipmentUpdate, result: Mapping[str, Any], asked: str) -> Outcome:
        if result["ok"]:
            return Outcome(
                update.ref, external_id=str(result["order_history_id"]), note=self._note(result, asked)
            )
        error = result["error"]
        if error["code"] != "status_conflict":
            return Outcome(update.ref, item_error(error))
        if "status_id" not in error:
            return Outcome(
                update.ref, TemporaryError("The order is being written in the shop at this moment.")
            )
        stands = str(error["status_id"])
        name = self._name_of(stands)
        if fulfilment.is_already_true(update.event, stands, self._states):
            return Outcome(
                update.ref, note=f"The order already stands in “{name}” in the shop; nothing was written."
            )
        text = f"The order stands in “{name}” in the shop, so it was left as it is there."
        return Outcome(update.ref, Rejected(text, code="status_conflict"))

    def _note(self, result: Mapping[str, Any], asked: str) -> str:
        """What the seller should know although the status is stored."""
        stored = str(result["status_id"])
        if stored != asked and not result.get("duplicate"):
            return (
                f"Another extension of the shop gave the order the status “{self._name_of(stored)}” instead."
            )
        return "The status is set; the shop could not send its mail." if result.get("mail_failed") else ""

    def _name_of(self, status_id: str) -> str:
        return next((record.name for record in self._statuses if record.external_id == status_id), status_id)

    def look_up(self, update: ShipmentUpdate) -> Outcome | None:
        try:
            history = self._order_row(update.order_external_id)["history"]
        except Rejected as error:
            if error.code == "no_such_order":
                return None
            raise
        ref = drafts.reference(update.ref)
        for entry in history:
            if entry["ref"] == ref:
                return Outcome(update.ref, external_id=str(entry["order_history_id"]))
        return None

    def _order_row(self, external_id: str) -> Any:
        return self.client.get("order", order_id=external_id).data

    @cached_property
    def _states(self) -> Mapping[str, RemoteState]:
        """The channel's reading of each status, and over it the store's own."""
        states = dict(self.spec.statuses)
        if self.connection.pk:
            rows = self.connection.statuses.values_list("external_id", "remote_state")
            states |= {external_id: RemoteState(state) for external_id, state in rows}
        return states
