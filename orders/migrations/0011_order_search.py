"""The search text of orders. Its indexes and first values are made after the migrations (`oms.kit.search.index`).

The two indexes of the search before it end.
"""

import django.db.models.deletion
from django.db import migrations, models


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("DROP INDEX IF EXISTS order_postcode")
            cursor.execute("DROP INDEX IF EXISTS order_name_part")


class Migration(migrations.Migration):
    dependencies = [("orders", "0010_plain_words")]

    operations = [
        migrations.CreateModel(
            name="OrderSearch",
            fields=[
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search",
                        serialize=False,
                        to="orders.order",
                    ),
                ),
                ("text", models.TextField(blank=True)),
            ],
        ),
        migrations.RunPython(drop, migrations.RunPython.noop),
    ]
