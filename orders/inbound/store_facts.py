"""What storing a page of orders needs to know of its store: its configuration and the stored orders of the page.

It is read by one statement, in the transaction of the page and after its lock, so that no older configuration is used.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db import models
from django.db.models import F, Subquery

from channels.models import Connection, StatusMapEntry
from channels.stores import status_map
from inventory.models import WarehouseMapping
from orders.domain.rules.loaded import version_column
from orders.inbound.duplicates import KnownVersion
from orders.models import BlockedBuyer, Carrier, CarrierMap, Order, OrderSettings

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """The facts of a store for one page.

    `states` is its status map, `known` the stored orders of the page by channel id, `warehouses` the active warehouses
    (ids) that it sells from, nearest first, `carriers` the names of the page that are mapped to a carrier, `blocked` the
    reasons of those buyers of the page (hashes of their keys) that are blocked.
    """

    settings: OrderSettings
    states: dict[str, status_map.Entry]
    known: dict[str, KnownVersion]
    warehouses: list[int]
    carriers: set[str]
    blocked: dict[str, str]
    #: The version of the automation rules, "" while none is switched on (`orders.domain.rules.loaded`).
    rules_version: str = ""


class _Rows(Subquery):
    """The rows of a queryset as one value: a list of objects with these columns."""

    output_field = models.JSONField()

    def __init__(self, queryset: models.QuerySet[Any], *names: str) -> None:
        super().__init__(queryset.values(*names))
        self.json = {f.name for f in queryset.model._meta.fields if isinstance(f, models.JSONField)}
        self.names = names

    def as_sql(self, compiler: Any, connection: Any, template: Any = None, **extra: Any) -> Any:
        if connection.vendor == "postgresql":
            rows = "jsonb_agg(to_jsonb(_r))"
        else:
            quote = connection.ops.quote_name
            columns = [
                f"'{name}', " + (f"json(_r.{quote(name)})" if name in self.json else f"_r.{quote(name)}")
                for name in self.names
            ]
            rows = f"json_group_array(json_object({', '.join(columns)}))"
        template = f"(SELECT {rows} FROM (%(subquery)s) _r)"  # noqa: S608 (names of columns)
        return super().as_sql(compiler, connection, template=template, **extra)


def store_facts(
    connection: Connection,
    *,
    external_ids: Collection[str],
    carriers: Collection[str],
    buyers: Collection[str] = (),
) -> StoreFacts:
    """Return the facts of a store for a page with these orders (channel ids), carriers (names) and buyers (hashes).

    One statement.
    """
    orders = Order.objects.filter(connection=connection, external_id__in=list(external_ids))
    mappings = WarehouseMapping.objects.filter(connection=connection, warehouse__is_active=True)
    named = CarrierMap.objects.filter(
        connection=connection, external_id__in=list(carriers), carrier__isnull=False
    )
    default = Carrier.objects.filter(pk__in=_settings_of(connection).values("default_carrier"))
    row = (
        Connection.objects.filter(pk=connection.pk)
        .order_by()
        .annotate(
            rows_of_settings=_Rows(_settings_of(connection), *_columns(OrderSettings)),
            rows_of_carrier=_Rows(default.order_by(), *_columns(Carrier)),
            rows_of_statuses=_Rows(
                StatusMapEntry.objects.filter(connection=connection).order_by(), *status_map.COLUMNS
            ),
            rows_of_warehouses=_Rows(mappings.order_by(), "priority", "id", "warehouse_id"),
            rows_of_orders=_Rows(orders.order_by(), "external_id", *_KNOWN),
            rows_of_carriers=_Rows(named.order_by(), "external_id"),
            rows_of_blocked=_Rows(
                BlockedBuyer.objects.filter(key__in=list(buyers)).order_by(), "key", "reason"
            ),
        )
        .annotate(rules_version=version_column())
        .values_list(*(F(name) for name in _PARTS), "rules_version")
        .get()
    )
    settings, carrier, statuses, warehouses, known, mapped, blocked = (part or [] for part in row[:-1])
    found = _row(OrderSettings, settings[0]) if settings else OrderSettings(connection_id=connection.pk)
    if carrier:
        found.default_carrier = _row(Carrier, carrier[0])
    return StoreFacts(
        settings=found,
        states={each["external_id"]: status_map.entry(each) for each in statuses},
        known={each["external_id"]: _known(each) for each in known},
        warehouses=[
            each["warehouse_id"] for each in sorted(warehouses, key=lambda m: (m["priority"], m["id"]))
        ],
        carriers={each["external_id"] for each in mapped},
        blocked={each["key"]: each["reason"] for each in blocked},
        rules_version=row[-1] or "",
    )


_PARTS = (
    "rows_of_settings",
    "rows_of_carrier",
    "rows_of_statuses",
    "rows_of_warehouses",
    "rows_of_orders",
    "rows_of_carriers",
    "rows_of_blocked",
)

_KNOWN = ("pk", "remote_hash", "remote_state", "remote_changed_at", "read_at")


def _settings_of(connection: Connection) -> models.QuerySet[OrderSettings]:
    return OrderSettings.objects.filter(connection=connection).order_by()


def _columns(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def _row(model: type[M], values: dict[str, Any]) -> M:
    """Return a row of a model as it was read, with the types of Python (SQLite has no Boolean values)."""
    fields = model._meta.concrete_fields
    return model.from_db(None, [f.attname for f in fields], [f.to_python(values[f.attname]) for f in fields])


def _known(values: dict[str, Any]) -> KnownVersion:
    changed_at, read_at = _moment(values["remote_changed_at"]), _moment(values["read_at"])
    return KnownVersion(values["pk"], values["remote_hash"], values["remote_state"], changed_at, read_at)


def _moment(text: str) -> datetime:
    """Return a moment of the database; SQLite gives UTC without saying so."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
