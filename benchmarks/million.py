"""Two installations to measure pages with: 1,000,000 orders, and their twin of 1,000 (PostgreSQL).

    BENCH_DATABASE_URL=postgres://user@host:5432/postgres python -m benchmarks million [--copies=1000] [--again]

The twin (database `bench_twin`) is made by the services (`_pattern.py`). The large one (`bench_million`) is a copy of
it, in which one statement for each table copies the rows 999 times: own keys, own numbers and SKUs, other times. So every
invariant that holds for the twin holds for the copy, and a new column needs no change here. The databases stay, for
`benchmarks/lists.py`; `--again` makes them anew. The database user must be a superuser (foreign keys are not checked while rows are copied).
"""

from __future__ import annotations

import sys
import time
from typing import Any

from benchmarks import _pattern
from benchmarks._common import figure, use_settings

NAME = "million"
TWIN, LARGE = "bench_twin", "bench_million"
COPIES = next((int(one[9:]) for one in sys.argv if one.startswith("--copies=")), 1_000)
#: Copies from this one on have no open orders: 100 x 105 open orders are many for one desk already.
OPEN_COPIES = 100
CHUNK = 100
#: Marks in texts, and the letter that begins each.
MARKS = ("A", "S", "L")
OPEN = (
    "('unpaid','draft','new','partial','rfp','packed','rts','cancel_in_process','seller_cancel_in_process')"
)


def copied_models() -> list[Any]:
    """Return the models whose rows are copied: orders, products, manifests, and all that belong to them."""
    from django.apps import apps

    from catalogue.models import Product
    from channels.models import CallLog, Difference, OutboxMessage, RejectedRecord, SyncRun, WebhookEvent
    from inventory.models import Delivery, StockCount, Transfer
    from oms.kit.models import AuditEntry, Job, Problem
    from orders.models import Manifest, Order

    found = {Product, Order, Manifest, Delivery, StockCount, Transfer}
    alone = [
        OutboxMessage,
        Problem,
        CallLog,
        Difference,
        RejectedRecord,
        SyncRun,
        WebhookEvent,
        AuditEntry,
        Job,
    ]
    grew = True
    while grew:
        grew = False
        for model in apps.get_models():
            keys = {field.related_model for field in model._meta.fields if field.is_relation}
            if model not in found and keys & found:
                found.add(model)
                grew = True
    return sorted([*found, *alone], key=lambda model: model._meta.db_table)


def steps(cursor: Any, models: list[Any]) -> dict[Any, int]:
    """Return how much is added to the keys of each model for each copy: more than its highest key."""
    found = {}
    for model in models:
        pk = model._meta.pk
        if pk.is_relation:
            continue
        cursor.execute(f"SELECT coalesce(max({pk.column}), 0) + 1 FROM {model._meta.db_table}")
        found[model] = cursor.fetchone()[0]
    return found


def key_of(model: Any, step: dict[Any, int]) -> int:
    """Return the step of a model; a model whose key is another's row has the step of that one, one that is not copied 0."""
    while model not in step:
        if not model._meta.pk.is_relation:
            return 0
        model = model._meta.pk.related_model
    return step[model]


def value(model: Any, field: Any, step: dict[Any, int], marked: set[str]) -> str:
    """Return the SQL of one column of copy `k`."""
    column = f't."{field.column}"'
    if field.is_relation:
        return f"{column} + k.k * {moved}" if (moved := key_of(field.related_model, step)) else column
    if field.primary_key:
        return f"{column} + k.k * {step[model]}"
    special = generic_key(model, field.name, step)
    if special:
        return special
    kind = field.get_internal_type()
    if kind == "UUIDField":
        return "gen_random_uuid()"
    if kind == "DateTimeField":
        return f"{column} - k.k * interval '37 seconds'"
    if field.column in marked:
        for mark in MARKS:
            for letter in (mark, mark.lower()):
                column = f"replace({column}, '{letter}000', '{letter}' || lpad(k.k::text, 3, '0'))"
        return phones(column)
    if field.unique and kind == "CharField":
        return f"{column} || '-' || k.k"
    return column


