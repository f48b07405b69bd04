"""Orders as rules see them: from a unit of work, or from stored orders for a trial."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from catalogue.models import Variant
from channels.contract.personal import REMOVED
from oms.kit.bulk import among
from orders.domain.buyer_keys import buyer_keys, key_hash
from orders.domain.rules.fields import OrderFacts, fold
from orders.models import BlockedBuyer, Order, OrderLine
from orders.unit_of_work.routing import fold_postcode

#: Columns of a stored order that its facts are made from.
ORDER_COLUMNS = (
    "pk",
    "number",
    "connection",
    "connection__channel",
    "placed_at",
    "country",
    "currency",
    "ship_to",
    "total",
    "tags",
    "shipping_method",
    "payment_state",
    "payment_method",
    "storefront",
    "customer_name",
    "customer_email",
    "customer_phone",
)


def facts_of(
    orders: Sequence[tuple[Order, str, Sequence[OrderLine]]], needs: Collection[str]
) -> list[OrderFacts]:
    """Return the facts of orders: (order, channel, lines) for each, in the order given.

    A kit counts as one line with its units; its SKU and those of its components count, and the weight of the components.

    `needs` are facts that cost a statement: “weight” and “sku” one together, “buyer” two.
    """
    variants = _variants([line for _order, _channel, rows in orders for line in rows], needs)
    found = []
    for order, channel, rows in orders:
        open_rows = [line for line in rows if line.quantity > line.cancelled]
        sold = [line for line in open_rows if not line.is_component]
        kits = {line.parent_id for line in open_rows if line.parent_id}
        new_kits = {id(kit_of(line)) for line in open_rows if line.is_component}
        skus = {fold(line.sku) for line in open_rows if line.sku}
        grams: int | None = 0
        for line in open_rows:
            sku, weight = variants.get(line.variant_id or 0, ("", None))
            if sku:
                skus.add(fold(sku))
            is_kit = line.pk in kits or id(line) in new_kits
            if line.needs_parcel and grams is not None and not is_kit:
                grams = None if weight is None else grams + weight * (line.quantity - line.cancelled)
        found.append(
            OrderFacts(
                order_id=order.pk or 0,
                store=str(order.connection_id),
                channel=channel,
                country=order.country.upper(),
                currency=order.currency.upper(),
                postcode=fold_postcode(str(order.ship_to.get("postcode") or "")),
                total=order.total,
                lines=len(sold),
                units=sum(line.quantity - line.cancelled for line in sold),
                skus=frozenset(skus),
                tags=frozenset(fold(tag) for tag in order.tag_names),
                method=fold(order.shipping_method),
                payment=order.payment_state,
                payment_method=fold(order.payment_method),
                storefront=fold(order.storefront),
                weight=grams,
            )
        )
    if "buyer" in needs:
        _add_buyers([order for order, _channel, _rows in orders], found)
    return found


def kit_of(line: OrderLine) -> OrderLine | None:
    """Return the line of the kit of a component, where it was loaded with it."""
    return line.parent if "parent" in line._state.fields_cache else None


def _variants(lines: Iterable[OrderLine], needs: Collection[str]) -> Mapping[int, tuple[str, int | None]]:
    """Return SKU and weight in grams of the variants of these lines, where a rule asks for one of them."""
    if not {"weight", "sku"} & set(needs):
        return {}
    ids = {line.variant_id for line in lines if line.variant_id}
    rows = Variant.objects.filter(pk__in=among(ids)).values_list("pk", "sku", "weight_grams")
    return {pk: (sku, weight) for pk, sku, weight in rows}


def _add_buyers(orders: Sequence[Order], facts: Sequence[OrderFacts]) -> None:
    """Add whether each buyer is new (no earlier order with the e-mail address) and blocked. Two statements."""
    emails = {order.customer_email for order in orders if order.customer_email}
    first: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    stored = Order.objects.filter(customer_email__in=emails).order_by()
    for email, placed, pk in stored.values_list("customer_email", "placed_at", "pk"):
        first[email].append((placed, pk))
    for order in orders:
        if order._state.adding and order.customer_email:
            first[order.customer_email].append((order.placed_at, 0))
    keys = [_hashes(order) for order in orders]
    wanted = {key for each in keys for key in each}
    blocked = set(BlockedBuyer.objects.filter(key__in=wanted).values_list("key", flat=True))
    for order, one, own in zip(orders, facts, keys, strict=True):
        one.is_blocked = any(key in blocked for key in own)
        if order.customer_email:
            one.is_new_buyer = not any(
                placed < order.placed_at for placed, pk in first[order.customer_email] if pk != order.pk
            )


def _hashes(order: Order) -> list[str]:
    if order.customer_name == REMOVED:
        return []
    keys = buyer_keys(
        name=order.customer_name,
        email=order.customer_email,
        phone=order.customer_phone,
        ship_to=order.ship_to,
    )
    return [key_hash(key) for key in keys]
