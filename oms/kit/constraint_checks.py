"""Checks of the constraints that the models declare: a database that was restored or edited by hand may lack them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.db.models import CheckConstraint, Count, Q, UniqueConstraint
from django.utils.translation import gettext as _

from oms.kit.doctor import Finding

SHOWN = 5


def _tables() -> Iterator[type[models.Model]]:
    for model in apps.get_models():
        if model._meta.managed and not model._meta.proxy:
            yield model


def constraints_are_there() -> Finding:
    """Check that the database has every constraint that a model declares."""
    missing = []
    with connection.cursor() as cursor:
        for model in _tables():
            wanted = {row.name for row in model._meta.constraints}
            if wanted:
                have = connection.introspection.get_constraints(cursor, model._meta.db_table)
                missing += sorted(wanted - set(have))
    return Finding(
        not missing,
        _("The database lacks these constraints: %s. Restore its structure before its data.")
        % ", ".join(missing[:SHOWN])
        if missing
        else "",
    )


def rows_obey() -> Finding:
    """Check that every row obeys the constraints of its model, also where the database does not enforce them."""
    wrong = [found for model in _tables() for found in _offences(model)]
    return Finding(not wrong, ", ".join(wrong[:SHOWN]))


def _offences(model: type[models.Model]) -> Iterator[str]:
    rows: models.QuerySet[Any] = model._base_manager.order_by()
    for constraint in model._meta.constraints:
        if isinstance(constraint, CheckConstraint):
            found = rows.filter(~Q(constraint.condition)).values_list("pk", flat=True)[:SHOWN]
            yield from _named(constraint.name, list(found))
        elif isinstance(constraint, UniqueConstraint) and constraint.fields:
            bound = rows.filter(constraint.condition) if constraint.condition else rows
            yield from _named(constraint.name, _duplicates(bound, constraint.fields))
    for field in model._meta.local_fields:
        if field.unique and not field.primary_key:
            yield from _named(f"{model._meta.db_table}.{field.column}", _duplicates(rows, (field.name,)))


def _duplicates(rows: models.QuerySet[Any], fields: Sequence[str]) -> list[Any]:
    """Return values that more than one row has; rows without a value are not compared."""
    given = rows.filter(**{f"{name}__isnull": False for name in fields})
    twice = given.values(*fields).annotate(rows_alike=Count("pk")).filter(rows_alike__gt=1)
    return [" / ".join(str(row[name]) for name in fields) for row in twice[:SHOWN]]


def _named(name: str, found: list[Any]) -> Iterator[str]:
    if found:
        yield _("%(rule)s is violated by %(rows)s") % {
            "rule": name,
            "rows": "; ".join(str(row)[:80] for row in found),
        }
