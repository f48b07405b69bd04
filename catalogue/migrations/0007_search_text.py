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


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0006_plain_names")]

    operations = [
        migrations.AddField("listing", "search_text", text(), preserve_default=False),
        migrations.AddField("variant", "search_text", text(), preserve_default=False),
    ]
