"""Fewer indexes of what is written often, indexes by age for clean-up, and room for updates in hot tables."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


#: Indexes of foreign keys that begin another index of their table too.
REDUNDANT = (
    "inventory_stockitem_variant_id_9e11953b",
    "inventory_stockitem_warehouse_id_4607d99a",
    "inventory_stockmovement_stock_item_id_b77c1ea5",
)
#: Part of a page that is filled by new rows, in percent: the rest is for their updates (PostgreSQL).
FILLED = {
    "inventory_stockitem": 80,
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
        ('catalogue', '0011_lean_indexes'),
        ('inventory', '0005_stock_is_right'),
    ]

    operations = [
        # Only the index is dropped: altering the column would check its foreign key again, for minutes.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", migrations.RunSQL.noop) for name in REDUNDANT
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='stockitem',
                    name='variant',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='stock_items', to='catalogue.variant'),
                ),
                migrations.AlterField(
                    model_name='stockitem',
                    name='warehouse',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='stock_items', to='inventory.warehouse'),
                ),
                migrations.AlterField(
                    model_name='stockmovement',
                    name='stock_item',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='movements', to='inventory.stockitem'),
                ),
            ],
        ),
        migrations.RunPython(set_storage, migrations.RunPython.noop),
    ]
