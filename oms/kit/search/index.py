"""What makes a search fast, and keeps it true: made and filled after each `migrate`, checked by `doctor`.

PostgreSQL: a GIN index of trigrams, which needs the extension `pg_trgm`. SQLite: an FTS5 table with the trigram
tokenizer, kept in step by three triggers. Made after `migrate` and not in a migration, because SQLite drops the
triggers of a table that a later migration rebuilds, and because an administrator may allow `pg_trgm` afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig
from django.db import DatabaseError, connection, models, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from oms.kit.doctor import Finding
from oms.kit.search.query import fts_name

SLICE = 1_000
SHOWN = 5


@dataclass(frozen=True, slots=True)
class SearchIndex:
    """A column with search texts: who has one, and how it is written.

    `bare` gives the rows that have no text yet, `keys` all rows (their primary keys are those of `model`);
    `refresh(keys)` writes the texts of these rows anew and returns how many were not true; `wrong(keys)` names those.
    """

    model: type[models.Model]
    column: str
    bare: Callable[[], QuerySet[Any, Any]]
    keys: Callable[[], QuerySet[Any, Any]]
    refresh: Callable[[Collection[int]], int]
    wrong: Callable[[Collection[int]], list[str]]

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def name(self) -> str:
        return f"{self.table}_{self.column}_trgm"


_indexes: dict[str, SearchIndex] = {}


def register(index: SearchIndex) -> None:
    """Declare a column with search texts; called from an app's `registrations`."""
    _indexes[index.name] = index


def indexes() -> list[SearchIndex]:
    """Return every declared column."""
    return list(_indexes.values())


# ------------------------------------------------ after migrate


def after_migrate(sender: AppConfig, verbosity: int = 1, stdout: Any = None, **kwargs: Any) -> None:
    """Fill rows that have no search text and make what is missing of the indexes of this app."""
    for index in indexes():
        if (
            index.model._meta.app_config is sender
            and kwargs.get("using", "default") == "default"
            and _has_column(index)
        ):
            filled = fill(index)
            problem = ensure(index)
            if verbosity and filled:
                _say(stdout, f"  Search: filled {filled} rows of {index.table}.")
            if verbosity and problem:
                _say(stdout, f"  Search: {problem}")


def _say(stdout: Any, text: str) -> None:
    if stdout is not None:
        stdout.write(text)


def _has_column(index: SearchIndex) -> bool:
    """Whether the database has the column: not so after a migration backwards, which also ends its FTS5 table."""
    with connection.cursor() as cursor:
        if index.table not in connection.introspection.table_names(cursor):
            return False
        columns = {row.name for row in connection.introspection.get_table_description(cursor, index.table)}
    return index.column in columns


def fill(index: SearchIndex) -> int:
    """Write the text of every row that has none, in slices that are each a transaction; returns the number of rows."""
    done = 0
    for keys in slices(index.bare()):
        index.refresh(keys)
        done += len(keys)
    return done


def rebuild(index: SearchIndex) -> int:
    """Write every text anew, in slices, and the index of SQLite from them; returns how many texts were not true."""
    changed = 0
    for keys in slices(index.keys()):
        changed += index.refresh(keys)
    if connection.vendor == "sqlite":
        ensure(index)
        _rebuild_fts(index)
    return changed


def slices(rows: QuerySet[Any, Any]) -> Iterator[list[int]]:
    """Yield the keys of all rows, a thousand at a time, by place."""
    last = 0
    while keys := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:SLICE]):
        yield keys
        last = keys[-1]


# ------------------------------------------------ indexes


def ensure(index: SearchIndex) -> str:
    """Make what the search of this column needs and is missing; returns a sentence where that is not allowed."""
    if connection.vendor == "postgresql":
        return _ensure_trigrams(index)
    if connection.vendor == "sqlite" and not _is_in_step(index):
        _make_fts(index)
    return ""


def _ensure_trigrams(index: SearchIndex) -> str:
    if _has_trigrams(index):
        return ""
    quote = connection.ops.quote_name
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            cursor.execute(
                f"CREATE INDEX IF NOT EXISTS {quote(index.name)} ON {quote(index.table)}"
                f" USING gin ({quote(index.column)} gin_trgm_ops)"
            )
    except DatabaseError as error:
        return _("%(table)s is searched without an index: %(error)s") % {
            "table": index.table,
            "error": str(error).strip(),
        }
    return ""


def _has_trigrams(index: SearchIndex) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND indisvalid",
            [connection.ops.quote_name(index.name)],
        )
        return cursor.fetchone() is not None


