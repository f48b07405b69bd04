"""The sheet of orders: each order of the file is entered in a store without an API, as the page “New order” does (R-OFF-01).

An order is entered whole or not at all. The same file again changes nothing, because the number of an order is its
reference in the store. Undo cancels the orders that may still be cancelled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels.models import Connection
from oms.kit.imports import kinds
from oms.kit.imports.kinds import Draft, RowsRefused, Session
from oms.kit.sheets.fields import SheetField
from orders.errors import OrderError
from orders.models import Carrier, Order, OrderLine
from orders.services import manual_orders, moves
from orders.services.manual_orders import Prepared
from orders.sheets import orders as sheet
from orders.sheets.imports.entered import document_of, order_of

STORE = SheetField(
    "store",
    gettext_lazy("Store"),
    max_length=200,
    synonyms=("shop", "store name", "boutique", "magasin"),
    help=gettext_lazy("The store that gets the order. Blank: the only one, or the one chosen for the file."),
)
ORDERS = replace(sheet.ORDERS, fields=(*sheet.FIELDS, STORE))
#: The error of a field of an order → the column at fault.
COLUMNS = {
    "customer_name": "name",
    "customer_email": "email",
    "customer_phone": "phone",
    "line1": "address",
    "tax_rate": "tax",
    "lines": "sku",
    "payment": "paid",
}


class OrderPart:
    """Orders that are entered in stores without an API."""

    name = "order"

    def check(self, drafts: Sequence[Draft], session: Session) -> None:
        if "stores" not in session.memory:
            found = manual_orders.stores_with_manual_orders()
            session.memory["stores"] = {store.name.casefold(): store for store in found}
            active = Carrier.objects.filter(is_active=True)
            session.memory["carriers"] = set(active.values_list("key", flat=True))
        grouped: dict[int, list[Draft]] = defaultdict(list)
        stores: dict[int, Connection] = {}
        for draft in drafts:
            draft.name = str(draft.record.values.get("order") or "")
            store = self._store(draft, session)
            if store is not None:
                stores[store.pk] = store
                grouped[store.pk].append(draft)
        for pk, own in grouped.items():
            self._check_store(own, stores[pk], session.memory["carriers"])

    def _store(self, draft: Draft, session: Session) -> Connection | None:
        """Return the store of an order; rejects it where there is none, or several and none is named."""
        stores: dict[str, Connection] = session.memory["stores"]
        name = str(draft.record.values.get("store") or session.options.get("store") or "").strip()
        if not name and len(stores) == 1:
            return next(iter(stores.values()))
        found = stores.get(name.casefold())
        if found is None:
            text = _("Name the store that gets the order.")
            if name:
                text = _("No orders can be entered in a store “%s”.") % name
            elif not stores:
                text = _(
                    "There is no store whose orders are entered by hand. Connect an offline store first."
                )
            draft.reject("store", "store-unknown", text)
        return found

    def _check_store(self, drafts: Sequence[Draft], store: Connection, carriers: set[str]) -> None:
        documents = {draft.record.row: document_of(draft.record.values, carriers) for draft in drafts}
        known = entered(store, [document["number"] for document in documents.values()])
        fresh = []
        for draft in drafts:
            number = documents[draft.record.row]["number"]
            if number in known:
                draft.subject_id = known[number]
                draft.warn(
                    "order", "order-known", _("%s has this order already. It is not changed.") % store.name
                )
            else:
                fresh.append(draft)
        orders = [order_of(documents[draft.record.row]) for draft in fresh]
        for draft, prepared in zip(fresh, manual_orders.prepare(orders, store), strict=True):
            self._settle(draft, prepared, store)
            draft.data[self.name] = {"store": store.pk, "order": documents[draft.record.row]}

    @staticmethod
    def _settle(draft: Draft, prepared: Prepared, store: Connection) -> None:
        """Reject an order that cannot be entered, or note what it will be."""
        values, order = draft.record.values, prepared.order
        currency = str(values.get("currency") or store.currency)
        if currency.upper() != store.currency:
            text = _("The order is in %(currency)s, and the store in %(own)s.")
            draft.reject("currency", "currency-differs", text % {"currency": currency, "own": store.currency})
        for field, text in prepared.errors.items():
            place, _dot, rest = field.partition(".")
            number, _dot, column = rest.partition(".")
            if place == "lines" and column:
                line = order.lines[int(number)]
                text = f"{line.sku or line.title}: {text}" if line.sku or line.title else text
            draft.reject(column or COLUMNS.get(place, place), "order-impossible", text)
        if draft.is_rejected or prepared.totals is None:
            return
        total = prepared.totals.total
        if values.get("total") not in (None, total):
            words = {"file": values["total"], "total": total, "currency": store.currency}
            text = _("The total of the file is %(file)s. Manifold calculates %(total)s %(currency)s.") % words
            draft.warn("total", "total-differs", text)
        if order.shipping_method:
            text = _("There is no active carrier “%s”. It is kept as the shipping method.")
            draft.warn("carrier", "carrier-unknown", text % order.shipping_method)
        if order.is_cancelled or order.is_shipped:
            draft.warn("", "order-history", _("The order is finished: it is history and moves no stock."))
        draft.is_new = True
        draft.change("store", None, store.name)
        draft.change("lines", None, "; ".join(f"{line.quantity} × {line.sku}" for line in order.lines))
        draft.change("total", None, total)

    def verify(self, rows: Sequence[Any], session: Session, *, undo: bool) -> Mapping[int, str]:
        refusals: dict[int, str] = {}
        for store, mine in self._by_store(rows).items():
            known = entered(store, [row.data[self.name]["order"]["number"] for row in mine])
            for row in mine:
                is_there = row.data[self.name]["order"]["number"] in known
                if is_there and not undo:
                    refusals[row.pk] = _("The order was entered meanwhile.")
                elif undo and not is_there:
                    refusals[row.pk] = _("The order no longer exists.")
        return refusals

    def apply(self, rows: Sequence[Any], session: Session) -> None:
        for store, mine in self._by_store(rows).items():
            orders = [order_of(row.data[self.name]["order"]) for row in mine]
            try:
                outcomes = manual_orders.enter_orders(orders, connection=store, by=session.by)
            except OrderError as error:
                raise RowsRefused(str(error)) from None
            for row, outcome in zip(mine, outcomes, strict=True):
                if outcome.errors:
                    raise RowsRefused(next(iter(outcome.errors.values())))
                row.subject_id = outcome.order_id

    def undo(self, rows: Sequence[Any], session: Session) -> None:
        mine = [row.subject_id for row in rows if self.name in row.data]
        reason = _("The import of %s was undone.") % session.file_name
        for outcome in moves.make_move("cancel", mine, by=session.by, reason=reason[:200]):
            if not outcome.ok:
                raise RowsRefused(str(outcome.message))

    def _by_store(self, rows: Sequence[Any]) -> dict[Connection, list[Any]]:
        found: dict[int, list[Any]] = defaultdict(list)
        for row in rows:
            if self.name in row.data:
                found[row.data[self.name]["store"]].append(row)
        stores = Connection.objects.in_bulk(found)
        return {stores[pk]: mine for pk, mine in found.items()}

    def allowed(self) -> Mapping[str, Sequence[str]]:
        """Return the names of the stores for the drop-down."""
        return {"store": [store.name for store in manual_orders.stores_with_manual_orders()]}

    def fill(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add nothing: the export has all columns."""