def phones(column: str) -> str:
    """Return the SQL that gives the phone numbers of copy `k` digits of their own, as buyers have: 7911 000123 -> 7433 007123."""
    area, mine = "'7' || lpad((k.k * 619 % 1000)::text, 3, '0')", "lpad(k.k::text, 3, '0')"
    for gap in (" ", ""):
        column = f"replace({column}, '7911{gap}000', {area} || '{gap}' || {mine})"
    return column


def generic_key(model: Any, name: str, step: dict[Any, int]) -> str:
    """Return the SQL of a column that names a row of another table without a foreign key; "" for other columns."""
    from catalogue.models import Listing, ListingVariant
    from orders.models import Order, Shipment

    label = model._meta.label
    if label == "channels.OutboxMessage" and name in ("subject", "group", "key"):
        order, shipment, listed, listing = (step[one] for one in (Order, Shipment, ListingVariant, Listing))
        of_order = "t.topic IN ('accepted','completed','cancelled','delivered')"
        if name == "subject":
            return (
                f"t.subject + k.k * CASE WHEN t.kind = 'event' THEN (CASE WHEN {of_order} THEN {order} ELSE {shipment} END) "
                f"WHEN t.topic LIKE 'listing%%' THEN {listing} ELSE {listed} END"
            )
        if name == "group":
            return f'CASE WHEN t.kind = \'event\' THEN t."group" + k.k * {order} ELSE t."group" END'
        return "CASE WHEN t.key = '' THEN '' ELSE t.key || '/' || k.k END"
    if label == "kit.Problem" and name == "subject_id":
        return f"t.subject_id + k.k * CASE t.subject_kind WHEN 'order' THEN {step[Order]} WHEN 'connection' THEN 0 ELSE {step[Listing]} END"
    return ""


def marked_columns(cursor: Any, model: Any) -> set[str]:
    """Return the text columns of a model in which the pattern has a mark."""
    texts = [
        f.column
        for f in model._meta.fields
        if f.get_internal_type() in ("CharField", "TextField") and not f.choices
    ]
    if not texts:
        return set()
    parts = ", ".join(f"bool_or(\"{name}\" ~ '[ASLasl]000|7911 ?000')" for name in texts)
    cursor.execute(f"SELECT {parts} FROM {model._meta.db_table}")
    return {name for name, has in zip(texts, cursor.fetchone(), strict=True) if has}


def rows_of(model: Any, open_orders: bool) -> str:
    """Return the condition of the rows to copy: all, or without what belongs to open orders."""
    if open_orders:
        return "true"
    label = model._meta.label
    finished = "(SELECT id FROM finished_orders)"
    if label == "orders.Order":
        return f"t.status NOT IN {OPEN}"
    by_order = {f.name: f.column for f in model._meta.fields}
    if label == "kit.Problem":
        return "t.subject_kind <> 'order'"
    if label == "channels.OutboxMessage":
        return f"(t.kind <> 'event' OR t.\"group\" IN {finished})"
    if label in ("orders.Allocation", "orders.ShipmentLine"):
        return f"t.line_id IN (SELECT id FROM orders_orderline WHERE order_id IN {finished})"
    if "order" in by_order:
        return f't."{by_order["order"]}" IN {finished}'
    return "true"


