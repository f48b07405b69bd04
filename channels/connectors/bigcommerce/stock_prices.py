"""Sending stock and prices: absolute adjustments, products in tens, variants in fifties (`bigcommerce.md` §6, §7)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

from django.core.cache import cache
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels.connectors.bigcommerce import listing_bodies
from channels.connectors.bigcommerce.channel import STOCK_BATCH
from channels.connectors.bigcommerce.client import ID_ALONE, LIMIT, BigCommerceClient
from channels.contract.batches import ItemBatch
from channels.contract.errors import ChannelError, Rejected, TemporaryError
from channels.contract.records.updates import Outcome, PriceUpdate, StockUpdate
from oms.kit.numbers import is_whole_number, whole_number

PRODUCTS, VARIANTS = 10, 50  # rows of one batch call
REASON = "Manifold OMS"
FACTS_CACHED = 3600  # seconds
#: How a refusal names a line; other numbers in its words (a status, a location) name none, nor does a cut-off one.
_NAMED = re.compile(r"\b(variant_id|product_id)\W{1,3}(\d+)(?=[\s,\]])")
UNTRACKED = gettext_lazy(
    "BigCommerce does not track the stock of this product: switch tracking on in BigCommerce, or in the store's settings."
)
BY_PRODUCT = gettext_lazy(
    "BigCommerce tracks one stock figure for all options of this product: set its tracking to “by options” in "
    "BigCommerce, or allow it in the store's settings."
)
CLOSED = gettext_lazy(
    "The location that this store's stock goes to is switched off in BigCommerce, or was deleted: switch it on in BigCommerce, "
    "or choose another one in the store's settings."
)
DELETED = gettext_lazy("BigCommerce no longer has this product.")
WRONG_CURRENCY = gettext_lazy("The store's prices are in %(store)s, not in %(given)s.")


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides how a product is changed: its base variant (None for a group) and how its stock is tracked."""

    base_variant_id: int | None
    tracking: str

    @property
    def wanted_tracking(self) -> str:
        return "variant" if self.base_variant_id is None else "product"

    @property
    def is_right(self) -> bool:
        return self.tracking == "variant" or (self.tracking == "product" and self.base_variant_id is not None)


@dataclass(slots=True)
class Line:
    """One line of an adjustment and the updates that it covers, with their units by the location that they name."""

    body: dict[str, int]
    updates: list[StockUpdate] = field(default_factory=list)
    parts: dict[str, int] = field(default_factory=dict)


