"""Show and resolve stock differences: keep Manifold's figure, use the store's, or a count closes them (docs/stock.md)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.callbacks import set_tracking
from catalogue.models import Listing, ListingVariant
from channels.contract.spec import Stream
from channels.models import Connection, SyncStream
from channels.pull.single_records import request_records
from channels.push import outbox, topics
from inventory import callbacks
from inventory.errors import BelowAllocated, StaleFigure, StockError
from inventory.models import StockDifference, StockItem, StockMovement
from inventory.offers.compute import offers
from inventory.services.stock_differences import send_again
from inventory.services.warehouse_mapping import ensure_default_mapping
from inventory.stock_changes import StockChange, apply, ensure_stock_items
from oms.kit.authors import audit
from oms.kit.authors.actors import Author

#: A figure of a store that is older is imported again before it is used.
FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Choice:
    """What “Use the store's figure” would do: on hand `was` becomes `becomes` in the store's default warehouse.

    `ours` is available now, `theirs` was shown at `seen_at`. `refusal` says why the figure cannot be used now.
    """

    difference: StockDifference
    ours: int
    theirs: int
    seen_at: datetime
    was: int
    becomes: int
    refusal: str = ""


def choices(connection: Connection, differences: Sequence[StockDifference]) -> list[Choice]:
    """Return what each of these open differences of a store would do now. A constant number of statements."""
    rows = list(differences)
    if not rows:
        return []
    offered = offers(connection, [row.listing_variant_id for row in rows])
    listed = ListingVariant.objects.in_bulk([row.listing_variant_id for row in rows])
    variant_ids = {row.variant_id for row in listed.values()}
    mapping = ensure_default_mapping(connection)
    served = set(connection.warehouse_mappings.values_list("warehouse_id", flat=True))
    items = list(StockItem.objects.filter(variant__in=variant_ids, warehouse__in=served))
    times = [_reading(row, listed[row.listing_variant_id])[1] for row in rows]
    movements = list(
        StockMovement.objects.filter(stock_item__in=items, at__gt=min(times)).values_list(
            "stock_item", "kind", "quantity", "at"
        )
    )
    found = []
    for row in rows:
        one = listed[row.listing_variant_id]
        theirs, seen_at = _reading(row, one)
        own = [item for item in items if item.variant_id == one.variant_id]
        ids = {item.pk for item in own}
        since = [(kind, units) for item, kind, units, at in movements if item in ids and at > seen_at]
        deducted = callbacks.deducted_units(connection.pk, [one.variant_id], seen_at)[one.variant_id]
        total = theirs + deducted + sum(units for _kind, units in since)
        was = sum(item.on_hand for item in own if item.warehouse_id == mapping.warehouse_id)
        elsewhere = sum(item.on_hand for item in own) - was
        found.append(
            Choice(
                row,
                offered[row.listing_variant_id].available,
                theirs,
                seen_at,
                was,
                max(total - elsewhere, 0),
                _too_old(row, seen_at, {kind for kind, _units in since}),
            )
        )
    return found


def _reading(row: StockDifference, listed: ListingVariant) -> tuple[int, datetime]:
    """Return the newest figure of the store that Manifold has, and when it was imported."""
    if listed.read_at is not None and listed.remote_quantity is not None and listed.read_at >= row.seen_at:
        return listed.remote_quantity, listed.read_at
    return row.theirs, row.seen_at


def _too_old(row: StockDifference, seen_at: datetime, kinds: Collection[str]) -> str:
    """Return why a figure cannot be used: units were shipped since, or it is older than `FRESH`; "" when it can."""
    sku, store = row.listing_variant.external_sku, row.connection.name
    if StockMovement.Kind.SHIPMENT in kinds:
        return _(
            "Units of %(sku)s were shipped since the import from %(store)s. It is imported again: choose again in a moment."
        ) % {"sku": sku, "store": store}
    if timezone.now() - seen_at > FRESH:
        return _(
            "The figure of %(sku)s in %(store)s is older than 10 minutes. It is imported again: choose again in a moment."
        ) % {"sku": sku, "store": store}
    return ""


def read_again(connection: Connection, differences: Sequence[StockDifference]) -> int:
    """Import the products of these differences again now; return how many. 0 for a store that imports no products."""
    stream = SyncStream.objects.filter(connection=connection, name=Stream.PRODUCTS).first()
    listed = [row.listing_variant_id for row in differences]
    ids = list(
        Listing.objects.filter(variants__in=listed, connection=connection)
        .exclude(external_id="")
        .order_by("pk")
        .values_list("external_id", flat=True)
        .distinct()
    )
    if stream is None or not ids or not connection.may_pull:
        return 0
    request_records(stream, ids)
    return len(ids)


def use_store_figure(
    difference: StockDifference, by: Author, *, was: int | None = None, becomes: int | None = None
) -> StockItem:
    """Use the store's figure in Manifold; return the stock item that was changed, in the store's default warehouse.

    On hand becomes what the store showed, plus the units of its open orders that it had deducted, plus what arrived
    since the import. It is recorded as a count. If less is on hand than is allocated, allocated units are released, from
    the newest orders. For a SKU whose stock was not tracked, tracking starts. `was` and `becomes` are the figures that
    the person confirmed.

    Raises `StaleFigure` when the figure is older than `FRESH` or units were shipped since, `StockError` when the
    difference is already resolved or the figures are not the confirmed ones. Nothing is changed then.
    """
    try:
        with transaction.atomic():
            return _use_store_figure(difference, by, was, becomes)
    except BelowAllocated as below:
        with transaction.atomic():  # orders are locked before stock items
            callbacks.reclaim(below.missing)
            try:
                return _use_store_figure(difference, by, was, becomes)
            except BelowAllocated as still:
                raise StockError(
                    _("%d units are packed and cannot be released. Undo packing of these orders first.")
                    % sum(still.missing.values())
                ) from None


def _use_store_figure(
    difference: StockDifference, by: Author, was: int | None, becomes: int | None
) -> StockItem:
    row = StockDifference.objects.select_for_update(of=("self",)).get(pk=difference.pk)
    if row.decided_at is not None:
        raise StockError(_("This difference is already resolved."))
    variant_id = row.listing_variant.variant_id
    mapping = ensure_default_mapping(row.connection)
    stock_items = ensure_stock_items([(variant_id, mapping.warehouse_id)])
    choice = choices(row.connection, [row])[0]
    if choice.refusal:
        raise StaleFigure(choice.refusal)
    if was is not None and (was, becomes) != (choice.was, choice.becomes):
        raise StockError(
            _("The stock has changed in the meantime: on hand %(was)d would become %(becomes)d now.")
            % {"was": choice.was, "becomes": choice.becomes}
        )
    item = next(item for item in stock_items[variant_id] if item.warehouse_id == mapping.warehouse_id)
    if choice.becomes < item.allocated:
        raise BelowAllocated({item.pk: item.allocated - choice.becomes})
    if choice.becomes != item.on_hand:
        apply(
            [
                StockChange(
                    item.pk,
                    on_hand=choice.becomes - item.on_hand,
                    kind=StockMovement.Kind.COUNT,
                    reason=_("Figure of %(store)s used") % {"store": row.connection.name},
                    reference_kind="connection",
                    reference_id=row.connection_id,
                )
            ],
            stock_items=stock_items,
            by=by,
        )
    if row.is_tracking:
        set_tracking([variant_id], is_counted=True, by=by)
    _resolve(row, taken_over=True)
    return item


def close_counted(variant_ids: Collection[int]) -> int:
    """Close the open differences of variants (ids) that were counted or adjusted: Manifold's figure is the newer one.

    The stores are sent it. Return how many were closed.
    """
    rows = StockDifference.objects.filter(
        listing_variant__variant__in=list(variant_ids), decided_at=None, is_tracking=False
    )
    pairs = list(rows.order_by("pk").values_list("connection_id", "listing_variant_id"))
    if pairs:
        rows.update(decided_at=timezone.now(), taken_over=False)
        outbox.touch(topics.Topic.STOCK, pairs)
    return len(pairs)


def refresh(connection: Connection, shown: Collection[int]) -> None:
    """Bring these open differences (ids) of a store up to date: Manifold's figure of now; delete those that agree."""
    rows = StockDifference.objects.filter(
        connection=connection, pk__in=list(shown), decided_at=None, is_tracking=False
    )
    found = list(rows.select_related("listing_variant"))
    if not found:
        return
    offered = offers(connection, [row.listing_variant_id for row in found])
    agreeing, changed = [], []
    for row in found:
        theirs, seen_at = _reading(row, row.listing_variant)
        figures = (offered[row.listing_variant_id].available, theirs, seen_at)
        if figures[0] == theirs:
            agreeing.append(row.pk)
        elif figures != (row.ours, row.theirs, row.seen_at):
            row.ours, row.theirs, row.seen_at = figures
            changed.append(row)
    if agreeing:
        StockDifference.objects.filter(pk__in=agreeing, decided_at=None).delete()
    if changed:
        StockDifference.objects.bulk_update(changed, ["ours", "theirs", "seen_at"])


def keep_own_figure(difference: StockDifference) -> None:
    """Keep Manifold's figure: the store is sent it, once it is live. A SKU that is not tracked remains so."""
    with transaction.atomic():
        row = StockDifference.objects.select_for_update(of=("self",)).get(pk=difference.pk)
        if row.decided_at is None:
            _resolve(row, taken_over=False)
            audit.record("stock.own_figure_kept", row, {"theirs": (row.theirs, row.ours)})
            if not row.is_tracking:
                send_again(row.connection, [row.listing_variant_id])


def _resolve(row: StockDifference, *, taken_over: bool) -> None:
    """Mark a difference as resolved; `taken_over`: the store's figure was used."""
    row.taken_over, row.decided_at = taken_over, timezone.now()
    row.save(update_fields=["taken_over", "decided_at"])
