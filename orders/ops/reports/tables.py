"""The tables of reports: one for each way to group the figures, with the same rows on the screen and in Excel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalogue.models import Brand, Variant
from channels.models import Connection
from inventory.models import Warehouse
from orders.models import DayFigures, SkuFigures, WarehouseFigures
from orders.ops.reports import report
from orders.ops.reports.report import Asked, change

SLICE: Final = 1_000

#: Column -> (heading, kind). Kinds: "count", "money", "change" (per cent).
COLUMNS: Final[Mapping[str, tuple[Any, str]]] = {
    "orders": (gettext_lazy("Orders"), "count"),
    "shipments": (gettext_lazy("Shipments"), "count"),
    "units": (gettext_lazy("Units"), "count"),
    "turnover": (gettext_lazy("Turnover"), "money"),
    "before": (gettext_lazy("Period before"), "money"),
    "change": (gettext_lazy("Change in %"), "change"),
    "tax": (gettext_lazy("Tax"), "money"),
    "discount": (gettext_lazy("Discount"), "money"),
    "refunded": (gettext_lazy("Refunded"), "money"),
    "postage": (gettext_lazy("Postage"), "money"),
    "late": (gettext_lazy("Late"), "count"),
    "cancelled": (gettext_lazy("Cancelled"), "count"),
}
_OF_ORDERS: Final = (
    "orders", "units", "turnover", "before", "change", "tax", "discount", "refunded", "postage", "late",
    "cancelled",
)  # fmt: skip
_OF_SKUS: Final = ("orders", "units", "cancelled", "turnover", "before", "change")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its name, and the value of each column by key; None where there is none."""

    name: str
    currency: str
    values: Mapping[str, Decimal | int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grouping:
    """One way to group: `rows` yields the lines, the most important first. `columns` are keys of `COLUMNS`.

    `is_added` tells whether the lines of a currency can be added up: an order with two SKUs is counted for both.
    """

    key: str
    label: Any
    heading: Any
    columns: Sequence[str]
    rows: Callable[[Asked], Iterator[Row]]


def _values(row: Mapping[str, Any], before: Decimal) -> dict[str, Decimal | int | None]:
    found = {name: row[f"sum_{name}"] for name in (*report.COUNTS, *report.AMOUNTS)}
    return {**found, "before": before, "change": change(found["turnover"], before)}


def by_period(asked: Asked) -> Iterator[Row]:
    """Yield a line for each day, week or month that has orders, beside the same step of the period before."""
    period = asked.period
    steps = {start: number for number, start in enumerate(period.steps())}
    before = report.curves(asked.before)
    for start, currency, row in report.by_step(asked):
        curve = before.get(currency, [])
        then = curve[steps[start]] if steps[start] < len(curve) else report.ZERO
        yield Row(period.words_of(start), currency, _values(row, then))


def _of_orders(asked: Asked, key: str, name_of: Callable[[Any], str]) -> Iterator[Row]:
    before = {
        (row[key], row["currency"]): row["money"]
        for row in asked.before.of(DayFigures).values(key, "currency").annotate(money=Sum("turnover"))
    }
    rows = asked.of(DayFigures).values(key, "currency").annotate(**report.NAMED)
    for row in sorted(rows, key=lambda row: (-row["sum_turnover"], str(row[key]))):
        then = before.get((row[key], row["currency"]), report.ZERO)
        yield Row(name_of(row[key]), row["currency"], _values(row, then))


def by_store(asked: Asked) -> Iterator[Row]:
    """Yield a line for each store and currency."""
    names = dict(Connection.objects.values_list("pk", "name"))
    return _of_orders(asked, "connection_id", lambda pk: names.get(pk, ""))


def by_country(asked: Asked) -> Iterator[Row]:
    """Yield a line for each country and currency."""
    return _of_orders(asked, "country", lambda code: code or _("not known"))


def by_warehouse(asked: Asked) -> Iterator[Row]:
    """Yield a line for each warehouse and currency: what was handed over of the orders of the period."""
    names = dict(Warehouse.objects.values_list("pk", "name"))
    rows = asked.of(WarehouseFigures).values("warehouse_id", "currency")
    for row in rows.annotate(n=Sum("orders"), parcels=Sum("shipments"), pieces=Sum("units")).order_by(
        "-pieces"
    ):
        name = names.get(row["warehouse_id"], _("shipped by the channel"))
        values = {"orders": row["n"], "shipments": row["parcels"], "units": row["pieces"]}
        yield Row(name, row["currency"], values)


def _sold(rows: QuerySet[SkuFigures], *keys: str) -> QuerySet[Any, Any]:
    found: QuerySet[Any, Any] = rows.values(*keys, "currency").annotate(
        n=Sum("orders"), pieces=Sum("units"), gone=Sum("cancelled"), money=Sum("turnover")
    )
    return found


def _row_of_sold(name: str, row: Mapping[str, Any], before: Decimal) -> Row:
    values = {
        "orders": row["n"],
        "units": row["pieces"],
        "cancelled": row["gone"],
        "turnover": row["money"],
        "before": before,
        "change": change(row["money"], before),
    }
    return Row(name, row["currency"], values)


def by_sku(asked: Asked) -> Iterator[Row]:
    """Yield a line for each SKU and currency. Reads a thousand at a time, however many there are."""
    rows = _sold(asked.of(SkuFigures), "variant_id", "sku")
    ordered = rows.order_by("-money", "variant_id", "sku").iterator(chunk_size=SLICE)
    while part := list(islice(ordered, SLICE)):
        known = [row["variant_id"] for row in part if row["variant_id"]]
        names = dict(Variant.objects.filter(pk__in=known).values_list("pk", "sku"))
        unknown = [row["sku"] for row in part if not row["variant_id"]]
        earlier = asked.before.of(SkuFigures)
        before: dict[tuple[Any, str, str], Decimal] = {}
        for some in (earlier.filter(variant__in=known), earlier.filter(variant=None, sku__in=unknown)):
            for row in _sold(some, "variant_id", "sku"):
                before[row["variant_id"], row["sku"], row["currency"]] = row["money"]
        for row in part:
            then = before.get((row["variant_id"], row["sku"], row["currency"]), report.ZERO)
            name = names.get(row["variant_id"]) or _("%s (not mapped)") % (row["sku"] or _("no SKU"))
            yield _row_of_sold(name, row, then)


def by_brand(asked: Asked) -> Iterator[Row]:
    """Yield a line for each brand and currency, by the brand that the products have now."""
    key = "variant__product__brand_id"
    names = dict(Brand.objects.values_list("pk", "name"))
    before = {(row[key], row["currency"]): row["money"] for row in _sold(asked.before.of(SkuFigures), key)}
    for row in _sold(asked.of(SkuFigures), key).order_by("-money", key):
        then = before.get((row[key], row["currency"]), report.ZERO)
        yield _row_of_sold(names.get(row[key]) or _("no brand"), row, then)


def by_reason(asked: Asked) -> Iterator[Row]:
    """Yield a line for each reason of cancellation and currency, the most frequent first."""
    found = report.reasons(asked)
    lines = [
        (count, reason, currency) for currency, counts in found.items() for reason, count in counts.items()
    ]
    for count, reason, currency in sorted(lines, key=lambda line: (-line[0], line[1])):
        yield Row(reason or _("no reason given"), currency, {"cancelled": count})


GROUPINGS: Final[Mapping[str, Grouping]] = {
    one.key: one
    for one in (
        Grouping("period", gettext_lazy("Over time"), gettext_lazy("From"), _OF_ORDERS, by_period),
        Grouping("store", gettext_lazy("Stores"), gettext_lazy("Store"), _OF_ORDERS, by_store),
        Grouping("country", gettext_lazy("Countries"), gettext_lazy("Country"), _OF_ORDERS, by_country),
        Grouping(
            "warehouse",
            gettext_lazy("Warehouses"),
            gettext_lazy("Warehouse"),
            ("orders", "shipments", "units"),
            by_warehouse,
        ),
        Grouping("sku", gettext_lazy("SKUs"), gettext_lazy("SKU"), _OF_SKUS, by_sku),
        Grouping("brand", gettext_lazy("Brands"), gettext_lazy("Brand"), _OF_SKUS, by_brand),
        Grouping("reason", gettext_lazy("Cancel reasons"), gettext_lazy("Reason"), ("cancelled",), by_reason),
    )
}


def headings(grouping: Grouping) -> list[str]:
    """Return the headings of the table as a file has them."""
    return [str(grouping.heading), _("Currency"), *(str(COLUMNS[key][0]) for key in grouping.columns)]


def cells(grouping: Grouping, rows: Iterable[Row]) -> Iterator[list[Any]]:
    """Yield the cells of each line as a file has them: numbers are numbers."""
    for row in rows:
        yield [row.name, row.currency, *(row.values.get(key) for key in grouping.columns)]
