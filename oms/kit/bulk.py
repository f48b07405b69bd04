"""Set-wise writes in one statement each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.db import connection, models
from django.db.models import Case, F, Value, When

SLICE = 400


def add_to(model: type[models.Model], fields: Sequence[str], deltas: Mapping[int, Sequence[int]]) -> None:
    """Add to whole-number columns: `deltas` is pk -> one delta per field, in the order of `fields`.

    One statement on PostgreSQL, one per 400 rows elsewhere. CHECK constraints of the table still hold: a
    violation raises `IntegrityError` and nothing is changed.
    """
    rows = {pk: values for pk, values in sorted(deltas.items()) if any(values)}
    if not rows:
        return
    if connection.vendor == "postgresql":
        quote = connection.ops.quote_name
        columns = [str(model._meta.get_field(name).column) for name in fields]  # type: ignore[union-attr]
        sets = ", ".join(f"{quote(c)} = t.{quote(c)} + d.d{i}" for i, c in enumerate(columns))
        arrays = ", ".join(["%s::bigint[]"] * (len(fields) + 1))
        names = ", ".join(["pk", *(f"d{i}" for i in range(len(fields)))])
        table = quote(model._meta.db_table)
        key = quote(str(model._meta.pk.column))
        # Only names of our own models go in, quoted.
        sql = f"UPDATE {table} t SET {sets} FROM unnest({arrays}) AS d({names}) WHERE t.{key} = d.pk"  # noqa: S608
        values = [list(rows), *([row[i] for row in rows.values()] for i in range(len(fields)))]
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
        return
    keys = list(rows)
    for at in range(0, len(keys), SLICE):
        part = keys[at : at + SLICE]
        changes: dict[str, Any] = {
            name: F(name)
            + Case(
                *(When(pk=pk, then=Value(rows[pk][i])) for pk in part),
                default=Value(0),
                output_field=models.IntegerField(),
            )
            for i, name in enumerate(fields)
        }
        model._base_manager.filter(pk__in=part).update(**changes)


def set_to(model: type[models.Model], fields: Sequence[str], values: Mapping[int, Sequence[Any]]) -> None:
    """Set columns row by row: `values` is pk -> one value per field, in the order of `fields`.

    One statement on PostgreSQL, one per 400 rows elsewhere.
    """
    if not values:
        return
    rows = dict(sorted(values.items()))
    columns = [cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in fields]
    if connection.vendor == "postgresql":
        quote = connection.ops.quote_name
        sets = ", ".join(f"{quote(str(c.column))} = d.d{i}" for i, c in enumerate(columns))
        arrays = ", ".join(["%s::bigint[]", *(f"%s::{c.db_type(connection)}[]" for c in columns)])
        names = ", ".join(["pk", *(f"d{i}" for i in range(len(columns)))])
        table, key = quote(model._meta.db_table), quote(str(model._meta.pk.column))
        sql = f"UPDATE {table} t SET {sets} FROM unnest({arrays}) AS d({names}) WHERE t.{key} = d.pk"  # noqa: S608
        lists = [
            [c.get_db_prep_save(row[i], connection) for row in rows.values()] for i, c in enumerate(columns)
        ]
        with connection.cursor() as cursor:
            cursor.execute(sql, [list(rows), *lists])
        return
    keys = list(rows)
    for at in range(0, len(keys), SLICE):
        part = keys[at : at + SLICE]
        changes: dict[str, Any] = {
            name: Case(
                *(When(pk=pk, then=Value(rows[pk][i], output_field=columns[i])) for pk in part),
                output_field=columns[i],
            )
            for i, name in enumerate(fields)
        }
        model._base_manager.filter(pk__in=part).update(**changes)
