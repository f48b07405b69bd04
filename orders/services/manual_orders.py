"""Enter orders by hand into a store without an API: from the page “New order”, or from a file (R-OFF-01).

An order is checked, calculated, and then stored by the sink of the order streams (`orders.inbound.orders`): it is
allocated, released and shipped like the order of a channel. `reference` makes it unique in its store, so a form or a file
that is sent twice enters it once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.models import Variant
from catalogue.pricing import store_prices
from catalogue.sku_resolution import LineKey, resolve_variants
from channels.contract.records.orders import (
    AddressRecord,
    OrderLineRecord,
    OrderRecord,
    PaymentState,
    RemoteState,
)
from channels.contract.spec import Capability
from channels.contract.validation.record_limits import clean_record
from channels.models import Connection
from oms.kit.authors.actors import Author
from orders.domain.carriers import carrier_key
from orders.domain.manual.checks import Errors, ManualLine, ManualOrder, check_entered, has_wrong_line
from orders.domain.manual.totals import AmountError, OrderTotals, PricedLine, TaxBasis, totals_of
from orders.errors import OrderError
from orders.inbound.orders import store_orders
from orders.models import Carrier, Note, Order, OrderSettings

#: Lines of the address and the carrier of an order that the customer collects; both are stored.
COLLECTION = "Collection"


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of one order. `is_new` False: it had been entered before, and was not changed.

    `errors` are sentences by field ("customer_name", "lines.0.sku"); then there is no order.
    """

    reference: str
    order_id: int | None = None
    number: str = ""
    is_new: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order whose lines are known: their variants, prices and amounts, and what is wrong with it by field."""

    order: ManualOrder
    variants: tuple[Variant | None, ...]
    prices: tuple[Decimal | None, ...]
    basis: TaxBasis
    totals: OrderTotals | None
    errors: Errors


def stores_with_manual_orders() -> list[Connection]:
    """Return the connected stores whose orders are entered by hand, by name."""
    rows = Connection.objects.filter(kind=Connection.Kind.STORE).exclude(state=Connection.State.DISCONNECTED)
    return [store for store in rows.order_by("name") if not why_no_orders(store)]


def why_no_orders(connection: Connection) -> str:
    """Return why no order can be entered in this store; "" when it can."""
    try:
        reason = connection.why_not(Capability.MANUAL_ORDERS)
    except LookupError:
        return _("The channel of %s is not configured in this installation.") % connection.name
    if reason:
        return reason
    if connection.state == Connection.State.DISCONNECTED:
        return _("%s is disconnected.") % connection.name
    return ""


def tax_basis(connection: Connection) -> TaxBasis:
    """Return the tax basis of new orders of a store, from its settings."""
    return TaxBasis(
        Decimal(connection.option("tax_rate") or "0"), bool(connection.option("prices_include_tax"))
    )


def prepare(orders: Sequence[ManualOrder], connection: Connection) -> list[Prepared]:
    """Return these orders with variants, prices and amounts; nothing is stored. A constant number of statements."""
    known = _variants(connection, {line.sku for order in orders for line in order.lines})
    prices = store_prices(connection, {variant.pk for variant in known.values()})
    carriers = {carrier_key(order.carrier) for order in orders if order.carrier.strip()}
    active = set(Carrier.objects.filter(key__in=carriers, is_active=True).values_list("key", flat=True))
    own = tax_basis(connection)
    return [_prepared(order, known, prices, active, own, connection.currency) for order in orders]


def enter_orders(orders: Sequence[ManualOrder], *, connection: Connection, by: Author) -> list[Entered]:
    """Enter orders in a store, in one transaction; return one outcome for each, in the order given.

    An order with errors is not entered, the others are. One whose `reference` the store has already is not changed.
    Raises `OrderError` for a store in which no orders are entered by hand.
    """
    if reason := why_no_orders(connection):
        raise OrderError(reason)
    with transaction.atomic():
        settings, _made = OrderSettings.objects.get_or_create(connection=connection)
        settings = OrderSettings.objects.select_for_update(of=("self",)).get(pk=settings.pk)
        before = _numbers(connection, [order.reference for order in orders])
        fresh = {order.reference: order for order in reversed(orders) if order.reference not in before}
        prepared = {each.order.reference: each for each in prepare(list(fresh.values()), connection)}
        good = [order for order in orders if (p := prepared.get(order.reference)) and not p.errors]
        good = [order for order in dict.fromkeys(good) if fresh[order.reference] is order]
        now = timezone.now()
        records = [_record(prepared[order.reference], connection, settings, now) for order in good]
        if records:
            settings.save(update_fields=["last_number"])
            counts = store_orders(connection, records, by=by, placed_text=_placed_text(by))
            if counts.refused:
                raise OrderError(counts.refused[0].reason)
        after = _numbers(connection, [order.reference for order in good])
        _add_notes(good, after, by)
    return [_outcome(order, prepared, before, after) for order in orders]


def enter_order(order: ManualOrder, *, connection: Connection, by: Author) -> Entered:
    """Enter one order in a store: see `enter_orders`."""
    return enter_orders([order], connection=connection, by=by)[0]


# ------------------------------------------------ helpers


def _variants(connection: Connection, skus: Collection[str]) -> dict[str, Variant]:
    """Return the variant of each SKU, as the store means it."""
    keys = {LineKey("", sku.strip()) for sku in skus if sku.strip()}
    found = resolve_variants(connection, keys)
    rows = Variant.objects.select_related("product").in_bulk(set(found.values()))
    return {key.sku: rows[pk] for key, pk in found.items()}


def _prepared(
    order: ManualOrder,
    known: Mapping[str, Variant],
    prices: Mapping[int, Decimal],
    carriers: Collection[str],
    own: TaxBasis,
    currency: str,
) -> Prepared:
    variants = tuple(known.get(line.sku.strip()) for line in order.lines)
    charged = tuple(
        line.unit_price if line.unit_price is not None else prices.get(variant.pk) if variant else None
        for line, variant in zip(order.lines, variants, strict=True)
    )
    errors = check_entered(order, variants, charged)
    if order.carrier.strip() and carrier_key(order.carrier) not in carriers:
        errors["carrier"] = _("There is no active carrier “%s”.") % order.carrier.strip()[:60]
    basis = TaxBasis(
        own.rate if order.tax_rate is None else order.tax_rate,
        own.is_included if order.prices_include_tax is None else order.prices_include_tax,
    )
    totals = None
    try:
        totals = totals_of(
            [
                PricedLine(max(line.quantity, 0), price or Decimal(0), line.discount)
                for line, price in zip(order.lines, charged, strict=True)
            ],
            discount=order.discount,
            shipping=order.shipping,
            tax=basis,
            currency=currency,
        )
    except AmountError as error:
        if not has_wrong_line(errors):  # without right lines the discount of the order cannot be judged
            errors[error.field] = str(error)
    if totals and order.payment == PaymentState.PART_PAID and not 0 < (order.paid or 0) < totals.total:
        errors.setdefault("paid", _("The deposit must be more than 0 and less than the total."))
    return Prepared(order, variants, charged, basis, totals, errors)


def _record(
    prepared: Prepared, connection: Connection, settings: OrderSettings, now: datetime
) -> OrderRecord:
    """Return the order as the sink of the order streams takes it; an order without a number gets the next one."""
    order, totals = prepared.order, prepared.totals
    if totals is None:
        raise OrderError(_("This order cannot be calculated."))
    number = order.number.strip()
    if not number:
        settings.last_number += 1
        number = f"{connection.option('number_prefix') or ''}{settings.last_number}"
    ship_to = order.ship_to
    if order.is_collected:
        ship_to = AddressRecord(
            name=order.customer_name,
            line1=_("Collected by the customer"),
            country=order.ship_to.country,
            phone=order.customer_phone,
        )
    record = OrderRecord(
        external_id=order.reference,
        number=number,
        status_id="",
        status_name="",
        remote_state=_state(order),
        placed_at=order.placed_at or now,
        changed_at=now,
        currency=connection.currency,
        total=totals.total,
        lines=tuple(_lines(prepared, totals)),
        items_total=totals.items,
        shipping_total=totals.shipping,
        tax_total=totals.tax,
        discount_total=totals.discount,
        prices_include_tax=prepared.basis.is_included,
        payment=order.payment,
        is_paid=order.payment in (PaymentState.PAID, PaymentState.ON_ACCOUNT, PaymentState.ON_DELIVERY),
        paid_total={PaymentState.PAID: totals.total, PaymentState.PART_PAID: order.paid}.get(
            order.payment, Decimal(0)
        ),
        stock_deducted=False,
        customer_name=order.customer_name.strip(),
        customer_email=order.customer_email.strip(),
        customer_phone=order.customer_phone.strip(),
        ship_to=ship_to,
        is_collected=order.is_collected,
        bill_to=order.bill_to,
        payment_method=order.payment_method.strip(),
        shipping_method=COLLECTION if order.is_collected else order.shipping_method.strip(),
        carrier=COLLECTION if order.is_collected else order.carrier.strip(),
        buyer_note=order.buyer_note.strip(),
        native=_plain(asdict(order)) | {"number": number},
    )
    return clean_record(record)


def _state(order: ManualOrder) -> RemoteState:
    """Return the state in which an order is entered: what was shipped or cancelled before is history."""
    if order.is_cancelled:
        return RemoteState.CANCELLED
    if order.is_shipped:
        return RemoteState.COMPLETED
    return RemoteState.DRAFT if order.is_draft else RemoteState.NEW


def _lines(prepared: Prepared, totals: OrderTotals) -> Iterable[OrderLineRecord]:
    rows = zip(prepared.order.lines, prepared.variants, prepared.prices, totals.lines, strict=True)
    for position, (line, variant, price, amounts) in enumerate(rows, 1):
        title = line.title.strip() or (variant.product.title if variant else line.sku)
        yield OrderLineRecord(
            external_id=str(position),
            title=title,
            quantity=line.quantity,
            unit_price=price or Decimal(0),
            total=amounts.gross,
            tax=amounts.tax,
            discount=amounts.discount,
            sku=line.sku.strip(),
            options=dict(variant.options) if variant else {},
        )


def _plain(value: Any) -> Any:
    """Return what was entered as JSON, for the document of the order."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int) else str(value)


