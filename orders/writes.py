"""Set-wise updates with a value of its own for each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, models

SLICE = 200


def update_columns(rows: Sequence[models.Model], names: Sequence[str]) -> None:
    """Write these fields of these rows of one model: one statement on PostgreSQL, one per 200 rows elsewhere.

    Django's `bulk_update` builds a CASE for each column and row; joining the values as arrays is some thirty
    times faster (`performance.md` W2). `names` are attribute names such as "status" or "variant_id".
    """
    if not rows or not names:
        return
    model = type(rows[0])
    fields = [_field(model, name) for name in names]
    if connection.vendor != "postgresql":
        model._base_manager.bulk_update(rows, [field.name for field in fields], batch_size=SLICE)
        return
    quote = connection.ops.quote_name
    key = model._meta.pk
    columns = [quote(field.column) for field in fields]
    arrays = ", ".join(f"(%s)::{_base_type(field)}[]" for field in (key, *fields))
    inner = ", ".join(f"c{index}" for index in range(len(fields) + 1))
    sets = ", ".join(f"{column} = d.c{index}" for index, column in enumerate(columns, 1))
    table = quote(model._meta.db_table)
    sql = f"UPDATE {table} AS t SET {sets} FROM UNNEST({arrays}) AS d({inner}) WHERE t.{quote(key.column)} = d.c0"  # noqa: S608 (our own names)
    ordered = sorted(rows, key=lambda row: row.pk)
    values = [
        [field.get_db_prep_save(getattr(row, field.attname), connection) for row in ordered]
        for field in (key, *fields)
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def _field(model: type[models.Model], name: str) -> Any:
    return next(field for field in model._meta.concrete_fields if name in (field.attname, field.name))


def _base_type(field: Any) -> str:
    """The column's type without what only a column has (serial, identity)."""
    return str(
        field.cast_db_type(connection)
        if not field.is_relation
        else field.target_field.cast_db_type(connection)
    )


def changed_names(row: models.Model, before: dict[str, Any]) -> set[str]:
    """Attribute names whose value differs from the snapshot taken at load."""
    return {name for name, value in before.items() if getattr(row, name) != value}


def snapshot(row: models.Model) -> dict[str, Any]:
    return {field.attname: row.__dict__[field.attname] for field in row._meta.concrete_fields}
