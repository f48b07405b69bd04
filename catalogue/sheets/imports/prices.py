"""The part of a sheet that sets prices: the default price of a SKU, or its price in one store (R-PRICE-01)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from catalogue.models import ListingVariant, Variant
from catalogue.pricing import has_currency, typed_amount
from catalogue.services.bulk_edits import Prices, lock_variants, set_prices, set_store_prices
from catalogue.sheets.imports.lookup import flag_price, is_given, known, wanted
from channels.models import Connection
from oms.kit.bulk import among
from oms.kit.imports.kinds import Draft, Session

FIELDS = ("price", "selling_price")
Priced = Variant | ListingVariant


def prices_of(row: Priced) -> Prices:
    """Return the prices of a SKU, or of a SKU in one store, as they are."""
    return Prices(row.price, row.selling_price)


def text_of(prices: Prices) -> list[str | None]:
    """Return prices as JSON stores them."""
    return [None if one is None else f"{one.normalize():f}" for one in prices]


def from_text(texts: Sequence[str | None]) -> Prices:
    """Return prices from JSON."""
    price, selling = (None if one is None else Decimal(one) for one in texts)
    return Prices(price, selling)


def asked(draft: Draft, now: Prices) -> Prices | None:
    """Return the prices that a row asks for; None, and the row is rejected, when they cannot be."""
    values = draft.record.values
    price = wanted(values, "price") if is_given(values, "price") else now.price
    selling = wanted(values, "selling_price") if is_given(values, "selling_price") else now.selling_price
    if selling is not None and price is not None and selling > price:
        column = "selling_price" if is_given(values, "selling_price") else "price"
        draft.reject(
            column,
            "selling-price-above-price",
            _("The selling price %(selling)s is above the price %(price)s.")
            % {"selling": typed_amount(selling), "price": typed_amount(price)},
        )
        return None
    return Prices(price, selling)


def compare(draft: Draft, now: Prices, asked_for: Prices) -> bool:
    """Note which prices change; return whether one does."""
    for name, old, new in zip(FIELDS, now, asked_for, strict=True):
        if old != new:
            draft.change(name, old, new)
    flag_price(draft, now.price, asked_for.price)
    return now != asked_for


def stores_of(session: Session) -> dict[str, Connection]:
    """Return the stores by name; one statement for an import."""
    if "stores" not in session.memory:
        rows = Connection.objects.connected()
        session.memory["stores"] = {row.name.casefold(): row for row in rows}
    found: dict[str, Connection] = session.memory["stores"]
    return found


def listed_rows(
    pairs: Sequence[tuple[Draft, Variant]], stores: Mapping[str, Connection]
) -> dict[tuple[int, int], ListingVariant]:
    """Return the listed SKUs of the rows' stores by (store, SKU); one statement."""
    names = {str(draft.record.values.get("store") or "").strip().casefold() for draft, _variant in pairs}
    asked_for = [stores[name].pk for name in names if name in stores]
    if not asked_for:
        return {}
    rows = ListingVariant.objects.live().filter(
        connection__in=asked_for, variant__in=among([variant.pk for _draft, variant in pairs])
    )
    return {
        (row.connection_id, row.variant_id): row for row in rows.select_related("connection").order_by("-pk")
    }


class PricePart:
    """Prices of SKUs that exist. Without a store, or with a blank cell, it is the default price for all stores."""

    name = "prices"

    def check(self, drafts: Sequence[Draft], session: Session) -> None:
        pairs = known([draft for draft in drafts if not draft.is_new], session)
        stores = stores_of(session)
        listed = listed_rows(pairs, stores)
        for draft, variant in pairs:
            now: Priced = variant
            name = str(draft.record.values.get("store") or "").strip()
            if name:
                store = stores.get(name.casefold())
                if store is None:
                    draft.reject("store", "store-unknown", _("There is no store “%s”.") % name)
                    continue
                row = listed.get((store.pk, variant.pk))
                if row is None:
                    draft.reject(
                        "store",
                        "sku-not-listed",
                        _("%(sku)s is not listed in %(store)s.") % {"sku": variant.sku, "store": store.name},
                    )
                    continue
                now = row
            self._compare(draft, now, session)

    @staticmethod
    def _compare(draft: Draft, now: Priced, session: Session) -> None:
        old = prices_of(now)
        new = asked(draft, old)
        if new is None:
            return
        if isinstance(now, Variant) and new.price is None and new.selling_price is not None:
            draft.reject(
                "selling_price",
                "selling-price-alone",
                _("A selling price needs a price. Enter the price too."),
            )
            return
        currency = str(session.options.get("currency", ""))
        if isinstance(now, ListingVariant) and currency and not has_currency(now.connection, currency):
            draft.reject(
                "store",
                "currency",
                _("%(store)s has no prices in %(currency)s. Enter the price in %(own)s.")
                % {"store": now.connection.name, "currency": currency, "own": now.connection.currency},
            )
            return
        if compare(draft, old, new):
            draft.data["prices"] = {
                "listed": now.pk if isinstance(now, ListingVariant) else None,
                "old": text_of(old),
                "new": text_of(new),
            }

    def verify(self, rows: Sequence[Any], session: Session, *, undo: bool) -> Mapping[int, str]:
        planned = {row.pk: row.data["prices"] for row in rows if "prices" in row.data}
        variants, listed = self._locked(rows, session)
        refusals = {}
        for row in rows:
            if row.pk not in planned:
                continue
            one = planned[row.pk]
            now: Priced | None = (
                variants.get(row.subject_id) if one["listed"] is None else listed.get(one["listed"])
            )
            expected = from_text(one["new" if undo else "old"])
            if now is None:
                refusals[row.pk] = _("The SKU does not exist any more.")
            elif prices_of(now) != expected:
                refusals[row.pk] = _("The price was changed since: it is %s now.") % _words(prices_of(now))
        return refusals

    @staticmethod
    def _locked(
        rows: Sequence[Any], session: Session
    ) -> tuple[dict[int, Variant], dict[int, ListingVariant]]:
        variants = lock_variants(
            {row.subject_id for row in rows if row.data.get("prices", {"listed": 1})["listed"] is None}
        )
        ids = {row.data["prices"]["listed"] for row in rows if row.data.get("prices", {}).get("listed")}
        locked = ListingVariant.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=ids)
        listed = {row.pk: row for row in locked.select_related("connection").order_by("pk")} if ids else {}
        session.memory["priced"] = (variants, listed)
        return variants, listed

    def apply(self, rows: Sequence[Any], session: Session) -> None:
        self._write(rows, session, "new")

    def undo(self, rows: Sequence[Any], session: Session) -> None:
        self._write(rows, session, "old")

    @staticmethod
    def _write(rows: Sequence[Any], session: Session, which: str) -> None:
        variants, listed = session.memory["priced"]
        here: dict[int, Prices] = {}
        stores: dict[int, Prices] = {}
        for row in rows:
            if "prices" not in row.data:
                continue
            one = row.data["prices"]
            prices = from_text(one[which])
            if one["listed"] is None:
                here[row.subject_id] = prices
            else:
                stores[one["listed"]] = prices
        if here:
            set_prices(here, variants, currency=str(session.options.get("currency", "")))
        if stores:
            set_store_prices(stores, {pk: listed[pk] for pk in stores})


def _words(prices: Prices) -> str:
    return " / ".join(typed_amount(one) for one in prices if one is not None) or "–"
