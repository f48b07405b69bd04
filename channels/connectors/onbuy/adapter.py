"""The verbs of OnBuy. What the wire says is `client.py`, what a document means `mapping.py`, new listings `products.py`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any

from django.utils import timezone

from channels.connectors.onbuy import drafts, fulfilment, mapping
from channels.connectors.onbuy.answers import answers_of, error_of
from channels.connectors.onbuy.channel import BATCH, OVERLAP, SPEC
from channels.connectors.onbuy.client import SITE
from channels.connectors.onbuy.lists import OnBuyLists
from channels.connectors.onbuy.products import UPDATE, Maker
from channels.connectors.onbuy.scans import Cut, Place
from channels.connectors.onbuy.statuses import ALL, filter_of
from channels.contract.errors import ChannelError, Rejected
from channels.contract.records.account import AccountRecord
from channels.contract.records.orders import OrderRecord
from channels.contract.records.pages import Page, PullQuery
from channels.contract.records.products import ProductRecord
from channels.contract.records.updates import (
    ListingDraft,
    ListingJob,
    ListingResult,
    Outcome,
    PriceUpdate,
    ShipmentUpdate,
    StockUpdate,
)

IDS = 40  # orders that are asked for by number in one call


class OnBuyAdapter(OnBuyLists):
    """One OnBuy account."""

    spec = SPEC

    @cached_property
    def maker(self) -> Maker:
        terms: dict[str, Any] = {}
        if template := str(self.connection.option("delivery_template") or "").strip():
            terms["delivery_template_id"] = int(template)
        if days := int(self.connection.option("handling_time") or 0):
            terms["handling_time"] = days
        return Maker(self.client, terms=terms)

    @property
    def _zone(self) -> tzinfo:
        return mapping.UK if self.connection.option("uk_times") else UTC

    # ------------------------------------------------ connecting
    def verify(self) -> AccountRecord:
        """Sign in, read one listing, and ask whose account it is: OnBuy's keys alone do not say (R-CONN-07)."""
        listings = self.client.rows("/listings", site_id=SITE, limit=1)
        try:
            entities = list(self.client.rows("/sellers/entities").rows)
        except Rejected:
            entities = []
        seller_id = str(self.connection.credentials.get("seller_id") or "").strip()
        seller = self._seller(seller_id) if seller_id else {}
        names = [mapping.text(row.get("trading_name")) for row in entities]
        marks = sorted(
            f"{mapping.text(row.get('entity_id'))} {name.casefold()}".strip()
            for row, name in zip(entities, names, strict=True)
        )
        key = str(self.connection.credentials.get("consumer_key", ""))
        identity = (
            f"entity:{'+'.join(marks)}"
            if any(marks)
            else f"seller:{seller_id}"
            if seller_id
            else f"key:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
        )
        return AccountRecord(
            identity=f"{SITE}:{identity}"[:200],
            name=next((name for name in names if name), "") or mapping.text(seller.get("name")) or "OnBuy",
            url="https://www.onbuy.com/gb/",
            currency=mapping.CURRENCY,
            time_zone="Europe/London",
            country="GB",
            language="en",
            version="v2",
            currencies=(mapping.CURRENCY,),
            product_count=listings.total,
        )

    def _seller(self, seller_id: str) -> Mapping[str, Any]:
        if not (seller_id.isascii() and seller_id.isdigit()):
            raise Rejected("The seller number is made of digits.", field="seller_id")
        try:
            found = self.client.get(f"/sellers/{seller_id}").get("results")
        except Rejected as error:
            raise Rejected("OnBuy does not know this seller number.", field="seller_id") from error
        return found if isinstance(found, dict) else {}

    # ------------------------------------------------ products
    def pull_products(self, query: PullQuery, page: str | None = None) -> Page[ProductRecord]:
        """All listings of the seller (OnBuy cannot say which have changed), or those with these ids."""
        if query.ids:
            return self._products_by_id(query.ids, page)
        return self._sweep(page)

    def _sweep(self, page: str | None, only: frozenset[str] | None = None) -> Page[ProductRecord]:
        found = self._cut("/listings", {"sort[last_created]": "asc"}, page, mapping.external_id)
        records, bad = mapping.products(found.rows, self._now)
        if only is not None:
            records, bad = [record for record in records if record.external_id in only], []
        return Page(records, str(found.after) if found.after else None, tuple(bad), found.total)

    def _products_by_id(self, ids: Sequence[str], page: str | None) -> Page[ProductRecord]:
        """SKUs one by one; a group has no filter of its own, so its SKUs are looked for among all."""
        skus = [each for each in ids if not each.startswith((mapping.GROUP, mapping.NO_SKU))]
        rest = frozenset(ids) - frozenset(skus)
        if page is None or page.startswith("sku:"):
            start = int((page or "sku:0").partition(":")[2])
            part = skus[start : start + 10]
            rows = [row for row in (self.maker.look.listing(sku) for sku in part) if row]
            records, bad = mapping.products(rows, self._now)
            end = start + len(part)
            after = f"sku:{end}" if end < len(skus) else "all:0" if rest else None
            return Page(records, after, tuple(bad))
        found = self._sweep(page.partition(":")[2], rest)
        return Page(found.records, f"all:{found.next_page}" if found.next_page else None)

    # ------------------------------------------------ orders
    def pull_orders(self, query: PullQuery, page: str | None = None) -> Page[OrderRecord]:
        """Orders by the time of their last change; OnBuy has no filter for the day they were made."""
        if query.ids:
            return self._orders_by_id(query, page)
        slugs = list(dict.fromkeys(filter_of(each) for each in query.statuses))
        slugs = [ALL] if not slugs or ALL in slugs else slugs
        begin = query.window.start
        since = mapping.moment(begin - timedelta(seconds=OVERLAP if query.created else 0)) if begin else ""
        first, since, token = (page or f"0~{since}~0").split("~", 2)
        params = {"filter[status]": slugs[int(first)], "sort[modified]": "asc"}
        if since:
            params["filter[modified_since]"] = since
        place = Place.parse(token)
        found = self._cut("/orders", params, token, _order_key)
        # One of those before was changed: on from the last one's time, which OnBuy's filter may leave out.
        stamp = place.anchor.partition("@")[2]
        if found.is_moved and stamp and (later := mapping.second_before(stamp)) > since:
            return Page([], f"{first}~{later}~0")
        read = self._page(found, self._order, "order_id")
        is_past = not query.created and _is_past(read.records, query.window.end)
        after = f"{first}~{since}~{found.after}" if found.after and not is_past else None
        if after is None and int(first) + 1 < len(slugs):
            start = (
                mapping.moment(begin - timedelta(seconds=OVERLAP if query.created else 0)) if begin else ""
            )
            after = f"{int(first) + 1}~{start}~0"
        return Page(
            [each for each in read.records if _is_wanted(each, query)], after, read.refused, found.total
        )

    def _orders_by_id(self, query: PullQuery, page: str | None) -> Page[OrderRecord]:
        start = int(page or 0)
        part = [each for each in query.ids[start : start + IDS] if each and "," not in each]
        rest = str(start + IDS) if start + IDS < len(query.ids) else None
        if not part:
            return Page([], rest)
        params = {"filter[status]": ALL, "filter[order_ids]": ",".join(part)}
        rows = [
            row for row in self.client.rows("/orders", site_id=SITE, **params).rows if row["order_id"] in part
        ]
        read = self._page(Cut(rows, None, None), self._order, "order_id")
        return Page(read.records, rest, read.refused)

    def _order(self, row: Any) -> OrderRecord:
        return mapping.order(row, self._zone)

    # ------------------------------------------------ stock, prices, listings
    def push_stock(self, updates: Sequence[StockUpdate]) -> Sequence[Outcome]:
        """Stock, with the price that waits or goes along. A price that OnBuy refuses does not hold back the stock."""
        now = self._now
        try:
            answers = self._by_sku(updates, lambda row: drafts.stock_item(row, now))
        except Rejected as error:
            if len(updates) > 1 or updates[0].price is None:
                raise
            answers = [Outcome(updates[0].ref, error)]
        outcomes = {each.ref: each for each in answers}
        alone: list[StockUpdate] = []
        for update in updates:
            if update.price is None:
                continue
            why = outcomes[update.ref].error
            if why is None:
                outcomes[update.ref] = replace(outcomes[update.ref], is_price_told=True)
            elif isinstance(why, Rejected) and why.code not in ("no_such_sku", "suspended"):
                alone.append(replace(update, price=None))
        for outcome in self._by_sku(alone, lambda row: drafts.stock_item(row, now)) if alone else ():
            note = f"Without its price: {outcomes[outcome.ref].error}"
            outcomes[outcome.ref] = replace(outcome, note="" if outcome.error else note)
        return [outcomes[update.ref] for update in updates]

    def push_prices(self, updates: Sequence[PriceUpdate]) -> Sequence[Outcome]:
        now = self._now
        return self._by_sku(updates, lambda update: drafts.price_item(update, now))

    def _by_sku(self, updates: Sequence[Any], make: Callable[[Any], dict[str, Any]]) -> Sequence[Outcome]:
        """One PUT for up to 1,000 SKUs. HTTP 200 says nothing: each SKU has an answer of its own."""
        errors: dict[str, Exception | None] = {}
        items: list[tuple[str, dict[str, Any]]] = []
        for update in updates:
            try:
                items.append((update.ref, make(update)))
            except Rejected as error:
                errors[update.ref] = error
        for start in range(0, len(items), BATCH):
            part = items[start : start + BATCH]
            body = {"listings": [item for _ref, item in part]}
            answers = answers_of(
                self.client.put("/listings/by-sku", body), [item["sku"] for _ref, item in part]
            )
            errors |= {ref: error_of(item["sku"], answers.get(item["sku"])) for ref, item in part}
        return [Outcome(update.ref, errors.get(update.ref)) for update in updates]

    def make_listings(self, jobs: Sequence[ListingJob]) -> Sequence[ListingResult | ChannelError]:
        return self.maker.make(jobs)

    def change_listings(self, jobs: Sequence[ListingJob]) -> Sequence[ListingResult | ChannelError]:
        return self.maker.change(jobs)

    def create_listing(self, draft: ListingDraft) -> ListingResult:
        return _only(self.maker.make([ListingJob(draft)]))

    def find_listing(self, draft: ListingDraft) -> ListingResult | None:
        return self.maker.find(draft)

    def listing_progress(self, draft: ListingDraft, step: str) -> ListingResult:
        go_on = self.maker.change if step.startswith(UPDATE) else self.maker.make
        return _only(go_on([ListingJob(draft, step)]))

    def update_listing(self, draft: ListingDraft) -> ListingResult:
        return _only(self.maker.change([ListingJob(draft)]))

    # ------------------------------------------------ fulfilment
    def push_fulfilment(self, update: ShipmentUpdate) -> Outcome:
        return fulfilment.tell(self.client, update, at_manifest=bool(self.connection.option("push_shipped")))

    def look_up(self, update: ShipmentUpdate) -> Outcome | None:
        return fulfilment.look_up(self.client, update)

    # ------------------------------------------------ steps
    @property
    def _now(self) -> datetime:
        """The present, told by the clock that OnBuy's times are read by."""
        return timezone.now().astimezone(self._zone)


def _only(answers: Sequence[ListingResult | ChannelError]) -> ListingResult:
    [answer] = answers
    if isinstance(answer, ChannelError):
        raise answer
    return answer


def _order_key(row: Any) -> str:
    return f"{mapping.text(row['order_id'])}@{mapping.text(row.get('updated_at'))}"


def _is_past(records: Sequence[OrderRecord], end: datetime | None) -> bool:
    return bool(end and records) and records[-1].changed_at >= end + timedelta(seconds=OVERLAP)  # type: ignore[operator]


def _is_wanted(record: OrderRecord, query: PullQuery) -> bool:
    if query.statuses and record.status_id not in query.statuses:
        return False
    begin, end = query.window.start, query.window.end
    if not query.created:
        return True  # when it was changed OnBuy has looked at, and knows better where it does not tell
    return (begin is None or record.placed_at >= begin) and (end is None or record.placed_at < end)
