"""A warranty may be a text of several paragraphs: what a shop has is kept whole."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalogue", "0002_remote_image"),
    ]

    operations = [
        migrations.AlterField(
            model_name="product",
            name="warranty",
            field=models.TextField(blank=True, verbose_name="warranty"),
        ),
    ]