def _triggers(index: SearchIndex) -> dict[str, str]:
    """Return the statements of the three triggers by their names."""
    quote = connection.ops.quote_name
    fts, table, column = (
        quote(fts_name(index.model, index.column)),
        quote(index.table),
        quote(index.column),
    )
    key = quote(str(index.model._meta.pk.column))
    name = fts_name(index.model, index.column)
    add = f"INSERT INTO {fts}(rowid, {column}) VALUES (new.{key}, new.{column});"  # noqa: S608
    drop = f"INSERT INTO {fts}({fts}, rowid, {column}) VALUES ('delete', old.{key}, old.{column});"  # noqa: S608
    differs = f"old.{column} IS NOT new.{column} OR old.{key} IS NOT new.{key}"
    return {
        f"{name}_i": f"CREATE TRIGGER {quote(name + '_i')} AFTER INSERT ON {table} BEGIN {add} END",
        f"{name}_d": f"CREATE TRIGGER {quote(name + '_d')} AFTER DELETE ON {table} BEGIN {drop} END",
        f"{name}_u": f"CREATE TRIGGER {quote(name + '_u')} AFTER UPDATE ON {table} WHEN {differs} BEGIN {drop} {add} END",
    }


def _made(index: SearchIndex) -> set[str]:
    """Return the names of what SQLite has of this index: the FTS5 table and its triggers."""
    names = [fts_name(index.model, index.column), *_triggers(index)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT name FROM sqlite_master WHERE name IN ({', '.join(['%s'] * len(names))})",  # noqa: S608
            names,
        )
        return {str(row[0]) for row in cursor.fetchall()}


def _is_in_step(index: SearchIndex) -> bool:
    return _made(index) == {fts_name(index.model, index.column), *_triggers(index)}


def _make_fts(index: SearchIndex) -> None:
    quote = connection.ops.quote_name
    name = fts_name(index.model, index.column)
    with transaction.atomic(), connection.cursor() as cursor:
        for trigger in _triggers(index):
            cursor.execute(f"DROP TRIGGER IF EXISTS {quote(trigger)}")
        cursor.execute(f"DROP TABLE IF EXISTS {quote(name)}")
        cursor.execute(
            f"CREATE VIRTUAL TABLE {quote(name)} USING fts5({quote(index.column)}, content={quote(index.table)},"
            f" content_rowid={quote(str(index.model._meta.pk.column))}, tokenize='trigram case_sensitive 1')"
        )
        for statement in _triggers(index).values():
            cursor.execute(statement)
        _rebuild_fts(index)


def _rebuild_fts(index: SearchIndex) -> None:
    fts = connection.ops.quote_name(fts_name(index.model, index.column))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {fts}({fts}) VALUES ('rebuild')")  # noqa: S608


# ------------------------------------------------ doctor


def is_indexed() -> Finding:
    """Every search text has its index, and SQLite's holds the same rows. Without `pg_trgm` the search is only slow."""
    missing = [index.table for index in indexes() if not _is_ready(index)]
    if not missing:
        return Finding(True)
    if connection.vendor == "postgresql":
        detail = _("searched without an index: %s; see “Search” in docs/operations.md") % ", ".join(missing)
        return Finding(True, detail)
    return Finding(
        False, _("the search is not in step: %s; run `manage.py rebuild_search`") % ", ".join(missing)
    )


def _is_ready(index: SearchIndex) -> bool:
    if connection.vendor == "postgresql":
        return _has_trigrams(index)
    return connection.vendor != "sqlite" or (_is_in_step(index) and _counts_agree(index))


def _counts_agree(index: SearchIndex) -> bool:
    quote = connection.ops.quote_name
    held = quote(fts_name(index.model, index.column) + "_docsize")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT (SELECT COUNT(*) FROM {held}) = (SELECT COUNT(*) FROM {quote(index.table)})")  # noqa: S608
        return bool(cursor.fetchone()[0])


def are_true() -> Finding:
    """The newest search texts are what their rows say, and no row is without one."""
    wrong: list[str] = []
    for index in indexes():
        keys = list(index.keys().order_by("-pk").values_list("pk", flat=True)[:SLICE])
        bare = list(index.bare().order_by("pk").values_list("pk", flat=True)[:SHOWN])
        wrong += index.wrong({*keys, *bare})
    if not wrong:
        return Finding(True)
    detail = _("search texts differ from their rows: %s; run `manage.py rebuild_search`")
    return Finding(False, detail % ", ".join(wrong[:SHOWN]))
