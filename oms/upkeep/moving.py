"""Moving an installation from SQLite to PostgreSQL: every row, with its number and its encrypted credentials, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import environ
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import DatabaseError, connection, connections, models, transaction
from django.db.migrations.executor import MigrationExecutor

from channels.models.fields import UnreadableCredentials
from oms.upkeep import sqlite
from oms.upkeep.archive import UpkeepError

TARGET = "moved"
BATCH = 2000


def move(address: str, *, is_dry: bool = False, is_forced: bool = False) -> dict[str, int]:
    """Copy every row of this SQLite database to the empty PostgreSQL database at `address`; return rows by table.

    The source is not changed. `is_dry`: look only. Raises `UpkeepError`; then the target has no rows of ours.
    """
    if connection.vendor != "sqlite":
        raise UpkeepError("This installation does not use SQLite: there is nothing to move.")
    source = Path(str(connection.settings_dict["NAME"]))
    if not is_forced and (pids := sqlite.users(source)):
        raise UpkeepError(f"{len(pids)} processes use {source}: stop the web server and the lanes first.")
    if MigrationExecutor(connection).migration_plan(MigrationExecutor(connection).loader.graph.leaf_nodes()):
        raise UpkeepError("This database is not of this version: run `manage.py migrate` first.")
    _connect(address)
    target = connections[TARGET]
    try:
        with target.cursor() as cursor:
            present = target.introspection.table_names(cursor)
        if target.vendor != "postgresql":
            raise UpkeepError("The target is no PostgreSQL database.")
        if "channels_connection" in present and _has_rows(target):
            raise UpkeepError("The target has data of Manifold already: give an empty database.")
        if is_dry:
            return {model._meta.db_table: model._base_manager.using("default").count() for model in _models()}
        call_command("migrate", database=TARGET, interactive=False, verbosity=0)
        with transaction.atomic(using=TARGET):
            return _copy(target)
    except UnreadableCredentials as error:
        raise UpkeepError(f"{error} Nothing was moved.") from error
    except DatabaseError as error:
        raise UpkeepError(f"The database could not be moved: {str(error).strip().splitlines()[0]}") from error
    finally:
        target.close()
        del connections.databases[TARGET], connections[TARGET]


def _connect(address: str) -> None:
    try:
        known = dict(environ.Env.db_url_config(address))
    except (ValueError, ImproperlyConfigured) as error:
        raise UpkeepError("--to is no address such as postgres://user:password@host:5432/name.") from error
    if "postgresql" not in str(known.get("ENGINE")) or not known.get("NAME"):
        raise UpkeepError("--to is no address such as postgres://user:password@host:5432/name.")
    connections.databases[TARGET] = {
        **connections.databases["default"],
        **known,
        "OPTIONS": {"connect_timeout": 10},
    }


def _has_rows(target: Any) -> bool:
    with target.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM channels_connection) OR EXISTS (SELECT 1 FROM auth_user)"
        )
        return bool(cursor.fetchone()[0])


def _models() -> list[type[models.Model]]:
    """Return the model of every table of ours, tables between two models too."""
    found = apps.get_models(include_auto_created=True)
    return [model for model in found if model._meta.managed and not model._meta.proxy]


def _copy(target: Any) -> dict[str, int]:
    """Empty the tables (`migrate` fills some), copy them, set the sequences, and compare the numbers of rows."""
    tables = [model._meta.db_table for model in _models()]
    with target.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(map(target.ops.quote_name, tables))}")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    for model in _models():
        for batch in _batches(model):
            fields = list(model._meta.local_concrete_fields)
            # `raw`: the values as they are, without new times of change.
            model._base_manager.using(TARGET)._insert(batch, fields=fields, using=TARGET, raw=True)  # type: ignore[attr-defined]
    with target.cursor() as cursor:
        for statement in target.ops.sequence_reset_sql(no_style(), _models()):
            cursor.execute(statement)
    numbers = {}
    for model in _models():
        wanted = model._base_manager.using("default").count()
        found = model._base_manager.using(TARGET).count()
        if wanted != found:
            raise UpkeepError(
                f"{model._meta.db_table} has {wanted} rows here and {found} there: nothing was moved."
            )
        numbers[model._meta.db_table] = found
    return numbers


def _batches(model: type[models.Model]) -> Iterator[list[models.Model]]:
    rows = model._base_manager.using("default").order_by("pk").iterator(chunk_size=BATCH)
    while batch := list(islice(rows, BATCH)):
        yield batch
