"""Checks of a running installation: each app registers its own, `manage.py doctor` runs all of them.

The two checks of every app's database constraints are here too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.apps import apps
from django.db import connection, models
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

_checks: dict[str, Check] = {}
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


def run(only: list[str] | None = None) -> list[Result]:
    """Run the checks (None: all of them). A check that raises is a failed result; the others still run."""
    results = []
    for name, check in _checks.items():
        if only and name not in only:
            continue
        try:
            finding = check()
        except Exception as error:
            log.exception("the check %s failed", name)
            finding = Finding(False, _("The check could not run: %s") % error)
        results.append(Result(name, finding.ok, finding.detail))
    return results


def as_json(results: list[Result]) -> dict[str, Any]:
    """Return the results as `doctor --json` prints them."""
    return {"ok": all(result.ok for result in results), "checks": [asdict(result) for result in results]}


def _tables() -> Iterator[type[models.Model]]:
    for model in apps.get_models():
        if model._meta.managed and not model._meta.proxy:
            yield model


def constraints_are_there() -> Finding:
    """Check that the database itself enforces every constraint that a model names: a restored one may lack them."""
    missing = []
    with connection.cursor() as cursor:
        for model in _tables():
            wanted = {row.name for row in model._meta.constraints}
            if wanted:
                have = connection.introspection.get_constraints(cursor, model._meta.db_table)
                missing += sorted(wanted - set(have))
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
    rows: models.QuerySet[Any] = model._base_manager.order_by()
    for constraint in model._meta.constraints:
        if isinstance(constraint, CheckConstraint):
            found = rows.filter(~Q(constraint.condition)).values_list("pk", flat=True)[:SHOWN]
            yield from _named(constraint.name, list(found))
        elif isinstance(constraint, UniqueConstraint) and constraint.fields:
            kept = rows.filter(constraint.condition) if constraint.condition else rows
            yield from _named(constraint.name, _doubles(kept, constraint.fields))
    for field in model._meta.local_fields:
        if field.unique and not field.primary_key:
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
