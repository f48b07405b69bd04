"""Set-wise writes in one statement each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from django.db import connection, models
from django.db.models import Case, F, Value, When
from django.db.models.base import ModelState
from django.db.models.expressions import RawSQL

M = TypeVar("M", bound=models.Model)

SLICE = 400
#: From so many rows on, COPY is worth the statement that draws the keys.
COPY_FROM = 25

#: Columns whose Python values the driver takes as they are.
_PLAIN = (
    models.CharField,
    models.TextField,
    models.IntegerField,
    models.BooleanField,
    models.DateTimeField,
    models.DecimalField,
)


def make(model: type[M], **values: Any) -> M:
    """A new row, as `model(**values)` makes it, at a quarter of the cost: for pages of hundreds of rows.

    No signals, and no links back from the rows that it refers to. An unknown column raises `TypeError`.
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
    """(columns with their defaults, columns whose default is made for each row, links with their columns)."""
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
    """Insert rows of one model, as `bulk_create` does; no signals. `keys` False: nobody asks for their keys later.

    On PostgreSQL many rows go in by COPY, which skips parsing, planning and the preparing of each value: one
    statement, and one more to draw their keys, unless `give_keys` did. Foreign keys to rows saved since are filled
    in. Constraints hold: a violation raises `IntegrityError`.
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
    """Draw the keys of new rows of several models, where COPY will insert them: one statement for all."""
    draw_keys(*(rows for rows in groups if _is_copied(rows)))


def draw_keys(*groups: Sequence[models.Model]) -> bool:
    """Give new rows of several models their keys before they are inserted: one statement for all.

    False where the database gives a key only to a row that it inserts (SQLite).
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
    """The values of one column, as the driver wants them."""
    name = field.attname
    if isinstance(field, models.ForeignKey):
        for row in rows:
            if row.__dict__[name] is None and field.is_cached(row):
                setattr(row, field.name, field.get_cached_value(row))  # saved since: now it has its key
        return [row.__dict__[name] for row in rows]
    is_stamped = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    if isinstance(field, _PLAIN) and not is_stamped:
        return [row.__dict__[name] for row in rows]
    prepare: Callable[..., Any] = field.get_db_prep_save
    return [prepare(field.pre_save(row, True), connection) for row in rows]


def among(keys: Collection[int]) -> Any:
    """Many keys for `pk__in=`: one array on PostgreSQL, where thousands of parameters cost more than the query."""
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::bigint[])", [list(keys)])
    return list(keys)


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


def set_to(
    model: type[models.Model],
    fields: Sequence[str],
    values: Mapping[int, Sequence[Any]],
    *,
    also: Mapping[str, Any] | None = None,
) -> None:
    """Set columns row by row: `values` is pk -> one value per field, in the order of `fields`; `also` is for all rows.

    One statement on PostgreSQL, one per 400 rows elsewhere.
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
