"""Fewer indexes of what is written often, indexes by age for clean-up, and room for updates in hot tables."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


#: Indexes of foreign keys that begin another index of their table too.
REDUNDANT = (
    "catalogue_listing_product_id_6fd09973",
    "catalogue_listingvariant_connection_id_27263803",
    "catalogue_listingvariant_variant_id_6d55519c",
)
#: Part of a page that is filled by new rows, in percent: the rest is for their updates (PostgreSQL).
FILLED = {
    "catalogue_listingvariant": 85,
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
        ('catalogue', '0010_sku_merges'),
        ('channels', '0018_lean_indexes'),
    ]

    operations = [
        # Only the index is dropped: altering the column would check its foreign key again, for minutes.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", migrations.RunSQL.noop) for name in REDUNDANT
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='listing',
                    name='product',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='listings', to='catalogue.product', verbose_name='product'),
                ),
                migrations.AlterField(
                    model_name='listingvariant',
                    name='connection',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='listing_variants', to='channels.connection', verbose_name='store'),
                ),
                migrations.AlterField(
                    model_name='listingvariant',
                    name='variant',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='listing_variants', to='catalogue.variant', verbose_name='variant'),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name='product',
            index=models.Index(condition=models.Q(('is_archived', False)), fields=['brand'], name='product_brand_active'),
        ),
        migrations.RunPython(set_storage, migrations.RunPython.noop),
    ]