def copy_rows(cursor: Any, models: list[Any]) -> None:
    """Copy all rows of the pattern `COPIES` - 1 times; indexes are made afterwards, foreign keys are not checked."""
    step = steps(cursor, models)
    marked = {model: marked_columns(cursor, model) for model in models}
    last = {model: step.get(model, 0) for model in models}
    cursor.execute("SET session_replication_role = replica")
    cursor.execute("SET maintenance_work_mem = '512MB'; SET work_mem = '64MB'; SET synchronous_commit = off")
    cursor.execute(
        f"CREATE TEMP TABLE finished_orders AS SELECT id FROM orders_order WHERE status NOT IN {OPEN}"
    )
    tables = [model._meta.db_table for model in models]
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND schemaname = 'public'"
        " AND indexdef NOT LIKE 'CREATE UNIQUE%%'",
        [tables],
    )
    indexes = cursor.fetchall()
    for name, _definition in indexes:
        cursor.execute(f'DROP INDEX "{name}"')
    for model in models:
        began, table = time.perf_counter(), model._meta.db_table
        fields = list(model._meta.concrete_fields)
        columns = ", ".join(f'"{field.column}"' for field in fields)
        values = ", ".join(value(model, field, step, marked[model]) for field in fields)
        own = (
            f't."{model._meta.pk.column}" < {last[model]}'
            if model in step
            else (f't."{model._meta.pk.column}" < {key_of(model, step)}')
        )
        parts = [(start, min(start + CHUNK, COPIES) - 1) for start in range(1, COPIES, CHUNK)]
        for name, open_orders in (("pattern_all", True), ("pattern_finished", False)):
            where = f"{own} AND {rows_of(model, open_orders)}".replace("%%", "%")
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
            cursor.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {table} t WHERE {where}")
        for first, end in split_at(parts, OPEN_COPIES):
            rows = "pattern_all" if first < OPEN_COPIES else "pattern_finished"
            copies = f"generate_series({first}, {end}) k(k)"
            cursor.execute(
                f"INSERT INTO {table} ({columns}) SELECT {values} FROM {rows} t, {copies}".replace("%%", "%")
            )
        if model in step:
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{model._meta.pk.column}'), max({model._meta.pk.column})) FROM {table}"
            )
        figure(NAME, f"copied {table}", time.perf_counter() - began, "s")
    cursor.execute(
        "UPDATE inventory_stockitem s SET allocated = 0 WHERE allocated > 0 AND NOT EXISTS"
        " (SELECT FROM orders_allocation a WHERE a.stock_item_id = s.id AND a.state = 'open')"
    )
    began = time.perf_counter()
    for _name, definition in indexes:
        cursor.execute(definition)
    cursor.execute("SET session_replication_role = origin")
    cursor.execute("VACUUM ANALYZE")
    figure(NAME, "indexes, vacuum, analyse", time.perf_counter() - began, "s", indexes=len(indexes))


def split_at(parts: list[tuple[int, int]], edge: int) -> list[tuple[int, int]]:
    """Return the ranges, with the one that contains `edge` cut in two before it."""
    found = []
    for first, last in parts:
        found += [(first, edge - 1), (edge, last)] if first < edge <= last else [(first, last)]
    return found


def exists(name: str) -> bool:
    from django.db import connection

    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        return cursor.fetchone() is not None


def use(name: str) -> None:
    """Use this database from now on."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name


def make_reports() -> None:
    """Compute the figures of the reports of the newest 62 days anew, as the sweep has done in an installation that runs."""
    from orders.models import DayFigures, ReportDay, ReportState, SkuFigures, WarehouseFigures
    from orders.ops.reports import rollups

    for model in (DayFigures, SkuFigures, WarehouseFigures, ReportDay, ReportState):
        model.objects.all().delete()
    rollups.mark()
    rollups.build(62)


def build() -> None:
    """Make both databases."""
    from django.core.management import call_command
    from django.db import connection

    with connection._nodb_cursor() as cursor:
        for name in (LARGE, TWIN):
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {TWIN}")
    began = time.perf_counter()
    use(TWIN)
    call_command("migrate", verbosity=0)
    _pattern.make_pattern()
    make_reports()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    figure(NAME, "twin", time.perf_counter() - began, "s", orders=_pattern.ORDERS)
    connection.close()
    began = time.perf_counter()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {LARGE} TEMPLATE {TWIN}")
    use(LARGE)
    with connection.cursor() as cursor:
        copy_rows(cursor, copied_models())
    make_reports()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database()) / 2 ^ 20")
        size = cursor.fetchone()[0]
    figure(
        NAME,
        "large",
        time.perf_counter() - began,
        "s",
        orders=_pattern.ORDERS * COPIES,
        megabytes=round(size),
    )


def ready() -> None:
    """Make the databases where they are missing or `--again` is asked for; else bring them to the newest migration."""
    from django.core.management import call_command
    from django.db import connection

    if "--again" in sys.argv or not (exists(TWIN) and exists(LARGE)):
        build()
        return
    for name in (TWIN, LARGE):
        use(name)
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def check() -> None:
    """Fail when an invariant of `manage.py doctor` does not hold in the large installation."""
    from oms.kit import doctor

    use(LARGE)
    began = time.perf_counter()
    wrong = [f"{one.name}: {one.detail}" for one in doctor.run() if not one.ok]
    figure(NAME, "doctor", time.perf_counter() - began, "s", wrong=wrong)


def main() -> None:
    use_settings()
    ready()
    if "--doctor" in sys.argv:
        check()


if __name__ == "__main__":
    main()
