"""The payment status as the channel says it, the shop of an account with several, and a required tracking number."""

from django.db import migrations, models

#: Channels that say of each order whether it is paid.
SAYS_IT = ("onbuy", "etsy")


def fill(apps, schema_editor):
    """Of other channels' orders it is known only that they are unpaid, or that a person or the channel reported the payment."""
    Order = apps.get_model("orders", "Order")
    Order.objects.filter(is_paid=False).update(payment_state="unpaid")
    Order.objects.filter(is_paid=True, connection__channel__in=SAYS_IT).update(payment_state="paid")
    reported = apps.get_model("orders", "OrderEvent").objects.filter(kind="mark_paid").order_by()
    Order.objects.filter(is_paid=True, pk__in=reported.values("order")).update(payment_state="paid")


class Migration(migrations.Migration):
    dependencies = [("orders", "0012_reopened_orders")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="payment_state",
            field=models.CharField(
                choices=[
                    ("unpaid", "not paid"),
                    ("paid", "paid"),
                    ("on_delivery", "pay on delivery"),
                    ("unknown", "payment not known"),
                ],
                default="unknown",
                max_length=11,
                verbose_name="payment status",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="storefront",
            field=models.CharField(blank=True, max_length=120, verbose_name="web shop"),
        ),
        migrations.AddField(
            model_name="ordersettings",
            name="require_tracking",
            field=models.BooleanField(
                default=False,
                help_text="An order without a tracking number cannot be marked ready to ship.",
                verbose_name="require a tracking number",
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="is_paid",
            field=models.BooleanField(
                default=True,
                help_text="Off: the order waits for its payment before it is released.",
                verbose_name="paid",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
