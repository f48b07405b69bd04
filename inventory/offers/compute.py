"""Calculate what a store is offered of each SKU, for many SKUs in two queries."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.db.models import FilteredRelation, Q, Sum
from django.utils.translation import gettext as _

from catalogue.models import ListingVariant
from channels.models import Connection
from inventory.models import StockItem
from inventory.offers import kits
from inventory.offers.limits import Limits, offered_units
from oms.kit.bulk import among


class Offer(NamedTuple):
    """One offered quantity, and the figures that it is calculated from.

    `quantity` is what the store may show now. `sent_quantity` was sent last; `is_sent` means that the channel is
    expected to show it; `sent_at` is when. `remote_quantity` is what the channel showed at the last import. `blocked` is the
    reason why the stock of this SKU is not sent; "" when it is. Of a kit, `on_hand` is how many can be made of what is
    available of its `parts`; it has no allocated units.
    """

    listing_variant_id: int
    variant_id: int
    listing_external_id: str
    external_id: str
    sku: str
    quantity: int
    on_hand: int
    allocated: int
    limits: Limits
    sent_quantity: int | None
    is_sent: bool
    remote_quantity: int | None
    answer: str
    blocked: str
    parts: tuple[kits.Part, ...] = ()
    sent_at: datetime | None = None
    exposure_log: str = ""

    @property
    def available(self) -> int:
        """Units on hand that are not allocated."""
        return self.on_hand - self.allocated


def offers(connection: Connection, listing_variant_ids: Collection[int] | None = None) -> dict[int, Offer]:
    """Return the offers of a store by listing variant id; None = of all its SKUs.

    Two queries; one or two more where a kit is among them.
    """
    listed = ListingVariant.objects.filter(connection=connection)
    if listing_variant_ids is not None:
        listed = listed.filter(pk__in=among(listing_variant_ids))
    rows = list(
        listed.annotate(is_sent=Q(sent_at__isnull=False), store_policy=_store_policy())
        .order_by()
        .values_list(
            "pk",
            "variant_id",
            "listing__external_id",
            "external_id",
            "external_sku",
            "is_stopped",
            "variant__is_stopped",
            "variant__is_counted",
            "variant__is_kit",
            "stock_policy__buffer",
            "stock_policy__percentage",
            "stock_policy__cap",
            "sent_quantity",
            "is_sent",
            "remote_quantity",
            "answer",
            "listing__stock_blocked",
            "store_policy__buffer",
            "store_policy__percentage",
            "store_policy__cap",
            "store_policy__is_holiday",
            "sent_at",
            "exposure_log",
        )
    )
    if not rows:
        return {}
    stock = _stock(connection, None if listing_variant_ids is None else {row[1] for row in rows})
    most = connection.spec.most_units or None
    parts = _parts(connection, {row[1] for row in rows if row[8]}, stock, listing_variant_ids is None)
    store_buffer, store_percentage, store_cap, is_holiday = rows[0][-6:-2]  # the same in all rows
    plain = Limits(store_buffer, store_percentage, store_cap, False, bool(is_holiday), most)
    empty = (0, 0)
    found: dict[int, Offer] = {}
    for row in rows:
        (
            pk,
            variant_id,
            listing_id,
            external_id,
            sku,
            is_stopped_in_store,
            is_stopped,
            is_counted,
            is_kit,
            buffer,
            percentage,
            cap,
            sent,
            is_sent,
            remote_quantity,
            answer,
            blocked,
            *_of_store,
            sent_at,
            exposure_log,
        ) = row
        on_hand, allocated = stock.get(variant_id, empty)
        made_of = tuple(parts.get(variant_id, ())) if is_kit else ()
        if is_kit:
            possible = kits.kits_possible(made_of)
            on_hand, allocated = possible or 0, 0
            if possible is None:
                blocked = blocked or kits.not_tracked()
        if not is_counted:
            blocked = blocked or _("Stock not tracked: the store shows its own figure.")
        limits = plain
        if (
            is_stopped_in_store
            or is_stopped
            or buffer is not None
            or percentage is not None
            or cap is not None
        ):
            limits = Limits(
                plain.buffer if buffer is None else buffer,
                plain.percentage if percentage is None else percentage,
                plain.cap if cap is None else cap,
                is_stopped_in_store or is_stopped,
                plain.holiday,
                most,
            )
        units = offered_units(on_hand - allocated, limits)
        found[pk] = Offer(
            pk,
            variant_id,
            listing_id,
            external_id,
            sku,
            units,
            on_hand,
            allocated,
            limits,
            sent,
            is_sent,
            remote_quantity,
            answer,
            blocked,
            made_of,
            sent_at,
            exposure_log,
        )
    return found


def _parts(
    connection: Connection,
    kit_ids: Collection[int],
    stock: dict[int, tuple[int, int]],
    is_whole_store: bool,
) -> dict[int, list[kits.Part]]:
    """Return the components of these kits with their units; no query without a kit.

    `stock` is `_stock` of the listed SKUs, or of all with `is_whole_store`.
    """
    if not kit_ids:
        return {}
    rows = kits.components_of(kit_ids)
    more = {part.variant_id for row in rows.values() for part in row} - stock.keys()
    if more and not is_whole_store:
        stock = {**stock, **_stock(connection, more)}
    return {pk: kits.with_stock(row, stock) for pk, row in rows.items()}


def _stock(connection: Connection, variant_ids: Collection[int] | None) -> dict[int, tuple[int, int]]:
    """Return (on hand, allocated) by variant id, over the active warehouses that the store sells from."""
    stock_items = StockItem.objects.filter(
        warehouse__mappings__connection=connection, warehouse__is_active=True
    )
    if variant_ids is not None:
        stock_items = stock_items.filter(variant__in=among(variant_ids))
    sums = stock_items.values("variant_id").annotate(a=Sum("on_hand"), b=Sum("allocated")).order_by()
    return {variant_id: (a, b) for variant_id, a, b in sums.values_list("variant_id", "a", "b")}


def _store_policy() -> FilteredRelation:
    """Return the join to the limits of the whole store."""
    whole_store = Q(connection__stock_policies__listing_variant__isnull=True)
    return FilteredRelation("connection__stock_policies", condition=whole_store)


def offer_of(listing_variant: ListingVariant) -> Offer:
    """Return the offer of one listed SKU."""
    return offers(listing_variant.connection, [listing_variant.pk])[listing_variant.pk]


def quantities(connection: Connection, listing_variant_ids: Collection[int]) -> dict[int, int]:
    """Return the offered units by listing variant id."""
    return {pk: offer.quantity for pk, offer in offers(connection, listing_variant_ids).items()}
