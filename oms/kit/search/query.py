"""Search in the database: rows whose search text holds what was typed.

PostgreSQL answers by a trigram index of the column, SQLite by its FTS5 table (`oms.kit.search.index`).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce
from operator import and_, or_
from typing import TypeVar

from django.db import connection, models
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from oms.kit.search.text import needles

M = TypeVar("M", bound=models.Model)

#: Characters from which the trigram tokenizer of FTS5 finds a part.
FTS_FROM = 3


def fts_name(model: type[models.Model], column: str) -> str:
    """Return the name of the FTS5 table that SQLite keeps for a column."""
    return f"{model._meta.db_table}_{column}_fts"


def matching(rows: QuerySet[M], text: str, column: str = "search_text") -> QuerySet[M]:
    """Return those of `rows` that `text` finds by this rule: every word somewhere in the search text, in any order.

    All rows where nothing was typed; none where nothing of it can be looked for (only spaces and signs that are left
    out). `rows` keep their filters and their order.
    """
    if not text.strip():
        return rows
    groups = needles(text)
    if not groups:
        return rows.none()
    group_of = _fts_group if connection.vendor == "sqlite" else _group
    return rows.filter(reduce(or_, (group_of(rows.model, column, group) for group in groups)))


def holding_any(
    rows: QuerySet[M], groups: Collection[tuple[str, ...]], column: str = "search_text"
) -> QuerySet[M]:
    """Return those of `rows` whose search text holds every folded part of one of the `groups`; none without groups.

    One condition for any number of groups, answered by the index of the column. Parts shorter than three characters are
    left out: no index finds them.
    """
    kept = [tuple(part for part in group if len(part) >= FTS_FROM) for group in groups]
    kept = sorted({group for group in kept if group})
    if not kept:
        return rows.none()
    if connection.vendor != "sqlite":
        return rows.filter(reduce(or_, (_group(rows.model, column, group) for group in kept)))
    table = connection.ops.quote_name(fts_name(rows.model, column))
    asked = " OR ".join(
        "(" + " AND ".join('"' + part.replace('"', '""') + '"' for part in group) + ")" for group in kept
    )
    sql = f"SELECT rowid FROM {table} WHERE {table} MATCH %s"  # noqa: S608
    return rows.filter(pk__in=RawSQL(sql, [asked]))  # noqa: S611


def _group(model: type[models.Model], column: str, group: tuple[str, ...]) -> Q:
    return reduce(and_, (Q(**{f"{column}__contains": needle}) for needle in group))


def _fts_group(model: type[models.Model], column: str, group: tuple[str, ...]) -> Q:
    """Return the condition for one group; one-letter words are looked for in the column itself."""
    long = [needle for needle in group if len(needle) >= FTS_FROM]
    conditions: list[Q] = [Q(**{f"{column}__contains": needle}) for needle in group if len(needle) < FTS_FROM]
    if long:
        table = connection.ops.quote_name(fts_name(model, column))
        asked = " AND ".join('"' + needle.replace('"', '""') + '"' for needle in long)
        # The name is that of our own table; what was typed is a parameter.
        sql = f"SELECT rowid FROM {table} WHERE {table} MATCH %s"  # noqa: S608
        conditions.append(Q(pk__in=RawSQL(sql, [asked])))  # noqa: S611
    return reduce(and_, conditions)