class StockAndPrices:
    """Sends stock and prices of one store. The facts of products are cached for an hour."""

    def __init__(self, client: BigCommerceClient) -> None:
        self.client = client

    # ------------------------------------------------ facts
    def facts(self, product_ids: Iterable[str]) -> dict[str, Facts]:
        """Return the facts of these products, from the cache or asked for; deleted products are left out."""
        wanted = list(dict.fromkeys(pid for pid in product_ids if is_whole_number(pid)))
        found: dict[str, Facts] = {}
        cached = cache.get_many([self._key(pid) for pid in wanted])
        for pid in wanted:
            if (row := cached.get(self._key(pid))) is not None:
                found[pid] = Facts(*row)
        rest = [pid for pid in wanted if pid not in found]
        for start in range(0, len(rest), LIMIT):
            part = rest[start : start + LIMIT]
            params = {"id:in": ",".join(part), "include": "variants", "include_fields": "inventory_tracking"}
            for row in self.client.v3_all("/v3/catalog/products", params):
                plain = [v["id"] for v in row.get("variants") or () if not v.get("option_values")]
                fact = Facts(plain[0] if plain else None, str(row.get("inventory_tracking") or "none"))
                found[str(row["id"])] = fact
                if fact.is_right:
                    self._remember(str(row["id"]), fact)
        return found

    def _key(self, pid: str) -> str:
        return f"bigcommerce:{self.client.store_hash}:{pid}"

    def _remember(self, pid: str, fact: Facts) -> None:
        cache.set(self._key(pid), (fact.base_variant_id, fact.tracking), FACTS_CACHED)

    def forget(self, pids: Iterable[str]) -> None:
        """Drop these products from the cache."""
        cache.delete_many([self._key(pid) for pid in pids])

    # ------------------------------------------------ stock
    def push_stock(
        self, updates: Sequence[StockUpdate], *, default_location: int, may_switch_on: bool
    ) -> list[Outcome]:
        """Send absolute figures, one request at a time: two at once would arrive in any order.

        A refused product whose tracking has changed since it was read is sent once more as it is tracked now.
        `may_switch_on`: tracking is switched on where it is off. Returns one outcome per update, in their order.
        """
        errors: dict[str, Exception] = {}
        facts = self._tracked(updates, may_switch_on)
        refused = self._send(updates, facts, default_location, errors)
        if refused:
            now = self._tracked(refused, may_switch_on)
            again = [
                update
                for update in refused
                if now.get(update.listing_external_id) != facts.get(update.listing_external_id)
            ]
            for update in again:
                del errors[update.ref]
            self._send(again, now, default_location, errors)
        return [Outcome(update.ref, errors.get(update.ref)) for update in updates]

    def _tracked(self, updates: Sequence[StockUpdate], may_switch_on: bool) -> dict[str, Facts]:
        facts = self.facts(update.listing_external_id for update in updates)
        if may_switch_on:
            facts |= self._switch_on({pid: fact for pid, fact in facts.items() if not fact.is_right})
        return facts

    def _send(
        self,
        updates: Sequence[StockUpdate],
        facts: Mapping[str, Facts],
        default_location: int,
        errors: dict[str, Exception],
    ) -> list[StockUpdate]:
        """Send these figures and return those that BigCommerce refused. Each error goes into `errors`, by ref.

        Two warehouses may feed one location, one of them because it is the default: their units are added up.
        """
        lines: dict[tuple[int, str], Line] = {}
        for update in updates:
            try:
                body = self._line(update, facts, default_location)
            except Rejected as error:
                errors[update.ref] = error
                continue
            line = lines.setdefault((body["location_id"], update.external_id), Line(body))
            line.updates.append(update)
            line.parts[update.remote_location] = update.quantity
            line.body["quantity"] = sum(line.parts.values())
        found = sorted(lines.values(), key=lambda line: line.body["location_id"])
        for start in range(0, len(found), STOCK_BATCH):
            self._adjust(found[start : start + STOCK_BATCH], errors)
        return [one for line in found for one in line.updates if one.ref in errors]

    def _line(self, update: StockUpdate, facts: Mapping[str, Facts], default_location: int) -> dict[str, int]:
        if update.quantity < 0:
            raise Rejected(_("Stock is a whole number, 0 or more."), field="quantity")
        fact = facts.get(update.listing_external_id)
        if fact is None:
            raise Rejected(str(DELETED), code="404")
        if not fact.is_right:
            raise Rejected(str(BY_PRODUCT if fact.tracking == "product" else UNTRACKED), code="tracking")
        location = update.remote_location.strip()
        line = {
            "location_id": default_location if (number := whole_number(location)) is None else number,
            "quantity": update.quantity,
        }
        if fact.tracking == "product":
            return {**line, "product_id": int(update.listing_external_id)}
        return {**line, "variant_id": int(update.external_id)}

    def _adjust(self, lines: Sequence[Line], errors: dict[str, Exception]) -> None:
        """Send lines. Those that a refusal names get the error, the rest is sent again; in halves if none is named."""
        if not lines:
            return
        try:
            body = {"reason": REASON, "items": [line.body for line in lines]}
            self.client.put("/v3/inventory/adjustments/absolute", body)
            return
        except Rejected as error:
            self.forget(update.listing_external_id for line in lines for update in line.updates)
            named = {(kind, int(number)) for kind, number in _NAMED.findall(error.message)}
            bad, words = [line for line in lines if named & line.body.items()], error
            if not bad:
                bad = [line for line in lines if line.body["location_id"] not in self._open]
                words = Rejected(str(CLOSED), detail=error.detail, code="location") if bad else error
            if not bad and len(lines) == 1:
                bad = list(lines)
            for line in bad:
                errors |= {update.ref: words for update in line.updates}
        if bad:
            self._adjust([line for line in lines if line.updates[0].ref not in errors], errors)
        else:
            half = len(lines) // 2
            self._adjust(lines[:half], errors)
            self._adjust(lines[half:], errors)

    @cached_property
    def _open(self) -> set[int]:
        """Ids of the locations that take stock, asked for when a figure is refused."""
        rows = self.client.v3_all("/v3/inventory/locations")
        return {int(row["id"]) for row in rows if row.get("enabled", True)}

    def _switch_on(self, facts: Mapping[str, Facts]) -> dict[str, Facts]:
        """Switch on the tracking that these products need; return those for which it worked."""
        batch = ItemBatch(partial(self._put_rows, "/v3/catalog/products"), PRODUCTS, halve=True)
        for pid, fact in facts.items():
            row = {"id": int(pid), "inventory_tracking": fact.wanted_tracking}
            batch.add(pid, partial(dict, row))
        done = {
            outcome.ref: Facts(facts[outcome.ref].base_variant_id, facts[outcome.ref].wanted_tracking)
            for outcome in batch.send()
            if outcome.ok
        }
        for pid, fact in done.items():
            self._remember(pid, fact)
        return done

    # ------------------------------------------------ prices
    def push_prices(self, updates: Sequence[PriceUpdate], *, currency: str, places: int) -> list[Outcome]:
        """Send price and sale price, rounded to `places` decimals. Returns one outcome per update, in their order."""
        facts = self.facts(update.listing_external_id for update in updates)
        groups = {pid for pid, fact in facts.items() if fact.base_variant_id is None}
        on_sale = self._on_sale({u.listing_external_id for u in updates if u.selling_price is None} & groups)
        products = ItemBatch(partial(self._put_rows, "/v3/catalog/products"), PRODUCTS, halve=True)
        variants = ItemBatch(partial(self._put_rows, "/v3/catalog/variants"), VARIANTS, halve=True)

        def item(update: PriceUpdate, fact: Facts | None, *, is_variant: bool) -> dict[str, Any]:
            if update.currency != currency:
                raise Rejected(
                    WRONG_CURRENCY % {"store": currency, "given": update.currency}, field="currency"
                )
            if fact is None:
                raise Rejected(str(DELETED), code="404")
            is_on_sale = update.listing_external_id in on_sale
            body = listing_bodies.price_body(
                update, is_variant=is_variant, places=places, is_on_sale=is_on_sale
            )
            return {"id": int(update.external_id if is_variant else update.listing_external_id), **body}

        for update in updates:
            fact = facts.get(update.listing_external_id)
            is_variant = fact is None or str(fact.base_variant_id) != update.external_id
            batch = variants if is_variant else products
            batch.add(update.ref, partial(item, update, fact, is_variant=is_variant))
        outcomes = {outcome.ref: outcome for outcome in (*products.send(), *variants.send())}
        return [outcomes[update.ref] for update in updates]

    def _on_sale(self, product_ids: Iterable[str]) -> set[str]:
        """Return those of these products that have a sale price of their own, asked now: sellers set it at any time."""
        ids = sorted(product_ids, key=int)
        found = set()
        for start in range(0, len(ids), LIMIT):
            params = {"id:in": ",".join(ids[start : start + LIMIT]), "include_fields": "sale_price"}
            rows = self.client.v3_all("/v3/catalog/products", params)
            found |= {str(row["id"]) for row in rows if Decimal(str(row.get("sale_price") or 0))}
        return found

    def _put_rows(self, path: str, rows: Sequence[Mapping[str, Any]]) -> list[Exception | None]:
        """Send these rows in one call; return an error or None for each."""
        params = ID_ALONE if path.endswith("/products") else None
        failed = self._read_batch(rows, self.client.put(path, list(rows), params))
        return [failed.get(row["id"]) for row in rows]

    @staticmethod
    def _read_batch(part: Sequence[Mapping[str, Any]], answer: Any) -> dict[int, Exception]:
        """Return the errors by id of the rows that an accepted or half-accepted (207) answer left out."""
        document = answer if isinstance(answer, dict) else {}
        saved = {int(row["id"]) for row in document.get("data") or () if isinstance(row, dict)}
        errors = document.get("errors")
        if not errors:
            if saved:
                return {}
            return {int(row["id"]): TemporaryError(_("BigCommerce gave no answer.")) for row in part}
        fields = errors.get("errors") if isinstance(errors, dict) else {}
        words = "; ".join(str(word) for word in (fields or {}).values()) if isinstance(fields, dict) else ""
        title = str(errors.get("title") or "") if isinstance(errors, dict) else ""
        reason = (words or title).rstrip(".")
        error: ChannelError = Rejected(_("BigCommerce refused: %(reason)s.") % {"reason": reason}, code="207")
        return {int(row["id"]): error for row in part if int(row["id"]) not in saved}
