"""The exposure report: by SKU, store and week, the seconds with too much offered, the overlap, the cause, and a buffer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import F, Max, Sum
from django.db.models.functions import TruncWeek
from django.utils import timezone

from catalogue.models import ListingVariant
from inventory.models import Exposure, StockItem, StockPolicy
from inventory.services.exposure import open_exposures
from oms.kit.bulk import among

WEEKS: Final = (1, 4, 13, 26)


@dataclass(slots=True)
class ExposedSku:
    """One SKU in one store in one week. `unit_seconds`: units beyond the available ones × seconds, by which rows are sorted.

    `together`: units by which all stores together offer more than is available now.
    """

    listing_variant_id: int
    week: date
    seconds: int = 0
    overlap: int = 0
    unit_seconds: int = 0
    by_cause: dict[str, int] = field(default_factory=dict)
    is_open: bool = False
    sku: str = ""
    store: str = ""
    buffer: int = 0
    advised: int = 0
    together: int = 0

    @property
    def cause(self) -> str:
        """The cause of most unit seconds, in words."""
        worst = max(self.by_cause, key=lambda cause: self.by_cause[cause])
        return str(Exposure.Cause(worst).label)

    @property
    def advice_is_new(self) -> bool:
        """Whether the buffer that would have avoided it is larger than the present one."""
        return self.advised > self.buffer


def exposed(weeks: int = 4, *, most: int | None = None) -> list[ExposedSku]:
    """Return the rows of the last weeks, the worst first. The advice of a SKU and store is the same in all its weeks.

    The buffer that would have avoided all of it is the present buffer and the largest overlap of the time. `most`: about so
    many rows are wanted, those of the worst SKUs; what is exposed at this moment is among them.
    """
    zone = timezone.get_default_timezone()
    this_week = _monday(timezone.localdate(timezone=zone))
    first = this_week - timedelta(weeks=weeks - 1)
    since = datetime.combine(first, time.min, tzinfo=zone)
    stored = (
        Exposure.objects.filter(ended_at__gte=since)
        .order_by()
        .annotate(week=TruncWeek("ended_at", tzinfo=zone))
    )
    running = open_exposures()
    if most is not None:
        worst: Any = stored.values("listing_variant", "week").annotate(all=Sum(F("seconds") * F("overlap")))
        ids = set(worst.order_by("-all", "listing_variant").values_list("listing_variant", flat=True)[:most])
        stored = stored.filter(listing_variant__in=among(ids | {one.listing_variant_id for one in running}))
    rows: Any = stored.values("listing_variant", "week", "cause").annotate(
        all_seconds=Sum("seconds"),
        most=Max("overlap"),
        product=Sum(F("seconds") * F("overlap")),
    )
    found: dict[tuple[int, date], ExposedSku] = {}
    for row in rows:
        _add(
            found,
            row["listing_variant"],
            row["week"].date(),
            row["cause"],
            row["all_seconds"],
            row["most"],
            row["product"],
        )
    now = timezone.now()
    for one in running:
        seconds = max(int((now - max(one.started_at, since)).total_seconds()), 1)
        _add(
            found,
            one.listing_variant_id,
            this_week,
            one.cause,
            seconds,
            one.overlap,
            seconds * one.overlap,
        ).is_open = True
    _name(list(found.values()))
    return sorted(found.values(), key=lambda one: (-one.unit_seconds, one.sku, one.store))


def _add(
    found: dict[tuple[int, date], ExposedSku],
    listing_variant_id: int,
    week: date,
    cause: str,
    seconds: int,
    overlap: int,
    unit_seconds: int,
) -> ExposedSku:
    one = found.setdefault((listing_variant_id, week), ExposedSku(listing_variant_id, week))
    one.seconds += seconds
    one.overlap = max(one.overlap, overlap)
    one.unit_seconds += unit_seconds
    one.by_cause[cause] = one.by_cause.get(cause, 0) + unit_seconds
    return one


def _name(rows: list[ExposedSku]) -> None:
    """Set SKU, store, present buffer, advice, and what all stores offer together now."""
    ids = {one.listing_variant_id for one in rows}
    listed = {
        row[0]: row[1:]
        for row in ListingVariant.objects.filter(pk__in=among(ids)).values_list(
            "pk", "external_sku", "connection__name", "connection", "stock_policy__buffer", "variant"
        )
    }
    stores = {row[2] for row in listed.values()}
    of_store: dict[int | None, int | None] = dict(
        StockPolicy.objects.filter(listing_variant=None, connection__in=stores).values_list(
            "connection", "buffer"
        )
    )
    variants = {row[4] for row in listed.values()}
    offered = ListingVariant.objects.filter(variant__in=among(variants)).order_by().values_list("variant")
    offered_now = dict(offered.annotate(units=Sum("sent_quantity")))
    stock = StockItem.objects.filter(variant__in=among(variants), warehouse__is_active=True).order_by()
    free = dict(stock.values_list("variant").annotate(units=Sum(F("on_hand") - F("allocated"))))
    worst: dict[int, int] = {}
    for one in rows:
        worst[one.listing_variant_id] = max(worst.get(one.listing_variant_id, 0), one.overlap)
    for one in rows:
        sku, store, store_id, own, variant = listed.get(one.listing_variant_id, ("", "", None, None, None))
        one.together = max((offered_now.get(variant) or 0) - free.get(variant, 0), 0)
        one.sku, one.store = sku, store
        one.buffer = (own if own is not None else of_store.get(store_id)) or 0
        one.advised = one.buffer + worst[one.listing_variant_id]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
