"""Bulk writes: one statement for many rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from django.db import connection, connections, models
from django.db.models import Case, F, Value, When
from django.db.models.base import ModelState
from django.db.models.expressions import RawSQL

M = TypeVar("M", bound=models.Model)

SLICE = 400
#: From so many rows on, COPY is faster, with the additional statement for the keys.
COPY_FROM = 25

#: Fields whose Python values the database driver accepts.
_PLAIN = (
    models.CharField,
    models.TextField,
    models.IntegerField,
    models.BooleanField,
    models.DateTimeField,
    models.DecimalField,
)


def make(model: type[M], **values: Any) -> M:
    """Return a new row like `model(**values)`, at a quarter of the cost: for hundreds of rows.

    Sends no signals and sets no reverse links on related rows. Raises `TypeError` for an unknown column.
    """
    plain, made, links = _shape(model)
    row = model.__new__(model)
    state = row._state = ModelState()
    columns = row.__dict__
    columns.update(plain)
    for name, default in made.items():
        columns[name] = default()
    for name, value in values.items():
        if name in columns:
            columns[name] = value
        elif name in links:
            columns[links[name]] = None if value is None else value.pk
            state.fields_cache[name] = value
        else:
            raise TypeError(f"{model.__name__} has no column {name}")
    return row


@cache
def _shape(model: type[models.Model]) -> tuple[dict[str, Any], dict[str, Callable[[], Any]], dict[str, str]]:
    """Return (columns -> default, columns -> function that makes the default, relations -> column) of a model."""
    plain: dict[str, Any] = {}
    made: dict[str, Callable[[], Any]] = {}
    links: dict[str, str] = {}
    for field in model._meta.concrete_fields:
        if field.has_default() and callable(field.default):
            made[field.attname] = field.default
        else:
            plain[field.attname] = field.get_default()
        if field.is_relation:
            links[field.name] = field.attname
    return plain, made, links


def insert(rows: Sequence[models.Model], *, keys: bool = True) -> None:
    """Insert rows of one model like `bulk_create`; sends no signals. `keys` False: the rows get no keys.

    On PostgreSQL, 25 rows or more are inserted by COPY, which skips parsing, planning and the preparation of each
    value: one statement, and one more for their keys, unless `give_keys` was called before. Foreign keys to rows that
    were saved in the meantime are set. Raises `IntegrityError` when a constraint is violated.
    """
    if not rows:
        return
    model = type(rows[0])
    if not _is_copied(rows):
        model._base_manager.bulk_create(rows)
        return
    fields = list(model._meta.concrete_fields)
    if keys:
        give_keys(rows)
    elif rows[0].pk is None and not model._meta.pk.remote_field:
        fields.remove(model._meta.pk)
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in fields)
    sql = f"COPY {quote(model._meta.db_table)} ({names}) FROM STDIN"
    columns = [_column(field, rows) for field in fields]
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(sql) as copy:
        for values in zip(*columns, strict=True):
            copy.write_row(values)
    if keys:
        for row in rows:
            row._state.adding, row._state.db = False, connection.alias


def give_keys(*groups: Sequence[models.Model]) -> None:
    """Give keys to new rows of several models that COPY will insert: one statement for all."""
    draw_keys(*(rows for rows in groups if _is_copied(rows)))


def draw_keys(*groups: Sequence[models.Model]) -> bool:
    """Give keys to new rows of several models before they are inserted: one statement for all.

    Return False where the database gives a key only to an inserted row (SQLite).
    """
    if connection.vendor != "postgresql":
        return False
    drawn = [
        bare
        for rows in groups
        if rows and not type(rows[0])._meta.pk.remote_field
        if (bare := [row for row in rows if row.pk is None])
    ]
    if not drawn:
        return True
    part = "SELECT %s::int, nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
    values: list[Any] = []
    for index, rows in enumerate(drawn):
        meta = type(rows[0])._meta
        values += [index, connection.ops.quote_name(meta.db_table), meta.pk.column, len(rows)]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([part] * len(drawn)), values)
        given = sorted(cursor.fetchall())
    for row, (_index, key) in zip((row for rows in drawn for row in rows), given, strict=True):
        row.pk = key
    return True


def _is_copied(rows: Sequence[models.Model]) -> bool:
    return connection.vendor == "postgresql" and len(rows) >= COPY_FROM


def _column(field: models.Field[Any, Any], rows: Sequence[models.Model]) -> list[Any]:
    """Return the values of one column in the form that the database driver accepts."""
    name = field.attname
    if isinstance(field, models.ForeignKey):
        for row in rows:
            if row.__dict__[name] is None and field.is_cached(row):
                setattr(
                    row, field.name, field.get_cached_value(row)
                )  # it was saved in the meantime and has a key
        return [row.__dict__[name] for row in rows]
    is_stamped = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    if isinstance(field, _PLAIN) and not is_stamped:
        return [row.__dict__[name] for row in rows]
    if type(field) is models.JSONField and field.encoder is None:
        return [_json(row.__dict__[name]) for row in rows]
    prepare: Callable[..., Any] = field.get_db_prep_save
    here = connections[connection.alias]  # not the proxy, which looks the connection up at each use
    return [prepare(field.pre_save(row, True), here) for row in rows]


def _json(value: Any) -> str | None:
    """Return JSON as COPY takes it: text. Most rows of a table have an empty list or mapping."""
    if value is None:
        return None
    return json.dumps(value) if value else _EMPTY.get(type(value)) or json.dumps(value)


_EMPTY: dict[Any, str] = {list: "[]", dict: "{}"}


def among(keys: Collection[int]) -> Any:
    """Return many keys for `pk__in=`: one array on PostgreSQL, where thousands of parameters are slower than the query."""
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::bigint[])", [list(keys)])
    return list(keys)


def among_texts(keys: Collection[str]) -> Any:
    """Return many texts for a filter `__in=`: one array on PostgreSQL from `COPY_FROM` on, like `among`."""
    if connection.vendor == "postgresql" and len(keys) >= COPY_FROM:
        return RawSQL("SELECT unnest(%s::text[])", [list(keys)])
    return list(keys)


def add_to(
    model: type[models.Model],
    fields: Sequence[str],
    deltas: Mapping[int, Sequence[int]],
    *,
    returning: str = "NULL",
) -> list[Any]:
    """Add to whole-number columns: `deltas` is pk -> one delta for each field, in the order of `fields`.

    One statement on PostgreSQL, one for each 400 rows elsewhere. On PostgreSQL it returns the SQL expression `returning`
    of each row (the table is `t`) as it is after the locks were waited for; elsewhere []. Raises `IntegrityError` when a
    constraint of the table is violated; nothing is changed then.
    """
    rows = {pk: values for pk, values in sorted(deltas.items()) if any(values)}
    if not rows:
        return []
    if connection.vendor == "postgresql":
        quote = connection.ops.quote_name
        columns = [str(model._meta.get_field(name).column) for name in fields]  # type: ignore[union-attr]
        sets = ", ".join(f"{quote(c)} = t.{quote(c)} + d.d{i}" for i, c in enumerate(columns))
        arrays = ", ".join(["%s::bigint[]"] * (len(fields) + 1))
        names = ", ".join(["pk", *(f"d{i}" for i in range(len(fields)))])
        table = quote(model._meta.db_table)
        key = quote(str(model._meta.pk.column))
        # It contains only quoted names of models and columns.
        sql = f"UPDATE {table} t SET {sets} FROM unnest({arrays}) AS d({names}) WHERE t.{key} = d.pk RETURNING {returning}"  # noqa: S608
        values = [list(rows), *([row[i] for row in rows.values()] for i in range(len(fields)))]
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return [value for (value,) in cursor.fetchall()]
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
    return []


def set_to(
    model: type[models.Model],
    fields: Sequence[str],
    values: Mapping[int, Sequence[Any]],
    *,
    also: Mapping[str, Any] | None = None,
) -> None:
    """Set columns row by row: `values` is pk -> one value for each field, in the order of `fields`; `also` is for all rows.

    One statement on PostgreSQL, one for each 400 rows elsewhere.
    """
    if not values:
        return
    same = {cast("models.Field[Any, Any]", model._meta.get_field(k)): v for k, v in (also or {}).items()}
    rows = dict(sorted(values.items()))
    columns = [cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in fields]
    if connection.vendor == "postgresql":
        quote = connection.ops.quote_name
        sets = ", ".join(
            [f"{quote(str(c.column))} = d.d{i}" for i, c in enumerate(columns)]
            + [f"{quote(str(c.column))} = %s" for c in same]
        )
        arrays = ", ".join(["%s::bigint[]", *(f"%s::{c.db_type(connection)}[]" for c in columns)])
        names = ", ".join(["pk", *(f"d{i}" for i in range(len(columns)))])
        table, key = quote(model._meta.db_table), quote(str(model._meta.pk.column))
        sql = f"UPDATE {table} t SET {sets} FROM unnest({arrays}) AS d({names}) WHERE t.{key} = d.pk"  # noqa: S608
        lists = [
            [c.get_db_prep_save(row[i], connection) for row in rows.values()] for i, c in enumerate(columns)
        ]
        shared = [c.get_db_prep_save(value, connection) for c, value in same.items()]
        with connection.cursor() as cursor:
            cursor.execute(sql, [*shared, list(rows), *lists])
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
        model._base_manager.filter(pk__in=part).update(**changes, **(also or {}))
