"""What an order is found by, and how that is kept true (`oms.kit.search`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from catalogue.models import Variant
from oms.kit.bulk import among
from oms.kit.search.index import SearchIndex
from oms.kit.search.query import matching
from oms.kit.search.text import search_text, with_compact
from orders.models import Order, OrderLine, OrderSearch, Shipment
from orders.unit_of_work.order_state import OrderState

#: Columns from which the text is made: where one of them changes, the text is written anew.
ORDER_COLUMNS = ("number", "customer_name", "customer_email", "customer_phone", "ship_to", "bill_to")
LINE_COLUMNS = ("sku", "title", "variant_id", "position")
#: (SKU, barcode) of variants by their key.
Codes = Mapping[int, tuple[str, str]]


def text_of(order: Any, lines: Iterable[Any], shipments: Iterable[Any], codes: Codes) -> str:
    """Return the search text of an order with its lines and shipments (rows, or what has the same columns).

    `codes` are our own SKU and barcode of each line's variant; a line's `sku` is that of its store.
    """
    places = [place for place in (order.ship_to, order.bill_to) if place]
    parts = [order.number, order.customer_name, order.customer_email, with_compact(order.customer_phone)]
    parts += [with_compact(str(place.get("postcode", ""))) for place in places]
    parts += [str(place.get(name, "")) for place in places for name in ("city", "name", "company")]
    parts += [with_compact(str(place.get("phone", ""))) for place in places]
    parcels = sorted(shipments, key=lambda row: row.number)
    parts += [with_compact(parcel.tracking_number) for parcel in parcels if parcel.tracking_number]
    rows = sorted(lines, key=lambda row: (row.position, row.pk))
    parts += [line.sku for line in rows]
    parts += [code for line in rows if line.variant_id for code in codes.get(line.variant_id, ())]
    parts += [line.title for line in rows]
    return search_text(parts)


def codes_of(variant_ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Return SKU and barcode of these variants; one statement, none where there are no variants."""
    if not variant_ids:
        return {}
    rows = Variant.objects.filter(pk__in=among(variant_ids)).order_by()
    return {pk: (sku, barcode) for pk, sku, barcode in rows.values_list("pk", "sku", "barcode")}


def is_stale(order_state: OrderState) -> bool:
    """Whether the text of this order must be written when its changes are."""
    order = order_state.order
    was = order_state.snapshots.get(id(order))
    if order_state.is_new or was is None or any(was[name] != getattr(order, name) for name in ORDER_COLUMNS):
        return True
    for line in order_state.lines:
        was = order_state.snapshots.get(id(line))
        if was is None or any(was[name] != getattr(line, name) for name in LINE_COLUMNS):
            return True
    for shipment in order_state.shipments:
        was = order_state.snapshots.get(id(shipment))
        if shipment.tracking_number != ("" if was is None else was["tracking_number"]):
            return True
    return False


def write(order_states: Collection[OrderState], codes: Codes) -> None:
    """Write the texts of these orders in one statement; one more for variants that `codes` lacks."""
    if not order_states:
        return
    variants = {
        line.variant_id for order_state in order_states for line in order_state.lines if line.variant_id
    }
    known = {**codes, **codes_of(variants - set(codes))}
    _store({each.order.pk: text_of(each.order, each.lines, each.shipments, known) for each in order_states})


def _store(texts: Mapping[int, str]) -> None:
    OrderSearch.objects.bulk_create(
        [OrderSearch(order_id=pk, text=text) for pk, text in sorted(texts.items())],
        update_conflicts=True,
        unique_fields=["order"],
        update_fields=["text"],
    )


# ------------------------------------------------ kept true


def _texts(order_ids: Collection[int]) -> dict[int, str]:
    """Return what the texts of these orders must be, from the database: four statements."""
    ids = among(order_ids)
    orders = Order.objects.filter(pk__in=ids).only(*ORDER_COLUMNS).order_by("pk")
    lines: dict[int, list[OrderLine]] = defaultdict(list)
    for line in OrderLine.objects.filter(order__in=ids).only("order", *LINE_COLUMNS).order_by():
        lines[line.order_id].append(line)
    shipments: dict[int, list[Shipment]] = defaultdict(list)
    tracked = Shipment.objects.filter(order__in=ids).exclude(tracking_number="")
    for shipment in tracked.only("order", "number", "tracking_number").order_by():
        shipments[shipment.order_id].append(shipment)
    codes = codes_of({line.variant_id for rows in lines.values() for line in rows if line.variant_id})
    return {order.pk: text_of(order, lines[order.pk], shipments[order.pk], codes) for order in orders}


def _differing(order_ids: Collection[int]) -> dict[int, str]:
    """Return the true texts of those orders whose stored text is another."""
    kept = dict(OrderSearch.objects.filter(pk__in=among(order_ids)).values_list("pk", "text"))
    return {pk: text for pk, text in _texts(order_ids).items() if kept.get(pk) != text}


def refresh(order_ids: Collection[int]) -> int:
    """Write the texts of these orders from what the database has of them; returns how many were not true."""
    with transaction.atomic():
        mine = Order.objects.filter(pk__in=among(order_ids)).select_for_update(of=("self",)).order_by("pk")
        wrong = _differing(
            list(mine.values_list("pk", flat=True))
        )  # locked: nobody writes an older text after this
        if wrong:
            _store(wrong)
    return len(wrong)


def wrong_texts(order_ids: Collection[int]) -> list[str]:
    """Name those of these orders whose text is not true."""
    wrong = _differing(order_ids)
    return [str(order) for order in Order.objects.filter(pk__in=list(wrong)).only("number").order_by("pk")]


INDEX = SearchIndex(
    model=OrderSearch,
    column="text",
    bare=lambda: Order.objects.filter(search=None),
    keys=Order.objects.all,
    refresh=refresh,
    wrong=wrong_texts,
)


#: Up to so many orders that are found, their keys are read first and the orders by these keys.
FEW = 4_000


def search_orders(orders: QuerySet[Order], text: str) -> QuerySet[Order]:
    """Return those of `orders` that `text` finds; all of them when it is empty. Tab and filters stay in force.

    “#A10” means the whole order number, where there is an order with it. Asks one statement, with “#” two.
    """
    typed = text.strip()
    if typed.startswith("#"):
        typed = "".join(one for one in typed.lstrip("#").strip() if one.isprintable())
        whole = Order.objects.filter(number=typed)
        if typed and whole.exists():
            return orders.filter(number=typed)
    return orders.filter(pk__in=found(typed)) if typed else orders


def found(text: str) -> Any:
    """Return the keys of all orders that `text` finds, for `pk__in=`: read now where they are few, else a subquery.

    A list that is sorted by date and cut at 50 rows is read in its order until 50 are found. Where words are frequent
    and never stand together, PostgreSQL expects rows soon and would read all orders; so few are looked up first.
    """
    rows = matching(OrderSearch.objects.order_by(), text, "text").values("order")
    keys = list(rows.values_list("order", flat=True)[: FEW + 1])
    return among(keys) if len(keys) <= FEW else rows
