"""Fewer indexes of what is written often, indexes by age for clean-up, and room for updates in hot tables."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import migrations, models


#: Part of a page that is filled by new rows, in percent: the rest is for their updates (PostgreSQL).
FILLED = {
    "kit_job": 80,
    "kit_usersession": 70,
}


def set_storage(apps: Any, editor: Any) -> None:
    """Leave room for updates in the pages of tables that are updated often, and clean them up early."""
    if editor.connection.vendor != "postgresql":
        return
    for table, filled in FILLED.items():
        editor.execute(
            f"ALTER TABLE {table} SET (fillfactor = {filled}, autovacuum_vacuum_scale_factor = 0.02, "
            "autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 1)"
        )


class Migration(migrations.Migration):

    dependencies = [
        ('kit', '0006_used_forms'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['finished_at'], name='job_ended'),
        ),
        migrations.RunPython(set_storage, migrations.RunPython.noop),
    ]
