"""Fewer indexes of what is written often, indexes by age for clean-up, and room for updates in hot tables."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


#: Indexes of foreign keys that begin another index of their table too.
REDUNDANT = (
    "channels_calllog_connection_id_889a991b",
    "channels_syncrun_connection_id_3da3d97d",
    "channels_webhookevent_connection_id_f05e065e",
)
#: Part of a page that is filled by new rows, in percent: the rest is for their updates (PostgreSQL).
FILLED = {
    "channels_outboxmessage": 80,
    "channels_syncstream": 50,
    "channels_budget": 50,
    "channels_wakeup": 50,
    "channels_lanebeat": 50,
    "channels_syncrun": 90,
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
        ('channels', '0017_alerts'),
    ]

    operations = [
        # Only the index is dropped: altering the column would check its foreign key again, for minutes.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", migrations.RunSQL.noop) for name in REDUNDANT
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='calllog',
                    name='connection',
                    field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='calls', to='channels.connection'),
                ),
                migrations.AlterField(
                    model_name='syncrun',
                    name='connection',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='channels.connection'),
                ),
                migrations.AlterField(
                    model_name='webhookevent',
                    name='connection',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='channels.connection'),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name='syncrun',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['finished_at'], name='run_ended'),
        ),
        migrations.AddIndex(
            model_name='webhookevent',
            index=models.Index(condition=models.Q(('handled_at__isnull', False)), fields=['handled_at'], name='webhook_handled'),
        ),
        migrations.RunPython(set_storage, migrations.RunPython.noop),
    ]
