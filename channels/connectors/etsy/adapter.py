"""Etsy's verbs, spoken over its Open API v3 (`etsy.md`): signing in, reading, telling that an order is shipped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone

from channels.connectors.etsy import carriers, mapping, receipts
from channels.connectors.etsy.auth import SCOPES, check_webhook
from channels.connectors.etsy.channel import SPEC
from channels.connectors.etsy.fulfilment import Fulfilment
from channels.connectors.etsy.listing_pages import BATCH, MOST_OFFSET, Place
from channels.connectors.etsy.receipts import Pass, is_inside, passes
from channels.connectors.etsy.statuses import STATUSES
from channels.contract import values
from channels.contract.errors import Rejected
from channels.contract.records.account import AccountRecord, WebhookRecord
from channels.contract.records.orders import CarrierRecord, OrderRecord, StatusRecord
from channels.contract.records.pages import Page, PullQuery, RefusedRow
from channels.contract.records.products import AttributeRecord, CategoryRecord, ProductRecord
from channels.contract.spec import Stream

#: Countries whose shops get no addresses and may send no tracking with an ordinary key (`etsy.md` §7).
RESTRICTED = frozenset({"US", "CA", "FR", "DE", "TR"})
EVENTS = {
    "order.paid": Stream.ORDERS_NEW,
    "order.canceled": Stream.ORDERS_CHANGED,
    "order.shipped": Stream.ORDERS_CHANGED,
    "order.delivered": Stream.ORDERS_CHANGED,
}


class EtsyAdapter(Fulfilment):
    """One shop of Etsy: receipts are orders, listings are products, `shop_id` is the account."""

    spec = SPEC

    # ------------------------------------------------ connecting
    def verify(self) -> AccountRecord:
        """Whose shop the sign-in opens; a permission that the seller did not give is named."""
        me = self.client.get("/users/me")
        shop_id = me.get("shop_id")
        if not shop_id:
            raise Rejected("This Etsy account has no shop: sign in as the owner of the shop.")
        shop = self.client.get(f"/shops/{shop_id}")
        granted = self.client.form("POST", "/scopes", {"token": self.client.token()}, repeatable=True)
        missing = [scope for scope in SCOPES if scope not in granted.get("scopes", ())]
        if missing:
            raise Rejected(
                f"The sign-in lacks these permissions: {', '.join(missing)}. Sign in again and allow all of them.",
                code="scope",
            )
        country = str(shop.get("shop_location_country_iso") or "")
        return AccountRecord(
            identity=str(shop_id),
            name=values.text(shop["shop_name"]),
            url=shop["url"],
            currency=shop["currency_code"],
            time_zone="UTC",
            country=country,
            language=next(iter(shop.get("languages") or ()), ""),
            version="3",
            currencies=(shop["currency_code"],),
            product_count=shop.get("listing_active_count"),
            warnings=tuple(_warnings(shop, country)),
            extra={"shop_id": int(shop_id), "user_id": me["user_id"], "country": country},
        )

    def renewed(self) -> Mapping[str, Any]:
        return self.client.renewed()

    def register_webhooks(self, url: str, secret: str) -> None:
        """Etsy has no call for it: they are set up once for the application, in the developer portal."""
        if not settings.OMS_APPS.get("etsy", {}).get("webhook_secret"):
            raise Rejected(
                "Set up webhooks once in Etsy's developer portal, with the address /apps/etsy/webhook/ of this "
                "installation, and put their secret into ETSY_WEBHOOK_SECRET."
            )

    def read_webhook(self, headers: Mapping[str, str], body: bytes, secret: str) -> Sequence[WebhookRecord]:
        """Signed, fresh, and about this shop; the ids are taken out of `resource_url`, which is never called."""
        event_id = check_webhook(headers, body, secret)
        try:
            event = json.loads(body)
            topic = str(event["event_type"]).lower().replace("_", ".")
            receipt_id = str(event["resource_url"]).rstrip("/").rpartition("/")[2].partition("?")[0]
            shop_id = str(event["shop_id"])
        except (ValueError, KeyError, TypeError) as error:
            raise Rejected("The call is signed but cannot be read.", detail=str(error)) from None
        if self.connection.fingerprint and shop_id != self.connection.fingerprint:
            raise Rejected("The call is about another shop.", code="other_shop")
        if topic not in EVENTS or not receipt_id.isdigit():
            return []
        return [WebhookRecord(event_id, topic, EVENTS[topic], receipt_id)]

    # ------------------------------------------------ small lists
    def pull_statuses(self) -> Sequence[StatusRecord]:
        return [StatusRecord(status_id, status_id.capitalize()) for status_id in STATUSES]

    def pull_categories(self, query: PullQuery, page: str | None = None) -> Page[CategoryRecord]:
        return Page(list(mapping.categories(self.client.get("/seller-taxonomy/nodes")["results"])))

    def pull_attributes(self, query: PullQuery, page: str | None = None) -> Page[AttributeRecord]:
        """Properties of the categories asked for, else of those in use by active listings; one call for each category.

        The first page also has the fields of a listing that are no property of any category, such as its tags.
        """
        if query.ids:
            wanted = [int(external_id) for external_id in query.ids if external_id.isdigit()]
            return Page([record for taxonomy_id in wanted for record in self._properties(taxonomy_id)])
        offset, seen = json.loads(page) if page else (0, [])
        rows = self.client.get(f"/shops/{self.shop_id}/listings", state="active", limit=BATCH, offset=offset)[
            "results"
        ]
        fresh = list(dict.fromkeys(row["taxonomy_id"] for row in rows if row["taxonomy_id"]))
        fresh = [taxonomy_id for taxonomy_id in fresh if taxonomy_id not in seen]
        records = list(mapping.fields(self.pull_choices())) if rows and not page else []
        records += [record for taxonomy_id in fresh for record in self._properties(taxonomy_id)]
        is_last = len(rows) < BATCH or offset + BATCH > MOST_OFFSET
        return Page(records, None if is_last else json.dumps([offset + BATCH, [*seen, *fresh]]))

    def _properties(self, taxonomy_id: int) -> Sequence[AttributeRecord]:
        rows = self.client.get(f"/seller-taxonomy/nodes/{taxonomy_id}/properties")["results"]
        return [mapping.attribute(row, taxonomy_id) for row in rows]

    def pull_carriers(self) -> Sequence[CarrierRecord]:
        country = self.connection.account.get("country") or "GB"
        rows = self.client.get("/shipping-carriers", origin_country_iso=country)["results"]
        records = [carriers.record(values.text(row["name"])) for row in rows]
        return list({record.external_id: record for record in records}.values())

    # ------------------------------------------------ products
    def pull_products(self, query: PullQuery, page: str | None = None) -> Page[ProductRecord]:
        """Listings of all five states, one state after the other, each with its pictures and its inventory.

        What cannot be asked for is refused with its number, never passed over in silence (`channels.connectors.etsy.listing_pages`).
        """
        if query.ids:
            return self._products_by_id(query.ids, page)
        place: Place | None = Place.read(page)
        settled: list[str] = []
        while place is not None:
            answer = self.client.get(f"/shops/{self.shop_id}/listings", **place.params(), includes="Images")
            rows, total = answer["results"], int(answer["count"])
            if (again := place.back(rows)) is not None:
                place = again
                continue
            after = place.after(rows, total)
            is_end = after is None or after.state != place.state
            unread = place.unread(rows, total) if is_end else None
            settled += [f"state:{place.name}"] if is_end and unread is None else []
            fresh = place.fresh(rows, total)
            if fresh or unread or after is None:
                found = self._with_inventory(fresh)
                refused = [*found.refused, *([unread] if unread else ())]
                return Page(found.records, after.write() if after else None, refused, settled=settled)
            place = after
        return Page([], None)

    def _products_by_id(self, ids: Sequence[str], page: str | None) -> Page[ProductRecord]:
        start = int(page or 0)
        wanted = list(dict.fromkeys(external_id.partition("-")[0] for external_id in ids))
        part = [external_id for external_id in wanted[start : start + BATCH] if external_id.isdigit()]
        rest = str(start + BATCH) if start + BATCH < len(wanted) else None
        found = self._with_inventory(self._batch("/listings/batch", part, includes="Images"))
        return Page(found.records, rest, found.refused)

    def _batch(self, path: str, ids: Sequence[str], **params: object) -> list[Any]:
        """Up to 100 listings; one id that Etsy does not know fails them all, so the rest is found by halves."""
        if not ids:
            return []
        try:
            return list(self.client.get(path, listing_ids=list(ids), **params)["results"])
        except Rejected as error:
            if error.code != "not_found":
                raise
            if len(ids) == 1:
                return []
        middle = len(ids) // 2
        return self._batch(path, ids[:middle], **params) + self._batch(path, ids[middle:], **params)

    def _with_inventory(self, rows: Sequence[Any]) -> Page[ProductRecord]:
        ids = [str(row["listing_id"]) for row in rows]
        inventories = {
            row["listing_id"]: row.get("inventory") for row in self._batch("/listings/batch/inventory", ids)
        }
        ours = self.marked(ids)
        records: list[ProductRecord] = []
        refused: list[RefusedRow] = []
        for row in rows:
            whole = {**row, "inventory": inventories.get(row["listing_id"])}
            try:
                records.append(mapping.product(whole, ours_at_zero=str(row["listing_id"]) in ours))  # type: ignore[arg-type]
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                refused.append(mapping.refused(whole, "listing_id", error))
        return Page(records, None, refused)

    # ------------------------------------------------ orders
    def pull_orders(self, query: PullQuery, page: str | None = None) -> Page[OrderRecord]:
        """Receipts by the queue of the stream that asks (`channels.connectors.etsy.receipts`)."""
        if query.ids:
            return self._orders_by_id(query.ids, page)
        days = int(self.connection.option("cancel_days") or 5)
        walks = passes(query, now=timezone.now(), cancel_days=days)
        place: receipts.Place | None = receipts.Place.read(page)
        while place is not None:
            walk = walks[place.walk]
            rows = self.client.get(f"/shops/{self.shop_id}/receipts", **place.params(walk))["results"]
            place = place.after(rows, walk, len(walks))
            if rows:
                found = self._records(rows, walk, query)
                return Page(found.records, place.write() if place else None, found.refused)
        return Page([], None)

    def _records(self, rows: Sequence[Any], walk: Pass, query: PullQuery) -> Page[OrderRecord]:
        records: list[OrderRecord] = []
        refused: list[RefusedRow] = []
        is_queue = query.stream in (Stream.ORDERS_NEW, Stream.ORDERS_CANCELLED) and not query.created
        for row in rows:
            try:
                record = mapping.order(row, is_delivered=walk.is_delivered)
                wanted = is_queue or not query.statuses or record.status_id in query.statuses
                if wanted and (is_queue or is_inside(row, query)):
                    records.append(record)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                refused.append(mapping.refused(row, "receipt_id", error))
        return Page(records, None, refused)

    def _orders_by_id(self, ids: Sequence[str], page: str | None) -> Page[OrderRecord]:
        start = int(page or 0)
        records: list[OrderRecord] = []
        refused: list[RefusedRow] = []
        for receipt_id in ids[start : start + 20]:
            if not receipt_id.isdigit():
                continue
            try:
                row = self.receipt(receipt_id)
                records.append(mapping.order(row, is_delivered=self._is_delivered(row)))
            except Rejected as error:
                if error.code != "not_found":
                    raise
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                refused.append(mapping.refused({"receipt_id": receipt_id}, "receipt_id", error))
        return Page(records, str(start + 20) if start + 20 < len(ids) else None, refused)

    def _is_delivered(self, row: Mapping[str, Any]) -> bool:
        """A receipt does not say it, so the list's filter is asked for the second in which it was made."""
        if not row["is_shipped"]:
            return False
        second = row["created_timestamp"]
        answer = self.client.get(
            f"/shops/{self.shop_id}/receipts",
            was_delivered=True,
            min_created=second,
            max_created=second,
            limit=BATCH,
        )
        return any(other["receipt_id"] == row["receipt_id"] for other in answer["results"])


def _warnings(shop: Mapping[str, Any], country: str) -> Sequence[str]:
    found = []
    if shop.get("is_vacation"):
        found.append("The shop is on vacation at Etsy: nothing can be bought there.")
    if country in RESTRICTED:
        found.append(
            f"Etsy may keep addresses and refuse tracking numbers for shops in {country}: such orders wait for an "
            "address typed by hand, and their numbers are entered at Etsy."
        )
    return found
