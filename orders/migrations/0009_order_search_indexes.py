"""Indexes for the search of the order list that only PostgreSQL has: any part of a name, and a whole postcode.

The name index needs the extension `pg_trgm`, which PostgreSQL 13 and later let the owner of a database create. Where
that is not allowed the index is left out: the search still works and reads all names. To add it later, let an
administrator run `CREATE EXTENSION pg_trgm` and then the statement `NAME_INDEX`.
"""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError, migrations, transaction

NAME_INDEX = (
    "CREATE INDEX IF NOT EXISTS order_name_part ON orders_order USING gin (upper(customer_name::text) gin_trgm_ops)"
)
POSTCODE_INDEX = "CREATE INDEX IF NOT EXISTS order_postcode ON orders_order ((ship_to ->> 'postcode'))"


def create(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(POSTCODE_INDEX)
        try:
            with transaction.atomic(using=schema_editor.connection.alias):
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
                cursor.execute(NAME_INDEX)
        except DatabaseError as error:
            print(f" (names are searched without an index: {str(error).strip()})", end="")  # noqa: T201


def drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("DROP INDEX IF EXISTS order_postcode")
        cursor.execute("DROP INDEX IF EXISTS order_name_part")


class Migration(migrations.Migration):
    dependencies = [("orders", "0008_order_list_indexes")]

    operations = [migrations.RunPython(create, drop)]