def _placed_text(by: Author) -> str:
    return _("Entered by hand") if by.kind == "person" else _("Entered by %s") % by.label


def _numbers(connection: Connection, references: Collection[str]) -> dict[str, tuple[int, str]]:
    """Return (order id, number) of those of these references that the store has."""
    rows = Order.objects.filter(connection=connection, external_id__in=list(references))
    return {
        reference: (pk, number) for reference, pk, number in rows.values_list("external_id", "pk", "number")
    }


def _add_notes(orders: Iterable[ManualOrder], after: Mapping[str, tuple[int, str]], by: Author) -> None:
    Note.objects.bulk_create(
        Note(order_id=after[order.reference][0], text=order.note.strip(), author_id=by.user_id)
        for order in orders
        if order.note.strip()
    )


def _outcome(
    order: ManualOrder,
    prepared: Mapping[str, Prepared],
    before: Mapping[str, tuple[int, str]],
    after: Mapping[str, tuple[int, str]],
) -> Entered:
    if order.reference in before:
        return Entered(order.reference, *before[order.reference])
    if order.reference in after:
        return Entered(
            order.reference, *after[order.reference], is_new=prepared[order.reference].order is order
        )
    return Entered(order.reference, errors=prepared[order.reference].errors)


__all__ = ["Entered", "ManualLine", "ManualOrder", "Prepared", "enter_order", "enter_orders", "prepare"]
