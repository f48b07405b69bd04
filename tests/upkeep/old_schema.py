"""`python -m tests.upkeep.old_schema`: upgrade a database of the oldest supported schema with data; print what was lost or changed.

The schema is that of 0.1, the rows are the demo of that time (`data/demo-0.1.json.gz`).
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import django

#: The last migrations of 0.1.
OLDEST = [
    ("catalogue", "0004_stock_not_counted"),
    ("channels", "0007_budget_window"),
    ("inventory", "0002_opening_stock"),
    ("kit", "0001_initial"),
    ("orders", "0007_dispatch_to_do"),
]
OURS = {app for app, _name in OLDEST}
DATA = Path(__file__).parent / "data" / "demo-0.1.json.gz"
#: "table.column" whose values a migration changes on purpose, with the migration that does.
ON_PURPOSE: dict[str, str] = {}


def old_rows() -> list[dict[str, Any]]:
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        return [row for row in json.load(file) if row["model"].partition(".")[0] in OURS]


def load(rows: list[dict[str, Any]], apps: Any) -> None:
    """Store rows with the models of that time, as they are."""
    from django.db import connection

    with connection.constraint_checks_disabled():
        for row in rows:
            model = apps.get_model(row["model"])
            key = model._meta.pk
            values: dict[str, Any] = {key.attname: row["pk"]}
            for name, value in row["fields"].items():
                field = model._meta.get_field(name)
                if field.is_relation:
                    values[field.attname] = value
                else:
                    values[field.attname] = field.to_python(value)
            model(**values).save_base(raw=True, force_insert=True)


def contents() -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table of ours."""
    from django.db import connection

    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.partition("_")[0] in OURS and "search" not in table:
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                names = [column[0] for column in cursor.description]
                found[table] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return found


def compare(
    before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]]
) -> tuple[list[str], list[str]]:
    """Return the rows that are gone, and the columns of which a value differs."""
    lost, changed = [], set()
    for table, rows in before.items():
        if not rows:
            continue
        key = "id" if "id" in rows[0] else next(iter(rows[0]))
        now = {row.get(key): row for row in after.get(table, [])}
        for row in rows:
            if row[key] not in now:
                lost.append(f"{table} {row[key]}")
                continue
            new = now[row[key]]
            changed |= {
                f"{table}.{name}" for name, value in row.items() if name in new and new[name] != value
            }
    return lost, sorted(changed - set(ON_PURPOSE))


def main() -> None:
    django.setup()
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()
    state = executor.migrate(
        [
            *OLDEST,
            ("auth", "0012_alter_user_first_name_max_length"),
            ("contenttypes", "0002_remove_content_type_name"),
        ]
    )
    load(old_rows(), state.apps)
    before = contents()
    MigrationExecutor(connection).migrate(latest)
    lost, changed = compare(before, contents())
    json.dump(
        {"rows": sum(len(rows) for rows in before.values()), "lost": lost, "changed": changed}, sys.stdout
    )


if __name__ == "__main__":
    main()
