"""Checks of a running installation: each app registers its own, `manage.py doctor` runs all of them.

The two checks of every app's database constraints are here too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from functools import partial, reduce
from operator import or_
from typing import Any

from django.apps import apps
from django.db import DatabaseError, connection, models
from django.db.models import CheckConstraint, Count, Q, UniqueConstraint
from django.utils.translation import gettext as _

log = logging.getLogger(__name__)

SHOWN = 5  # rows or names that a finding lists


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check: whether it passed, and one sentence that says what is wrong and what to do.

    Faults that people handle every day pass, with the sentence in `detail`: people ignore a monitor that is always red.
    """

    ok: bool
    detail: str = ""


Check = Callable[[], Finding]
#: Called with the name of the running check, how many checks have ended, how many there are, and what the check has done.
Watch = Callable[[str, int, int, str], object]
#: Memory of one sort or hash while checks run on PostgreSQL: sums over millions of rows otherwise go through files.
WORK_MEMORY = "128MB"

_checks: dict[str, Check] = {}
_watch: ContextVar[Callable[[str], object] | None] = ContextVar("doctor_watch", default=None)
_lists: dict[str, tuple[Callable[[], list[str]], str]] = {}


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one check, with its name."""

    name: str
    ok: bool
    detail: str


def register(name: str, check: Check) -> None:
    """Register a check; called at start-up. `--json` shows its name, which never changes."""
    _checks[name] = check


def names() -> list[str]:
    """Return the names of all checks."""
    return list(_checks)


def register_list(name: str, rows: Callable[[], list[str]], help_text: str) -> None:
    """Register the lines that `doctor --<name>` prints for scripts; called at start-up."""
    _lists[name] = (rows, help_text)


def lists() -> dict[str, tuple[Callable[[], list[str]], str]]:
    """Return the registered lists by name, each with its help text."""
    return dict(_lists)


def run(only: list[str] | None = None, *, watch: Watch | None = None) -> list[Result]:
    """Run the checks (None: all of them). A check that raises is a failed result; the others still run.

    `watch` is called with the check that runs, and how far it is.
    """
    chosen = [name for name in _checks if not only or name in only]
    results: list[Result] = []
    try:
        connection.ensure_connection()
    except DatabaseError as error:  # one cause is one line, not one for each check
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return [Result("database", False, _("The database cannot be reached: %s") % lines[0])]
    with _work_memory():
        for number, name in enumerate(chosen):
            mark = _watch.set(watch and partial(watch, name, number, len(chosen)))
            try:
                note_progress()
                finding = _checks[name]()
            except Exception as error:
                log.exception("the check %s failed", name)
                finding = Finding(False, _("The check could not run: %s") % error)
            finally:
                _watch.reset(mark)
            results.append(Result(name, finding.ok, finding.detail))
    return results


def note_progress(done: int = 0, total: int = 0) -> None:
    """Tell who watches that the running check has worked `done` of `total` rows; a long check calls it now and then."""
    watch = _watch.get()
    if watch is not None:
        watch(f"{done:,} / {total:,}" if total else "")


@contextmanager
def _work_memory() -> Iterator[None]:
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('work_mem')")
        [before] = cursor.fetchone()
        cursor.execute("SELECT set_config('work_mem', %s, false)", [WORK_MEMORY])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('work_mem', %s, false)", [before])


def as_json(results: list[Result]) -> dict[str, Any]:
    """Return the results as `doctor --json` prints them."""
    return {"ok": all(result.ok for result in results), "checks": [asdict(result) for result in results]}


def _tables() -> Iterator[type[models.Model]]:
    for model in apps.get_models():
        if model._meta.managed and not model._meta.proxy:
            yield model


#: (table, its SQL) → its constraints. Parsing the SQL of one table takes some 20 ms, and every run asks for each table twice.
_parsed: dict[tuple[str, str], dict[str, Any]] = {}


def _constraints(table: str) -> dict[str, Any]:
    """Return the constraints and indexes that the database has for a table, by name."""
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            return connection.introspection.get_constraints(cursor, table)
        cursor.execute("SELECT sql FROM sqlite_master WHERE tbl_name = %s ORDER BY name", [table])
        key = table, "\n".join(str(row[0]) for row in cursor.fetchall())
        if key not in _parsed:
            _parsed[key] = connection.introspection.get_constraints(cursor, table)
        return _parsed[key]


def constraints_are_there() -> Finding:
    """Check that the database itself enforces every constraint that a model names: a restored one may lack them."""
    missing = []
    for model in _tables():
        wanted = {row.name for row in model._meta.constraints}
        if wanted:
            missing += sorted(wanted - set(_constraints(model._meta.db_table)))
    return Finding(
        not missing,
        _("The database lacks these constraints; restore its structure before its data: %s.")
        % ", ".join(missing[:SHOWN])
        if missing
        else "",
    )


def rows_obey() -> Finding:
    """Check that every row obeys the constraints of its model, whether or not the database still enforces them."""
    wrong = [found for model in _tables() for found in _offences(model)]
    return Finding(not wrong, ", ".join(wrong[:SHOWN]))


def _offences(model: type[models.Model]) -> Iterator[str]:
    """Yield what is broken. The rows of a table are read once for all conditions; rules that an index holds need no look."""
    rows: models.QuerySet[Any] = model._base_manager.order_by()
    there = _constraints(model._meta.db_table)
    unique = {name: tuple(facts["columns"]) for name, facts in there.items() if facts["unique"]}
    of_some_rows = {one.name for one in model._meta.constraints if getattr(one, "condition", None)}
    of_all_rows = {columns for name, columns in unique.items() if name not in of_some_rows}
    checks = [one for one in model._meta.constraints if isinstance(one, CheckConstraint)]
    is_any = reduce(or_, (~Q(one.condition) for one in checks), Q())
    broken = checks if checks and rows.filter(is_any).exists() else []
    for constraint in model._meta.constraints:
        if isinstance(constraint, CheckConstraint) and constraint in broken:
            found = rows.filter(~Q(constraint.condition)).values_list("pk", flat=True)[:SHOWN]
            yield from _named(constraint.name, list(found))
        elif isinstance(constraint, UniqueConstraint) and constraint.fields and constraint.name not in unique:
            kept = rows.filter(constraint.condition) if constraint.condition else rows
            yield from _named(constraint.name, _doubles(kept, constraint.fields))
    for field in model._meta.local_fields:
        if field.unique and not field.primary_key and (field.column,) not in of_all_rows:
            yield from _named(f"{model._meta.db_table}.{field.column}", _doubles(rows, (field.name,)))


def _doubles(rows: models.QuerySet[Any], fields: Sequence[str]) -> list[Any]:
    """Values of more than one row; any number of rows may have no value."""
    given = rows.filter(**{f"{name}__isnull": False for name in fields})
    twice = given.values(*fields).annotate(rows_alike=Count("pk")).filter(rows_alike__gt=1)
    return [" / ".join(str(row[name]) for name in fields) for row in twice[:SHOWN]]


def _named(name: str, found: list[Any]) -> Iterator[str]:
    if found:
        yield _("%(rule)s is broken by %(rows)s") % {
            "rule": name,
            "rows": "; ".join(str(row)[:80] for row in found),
        }