def entered(store: Connection, numbers: Sequence[str]) -> dict[str, int]:
    """Return number → id of those of these orders that the store has."""
    rows = Order.objects.filter(connection=store, external_id__in=numbers)
    return dict(rows.values_list("external_id", "pk"))


def _stores() -> list[int]:
    return [store.pk for store in manual_orders.stores_with_manual_orders()]


def rows() -> Iterator[dict[str, Any]]:
    """Yield the lines of the orders that were entered by hand; the facts of an order are in its first row."""
    found = (
        OrderLine.objects.filter(order__connection__in=_stores())
        .select_related("order__connection", "order__carrier")
        .order_by("order", "position", "pk")
    )
    last = None
    for line in found.iterator(chunk_size=2_000):
        row: dict[str, Any] = {
            "order": line.order.number,
            "sku": line.sku,
            "title": line.title,
            "quantity": line.quantity,
            "price": line.unit_price,
        }
        if line.order_id != last:
            row |= _facts(line.order)
        last = line.order_id
        yield row


def _facts(order: Order) -> dict[str, Any]:
    place = order.ship_to or {}
    return {
        "store": order.connection.name,
        "date": order.placed_at.date(),
        "name": order.customer_name,
        "company": place.get("company", ""),
        "address": place.get("line1", ""),
        "address2": place.get("line2", ""),
        "postcode": place.get("postcode", ""),
        "city": place.get("city", ""),
        "state": place.get("region", ""),
        "country": place.get("country", ""),
        "phone": order.customer_phone,
        "email": order.customer_email,
        "shipping": order.shipping_total,
        "tax": order.tax_total,
        "discount": order.discount_total,
        "total": order.total,
        "currency": order.currency,
        "carrier": order.carrier.name if order.carrier else "",
        "note": order.buyer_note,
    }


def register() -> None:
    """Register the kind of import and export."""
    kinds.register(
        kinds.ImportKind(
            sheet=ORDERS,
            permissions=("orders.enter_order",),
            export_permission="orders.export_order",
            parts=[OrderPart()],
            export=rows,
            export_count=lambda: OrderLine.objects.filter(order__connection__in=_stores()).count(),
            asks=("store",),
            help=gettext_lazy("Orders for stores without an API: one row for each line of an order."),
        )
    )
