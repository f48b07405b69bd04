"""The search texts of SKUs and listings. Indexes and first values are made after the migrations (`oms.kit.search.index`)."""

from django.db import migrations, models


def text():
    return models.TextField(
        blank=True,
        default="",
        editable=False,
        help_text="How it is found. Written by the system.",
        verbose_name="search text",
    )


def drop_triggers(apps, schema_editor):
    """Reverse: SQLite drops no column that a trigger names."""
    if schema_editor.connection.vendor != "sqlite":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'catalogue%search_text%'"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP TRIGGER "{name}"')


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0006_plain_names")]

    operations = [
        migrations.AddField("listing", "search_text", text(), preserve_default=False),
        migrations.AddField("variant", "search_text", text(), preserve_default=False),
        migrations.RunPython(migrations.RunPython.noop, drop_triggers),
    ]
