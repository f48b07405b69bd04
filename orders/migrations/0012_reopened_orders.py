"""The units of each line that were cancelled with its whole order, so that the order can be reopened with them."""

from django.db import migrations, models
from django.db.models import F


def fill(apps, schema_editor):
    """Of orders that are cancelled already it is not known which lines were cancelled before: all units come back."""
    lines = apps.get_model("orders", "OrderLine").objects.filter(order__cancelled_at__isnull=False)
    lines.filter(cancelled__gt=0).update(cancelled_with_order=F("cancelled"))


class Migration(migrations.Migration):
    dependencies = [("orders", "0011_order_search")]

    operations = [
        migrations.AddField(
            model_name="orderline",
            name="cancelled_with_order",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Those of the cancelled units that were cancelled because the whole order was.",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
