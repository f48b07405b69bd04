"""Fewer indexes of what is written often, indexes by age for clean-up, and room for updates in hot tables."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


#: Indexes of foreign keys that begin another index of their table too.
REDUNDANT = (
    "orders_allocation_line_id_d37a8293",
    "orders_order_connection_id_a6b6d100",
    "orders_orderevent_order_id_b26297f3",
    "orders_orderline_order_id_17f8f3ef",
    "orders_shipment_order_id_661ed8ed",
    "orders_shipmentline_shipment_id_fa484a42",
)
#: Part of a page that is filled by new rows, in percent: the rest is for their updates (PostgreSQL).
FILLED = {
    "orders_order": 85,
    "orders_orderline": 90,
    "orders_allocation": 90,
    "orders_shipment": 90,
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
        ('channels', '0018_lean_indexes'),
        ("orders", "0019_corrections_and_returns"),
    ]

    operations = [
        # Only the index is dropped: altering the column would check its foreign key again, for minutes.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", migrations.RunSQL.noop) for name in REDUNDANT
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='allocation',
                    name='line',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='allocations', to='orders.orderline'),
                ),
                migrations.AlterField(
                    model_name='order',
                    name='connection',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='channels.connection', verbose_name='store'),
                ),
                migrations.AlterField(
                    model_name='orderevent',
                    name='order',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='events', to='orders.order'),
                ),
                migrations.AlterField(
                    model_name='orderline',
                    name='order',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='orders.order'),
                ),
                migrations.AlterField(
                    model_name='shipment',
                    name='order',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='shipments', to='orders.order'),
                ),
                migrations.AlterField(
                    model_name='shipmentline',
                    name='shipment',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='orders.shipment'),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('status__in', ('cancel_in_process', 'cancelled', 'seller_cancel_in_process', 'cancelled_by_seller'))), fields=['-placed_at', '-id'], name='order_cancelled'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('customer_name', 'removed'), _negated=True), fields=['placed_at'], name='order_personal'),
        ),
        migrations.RunPython(set_storage, migrations.RunPython.noop),
    ]
